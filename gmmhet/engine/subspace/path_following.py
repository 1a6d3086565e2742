"""Large movements followed from place to place, as a start for modes that describe them as a whole.

Modes found around the average of all conformations describe a large movement poorly: the Gaussians stand where the
average map has density, which is nowhere where a far-moving part ever is, and density that goes from one place to
another can only fade there and rise here. The coordinates that such modes give are good enough to say which particles
are alike, though. So the particles are parted into stations along the coordinates, and the stations tied to a tree by
the nearest ones; the Gaussians at the root are moved to fit the particles of the stations next to it, from there to the
next, and so on: every step is small, and each Gaussian stays with its piece of the molecule. The leading principal
components of all these conformations are the new modes. A part that turns by any angle needs two: its Gaussians move by
cos(angle) along one and sin(angle) along the other.
"""

from dataclasses import dataclass, replace

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree, shortest_path
from scipy.spatial.distance import cdist

from gmmhet.engine.progress import progress
from gmmhet.engine.subspace.m_step import moved
from gmmhet.engine.subspace.passes import SubspaceEstimator
from gmmhet.engine.subspace.settings import LARGE_MOVEMENTS, SMOOTH_FIELDS
from gmmhet.engine.subspace.smooth_fields import FieldBasis
from gmmhet.engine.subspace.state import Posteriors, SubspaceModel

