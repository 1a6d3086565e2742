"""Amplitude spectrum of a map, taken off before it is masked.

Weak fine detail and strong coarse density of a real map differ by factors up to 1,000 in amplitude. Where a mask cuts
through coarse density, such as a dark surround, it makes fine detail of its own, stronger than the map's. A map of flat
spectrum has no such density to cut.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from gmmhet.engine.fitting.settings import FIT
from gmmhet.engine.io.mrc import DensityMap
from gmmhet.engine.molecule.maps import field_of_view, radial_power

__all__ = ["Spectrum"]


@dataclass(frozen=True)
class Spectrum:
    """Logarithm of the amplitude as a polynomial of k^2, so smooth that dividing by it spreads nothing beyond a mask.

    Attributes:
        coefficients: of (k limit)^2, the constant last. limit: Angstrom; beyond 1 / limit the amplitude is constant.
    """

    coefficients: NDArray[np.float64]
    limit: float

    @classmethod
    def of(cls, density: DensityMap, resolution: float) -> "Spectrum":
        """That of a map to a resolution (Angstrom)."""
        power = radial_power(density.data)
        frequency = np.arange(len(power)) / field_of_view(density)
        held = (frequency <= 1 / resolution + 1e-9) & (power > FIT.power_floor * power.max())
        held[0] = False  # the sum over the box: its level, no detail
        order = min(FIT.spectrum_order, max(int(held.sum()) - 1, 0))
        if not held.any():
            return cls(np.zeros(1), resolution)
        return cls(np.polyfit((frequency[held] * resolution) ** 2, 0.5 * np.log(power[held]), order), resolution)

    def at(self, frequency: NDArray[Any]) -> NDArray[np.float64]:
        """Amplitude at frequencies (1/Angstrom) of any shape."""
        place = np.minimum(np.square(frequency) * self.limit**2, 1.0)
        return np.asarray(np.exp(np.polyval(self.coefficients, place)), np.float64)

    def flattened(self, density: DensityMap) -> DensityMap:
        """A map over the same field divided by this spectrum."""
        box, pixel = density.box, density.pixel_size
        full, half = np.fft.fftfreq(box, pixel) ** 2, np.fft.rfftfreq(box, pixel) ** 2
        transform = scipy.fft.rfftn(density.data)
        for plane, square in zip(transform, full, strict=True):  # plane by plane: large boxes fit into memory
            plane /= self.at(np.sqrt(square + full[:, None] + half)).astype(np.float32)
        return DensityMap(scipy.fft.irfftn(transform, s=density.data.shape).astype(np.float32), pixel)
