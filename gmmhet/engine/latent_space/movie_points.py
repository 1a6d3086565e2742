"""Where in latent space the frames that show a mode are."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.latent_space.particle_density import Population
from gmmhet.engine.latent_space.settings import MOVIE_POINTS
from gmmhet.engine.molecule.curves import CIRCUMFERENCE
from gmmhet.engine.sampling import evenly_spread

__all__ = ["along_axis", "around", "through_particles", "typical_place"]

Array = NDArray[np.float64]


def along_axis(coordinates: Array, mode: int, frames: int) -> Array:
    """[F, K] points on the axis of a mode (from 0), between percentiles of the coordinates [n, K]; 0 on the others."""
    places = np.zeros((frames, coordinates.shape[1]))
    low, high = np.percentile(coordinates[:, mode], MOVIE_POINTS.range)
    places[:, mode] = np.linspace(low, high, frames)
    return places


def around(coordinates: Array, mode: int, frames: int) -> Array:
    """[F, K] points all the way around the circle that a coordinate (from 0) is on, the last as the first; 0 on the
    others."""
    places = np.zeros((frames, coordinates.shape[1]))
    places[:, mode] = np.linspace(-CIRCUMFERENCE / 2, CIRCUMFERENCE / 2, frames)
    return places


def through_particles(coordinates: Array, mode: int, frames: int) -> Array:
    """[F, K] points at equal steps of one coordinate, where particles are: the mean, over the other coordinates, of
    those next to the point before.

    Where particles lie on a curve, such as the circle of a part that turns, this goes along it and not across.
    """
    places = along_axis(coordinates, mode, frames)
    near = min(len(coordinates), max(MOVIE_POINTS.fewest_near, round(MOVIE_POINTS.near * len(coordinates))))
    others = np.arange(coordinates.shape[1]) != mode
    before = None
    for place in places:
        chosen = coordinates[np.argpartition(np.abs(coordinates[:, mode] - place[mode]), near - 1)[:near]][:, others]
        if before is not None:
            next_one = chosen[np.argmin(np.linalg.norm(chosen - before, axis=1))]
            distance = np.linalg.norm(chosen - next_one, axis=1)
            chosen = chosen[np.argsort(distance, kind="stable")[:max(1, round(MOVIE_POINTS.continued * near))]]
        before = place[others] = chosen.mean(axis=0)
    return places


def typical_place(coordinates: Array, covariance: NDArray[Any]) -> Array:
    """[K] the coordinates of a particle at which the density of all posteriors is highest.

    Args:
        coordinates: [n, K] z. covariance: [n, K, K] of the posteriors: of images without information they are wide.
    """
    some = coordinates[evenly_spread(len(coordinates), MOVIE_POINTS.looked_at)]
    return np.asarray(some[np.argmax(Population(coordinates, covariance).density(some))])
