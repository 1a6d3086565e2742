"""Which particles make which map."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.reconstruction.mixture import mixture_labels

__all__ = ["Selection", "Windows", "equal_bins", "mixture_clusters", "nested_windows", "points_along"]

_FEWEST, _MOST = 50, 20_000  # particles of the narrowest window, at least, and of the widest nested one, at most
_FAR = 5.0  # posterior standard deviations
_STEP = 2.5  # ratio of one window to the next narrower


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


def mixture_clusters(coordinates: NDArray[np.float64], deviations: NDArray[np.float64], mode: int, clusters: int,
                     seed: int) -> Selection:
    """Clusters in the space of all modes, each particle in its likeliest one, in order along a mode.

    Args:
        coordinates, deviations: [n, K] posterior means and standard deviations. mode: from 0. clusters: Gaussians of
            full covariance in the mixture.
    Raises:
        InputError: one particle, or a cluster without particles.
    """
    if len(coordinates) < 2:
        raise InputError("--by is clusters, and there is 1 particle; expected at least 2, or --by bins")
    found = mixture_labels(coordinates, deviations, clusters, seed)
    parts = [np.flatnonzero(found == i) for i in range(clusters)]
    held = sum(len(rows) > 0 for rows in parts)
    if held < clusters:
        raise InputError(f"--n is {clusters}, but the coordinates put all particles into {held} "
                         f"cluster{'s'[:held > 1]}; expected at most {held}")
    values = coordinates[:, mode]
    return _disjoint(values, sorted(parts, key=lambda rows: float(values[rows].mean())))


@dataclass(frozen=True)
class Windows(Selection):
    """Nested windows of particles around points of latent space; extents are those of the narrowest, weights empty.

    Attributes:
        points: [M, K]. nearest: [M] distance of the nearest particle, in posterior standard deviations. order: [M, W]
            the nearest particles of every point, nearest first. sizes: of the windows, narrowest first, the last of W.
            All particles together are the widest window.
    """

    points: NDArray[np.float64]
    nearest: NDArray[np.float64]
    order: NDArray[np.int64]
    sizes: tuple[int, ...]

    def note(self, index: int) -> str | None:
        """A warning of a point that no particle is near."""
        if self.nearest[index] <= _FAR:
            return None
        return (f"the nearest particle is {self.nearest[index]:.0f} standard deviations away: the map shows the "
                "particles that come nearest, not what is at the point")


def points_along(coordinates: NDArray[np.float64], mode: int, number: int) -> NDArray[np.float64]:
    """[number, K] points at evenly spaced quantiles of a mode: the mean coordinates of the particles around each.

    Args:
        coordinates: [n, K]. mode: from 0. number: at most n.
    """
    n = len(coordinates)
    order = np.argsort(coordinates[:, mode], kind="stable")
    many = max(1, min(n // number, max(_FEWEST, n // (2 * number))))
    first = np.clip(np.rint((np.arange(number) + 0.5) / number * n - many / 2).astype(np.int64), 0, n - many)
    return np.stack([coordinates[order[i:i + many]].mean(axis=0) for i in first])


def nested_windows(coordinates: NDArray[np.float64], deviations: NDArray[np.float64], points: NDArray[np.float64],
                   mode: int, covariance: NDArray[np.float64] | None = None) -> Windows:
    """Windows of the nearest particles around points, from about 50 to half of all (at most 20,000), each 2.5
    times the one before.

    Near is a small expected square distance under the particle's posterior, (z - p)^T W (z - p) + sum_k W_kk sd_k^2,
    with W the inverse of the mean posterior covariance (Mahalanobis): particles whose place is not well known come
    later.

    Args:
        coordinates, deviations: [n, K] posterior means and standard deviations. points: [M, K]. mode: from 0, along
            which coordinate and extent of a map are told. covariance: [K, K] mean posterior covariance (default:
            diagonal, from the deviations).
    """
    n = len(coordinates)
    if covariance is None:
        covariance = np.diag(np.maximum(np.square(deviations).mean(axis=0), 1e-12))
    nearness = np.linalg.inv(covariance + 1e-9 * np.trace(covariance) * np.eye(len(covariance)))
    spread = np.square(deviations) @ np.diag(nearness)
    sizes = [max(min(n // 2, _MOST), min(n, _FEWEST))]
    while sizes[0] >= _STEP * _FEWEST:
        sizes.insert(0, int(sizes[0] / _STEP))
    order, nearest = np.empty((len(points), sizes[-1]), np.int64), np.empty(len(points))
    best, classes = np.full(n, np.inf), np.zeros(n, np.int64)
    for i, point in enumerate(points):
        offset = coordinates - point
        away = np.einsum("nk,nk->n", offset @ nearness, offset)
        order[i] = np.argsort(away + spread, kind="stable")[:sizes[-1]]
        nearest[i] = np.sqrt(away.min())
        classes[away < best] = i + 1
        np.minimum(best, away, out=best)
    inside = coordinates[order[:, :sizes[0]], mode]
    return Windows(np.zeros((len(points), 0), np.float32), points[:, mode], inside.min(axis=1), inside.max(axis=1),
                   classes, points, nearest, order, tuple(sizes))


def _disjoint(values: NDArray[np.float64], parts: list[NDArray[np.int64]]) -> Selection:
    weights = np.zeros((len(parts), len(values)), np.float32)
    classes = np.zeros(len(values), np.int64)
    for i, rows in enumerate(parts):
        weights[i, rows] = 1
        classes[rows] = i + 1
    mean, low, high = (np.array([f(values[rows]) for rows in parts]) for f in (np.mean, np.min, np.max))
    return Selection(weights, mean, low, high, classes)
