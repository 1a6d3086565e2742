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
    """frequency: [s] 1/Angstrom, from 0. amplitude: [s] > 0, root mean square over shells; constant beyond the last."""

    frequency: NDArray[np.float64]
    amplitude: NDArray[np.float64]

    @classmethod
    def of(cls, density: DensityMap, resolution: float) -> "Spectrum":
        """That of a map to a resolution (Angstrom)."""
        power = radial_power(density.data)
        frequency = np.arange(len(power)) / field_of_view(density)
        held = max(int((frequency <= 1 / resolution + 1e-9).sum()), 2)
        floor = FIT.power_floor * power.max()
        return cls(frequency[:held], np.sqrt(np.maximum(power[:held], floor if floor > 0 else 1.0)))

    def at(self, frequency: NDArray[Any]) -> NDArray[np.float64]:
        """Amplitude at frequencies (1/Angstrom) of any shape, interpolated in its logarithm."""
        return np.asarray(np.exp(np.interp(frequency, self.frequency, np.log(self.amplitude))), np.float64)

    def flattened(self, density: DensityMap) -> DensityMap:
        """A map over the same field divided by this spectrum."""
        box, pixel = density.box, density.pixel_size
        full, half = np.fft.fftfreq(box, pixel) ** 2, np.fft.rfftfreq(box, pixel) ** 2
        transform = scipy.fft.rfftn(density.data)
        for plane, square in zip(transform, full, strict=True):  # plane by plane: large boxes fit into memory
            plane /= self.at(np.sqrt(square + full[:, None] + half)).astype(np.float32)
        return DensityMap(scipy.fft.irfftn(transform, s=density.data.shape).astype(np.float32), pixel)
