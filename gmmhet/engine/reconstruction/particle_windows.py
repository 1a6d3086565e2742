"""Which particles make which map."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.latent_space.particle_density import listed
from gmmhet.engine.reconstruction.mixture import Uncertainty, mixture_labels
from gmmhet.engine.reconstruction.settings import KERNELS
from gmmhet.engine.wording import reconstruction as wording

__all__ = ["Selection", "Windows", "bins_between", "disjoint_states", "equal_bins", "mixture_clusters",
           "nested_windows", "points_along"]



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

    def n_effective(self, index: int, used: NDArray[np.bool_]) -> float:
        """(sum w)^2 / sum w^2 of a map (Kish 1965), over the particles [n] that are used at all."""
        weights = self.weights[index, used].astype(np.float64)
        return float(weights.sum() ** 2 / np.square(weights).sum())


def equal_bins(coordinate: NDArray[np.float64] | None, n_particles: int, bins: int) -> Selection:
    """Bins of equal numbers of particles along a coordinate, lowest first; particles of equal values keep their order.

    Args:
        coordinate: [n], or None for one bin of all. bins: at most n_particles, so none is empty.
    """
    values = np.full(n_particles, np.nan) if coordinate is None else coordinate
    return _disjoint(values, np.array_split(np.argsort(values, kind="stable"), bins))


def bins_between(coordinate: NDArray[np.float64], borders: list[float], counts: list[int]) -> Selection:
    """Bins of equal numbers of particles, none of which reaches across a border.

    Args:
        coordinate: [n]. borders: B rising coordinates. counts: B + 1 bins on either side of them.
    """
    side = np.searchsorted(borders, coordinate)
    parts = []
    for number, bins in enumerate(counts):
        rows = np.flatnonzero(side == number)
        parts += np.array_split(rows[np.argsort(coordinate[rows], kind="stable")], min(bins, max(len(rows), 1)))
    return _disjoint(coordinate, [rows for rows in parts if len(rows)])


def disjoint_states(state: NDArray[np.int64]) -> Selection:
    """One map for each state that has particles.

    Args:
        state: [n] from 1; 0 for none.
    """
    numbers = np.unique(state[state > 0])
    return _disjoint(np.full(len(state), np.nan), [np.flatnonzero(state == number) for number in numbers])


def mixture_clusters(coordinates: NDArray[np.float64], uncertainty: Uncertainty, mode: int, clusters: int, seed: int,
                     prior_mean: NDArray[np.float64] | float = 0.0) -> Selection:
    """Clusters in the space of all modes, each particle in its likeliest one, in order along a mode.

    Args:
        coordinates: [n, K] posterior means. uncertainty: [n, K, K] posterior covariances, or [n, K] standard
            deviations. mode: from 0. clusters: Gaussians of full covariance in the mixture. prior_mean: [K] that the
            posteriors were made with.
    Raises:
        InputError: one particle, or a cluster without particles.
    """
    if len(coordinates) < 2:
        raise InputError("--by is clusters, and there is 1 particle; expected at least 2, or --by bins")
    found = mixture_labels(coordinates - prior_mean, uncertainty, clusters, seed)
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

    Near is a small expected square distance under the particle's posterior, (z - p)^T W (z - p) + sum_k W_kk sd_k^2,
    with W the inverse of the mean posterior covariance (Mahalanobis): particles whose place is not well known come
    later.

    Attributes:
        points: [M, K]. populated: [M] whether particles are there, by the rule of gmmhet map. places: [n, K] z.
        metric: [K, K] W. vague: [n] the second term. sizes: of the windows, narrowest first. All particles together
            are the widest window.
    """

    points: NDArray[np.float64]
    populated: NDArray[np.bool_]
    places: NDArray[np.float64]
    metric: NDArray[np.float64]
    vague: NDArray[np.float64]
    sizes: tuple[int, ...]

    def distances(self, index: int) -> NDArray[np.float64]:
        """[n] square distances of the particles' places from a point, in posterior standard deviations."""
        offset = self.places - self.points[index]
        return np.asarray(np.einsum("nk,nk->n", offset @ self.metric, offset))

    def nearest(self, index: int) -> NDArray[np.int64]:
        """The particles of a point's widest nested window, nearest first."""
        return np.argsort(self.distances(index) + self.vague, kind="stable")[:self.sizes[-1]].copy()

    def warnings(self) -> list[str]:
        """What there is to warn of before the maps are made, one line each."""
        found = [self._alike] if self._alike else []
        empty = int(np.sum(~self.populated))
        if empty:
            found.append(wording.no_particles_at_points("kernel", listed(~self.populated), empty))
        return found

    def note(self, index: int) -> str | None:
        """What the map at a point does not show."""
        empty = "" if self.populated[index] else wording.no_particles_at_point("kernel")
        return "; ".join(text for text in (self._alike, empty) if text) or None

    @property
    def _alike(self) -> str:
        """That no window is narrower than all particles; empty where some are."""
        n = len(self.places)
        return "" if self.sizes[0] < n else wording.all_maps_alike(n, KERNELS.fewest)


