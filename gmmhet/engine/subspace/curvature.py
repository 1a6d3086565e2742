"""Gauss-Newton curvature of the log-likelihood in the basis of smooth fields, summed over a sample of particles."""

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from gmmhet.engine.imaging.image_model import Batch, Observer
from gmmhet.engine.imaging.projector import quadrants_to_planes
from gmmhet.engine.subspace.e_step import Prior, State

__all__ = ["FOLLOWING", "curvature_sums", "tied_curvature"]

Tensor = Any
FOLLOWING = 0.5


def curvature_sums(observer: Observer, scalar: NDArray[np.float64], batch: Batch, decoder: Any, white: Tensor,
                   state: State, prior: Prior, moments: Tensor, following: float = FOLLOWING) -> Tensor:
    """Sum over particles of m_ik B^T J_i^T Q_i J_i B, J_i the Jacobian of s T F by all Gaussians at z_i, and Q_i what
    is left once the particle's contrast, pose and other nuisances have followed, 1 - f L (L^T L + P)^-1 L^T. With f = 1
    this would be the curvature of the marginal likelihood, in which rigid movements weigh next to nothing, so that
    noise decides the step along them; with f = 0 that of expectation-maximisation, slow where the pose follows. A step
    takes f = 1/2.

    A smooth scalar field f needs one projection of the Gaussians weighted by f: moving them along x, y or z multiplies
    that projection by -2 pi i times a component of the frequency, widening them by the squared frequency.

    Args:
        scalar: [N, A]; B are its columns times each component of subspace.smooth_fields.FieldBasis and (the sixth)
            a change of weights relative to those of the conformation, as one of the consensus makes; the fourth, which
            modes make, is relative to the consensus'.
        moments: [n, M] the weights m.
    Returns:
        [M, 6 A, 6 A].
    """
    posed = observer.posed(batch, state.pose)
    centers, moved = decoder.gaussians(state.z)
    factors = observer.factors(posed, centers, decoder.variances)
    transfer = observer.transfer(posed, white)
    base = transfer * observer.projector.project(factors, moved)
    s = state.contrast[:, None, None, None, None]
    consensus = tf.broadcast_to(decoder.weights, tf.shape(moved))
    displaced, changed, widened = (
        _field_images(observer, scalar, factors, w) * (transfer * s)[:, tf.newaxis]
        for w in (moved, consensus, moved * decoder.variances))
    turned = tf.stack([displaced[:, :, 1], -displaced[:, :, 0]], axis=2)  # times -i
    parts = [turned * _along(observer, posed, axis)[:, tf.newaxis, tf.newaxis] for axis in range(3)]
    parts += [changed, widened * (-0.5 * tf.reduce_sum(observer.along**2, 0)), displaced]
    columns = tf.concat(parts, axis=1)
    gram = _followed_gram(observer, posed, decoder, factors, centers, moved, transfer, base, state, prior, columns,
                          following)
    return tf.tensordot(tf.transpose(moments * batch.real[:, tf.newaxis]), gram, 1)


