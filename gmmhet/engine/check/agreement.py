"""How well particles agree with projections of a map: at their poses, at each other's, and read in other ways.

Images and central slices of the map are compared by their correlation over a band of Fourier rings, both divided by
the root mean square of the images in each ring, so that no ring counts more than its noise allows.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import finufft
import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.check.alternatives import Alternative
from gmmhet.engine.check.settings import COMPARISON, LIKELY
from gmmhet.engine.imaging.half_plane import HalfPlane, images_to_planes
from gmmhet.engine.io import DensityMap, ParticleTable
from gmmhet.engine.molecule.map_content import find_molecule
from gmmhet.engine.molecule.maps import coarser_map, field_of_view
from gmmhet.engine.optics.ctf import ctf

__all__ = ["Agreement", "SlicedMap", "band_limit", "spectra"]

Array = NDArray[np.float64]
_BATCH_PIXELS = 1 << 22


def band_limit(table: ParticleTable, density: DensityMap) -> float:
    """Resolution (Angstrom) of the comparison: 16 A, or what particles and map hold."""
    return max(COMPARISON.finest, COMPARISON.pixels_per_resolution * max(table.pixel_size, density.pixel_size))


class SlicedMap:
    """Values of the Fourier transform of a map's molecule anywhere (nonuniform FFT of type 2; Barnett et al. 2019)."""

    def __init__(self, density: DensityMap, resolution: float) -> None:
        coarse = coarser_map(density, resolution / COMPARISON.samples_per_resolution)
        self._pixel = coarse.pixel_size
        blur = max(field_of_view(coarse) / COMPARISON.blurs, 3 * coarse.pixel_size)
        content = find_molecule(coarse, blur)
        data = content.without_solvent(coarse).data
        if content.found:
            data = data * content.mask(coarse.box, coarse.pixel_size, grow=blur, width=blur)
        self._data = np.ascontiguousarray(data, np.complex64)

    def at(self, matrices: Array, kx: Array, ky: Array) -> NDArray[np.complex64]:
        """F(matrices^T (kx, ky, 0)), 0 beyond the Nyquist frequency of the map's axes.

        Args:
            matrices: [n, 3, 3]. kx, ky: [m] 1/Angstrom.
        Returns:
            [n, m]; F(k) = sum over voxels of v(x) exp(-2 pi i k.x).
        """
        points = 2 * np.pi * self._pixel * np.einsum("nai,am->inm", matrices[:, :2], np.stack([kx, ky]))
        held = np.abs(points).max(axis=0) < np.pi
        x, y, z = np.where(held, points, 0).reshape(3, -1).astype(np.float32)
        values = finufft.nufft3d2(z, y, x, self._data, eps=1e-3, isign=-1, nthreads=1)
        return np.asarray(values.reshape(held.shape) * held, np.complex64)


