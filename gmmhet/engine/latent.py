"""Posterior of the latent coordinates of particles, and what the M step needs of it.

Model of a whitened image: y = s T F(z) + noise of unit variance, T = CTF / noise, F the projection of the
Gaussians at z, with z ~ N(0, I) and s ~ N(s0, tau^2). One call makes one damped Gauss-Newton step from the given
(z, s) and the Laplace approximation there: with J = d(s T F)/dz, mu = T F and L = [J mu],

    (L^T L + P) delta = L^T r - P (t - t0),     covariance M = (L^T L + P)^-1,     P = diag(1, .., 1, 1/tau^2)

(DESIGN: E step). The gradient of the expected log-likelihood by mode k is the pullback of
s T (r z_k - L M_k), r the residual at the new point: the posterior covariance enters exactly.
"""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from gmmhet.engine.observation import Batch, LinearModes, Observer

__all__ = ["ContrastPrior", "Posterior", "posterior_step", "sign_flips"]

Tensor = Any
_LARGEST_STEP = 1.5


class ContrastPrior(NamedTuple):
    """Normal prior of the contrast: mean and standard deviation (scalars)."""

    mean: Tensor
    deviation: Tensor


class Posterior(NamedTuple):
    """Result for n particles.

    Attributes:
        z: [n, K]. contrast: [n]. covariance: [n, K + 1, K + 1] of (z, s).
        information: [n, K, K] J^T J, the data's own information on z.
        log_likelihood: [n] marginal, up to a constant of the data and the noise.
        residual_power: [shells] expected squared whitened residual summed over the batch; count: [shells].
        gradient: [K + 1, N, 4] summed pullbacks for the modes and (last) the consensus; zero unless asked for.
    """

    z: Tensor
    contrast: Tensor
    covariance: Tensor
    information: Tensor
    log_likelihood: Tensor
    residual_power: Tensor
    gradient: Tensor


def _flat(x: Tensor, leading: int) -> Tensor:
    shape = tf.shape(x)
    return tf.reshape(x, tf.concat([shape[:leading], [-1]], 0))


def posterior_step(observer: Observer, batch: Batch, modes: LinearModes, white: Tensor, z: Tensor, contrast: Tensor,
                   prior: ContrastPrior, *, gradient: bool) -> Posterior:
    """One Gauss-Newton step and the posterior around it; see the module's text for the formulae.

    Args:
        white: [h + 1, h + 1] from whitening(). z: [n, K]. contrast: [n].
        gradient: also compute the M step's gradient.
    """
    centers, weights = modes.gaussians(z)
    position, amplitude = modes.directions()
    factors = observer.factors(batch, centers)
    transfer = observer.transfer(batch, white)
    base = transfer * observer.projector.project(factors, weights)
    s = contrast[:, tf.newaxis]
    along = transfer[:, tf.newaxis] * observer.jacobian(batch, factors, weights, position, amplitude)
    columns = tf.concat([_flat(along, 2) * s[..., tf.newaxis], _flat(base, 1)[:, tf.newaxis]], axis=1)  # L [n, K+1, P]
    residual = _flat(batch.planes * white, 1) - s * columns[:, -1]

    fields = z.shape[1]
    precision = tf.concat([tf.ones(fields), [1.0 / prior.deviation**2]], 0)
    gram = tf.matmul(columns, columns, transpose_b=True)
    offset = tf.concat([z, s - prior.mean], axis=1)
    right = tf.linalg.matvec(columns, residual) - precision * offset
    lower = tf.linalg.cholesky(gram + tf.linalg.diag(precision))
    covariance = tf.linalg.cholesky_solve(lower, tf.eye(fields + 1, batch_shape=[tf.shape(z)[0]]))
    delta = tf.linalg.matvec(covariance, right)
    length = tf.norm(delta[:, :-1], axis=1, keepdims=True)
    delta = delta * tf.minimum(1.0, _LARGEST_STEP / tf.maximum(length, 1e-6))
    delta, residual = _accepted(observer, batch, modes, white, transfer, z, contrast, delta, offset, precision,
                                residual, columns)
    new_z, new_contrast = z + delta[:, :-1], contrast + delta[:, -1]

    log_det = 2 * tf.reduce_sum(tf.math.log(tf.linalg.diag_part(lower)), 1) - tf.reduce_sum(tf.math.log(precision))
    penalty = tf.reduce_sum(precision * (offset + delta) ** 2, 1)
    log_likelihood = -0.5 * (tf.reduce_sum(residual**2, 1) + penalty + log_det)
    power = _shell_power(observer, residual, columns, lower, batch.real)
    gradients = tf.zeros([fields + 1, tf.shape(modes.weights)[0], 4])
    if gradient:
        weighted = tf.concat([new_z, tf.ones_like(s)], axis=1)[..., tf.newaxis] * residual[:, tf.newaxis]
        with_contrast = covariance[:, :, -1:] / new_contrast[:, tf.newaxis, tf.newaxis]  # [n, K + 1, 1]
        cross = tf.concat([covariance[:, :, :-1] + with_contrast * new_z[:, tf.newaxis], with_contrast], 2)
        weighted -= tf.matmul(cross, columns, transpose_a=True)
        scale = (batch.real * new_contrast)[:, tf.newaxis, tf.newaxis, tf.newaxis, tf.newaxis, tf.newaxis]
        cotangent = tf.reshape(weighted, tf.concat([tf.shape(weighted)[:2], tf.shape(batch.planes)[1:]], 0))
        cotangent = tf.ensure_shape(cotangent, [None, fields + 1, *batch.planes.shape[1:]])
        pulled = observer.pullback(batch, factors, weights, cotangent * transfer[:, tf.newaxis] * scale)
        # a relative change of the consensus weights scales what the modes made of them
        changed = (weights / modes.weights)[:, None, :, None]
        own = tf.concat([pulled[:, -1:, :, :3], pulled[:, -1:, :, 3:] * changed], axis=-1)
        gradients = tf.reduce_sum(tf.concat([pulled[:, :-1], own], axis=1), axis=0)
    return Posterior(new_z, new_contrast, covariance, gram[:, :-1, :-1], log_likelihood, power, gradients)


