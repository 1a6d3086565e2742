"""The map that a refinement of simulated particles would give: the mean of what they show, at the poses they are given.

A particle with true orientation A and given orientation G puts its conformation, turned by G^T A, into the map. Errors
of the shifts, normal with deviation e per axis, multiply every slice by exp(-2 pi^2 e^2 k^2) on average: a Gaussian
blur of the map, the same as wider atoms.
"""

from dataclasses import replace

import finufft
import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.conventions import euler_to_matrix
from gmmhet.engine.simulate.molecules import Molecule
from gmmhet.engine.simulate.particles import Particles
from gmmhet.engine.simulate.projection import density_map, map_from_waves
from gmmhet.engine.simulate.settings import MEAN_MAP

__all__ = ["consensus_map", "refined_map"]

_ATOMS_AT_ONCE = 1 << 20


def consensus_map(molecule: Molecule, coordinates: NDArray[np.float64], *, box: int, pixel_size: float,
                  ) -> NDArray[np.float32]:
    """The mean of the maps of all particles' conformations [n, D]: what a refinement without errors would give.

    A coordinate of many values is put on a grid of 64 values by linear interpolation, since a map of n times N
    Gaussians would take long.
    """
    static = molecule.take(molecule.is_static)
    centers, weights = [static.centers], [static.weights]
    for d in range(coordinates.shape[1]):
        moving = molecule.take((molecule.turned_by == d) | (molecule.scaled_by == d))
        values, share = _distribution(coordinates[:, d])
        table = np.zeros((len(values), coordinates.shape[1]))
        table[:, d] = values
        some_centers, some_weights = moving.place(table)
        centers.append(some_centers.reshape(-1, 3))
        weights.append((some_weights * share[:, None]).ravel())
    return density_map(np.concatenate(centers), np.concatenate(weights), molecule.sigma, box=box, pixel_size=pixel_size)


def _distribution(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distinct values and the share of particles at each; where they are many, on a grid, by linear interpolation."""
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) <= MEAN_MAP.most_values:
        return distinct, counts / len(values)
    grid = np.linspace(distinct[0], distinct[-1], MEAN_MAP.grid)
    position = (values - grid[0]) / (grid[1] - grid[0])
    lower = np.minimum(position.astype(np.int64), MEAN_MAP.grid - 2)
    upper_share = position - lower
    share = np.bincount(lower, 1 - upper_share, MEAN_MAP.grid) + np.bincount(lower + 1, upper_share, MEAN_MAP.grid)
    return grid, share / len(values)


def refined_map(molecule: Molecule, true: Particles, given: Particles, shift_error: float, *, box: int,
                pixel_size: float) -> NDArray[np.float32]:
    """The mean map at poses with errors; without errors that of :func:`consensus_map`.

    Orientations: the mean over the particles' own conformations, each turned by its own error. (A slice feels the
    error about its own normal a little more than a map does: for views from everywhere and equal errors of the three
    angles the real blur is 4% wider.) Shifts: their expectation.

    Args:
        true, given: the same particles at true and given poses.
        shift_error: standard deviation per axis, Angstrom.
    """
    blurred = replace(molecule, sigma=float(np.hypot(molecule.sigma, shift_error)))
    if np.array_equal(true.angles, given.angles):
        return consensus_map(blurred, true.coordinates, box=box, pixel_size=pixel_size)
    errors = np.swapaxes(euler_to_matrix(given.angles), 1, 2) @ euler_to_matrix(true.angles)
    size = box | 1  # an odd number of waves: both signs of the highest frequency of an even box
    waves = np.zeros((size, size, size), np.complex128)
    step = max(1, _ATOMS_AT_ONCE // len(molecule))
    for start in range(0, len(true), step):
        rows = slice(start, start + step)
        centers, weights = blurred.place(true.coordinates[rows])
        phases = 2 * np.pi / (box * pixel_size) * (centers @ np.swapaxes(errors[rows], 1, 2)).reshape(-1, 3)
        x, y, z = np.ascontiguousarray(phases.T)
        waves += finufft.nufft3d1(z, y, x, weights.ravel().astype(np.complex128), (size,) * 3, eps=MEAN_MAP.tolerance,
                                  isign=-1, nthreads=1)
    return map_from_waves(waves / len(true), blurred.sigma, box=box, pixel_size=pixel_size)
