"""Parcels: groups of neighbouring Gaussians, the smallest parts whose presence is asked for."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from sklearn.cluster import KMeans

from gmmhet.engine.composition.settings import PARCELS

__all__ = ["clusters", "faintness", "finer_parcels", "parcel_count", "parcels_of", "parcels_within", "places",
           "spacing_of"]

Array = NDArray[np.float64]


def parcel_count(centers: Array, resolution: float) -> int:
    """How many parcels some Gaussians make, each a cube of the resolution or more, and several Gaussians.

    Args:
        centers: [N, 3] Angstrom. resolution: Angstrom.
    """
    spacing = spacing_of(centers)
    volume = len(centers) * spacing**3
    wanted = int(volume / (PARCELS.edge * resolution) ** 3)
    return int(np.clip(min(wanted, len(centers) // PARCELS.gaussians), 1, PARCELS.first))


def spacing_of(centers: Array) -> float:
    """Edge of the cube that belongs to a Gaussian: they lie on a grid, more or less, so it is the median distance of
    the nearest neighbour."""
    if len(centers) < 2:
        return 0.0
    return float(np.median(cKDTree(centers).query(centers, 2)[0][:, 1]))


def places(centers: Array, weights: Array, resolution: float) -> Array:
    """[N, 4] centres, and the density of each Gaussian, over what is typical, times the resolution: density that is
    seldom there is faint in the consensus, and is to have parcels of its own.

    Args:
        weights: [N]. resolution: Angstrom.
    """
    order = np.argsort(weights)
    half = np.searchsorted(np.cumsum(weights[order]), weights.sum() / 2)
    faint = np.clip(weights / weights[order[min(int(half), len(order) - 1)]], 0, 1)
    return np.column_stack([centers, resolution * faint])


def faintness(points: Array, parcel: NDArray[np.int64], resolution: float) -> Array:
    """[P] density of each parcel over what is typical, 1 at most, and no less than a part that is seldom there has.

    Args:
        points: [N, 4] of :func:`places`. parcel: [N] from 0.
    """
    mean = np.bincount(parcel, points[:, 3] / resolution) / np.bincount(parcel)
    return np.asarray(np.clip(mean, PARCELS.faintest, 1))


def parcels_of(points: Array, resolution: float, seed: int) -> NDArray[np.int64]:
    """[N] number of the parcel of each Gaussian, from 0.

    Args:
        points: [N, 4] of :func:`places`.
    """
    centers = points[:, :3]
    count = min(len(centers), max(parcel_count(centers, resolution), PARCELS.fewest))
    return clusters(points, count, seed)


def finer_parcels(points: Array, parcel: NDArray[np.int64], spread: Array, seed: int, most: int = PARCELS.most,
                  ) -> NDArray[np.int64]:
    """[N] smaller parcels where amplitudes vary: each is divided in proportion to its Gaussians times the spread.

    Args:
        points: [N, 4] of :func:`places`. parcel: [N] number of the parcel, from 0. spread: [P] standard deviation of
            each parcel's amplitude. most: parcels that are aimed at.
    """
    count = np.bincount(parcel)
    share = count * spread / (count * spread).sum()
    pieces = np.clip((most * share).astype(int), 1, np.maximum(count // PARCELS.gaussians, 1))
    out, done = np.zeros(len(parcel), np.int64), 0
    for p, number in enumerate(pieces):
        inside = np.flatnonzero(parcel == p)
        label = clusters(points[inside], int(number), seed)
        out[inside] = label + done
        done += int(label.max()) + 1
    return out


def parcels_within(centers: Array, block: NDArray[np.int64], resolution: float, seed: int,
                   ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Parcels that lie within given blocks.

    Args:
        block: [N] of each Gaussian, from 1; 0: none.
    Returns:
        [N] number of the parcel, from 0; [P] the block of each parcel.
    """
    parcel = np.zeros(len(centers), np.int64)
    owner: list[int] = []
    share = min(1.0, PARCELS.most / max(1, parcel_count(centers, resolution)))
    for b in range(int(block.max()) + 1):
        inside = np.flatnonzero(block == b)
        if not len(inside):
            continue
        count = max(1, int(share * parcel_count(centers[inside], resolution)))
        parcel[inside] = clusters(centers[inside], count, seed) + len(owner)
        owner += [b] * count
    return parcel, np.array(owner, np.int64)


def clusters(centers: Array, count: int, seed: int) -> NDArray[np.int64]:
    """[N] number, from 0, of the cluster of each of some points [N, 3] (or of more axes), by k-means."""
    label = KMeans(count, n_init=1, random_state=seed).fit(centers).labels_
    return np.asarray(np.unique(label, return_inverse=True)[1].ravel(), np.int64)
