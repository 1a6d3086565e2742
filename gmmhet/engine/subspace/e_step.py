"""Posterior of the latent coordinates of particles, and what the M step needs of it.

Model of a whitened image: y = s T e(o) F(z, omega) + noise of unit variance, T = CTF / noise, F the projection of the
Gaussians at z seen from the pose turned by omega, e(o) the phases of a shift by o; priors z ~ N(0, C),
(o, omega) ~ N(0, diag(pose variances)), s ~ N(s0, tau^2); where the prior of a coordinate is flat, it is taken as one
around wherever that is. With t = (z, o, omega, s) one call makes one damped
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

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from gmmhet.engine.imaging.image_model import Batch, Observer
from gmmhet.engine.runtime.tensors import Tensor
from gmmhet.engine.subspace.decoder import Decoder
from gmmhet.engine.subspace.evaluation import ModelTensors, Point, Prior, State, at_state, flat
from gmmhet.engine.subspace.settings import E_STEP

__all__ = ["PosteriorStep", "posterior_step"]



class PosteriorStep(NamedTuple):
    """Result for n particles.

    Attributes:
        state: after the step. covariance: [n, D, D] of z. pose_variance: [n, P]. contrast_variance: [n].
        information: [n, D', D'] of the data on the coordinates of modes, all else (also of z) integrated out.
        log_likelihood: [n] marginal, up to a constant of the data and the noise.
        residual_power: [G, shells] expected squared whitened residual, summed by optics group.
        gradient: [M + 1, N, 5] of the fields that are learnt and (last) the consensus; zero unless it is wanted.
    """

    state: State
    covariance: Tensor
    pose_variance: Tensor
    contrast_variance: Tensor
    information: Tensor
    log_likelihood: Tensor
    residual_power: Tensor
    gradient: Tensor


class _Linearised(NamedTuple):
    """The model around a point, t = (z, pose, contrast), T = D + P + 1.

    Attributes:
        point: where. columns: [n, T, pixels] L^T. precision: [T, T] P. offset: [n, T] t - t0.
        lower: [n, T, T] Cholesky factor of L^T L + P. covariance: [n, T, T] its inverse.
    """

    point: Point
    columns: Tensor
    precision: Tensor
    offset: Tensor
    lower: Tensor
    covariance: Tensor


def posterior_step(observer: Observer, batch: Batch, tensors: ModelTensors, state: State, *, gradient: bool,
                   draws: Tensor) -> PosteriorStep:
    """One Gauss-Newton step and the posterior around it; see the module's text for the formulae.

    Args:
        gradient: also compute the M step's gradient.
        draws: [n, P] random signs, the direction of the pair of poses for the gradient.
    """
    fields, poses = state.z.shape[1], state.pose.shape[1]
    own = fields - tensors.decoder.n_nuisances
    at = _linearised(observer, batch, tensors, state)
    right = tf.linalg.matvec(at.columns, at.point.residual) - tf.linalg.matvec(at.precision, at.offset)
    delta = tf.linalg.matvec(at.covariance, right)
    length = _length(delta[:, :fields], own, at.precision)
    delta *= tf.minimum(1.0, E_STEP.largest_step / tf.maximum(length, 1e-6))
    delta, residual = _accepted(observer, batch, tensors, at, delta)
    new = _moved(state, delta)

    moved = at.offset + delta
    log_det = 2 * tf.reduce_sum(tf.math.log(tf.linalg.diag_part(at.lower)), 1) - tf.linalg.logdet(at.precision)
    penalty = tf.einsum("na,ab,nb->n", moved, at.precision, moved)
    log_likelihood = -0.5 * (tf.reduce_sum(residual**2, 1) + penalty + log_det)
    power = _shell_power(observer, batch, tensors.white, residual, at)
    variances = tf.linalg.diag_part(at.covariance)
    gradients = tf.zeros([])
    if gradient:
        cross = -tf.matmul(at.covariance[:, :fields], at.columns)  # (L M_k)^T
        consensus = _consensus_gradient(observer, batch, tensors, new, residual, at.covariance, draws)
        gradients = _gradient(batch, tensors.decoder, new, at.point, cross, consensus)
    information = tf.linalg.inv(at.covariance[:, :own, :own]) - tensors.prior.precision[:own, :own]
    return PosteriorStep(new, at.covariance[:, :fields, :fields], variances[:, fields:fields + poses],
                         variances[:, -1], information, log_likelihood, power, gradients)


def _linearised(observer: Observer, batch: Batch, tensors: ModelTensors, state: State) -> _Linearised:
    point = at_state(observer, batch, tensors, state)
    columns = _columns(tensors.decoder, point)
    precision = _block_diagonal(tensors.prior, state.z.shape[1])
    prior = tensors.prior
    offset = tf.concat([state.z * prior.pull, state.pose, state.contrast[:, tf.newaxis] - prior.mean], axis=1)
    hessian = tf.matmul(columns, columns, transpose_b=True) + precision
    lower = tf.linalg.cholesky(hessian)
    size = state.z.shape[1] + state.pose.shape[1] + 1
    covariance = tf.linalg.cholesky_solve(lower, tf.eye(size, batch_shape=[tf.shape(offset)[0]]))
    return _Linearised(point, columns, precision, offset, lower, covariance)


def _columns(decoder: Decoder, at: Point) -> Tensor:
    """L: [n, D + P + 1, pixels]."""
    s = at.state.contrast[:, tf.newaxis, tf.newaxis]
    along = at.transfer[:, tf.newaxis] * decoder.jacobian(at.view)
    parts = [flat(along, 2) * s]
    if at.state.pose.shape[-1]:
        view = at.view
        parts.append(flat(view.observer.pose_columns(view.batch, view.factors, view.centers, view.weights,
                                                     at.transfer, at.base), 2) * s)
    return tf.concat([*parts, flat(at.base, 1)[:, tf.newaxis]], axis=1)


def _length(change: Tensor, own: int, precision: Tensor) -> Tensor:
    """[n, 1] length of a step of z [n, D] in units of the prior's deviations; those of the first ``own`` are about 1,
    and of the nuisances twice as much is allowed."""
    length = tf.norm(change[:, :own], axis=1, keepdims=True) / np.sqrt(max(own / E_STEP.coordinates, 1.0))
    others = int(change.shape[1]) - own
    if others:
        rest, inner = change[:, own:], precision[own:own + others, own:own + others]
        size = tf.sqrt(tf.einsum("na,ab,nb->n", rest, inner, rest))[:, tf.newaxis]
        length = tf.maximum(length, E_STEP.nuisances * size / np.sqrt(max(others / E_STEP.coordinates, 1.0)))
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


def _accepted(observer: Observer, batch: Batch, tensors: ModelTensors, at: _Linearised, delta: Tensor,
              ) -> tuple[Tensor, Tensor]:
    """The step that does not worsen the fit, and the residual there.

    The objective f(t) = |r|^2 + |t - t0|_P^2 is evaluated at the full step; where it rose, the step is cut to the
    minimum of the parabola through both values and the slope, and the residual there is the linear one.
    """
    full = at_state(observer, batch, tensors, _moved(at.point.state, delta)).residual

    def objective(residual: Tensor, t: Tensor) -> Tensor:
        return tf.reduce_sum(residual**2, 1) + tf.einsum("na,ab,nb->n", t, at.precision, t)

    before, after = objective(at.point.residual, at.offset), objective(full, at.offset + delta)
    downhill = tf.linalg.matvec(at.precision, at.offset) - tf.linalg.matvec(at.columns, at.point.residual)
    slope = 2 * tf.reduce_sum(delta * downhill, 1)
    rise = after - before - slope
    cut = tf.clip_by_value(-slope / tf.maximum(2 * rise, 1e-12), E_STEP.shortest_cut, E_STEP.longest_cut)
    cut = cut[:, tf.newaxis]
    worse = (after > before * (1 + E_STEP.worse) + E_STEP.worse_by)[:, tf.newaxis]
    shorter = delta * cut
    linear = at.point.residual - tf.linalg.matvec(at.columns, shorter, transpose_a=True)
    return tf.where(worse, shorter, delta), tf.where(worse, linear, full)


def _consensus_gradient(observer: Observer, batch: Batch, tensors: ModelTensors, new: State, residual: Tensor,
                        covariance: Tensor, draws: Tensor) -> Tensor:
    """[n, N, 6] gradient a of the module's text."""
    fields, poses = new.z.shape[1], new.pose.shape[1]

    def pulled(left: Tensor, there: Point) -> Tensor:
        cotangent = tf.reshape(left, tf.shape(batch.planes)) * there.transfer
        scale = (batch.is_particle * there.state.contrast)[:, None, None, None, None]
        return tensors.decoder.consensus_gradient(there.view, scale * cotangent)

    if not poses:
        return pulled(residual, at_state(observer, batch, tensors, new))
    root = tf.linalg.cholesky(covariance[:, fields:-1, fields:-1])
    along = tf.linalg.triangular_solve(root, draws[..., tf.newaxis], adjoint=True)[..., 0]
    change = tf.linalg.matvec(covariance[:, :, fields:-1], along)  # of all of t, given that of the pose
    points = [at_state(observer, batch, tensors, end) for end in (_moved(new, change), _moved(new, -change))]
    return 0.5 * tf.add_n([pulled(there.residual, there) for there in points])


