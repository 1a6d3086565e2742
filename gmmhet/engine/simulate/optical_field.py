"""An image in the making: a field larger than the box, in which the CTF spreads signal, and of which the box is cut."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.optics.ctf import ctf, ctf_coefficients
from gmmhet.engine.simulate.settings import IMAGING

__all__ = ["OpticalField"]


@dataclass(frozen=True)
class OpticalField:
    """A square field of `size` pixels around an image of `box` pixels, centre on centre.

    Attributes:
        box, size: pixels. pixel_size: Angstrom.
    """

    box: int
    size: int
    pixel_size: float

    @classmethod
    def around(cls, box: int, pixel_size: float, padding: float) -> "OpticalField":
        """A field of `padding` boxes, even or odd as the box is."""
        size = round(box * padding)
        return cls(box, size + (size - box) % 2, pixel_size)

    @property
    def frequencies(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(kx [size // 2 + 1], ky [size, 1]) as of numpy.fft.rfft2, 1/Angstrom."""
        return np.fft.rfftfreq(self.size, self.pixel_size), np.fft.fftfreq(self.size, self.pixel_size)[:, None]

    def transfer(self, defocus: NDArray[np.float64], b_factor: float) -> NDArray[np.float64]:
        """CTF times envelope exp(-B k^2 / 4), [size, size // 2 + 1].

        Args:
            defocus: [3] U, V (Angstrom), angle (degrees). b_factor: square Angstrom.
        """
        kx, ky = np.broadcast_arrays(*self.frequencies)
        u, v, angle = (np.array([value]) for value in defocus)
        coefficients = ctf_coefficients(u, v, angle, 0.0, IMAGING.voltage, IMAGING.spherical_aberration,
                                        IMAGING.amplitude_contrast)
        return np.asarray(ctf(coefficients, kx, ky)[0] * np.exp(-b_factor * (kx**2 + ky**2) / 4))

    def image(self, transform: NDArray[np.complex128]) -> NDArray[np.float64]:
        """The box [box, box] (y, x) in the middle of the field with that transform (origin at pixel size // 2)."""
        start = self.size // 2 - self.box // 2
        inside = slice(start, start + self.box)
        return np.fft.fftshift(np.fft.irfft2(transform, s=(self.size, self.size)))[inside, inside]

    def white_noise(self, rng: np.random.Generator) -> NDArray[np.complex128]:
        """Transform of white noise of variance 1 over the field."""
        return np.asarray(np.fft.rfft2(rng.standard_normal((self.size, self.size))))

    def mean_square(self, factor: NDArray[np.float64]) -> float:
        """Variance of white noise of variance 1 after multiplication of its transform by a real factor."""
        twice = np.full(self.size // 2 + 1, 2.0)
        twice[0] = 1.0
        if self.size % 2 == 0:
            twice[-1] = 1.0
        return float((factor**2 * twice).sum() / self.size**2)
