"""Curves through latent space as rows of points."""

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.landscape.settings import RIDGE
from gmmhet.engine.latent_space.particle_density import Population

__all__ = ["evenly_spaced", "onto_ridge"]

Array = NDArray[np.float64]


def evenly_spaced(curve: Array, n: int, *, closed: bool = False) -> Array:
    """[n, K] points at even distances along a curve [P, K], both ends kept.

    Args:
        closed: the curve goes from its last point on to its first, which is not repeated at the end.
    """
    whole = np.concatenate([curve, curve[:1]]) if closed else curve
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(whole, axis=0), axis=1))])
    places = np.linspace(0, length[-1], n + 1)[:-1] if closed else np.linspace(0, length[-1], n)
    return np.stack([np.interp(places, length, whole[:, k]) for k in range(whole.shape[1])], axis=1)


def onto_ridge(curve: Array, population: Population, *, closed: bool = False) -> Array:
    """A curve laid onto the ridge of the density, and made smooth.

    As in the string method (E, Ren and Vanden-Eijnden 2007): in turn, every point goes uphill across the curve, the
    curve is smoothed a little, and its points are spread evenly. The ends of an open curve stay.

    Args:
        curve: [P, K].
    Returns:
        [RIDGE.points, K].
    """
    points = evenly_spaced(curve, RIDGE.points, closed=closed)
    for _ in range(RIDGE.rounds):
        before, after = _neighbours(points, closed)
        along = after - before
        along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-12)
        pull = population.uphill(points) - points
        pull -= (pull * along).sum(axis=1, keepdims=True) * along
        move = RIDGE.step * pull + RIDGE.stiffness * ((before + after) / 2 - points)
        if not closed:
            move[[0, -1]] = 0
        points = evenly_spaced(points + _bounded(move, points, closed), RIDGE.points, closed=closed)
    return points


def _neighbours(points: Array, closed: bool) -> tuple[Array, Array]:
    """The points before and after every point; at an open end the end itself."""
    before, after = np.roll(points, 1, axis=0), np.roll(points, -1, axis=0)
    if not closed:
        before[0], after[-1] = points[0], points[-1]
    return before, after


def _bounded(move: Array, points: Array, closed: bool) -> Array:
    """Moves no longer than the distance between points: where density is next to nothing, uphill is far away."""
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    most = max(float(steps.mean()), 1e-12)
    length = np.linalg.norm(move, axis=1, keepdims=True)
    return np.asarray(move * np.minimum(1.0, most / np.maximum(length, 1e-12)))