@dataclass(frozen=True)
class Agreement:
    """Whitened images of n particles, ready to be compared with projections of a map.

    Attributes:
        density: the map. images: [n, m] transforms, centred by ``origins``, over the rms of their ring.
        transfer: [n, m] CTF over the same rms; nanometre: that of ten times the defocus, None where it is large.
        kx, ky: [m] 1/Angstrom. pairs: [m] weight of each frequency.
        origins: [n, 2] Angstrom.
    """

    density: SlicedMap
    images: NDArray[np.complex64]
    transfer: NDArray[np.float32]
    kx: Array
    ky: Array
    pairs: NDArray[np.float32]
    origins: Array
    nanometre: NDArray[np.float32] | None = None

    @classmethod
    def of(cls, table: ParticleTable, rows: NDArray[np.int64], density: DensityMap) -> "Agreement":
        """Read the images of some rows (from 0).

        Raises:
            InputError: an image holds NaN or infinite pixels.
        """
        resolution = band_limit(table, density)
        grid = HalfPlane(table.box, table.pixel_size, resolution)
        used = np.broadcast_to((grid.weight > 0) & (grid.shell >= min(COMPARISON.first_ring, grid.h)), grid.kx.shape)
        kx, ky = grid.kx[used], grid.ky[used]
        images = spectra(table, rows, grid, used)
        ring = np.broadcast_to(grid.shell, used.shape)[used]
        pairs = np.broadcast_to(grid.weight, used.shape)[used].astype(np.float32)
        power = np.bincount(ring, (np.abs(images) ** 2).mean(axis=0) * pairs) / np.maximum(np.bincount(ring, pairs), 1)
        whitening = 1 / np.sqrt(np.where(power > 0, power, np.inf))[ring].astype(np.float32)
        transfer = (ctf(table.ctf_coefficients[rows], kx, ky) * whitening).astype(np.float32)
        nanometre = None
        if table.has_ctf and 0 < float(np.median(np.abs(table.defocus[:, :2]))) < LIKELY.defocus_in_nanometre:
            longer = replace(table, defocus=table.defocus * [10, 10, 1, 1])
            nanometre = (ctf(longer.ctf_coefficients[rows], kx, ky) * whitening).astype(np.float32)
        return cls(SlicedMap(density, resolution), images * whitening, transfer, kx, ky, pairs, table.origins[rows],
                   nanometre)

    def of_rows(self, rows: NDArray[np.int64]) -> "Agreement":
        """The same with some of the images only (from 0)."""
        return replace(self, images=self.images[rows], transfer=self.transfer[rows], origins=self.origins[rows],
                       nanometre=None if self.nanometre is None else self.nanometre[rows])

    def with_signs(self, signs: NDArray[np.int64]) -> "Agreement":
        """The same with every image times 1 or -1 [n]."""
        return replace(self, images=self.images * signs[:, None].astype(np.float32))

    @cached_property
    def _lengths(self) -> Array:
        """[n] norm of every image."""
        return np.asarray(np.sqrt(np.maximum((np.abs(self.images) ** 2) @ self.pairs, 1e-30)), np.float64)

    def of_reading(self, reading: Alternative) -> Array:
        """[n] correlation of every particle with its own projection, read in another way."""
        model = self._transfer_of(reading) * self.density.at(reading.scale * reading.matrices, self.kx, self.ky)
        images = self._images_of(reading)
        product = (images.real * model.real + images.imag * model.imag) @ self.pairs
        length = np.sqrt(np.maximum((np.abs(model) ** 2) @ self.pairs, 1e-30))
        return np.asarray(product / (length * self._lengths), np.float64)

    def all_pairs(self, reading: Alternative) -> NDArray[np.float32]:
        """[n, n] correlation of particle i (its shift, its CTF) with the projection seen from orientation j."""
        transfer = self._transfer_of(reading)
        slices = self.density.at(reading.scale * reading.matrices, self.kx, self.ky)
        seen = self._images_of(reading) * (transfer * self.pairs)
        product = seen.real @ slices.real.T + seen.imag @ slices.imag.T
        power = (transfer**2 * self.pairs) @ (np.abs(slices) ** 2).T
        return np.asarray(product / (np.sqrt(np.maximum(power, 1e-30)) * self._lengths[:, None]), np.float32)

    def _transfer_of(self, reading: Alternative) -> NDArray[np.float32]:
        if reading.nanometre and self.nanometre is not None:
            return self.nanometre
        return np.abs(self.transfer) if reading.flipped else self.transfer

    def _images_of(self, reading: Alternative) -> NDArray[np.complex64]:
        """The images centred by the origins of a reading."""
        moved = reading.origins - self.origins
        if not np.any(moved):
            return self.images
        turns = moved[:, :1] * self.kx + moved[:, 1:] * self.ky
        return np.asarray(self.images * np.exp(-2j * np.pi * turns), np.complex64)


def spectra(table: ParticleTable, rows: NDArray[np.int64], grid: HalfPlane, used: NDArray[np.bool_],
             ) -> NDArray[np.complex64]:
    out = np.empty((len(rows), int(used.sum())), np.complex64)
    opened: dict[Path, Any] = {}
    size = max(1, _BATCH_PIXELS // table.box**2)
    for start in range(0, len(rows), size):
        some = rows[start:start + size]
        planes: Any = images_to_planes(table.images(some, opened), grid, table.origins[some])
        out[start:start + size] = (planes[:, 0] + 1j * planes[:, 1])[:, used]
    return out
