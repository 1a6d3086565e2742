"""Which particles make which map."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Selection", "equal_bins"]


@dataclass(frozen=True)
class Selection:
    """n particles for M maps.

    Attributes:
        weights: [M, n] of every particle in every map, 0 when it has no part in it.
        coordinate, low, high: [M] mean and extent along the mode; NaN when the particles have no coordinate.
        classes: [n] the map (from 1) that a particle belongs to, 0 for none.
    """

    weights: NDArray[np.float32]
    coordinate: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    classes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.weights)

    def n_effective(self, index: int) -> float:
        """(sum w)^2 / sum w^2 of a map (Kish 1965)."""
        weights = self.weights[index].astype(np.float64)
        return float(weights.sum() ** 2 / np.square(weights).sum())


def equal_bins(coordinate: NDArray[np.float64] | None, n_particles: int, bins: int) -> Selection:
    """Bins of equal numbers of particles along a coordinate, lowest first; particles of equal values keep their order.

    Args:
        coordinate: [n], or None for one bin of all. bins: at most n_particles, so none is empty.
    """
    values = np.full(n_particles, np.nan) if coordinate is None else coordinate
    weights = np.zeros((bins, n_particles), np.float32)
    classes = np.zeros(n_particles, np.int64)
    parts = np.array_split(np.argsort(values, kind="stable"), bins)
    for i, rows in enumerate(parts):
        weights[i, rows] = 1
        classes[rows] = i + 1
    mean, low, high = (np.array([f(values[rows]) for rows in parts]) for f in (np.mean, np.min, np.max))
    return Selection(weights, mean, low, high, classes)