def points_along(coordinates: NDArray[np.float64], mode: int, number: int) -> NDArray[np.float64]:
    """[number, K] points at evenly spaced quantiles of a mode: the mean coordinates of the particles around each.

    Args:
        coordinates: [n, K]. mode: from 0. number: at most n.
    """
    n = len(coordinates)
    order = np.argsort(coordinates[:, mode], kind="stable")
    many = max(1, min(n // number, max(KERNELS.fewest, n // (2 * number))))
    first = np.clip(np.rint((np.arange(number) + 0.5) / number * n - many / 2).astype(np.int64), 0, n - many)
    return np.stack([coordinates[order[i:i + many]].mean(axis=0) for i in first])


def nested_windows(coordinates: NDArray[np.float64], deviations: NDArray[np.float64], points: NDArray[np.float64],
                   mode: int, populated: NDArray[np.bool_], covariance: NDArray[np.float64] | None = None) -> Windows:
    """Windows of the nearest particles around points, from about 50 to half of all (at most 20,000), each 2.5
    times the one before.

    Args:
        coordinates, deviations: [n, K] posterior means and standard deviations. points: [M, K]; populated: [M]. mode:
            from 0, along which coordinate and extent of a map are given. covariance: [K, K] mean posterior covariance
            (default: diagonal, from the deviations; where these are 0, all modes count alike).
    """
    n = len(coordinates)
    if covariance is None:
        covariance = np.diag(np.maximum(np.square(deviations).mean(axis=0), KERNELS.least_variance))
    metric = np.linalg.inv(covariance + 1e-9 * np.trace(covariance) * np.eye(len(covariance)))
    sizes = [max(min(n // 2, KERNELS.most), min(n, KERNELS.fewest))]
    while sizes[0] >= KERNELS.step * KERNELS.fewest:
        sizes.insert(0, int(sizes[0] / KERNELS.step))
    low, high = np.empty((2, len(points)))
    best, classes = np.full(n, np.inf), np.zeros(n, np.int64)
    found = Windows(np.zeros((len(points), 0), np.float32), points[:, mode], low, high, classes, points, populated,
                    coordinates, metric, np.square(deviations) @ np.diag(metric), tuple(sizes))
    for i in range(len(points)):
        away = found.distances(i)
        classes[away < best] = i + 1
        np.minimum(best, away, out=best)
        inside = coordinates[found.nearest(i)[:sizes[0]], mode]
        low[i], high[i] = inside.min(), inside.max()
    return found


def _disjoint(values: NDArray[np.float64], parts: list[NDArray[np.int64]]) -> Selection:
    weights = np.zeros((len(parts), len(values)), np.float32)
    classes = np.zeros(len(values), np.int64)
    for i, rows in enumerate(parts):
        weights[i, rows] = 1
        classes[rows] = i + 1
    mean, low, high = (np.array([f(values[rows]) for rows in parts]) for f in (np.mean, np.min, np.max))
    return Selection(weights, mean, low, high, classes)
