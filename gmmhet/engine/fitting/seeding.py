"""Where Gaussians start: points spread over the molecule by its density, without any input from the user."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gmmhet.engine.fitting.settings import FIT

__all__ = ["seed_points"]


def seed_points(points: NDArray[np.float64], masses: NDArray[np.float64], number: int, seed: int = 0,
                ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Spread points over a cloud of masses: farthest points first, then k-means (Lloyd 1982).

    Both weigh a point of the cloud by the square root of its mass, so that parts which are weak since they move get
    their share. After a first seed drawn at random, each next one is where weight x squared distance to those before is
    largest.

    Args:
        points: [m, 3] Angstrom. masses: [m] > 0. number: at most m.
    Returns:
        centers [number, 3] and the mass nearest to each, [number] > 0, which adds up to the whole mass.
    """
    if not 0 < number <= len(points):
        raise ValueError(f"{number} seeds among {len(points)} points; expected between 1 and that many")
    shares = np.sqrt(masses)
    centers = points[_far_points(points, shares, number, seed)]
    for _ in range(FIT.sweeps):
        nearest = cKDTree(centers).query(points)[1]
        total = np.bincount(nearest, shares, number)
        moved = np.stack([np.bincount(nearest, shares * points[:, a], number) for a in range(3)], axis=1)
        held = total > 0
        centers = np.where(held[:, None], moved / np.where(held, total, 1)[:, None], centers)
    total = np.bincount(cKDTree(centers).query(points)[1], masses, number)
    return centers, np.maximum(total, 1e-3 * masses.sum() / number)


def _far_points(points: NDArray[np.float64], shares: NDArray[np.float64], number: int, seed: int) -> NDArray[np.int64]:
    chosen = np.empty(number, np.int64)
    chosen[0] = np.random.default_rng(seed).choice(len(points), p=shares / shares.sum())
    columns = np.ascontiguousarray(points.T)
    distance = np.full(len(points), np.inf)
    for i in range(1, number):
        x, y, z = columns - columns[:, chosen[i - 1], None]
        distance = np.minimum(distance, x * x + y * y + z * z)
        chosen[i] = np.argmax(shares * distance)
    return chosen
