"""A mixture of Gaussians of what the coordinates are, from measurements that are each uncertain in their own way.

Expectation-maximisation of extreme deconvolution (Bovy, Hogg and Roweis 2011): component c has mean m and covariance S,
particle i measures a place x drawn from it with covariance V_i. A cluster is then as wide as its particles differ, not
as they are uncertain, and a particle of which little is known goes where most are.
"""

import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from gmmhet.engine.reconstruction.settings import MIXTURE

__all__ = ["Uncertainty", "deconvolved_mixture", "mixture_labels"]

_AT_ONCE = 20_000  # particles

Array = NDArray[np.float64]
#: posterior covariances [n, K, K], or standard deviations [n, K]
Uncertainty = NDArray[np.float32] | NDArray[np.float64]


def mixture_labels(coordinates: Array, uncertainty: Uncertainty, components: int, seed: int,
                   ) -> NDArray[np.int64]:
    """[n] the likeliest component of every particle, from 0.

    Args:
        coordinates: [n, K] posterior means, under a prior of mean 0 and the variances that means and posteriors
            together have. uncertainty: the posterior covariances [n, K, K], or standard deviations [n, K] where no
            more is known; 0: exact.
    """
    places, measured = _measurements(coordinates, uncertainty)
    return _labels(places, measured, *_fitted(coordinates, places, measured, components, seed))


def _measurements(coordinates: Array, uncertainty: Uncertainty) -> tuple[Array, NDArray[np.float32]]:
    """What the data alone say, [n, K], and its covariances, [n, K, K].

    With prior P and posterior M, the data's own precision is M^-1 - P^-1; in units in which P is 1, that divides each
    principal variance m of M by 1 - m.
    """
    n, modes = coordinates.shape
    variances = np.square(uncertainty) if uncertainty.ndim == 2 else np.einsum("nkk->nk", uncertainty)
    scale = np.sqrt(np.maximum(np.square(coordinates).mean(axis=0) + variances.mean(axis=0, dtype=np.float64), 1e-12))
    places, covariances = np.empty((n, modes)), np.empty((n, modes, modes), np.float32)
    for start in range(0, n, _AT_ONCE):
        span = slice(start, start + _AT_ONCE)
        own = (uncertainty[span] if uncertainty.ndim == 3 else variances[span, :, None] * np.eye(modes))
        shares, axes = np.linalg.eigh(own / np.multiply.outer(scale, scale))
        shares = np.clip(shares, 0, MIXTURE.unknown)
        along = np.einsum("nkl,nk->nl", axes, coordinates[span] / scale) / (1 - shares)
        places[span] = scale * np.einsum("nkl,nl->nk", axes, along)
        covariances[span] = np.einsum("nkl,nl,nml->nkm", axes, shares / (1 - shares), axes) * np.multiply.outer(scale,
                                                                                                            scale)
    return places, covariances


def deconvolved_mixture(coordinates: Array, uncertainty: Uncertainty, components: int, seed: int,
                        ) -> tuple[Array, Array, Array]:
    """Weights [C], means [C, K] and covariances [C, K, K] of the components; arguments as of mixture_labels."""
    return _fitted(coordinates, *_measurements(coordinates, uncertainty), components, seed)


def _fitted(coordinates: Array, places: Array, measured: NDArray[np.float32], components: int, seed: int,
            ) -> tuple[Array, Array, Array]:
    """Expectation-maximisation from a mixture of the posterior means."""
    with warnings.catch_warnings():  # of fewer places than components; who needs all of them tells that some are empty
        warnings.simplefilter("ignore", ConvergenceWarning)
        first = GaussianMixture(components, random_state=seed, reg_covar=MIXTURE.least_variance).fit(coordinates)
    weights, means, covariances = first.weights_, first.means_, first.covariances_
    before = -np.inf
    for _ in range(MIXTURE.passes):
        total, sums = 0.0, _Sums(components, coordinates.shape[1])
        for start in range(0, len(places), _AT_ONCE):
            span = slice(start, start + _AT_ONCE)
            parts = [_of_component(places[span], measured[span], means[c], covariances[c]) for c in range(components)]
            joint = np.log(weights) + np.stack([p[0] for p in parts], axis=1)
            top = joint.max(axis=1)
            evidence = top + np.log(np.exp(joint - top[:, None]).sum(axis=1))
            total += float(evidence.sum())
            shares = np.exp(joint - evidence[:, None])
            for c, (_, expected, spread) in enumerate(parts):
                sums.add(c, shares[:, c], expected, spread)
        weights, means, covariances = sums.maximise()
        if total / len(places) < before + MIXTURE.converged:
            break
        before = total / len(places)
    return weights, means, covariances


def _labels(places: Array, measured: NDArray[np.float32], weights: Array, means: Array, covariances: Array,
            ) -> NDArray[np.int64]:
    found = [np.zeros(0, np.int64)]
    for start in range(0, len(places), _AT_ONCE):
        span = slice(start, start + _AT_ONCE)
        joint = np.log(weights) + np.stack([_of_component(places[span], measured[span], m, s)[0]
                                            for m, s in zip(means, covariances, strict=True)], axis=1)
        found.append(joint.argmax(axis=1))
    return np.concatenate(found)


def _of_component(places: Array, measured: NDArray[np.float32], mean: Array, covariance: Array,
                  ) -> tuple[Array, Array, Array]:
    """Log-density [b] of the measurements under a component; expected true place [b, K], its covariance [b, K, K]."""
    modes = len(mean)
    total = covariance + measured
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
        return count / count.sum(), means, covariances + MIXTURE.least_variance * np.eye(means.shape[1])
