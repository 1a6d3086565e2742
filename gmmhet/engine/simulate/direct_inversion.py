"""Half maps of images at given poses, as a refinement's last step makes them: slices inserted by trilinear weights.

Numerator sum C F(image), denominator sum C^2, without padding, divided by the square of a sinc for the interpolation:
corners of the box rise, and its middle has a level of its own, as in maps that are not cleaned.
"""

from dataclasses import dataclass, field
from itertools import product

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.simulate.settings import REFINED_MAP

__all__ = ["SliceSum"]


@dataclass
class SliceSum:
    """Slices added up in a cube of frequencies -box // 2 .. box // 2, of which kx >= 0 is used.

    Attributes:
        box: pixels. pixel_size: Angstrom.
    """

    box: int
    pixel_size: float
    numerator: NDArray[np.complex128] = field(init=False)
    denominator: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        side = 2 * (self.box // 2) + 2
        self.numerator = np.zeros((side, side, side), np.complex128)
        self.denominator = np.zeros((side, side, side))

    def add(self, images: NDArray[np.float32], rotations: NDArray[np.float64], origins: NDArray[np.float64],
            transfers: NDArray[np.float64]) -> None:
        """Insert images.

        Args:
            images: [b, box, box], origin at pixel box // 2. rotations: [b, 3, 3] A. origins: [b, 2]
                rlnOriginX/YAngst. transfers: [b, box, box // 2 + 1] CTF.
        """
        kx, ky = np.broadcast_arrays(np.fft.rfftfreq(self.box, self.pixel_size),
                                     np.fft.fftfreq(self.box, self.pixel_size)[:, None])
        inside = (kx**2 + ky**2 < (0.5 / self.pixel_size)**2) & ~((kx == 0) & (ky < 0))
        k = np.stack([kx[inside], ky[inside]], axis=-1)
        waves = np.fft.rfft2(np.fft.ifftshift(images, axes=(1, 2)))[:, inside] * np.exp(-2j * np.pi * (origins @ k.T))
        points = (self.box * self.pixel_size * k @ rotations[:, :2]).reshape(-1, 3)
        transfer = transfers[:, inside]
        value, weight = (waves * transfer).ravel(), (transfer**2).ravel()
        self._insert(points, value, weight)
        self._insert(-points, value.conj(), weight)

    def _insert(self, points: NDArray[np.float64], value: NDArray[np.complex128], weight: NDArray[np.float64]) -> None:
        lower = np.floor(points).astype(np.int64)
        share = points - lower
        side, middle = len(self.numerator), self.box // 2
        for corner in product((0, 1), repeat=3):
            part = np.prod(np.where(corner, share, 1 - share), axis=1)
            x, y, z = (lower + corner + middle).T
            index = (z * side + y) * side + x
            size = side**3
            flat = self.numerator.reshape(-1)
            flat.real += np.bincount(index, part * value.real, size)
            flat.imag += np.bincount(index, part * value.imag, size)
            self.denominator.reshape(-1)[:] += np.bincount(index, part * weight, size)

    def map(self) -> NDArray[np.float64]:
        """[box, box, box] (z, y, x), unfiltered."""
        box = self.box
        index = np.rint(np.fft.fftfreq(box, 1 / box)).astype(np.int64) + box // 2
        use = np.ix_(index, index, np.arange(box // 2, box // 2 + box // 2 + 1))
        weight, k = self.denominator[use], np.fft.fftfreq(box, 1 / box)
        radius = np.sqrt(k[:, None, None]**2 + k[:, None]**2 + np.fft.rfftfreq(box, 1 / box)**2)
        shell = np.rint(radius).astype(np.int64)
        mean = np.bincount(shell.ravel(), weight.ravel()) / np.maximum(np.bincount(shell.ravel()), 1)
        floor = np.maximum(REFINED_MAP.weight_floor * mean[shell], 1e-12)
        wave = np.where(radius < box / 2, self.numerator[use] / np.maximum(weight, floor), 0)
        density = np.fft.fftshift(np.fft.irfftn(wave, s=(box,) * 3, axes=(0, 1, 2)))
        sinc = np.sinc((np.arange(box) - box // 2) / box)**2
        return np.asarray(density / (sinc[:, None, None] * sinc[:, None] * sinc))
