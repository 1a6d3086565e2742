"""Orientations spread evenly over all rotations, in quarters that share their projections.

A central slice S(kx, ky) seen from A gives three more: from A turned by 180 degrees about the z, x and y axis of the
view it is conj S(kx, ky), S(kx, -ky) and conj S(kx, -ky). So a quarter of all orientations is projected, and of every
product with an image the real and the imaginary half are computed once for two of them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.conventions import euler_to_matrix
from gmmhet.engine.molecule.symmetry import rotation_matrices

__all__ = ["OrientationGrid", "angles_between", "near", "orientation_grid"]

Array = NDArray[np.float64]
_HALF_TURNS = np.array([[1, 1, 1], [-1, -1, 1], [1, -1, -1], [-1, 1, -1]], np.float64)  # none, about z, x, y
_GOLDEN = (np.sqrt(5) - 1) / 2


@dataclass(frozen=True)
class OrientationGrid:
    """quarter: [q, 3, 3] A. The whole grid, [4 q], is in the order of half turns: none, about z, x and y."""

    quarter: Array

    @property
    def matrices(self) -> Array:
        """[4 q, 3, 3] A of all."""
        return np.asarray((_HALF_TURNS[:, None, :, None] * self.quarter).reshape(-1, 3, 3))

    def slices(self, of_quarter: NDArray[np.complex64], index: NDArray[np.int64]) -> NDArray[np.complex64]:
        """[n, m] slices of orientations [n] of the whole grid.

        Args:
            of_quarter: [q, m] slices of the quarter; the second half of the frequencies is the first with ky negated.
        """
        turn, place = np.divmod(index, len(self.quarter))
        found = of_quarter[place]
        found = np.where((turn >= 2)[:, None], np.roll(found, found.shape[1] // 2, axis=1), found)
        return np.asarray(np.where((turn % 2 == 1)[:, None], found.conj(), found), np.complex64)


def orientation_grid(step: float) -> OrientationGrid:
    """Directions on a spiral over half the sphere (Fibonacci), and angles in the plane over half a turn.

    Args:
        step: about the distance of neighbours, degrees.
    """
    count = round(2 * np.pi / np.deg2rad(step) ** 2)
    place = np.arange(count)
    tilt = np.rad2deg(np.arccos((place + 0.5) / count))
    turns = round(180 / step)
    psi = (np.arange(turns) + (place * _GOLDEN % 1)[:, None]) * (180 / turns)
    rot = np.rad2deg(place * np.pi * (1 + np.sqrt(5)))
    angles = np.stack(np.broadcast_arrays(rot[:, None], tilt[:, None], psi), axis=-1)
    return OrientationGrid(euler_to_matrix(angles.reshape(-1, 3)))


def near(views: Array, matrices: Array, degrees: float, group: str) -> NDArray[np.bool_]:
    """[n, r] whether orientations [r, 3, 3] lie within an angle of views [n, 3, 3] or of their symmetric copies."""
    flat, least = matrices.reshape(-1, 9).astype(np.float32).T, np.float32(1 + 2 * np.cos(np.deg2rad(degrees)))
    found = np.zeros((len(views), flat.shape[1]), bool)
    for rotation in rotation_matrices(group):
        found |= (views @ rotation).reshape(-1, 9).astype(np.float32) @ flat > least
    return found


def angles_between(first: Array, second: Array, group: str) -> Array:
    """[n] smallest angle, degrees, between orientations [n, 3, 3] of a molecule with a symmetry."""
    traces = [np.einsum("nij,nij->n", first @ rotation, second) for rotation in rotation_matrices(group)]
    return np.asarray(np.rad2deg(np.arccos(np.clip((np.max(traces, axis=0) - 1) / 2, -1, 1))))
