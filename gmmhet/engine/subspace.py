"""Expectation-maximisation for the subspace of motions.

Each pass takes every particle once. The M step is a Newton step with the mean curvature of the particles
in the basis of smooth fields (computed once, from a sample of particles), so its size needs no tuning.
After each pass the coordinates are made of unit variance and the modes rotated so that the mean posterior information
is diagonal, largest first.
"""

import copy
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import scipy.linalg
import tensorflow as tf
from numpy.typing import NDArray

from gmmhet.engine.basis import FieldBasis
from gmmhet.engine.cache import ParticleCache
from gmmhet.engine.curvature import curvature_sums
from gmmhet.engine.latent import ContrastPrior, Posterior, posterior_step, sign_flips
from gmmhet.engine.observation import Batch, LinearModes, Observer, batches, whitening
from gmmhet.engine.progress import progress

__all__ = ["Ensemble", "SubspaceEstimator", "SubspaceModel"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SubspaceModel:
    """Everything the E step needs.

    Attributes:
        centers: [N, 3] Angstrom. weights: [N]. coefficients: [K, R] of the modes in the basis.
        noise: [shells] variance of the real part. contrast_mean, contrast_deviation: prior of the contrast.
    """

    centers: Array
    weights: Array
    coefficients: Array
    noise: Array
    contrast_mean: float
    contrast_deviation: float

    @property
    def n_modes(self) -> int:
        return len(self.coefficients)


@dataclass
class Ensemble:
    """What is known of n particles; rows: their rows in the cache.

    Attributes:
        z: [n, K]. contrast: [n]. covariance: [n, K, K]. information: [K, K] mean J^T J.
        log_likelihood: [n]. contrast_variance: mean posterior variance of the contrast.
    """

    rows: NDArray[np.int64]
    z: Array
    contrast: Array
    covariance: Array = field(default_factory=lambda: np.zeros((0, 0, 0)))
    information: Array = field(default_factory=lambda: np.zeros((0, 0)))
    log_likelihood: Array = field(default_factory=lambda: np.zeros(0))
    contrast_variance: float = 0.0


@dataclass
class _Sums:
    gradient: Array
    power: Array


class SubspaceEstimator:
    """Runs passes over particles of one cache with one basis.

    Attributes:
        flip_seed: not None: residuals from the consensus get random signs, pixel by pixel. Noise keeps its spectrum
            and misfit its size, but nothing concerted is left: the null of the significance test.
    """

    def __init__(self, cache: ParticleCache, observer: Observer, basis: FieldBasis, *, batch_size: int) -> None:
        self.cache = cache
        self.observer = observer
        self.basis = basis
        self.batch_size = batch_size
        self.flip_seed: int | None = None
        self._step = tf.function(self._posterior)
        self._flip = tf.function(self._flipped)
        self._statistics = tf.function(self._gradient_statistics)
        self._curvature = tf.function(self._curvature_of)

    def with_flips(self, seed: int) -> "SubspaceEstimator":
        """The same estimator with random signs of the residuals; it shares the traced graphs."""
        other = copy.copy(self)
        other.flip_seed = seed
        return other

    # -- one pass -------------------------------------------------------------------------------------------

    def pass_over(self, model: SubspaceModel, ensemble: Ensemble, *, gradient: bool, label: str,
                  ) -> tuple[Ensemble, _Sums]:
        """E step for every particle of the ensemble, and the sums that the M step needs."""
        modes, white, prior = self._constants(model)
        k = model.n_modes
        out = Ensemble(ensemble.rows, np.empty_like(ensemble.z), np.empty_like(ensemble.contrast),
                       np.empty((len(ensemble.rows), k, k)), np.zeros((k, k)), np.empty(len(ensemble.rows)))
        sums = _Sums(np.zeros((k + 1, len(model.weights), 4)), np.zeros(len(model.noise)))
        done = 0
        for rows, batch in self._batches(model, ensemble.rows, label):
            span = slice(done, done + len(rows))
            result = self._step(batch, modes, white, _filled(ensemble.z[span], self.batch_size),
                                _filled(ensemble.contrast[span], self.batch_size), prior, gradient)
            out.z[span] = result.z[:len(rows)]
            out.contrast[span] = result.contrast[:len(rows)]
            out.covariance[span] = result.covariance[:len(rows), :k, :k]
            out.log_likelihood[span] = result.log_likelihood[:len(rows)]
            out.contrast_variance += float(np.sum(result.covariance[:len(rows), k, k]))
            out.information += np.einsum("nkl,n->kl", result.information, batch.real)
            sums.gradient += result.gradient.numpy()
            sums.power += result.residual_power.numpy()
            done += len(rows)
        out.information /= max(done, 1)
        out.contrast_variance /= max(done, 1)
        return out, sums

    def _posterior(self, batch: Batch, modes: LinearModes, white: Any, z: Any, contrast: Any, prior: ContrastPrior,
                   gradient: bool) -> Posterior:
        return posterior_step(self.observer, batch, modes, white, z, contrast, prior, gradient=gradient)

    def _batches(self, model: SubspaceModel, rows: NDArray[np.int64], label: str) -> Any:
        total = -(-len(rows) // self.batch_size)
        modes, _, prior = self._constants(replace(model, coefficients=np.zeros((1, self.basis.size))))
        for chosen, batch in progress(batches(self.cache, rows, self.batch_size), label, total):
            if self.flip_seed is not None:
                filled = np.concatenate([chosen, np.repeat(chosen[-1:], self.batch_size - len(chosen))])
                signs = sign_flips(self.flip_seed, filled, self.observer.grid.size)
                batch = self._flip(batch, modes, prior.mean, signs)
            yield chosen, batch

    def _flipped(self, batch: Batch, modes: LinearModes, scale: Any, signs: Any) -> Batch:
        factors = self.observer.factors(batch, modes.centers)
        projection = self.observer.projector.project(factors, modes.weights)
        image = scale * self.observer.transfer(batch, tf.ones([])) * projection
        return batch._replace(planes=image + signs * (batch.planes - image))

    def _constants(self, model: SubspaceModel) -> tuple[LinearModes, Any, ContrastPrior]:
        fields = self.basis.fields(model.coefficients)
        modes = LinearModes(*(tf.constant(a, tf.float32) for a in (
            model.centers, model.weights, fields[..., :3], fields[..., 3])))
        prior = ContrastPrior(*(tf.constant(a, tf.float32) for a in (model.contrast_mean, model.contrast_deviation)))
        return modes, whitening(self.observer.grid, model.noise), prior

    # -- start ----------------------------------------------------------------------------------------------

    def start(self, model: SubspaceModel, rows: NDArray[np.int64], n_modes: int,
              ) -> tuple[SubspaceModel, Array]:
        """Modes from the debiased covariance of the particles' gradients.

        E[g g^T] = H S H + H (DESIGN section 3), so (E[g g^T] - H), whitened by H on both sides, holds S.
        Returns the model with n_modes modes and the eigenvalues (mean information of each direction).
        """
        still = replace(model, coefficients=np.zeros((1, self.basis.size)))
        blank = Ensemble(rows, np.zeros((len(rows), 1)), np.full(len(rows), model.contrast_mean))
        curvature = self.curvature(still, blank, sample=192)[self.basis.size:, self.basis.size:]
        covariance = self._gradient_covariance(model, rows)
        size = self.basis.size
        ridge = np.eye(size) / len(rows)
        lower = np.linalg.cholesky(curvature + ridge)
        excess = scipy.linalg.solve_triangular(lower, covariance - curvature, lower=True)
        excess = scipy.linalg.solve_triangular(lower, excess.T, lower=True)
        values, vectors = np.linalg.eigh((excess + excess.T) / 2)
        values, vectors = values[::-1], vectors[:, ::-1]
        strength = np.sqrt(np.maximum(values[:n_modes], 1e-3))
        coefficients = (scipy.linalg.solve_triangular(lower.T, vectors[:, :n_modes], lower=False) * strength).T
        return replace(model, coefficients=coefficients), values

    def curvature(self, model: SubspaceModel, ensemble: Ensemble, *, sample: int = 128) -> Array:
        """Mean over the particles of <t t^T> (x) B^T J^T J B with t = (z, 1): [(K + 1) R, (K + 1) R]."""
        modes, white, _ = self._constants(model)
        step = max(1, len(ensemble.rows) // sample)
        chosen = np.arange(0, len(ensemble.rows), step)[:sample]
        size, k, r = max(1, self.batch_size // 4), model.n_modes, self.basis.size
        t = np.concatenate([ensemble.z[chosen], np.ones((len(chosen), 1))], axis=1)
        moments = np.einsum("nk,nl->nkl", t, t)
        if len(ensemble.covariance):
            moments[:, :k, :k] += ensemble.covariance[chosen]
        upper = np.triu_indices(k + 1)
        total = np.zeros((len(upper[0]), r, r))
        for start, (rows, batch) in enumerate(batches(self.cache, ensemble.rows[chosen], size)):
            span = slice(start * size, start * size + len(rows))
            arrays = (_filled(a, size) for a in (ensemble.z[chosen][span], ensemble.contrast[chosen][span],
                                                 moments[span][:, upper[0], upper[1]]))
            total += self._curvature(batch, modes, white, *arrays).numpy()
        blocks = np.zeros((k + 1, r, k + 1, r))
        for (i, j), block in zip(zip(*upper, strict=True), total / len(chosen), strict=True):
            blocks[i, :, j], blocks[j, :, i] = block, block.T
        return blocks.reshape((k + 1) * r, (k + 1) * r)

    def _curvature_of(self, batch: Batch, modes: LinearModes, white: Any, z: Any, contrast: Any, moments: Any) -> Any:
        return curvature_sums(self.observer, self.basis, batch, modes, white, z, contrast, moments)

    def _gradient_covariance(self, model: SubspaceModel, rows: NDArray[np.int64]) -> Array:
        modes, white, prior = self._constants(replace(model, coefficients=np.zeros((1, self.basis.size))))
        total = np.zeros((self.basis.size, self.basis.size))
        mean = np.zeros(self.basis.size)
        for _, batch in self._batches(model, rows, "gradients"):
            fields = self._statistics(batch, modes, white, prior)
            g = self.basis.adjoint(fields.numpy().astype(np.float64))
            total += g.T @ g
            mean += g.sum(0)
        mean /= len(rows)
        return total / len(rows) - np.outer(mean, mean)

    def _gradient_statistics(self, batch: Batch, modes: LinearModes, white: Any, prior: ContrastPrior) -> Any:
        """Gradient of every particle's log-likelihood at the consensus, [n, N, 4] (relative amplitude)."""
        factors = self.observer.factors(batch, modes.centers)
        transfer = self.observer.transfer(batch, white)
        base = transfer * self.observer.projector.project(factors, modes.weights)
        data = batch.planes * white
        best = tf.reduce_sum(base * data, [1, 2, 3, 4]) / tf.reduce_sum(base * base, [1, 2, 3, 4])
        n, ratio = tf.reduce_sum(base * base, [1, 2, 3, 4]), 1.0 / prior.deviation**2
        s = ((best * n + prior.mean * ratio) / (n + ratio))[:, tf.newaxis, tf.newaxis, tf.newaxis, tf.newaxis]
        cotangent = (s * transfer * (data - s * base))[:, tf.newaxis]
        pulled = self.observer.pullback(batch, factors, modes.weights, cotangent)[:, 0]
        relative = tf.concat([pulled[..., :3], pulled[..., 3:] * modes.weights[:, tf.newaxis]], -1)
        return relative * batch.real[:, tf.newaxis, tf.newaxis]


def _filled(values: Array, size: int) -> Any:
    out = np.zeros((size, *values.shape[1:]), np.float32)
    out[:len(values)] = values
    out[len(values):] = values[-1:]
    return tf.constant(out)
