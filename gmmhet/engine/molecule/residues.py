"""Residues of an atomic model, and which of them make up a part of a molecule of Gaussians."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from scipy.spatial import cKDTree

from gmmhet.engine.conventions import voxel_origin
from gmmhet.engine.errors import InputError
from gmmhet.engine.io.atomic_models import read_atomic_model
from gmmhet.engine.molecule.gaussians import GaussianModel
from gmmhet.engine.molecule.settings import RESIDUES

__all__ = ["Residues", "Stretch", "residues_in_molecule"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Stretch:
    """Residues of a chain by their numbers, both ends included. whole: whether they are nearly all of the chain."""

    chain: str
    first: int
    last: int
    whole: bool


@dataclass(frozen=True)
class Residues:
    """Residues of an atomic model in the order of its file, waters left out.

    Attributes:
        chains: [r] names. numbers: [r] in the chain. positions: [r, 3] middle of the atoms, Angstrom.
    """

    chains: tuple[str, ...]
    numbers: NDArray[np.int64]
    positions: Array

    @classmethod
    def read(cls, path: Path) -> "Residues":
        """Of a PDB or mmCIF file, in its own frame.

        Raises:
            InputError: missing, unreadable, or without residues.
        """
        found = [(chain.name, residue.seqid.num or 0, np.mean([atom.pos.tolist() for atom in residue], axis=0))
                 for chain in read_atomic_model(path) for residue in chain if len(residue) and not residue.is_water()]
        if not found:
            raise InputError(f"{path}: holds no residues; expected an atomic model")
        chains, numbers, positions = zip(*found, strict=True)
        return cls(chains, np.array(numbers, np.int64), np.array(positions, np.float64))

    def within(self, centers: Array, inside: NDArray[np.bool_], reach: float) -> list[Stretch]:
        """Stretches of the residues that belong to a part, longest first.

        A residue belongs to where the Gaussian nearest to it does, and where most of its neighbours in the chain do:
        Gaussians are coarser than residues.

        Args:
            centers: [N, 3] Angstrom, of the Gaussians. inside: [N] those of the part. reach: Angstrom, from a Gaussian,
                within which residues are looked at.
        """
        distance, nearest = cKDTree(centers).query(self.positions)
        held = inside[nearest] & (distance < reach)
        found: list[Stretch] = []
        for rows in self._by_chain():
            found += _stretches(self.chains[rows[0]], self.numbers[rows], held[rows])
        return sorted(found, key=lambda s: s.first - s.last)

    def share_near(self, centers: Array, reach: float) -> float:
        """Share of the residues within a reach (Angstrom) of some Gaussian [N, 3]."""
        return float(np.mean(cKDTree(centers).query(self.positions)[0] < reach))

    def moved(self, shift: Array) -> "Residues":
        """The same shifted by [3] Angstrom."""
        return Residues(self.chains, self.numbers, self.positions + shift)

    def _by_chain(self) -> Iterator[NDArray[np.int64]]:
        names = np.array(self.chains)
        for name in dict.fromkeys(self.chains):
            rows = np.flatnonzero(names == name)
            yield rows[np.argsort(self.numbers[rows], kind="stable")]


def _stretches(chain: str, numbers: NDArray[np.int64], held: NDArray[np.bool_]) -> list[Stretch]:
    most = uniform_filter1d(held.astype(np.float64), min(RESIDUES.window, len(held)), mode="nearest") > 0.5
    if held.mean() > RESIDUES.whole:
        return [Stretch(chain, int(numbers[0]), int(numbers[-1]), True)]
    edges = np.flatnonzero(np.diff(np.r_[False, most, False]))
    return [Stretch(chain, int(numbers[start]), int(numbers[stop - 1]), False)
            for start, stop in edges.reshape(-1, 2) if stop - start >= RESIDUES.shortest]


def residues_in_molecule(path: Path, model: GaussianModel) -> Residues:
    """Residues of a file in the frame of a model: as in the file, or seen from the corner of the box (that of an MRC
    map), whichever has more of them in the molecule.

    Raises:
        InputError: unreadable; most residues lie outside the molecule in either frame.
    """
    given, reach = Residues.read(path), RESIDUES.reach * model.resolution
    corner = np.full(3, -voxel_origin(model.box) * model.pixel_size)
    best = max((given, given.moved(corner)), key=lambda r: r.share_near(model.centers, reach))
    near = best.share_near(model.centers, reach)
    if near < RESIDUES.least_near:
        raise InputError(f"{path}: {near:.0%} of its residues lie in the molecule; expected an atomic model in the "
                         "frame of the map that the poses belong to")
    return best
