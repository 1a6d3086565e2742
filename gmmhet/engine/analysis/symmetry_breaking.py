"""Do the subunits of a symmetric molecule differ? A test of the means and variances of their coordinates."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import f as f_distribution

__all__ = ["Asymmetry", "asymmetry"]

Array = NDArray[np.float64]
_CHANCE = 1e-3  # below it, and with a difference of this size (of the standard deviation of a coordinate), words say so
_NOTABLE = 0.1


@dataclass(frozen=True)
class Asymmetry:
    """Attributes:
        statistic: Hotelling's T^2. p_value: of no difference; both NaN where particles are too few to tell, or there
        are no modes.
        mean, variance: [G, K] of the coordinates of each subunit over the particles; variance with what is not known.
    """

    statistic: float
    p_value: float
    mean: Array
    variance: Array

    @property
    def n_modes(self) -> int:
        return int(self.mean.shape[1])

    def entry(self) -> dict[str, Any]:
        """summary.json's ``symmetry.broken``."""
        return {"statistic": self.statistic, "p_value": self.p_value, "mean": self.mean.tolist(),
                "variance": self.variance.tolist(), "words": self.words()}

    def words(self) -> str:
        """For a reader who wants to know whether the symmetry holds."""
        if not self.n_modes:
            return "No motion of a subunit is supported, so that nothing can be said of differences between them."
        if not np.isfinite(self.p_value):
            return "Whether the subunits differ cannot be told from so few particles."
        chance = f"p = {self.p_value:.2g}" if self.p_value >= _CHANCE else f"p < {_CHANCE:g}"
        off = np.abs(self.mean - self.mean.mean(axis=0))
        spread = np.abs(np.sqrt(np.maximum(self.variance / self.variance.mean(axis=0), 0)) - 1)
        largest = max(float(off.max()), float(spread.max()))
        if self.p_value >= _CHANCE:
            return ("The symmetry holds on average: the subunits' coordinates have the same mean and spread within "
                    f"what the particles tell ({chance}).")
        if largest < _NOTABLE:
            return (f"The subunits differ more than chance explains ({chance}), but by less than {_NOTABLE:g} of a "
                    "coordinate's spread: too little to call the symmetry broken.")
        which = np.unravel_index(int(np.argmax(np.maximum(off, spread))), off.shape)
        what = (f"its mean is off by {off[which]:.2f} of the spread" if off[which] >= spread[which] else
                f"its spread is {np.sqrt(self.variance[which] / self.variance.mean(axis=0)[which[1]]):.2f} of the "
                "others'")
        return (f"The symmetry is broken: the subunits differ ({chance}), most of all subunit {which[0] + 1} along "
                f"mode {which[1] + 1}: {what}. A refinement without symmetry, or of chosen particles, would show it.")


def asymmetry(coordinates: Array, deviations: Array) -> Asymmetry:
    """Whether all subunits have the same mean and variance of their coordinates.

    z and z^2 + sd^2 estimate mean and second moment of the true coordinate without bias where the prior, the same for
    all, is right. Their differences between subunits have mean zero if the subunits are alike; Hotelling's T^2 over
    the particles, of which each is one independent draw of all subunits, tests it.

    Args:
        coordinates, deviations: [n, G, K] posterior means and standard deviations; G > 1.
    """
    n, k = len(coordinates), coordinates.shape[2]
    second = coordinates**2 + deviations**2
    mean = coordinates.mean(axis=0)
    variance = second.mean(axis=0) - mean**2
    both = np.concatenate([coordinates, second], axis=2)  # [n, G, 2 K]
    contrasts = (both[:, 1:] - both.mean(axis=1, keepdims=True)[:, :1]).reshape(n, -1)
    size = contrasts.shape[1]
    if k == 0 or n < 2 * size:
        return Asymmetry(float("nan"), float("nan"), mean, variance)
    off = contrasts.mean(axis=0)
    statistic = float(n * off @ np.linalg.solve(np.cov(contrasts.T), off))
    p_value = float(f_distribution.sf(statistic * (n - size) / (size * (n - 1)), size, n - size))
    return Asymmetry(statistic, p_value, mean, variance)