__all__ = ["Stations", "Track", "conformation", "follow", "modes_along", "stations_along"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Stations:
    """S stations along the motions.

    Attributes:
        coordinates: [S, K] means over the particles of each. of: [n] the station of each particle.
        order: [S] stations from the root outwards. before: [S] the one that each is reached from; -1 of the root.
    """

    coordinates: Array
    of: NDArray[np.int64]
    order: NDArray[np.int64]
    before: NDArray[np.int64]


@dataclass(frozen=True)
class Track:
    """One conformation a station: centers [S, N, 3] Angstrom, weights [S, N]."""

    centers: Array
    weights: Array


def stations_along(coordinates: Array, metric: Array, *, seed: int = 0) -> Stations:
    """Stations of about 150 particles that lie together, and the tree of the shortest ways between them.

    Args:
        coordinates: [n, K]. metric: [K, K] M, so that (z - z')^T M (z - z') is a squared distance.
    """
    n = len(coordinates)
    usual = int(np.clip(n // LARGE_MOVEMENTS.per_station, LARGE_MOVEMENTS.fewest, LARGE_MOVEMENTS.most))
    count = max(1, min(usual, n // LARGE_MOVEMENTS.fewest_at_one))
    values, vectors = np.linalg.eigh(metric)
    measured = coordinates @ (vectors * np.sqrt(np.maximum(values, 0.0)))
    middles, of = kmeans2(measured, count, iter=LARGE_MOVEMENTS.rounds, minit="++", seed=seed)
    taken, of = np.unique(of, return_inverse=True)
    middles = middles[taken]
    places = np.stack([coordinates[of == s].mean(0) for s in range(len(taken))])
    tree = minimum_spanning_tree(cdist(middles, middles))
    tree = tree + tree.T
    steps = shortest_path(tree, directed=False)  # as long as the ways between the stations
    order, before = breadth_first_order(tree, int(np.argmin(steps.max(axis=1))), directed=False)
    return Stations(places, of.astype(np.int64), order.astype(np.int64), np.maximum(before, -1).astype(np.int64))


def conformation(model: SubspaceModel, fields: Array, place: Array) -> tuple[SubspaceModel, NDArray[np.int64]]:
    """The consensus at one place; as many Gaussians as before.

    Args:
        fields: [K, N, 5] of the modes. place: [K].
    Returns:
        the model, its modes as they are; [N] the Gaussian that each was.

    Gaussians that are not there at this place are used elsewhere: the heaviest are split in two, along the direction
    to the nearest other one that is there.
    """
    centers = model.centers + np.tensordot(place, fields[..., :3], 1)
    weights = model.weights * (1 + place @ fields[..., 3])
    variances, source = model.variances.copy(), np.arange(len(weights))
    sign = 1.0 if model.weights.sum() >= 0 else -1.0
    faint = np.flatnonzero((sign * weights < LARGE_MOVEMENTS.faint * np.median(np.abs(model.weights)))
                           & (1 + place @ fields[..., 3] < LARGE_MOVEMENTS.faded))
    for free in faint:
        there = np.setdiff1d(np.arange(len(weights)), faint[faint >= free])
        heavy = there[np.argmax(sign * weights[there])]
        away = centers[there] - centers[heavy]
        distances = np.linalg.norm(away, axis=1) + 1e9 * (there == heavy)
        direction = away[np.argmin(distances)] / max(distances.min(), 1e-6)
        step = LARGE_MOVEMENTS.apart * np.sqrt(variances[heavy]) * direction
        weights[[heavy, free]] = weights[heavy] / 2
        variances[free], source[free] = variances[heavy], source[heavy]
        centers[free], centers[heavy] = centers[heavy] - step, centers[heavy] + step
    return replace(model, centers=centers, weights=weights, variances=variances), source


def follow(estimator: SubspaceEstimator, root: SubspaceModel, stations: Stations, particles: Posteriors) -> Track:
    """The conformation of every station, each fitted from the one before it.

    Args:
        root: the first conformation, without modes; its noise, contrast and poses' errors are kept to.
        particles: all that the stations were made of, or some: those of a half-set. A station without any keeps the
        conformation before it.
    """
    count = len(stations.coordinates)
    found: list[SubspaceModel] = [root] * count
    for station in progress(stations.order, "following", count):
        before = stations.before[station]
        start = root if before < 0 else found[before]
        chosen = np.flatnonzero(stations.of[particles.rows] == station)
        found[station] = _fitted(estimator, start, particles.at(chosen)) if len(chosen) else start
    return Track(np.stack([m.centers for m in found]), np.stack([m.weights for m in found]))


def _fitted(estimator: SubspaceEstimator, start: SubspaceModel, some: Posteriors) -> SubspaceModel:
    """The conformation of largest posterior that steps of Gauss-Newton reach from another one, by coarse frequencies
    first. Movements are smooth and small at first (unit prior of the coefficients in the estimator's basis)."""
    basis, posteriors = estimator.spec.basis, some.with_modes_of(start)
    change, current = np.zeros(basis.size), start
    for _ in range(LARGE_MOVEMENTS.settling):
        posteriors, _ = estimator.pass_over(start, posteriors, gradient=False, label="")
    best = float(posteriors.log_likelihood.sum()), start
    seen_before, curvature = 0.0, np.zeros((0, 0))
    for number, share in enumerate(LARGE_MOVEMENTS.shares, 1):
        seen = replace(current, noise=_coarser(estimator, start.noise, share))
        there, sums = estimator.pass_over(seen, posteriors, gradient=True, label="", number=number)
        if share != seen_before:
            curvature = estimator.still_curvature(seen, there, sample=LARGE_MOVEMENTS.sample)
        seen_before = share
        hessian = len(some.rows) * (1 + LARGE_MOVEMENTS.damping) * curvature
        largest = LARGE_MOVEMENTS.largest_step * estimator.spec.observer.grid.resolution / share
        change = change + _damped_step(hessian + np.eye(basis.size), basis.adjoint(sums.gradient[-1]) - change, basis,
                                       largest)
        current = moved(start, basis.fields(change), estimator.spec.observer.grid)
        posteriors, _ = estimator.pass_over(current, posteriors, gradient=False, label="")
        value = float(posteriors.log_likelihood.sum() - 0.5 * change @ change)
        if value > best[0]:
            best = value, current
    return best[1]


def _damped_step(hessian: Array, right: Array, basis: FieldBasis, largest: float) -> Array:
    """(hessian + l)^-1 right, with the least l of a row from 0 under which most Gaussians move no further than a number
    of Angstrom, and change their weights little: all of a station's step is damped, so that neighbours stay together.
    """
    added = 0.0
    while True:
        step = scipy.linalg.solve(hessian + added * np.eye(len(right)), right, assume_a="pos")
        sizes = basis.fields(step)
        lengths, changes = np.sqrt((sizes[:, :3] ** 2).sum(1)), np.abs(sizes[:, 3:])
        moving = (sizes != 0).any(axis=1)
        if not moving.any():
            return np.asarray(step)
        length = np.quantile(lengths[moving], LARGE_MOVEMENTS.most_gaussians)
        change = np.quantile(changes[moving], LARGE_MOVEMENTS.most_gaussians, axis=0).max()
        if length <= largest and change <= LARGE_MOVEMENTS.largest_change:
            return np.asarray(step)
        least = LARGE_MOVEMENTS.first_added * float(np.median(np.diag(hessian)))
        added = max(LARGE_MOVEMENTS.added_times * added, least)


def _coarser(estimator: SubspaceEstimator, noise: Array, share: float) -> Array:
    """Noise [G, shells] under which frequencies beyond a share of the finest hardly count."""
    shells = np.arange(noise.shape[1])
    hidden = shells > share * estimator.spec.observer.grid.h
    return np.asarray(noise * np.where(hidden, LARGE_MOVEMENTS.hidden_noise, 1.0))


def modes_along(estimator: SubspaceEstimator, root: SubspaceModel, track: Track, shares: Array, n_modes: int,
                ) -> tuple[SubspaceModel, Array, Array]:
    """Principal components of the conformations as modes.

    Args:
        shares: [S] of the particles at each station.
    Returns:
        the model around the mean conformation; [S, K] coordinates of the stations; shares [S] of the squares of all
        components.
    """
    mean, middle = (np.average(a, axis=0, weights=shares) for a in (track.centers, track.weights))
    relative = SMOOTH_FIELDS.angstrom_per_weight * (track.weights / middle - 1)[..., None]
    changes = np.concatenate([track.centers - mean, relative], -1)
    size = np.sqrt(np.abs(middle) / np.abs(middle).sum())[:, None]
    sized = (changes * size).reshape(len(shares), -1)
    _, values, right = np.linalg.svd(np.sqrt(shares / shares.sum())[:, None] * sized, full_matrices=False)
    fields = np.zeros((n_modes, len(middle), 5))
    fields[..., :4] = (values[:n_modes, None] * right[:n_modes]).reshape(n_modes, -1, 4) / size
    fields[..., 3] /= SMOOTH_FIELDS.angstrom_per_weight
    coefficients = np.stack([estimator.spec.basis.coefficients_of(field, np.abs(middle)) for field in fields])
    model = replace(root, centers=mean, weights=middle, coefficients=coefficients, relevance=None)
    places = sized @ right[:n_modes].T / np.maximum(values[:n_modes], 1e-12)  # of stations without particles too
    return model, places, values**2 / np.sum(values**2)
