"""Posterior of the latent coordinates of particles, and what the M step needs of it.

Model of a whitened image: y = s T e(o) F(z, omega) + noise of unit variance, T = CTF / noise, F the projection of the
Gaussians at z seen from the pose turned by omega, e(o) the phases of a shift by o; priors z ~ N(0, C),
(o, omega) ~ N(0, diag(pose variances)), s ~ N(s0, tau^2). With t = (z, o, omega, s) one call makes one damped
Gauss-Newton step from the given t and the Laplace approximation there: with L the derivatives of the model by t,

    (L^T L + P) delta = L^T r - P (t - t0),     covariance M = (L^T L + P)^-1,     P the precision of the prior

(docs/method.rst, "E step"; poses and contrast are nuisance parameters of the same solve). The M step's gradient is
that of the marginal likelihood: z_k a - s J^T T L M_k for mode k, with a, the gradient of the consensus, the mean of
J^T T s r over the posterior of t. Of that mean only what the pose (and what follows it of z and s) brings is kept
beside the value at the best t: the part of z alone comes out of sums over few particles with large M, and adds more
noise than it removes. It is the mean over a pair of points, t + e and t - e, e the root of the poses' covariance
times random signs, with the residuals found there: to take them from L alone would leave the blur of the images by
the poses out of their mean, and Gaussians would come out too wide.
"""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from gmmhet.engine.imaging.image_model import Batch, Observer

__all__ = ["Posterior", "Prior", "State", "misfit", "posterior_step", "sign_flips"]

Tensor = Any
_LARGEST_STEP = 1.5


class Prior(NamedTuple):
    """precision: [D, D] of z. pose: [P] precisions of the corrections of the pose, P = 5 or 0. mean, deviation: of the
    contrast (scalars)."""

    precision: Tensor
    pose: Tensor
    mean: Tensor
    deviation: Tensor


class State(NamedTuple):
    """z: [n, D]. pose: [n, P] corrections (observation.POSE), P = 0 when poses are exact. contrast: [n]."""

    z: Tensor
    pose: Tensor
    contrast: Tensor


class Posterior(NamedTuple):
    """Result for n particles.

    Attributes:
        state: after the step. covariance: [n, D, D] of z. pose_variance: [n, P]. contrast_variance: [n].
        information: [n, D', D'] of the data on the coordinates of modes, all else (also of z) integrated out.
        log_likelihood: [n] marginal, up to a constant of the data and the noise.
        residual_power: [G, shells] expected squared whitened residual, summed by optics group.
        gradient: [K + 1, N, 5] of the modes and (last) the consensus; zero unless asked for.
    """

    state: State
    covariance: Tensor
    pose_variance: Tensor
    contrast_variance: Tensor
    information: Tensor
    log_likelihood: Tensor
    residual_power: Tensor
    gradient: Tensor


class _Point(NamedTuple):
    """The model at one state: posed batch, factors and weights of the Gaussians, transfer, T F, residual
    [n, pixels]."""

    batch: Batch
    factors: Any
    centers: Tensor
    weights: Tensor
    transfer: Tensor
    base: Tensor
    residual: Tensor


def _flat(x: Tensor, leading: int) -> Tensor:
    shape = tf.shape(x)
    return tf.reshape(x, tf.concat([shape[:leading], [-1]], 0))


def _point(observer: Observer, batch: Batch, decoder: Any, white: Tensor, state: State) -> _Point:
    posed = observer.posed(batch, state.pose)
    centers, weights = decoder.gaussians(state.z)
    factors = observer.factors(posed, centers, decoder.variances)
    transfer = observer.transfer(posed, white)
    base = transfer * observer.projector.project(factors, weights)
    data = posed.planes * observer.whitening_of(posed, white)
    residual = _flat(data - state.contrast[:, None, None, None, None] * base, 1)
    return _Point(posed, factors, centers, weights, transfer, base, residual)


def misfit(observer: Observer, batch: Batch, decoder: Any, white: Tensor, state: State) -> Tensor:
    """[n] squared length of the whitened residual at a state."""
    return tf.reduce_sum(_point(observer, batch, decoder, white, state).residual**2, 1)


def _columns(observer: Observer, decoder: Any, state: State, at: _Point) -> Tensor:
    """L: [n, D + P + 1, pixels]."""
    s = state.contrast[:, tf.newaxis, tf.newaxis]
    along = at.transfer[:, tf.newaxis] * decoder.jacobian(observer, at.batch, at.factors, state.z, at.weights)
    parts = [_flat(along, 2) * s]
    if state.pose.shape[-1]:
        parts.append(_flat(observer.pose_columns(at.batch, at.factors, at.centers, at.weights, at.transfer, at.base),
                           2) * s)
    return tf.concat([*parts, _flat(at.base, 1)[:, tf.newaxis]], axis=1)


