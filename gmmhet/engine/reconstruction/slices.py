"""From particle images to weighted measurements of the map's Fourier transform.

Image model: Y(k) = s C(k) exp(2 pi i k.o) F(A^T (kx, ky, 0)) + noise, so the slice lies at A^T (kx, ky, 0) in the frame
of the map, and multiplying by exp(-2 pi i k.o) brings the particle to the centre. A is of ParticleTable.views, with
the magnification matrix in it; odd aberrations and corrections for the CTF are taken back from the images.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from gmmhet.engine.io import ParticleTable
from gmmhet.engine.optics.ctf import evaluate_ctf
from gmmhet.engine.sampling import half_of_pixels

__all__ = ["HalfDisc", "SliceReader"]


@dataclass(frozen=True)
class HalfDisc:
    """Frequencies of images inside the Nyquist circle of a map, one of each Friedel pair, and the origin.

    Attributes:
        box: of the images, pixels. size: edge of the map in voxels of box / size pixels; frequencies are those that it
            holds.
    """

    box: int
    size: int

    @cached_property
    def _inside(self) -> NDArray[np.bool_]:
        """On the grid of numpy.fft.rfft2."""
        y, x = np.fft.fftfreq(self.box, 1 / self.box)[:, None], np.arange(self.box // 2 + 1)
        inside = (np.hypot(x, y) < self.size / 2 - 1e-6) & ((x > 0) | (y >= -1e-6))
        return np.asarray(inside)

    @cached_property
    def rows_columns(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where the frequencies stand in numpy.fft.rfft2."""
        rows, columns = np.nonzero(self._inside)
        return rows, columns

    @cached_property
    def index(self) -> NDArray[np.float32]:
        """[2, m] frequency index (x, y)."""
        rows, columns = self.rows_columns
        return np.asarray(np.stack([columns, np.fft.fftfreq(self.box, 1 / self.box)[rows]]), np.float32)

    @cached_property
    def shell(self) -> NDArray[np.int64]:
        """[m] ring, 0 .. size // 2."""
        return np.asarray(np.rint(np.hypot(*self.index)), np.int64)

    @cached_property
    def share(self) -> NDArray[np.float32]:
        """[m] 1, and 1/2 at the origin, which has no mate."""
        return np.asarray(np.where(self.shell == 0, 0.5, 1.0), np.float32)


class SliceReader:
    """Reads particles and gives their central slices, centred, multiplied by contrast and CTF, over the noise.

    Args:
        table: the particles. contrast: [n] s of every particle. noise: [groups, box // 2 + 1] variance of the DFT
            coefficients of the images of each optics group in rings. size: edge of the map (default: the images').
        pixels: [n] which half of an image's Fourier pixels is used, 0 or 1 (sampling.half_of_pixels); None: all.
    """

    def __init__(self, table: ParticleTable, contrast: NDArray[np.float64], noise: NDArray[np.float64],
                 size: int | None = None, pixels: NDArray[np.int8] | None = None) -> None:
        self.table = table
        self.disc = HalfDisc(table.box, size or table.box)
        self._contrast = contrast.astype(np.float32)
        self._magnified = table.views is not table.rotations
        self._pixels = pixels
        self._inverse_noise = (self.disc.share / noise[:, self.disc.shell]).astype(np.float32)

    def read(self, rows: NDArray[np.int64], weights: NDArray[np.float32],
             ) -> tuple[NDArray[np.complex64], NDArray[np.float32]]:
        """The slices of some particles.

        Args:
            rows: [b] from 0. weights: [b] of the particles in the map that is made.
        Returns:
            [b m] w s C y / noise and [b m] w s^2 C^2 / noise, for m frequencies a particle; see NormalEquations.
        Raises:
            InputError: an image holds NaN or infinite pixels.
        """
        images = self.table.images(rows, as_stored=True)
        index = self.disc.index / np.float32(self.table.box * self.table.pixel_size)
        spectrum = self.table.restored(self._centred(scipy.fft.rfft2(images), rows), rows, *index)
        columns = self.table.ctf_coefficients[rows].astype(np.float32).T[:, :, None]
        modulation = evaluate_ctf(columns, *index)
        modulation *= self._contrast[rows, None]
        factor = modulation * self._inverse_noise[self.table.optics_index[rows]] * weights[:, None]
        if self._pixels is not None:
            factor *= self._halves[self._pixels[rows]]
        if self._magnified:
            factor[self._length(self.table.views[rows]) > np.pi * (1 - 1e-6)] = 0  # the map does not hold them
        return (spectrum * factor).ravel(), (modulation * factor).ravel()

    @cached_property
    def _halves(self) -> NDArray[np.bool_]:
        """[2, m] which frequencies are in either half of the pixels."""
        x, y = np.abs(self.disc.index).astype(np.int64)
        first = half_of_pixels(self.disc.box // 2 + 1)[y, x]
        return np.stack([first, ~first])

    def points(self, rotations: NDArray[np.float64]) -> NDArray[np.float32]:
        """Where the frequencies of views [b, 3, 3] lie in the map's Fourier space: [3, b m] radians per voxel."""
        scaled = (rotations[:, :2] * (2 * np.pi / self.disc.size)).astype(np.float32)
        points = np.asarray(np.einsum("bai,am->ibm", scaled, self.disc.index, optimize=True))
        if self._magnified:
            points = points * np.minimum(1, np.float32(np.pi) / np.maximum(self._length(rotations), 1e-6))
        return points.reshape(3, -1)

    def _length(self, views: NDArray[np.float64]) -> NDArray[np.float32]:
        """[b, m] length of the points, radians per voxel; more than pi for some where the images are magnified."""
        plane = np.linalg.cholesky(views[:, :2] @ np.swapaxes(views[:, :2], 1, 2)).astype(np.float32)
        return np.asarray(np.linalg.norm(np.swapaxes(plane, 1, 2) @ self.disc.index, axis=1)
                          * np.float32(2 * np.pi / self.disc.size))

    def _centred(self, spectrum: NDArray[np.complex64], rows: NDArray[np.int64]) -> NDArray[np.complex64]:
        """Half disc [b, m] of transforms [b, box, box // 2 + 1], with the particles brought to the origin."""
        box = self.disc.box
        shift = box // 2 - self.table.origins[rows] / self.table.pixel_size  # pixels
        turns_x = np.outer(shift[:, 0], np.arange(box // 2 + 1) / box)
        turns_y = np.outer(shift[:, 1], np.fft.fftfreq(box))
        along_x, along_y = (np.exp(2j * np.pi * t).astype(np.complex64) for t in (turns_x, turns_y))
        spectrum *= along_x[:, None]
        spectrum *= along_y[:, :, None]
        rows_in, columns_in = self.disc.rows_columns
        return spectrum[:, rows_in, columns_in]
