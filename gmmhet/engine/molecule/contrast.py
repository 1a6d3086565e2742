"""The sign of the contrast, by one rule for check, fit and analysis: particles against the molecule, against chance.

Also whether some images of a set have the other sign than the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from gmmhet.engine.molecule.settings import CONTRAST, MIXED_CONTRAST

__all__ = ["Contrast", "contrast_of", "disagree", "mixed_signs"]

Array = NDArray[np.float64]
_ROUNDS = 200


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


def mixed_signs(own: Array, others: Array) -> NDArray[np.int64] | None:
    """[n] 1 or -1 where the contrast of a set is mixed; None where it has one sign, or it cannot be decided.

    Correlations with the map are then m or -m with one spread. This has to explain them better than one sign with a
    share of images without any signal, and than one normal distribution; or, where the spread hides m, correlations
    have to be larger in size at the particles' own poses than at others', but not in the mean.

    Args:
        own: [n] correlation of each particle at its own pose. others: [n] at the pose of another one.
    """
    n = len(own)
    least = max(MIXED_CONTRAST.smallest_share * n, MIXED_CONTRAST.fewest)
    signs = np.where(own >= 0, 1, -1).astype(np.int64)
    if n < 2 or min((signs > 0).sum(), (signs < 0).sum()) < least or not np.ptp(own) > 0:
        return None
    two_signs, share = _fit(own, -1.0)
    with_noise, _ = _fit(own, 0.0)
    alone = float(stats.norm.logpdf(own, own.mean(), own.std()).sum())
    if two_signs - max(with_noise, alone) > MIXED_CONTRAST.evidence:
        return signs if min(share, 1 - share) * n >= least else None
    size, chance = np.abs(own), np.abs(others)
    error = float(np.hypot(size.std(), chance.std())) / np.sqrt(n)
    stronger = float(size.mean() - chance.mean()) > MIXED_CONTRAST.deviations * error
    return signs if stronger and abs(float(own.mean())) < abs(float(others.mean())) + error else None


def _fit(values: Array, other: float) -> tuple[float, float]:
    """Largest log-likelihood of (1 - q) N(m, s^2) + q N(other m, s^2), and q; by expectation maximisation."""
    middle = float(np.abs(values).mean()) * (1.0 if other < 0 else np.sign(values.mean()) or 1.0)
    share, spread = 0.5 if other < 0 else 0.2, float(values.std())
    likelihood = -np.inf
    for _ in range(_ROUNDS):
        first = np.log1p(-share) + stats.norm.logpdf(values, middle, spread)
        second = np.log(share) + stats.norm.logpdf(values, other * middle, spread)
        total = np.logaddexp(first, second)
        before, likelihood = likelihood, float(total.sum())
        if likelihood - before < 1e-6:
            break
        weight = np.exp(second - total)
        own_weight = (1 - weight).sum() + other**2 * weight.sum()
        middle = float(((1 - weight) * values + other * weight * values).sum() / max(own_weight, 1e-12))
        squares = (1 - weight) * (values - middle) ** 2 + weight * (values - other * middle) ** 2
        spread = max(float(np.sqrt(squares.mean())), 1e-9)
        share = float(np.clip(weight.mean(), 1e-9, 1 - 1e-9))
    return likelihood, share
