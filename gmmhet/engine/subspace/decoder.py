"""Decoders: from latent coordinates to Gaussians, and what inference and learning need of that map.

docs/decoder.rst says what another decoder has to bring, and how a model makes its own.
"""

from typing import NamedTuple, Protocol

import tensorflow as tf

from gmmhet.engine.imaging.image_model import Batch, Observer
from gmmhet.engine.imaging.projector import Factors
from gmmhet.engine.runtime.tensors import Tensor

__all__ = ["Decoder", "LinearModes", "View"]


class View(NamedTuple):
    """The Gaussians of n conformations as they are seen in n images; N Gaussians, D coordinates.

    Attributes:
        observer: projects Gaussians to images. batch: the images, poses corrected.
        z: [n, D] coordinates. centers: [n, N, 3] Angstrom and weights: [n, N] of the Gaussians at z.
        factors: of the projections of the Gaussians.
    """

    observer: Observer
    batch: Batch
    z: Tensor
    centers: Tensor
    weights: Tensor
    factors: Factors

    @classmethod
    def of(cls, decoder: "Decoder", observer: Observer, batch: Batch, z: Tensor) -> "View":
        """The Gaussians of a decoder at z [n, D] in a batch of n images."""
        centers, weights = decoder.gaussians(z)
        return cls(observer, batch, z, centers, weights, observer.factors(batch, centers, decoder.variances))


class Decoder(Protocol):
    """A map from coordinates z [n, D] to Gaussians; a NamedTuple of tensors, so that it can be passed to a graph.

    N Gaussians, D coordinates of which the last L are nuisances (no coordinates of modes), M fields over the Gaussians
    that the M step learns. Images are [..., 2, 2, h + 1, h + 1] (imaging.half_plane), lengths Angstrom, weights
    map value x Angstrom^3, z a pure number. Where Gaussians are copies of a unit, fields are over those of the unit.
    """

    @property
    def weights(self) -> Tensor:
        """[N] of the consensus, z = 0."""

    @property
    def variances(self) -> Tensor:
        """[N] squared widths, Angstrom^2; the same at every z."""

    @property
    def n_nuisances(self) -> int:
        """L."""

    def gaussians(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """z [n, D] to centres [n, N, 3] (Angstrom) and weights [n, N]."""

    def jacobian(self, view: View) -> Tensor:
        """[n, D, 2, 2, h + 1, h + 1] derivatives of the projections by z, at the z of the view."""

    def nuisances(self, view: View) -> Tensor | None:
        """[n, L, 2, 2, h + 1, h + 1] the derivatives by the last L of z; None where L is 0."""

    def consensus_gradient(self, view: View, cotangent: Tensor) -> Tensor:
        """Gradient of sum(cotangent * projection) by changes of the consensus, at the z of the view.

        Args:
            cotangent: [n, 2, 2, h + 1, h + 1].
        Returns:
            [n, N, 6]: by x, y, z (per Angstrom), relative weight, logarithm of the squared width; and by what a mode
            adds to the weights, relative to those of the consensus (a relative change of the weight scales what modes
            made). Of G copies of a unit of N_a Gaussians: [n G, N_a, 6].
        """

    def mode_gradient(self, view: View, cotangents: Tensor, z: Tensor, own: Tensor) -> Tensor:
        """Gradient of the log-likelihood by the fields that are learnt, summed over the particles.

        Args:
            cotangents: [n, D, 2, 2, h + 1, h + 1], of the columns of the Jacobian: the part of log det.
            z: [n, D] after the step, that ``own`` is taken at; the view is of z before it.
            own: [n, N, 6] of consensus_gradient.
        Returns:
            [M, N, 5]: x, y, z (per Angstrom), relative weight, logarithm of the squared width.
        """

    def field_gradient(self, z: Tensor, gradient: Tensor) -> Tensor:
        """A gradient by the Gaussians at z [n, N, C] (x, y, z first) as one by a displacement along a field,
        [n, N, C] or, of G copies of a unit, [n G, N_a, C]."""


class LinearModes(NamedTuple):
    """Modes that move Gaussians and change their weights, in proportion to the coordinates; D = M = K, L = 0.

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
        return 0

    def gaussians(self, z: Tensor) -> tuple[Tensor, Tensor]:
        centers = self.centers + tf.tensordot(z, self.position, 1)
        return centers, self.weights * (1.0 + tf.matmul(z, self.amplitude))

    def jacobian(self, view: View) -> Tensor:
        """z itself is not needed, since the map is linear."""
        return view.observer.jacobian(view.batch, view.factors, view.weights, self.position,
                                      self.weights * self.amplitude)

    def nuisances(self, view: View) -> None:
        return None

    def consensus_gradient(self, view: View, cotangent: Tensor) -> Tensor:
        pulled = view.observer.pullback(view.batch, view.factors, view.weights, cotangent[:, tf.newaxis],
                                        widths=True)[:, 0]
        last = [pulled[..., 3] * view.weights, pulled[..., 4] * self.variances, pulled[..., 3] * self.weights]
        return tf.concat([pulled[..., :3], tf.stack(last, axis=-1)], -1)

    def mode_gradient(self, view: View, cotangents: Tensor, z: Tensor, own: Tensor) -> Tensor:
        """z_k times the consensus' gradient, and the cotangents pulled back."""
        return self.mode_sums(view.observer.pullback(view.batch, view.factors, view.weights, cotangents), z, own)

    def mode_sums(self, pulled: Tensor, z: Tensor, own: Tensor) -> Tensor:
        """mode_gradient of cotangents that are pulled back already, [n, K, N, 4]."""
        pulled = tf.concat([tf.reduce_sum(pulled[..., :3], 0),
                            tf.reduce_sum(pulled[..., 3], 0)[..., tf.newaxis] * self.weights[:, tf.newaxis]], -1)
        fields = tf.tensordot(z, tf.concat([own[..., :3], own[..., 5:]], -1), [[0], [0]]) + pulled
        return tf.pad(fields, [[0, 0], [0, 0], [0, 1]])

    def field_gradient(self, z: Tensor, gradient: Tensor) -> Tensor:
        """As it is: fields are those of the conformation."""
        return gradient
