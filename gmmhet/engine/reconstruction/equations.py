"""The normal equations of a map: what all particles say about it, in the size of the map.

The map v minimises sum_j w_j |F(p_j) - y_j|^2 + prior, F(p) = sum_x v(x) exp(-i p.x). With both Friedel mates counted,
its gradient is T v - b: b = 2 Re sum_j w_j y_j exp(i p_j.x) and T the convolution with 2 Re sum_j w_j exp(i p_j.x), a
product on a Fourier grid of twice the box. Both come out to the tolerance for maps inside the largest ball in the box;
at offsets beyond 0.8 of the box T is worse, but no two points of the ball are so far apart along an axis, save at its
poles.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeVar

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from gmmhet.engine.reconstruction.settings import GRIDDING
from gmmhet.engine.reconstruction.spreading import Spreader, density_grid, even_size

__all__ = ["Accumulator", "NormalEquations", "shell_of_grid"]


_Number = TypeVar("_Number", np.complex64, np.float32)


@dataclass(frozen=True)
class NormalEquations:
    """T and b of one map; equations of disjoint sets of particles add up.

    Attributes:
        data: [box] * 3 (z, y, x), b. transfer: [size, size, size // 2 + 1], T on the Fourier grid of ``size`` voxels.
    """

    data: NDArray[np.float32]
    transfer: NDArray[np.float32]

    @property
    def box(self) -> int:
        return len(self.data)

    @property
    def size(self) -> int:
        return len(self.transfer)

    def __add__(self, other: "NormalEquations") -> "NormalEquations":
        return NormalEquations(self.data + other.data, self.transfer + other.transfer)

    @cached_property
    def circulant(self) -> NDArray[np.float32]:
        """[box, box, box // 2 + 1] the periodic convolution nearest to T in the mean square (T. Chan 1988).

        Its multiplier on the Fourier grid of the box: T's own, smoothed, which makes some values negative where T falls
        steeply; they are set to 0.
        """
        spread = scipy.fft.irfftn(self.transfer, s=(self.size,) * 3)
        position = np.arange(self.box)
        share = (position / self.box).astype(np.float32)[:, None, None]
        for axis in range(3):
            spread = np.moveaxis(spread, axis, 0)
            wrapped = spread[position + self.size - self.box]  # position 0 is wrapped with weight 0
            spread = np.moveaxis((1 - share) * spread[:self.box] + share * wrapped, 0, axis)
        return np.asarray(np.maximum(scipy.fft.rfftn(spread).real, 0))

    def shell_weights(self) -> NDArray[np.float64]:
        """[box // 2 + 1] mean of T over the shells of the map's Fourier grid: inverse noise variance there; > 0.

        The noise of the solution's discrete Fourier transform has variance box^3 / T. Shell 0 has the value of shell 1.
        """
        shells = shell_of_grid(self.box, self.box).ravel()
        mean = np.bincount(shells, self.circulant.ravel()) / np.maximum(np.bincount(shells), 1)
        mean = mean[:self.box // 2 + 1]
        mean[0] = mean[1]
        return np.asarray(np.maximum(mean, 1e-6 * mean.max()))


@lru_cache(maxsize=2)
def shell_of_grid(size: int, box: int) -> NDArray[np.int16]:
    """[size, size, size // 2 + 1] shell (in units of a box of ``box`` voxels) of a Fourier grid of ``size`` voxels."""
    full = np.square(np.fft.fftfreq(size, 1 / box)).astype(np.float32)
    half = np.square(np.arange(size // 2 + 1) * (box / size)).astype(np.float32)
    radius = np.sqrt(full[:, None, None] + full[:, None] + half)
    return np.asarray(np.rint(radius, out=radius), np.int16)


class Accumulator:
    """Collects the normal equations of one map of ``box`` voxels, batch by batch; memory does not grow with them."""

    def __init__(self, box: int, tolerance: float = GRIDDING.tolerance) -> None:
        self.box = box
        self._for_data = Spreader(density_grid(box), tolerance)
        self._for_transfer = Spreader(even_size(GRIDDING.transfer_grid * box), tolerance)
        self._data: NDArray[np.complex64] | None = None
        self._weights: NDArray[np.float32] | None = None

    def add(self, points: NDArray[np.float32], values: NDArray[np.complex64], weights: NDArray[np.float32]) -> None:
        """Add measurements at any frequencies, one of each Friedel pair; half the weight at frequency 0.

        Args:
            points: [3, m] (x, y, z) radians per voxel, within [-pi, pi]. values: [m] w_j y_j. weights: [m] w_j.
        """
        spread = self._for_data.spread(points, values)
        self._data = spread if self._data is None else _added(self._data, spread)
        real = self._for_transfer.spread(points, weights).real
        self._weights = real.copy() if self._weights is None else _added(self._weights, real)

    def finish(self) -> NormalEquations | None:
        """The equations; None when nothing was added. The accumulator is empty afterwards."""
        if self._data is None or self._weights is None:
            return None
        data = self._for_data.density(self._data, self.box)
        transfer = self._for_transfer.transfer(self._weights, self.box)
        found = NormalEquations(data, transfer)
        self._data = self._weights = None
        return found


def _added(total: NDArray[_Number], more: NDArray[_Number]) -> NDArray[_Number]:
    total += more
    return total