def posterior_step(observer: Observer, batch: Batch, decoder: Any, white: Tensor, state: State, prior: Prior, *,
                   gradient: bool, draws: Tensor) -> Posterior:
    """One Gauss-Newton step and the posterior around it; see the module's text for the formulae.

    Args:
        decoder: see subspace.decoder. white: from whitening(). gradient: also compute the M step's gradient.
        draws: [n, P] random signs, the direction of the pair of poses for the gradient.
    """
    fields, poses, own = state.z.shape[1], state.pose.shape[1], state.z.shape[1] - decoder.n_nuisances
    at = _point(observer, batch, decoder, white, state)
    columns = _columns(observer, decoder, state, at)
    precision = _block_diagonal(prior, fields)
    offset = tf.concat([state.z, state.pose, state.contrast[:, tf.newaxis] - prior.mean], axis=1)
    hessian = tf.matmul(columns, columns, transpose_b=True) + precision
    lower = tf.linalg.cholesky(hessian)
    covariance = tf.linalg.cholesky_solve(lower, tf.eye(fields + poses + 1, batch_shape=[tf.shape(offset)[0]]))
    right = tf.linalg.matvec(columns, at.residual) - tf.linalg.matvec(precision, offset)
    delta = tf.linalg.matvec(covariance, right)
    length = _length(delta[:, :fields], own, precision)
    delta *= tf.minimum(1.0, _LARGEST_STEP / tf.maximum(length, 1e-6))
    delta, residual = _accepted(observer, batch, decoder, white, state, delta, offset, precision, at, columns)
    new = _moved(state, delta)

    moved = offset + delta
    log_det = 2 * tf.reduce_sum(tf.math.log(tf.linalg.diag_part(lower)), 1) - tf.linalg.logdet(precision)
    penalty = tf.einsum("na,ab,nb->n", moved, precision, moved)
    log_likelihood = -0.5 * (tf.reduce_sum(residual**2, 1) + penalty + log_det)
    power = _shell_power(observer, batch, white, residual, columns, lower)
    variances = tf.linalg.diag_part(covariance)
    gradients = tf.zeros([])
    if gradient:
        cross = -tf.matmul(covariance[:, :fields], columns)  # (L M_k)^T
        consensus = _consensus_gradient(observer, batch, decoder, white, new, residual, covariance, draws)
        gradients = _gradient(observer, batch, decoder, state, new, at, cross, consensus)
    information = tf.linalg.inv(covariance[:, :own, :own]) - prior.precision[:own, :own]
    return Posterior(new, covariance[:, :fields, :fields], variances[:, fields:fields + poses], variances[:, -1],
                     information, log_likelihood, power, gradients)


def _length(change: Tensor, own: int, precision: Tensor) -> Tensor:
    """[n, 1] length of a step of z [n, D] in units of the prior's deviations; those of the first ``own`` are about 1,
    and of the nuisances twice as much is allowed."""
    length = tf.norm(change[:, :own], axis=1, keepdims=True) / np.sqrt(max(own / 4, 1.0))
    others = int(change.shape[1]) - own
    if others:
        rest, inner = change[:, own:], precision[own:own + others, own:own + others]
        size = tf.sqrt(tf.einsum("na,ab,nb->n", rest, inner, rest))[:, tf.newaxis]
        length = tf.maximum(length, 0.5 * size / np.sqrt(max(others / 4, 1.0)))
    return length


def _block_diagonal(prior: Prior, fields: int) -> Tensor:
    """[D + P + 1, D + P + 1] precision of t."""
    rest = tf.concat([prior.pose, 1.0 / prior.deviation[tf.newaxis] ** 2], 0)
    size = rest.shape[0]
    top = tf.concat([prior.precision, tf.zeros([fields, size])], 1)
    return tf.concat([top, tf.concat([tf.zeros([size, fields]), tf.linalg.diag(rest)], 1)], 0)


def _moved(state: State, delta: Tensor) -> State:
    fields = state.z.shape[1]
    return State(state.z + delta[:, :fields], state.pose + delta[:, fields:-1], state.contrast + delta[:, -1])


