"""Gauss-Newton curvature of the log-likelihood in the basis of smooth fields, summed over a sample of particles."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from gmmhet.engine.imaging.image_model import Batch, Observer
from gmmhet.engine.imaging.projector import Factors, quadrants_to_planes
from gmmhet.engine.runtime.tensors import Floats, Tensor
from gmmhet.engine.subspace.evaluation import ModelTensors, Point, flat
from gmmhet.engine.subspace.settings import CURVATURE
from gmmhet.engine.subspace.smooth_fields import FieldBasis

__all__ = ["CurvatureRule", "MomentCurvature", "curvature_sums", "field_images", "followed_gram", "of_consensus",
           "of_modes"]

Array = NDArray[np.float64]


class CurvatureRule(Protocol):
    """How a model's curvature by its unknowns, the coefficients of M fields and of the change of the consensus, is
    summed over a sample of particles. Hashed by value: a graph is traced for each."""

    def particles(self, unknowns: int) -> int:
        """How many particles tell enough of so many unknowns."""

    def shares(self, z: Array, covariance: Floats, seed: int) -> Array:
        """[n, ...] what each particle's terms are multiplied by.

        Args:
            z: [n, D]. covariance: what the model keeps of [n, D, D], or nothing. seed: of random draws.
        """

    def still_shares(self, count: int) -> Array:
        """The same where one displacement along the modes' basis is looked at, whatever z."""

    def sums(self, point: Point, tensors: ModelTensors, scalar: Array | Tensor, shares: Tensor,
             following: float | Tensor) -> Tensor:
        """Sum over a batch; see curvature_sums. scalar: [N, A] the scalar fields of both bases."""

    def assembled(self, mean: Array, basis: FieldBasis, consensus_basis: FieldBasis) -> Array:
        """[M R + R', M R + R'] in the coefficients of the bases, from the mean over particles of sums; or the blocks on
        its diagonal alone, [M + 1, R, R], filled up with zeros."""

    def assembled_still(self, mean: Array, basis: FieldBasis) -> Array:
        """[R, R] in those of one mode, from the mean of sums with still_shares."""


