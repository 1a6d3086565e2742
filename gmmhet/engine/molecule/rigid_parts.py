"""Parts of a moving molecule that each move as a rigid body, nearly."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gmmhet.engine.molecule.settings import RIGID_PARTS

__all__ = ["RigidParts", "RigidPoses", "rigid_parts"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class RigidPoses:
    """n poses of P parts: a point x of part p in the reference is at turns[i, p] x + shifts[i, p].

    Attributes:
        turns: [n, P, 3, 3]. shifts: [n, P, 3] Angstrom.
    """

    turns: Array
    shifts: Array


@dataclass(frozen=True)
class RigidParts:
    """Attributes:
        part: [N] of each Gaussian, from 0, the heaviest first. reference: [N, 3] Angstrom, the conformation that parts
            are placed from. weights: [N] >= 0.
    """

    part: NDArray[np.int64]
    reference: Array
    weights: Array

    def __len__(self) -> int:
        return int(self.part.max()) + 1

    def place(self, conformations: Array) -> RigidPoses:
        """Where the parts are in conformations [n, N, 3]: the rigid movements of least weighted squares (Kabsch
        1976)."""
        found = [_placed(self.reference[own], conformations[:, own], self.weights[own])
                 for own in (self.part == p for p in range(len(self)))]
        turns, shifts = zip(*found, strict=True)
        return RigidPoses(np.stack(turns, axis=1), np.stack(shifts, axis=1))

    def misfit(self, conformations: Array) -> Array:
        """[N] root mean square distance of each Gaussian from where its part puts it, Angstrom."""
        at = self.place(conformations)
        turns, shifts = at.turns[:, self.part], at.shifts[:, self.part]
        put = np.einsum("njab,jb->nja", turns, self.reference) + shifts
        return np.asarray(np.sqrt(np.square(conformations - put).sum(-1).mean(0)))


def rigid_parts(conformations: Array, reference: Array, weights: Array, tolerance: float) -> RigidParts:
    """The fewest parts that describe conformations to a tolerance.

    From one part on, the Gaussians that their part puts worst make a new one, and each Gaussian then goes to the part
    that puts it and its neighbours best, until that settles (as in k-means).

    Args:
        conformations: [n, N, 3] Angstrom. reference: [N, 3]. weights: [N]. tolerance: Angstrom, within which nine
            tenths of the mass have to be.
    """
    mass = np.abs(weights) / np.abs(weights).sum()
    count = min(RIGID_PARTS.neighbours + 1, len(reference))
    near = cKDTree(reference).query(reference, count)[1].reshape(len(reference), count)
    found = RigidParts(np.zeros(len(reference), np.int64), reference, mass)
    while True:
        misfit = found.misfit(conformations)
        if mass[misfit <= tolerance].sum() >= RIGID_PARTS.moved or len(found) == RIGID_PARTS.most:
            return found
        around = misfit[near].mean(1)
        worst_first = dict.fromkeys(found.part[np.argsort(-around)].tolist())
        tried = (_settled(_split(found, part, around), conformations, near) for part in worst_first)
        more = next((parts for parts in tried if len(parts) > len(found)), None)
        if more is None:
            return found
        found = more


def _split(parts: RigidParts, part: int, around: Array) -> RigidParts:
    """The quarter of a part with the worst neighbourhoods, around [N], becomes another part."""
    own = parts.part == part
    some = own & (around >= np.quantile(around[own], RIGID_PARTS.split))
    return RigidParts(np.where(some, len(parts), parts.part), parts.reference, parts.weights)


def _settled(parts: RigidParts, conformations: Array, near: NDArray[np.int64]) -> RigidParts:
    for _ in range(RIGID_PARTS.rounds):
        at = parts.place(conformations)
        put = np.einsum("npab,jb->npja", at.turns, parts.reference) + at.shifts[:, :, None]
        errors = np.square(conformations[:, None] - put).sum(-1).mean(0)  # [P, N]
        best = (errors + RIGID_PARTS.of_neighbours * errors[:, near].mean(-1)).argmin(0)
        new = _renumbered(parts, best)
        if len(new) == len(parts) and np.array_equal(new.part, parts.part):
            break
        parts = new
    return parts


def _renumbered(parts: RigidParts, part: NDArray[np.int64]) -> RigidParts:
    """Without parts that are too small (their Gaussians go to the heaviest), heaviest first."""
    kinds, part = np.unique(part, return_inverse=True)
    mass = np.bincount(part, parts.weights)
    large = (np.bincount(part) >= RIGID_PARTS.fewest_gaussians) & (mass >= RIGID_PARTS.least_mass)
    large[np.argmax(mass)] = True
    order = np.argsort(np.where(large, -mass, np.inf), kind="stable")
    number = np.zeros(len(kinds), np.int64)
    number[order] = np.where(np.arange(len(kinds)) < large.sum(), np.arange(len(kinds)), 0)
    return RigidParts(number[part], parts.reference, parts.weights)


def _placed(before: Array, after: Array, weights: Array) -> tuple[Array, Array]:
    """Turns [n, 3, 3] and shifts [n, 3] from points [m, 3] to [n, m, 3]."""
    middle = np.average(before, axis=0, weights=weights)
    middles = np.average(after, axis=1, weights=weights)
    products = np.einsum("m,ma,nmb->nab", weights, before - middle, after - middles[:, None])
    left, _, right = np.linalg.svd(products)
    sign = np.sign(np.linalg.det(left) * np.linalg.det(right))
    right[:, 2] *= sign[:, None]
    turns = np.einsum("nak,nkb->nba", left, right)
    return turns, middles - turns @ middle
