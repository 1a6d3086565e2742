"""A mixture of Gaussians of what the coordinates are, from measurements that are each uncertain in their own way.

Expectation-maximisation of extreme deconvolution (Bovy, Hogg and Roweis 2011): component c has mean m and covariance S,
particle i measures a place x drawn from it with variances V_i. A cluster is then as wide as its particles differ, not
as they are uncertain, and a particle of which little is known goes where most are.
"""

import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

__all__ = ["deconvolved_mixture", "mixture_labels"]

_PASSES, _SETTLED = 60, 1e-4  # log-likelihood per particle
_LEAST = 1e-4  # variance of a component
_VAGUE = 0.99  # posterior variance over the prior's, beyond which a coordinate is as good as unknown
_AT_ONCE = 20_000  # particles

Array = NDArray[np.float64]


def mixture_labels(coordinates: Array, deviations: Array, components: int, seed: int) -> NDArray[np.int64]:
    """[n] the likeliest component of every particle, from 0.

    Args:
        coordinates, deviations: [n, K] posterior means and standard deviations, under a prior of mean 0 and the
            variance that both together have; deviations of 0: exact.
    """
    places, variances = _measurements(coordinates, deviations)
    return _labels(places, variances, *deconvolved_mixture(coordinates, deviations, components, seed))


def _measurements(coordinates: Array, deviations: Array) -> tuple[Array, Array]:
    """[n, K] what the data alone say, and its variances."""
    prior = np.maximum(np.square(coordinates).mean(axis=0) + np.square(deviations).mean(axis=0), 1e-12)
    share = np.minimum(np.square(deviations) / prior, _VAGUE)
    return coordinates / (1 - share), prior * share / (1 - share)


def deconvolved_mixture(coordinates: Array, deviations: Array, components: int, seed: int,
                        ) -> tuple[Array, Array, Array]:
    """Weights [C], means [C, K] and covariances [C, K, K] of the components; arguments as of mixture_labels."""
    places, variances = _measurements(coordinates, deviations)
    with warnings.catch_warnings():  # of fewer places than components; who needs all of them tells that some are empty
        warnings.simplefilter("ignore", ConvergenceWarning)
        first = GaussianMixture(components, random_state=seed, reg_covar=_LEAST).fit(coordinates)
    weights, means, covariances = first.weights_, first.means_, first.covariances_
    before = -np.inf
    for _ in range(_PASSES):
        total, sums = 0.0, _Sums(components, coordinates.shape[1])
        for start in range(0, len(places), _AT_ONCE):
            span = slice(start, start + _AT_ONCE)
            parts = [_of_component(places[span], variances[span], means[c], covariances[c]) for c in range(components)]
            joint = np.log(weights) + np.stack([p[0] for p in parts], axis=1)
            top = joint.max(axis=1)
            evidence = top + np.log(np.exp(joint - top[:, None]).sum(axis=1))
            total += float(evidence.sum())
            shares = np.exp(joint - evidence[:, None])
            for c, (_, expected, spread) in enumerate(parts):
                sums.add(c, shares[:, c], expected, spread)
        weights, means, covariances = sums.maximise()
        if total / len(places) < before + _SETTLED:
            break
        before = total / len(places)
    return weights, means, covariances


def _labels(places: Array, variances: Array, weights: Array, means: Array, covariances: Array) -> NDArray[np.int64]:
    found = [np.zeros(0, np.int64)]
    for start in range(0, len(places), _AT_ONCE):
        span = slice(start, start + _AT_ONCE)
        joint = np.log(weights) + np.stack([_of_component(places[span], variances[span], m, s)[0]
                                            for m, s in zip(means, covariances, strict=True)], axis=1)
        found.append(joint.argmax(axis=1))
    return np.concatenate(found)


def _of_component(places: Array, variances: Array, mean: Array, covariance: Array) -> tuple[Array, Array, Array]:
    """Log-density [b] of the measurements under a component; expected true place [b, K], its covariance [b, K, K]."""
    modes = len(mean)
    total = covariance + variances[:, :, None] * np.eye(modes)
    gain = np.swapaxes(np.linalg.solve(total, np.broadcast_to(covariance, total.shape)), 1, 2)
    offset = places - mean
    solved = np.linalg.solve(total, offset[:, :, None])[:, :, 0]
    log_density = -0.5 * ((offset * solved).sum(axis=1) + np.linalg.slogdet(total)[1] + modes * np.log(2 * np.pi))
    return log_density, mean + np.einsum("bkl,bl->bk", gain, offset), covariance - gain @ covariance


class _Sums:
    """Moments of the components, and what they say."""

    def __init__(self, components: int, modes: int) -> None:
        self._count = np.zeros(components)
        self._first = np.zeros((components, modes))
        self._second = np.zeros((components, modes, modes))

    def add(self, component: int, shares: Array, expected: Array, spread: Array) -> None:
        self._count[component] += shares.sum()
        self._first[component] += shares @ expected
        self._second[component] += np.einsum("b,bk,bl->kl", shares, expected, expected) + np.einsum(
            "b,bkl->kl", shares, spread)

    def maximise(self) -> tuple[Array, Array, Array]:
        """Weights [C] (> 0), means [C, K], covariances [C, K, K]."""
        count = np.maximum(self._count, 1e-9)
        means = self._first / count[:, None]
        covariances = self._second / count[:, None, None] - np.einsum("ck,cl->ckl", means, means)
        return count / count.sum(), means, covariances + _LEAST * np.eye(means.shape[1])
