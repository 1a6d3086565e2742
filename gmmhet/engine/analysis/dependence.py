"""How much of a coordinate's variance something else explains, and whether by chance: regressions and group means.

Coordinates are posterior means, which shrink towards 0 where images hold less information: E[mean | z] = (1 - s^2 /
v) z for a posterior of standard deviation s under a prior of mean square v. So y = mean / (1 - s^2 / v), which is
right on average whatever s, is what is looked at, each with the weight 1 - s^2 / v, which makes its variance the same
for all.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import f as f_distribution

from gmmhet.engine.analysis.settings import DEPENDENCE

__all__ = ["Coordinate", "Dependence", "on_groups", "on_terms"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Coordinate:
    """One coordinate of n particles.

    Attributes:
        value: [n] posterior means, made free of shrinkage. weight: [n] of each. variance: of the coordinate itself over
            the particles (of the means, and the mean posterior variance).
    """

    value: Array
    weight: Array
    variance: float

    @classmethod
    def from_posterior(cls, mean: Array, deviation: Array) -> "Coordinate":
        """Of posterior means and standard deviations [n]; deviations of 0 where the means are not shrunk.

        The prior's mean square is that of the posteriors, mean(mean^2 + s^2), as it is once a model has been fitted.
        """
        prior = max(float(np.mean(mean**2 + deviation**2)), 1e-300)
        weight = np.clip(1 - deviation**2 / prior, DEPENDENCE.least_weight, 1.0)
        return cls(mean / weight, weight, float(np.var(mean) + np.mean(deviation**2)))


@dataclass(frozen=True)
class Dependence:
    """How a coordinate depends on a variable.

    Attributes:
        share: of the coordinate's variance that depends on the variable, beyond what noise gives; 0..1.
        p_value: of so much by chance. degrees: numerator and denominator of its F distribution.
        noise: share that noise gives on average. fitted: [n] mean of the coordinate at each particle's variable.
    """

    share: float
    p_value: float
    degrees: tuple[int, int]
    noise: float
    fitted: Array

    def detectable(self, level: float) -> float:
        """Share beyond which the p value falls below level."""
        return float(self.noise * max(f_distribution.isf(level, *self.degrees) - 1, 0.0))


def on_terms(coordinate: Coordinate, terms: Array) -> Dependence | None:
    """Regression of a coordinate on terms [n, q]; None where the terms do not vary.

    The p value is the larger of two: of the F test, which is exact where all weighted particles vary alike, and of
    Wald's test with a variance for every particle (HC3, MacKinnon and White 1985), since particles of some views may
    spread more without lying elsewhere. The second alone finds too much where terms are many.
    """
    w = coordinate.weight
    scaled = terms - np.average(terms, axis=0, weights=w)
    scaled = scaled / np.maximum(scaled.std(0), 1e-12)
    rooted = scaled * np.sqrt(w)[:, None]
    values, vectors = np.linalg.eigh(rooted.T @ rooted)
    kept = values > DEPENDENCE.least_rank * max(values[-1], len(w) * DEPENDENCE.least_rank)
    rank, n = int(kept.sum()), len(w)
    if not rank or n - rank - 1 < 1:
        return None
    turn = vectors[:, kept] / np.sqrt(values[kept])
    q = rooted @ turn
    middle = float(np.average(coordinate.value, weights=w))
    target = np.sqrt(w) * (coordinate.value - middle)
    found = q.T @ target
    left = 1 - np.minimum((q**2).sum(1) + w / w.sum(), DEPENDENCE.most_leverage)
    residual = target - q @ found
    degrees = (rank, n - rank - 1)
    weighted = q * (residual / left)[:, None]
    spread = weighted.T @ weighted
    variance = max(float(residual @ residual), 1e-300) / degrees[1]
    robust = float(found @ np.linalg.lstsq(spread, found, rcond=None)[0])
    f = min(float(found @ found) / variance, robust) / rank
    free = scaled @ turn
    metric = np.cov(free.T, bias=True).reshape(rank, rank)
    noise = float(np.trace(metric @ spread)) / coordinate.variance
    share = float(found @ metric @ found) / coordinate.variance - noise
    return Dependence(min(max(share, 0.0), 1.0), float(f_distribution.sf(f, *degrees)), degrees, noise,
                      middle + free @ found)


def on_groups(coordinate: Coordinate, labels: NDArray[np.int64], *, smallest: int = 2) -> Dependence | None:
    """One-way analysis of variance of a coordinate between groups (Fisher 1925).

    Args:
        labels: [n] a number for each group; negative ones are of no group.
        smallest: groups of fewer particles are left out.
    Returns:
        None where fewer than two groups are left.
    """
    group = np.unique(labels, return_inverse=True)[1].reshape(-1)
    used = (labels >= 0) & (np.bincount(group)[group] >= smallest)
    group = np.unique(group[used], return_inverse=True)[1].reshape(-1)
    count = np.bincount(group)
    between, within = len(count) - 1, len(group) - len(count)
    if between < 1 or within < 1:
        return None
    w, y = coordinate.weight[used], coordinate.value[used]
    total = np.bincount(group, w)
    means = np.bincount(group, w * y) / total
    variance = float(w @ (y - means[group]) ** 2) / within
    if variance <= 0:
        return None
    f = float(total @ (means - np.average(means, weights=total)) ** 2) / between / variance
    part = count / count.sum()
    noise = variance * float(np.sum(part * (1 - part) / total)) / coordinate.variance
    share = float(part @ (means - part @ means) ** 2) / coordinate.variance - noise
    fitted = np.full(len(labels), float(part @ means))
    fitted[used] = means[group]
    return Dependence(min(max(share, 0.0), 1.0), float(f_distribution.sf(f, between, within)), (between, within),
                      noise, fitted)