def _accepted(observer: Observer, batch: Batch, decoder: Any, white: Tensor, state: State, delta: Tensor,
              offset: Tensor, precision: Tensor, at: _Point, columns: Tensor) -> tuple[Tensor, Tensor]:
    """The step that does not worsen the fit, and the residual there.

    The objective f(t) = |r|^2 + |t - t0|_P^2 is evaluated at the full step; where it rose, the step is cut to the
    minimum of the parabola through both values and the slope, and the residual there is the linear one.
    """
    full = _point(observer, batch, decoder, white, _moved(state, delta)).residual

    def objective(residual: Tensor, t: Tensor) -> Tensor:
        return tf.reduce_sum(residual**2, 1) + tf.einsum("na,ab,nb->n", t, precision, t)

    before, after = objective(at.residual, offset), objective(full, offset + delta)
    downhill = tf.linalg.matvec(precision, offset) - tf.linalg.matvec(columns, at.residual)
    slope = 2 * tf.reduce_sum(delta * downhill, 1)
    rise = after - before - slope
    cut = tf.clip_by_value(-slope / tf.maximum(2 * rise, 1e-12), 0.05, 0.5)[:, tf.newaxis]
    worse = (after > before * (1 + 1e-6) + 1e-3)[:, tf.newaxis]
    shorter = delta * cut
    linear = at.residual - tf.linalg.matvec(columns, shorter, transpose_a=True)
    return tf.where(worse, shorter, delta), tf.where(worse, linear, full)


def _consensus_gradient(observer: Observer, batch: Batch, decoder: Any, white: Tensor, new: State, residual: Tensor,
                        covariance: Tensor, draws: Tensor) -> Tensor:
    """[n, N, 6] gradient a of the module's text."""
    fields, poses = new.z.shape[1], new.pose.shape[1]

    def pulled(state: State, left: Tensor, there: _Point) -> Tensor:
        cotangent = tf.reshape(left, tf.shape(batch.planes)) * there.transfer
        scale = (batch.real * state.contrast)[:, None, None, None, None]
        return decoder.consensus_gradient(observer, there.batch, there.factors, state.z, there.weights,
                                          scale * cotangent)

    if not poses:
        return pulled(new, residual, _point(observer, batch, decoder, white, new))
    root = tf.linalg.cholesky(covariance[:, fields:-1, fields:-1])
    along = tf.linalg.triangular_solve(root, draws[..., tf.newaxis], adjoint=True)[..., 0]
    change = tf.linalg.matvec(covariance[:, :, fields:-1], along)  # of all of t, given that of the pose
    ends = [_moved(new, change), _moved(new, -change)]
    points = [_point(observer, batch, decoder, white, end) for end in ends]
    return 0.5 * tf.add_n([pulled(end, there.residual, there) for end, there in zip(ends, points, strict=True)])


def _gradient(observer: Observer, batch: Batch, decoder: Any, state: State, new: State, at: _Point, cross: Tensor,
              own: Tensor) -> Tensor:
    """Gradient of the log-likelihood by the decoder's parameters; see the module's text.

    Args:
        state: before the step, that of ``at``. cross: [n, D, pixels] -(L M_k)^T. own: [n, N, 6] of the consensus.
    """
    shape = tf.concat([tf.shape(cross)[:2], tf.shape(batch.planes)[1:]], 0)
    cotangents = tf.ensure_shape(tf.reshape(cross, shape), [None, cross.shape[1], *batch.planes.shape[1:]])
    cotangents *= at.transfer[:, tf.newaxis] * (batch.real * new.contrast)[:, None, None, None, None, None]
    modes = decoder.mode_gradient(observer, at.batch, at.factors, state.z, at.weights, cotangents, new.z, own)
    return tf.concat([modes, tf.reduce_sum(own[..., :5], 0)[tf.newaxis]], axis=0)


def _shell_power(observer: Observer, batch: Batch, white: Tensor, residual: Tensor, columns: Tensor, lower: Tensor,
                 ) -> Tensor:
    """Expected squared whitened residual per optics group and shell: |r|^2 + tr(L M L^T), summed over the batch."""
    solved = tf.linalg.triangular_solve(lower, columns)
    power = (residual**2 + tf.reduce_sum(solved**2, axis=1)) * batch.real[:, tf.newaxis]
    groups = tf.one_hot(batch.group, white.shape[0], axis=0)  # [G, n]
    total = tf.reduce_sum(tf.reshape(tf.matmul(groups, power), [white.shape[0], 4, -1]), axis=1)
    shells = tf.constant(observer.grid.clipped_shell.ravel(), tf.int32)
    return tf.transpose(tf.math.unsorted_segment_sum(tf.transpose(total), shells, observer.grid.n_shells))


def sign_flips(seed: int, rows: np.ndarray[Any, np.dtype[np.int64]], size: int) -> Tensor:
    """Random signs [n, 1, 2, size, size] by particle row; Friedel mates on the axes share theirs."""
    out = np.empty((len(rows), 1, 2, size, size), np.float32)
    for i, row in enumerate(rows):
        bits = np.random.default_rng([seed, int(row)]).integers(0, 2, (2, size, size))
        out[i, 0] = 2 * bits - 1
    out[:, 0, 1, 0] = out[:, 0, 0, 0]
    out[:, 0, 1, :, 0] = out[:, 0, 0, :, 0]
    return tf.constant(out)
