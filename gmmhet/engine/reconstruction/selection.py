"""Which particles make which map."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.mixture import GaussianMixture

from gmmhet.engine.errors import InputError

__all__ = ["Selection", "equal_bins", "kernel_windows", "mixture_clusters"]

_NEGLIGIBLE = 1e-3  # kernel weight


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
    return _disjoint(values, np.array_split(np.argsort(values, kind="stable"), bins))


def mixture_clusters(coordinates: NDArray[np.float64], mode: int, clusters: int, seed: int) -> Selection:
    """Clusters in the space of all modes, each particle in its likeliest one, in order along a mode.

    Args:
        coordinates: [n, K]. mode: from 0. clusters: Gaussians of full covariance in the mixture.
    Raises:
        InputError: a cluster without particles.
    """
    found = GaussianMixture(clusters, random_state=seed, reg_covar=1e-4).fit_predict(coordinates)
    parts = [np.flatnonzero(found == i) for i in range(clusters)]
    empty = sum(len(rows) == 0 for rows in parts)
    if empty:
        raise InputError(f"--n is {clusters}, but {empty} of so many clusters are empty; expected fewer")
    values = coordinates[:, mode]
    return _disjoint(values, sorted(parts, key=lambda rows: float(values[rows].mean())))


def kernel_windows(coordinate: NDArray[np.float64], deviation: NDArray[np.float64], windows: int) -> Selection:
    """Overlapping windows around evenly spaced quantiles of a coordinate.

    A particle weighs exp(-d^2 / 2), with d its distance from the centre over sqrt(deviation^2 + h^2): particles whose
    place is not well known count everywhere a little. h = 1.06 std n^(-1/5) (Silverman 1986). It belongs to the class
    of the nearest centre; the coordinate of a window is the weighted mean of its particles.

    Args:
        coordinate: [n]. deviation: [n] posterior standard deviation along the mode.
    """
    n = len(coordinate)
    centers = np.quantile(coordinate, (np.arange(windows) + 0.5) / windows)
    width = np.sqrt(deviation**2 + (1.06 * coordinate.std() * n**-0.2) ** 2)
    distance = coordinate - centers[:, None]
    weights = np.exp(-0.5 * np.square(distance / np.maximum(width, 1e-12)))
    weights[weights < _NEGLIGIBLE] = 0
    empty = np.flatnonzero(weights.sum(axis=1) == 0)
    if len(empty):
        raise InputError(f"window {empty[0] + 1} of --n {windows} holds no particle; expected fewer windows")
    inside = [coordinate[row > 0] for row in weights]
    mean = (weights @ coordinate) / weights.sum(axis=1)
    low, high = (np.array([f(values) for values in inside]) for f in (np.min, np.max))
    return Selection(weights.astype(np.float32), mean, low, high, 1 + np.argmin(np.abs(distance), axis=0))


def _disjoint(values: NDArray[np.float64], parts: list[NDArray[np.int64]]) -> Selection:
    weights = np.zeros((len(parts), len(values)), np.float32)
    classes = np.zeros(len(values), np.int64)
    for i, rows in enumerate(parts):
        weights[i, rows] = 1
        classes[rows] = i + 1
    mean, low, high = (np.array([f(values[rows]) for rows in parts]) for f in (np.mean, np.min, np.max))
    return Selection(weights, mean, low, high, classes)