def _accepted(observer: Observer, batch: Batch, modes: LinearModes, white: Tensor, transfer: Tensor, z: Tensor,
              contrast: Tensor, delta: Tensor, offset: Tensor, precision: Tensor, residual: Tensor, columns: Tensor,
              ) -> tuple[Tensor, Tensor]:
    """The step that does not worsen the fit, and the residual there.

    The objective f(t) = |r|^2 + |t - t0|_P^2 is evaluated at the full step; where it rose, the step is cut to the
    minimum of the parabola through both values and the slope, and the residual there is the linear one.
    """
    centers, weights = modes.gaussians(z + delta[:, :-1])
    image = observer.projector.project(observer.factors(batch, centers), weights)
    full = _flat(batch.planes * white - (contrast + delta[:, -1])[:, None, None, None, None] * transfer * image, 1)
    before = tf.reduce_sum(residual**2, 1) + tf.reduce_sum(precision * offset**2, 1)
    after = tf.reduce_sum(full**2, 1) + tf.reduce_sum(precision * (offset + delta) ** 2, 1)
    slope = 2 * tf.reduce_sum(delta * (precision * offset - tf.linalg.matvec(columns, residual)), 1)
    rise = after - before - slope
    cut = tf.clip_by_value(-slope / tf.maximum(2 * rise, 1e-12), 0.05, 0.5)[:, tf.newaxis]
    worse = (after > before + 1e-3)[:, tf.newaxis]
    shorter = delta * cut
    linear = residual - tf.linalg.matvec(columns, shorter, transpose_a=True)
    return tf.where(worse, shorter, delta), tf.where(worse, linear, full)


def _shell_power(observer: Observer, residual: Tensor, columns: Tensor, lower: Tensor, real: Tensor) -> Tensor:
    """Expected squared whitened residual per shell: |r|^2 + tr(L M L^T), summed over the batch."""
    solved = tf.linalg.triangular_solve(lower, columns)
    power = residual**2 + tf.reduce_sum(solved**2, axis=1)
    total = tf.linalg.matvec(power, real, transpose_a=True)
    total = tf.reduce_sum(tf.reshape(total, [4, -1]), axis=0)
    shells = tf.constant(observer.grid.clipped_shell.ravel(), tf.int32)
    return tf.math.unsorted_segment_sum(total, shells, observer.grid.n_shells)


def sign_flips(seed: int, rows: np.ndarray[Any, np.dtype[np.int64]], size: int) -> Tensor:
    """Random signs [n, 1, 2, size, size] by particle row; Friedel mates on the axes share theirs."""
    out = np.empty((len(rows), 1, 2, size, size), np.float32)
    for i, row in enumerate(rows):
        bits = np.random.default_rng([seed, int(row)]).integers(0, 2, (2, size, size))
        out[i, 0] = 2 * bits - 1
    out[:, 0, 1, 0] = out[:, 0, 0, 0]
    out[:, 0, 1, :, 0] = out[:, 0, 0, :, 0]
    return tf.constant(out)
