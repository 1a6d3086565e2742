"""Coordinates under a prior that is estimated from the data, in place of a normal one.

The posterior of a particle in analysis.npz, N(z, M), takes coordinates to be normal, N(0, 1), before its image is seen.
Where particles gather in a few states, or at the ends of a path, that draws the less certain ones towards a middle in
which hardly any is. Here the prior is a mixture of many narrow normal ones of equal width h, sum_a p_a N(a, h^2), whose
shares p are those of largest likelihood (Kiefer and Wolfowitz 1956; an empirical Bayes estimate, Efron 2014), and whose
width is the one under which the particles of the other half-set are most likely. The likelihood of a particle is what
is left of its posterior once the normal prior is taken off: exp(p . z' - z'^T L z' / 2), L = M^-1 - 1 and p = M^-1 z.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.analysis.settings import EMPIRICAL_PRIOR
from gmmhet.engine.latent_space.likelihoods import Likelihoods
from gmmhet.engine.subspace.mode_selection import significant

__all__ = ["EmpiricalPosterior", "empirical_posterior"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class EmpiricalPosterior:
    """Coordinates under the prior estimated from the data.

    Attributes:
        mean, deviation: [n, K] of the posterior under the mixture. width: h.
        gain, error: held-out log-likelihood per particle over that of the normal prior, and its standard error.
        better: whether that is beyond chance.
    """

    mean: Array
    deviation: Array
    width: float
    gain: float
    error: float
    better: bool


@dataclass(frozen=True)
class _Mixture:
    """sum_a shares_a N(centers_a, width^2)."""

    centers: Array
    shares: Array
    width: float

    @classmethod
    def learned(cls, some: Likelihoods, centers: Array, width: float) -> "_Mixture":
        """Shares of largest likelihood, by expectation-maximisation from equal ones."""
        blurred, _ = some.blurred(width)
        logs = blurred.logs(centers)
        top = logs.max(axis=1, keepdims=True)
        heights = np.exp(logs - top)
        shares, before = np.full(len(centers), 1 / len(centers)), -np.inf
        for _ in range(EMPIRICAL_PRIOR.passes):
            total = heights @ shares
            told = float(np.log(total).mean())
            if told < before + EMPIRICAL_PRIOR.enough:
                break
            before = told
            shares = shares * (heights.T @ (1 / total)) / len(total)
        return cls(centers, shares, width)

    def log_likelihoods(self, some: Likelihoods) -> Array:
        """[n] log of the mean likelihood."""
        blurred, constant = some.blurred(self.width)
        parts = [self._weighed(blurred.at(part))[1] for part in self._parts(len(constant))]
        return np.asarray(np.concatenate(parts) + constant)

    def posterior(self, some: Likelihoods) -> tuple[Array, Array]:
        """Means and standard deviations [n, K]."""
        blurred, _ = some.blurred(self.width)
        k = some.pull.shape[1]
        narrow = np.linalg.inv(some.precision + np.eye(k) / self.width**2)
        mean, second = np.empty(some.pull.shape), np.empty(narrow.shape)
        for part in self._parts(len(mean)):
            weights, _ = self._weighed(blurred.at(part))
            mean[part] = weights @ self.centers
            squares = np.einsum("ak,al->akl", self.centers, self.centers).reshape(len(self.centers), -1)
            second[part] = (weights @ squares).reshape(-1, k, k) - np.einsum("nk,nl->nkl", mean[part], mean[part])
        slope = narrow / self.width**2
        covariance = narrow + slope @ second @ slope
        mean = np.einsum("nab,nb->na", narrow, some.pull) + np.einsum("nab,nb->na", slope, mean)
        return mean, np.sqrt(np.einsum("naa->na", covariance))

    def _weighed(self, blurred: Likelihoods) -> tuple[Array, Array]:
        """[n, A] posterior shares of the centres, and [n] log of the sum that they are of."""
        logs = blurred.logs(self.centers) + np.log(np.maximum(self.shares, 1e-300))
        top = logs.max(axis=1, keepdims=True)
        weights = np.exp(logs - top)
        total = weights.sum(axis=1, keepdims=True)
        return np.asarray(weights / total), np.asarray((top + np.log(total))[:, 0])

    def _parts(self, count: int) -> list[slice]:
        step = max(1, EMPIRICAL_PRIOR.at_once // len(self.centers))
        return [slice(start, start + step) for start in range(0, count, step)]


def empirical_posterior(coordinates: Array, covariance: NDArray[Any], halves: NDArray[np.int64], *, seed: int = 0,
                        ) -> EmpiricalPosterior:
    """Coordinates under the mixture that is estimated from the particles.

    Args:
        coordinates, covariance: posteriors N(z [n, K], M [n, K, K]) under the prior N(0, 1). halves: [n] 1 or 2.
    """
    every = Likelihoods.of(coordinates, covariance)
    rng = np.random.default_rng(seed)
    halved = tuple(np.flatnonzero(halves == half) for half in (1, 2))
    some = tuple(rng.permutation(rows)[:EMPIRICAL_PRIOR.learned_from // 2] for rows in halved)
    own = tuple(_centers(coordinates[rows], covariance[rows], rng) for rows in some)
    normal = np.concatenate([every.at(rows).under_normal() for rows in some])

    def rise(width: float) -> Array:
        """[n'] of held-out particles: each half under the mixture of the other."""
        told = [_Mixture.learned(every.at(some[1 - i]), own[1 - i], width).log_likelihoods(every.at(some[i]))
                for i in (0, 1)]
        return np.asarray(np.concatenate(told) - normal)

    rises = [rise(width) for width in EMPIRICAL_PRIOR.widths]
    best = int(np.argmax([r.mean() for r in rises]))
    gain, error = float(rises[best].mean()), float(rises[best].std() / np.sqrt(len(normal)))
    both, width = np.concatenate(some), EMPIRICAL_PRIOR.widths[best]
    mixture = _Mixture.learned(every.at(both), _centers(coordinates[both], covariance[both], rng), width)
    mean, deviation = mixture.posterior(every)
    better = bool(significant(gain, error, 0.0))
    return EmpiricalPosterior(mean, deviation, width, gain, error, better)


def _centers(coordinates: Array, covariance: NDArray[Any], rng: np.random.Generator) -> Array:
    """[A, K] of a mixture: places of some particles, drawn from their posteriors."""
    chosen = rng.permutation(len(coordinates))[:EMPIRICAL_PRIOR.centers]
    root = np.linalg.cholesky(covariance[chosen].astype(np.float64))
    draws = rng.normal(size=(len(chosen), root.shape[1]))
    return np.asarray(coordinates[chosen] + np.einsum("nab,nb->na", root, draws))
