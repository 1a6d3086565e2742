"""Fourier shell correlation of half maps, its correction for the mask, and what it says about the signal."""

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from sklearn.isotonic import isotonic_regression

from gmmhet.engine.molecule.maps import fourier_shell_correlation, resolution_at
from gmmhet.engine.reconstruction.equations import shell_of_grid
from gmmhet.engine.reconstruction.settings import HALF_MAPS

__all__ = ["HalfMapCurves", "compare_halves", "half_map_signal", "phase_randomised", "power_signal"]



@dataclass(frozen=True)
class HalfMapCurves:
    """Correlation of two half maps; NaN throughout where a half has no particles.

    Attributes:
        frequency: [box // 2] of shells 1 .. box // 2, 1/Angstrom. unmasked, masked: [box // 2]; masked is corrected.
        uncorrected, randomised: [box // 2] within the mask: as it is, and with the phases randomised; NaN where they
            are not.
    """

    frequency: NDArray[np.float64]
    unmasked: NDArray[np.float64]
    masked: NDArray[np.float64]
    uncorrected: NDArray[np.float64]
    randomised: NDArray[np.float64]

    @classmethod
    def of_one_half(cls, box: int, pixel_size: float) -> "HalfMapCurves":
        """Where there is nothing to compare a half map with."""
        nothing = np.full(box // 2, np.nan)
        return cls(np.arange(1, box // 2 + 1) / (box * pixel_size), nothing, nothing, nothing, nothing)

    def columns(self) -> dict[str, list[float | None]]:
        """Of fsc.csv by name; None for NaN."""
        named = {"fsc": self.unmasked, "fsc_masked": self.masked, "fsc_masked_uncorrected": self.uncorrected,
                 "fsc_randomised": self.randomised}
        return {name: [float(v) if np.isfinite(v) else None for v in curve] for name, curve in named.items()}

    def resolution(self, threshold: float) -> float | None:
        """Angstrom, where the masked curve first falls below the threshold; None when it starts below, or is none."""
        if np.isnan(self.masked).all():
            return None
        found = resolution_at(self.frequency, self.masked, threshold)
        return found if np.isfinite(found) else None


def compare_halves(first: NDArray[np.float32], second: NDArray[np.float32], mask: NDArray[np.float32],
                   pixel_size: float, seed: int) -> HalfMapCurves:
    """FSC without and with a mask, the latter corrected for the correlation that the mask itself makes.

    Corrected = (masked - randomised) / (1 - randomised), with phases randomised beyond the shell where the unmasked
    curve falls below 0.8 (Chen et al. 2013).
    """
    frequency, unmasked = fourier_shell_correlation(first, second, pixel_size)
    _, masked = fourier_shell_correlation(first * mask, second * mask, pixel_size)
    below = np.flatnonzero(unmasked < HALF_MAPS.randomised_below)
    if len(below) == 0 or np.all(mask == 1):
        return HalfMapCurves(frequency, unmasked, masked, masked, np.full_like(masked, np.nan))
    rng = np.random.default_rng(seed)
    start = int(below[0]) + 1
    random = [phase_randomised(half, start, rng) * mask for half in (first, second)]
    _, chance = fourier_shell_correlation(random[0], random[1], pixel_size)
    corrected = (masked - chance) / np.maximum(1 - chance, 1e-6)
    shells = np.arange(1, len(masked) + 1)
    touched = shells >= start + HALF_MAPS.smeared_shells  # the mask smears the step itself over a shell or two
    return HalfMapCurves(frequency, unmasked, np.where(touched, np.clip(corrected, -1, 1), masked), masked,
                         np.where(shells >= start, chance, np.nan))


def phase_randomised(density: NDArray[np.float32], start: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """The density with the phases of all shells from ``start`` on replaced by random ones."""
    box = len(density)
    wave = scipy.fft.rfftn(density)
    other = scipy.fft.rfftn(rng.standard_normal(density.shape, dtype=np.float32))
    random = np.abs(wave) * other / np.maximum(np.abs(other), 1e-12)
    beyond = shell_of_grid(box, box)[:, :, :box // 2 + 1] >= start
    return np.asarray(scipy.fft.irfftn(np.where(beyond, random, wave), s=density.shape), np.float32)


def half_map_signal(curves: HalfMapCurves) -> NDArray[np.float64]:
    """Signal over noise power of the map from both halves, shells 0 .. box // 2: 2 FSC / (1 - FSC).

    Rosenthal and Henderson 2003. After the curve's first fall below 0.5 it is replaced by the falling curve next to it
    in the mean square, so that chance correlations in outer shells do not let noise through.
    """
    curve = curves.masked.copy()
    below = np.flatnonzero(curve < HALF_MAPS.trusted)
    if len(below):
        tail = curve[below[0]:]
        weight = (np.arange(below[0], len(curve)) + 1.0) ** 2  # coefficients in a shell
        curve[below[0]:] = isotonic_regression(tail, sample_weight=weight, increasing=False)
    curve = np.clip(curve, HALF_MAPS.smallest, HALF_MAPS.largest)
    signal = 2 * curve / (1 - curve)
    return np.concatenate([signal[:1], signal])


def power_signal(density: NDArray[np.float32], shell_weights: NDArray[np.float64],
                 power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Signal over noise power where there are no two halves: the map's power over what the noise must have made.

    Args:
        density: [box] * 3. shell_weights: [box // 2 + 1], see NormalEquations. power: [box // 2 + 1] mean square
            modulus of the map's discrete Fourier transform.
    """
    ratio = power * shell_weights / density.size
    return np.maximum(np.minimum.accumulate(ratio) - 1, HALF_MAPS.smallest)
