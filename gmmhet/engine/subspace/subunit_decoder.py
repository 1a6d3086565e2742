"""Decoder of molecules of G copies of one unit, each copy with coordinates of its own."""

from typing import NamedTuple

import tensorflow as tf

from gmmhet.engine.imaging.image_model import Batch
from gmmhet.engine.imaging.projector import Factors
from gmmhet.engine.runtime.tensors import Tensor
from gmmhet.engine.subspace.decoder import LinearModes, View

__all__ = ["SubunitModes"]


class SubunitModes(NamedTuple):
    """A decoder (see subspace.decoder) of G copies of a unit of N_a Gaussians; N = G N_a, copy after copy.

    Attributes:
        unit_centers: [N_a, 3] Angstrom. unit_weights: [N_a]. unit_variances: [N_a] Angstrom^2.
        position: [K, N_a, 3] Angstrom per unit of z. amplitude: [K, N_a] relative, per unit of z.
        rotations: [G, 3, 3] x of copy g = rotations[g] x of the first, which is the identity's.
    """

    unit_centers: Tensor
    unit_weights: Tensor
    unit_variances: Tensor
    position: Tensor
    amplitude: Tensor
    rotations: Tensor

    @property
    def copies(self) -> int:
        """G."""
        return int(self.rotations.shape[0])

    @property
    def centers(self) -> Tensor:
        """[N, 3] of the whole at rest."""
        return tf.reshape(tf.einsum("gab,jb->gja", self.rotations, self.unit_centers), [-1, 3])

    @property
    def weights(self) -> Tensor:
        """[N]."""
        return tf.tile(self.unit_weights, [self.copies])

    @property
    def variances(self) -> Tensor:
        """[N]."""
        return tf.tile(self.unit_variances, [self.copies])

    @property
    def n_nuisances(self) -> int:
        return 0

    def gaussians(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """z [n, G K]: coordinates of the modes, copy after copy."""
        own, size = self._of_copies(z), tf.shape(self.unit_weights)[0]
        centers = self.unit_centers + tf.tensordot(own, self.position, 1)  # [n G, N_a, 3]
        centers = tf.einsum("gab,ngjb->ngja", self.rotations, tf.reshape(centers, [-1, self.copies, size, 3]))
        weights = self.unit_weights * (1.0 + tf.matmul(own, self.amplitude))
        return tf.reshape(centers, [-1, self.copies * size, 3]), tf.reshape(weights, [-1, self.copies * size])

    def _of_copies(self, z: Tensor) -> Tensor:
        """[n, G K] to [n G, K]."""
        return tf.reshape(z, [-1, self.position.shape[0]])

    def by_unit(self, values: Tensor) -> Tensor:
        """[n, N, ...] to [n G, N_a, ...]."""
        return tf.reshape(values, [-1, self.unit_weights.shape[0], *values.shape[2:]])

    def of_units(self, view: View) -> View:
        """n views of the whole as n G views of one unit."""
        factors = Factors(self.by_unit(view.factors.x), self.by_unit(view.factors.y))
        units = view.batch._replace(rotations=self.rotations_of_units(view.batch))
        return View(view.observer, units, self._of_copies(view.z), self.by_unit(view.centers),
                    self.by_unit(view.weights), factors)

    def rotations_of_units(self, batch: Batch) -> Tensor:
        """[n G, 3, 3] from the frame of the first unit, by copy, to the view."""
        return tf.reshape(tf.einsum("nab,gbc->ngac", batch.rotations, self.rotations), [-1, 3, 3])

    def jacobian(self, view: View) -> Tensor:
        """Each derivative contracts over one unit alone."""
        units = self.of_units(view)
        found = view.observer.jacobian(units.batch, units.factors, units.weights, self.position,
                                       self.unit_weights * self.amplitude)
        return tf.reshape(found, [-1, self.copies * self.position.shape[0], *found.shape[2:]])

    def nuisances(self, view: View) -> None:
        return None

    def consensus_gradient(self, view: View, cotangent: Tensor) -> Tensor:
        """As of LinearModes for every copy, turned back to the first unit: [n G, N_a, 6]; their sum is the unit's."""
        whole = LinearModes(self.centers, self.weights, self.variances, self.position, self.amplitude)
        return self._turned_back(whole.consensus_gradient(view, cotangent))

    def _turned_back(self, fields: Tensor) -> Tensor:
        """Fields [n, N, C] over the whole as fields [n G, N_a, C] over the first unit; x, y, z come first."""
        size, columns = tf.shape(self.unit_weights)[0], fields.shape[-1]
        split = tf.reshape(fields, [-1, self.copies, size, columns])
        turned = tf.einsum("gba,ngjb->ngja", self.rotations, split[..., :3])
        return tf.reshape(tf.concat([turned, split[..., 3:]], -1), [-1, size, columns])

    def field_gradient(self, z: Tensor, gradient: Tensor) -> Tensor:
        """[n G, N_a, C]: those of every copy, turned back to the first."""
        return self._turned_back(gradient)

    def mode_gradient(self, view: View, cotangents: Tensor, z: Tensor, own: Tensor) -> Tensor:
        """As of LinearModes, [K, N_a, 5]: copies count as particles."""
        unit = LinearModes(self.unit_centers, self.unit_weights, self.unit_variances, self.position, self.amplitude)
        split = tf.reshape(cotangents, [-1, self.position.shape[0], *cotangents.shape[2:]])
        return unit.mode_gradient(self.of_units(view), split, self._of_copies(z), own)
