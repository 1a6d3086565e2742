"""Sums of waves at scattered frequencies, through a grid and a compact kernel (finufft's spreader).

sum_j d_j exp(i p_j.x) on the voxels x: the values are spread onto a grid of frequencies, the grid is transformed, the
result is divided by the transform of the kernel (Barnett, Magland, af Klinteberg 2019). The grid is kept between the
steps, so many batches of particles share one transform. Without finufft the kernel is the trilinear one, on a grid of
twice the box: the sums are then good to some per cent near the centre of the box, and worse towards its faces.
"""

import logging
from functools import lru_cache
from typing import Protocol, TypeVar

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from gmmhet.engine.reconstruction.settings import GRIDDING
from gmmhet.engine.reconstruction.trilinear import TrilinearPlan
from gmmhet.engine.wording.reconstruction import no_finufft

try:
    import finufft
except (ImportError, OSError) as error:  # OSError: one of the libraries that it loads is missing
    finufft = None
    logging.getLogger("gmmhet").warning("%s", no_finufft(error))

__all__ = ["Spreader", "density_grid", "even_size", "gridding"]

_KERNEL_OFFSETS = 256
_RIM = 8  # cells; half the kernel's width is less for any tolerance in single precision
_SMALLEST = 4 * _RIM


_Number = TypeVar("_Number", np.complex64, np.float32)


class SpreadingPlan(Protocol):
    """What finufft's plans and the trilinear one have in common."""

    def setpts(self, *coordinates: NDArray[np.float32]) -> object:
        """Coordinates [m] along each axis, radians."""

    def execute(self, values: NDArray[np.complex64]) -> NDArray[np.complex64]:
        """The grid with the values [m] spread."""


def gridding() -> str:
    """Whose kernel spreads the values: finufft's, or the trilinear one."""
    return "trilinear" if finufft is None else "finufft"


def density_grid(box: int) -> int:
    """Edge of the grid (cells) on which sums for all voxels of a box come out well."""
    return even_size((2.0 if finufft is None else GRIDDING.oversampling) * box)


def even_size(at_least: float) -> int:
    """The next even number that is quick to transform, and not too small for the kernel."""
    size = max(int(np.ceil(at_least)), _SMALLEST)
    while size % 2 or scipy.fft.next_fast_len(size, real=True) != size:
        size += 1
    return size


