"""Sums of waves at scattered frequencies, through a grid and a compact kernel (finufft's spreader).

sum_j d_j exp(i p_j.x) on the voxels x: the values are spread onto a grid of frequencies, the grid is transformed, the
result is divided by the transform of the kernel (Barnett, Magland, af Klinteberg 2019). The grid is kept between the
steps, so many batches of particles share one transform.
"""

from functools import lru_cache
from typing import Any

import finufft
import numpy as np
import scipy.fft
from numpy.typing import NDArray

__all__ = ["Spreader", "even_size"]

_OVERSAMPLING = 1.25  # that the kernel is made for: voxels up to 0.4 of the grid's period come out to the tolerance
_KERNEL_OFFSETS = 256
_SMALLEST = 24  # cells; finufft wants twice the kernel's width


def even_size(at_least: float) -> int:
    """The next even number that is quick to transform, and not too small for the kernel."""
    size = max(int(np.ceil(at_least)), _SMALLEST)
    while size % 2 or scipy.fft.next_fast_len(size, real=True) != size:
        size += 1
    return size


class Spreader:
    """Spreads values at frequencies onto a periodic grid of ``size`` cells along an edge.

    Args:
        size: even; at least 1.25 times the edge (voxels) of the densities that are wanted.
        tolerance: relative error of the sums within 0.4 ``size`` voxels of the origin.
    """

    def __init__(self, size: int, tolerance: float = 1e-3) -> None:
        self.size = size
        self._tolerance = tolerance
        self._plan = _plan((size,) * 3, tolerance)

    def spread(self, points: NDArray[np.float32], values: NDArray[Any]) -> NDArray[np.complex64]:
        """Spread values.

        Args:
            points: [3, m] (x, y, z), radians per voxel, in [-pi, pi]. values: [m].
        Returns:
            [size] * 3 (z, y, x), in the order of numpy.fft.fftfreq.
        """
        x, y, z = points - np.float32(np.pi)  # puts frequency 0 into cell 0
        self._plan.setpts(z, y, x)
        return np.asarray(self._plan.execute(np.ascontiguousarray(values, dtype=np.complex64)))

    def kernel(self, positions: NDArray[Any]) -> NDArray[np.float32]:
        """Transform of the kernel at positions in voxels; sums are too large by its product over the axes."""
        offset, value = _kernel_samples(self._tolerance)
        waves = np.cos(2 * np.pi / self.size * np.multiply.outer(np.asarray(positions, float), offset))
        return np.asarray(waves @ value, np.float32)

    def density(self, grid: NDArray[np.complex64], box: int) -> NDArray[np.float32]:
        """2 Re sum_j d_j exp(i p_j.x), that is the sum over both Friedel mates, for voxels around the origin box // 2.

        Args:
            grid: as of :meth:`spread`; its memory is used.
        Returns:
            [box] * 3 (z, y, x).
        """
        waves = scipy.fft.ifftn(grid, overwrite_x=True, norm="forward")
        position = np.arange(box) - box // 2
        fall = self.kernel(position)
        density = 2 * waves.real[np.ix_(position, position, position)]
        return np.asarray(density / (fall[:, None, None] * fall[:, None] * fall), np.float32)

    def transfer(self, grid: NDArray[np.float32], box: int) -> NDArray[np.float32]:
        """Multiplier on the Fourier grid that convolves a density of ``box`` voxels with 2 Re sum_j w_j exp(i p_j.x).

        Args:
            grid: real part of spread real weights. box: at most size / 2.
        Returns:
            [size, size, size // 2 + 1] of a real transform of ``size`` voxels.
        """
        position = np.rint(scipy.fft.fftfreq(self.size, 1 / self.size))
        kept = np.where(np.abs(position) < box, 2 / self.kernel(position), 0).astype(np.float32)
        half = self.size // 2 + 1
        spread = scipy.fft.rfftn(grid).real  # even, so its half holds all
        spread *= kept[:, None, None] * kept[:, None] * (kept[:half] / 4)
        return np.ascontiguousarray(scipy.fft.irfftn(spread, s=(self.size,) * 3, norm="forward")[:, :, :half])


def _plan(shape: tuple[int, ...], tolerance: float) -> Any:
    """One thread: a sum made by several would depend on who comes first."""
    return finufft.Plan(1, shape, eps=tolerance, isign=1, dtype="complex64", nthreads=1, upsampfac=_OVERSAMPLING,
                        spreadinterponly=1)


@lru_cache
def _kernel_samples(tolerance: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Offsets (cells) and values of the kernel, found by spreading one point at many places between two cells.

    In three dimensions, since its width depends on their number; the point stays on a cell in the other two.
    """
    plan = _plan((_SMALLEST,) * 3, tolerance)
    middle = _SMALLEST // 2
    still = np.zeros(1, np.float32)
    offsets, values = [], []
    for share in (np.arange(_KERNEL_OFFSETS) + 0.5) / _KERNEL_OFFSETS:
        plan.setpts(still, still, np.array([2 * np.pi * share / _SMALLEST], np.float32))
        values.append(plan.execute(np.ones(1, np.complex64))[middle, middle].real.astype(np.float64))
        offsets.append(np.arange(_SMALLEST) - middle - share)
    plan.setpts(still, still, still)
    peak = np.cbrt(float(plan.execute(np.ones(1, np.complex64))[middle, middle, middle].real))
    return np.concatenate(offsets), np.concatenate(values) / (_KERNEL_OFFSETS * peak**2)
