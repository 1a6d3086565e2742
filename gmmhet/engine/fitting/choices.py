"""What is chosen when the user chooses nothing: resolution and number of Gaussians."""

import logging

import numpy as np

from gmmhet.engine.fitting.settings import CHOICES

__all__ = ["choose_number", "choose_resolution", "resolution_of_number"]

_LOG = logging.getLogger("gmmhet")


def choose_resolution(signal: float, pixel_size: float, extent: float, finest: float = CHOICES.finest) -> float:
    """The resolution (Angstrom) that a map supports, by the rule that the log states.

    Args:
        signal: Angstrom, where the map's signal has fallen to its noise, or ends. extent: volume that the molecule's
            density fills, Angstrom^3. pixel_size: of the map as it was made, Angstrom.
        finest: Angstrom; the answer is no finer.
    """
    sampled = CHOICES.pixels_per_resolution * pixel_size
    held = resolution_of_number(CHOICES.most_gaussians, extent)
    chosen = float(f"{max(sampled, signal, held, finest):.3g}")
    _LOG.info("resolution %g Å: the coarsest of %g pixels (%.3g Å), where the map's signal has fallen to its noise or "
              "ends (%.3g Å), %.3g Å (finer when asked for), and what %d Gaussians can carry (%.3g Å)", chosen,
              CHOICES.pixels_per_resolution, sampled, signal, finest, CHOICES.most_gaussians, held)
    return chosen


def choose_number(extent: float, resolution: float) -> int:
    """Number of Gaussians for density that fills a volume (Angstrom^3) at a resolution (Angstrom).

    One Gaussian per (0.7 resolution)^3, at least 8 and at most 4,096.
    """
    number = round(extent / (CHOICES.spacing * resolution) ** 3)
    return int(np.clip(number, CHOICES.fewest_gaussians, CHOICES.most_gaussians))


def resolution_of_number(number: int, extent: float) -> float:
    """The resolution (Angstrom) at which choose_number() gives this many."""
    return float((extent / number) ** (1 / 3) / CHOICES.spacing)
