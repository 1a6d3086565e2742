"""Where maps along a mode are to be made: along the particles, not along a chord through an empty middle."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.io.points import write_points
from gmmhet.engine.landscape.paths import path_along_mode, principal_path
from gmmhet.engine.landscape.settings import MAP_PLACES
from gmmhet.engine.latent_space.deconvolution import Deconvolved
from gmmhet.engine.latent_space.particle_density import Population
from gmmhet.engine.latent_space.saved_analysis import read_analysis

__all__ = ["curve_through", "dependence", "write_curve"]

Array = NDArray[np.float64]


def curve_through(population: Population, mode: int, significant: int, n: int) -> tuple[Array, list[int]] | None:
    """Points along the curve that a mode makes together with another, where bins along it alone would mix both sides of
    an empty middle.

    Args:
        mode: from 0. significant: leading modes that are looked at. n: points.
    Returns:
        [n, K] points, and the modes (from 0) that the curve is of; None where bins do.
    """
    for other in range(min(significant, MAP_PLACES.most)):
        if other == mode:
            continue
        both = population.along([mode, other])
        chord = path_along_mode(both, 0, MAP_PLACES.looked_at)
        if dependence(both.deconvolved) < MAP_PLACES.dependent:
            continue  # each has its own coordinate: bins along one hold the other's whole range
        along = both.along([0]).populated(chord[:, :1])
        if np.count_nonzero(along & ~both.populated(chord)) < MAP_PLACES.empty * MAP_PLACES.looked_at:
            continue
        curve, _ = principal_path(both, n)
        points = np.zeros((n, population.modes))
        points[:, [mode, other]] = curve
        return population.expected(points, [mode, other]), [mode, other]
    return None


def dependence(density: Deconvolved) -> float:
    """Mutual information, in nats, of the two coordinates of a density; 0 where they are independent."""
    height = density.broad(density.centers)
    share = height / height.sum()
    either = []
    for k in (0, 1):
        _, number = np.unique(density.centers[:, k], return_inverse=True)
        either.append(np.bincount(number, share)[number])
    kept = share > 0
    return float(share[kept] @ np.log(share[kept] / (either[0] * either[1])[kept]))


def write_curve(folder: Path, output: Path, mode: int, significant: int, n: int) -> list[int]:
    """Write a points.csv where maps of an analysis along a mode (from 1) are better made along a curve.

    Returns:
        the modes (from 1) that the curve is of; empty where there is no such curve, and no file.
    Raises:
        InputError: as of read_analysis.
    """
    if n < 2 or significant < 2:
        return []
    population = read_analysis(folder).population
    if len(population.coordinates) < MAP_PLACES.fewest:
        return []
    try:
        found = curve_through(population, mode - 1, significant, n)
    except InputError:  # all particles at one point
        return []
    if found is None:
        return []
    points, modes = found
    density, _, populated = population.judge(points)
    write_points(output, points, density, populated)
    return [k + 1 for k in modes]
