"""Gaussians as a map."""

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.conventions import voxel_origin
from gmmhet.engine.gaussians import GaussianModel
from gmmhet.engine.io.mrc import DensityMap
from gmmhet.engine.symmetry import symmetric_copies

__all__ = ["gaussian_density"]

_ROWS_AT_ONCE = 2**24  # floats of the largest intermediate: 64 MB


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
    data = np.empty((box, box, box), np.float32)
    step = max(1, _ROWS_AT_ONCE // (box * len(whole)))
    for start in range(0, box, step):
        planes = z[:, start:start + step, None] * y[:, None, :]  # [N, planes, box]
        data[start:start + step] = np.tensordot(planes, along_x, axes=(0, 0))
    return DensityMap(data, pixel_size)


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