@dataclass(frozen=True)
class MomentCurvature:
    """Of a decoder that is linear in M fields, whatever it is in z: c = c_0 + sum_m t_m V_m with amounts t(z). The
    Jacobian by fields is the same for all, and the particles' <t t^T> are summed with it.

    Attributes:
        n_fields: M.
    """

    n_fields: int

    def moments(self, z: Array, covariance: Floats) -> Array:
        """[n, M + 1, M + 1] posterior means of t t^T, the last of t being 1, of the consensus; here t = z."""
        k = self.n_fields
        t = np.concatenate([z[:, :k], np.ones((len(z), 1))], axis=1)
        moments = np.einsum("nk,nl->nkl", t, t)
        if len(covariance):
            moments[:, :k, :k] += covariance[:, :k, :k]
        return np.asarray(moments)

    def particles(self, unknowns: int) -> int:
        """Of too few, some direction looks far flatter than it is, and steps along it go too far."""
        return int(np.clip(unknowns // CURVATURE.unknowns_per_particle, CURVATURE.fewest, CURVATURE.most))

    def shares(self, z: Array, covariance: Floats, seed: int) -> Array:
        upper = np.triu_indices(self.n_fields + 1)
        return np.asarray(self.moments(z, covariance)[:, upper[0], upper[1]])

    def still_shares(self, count: int) -> Array:
        return np.ones((count, 1))

    def sums(self, point: Point, tensors: ModelTensors, scalar: Array | Tensor, shares: Tensor,
             following: float | Tensor) -> Tensor:
        """In double precision, as the sum over batches is."""
        return tf.cast(curvature_sums(point, tensors, scalar, shares, following), tf.float64)

    def assembled(self, mean: Array, basis: FieldBasis, consensus_basis: FieldBasis) -> Array:
        size = self.n_fields + 1
        bases = [of_modes(basis)] * self.n_fields + [of_consensus(consensus_basis)]
        blocks = [[np.zeros(0)] * size for _ in range(size)]
        for i, j, block in zip(*np.triu_indices(size), mean, strict=True):
            blocks[i][j] = bases[i].T @ block @ bases[j]
            blocks[j][i] = blocks[i][j].T
        return np.block(blocks)

    def assembled_still(self, mean: Array, basis: FieldBasis) -> Array:
        mixing = of_modes(basis)
        return np.asarray(mixing.T @ mean[0] @ mixing)


def of_modes(basis: FieldBasis) -> Array:
    """[6 A, R] from coefficients to the components of curvature_sums."""
    return np.pad(basis.mixing, [(0, basis.scalar.shape[1]), (0, 0)])


def of_consensus(basis: FieldBasis) -> Array:
    """The same where changes of weights are relative to those of the conformation."""
    x, y, z, weight, width = np.split(basis.mixing, 5)
    return np.concatenate([x, y, z, np.zeros_like(weight), width, weight])


def curvature_sums(point: Point, tensors: ModelTensors, scalar: Array | Tensor, moments: Tensor,
                   following: float | Tensor = CURVATURE.following) -> Tensor:
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
        moments: [n, M'] the weights m.
    Returns:
        [M', 6 A, 6 A].
    """
    view, decoder = point.view, tensors.decoder
    observer, moved = view.observer, view.weights
    consensus = tf.broadcast_to(decoder.weights, tf.shape(moved))
    displaced, changed, widened = (
        field_images(observer, scalar, view.factors, w) * (point.transfer * point.state.scale)[:, tf.newaxis]
        for w in (moved, consensus, moved * decoder.variances))
    turned = tf.stack([displaced[:, :, 1], -displaced[:, :, 0]], axis=2)  # times -i
    parts = [turned * _along(observer, view.batch, axis)[:, tf.newaxis, tf.newaxis] for axis in range(3)]
    parts += [changed, widened * (-0.5 * tf.reduce_sum(observer.along**2, 0)), displaced]
    gram = followed_gram(point, tensors, tf.concat(parts, axis=1), following)
    return tf.tensordot(tf.transpose(moments * view.batch.is_particle[:, tf.newaxis]), gram, 1)


def followed_gram(point: Point, tensors: ModelTensors, columns: Tensor, following: float | Tensor) -> Tensor:
    """[n, R, R] J^T Q J of columns J [n, R, ...]: Q of curvature_sums."""
    view, state, prior = point.view, point.state, tensors.prior
    jacobian = flat(columns, 2)
    nuisances = point.base[:, tf.newaxis]
    contrast = state.contrast[:, None, None, None, None, None]
    precision = 1.0 / prior.deviation[tf.newaxis] ** 2
    if state.pose.shape[1]:
        turns = view.observer.pose_columns(view.batch, view.factors, view.centers, view.weights, point.transfer,
                                           point.base)
        nuisances, precision = tf.concat([turns * contrast, nuisances], 1), tf.concat([prior.pose, precision], 0)
    precision = tf.linalg.diag(precision)
    own = tensors.decoder.nuisances(view)
    if own is not None:
        nuisances = tf.concat([nuisances, own * point.transfer[:, tf.newaxis] * contrast], 1)
        among, rest = own.shape[1], precision.shape[0]
        precision = tf.pad(precision, [[0, among], [0, among]]) + tf.pad(
            prior.precision[-among:, -among:], [[rest, 0], [rest, 0]])
    nuisances = flat(nuisances, 2)
    lower = tf.linalg.cholesky(tf.matmul(nuisances, nuisances, transpose_b=True) + precision)
    followed = tf.linalg.triangular_solve(lower, tf.matmul(nuisances, jacobian, transpose_b=True))
    gram = tf.matmul(jacobian, jacobian, transpose_b=True)
    return gram - following * tf.matmul(followed, followed, transpose_a=True)


def field_images(observer: Observer, scalar: Array | Tensor, factors: Factors, weights: Tensor) -> Tensor:
    """[n, A, 2, 2, h + 1, h + 1] projections of the Gaussians weighted by each scalar field; weights [n, N]."""
    fields = tf.transpose(tf.cast(scalar, tf.float32)) * (weights * observer.projector.scale)[:, tf.newaxis]
    columns = fields[..., tf.newaxis] * factors.x[:, tf.newaxis]
    return quadrants_to_planes(tf.matmul(factors.y[:, tf.newaxis], columns, transpose_a=True))


def _along(observer: Observer, batch: Batch, component: int) -> Tensor:
    """[n, 2, h + 1, h + 1] 2 pi times the frequency along a model axis."""
    return tf.einsum("na,aphw->nphw", batch.rotations[:, :2, component], observer.along)
