"""Paths of points through latent space that follow the particles."""

import logging
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.landscape.graph import LatentGraph
from gmmhet.engine.landscape.polyline import evenly_spaced, onto_ridge
from gmmhet.engine.landscape.settings import PATHS
from gmmhet.engine.latent_space.particle_density import Population
from gmmhet.engine.wording import landscape as wording

__all__ = ["path_along_mode", "path_between", "principal_path"]

_LOG = logging.getLogger("gmmhet")
Array = NDArray[np.float64]


def path_between(population: Population, stops: Array, n: int, *, closed: bool = False) -> Array:
    """The way from stop to stop through populated regions.

    The shortest path on the graph of near particles, whose edges count their length over the density of particles, laid
    onto the ridge of the density from stop to stop, and n points at even distances along it.

    Args:
        stops: [S, K], at least 2; the path passes through all. closed: it then goes back to the first on another way,
            where there is one.
    Returns:
        [n, K]; the first and (unless closed) the last are the ends of stops; closed, the first is not repeated.
    """
    graph = LatentGraph.of(population, stops)
    order = [*range(len(stops)), *([0] if closed else [])]
    legs: list[Array] = []
    for start, end in pairwise(order):
        back = closed and end == 0
        avoid = np.concatenate(legs) if back else None
        legs.append(onto_ridge(graph.nodes[graph.way(start, end, avoid)], population))
    whole = np.concatenate([legs[0], *(leg[1:] for leg in legs[1:])])
    return evenly_spaced(whole[:-1] if closed else whole, n, closed=closed)


def path_along_mode(population: Population, mode: int, n: int) -> Array:
    """The curve of conditional means of all coordinates given the one along a mode.

    Args:
        mode: from 0.
    Returns:
        [n, K], the coordinate of the mode evenly between the 2nd and the 98th percentile of the particles.
    """
    points = np.zeros((n, population.modes))
    low, high = np.percentile(population.coordinates[:, mode], PATHS.range)
    points[:, mode] = np.linspace(low, high, n)
    return population.expected(points, [mode])


def principal_path(population: Population, n: int, *, closed: bool | None = None) -> tuple[Array, bool]:
    """The path along the data: from one far end of the particles to the other, or around where they form a ring.

    Args:
        closed: a ring, or not; None: a ring where a second way between the far ends encloses a region with less than
            half the density of the ways.
    Returns:
        [n, K], and whether it is a ring (the first point is then not repeated). It starts low along mode 1.
    Raises:
        InputError: the particles are all at one point.
    """
    if np.ptp(population.coordinates, axis=0).max() < PATHS.one_point:
        raise InputError("all particles are at one point of latent space; expected an analysis that found a motion")
    graph = LatentGraph.of(population, np.zeros((0, population.modes)))
    first, second = graph.far_ends()
    there = onto_ridge(graph.nodes[graph.way(first, second)], population)
    back = onto_ridge(graph.nodes[graph.way(second, first, there)], population)
    ring = _encloses_a_hole(population, there, back) if closed is None else closed
    if ring:
        whole = onto_ridge(np.concatenate([there[:-1], back[:-1]]), population, closed=True)
        whole = np.roll(whole, -int(whole[:, 0].argmin()), axis=0)
    else:
        whole = there if there[0, 0] <= there[-1, 0] else there[::-1]
    _LOG.info("%s", wording.path_shape(ring))
    return evenly_spaced(whole, n, closed=ring), ring


def _encloses_a_hole(population: Population, there: Array, back: Array) -> bool:
    """Whether density falls between two ways with the same ends: half way from the one to the other, mid-way along."""
    middle = slice(len(there) // 4, -(len(there) // 4))
    ways = there[middle], back[::-1][middle]
    on = np.minimum(*(population.density(way) for way in ways))
    between = population.density((ways[0] + ways[1]) / 2)
    return bool(np.median(between) < PATHS.hole * np.median(on))
