"""Two states along one coordinate: where they are, and what share of the particles is in each, with errors.

The coordinates are p N(b, s^2) + (1 - p) N(a, s^2). Each particle enters with the likelihood of its image, so that one
whose view hides the difference counts for neither state: the share is not that of the particles that are sorted. Errors
follow from the scores of the particles (the empirical Fisher information).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.latent_space.likelihoods import Likelihoods
from gmmhet.engine.latent_space.settings import TWO_STATES

__all__ = ["TwoStates", "two_states"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class TwoStates:
    """Attributes:
        low, high: coordinates of the states. width: standard deviation within each.
        share: of the particles in the higher state. error: its standard error. gain: log-likelihood of all particles
            over that of one normal distribution.
    """

    low: float
    high: float
    width: float
    share: float
    error: float
    gain: float
    n: int

    @property
    def apart(self) -> bool:
        """Whether there are two states rather than one spread: the likelihood says so by the Bayesian information
        criterion (Schwarz 1978), and they are farther apart than they are wide."""
        return (self.gain > np.log(max(self.n, 2)) and self.error < TWO_STATES.largest_error
                and self.high - self.low > TWO_STATES.apart * self.width)


def two_states(coordinates: Array, variances: Array) -> TwoStates:
    """The two states of largest likelihood.

    Args:
        coordinates, variances: [n] posteriors N(z, M) under the prior N(0, 1).
    """
    some = Likelihoods.of(coordinates[:, None], variances[:, None, None])
    pull, precision = some.pull[:, 0], some.precision[:, 0, 0]
    middle, spread = float(coordinates.mean()), float(np.sqrt(coordinates.var() + variances.mean()))
    found = [_climbed(pull, precision, np.array([share, middle - spread * np.sqrt(share / (1 - share)),
                                                 middle + spread * np.sqrt((1 - share) / share),
                                                 TWO_STATES.first_width * spread]), TWO_STATES.first_passes)
             for share in TWO_STATES.starts]
    likeliest = max(found, key=lambda p: float(_logs(pull, precision, p).sum()))
    best = _climbed(pull, precision, likeliest, TWO_STATES.passes)
    one = _one_normal(pull, precision, middle, spread)
    gain = float(_logs(pull, precision, best).sum() - one)
    return TwoStates(low=float(best[1]), high=float(best[2]), width=float(best[3]), share=float(best[0]),
                     error=_error(pull, precision, best), gain=gain, n=len(pull))


def _state_logs(pull: Array, precision: Array, center: float, width: float) -> Array:
    """[n] log of the mean likelihood under N(center, width^2)."""
    spread = 1 + width**2 * precision
    return np.asarray((pull * center - precision * center**2 / 2 + width**2 * pull**2 / 2) / spread
                      - np.log(spread) / 2)


def _logs(pull: Array, precision: Array, parameters: Array) -> Array:
    """[n] log of the mean likelihood under two states: share, low, high, width."""
    share, low, high, width = parameters
    return np.asarray(np.logaddexp(np.log1p(-share) + _state_logs(pull, precision, low, width),
                                   np.log(share) + _state_logs(pull, precision, high, width)))


def _climbed(pull: Array, precision: Array, parameters: Array, passes: int) -> Array:
    """Expectation-maximisation."""
    share, low, high, width = (float(value) for value in parameters)
    before = -np.inf
    for _ in range(passes):
        lower = _state_logs(pull, precision, low, width)
        ratio = np.log(share) - np.log1p(-share) + _state_logs(pull, precision, high, width) - lower
        now = float((lower + np.log1p(-share) + np.logaddexp(0, ratio)).mean())
        if now < before + TWO_STATES.enough:
            break
        before = now
        upper = 1 / (1 + np.exp(-np.clip(ratio, -500, 500)))
        variance = 1 / (precision + 1 / width**2)
        means = [variance * (pull + center / width**2) for center in (low, high)]
        low, high = (float(weights @ mean / max(weights.sum(), 1e-9)) for weights, mean in
                     zip((1 - upper, upper), means, strict=True))
        squares = ((1 - upper) * ((means[0] - low) ** 2 + variance) + upper * ((means[1] - high) ** 2 + variance))
        width = float(np.clip(np.sqrt(squares.mean()), TWO_STATES.least_width, None))
        share = float(np.clip(upper.mean(), TWO_STATES.least_share, 1 - TWO_STATES.least_share))
    return np.array([share, low, high, width] if low <= high else [1 - share, high, low, width])


def _one_normal(pull: Array, precision: Array, middle: float, spread: float) -> float:
    """Largest log-likelihood of all particles under one normal distribution."""
    width = spread
    for _ in range(TWO_STATES.passes):
        variance = 1 / (precision + 1 / width**2)
        means = variance * (pull + middle / width**2)
        middle = float(means.mean())
        new = max(float(np.sqrt(((means - middle) ** 2 + variance).mean())), TWO_STATES.least_width)
        settled, width = abs(new - width) < TWO_STATES.enough * width, new
        if settled:
            break
    return float(_state_logs(pull, precision, middle, width).sum())


def _error(pull: Array, precision: Array, best: Array) -> float:
    """Standard error of the share, whatever the other parameters are."""
    share, low, high, width = best
    steps = np.array([TWO_STATES.step * min(share, 1 - share), *(TWO_STATES.step * max(high - low, width),) * 2,
                      TWO_STATES.step * width])
    scores = []
    for i, step in enumerate(steps):
        change = np.zeros(4)
        change[i] = step
        scores.append((_logs(pull, precision, best + change) - _logs(pull, precision, best - change)) / (2 * step))
    information = np.stack(scores) @ np.stack(scores).T
    scale = 1 / np.sqrt(np.maximum(np.diag(information), 1e-300))
    covariance = np.linalg.pinv(information * np.outer(scale, scale), rcond=1e-10) * np.outer(scale, scale)
    return float(min(np.sqrt(max(covariance[0, 0], 0.0)), 1.0))
