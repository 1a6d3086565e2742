"""Decoders: from latent coordinates to Gaussians, and what inference and learning need of that map.

A decoder is a NamedTuple of tensors with these members (so that another one, linear or not, fits without a change of
the inference):

    variances                                        [N] squared widths, Angstrom^2
    n_nuisances                                      how many of z, the last ones, are no coordinates of modes
    gaussians(z)                                     [n, D] to centres [n, N, 3] and weights [n, N]
    jacobian(observer, batch, factors, z, weights)   derivatives of the projections by z, [n, D, 2, 2, h + 1, h + 1]
    nuisances(observer, batch, factors, z, weights)  those by the nuisances, None where there are none
    consensus_gradient, mode_gradient                gradients of the decoder's own parameters, for the M step
"""

from typing import Any, NamedTuple

import tensorflow as tf

from gmmhet.engine.imaging.image_model import Batch, Observer
from gmmhet.engine.imaging.projector import Factors

__all__ = ["LinearModes"]

Tensor = Any


class LinearModes(NamedTuple):
    """Modes that move Gaussians and change their weights, in proportion to the coordinates; D = K.

    Attributes:
        centers: [N, 3] Angstrom. weights: [N]. variances: [N] Angstrom^2.
        position: [K, N, 3] Angstrom per unit of z. amplitude: [K, N] relative, per unit of z.
    """

    centers: Tensor
    weights: Tensor
    variances: Tensor
    position: Tensor
    amplitude: Tensor

    @property
    def n_nuisances(self) -> int:
        """None."""
        return 0

    def gaussians(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """z [n, K] to centres [n, N, 3] and weights [n, N]."""
        centers = self.centers + tf.tensordot(z, self.position, 1)
        return centers, self.weights * (1.0 + tf.matmul(z, self.amplitude))

    def jacobian(self, observer: Observer, batch: Batch, factors: Factors, z: Tensor, weights: Tensor) -> Tensor:
        """Derivatives of the projections by z; z itself is not needed, since the map is linear."""
        return observer.jacobian(batch, factors, weights, self.position, self.weights * self.amplitude)

    def nuisances(self, observer: Observer, batch: Batch, factors: Factors, z: Tensor, weights: Tensor) -> None:
        """All of z are coordinates of modes."""
        return None

    def consensus_gradient(self, observer: Observer, batch: Batch, factors: Factors, z: Tensor, weights: Tensor,
                           cotangent: Tensor) -> Tensor:
        """Gradient of sum(cotangent * image) by changes of the consensus, at any z.

        Args:
            weights: [n, N] of the conformations. cotangent: [n, 2, 2, h + 1, h + 1].
        Returns:
            [n, N, 6]: by x, y, z (Angstrom), relative weight, logarithm of the squared width; and by what a mode adds
            to the weights, relative to those of the consensus (a relative change of these scales what modes made).
        """
        pulled = observer.pullback(batch, factors, weights, cotangent[:, tf.newaxis], widths=True)[:, 0]
        last = [pulled[..., 3] * weights, pulled[..., 4] * self.variances, pulled[..., 3] * self.weights]
        return tf.concat([pulled[..., :3], tf.stack(last, axis=-1)], -1)

    def mode_gradient(self, observer: Observer, batch: Batch, factors: Factors, at: Tensor, weights: Tensor,
                      cotangents: Tensor, z: Tensor, own: Tensor) -> Tensor:
        """[K, N, 5] sum over the batch of z_k times the consensus' gradient, and of the pulled back cotangents.

        Args:
            at: [n, K] coordinates that factors and weights are of; the map is linear and does not need them.
            cotangents: [n, K, 2, 2, h + 1, h + 1]. z: [n, K]. own: [n, N, 6] of consensus_gradient.
        """
        return self.mode_sums(observer.pullback(batch, factors, weights, cotangents), z, own)

    def mode_sums(self, pulled: Tensor, z: Tensor, own: Tensor) -> Tensor:
        """mode_gradient of cotangents that are pulled back already, [n, K, N, 4]."""
        pulled = tf.concat([tf.reduce_sum(pulled[..., :3], 0),
                            tf.reduce_sum(pulled[..., 3], 0)[..., tf.newaxis] * self.weights[:, tf.newaxis]], -1)
        fields = tf.tensordot(z, tf.concat([own[..., :3], own[..., 5:]], -1), [[0], [0]]) + pulled
        return tf.pad(fields, [[0, 0], [0, 0], [0, 1]])
