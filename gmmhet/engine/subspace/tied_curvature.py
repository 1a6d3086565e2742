"""Curvature of the log-likelihood by fields over one unit of a molecule of G copies, all of which follow."""

from dataclasses import dataclass

import numpy as np
import scipy.linalg
import tensorflow as tf
from numpy.typing import NDArray

from gmmhet.engine.runtime.tensors import Floats, Tensor
from gmmhet.engine.subspace.curvature import field_images, followed_gram
from gmmhet.engine.subspace.evaluation import ModelTensors, Point
from gmmhet.engine.subspace.settings import CURVATURE
from gmmhet.engine.subspace.smooth_fields import FieldBasis
from gmmhet.engine.subspace.subunit_decoder import SubunitModes

__all__ = ["TiedCurvature", "tied_curvature"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class TiedCurvature:
    """In the coefficients of one unit; the coordinates of every copy are drawn from their posterior, each on its own.

    Attributes:
        n_modes: K. copies: G.
    """

    n_modes: int
    copies: int

    def particles(self, unknowns: int) -> int:
        return CURVATURE.of_copies

    def shares(self, z: Array, covariance: Floats, seed: int) -> Array:
        """[n, K + 1, G] amounts of the modes and (last) the consensus in every copy.

        Args:
            covariance: [n, G + 1, K, K] as SubunitModel keeps it, or nothing.
        """
        z = z.reshape(len(z), -1, self.n_modes)
        if len(covariance):
            signs = np.random.default_rng([seed, len(z)]).choice([-1.0, 1.0], z.shape)
            z = z + np.einsum("ngab,ngb->nga", np.linalg.cholesky(covariance[:, :-1]), signs)
        return np.asarray(np.concatenate([z, np.ones((*z.shape[:2], 1))], axis=2).swapaxes(1, 2))

    def still_shares(self, count: int) -> Array:
        """One of the copies of each particle is displaced."""
        return np.asarray(np.eye(self.copies)[np.arange(count) % self.copies][:, np.newaxis])

    def sums(self, point: Point, tensors: ModelTensors, scalar: Array | Tensor, shares: Tensor,
             following: float | Tensor) -> Tensor:
        assert isinstance(tensors.decoder, SubunitModes)
        return tied_curvature(point, tensors, tensors.decoder, scalar, shares, following)

    def assembled(self, mean: Array, basis: FieldBasis, consensus_basis: FieldBasis) -> Array:
        bases = scipy.linalg.block_diag(*[basis.mixing] * self.n_modes, consensus_basis.mixing)
        return np.asarray(bases.T @ mean @ bases)

    def assembled_still(self, mean: Array, basis: FieldBasis) -> Array:
        return np.asarray(basis.mixing.T @ mean @ basis.mixing)


def tied_curvature(point: Point, tensors: ModelTensors, decoder: SubunitModes, scalar: Array | Tensor, amounts: Tensor,
                   following: float = CURVATURE.following) -> Tensor:
    """As curvature.curvature_sums for fields over one unit: sum of J_i^T Q_i J_i with the columns J_i(m, a) = sum_g
    amounts_img times the derivative by field a of copy g, turned with it.

    Args:
        decoder: that of tensors. scalar: [N / G, A] over the unit. amounts: [n, M, G], the last of M the consensus',
            whose changes of weights are relative to those of the conformation.
    Returns:
        [5 A M, 5 A M], m by m.
    """
    view, moved = point.view, point.view.weights
    s = (point.transfer * point.state.scale)[:, tf.newaxis, tf.newaxis]
    units, consensus = decoder.of_units(view), tf.broadcast_to(decoder.weights, tf.shape(moved))
    copies, count = amounts.shape[2], amounts.shape[1]

    def images(weights: Tensor) -> Tensor:  # [n, G, A, 2, 2, h + 1, h + 1]
        found = field_images(view.observer, scalar, units.factors, decoder.by_unit(weights))
        return tf.reshape(found, [-1, copies, *found.shape[1:]])

    def summed(shares: Tensor, of: Tensor) -> Tensor:  # [n, M', G] and [n, G, ...] to [n, M', ...]
        return tf.reshape(tf.matmul(shares, tf.reshape(of, [-1, copies, np.prod(of.shape[2:])])),
                          [-1, shares.shape[1], *of.shape[2:]])

    displaced = images(moved)
    turned = tf.stack([displaced[:, :, :, 1], -displaced[:, :, :, 0]], axis=3)  # times -i
    views = tf.reshape(decoder.rotations_of_units(view.batch), [-1, copies, 3, 3])[:, :, :2]
    along = tf.einsum("nmg,ngvx->nmxvg", amounts, views)  # displacement of the copy along x is views[..., x]
    parts = summed(tf.reshape(along, [-1, count * 6, copies]), turned)
    parts = tf.reshape(parts, [-1, count, 3, 2, *turned.shape[2:]])
    moving = tf.einsum("nmxvaqphw,vphw->nmxaqphw", parts, view.observer.along)
    changed = tf.concat([summed(amounts[:, :-1], images(consensus)), summed(amounts[:, -1:], displaced)], axis=1)
    widened = summed(amounts, images(moved * decoder.variances)) * (-0.5 * tf.reduce_sum(view.observer.along**2, 0))
    columns = tf.concat([moving, changed[:, :, tf.newaxis], widened[:, :, tf.newaxis]], axis=2) * s[:, :, tf.newaxis]
    columns = tf.reshape(columns, [-1, count * 5 * scalar.shape[1], *columns.shape[4:]])
    gram = followed_gram(point, tensors, columns, following)
    return tf.tensordot(view.batch.is_particle, gram, 1)