def _gradient(batch: Batch, decoder: Decoder, new: State, at: Point, cross: Tensor, own: Tensor) -> Tensor:
    """Gradient of the log-likelihood by the decoder's parameters; see the module's text.

    Args:
        new: after the step that starts at ``at``. cross: [n, D, pixels] -(L M_k)^T. own: [n, N, 6] of the consensus.
    """
    shape = tf.concat([tf.shape(cross)[:2], tf.shape(batch.planes)[1:]], 0)
    cotangents = tf.ensure_shape(tf.reshape(cross, shape), [None, cross.shape[1], *batch.planes.shape[1:]])
    cotangents *= at.transfer[:, tf.newaxis] * (batch.is_particle * new.contrast)[:, None, None, None, None, None]
    modes = decoder.mode_gradient(at.view, cotangents, new.z, own)
    return tf.concat([modes, tf.reduce_sum(own[..., :5], 0)[tf.newaxis]], axis=0)


def _shell_power(observer: Observer, batch: Batch, white: Tensor, residual: Tensor, at: _Linearised) -> Tensor:
    """Expected squared whitened residual per optics group and shell: |r|^2 + tr(L M L^T), summed over the batch."""
    solved = tf.linalg.triangular_solve(at.lower, at.columns)
    power = (residual**2 + tf.reduce_sum(solved**2, axis=1)) * batch.is_particle[:, tf.newaxis]
    groups = tf.one_hot(batch.group, white.shape[0], axis=0)  # [G, n]
    total = tf.reduce_sum(tf.reshape(tf.matmul(groups, power), [white.shape[0], 4, -1]), axis=1)
    shells = tf.constant(observer.grid.clipped_shell.ravel(), tf.int32)
    return tf.transpose(tf.math.unsorted_segment_sum(tf.transpose(total), shells, observer.grid.n_shells))