def tied_curvature(observer: Observer, scalar: NDArray[np.float64], batch: Batch, decoder: Any, white: Tensor,
                   state: State, prior: Prior, amounts: Tensor, following: float = FOLLOWING) -> Tensor:
    """The same for fields over one unit of G copies, all of which follow: sum of J_i^T Q_i J_i with the columns
    J_i(m, a) = sum_g amounts_img times the derivative by field a of copy g, turned with it.

    Args:
        scalar: [N / G, A] over the unit. decoder: subspace.subunits.SubunitModes. amounts: [n, M, G], the last of
            M the consensus', whose changes of weights are relative to those of the conformation.
    Returns:
        [5 A M, 5 A M], m by m.
    """
    posed = observer.posed(batch, state.pose)
    centers, moved = decoder.gaussians(state.z)
    factors = observer.factors(posed, centers, decoder.variances)
    transfer = observer.transfer(posed, white)
    base = transfer * observer.projector.project(factors, moved)
    s = (transfer * state.contrast[:, None, None, None, None])[:, tf.newaxis, tf.newaxis]
    own, consensus = decoder.factors_of_units(factors), tf.broadcast_to(decoder.weights, tf.shape(moved))
    copies, count = amounts.shape[2], amounts.shape[1]

    def images(weights: Tensor) -> Tensor:  # [n, G, A, 2, 2, h + 1, h + 1]
        found = _field_images(observer, scalar, own, decoder.by_unit(weights))
        return tf.reshape(found, [-1, copies, *found.shape[1:]])

    def summed(shares: Tensor, of: Tensor) -> Tensor:  # [n, M', G] and [n, G, ...] to [n, M', ...]
        return tf.reshape(tf.matmul(shares, tf.reshape(of, [-1, copies, np.prod(of.shape[2:])])),
                          [-1, shares.shape[1], *of.shape[2:]])

    displaced = images(moved)
    turned = tf.stack([displaced[:, :, :, 1], -displaced[:, :, :, 0]], axis=3)  # times -i
    views = tf.reshape(decoder.views_of_units(posed), [-1, copies, 3, 3])[:, :, :2]
    along = tf.einsum("nmg,ngvx->nmxvg", amounts, views)  # displacement of the copy along x is views[..., x]
    parts = summed(tf.reshape(along, [-1, count * 6, copies]), turned)
    parts = tf.reshape(parts, [-1, count, 3, 2, *turned.shape[2:]])
    moving = tf.einsum("nmxvaqphw,vphw->nmxaqphw", parts, observer.along)
    changed = tf.concat([summed(amounts[:, :-1], images(consensus)), summed(amounts[:, -1:], displaced)], axis=1)
    widened = summed(amounts, images(moved * decoder.variances)) * (-0.5 * tf.reduce_sum(observer.along**2, 0))
    columns = tf.concat([moving, changed[:, :, tf.newaxis], widened[:, :, tf.newaxis]], axis=2) * s[:, :, tf.newaxis]
    columns = tf.reshape(columns, [-1, count * 5 * scalar.shape[1], *columns.shape[4:]])
    gram = _followed_gram(observer, posed, decoder, factors, centers, moved, transfer, base, state, prior, columns,
                          following)
    return tf.tensordot(batch.real, gram, 1)


def _followed_gram(observer: Observer, posed: Batch, decoder: Any, factors: Any, centers: Tensor, weights: Tensor,
                   transfer: Tensor, base: Tensor, state: State, prior: Prior, columns: Tensor, following: float,
                   ) -> Tensor:
    """[n, R, R] J^T Q J of columns J [n, R, ...]: Q of curvature_sums."""
    jacobian = _flat(columns)
    nuisances = base[:, tf.newaxis]
    contrast = state.contrast[:, None, None, None, None, None]
    precision = 1.0 / prior.deviation[tf.newaxis] ** 2
    if state.pose.shape[1]:
        turns = observer.pose_columns(posed, factors, centers, weights, transfer, base)
        nuisances, precision = tf.concat([turns * contrast, nuisances], 1), tf.concat([prior.pose, precision], 0)
    precision = tf.linalg.diag(precision)
    own = decoder.nuisances(observer, posed, factors, state.z, weights)
    if own is not None:
        nuisances = tf.concat([nuisances, own * transfer[:, tf.newaxis] * contrast], 1)
        among, rest = own.shape[1], precision.shape[0]
        precision = tf.pad(precision, [[0, among], [0, among]]) + tf.pad(
            prior.precision[-among:, -among:], [[rest, 0], [rest, 0]])
    nuisances = _flat(nuisances)
    lower = tf.linalg.cholesky(tf.matmul(nuisances, nuisances, transpose_b=True) + precision)
    followed = tf.linalg.triangular_solve(lower, tf.matmul(nuisances, jacobian, transpose_b=True))
    gram = tf.matmul(jacobian, jacobian, transpose_b=True)
    return gram - following * tf.matmul(followed, followed, transpose_a=True)


def _flat(columns: Tensor) -> Tensor:
    shape = tf.shape(columns)
    return tf.reshape(columns, [shape[0], shape[1], -1])


def _field_images(observer: Observer, scalar: NDArray[np.float64], factors: Any, weights: Tensor) -> Tensor:
    """[n, A, 2, 2, h + 1, h + 1] projections of the Gaussians weighted by each scalar field; weights [n, N]."""
    fields = tf.constant(scalar.T, tf.float32) * (weights * observer.projector.scale)[:, tf.newaxis]  # [n, A, N]
    columns = fields[..., tf.newaxis] * factors.x[:, tf.newaxis]
    return quadrants_to_planes(tf.matmul(factors.y[:, tf.newaxis], columns, transpose_a=True))


def _along(observer: Observer, batch: Batch, component: int) -> Tensor:
    """[n, 2, h + 1, h + 1] 2 pi times the frequency along a model axis."""
    return tf.einsum("na,aphw->nphw", batch.rotations[:, :2, component], observer.along)
