"""Gaussians as a map."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.conventions import voxel_origin
from gmmhet.engine.io.mrc import DensityMap
from gmmhet.engine.molecule.gaussians import GaussianModel
from gmmhet.engine.molecule.settings import GAUSSIAN_MAP
from gmmhet.engine.molecule.symmetry import symmetric_copies

__all__ = ["gaussian_density"]



def gaussian_density(model: GaussianModel, box: int | None = None, pixel_size: float | None = None) -> DensityMap:
    """The map of a model, all symmetric copies included, on its own grid or another.

    Band-limited: its plain DFT is sum_j w_j / pixel^3 exp(-2 pi^2 sigma_j^2 |k|^2) exp(-2 pi i k.c_j) at every
    frequency of the grid up to Nyquist along each axis, without aliases, however narrow the Gaussians.

    Args:
        box: voxels along an edge. pixel_size: Angstrom. Default: the model's.
    """
    whole = symmetric_copies(model)
    box = model.box if box is None else box
    pixel_size = model.pixel_size if pixel_size is None else pixel_size
    x, y, z = (_profiles(whole.centers[:, axis], whole.sigmas, box, pixel_size) for axis in range(3))
    along_x = (whole.weights[:, None] / pixel_size**3 * x).astype(np.float32)  # [N, box]
    y, z = y.astype(np.float32), z.astype(np.float32)
    data = np.zeros((box, box, box), np.float32)
    tiles = [slice(start, start + GAUSSIAN_MAP.tile) for start in range(0, box, GAUSSIAN_MAP.tile)]
    reaches_y = _reaches(y, tiles)
    for planes, near_z in zip(tiles, _reaches(z, tiles), strict=True):
        for rows, near_y in zip(tiles, reaches_y, strict=True):
            for some in _parts(np.flatnonzero(near_z & near_y)):
                profiles = z[some, planes, None] * y[some, None, rows]
                data[planes, rows] += np.tensordot(profiles, along_x[some], axes=(0, 0))
    return DensityMap(data, pixel_size)


def _reaches(profiles: NDArray[np.floating[Any]], tiles: list[slice]) -> list[NDArray[np.bool_]]:
    """Of each tile, [N] whether Gaussians are more than nothing there; narrow ones ripple through the whole box."""
    height = np.abs(profiles)
    least = GAUSSIAN_MAP.nothing * height.max(axis=1)
    return [height[:, tile].max(axis=1) > least for tile in tiles]


def _parts(rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    step = GAUSSIAN_MAP.floats_at_once // GAUSSIAN_MAP.tile**2
    return [rows[start:start + step] for start in range(0, len(rows), step)]


def _profiles(centers: NDArray[np.float64], sigmas: NDArray[np.float64], box: int, pixel_size: float,
              ) -> NDArray[np.float64]:
    """[N, box] band-limited Gaussians of unit sum along an axis."""
    index = np.arange(box // 2 + 1)
    frequency = index / (box * pixel_size)
    pairs = np.where((index == 0) | (2 * index == box), 1.0, 2.0)
    envelope = np.exp(-2 * (np.pi * np.outer(sigmas, frequency)) ** 2) * pairs / box
    phase = 2 * np.pi * np.outer(centers, frequency)
    position = 2 * np.pi * np.outer(frequency, (np.arange(box) - voxel_origin(box)) * pixel_size)
    even, odd = (envelope * np.cos(phase)) @ np.cos(position), (envelope * np.sin(phase)) @ np.sin(position)
    return np.asarray(even + odd)
