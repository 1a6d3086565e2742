"""A large molecule for simulations of refinements: what a coarse initial model can be refined from."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.simulate import Molecule, Preset
from gmmhet.engine.simulate.chain import grow_chain

__all__ = ["bending_complex", "rigid_complex"]

_RESIDUE_VOLUME = 133.0  # cubic Angstrom
_BEAD_VOLUME, _STEP, _WIDTH = 1500.0, 8.0, 4.5  # coarser than a residue
_BEND, _MOST, _PRESENT = 10.0, 25.0, 0.65  # degrees (deviation, bound); share of particles that have the domain
#: semi-axes and centre of each domain, Angstrom: three of a body, an arm, and a domain that is there or not
_DOMAINS = (((66, 52, 47), (-40, 0, 0)), ((38, 34, 43), (-40, 78, 20)), ((29, 29, 34), (-85, -60, 35)),
            ((62, 27, 24), (85, -5, -5)), ((27, 27, 27), (-45, -10, 76)))
_ARM, _DOMAIN = 3, 4


@cache
def _molecule() -> Molecule:
    """1.1 MDa: coordinate 0 turns the arm in the xy plane, 1 scales the domain."""
    rng, centers, weights, part = np.random.default_rng(17), [], [], []
    for number, (axes, center) in enumerate(_DOMAINS):
        volume = 4 / 3 * np.pi * float(np.prod(axes))
        count = round(volume / _BEAD_VOLUME)
        x, y, z = map(float, axes)
        centers.append(grow_chain(rng, (x, y, z), count, step=_STEP) + np.array(center, float))
        weights.append(np.full(count, volume / _RESIDUE_VOLUME / count))
        part.append(np.full(count, number))
    owner = np.concatenate(part)
    return Molecule(np.concatenate(centers), np.concatenate(weights), _WIDTH, np.where(owner == _ARM, 0, -1),
                    np.where(owner == _DOMAIN, 1, -1), np.array([[25.0, -5.0, -5.0], [0.0, 0.0, 0.0]]),
                    np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]))


def _bending(rng: np.random.Generator, n: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    bend = np.clip(_BEND * rng.standard_normal(n), -_MOST, _MOST)
    present = (rng.permutation(n) < round(_PRESENT * n)).astype(np.float64)
    state = 2 * np.digitize(bend, [-_BEND, _BEND]) + present.astype(np.int64)
    return state.astype(np.int64), np.stack([bend, present], axis=1)


def bending_complex() -> Preset:
    """The arm bends by 10 degrees (deviation), apart from that a domain is present in 65 % of the particles."""
    states = np.array([[bend, present] for bend in (-2 * _BEND, 0.0, 2 * _BEND) for present in (0.0, 1.0)])
    return Preset(_molecule(), states, _bending, np.arange(len(states)), box=96, pixel_size=4.0)


def rigid_complex() -> Preset:
    """The same molecule, complete and at rest."""
    def draw(rng: np.random.Generator, n: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        return np.zeros(n, np.int64), np.repeat([[0.0, 1.0]], n, axis=0)
    return Preset(_molecule(), np.array([[0.0, 1.0]]), draw, np.arange(1), box=96, pixel_size=4.0)