class Spreader:
    """Spreads values at frequencies onto a periodic grid of ``size`` cells along an edge; sums over Friedel mates.

    Only the half x >= 0 is kept (points of the other half are replaced by their mates), with a rim of cells for the
    kernel on both sides.

    Args:
        size: of :func:`even_size`; for densities, of :func:`density_grid`.
        tolerance: relative error of the sums within 0.4 ``size`` voxels of the origin, with finufft.
    """

    def __init__(self, size: int, tolerance: float = GRIDDING.tolerance) -> None:
        self.size = size
        self._tolerance = tolerance
        cells = size // 2 + 1 + 2 * _RIM
        self._cells = cells + cells % 2
        self._plan = _plan((size, size, self._cells), tolerance)

    def spread(self, points: NDArray[np.float32], values: NDArray[np.complex64] | NDArray[np.float32],
               ) -> NDArray[np.complex64]:
        """Spread values.

        Args:
            points: [3, m] (x, y, z), radians per voxel, in [-pi, pi]. values: [m], of points; their mates have the
                conjugates.
        Returns:
            [size, size, cells] (z, y, x); add such grids up, then call :meth:`density` or :meth:`transfer`.
        """
        sign = np.where(points[0] < 0, np.float32(-1), np.float32(1))
        x, y, z = np.ascontiguousarray(points * sign)
        y -= np.float32(np.pi)  # puts frequency 0 into cell 0
        z -= np.float32(np.pi)
        x *= np.float32(self.size / self._cells)
        x += np.float32(2 * np.pi * _RIM / self._cells - np.pi)
        strengths = np.array(values, np.complex64)
        strengths.imag *= sign
        self._plan.setpts(z, y, x)
        return np.asarray(self._plan.execute(strengths))

    def kernel(self, positions: NDArray[np.int64] | NDArray[np.float64]) -> NDArray[np.float32]:
        """Transform of the kernel at positions in voxels; sums are too large by its product over the axes."""
        offset, value = _kernel_samples(None if finufft is None else self._tolerance)
        waves = np.cos(2 * np.pi / self.size * np.multiply.outer(np.asarray(positions, float), offset))
        return np.asarray(waves @ value, np.float32)

    def density(self, grid: NDArray[np.complex64], box: int) -> NDArray[np.float32]:
        """2 Re sum_j d_j exp(i p_j.x), that is the sum over both Friedel mates, for voxels around the origin box // 2.

        Args:
            grid: as of :meth:`spread`.
        Returns:
            [box] * 3 (z, y, x).
        """
        waves = scipy.fft.irfftn(self._folded(grid), s=(self.size,) * 3, overwrite_x=True, norm="forward")
        position = np.arange(box) - box // 2
        fall = self.kernel(position)
        return np.asarray(waves[np.ix_(position, position, position)] / (fall[:, None, None] * fall[:, None] * fall))

    def transfer(self, grid: NDArray[np.float32], box: int) -> NDArray[np.float32]:
        """Multiplier on the Fourier grid that convolves a density of ``box`` voxels with 2 Re sum_j w_j exp(i p_j.x).

        The convolution is cut at a distance of ``box`` voxels, which no two points of the ball in the box exceed.

        Args:
            grid: real part of spread real weights. box: at most size / 2.
        Returns:
            [size, size, size // 2 + 1] of a real transform of ``size`` voxels.
        """
        position = np.rint(scipy.fft.fftfreq(self.size, 1 / self.size))
        kept = np.where(np.abs(position) < box, 1 / self.kernel(position), 0).astype(np.float32)
        spread = scipy.fft.irfftn(self._folded(grid).astype(np.complex64), s=(self.size,) * 3, overwrite_x=True,
                                  norm="forward")
        spread *= kept
        spread *= kept[:, None]
        spread *= kept[:, None, None]
        square = np.square(position)
        spread[square[:, None, None] + square[:, None] + square > box**2] = 0
        return np.ascontiguousarray(scipy.fft.rfftn(spread, overwrite_x=True, norm="backward").real)

    def _folded(self, grid: NDArray[_Number]) -> NDArray[_Number]:
        """F(l) = G(l) + conj G(-l) for l_x = 0 .. size / 2: the half of a Hermitian grid."""
        half = self.size // 2
        out = np.array(grid[:, :, _RIM:_RIM + half + 1])
        for x in range(_RIM + 1):
            for target, mate in ((x, -x), (half - x, half + x)):
                plane = grid[:, :, _RIM + mate].conj()
                out[:, :, target] += np.roll(plane[::-1, ::-1], 1, (0, 1))
        return out


def _plan(shape: tuple[int, ...], tolerance: float) -> SpreadingPlan:
    """One thread: a sum made by several would depend on who comes first."""
    if finufft is None:
        return TrilinearPlan(shape)
    plan: SpreadingPlan = finufft.Plan(1, shape, eps=tolerance, isign=1, dtype="complex64", nthreads=1,
                                       upsampfac=GRIDDING.oversampling, spreadinterponly=1)
    return plan


@lru_cache
def _kernel_samples(tolerance: float | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Offsets (cells) and values of the kernel, found by spreading one point at many places between two cells.

    In three dimensions, since its width depends on their number; the point stays on a cell in the other two.

    Args:
        tolerance: of finufft's kernel; None for the trilinear one.
    """
    plan = _plan((_SMALLEST,) * 3, tolerance or 1.0)
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
