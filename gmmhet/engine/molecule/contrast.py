"""The sign of the contrast, by one rule for check, fit and analysis: particles against the molecule, against chance."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.molecule.settings import CONTRAST

__all__ = ["Contrast", "contrast_of", "disagree"]


@dataclass(frozen=True)
class Contrast:
    """given: mean score of the particles at their poses. chance: largest at shuffled ones, either way."""

    given: float
    chance: float

    @property
    def certain(self) -> bool:
        """Whether particles agree with the molecule beyond chance, bright or dark."""
        return abs(self.given) > self.chance

    @property
    def sign(self) -> int:
        """-1 where contrast is surely inverted, else 1."""
        return -1 if self.given < 0 and self.certain else 1


def contrast_of(given: float, shuffled: Sequence[float] | NDArray[np.floating[Any]]) -> Contrast:
    """Contrast by the mean score of particles and molecule at given and at shuffled poses."""
    return Contrast(float(given), float(np.abs(shuffled).max(initial=0.0)))


def disagree(first: Contrast, second: Contrast, *, same_score: bool) -> bool:
    """Whether two judgements contradict each other.

    Args:
        same_score: of one measure, so that their sizes may be compared: the second is less than half of the first.
    """
    if not first.certain:
        return False
    lost = same_score and second.given * np.sign(first.given) < CONTRAST.least_share * abs(first.given)
    return bool(lost or (second.certain and first.sign != second.sign))
