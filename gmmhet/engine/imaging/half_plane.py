"""The cropped half-plane of Fourier space on which images and projections are compared.

Frequencies (kx, ky) = (ix, +-iy) / (box pixel) with ix, iy = 0..h. Values are stored as real planes
[..., 2 (real, imaginary), 2 (+iy, -iy), h + 1 (iy), h + 1 (ix)]; pairs that stand twice or are mates of
each other (ix = 0 or iy = 0) carry weight 1/2, so each Friedel pair counts once.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.fft
from numpy.typing import NDArray

__all__ = ["HalfPlane", "images_to_planes"]


@dataclass(frozen=True)
class HalfPlane:
    """Cropped half-plane of images of ``box`` pixels of ``pixel_size`` Angstrom, to ``resolution`` Angstrom."""

    box: int
    pixel_size: float
    resolution: float

    @cached_property
    def h(self) -> int:
        """Largest frequency index: ceil(box pixel / d), below the Nyquist frequency of the images."""
        return max(1, min(int(np.ceil(self.box * self.pixel_size / self.resolution - 1e-9)), (self.box - 1) // 2))

    @property
    def size(self) -> int:
        return self.h + 1

    @cached_property
    def frequencies(self) -> NDArray[np.float64]:
        """[h + 1] 1/Angstrom."""
        return np.arange(self.size) / (self.box * self.pixel_size)

    @cached_property
    def kx(self) -> NDArray[np.float64]:
        """[2, h + 1, h + 1] 1/Angstrom."""
        return np.broadcast_to(self.frequencies, (2, self.size, self.size)).copy()

    @cached_property
    def ky(self) -> NDArray[np.float64]:
        """[2, h + 1, h + 1] 1/Angstrom: plane 0 positive, plane 1 negative."""
        column = np.broadcast_to(self.frequencies[:, None], (self.size, self.size))
        return np.stack([column, -column])

    @cached_property
    def shell(self) -> NDArray[np.int64]:
        """[h + 1, h + 1] index of the Fourier shell (ring)."""
        index = np.arange(self.size)
        return np.asarray(np.rint(np.hypot(index[:, None], index)), np.int64)

    @property
    def n_shells(self) -> int:
        return self.size

    @cached_property
    def weight(self) -> NDArray[np.float64]:
        """[h + 1, h + 1] 1 inside, 1/2 on the axes, 0 at the origin and beyond shell h."""
        inside = np.where(self.shell <= self.h, 1.0, 0.0)
        inside[0] *= 0.5
        inside[:, 0] *= 0.5
        inside[0, 0] = 0.0
        return inside

    @cached_property
    def clipped_shell(self) -> NDArray[np.int64]:
        """[h + 1, h + 1] shell index with everything beyond the last put into it (its weight is 0)."""
        return np.minimum(self.shell, self.h)


def images_to_planes(images: NDArray[np.float32], grid: HalfPlane, origins: NDArray[np.float64] | None = None,
                     ) -> NDArray[np.float32]:
    """Fourier-crop images about pixel box // 2.

    Args:
        images: [n, box, box] (y, x). origins: [n, 2] rlnOriginX/YAngst; the particle, which sits at minus
            origin, is brought to the centre.
    Returns:
        [n, 2, 2, h + 1, h + 1].
    """
    size = grid.size
    spectrum = scipy.fft.rfft2(np.asarray(images, np.float32), workers=-1)[:, :, :size]
    rows = np.arange(size)
    planes = np.stack([spectrum[:, rows], spectrum[:, -rows]], axis=1)
    centre = grid.box // 2 * grid.pixel_size
    phase = 2 * np.pi * centre * (grid.kx + grid.ky)
    if origins is None:
        planes *= np.exp(1j * phase).astype(np.complex64)
    else:
        shift = np.asarray(origins)[:, :, None, None, None]
        phase = phase - 2 * np.pi * (grid.kx * shift[:, 0] + grid.ky * shift[:, 1])
        planes *= np.exp(1j * phase).astype(np.complex64)
    return np.stack([planes.real, planes.imag], axis=1)
