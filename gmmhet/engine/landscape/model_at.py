"""The model and the particles at points of latent space, for use from Python; the commands write the same to files."""

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.io import DensityMap
from gmmhet.engine.landscape.paths import path_along_mode
from gmmhet.engine.latent_space.saved_analysis import Analysis
from gmmhet.engine.molecule.gaussian_map import gaussian_density

__all__ = ["density_at", "map_at", "points_along"]

Array = NDArray[np.float64]


def map_at(analysis: Analysis, point: ArrayLike, *, box: int | None = None,
           pixel_size: float | None = None) -> DensityMap:
    """The map of the Gaussian model at a point of latent space.

    c_j(z) = c_j + sum_m z_m V_mj and w_j(z) = w_j (1 + sum_m z_m U_mj); see docs/method.rst.

    Args:
        analysis: of open_analysis. point: [K], or fewer; coordinates that are left out, of the last modes, are 0.
        box: voxels along an edge; pixel_size: Angstrom. Default: the grid of the particles.
    Returns:
        data [box, box, box] (z, y, x) in the greyscale of the analysis, origin at voxel box // 2.
    Raises:
        InputError: more coordinates than the analysis has modes, or one that is not finite.
    """
    return gaussian_density(analysis.gaussians_at(_points(analysis, point, axes=1)), box, pixel_size)


def density_at(analysis: Analysis, points: ArrayLike) -> tuple[Array, NDArray[np.bool_]]:
    """How many particles are near points of latent space, the uncertainty of each particle taken into account.

    Args:
        points: [P, K], or fewer coordinates each, as in :func:`map_at`.
    Returns:
        density [P] relative to its maximum over the particles, and whether particles are there, populated [P].
    Raises:
        InputError: as in :func:`map_at`.
    """
    density, _, populated = analysis.population.judge(_points(analysis, points, axes=2))
    return density, populated


def points_along(analysis: Analysis, mode: int, n: int = 9) -> Array:
    """Points [n, K] along a mode (from 1), over the range of its coordinate, where the particles are.

    Raises:
        InputError: the analysis has no such mode, or n is below 2.
    """
    if not 1 <= mode <= analysis.modes:
        raise InputError(f"mode is {mode}; expected 1 to {analysis.modes}, as {Path(analysis.folder)} has modes")
    if n < 2:
        raise InputError(f"n is {n}; expected 2 points or more")
    return path_along_mode(analysis.population, mode - 1, n)


def _points(analysis: Analysis, given: ArrayLike, *, axes: int) -> Array:
    """Coordinates of all modes: those that are left out are 0."""
    values = np.asarray(given, np.float64)
    if values.ndim != axes or values.shape[-1] > analysis.modes:
        expected = f"at most {analysis.modes} coordinates" + (" for each point" if axes == 2 else "")
        raise InputError(f"coordinates have shape {list(values.shape)}; expected {expected}, as the analysis has modes")
    if not np.isfinite(values).all():
        raise InputError(f"coordinates are {values.tolist()}; expected finite numbers")
    return np.pad(values, [(0, 0)] * (axes - 1) + [(0, analysis.modes - values.shape[-1])])
