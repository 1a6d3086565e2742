"""Local resolution: how far the two half maps agree around every voxel."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from gmmhet.engine.io import DensityMap
from gmmhet.engine.molecule.maps import coarser_map, dense_region, resample_map
from gmmhet.engine.reconstruction.settings import LOCAL_RESOLUTION

__all__ = ["LocalResolution", "local_correlations", "local_resolution"]


_Floats = NDArray[np.float32]
_Waves = NDArray[np.complex64]


@dataclass(frozen=True)
class LocalResolution:
    """Resolution around every voxel.

    Attributes:
        data: [m, m, m] (z, y, x) Angstrom; voxel i lies at i x edge / m from the maps' first voxel.
        edge: of the maps' field, Angstrom. box: voxels along it.
    """

    data: _Floats
    edge: float
    box: int

    def on_grid(self, box: int, pixel_size: float) -> _Floats:
        """[box] * 3 Angstrom on a grid with the same origin (voxel box // 2), by trilinear interpolation."""
        last = len(self.data) - 1
        place = (np.arange(box) - box // 2) * pixel_size + self.box // 2 * self.edge / self.box
        place = np.clip(place * len(self.data) / self.edge, 0, last)
        lower = np.minimum(place.astype(np.int64), last - 1)
        share = (place - lower).astype(np.float32)[:, None, None]
        values = self.data
        for axis in range(3):
            values = np.moveaxis(values, axis, 0)
            values = np.moveaxis((1 - share) * values[lower] + share * values[lower + 1], 0, axis)
        return np.ascontiguousarray(values)

    def percentiles(self, density: DensityMap, resolution: float, mask: DensityMap | None = None) -> list[float] | None:
        """Its 10th, 50th and 90th percentile within the molecule, Angstrom; None where no molecule stands out.

        Args:
            density: where the molecule is; a mask narrows it down to where it is above 0.5, on the same grid.
            resolution: Angstrom, of the blur that finds the molecule (no finer than 3 voxels).
        """
        blur = max(resolution, 3 * density.pixel_size)
        coarse = coarser_map(density, blur / 4)
        inside = dense_region(coarse, blur)
        if mask is not None:
            inside &= resample_map(mask, coarse.box, coarse.pixel_size).data > LOCAL_RESOLUTION.mask_level
        if not inside.any():
            return None
        values = self.on_grid(coarse.box, coarse.pixel_size)[inside]
        return [float(v) for v in np.percentile(values, (10, 50, 90))]


def local_resolution(first: _Floats, second: _Floats, pixel_size: float, workers: int = 1) -> LocalResolution:
    """Where the Fourier shell correlation of two half maps under a window falls below 0.5 (after Cardone et al. 2013).

    It is the first of two neighbouring bands below 0.5 (see :func:`local_correlations`), interpolated in frequency.
    Bands are tried until none is left to fall; the time grows as the cube of field over best local resolution.

    Args:
        first, second: [box] * 3. pixel_size: Angstrom. workers: threads.
    Returns:
        values between the period of the lowest band (1/6 of the field; also where nothing agrees) and two pixels.
    """
    search = _FirstFall()
    for shell, correlation in local_correlations(first, second, workers):
        if not search.take(shell, correlation):
            break
    edge = len(first) * pixel_size
    return LocalResolution(np.asarray(edge / search.found, np.float32), edge, len(first))


class _FirstFall:
    """Finds, voxel by voxel, where a correlation falls below the threshold, band after band."""

    def __init__(self) -> None:
        self.found = np.zeros(0, np.float32)  # shells

    def take(self, shell: float, correlation: _Floats) -> bool:
        """The next band; False when it changes nothing any more."""
        if not self.found.size:
            self.found = np.full(correlation.shape, shell, np.float32)
            self._open, self._doubted = np.ones(correlation.shape, bool), np.zeros(correlation.shape, bool)
            self._shell, self._last = shell, np.ones_like(correlation)
        below = correlation < LOCAL_RESOLUTION.threshold
        self._open &= ~(self._doubted & below)  # a second band below: the first one stands
        self.found[self._open & ~below] = shell
        falls = self._open & below
        share = (self._last[falls] - LOCAL_RESOLUTION.threshold) / (self._last[falls] - correlation[falls])
        self.found[falls] = self._shell + share * (shell - self._shell)
        self._doubted, self._shell, self._last = falls, shell, correlation
        return bool(self._open.any())


def local_correlations(first: _Floats, second: _Floats, workers: int = 1) -> Iterator[tuple[float, _Floats]]:
    """Correlation of two maps around every voxel, band by band, lowest first.

    Bands are a tenth apart in frequency and overlap by half. Both maps are filtered to a band, and their product and
    powers averaged under a Gaussian window whose standard deviation is the period of the band: so each window holds
    about 200 independent coefficients, and chance correlates to 0.07. All is done on grids just fine enough for the
    band.

    Args:
        first, second: [box] * 3.
    Returns:
        frequency of the band in shells (periods in the box), and [m] * 3 correlations, m = box or about box / 2; 0
        where a map is 0.
    """
    box = len(first)
    grid = box if box <= LOCAL_RESOLUTION.fine_box else 2 * -(-box // 4)
    waves = [scipy.fft.rfftn(half, workers=workers) for half in (first, second)]
    coarsest, ratio = LOCAL_RESOLUTION.coarsest_shell, LOCAL_RESOLUTION.ratio
    steps = int(np.log(box / 2 / coarsest) / np.log(ratio)) if box > 2 * coarsest else 0
    for shell in (box / 2) * ratio ** -np.arange(steps, -1.0, -1.0):
        yield float(shell), _band_correlation(waves, float(shell), box, grid, workers)


def _band_correlation(waves: list[_Waves], shell: float, box: int, grid: int, workers: int) -> _Floats:
    top = int(min(shell * LOCAL_RESOLUTION.ratio**2, (box - 1) // 2))  # the Nyquist frequency itself has no sign
    size = scipy.fft.next_fast_len(2 * top + int(np.ceil(LOCAL_RESOLUTION.reach * shell)) + 1, real=True)
    size += size % 2
    a, b = (scipy.fft.irfftn(_in_band(wave, shell, top, size), s=(size,) * 3, workers=workers) for wave in waves)
    reach = min(int(np.ceil(LOCAL_RESOLUTION.reach * shell)), (grid - 1) // 2, (size - 1) // 2)
    cross, power_a, power_b = (_averaged(u * v, shell, reach, grid, workers) for u, v in ((a, b), (a, a), (b, b)))
    norm = np.sqrt(np.maximum(power_a, 0) * np.maximum(power_b, 0))
    least = 1e-6 * float(norm.max())
    return np.asarray(np.divide(cross, norm, out=np.zeros_like(cross), where=norm > least), np.float32)


def _in_band(wave: _Waves, shell: float, top: int, size: int) -> _Waves:
    """The band of a transform, on the half grid of ``size`` voxels: a cosine of two steps of log frequency each way."""
    axis = np.r_[0:top + 1, -top:0]
    squares = np.square(axis).astype(np.float32)
    radius = np.sqrt(squares[:, None, None] + squares[:, None] + squares[:top + 1])
    place = np.log(np.maximum(radius, 1e-3) / shell) / (2 * np.log(LOCAL_RESOLUTION.ratio))
    filtered = wave[np.ix_(axis, axis, axis[:top + 1])] * (np.cos(0.5 * np.pi * np.clip(place, -1, 1)) * (radius > 0))
    return _resized(filtered.astype(np.complex64), axis, top, size)


def _averaged(product: _Floats, shell: float, reach: int, grid: int, workers: int) -> _Floats:
    """The product under the window, on the coarser grid (up to a factor, which correlations are free of)."""
    axis = np.r_[0:reach + 1, -reach:0]
    fall = np.exp(-2 * np.square(np.pi * LOCAL_RESOLUTION.window * axis / shell)).astype(np.float32)
    wave = scipy.fft.rfftn(product, workers=workers)[np.ix_(axis, axis, axis[:reach + 1])]
    wave = wave * (fall[:, None, None] * fall[:, None] * fall[:reach + 1])
    return np.asarray(scipy.fft.irfftn(_resized(wave, axis, reach, grid), s=(grid,) * 3, workers=workers))


def _resized(wave: _Waves, axis: NDArray[np.int64], top: int, size: int) -> _Waves:
    whole = np.zeros((size, size, size // 2 + 1), np.complex64)
    whole[np.ix_(axis, axis, axis[:top + 1])] = wave
    return whole
