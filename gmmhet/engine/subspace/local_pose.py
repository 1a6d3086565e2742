"""A part of the molecule that shifts and turns as a rigid body in every particle: a local pose, beside the modes.

The local pose of a particle is six further coordinates z after those of the modes: a shift along x, y, z of the model
and a rotation vector about the centre of the part, times its root mean square radius, so that all six are lengths in
Angstrom. Their prior N(0, C) is estimated. They are nuisances like the pose of the whole: what a mode describes is then
what the part does beside moving as one body.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import scipy.linalg
import tensorflow as tf
from numpy.typing import NDArray

from gmmhet.engine.imaging.image_model import rotation_matrix
from gmmhet.engine.molecule.rigid_fields import rigid_fields
from gmmhet.engine.runtime.tensors import Tensor
from gmmhet.engine.subspace.decoder import LinearModes, View
from gmmhet.engine.subspace.settings import LOCAL_POSES
from gmmhet.engine.subspace.smooth_fields import FieldBasis
from gmmhet.engine.subspace.state import LocalPose, Posteriors, SubspaceModel

__all__ = ["LOCAL_POSE", "Body", "LocalPoseModel", "ModesAndBody"]

Array = NDArray[np.float64]
LOCAL_POSE = 6


@dataclass(frozen=True)
class Body:
    """The part of the Gaussians that moves as one.

    Attributes:
        inside: [N] 1 for those in it, else 0. middle: [3] Angstrom, about which it turns. radius: root mean square
        distance from there, Angstrom.
    """

    inside: Array
    middle: Array
    radius: float

    @classmethod
    def of(cls, centers: Array, weights: Array, inside: NDArray[np.bool_]) -> "Body":
        """Centres [N, 3] and weights [N] of all Gaussians, and which of them [N] are the part."""
        mass = np.abs(weights[inside])
        middle = np.average(centers[inside], axis=0, weights=mass)
        radius = np.sqrt(np.average(((centers[inside] - middle) ** 2).sum(1), weights=mass))
        return cls(inside.astype(np.float64), middle, float(radius))

    def fields(self, centers: Array) -> Array:
        """[6, N, 5] small movements: shifts of 1 A, and turns of 1 A at the radius."""
        fields = rigid_fields(centers, np.ones(len(centers)))
        fields[3:, :, :3] = np.cross(np.eye(3)[:, None], (centers - self.middle)[None]) / self.radius
        return np.asarray(fields * self.inside[:, None])


class ModesAndBody(NamedTuple):
    """A decoder (see subspace.decoder): modes, and a part of the Gaussians with a pose of its own; D = K + 6.

    A Gaussian of the part that modes put at c is at m + R(t) (c - m) + s, with s and t (times the radius) the last six
    coordinates, R of a rotation vector, m the middle.

    Attributes:
        modes: of the first K coordinates. inside, middle, radius: of Body.
    """

    modes: LinearModes
    inside: Tensor
    middle: Tensor
    radius: Tensor

    @property
    def n_nuisances(self) -> int:
        return LOCAL_POSE

    @property
    def weights(self) -> Tensor:
        return self.modes.weights

    @property
    def variances(self) -> Tensor:
        return self.modes.variances

    def _turn(self, z: Tensor) -> Tensor:
        """[n, 3] rotation vectors, radians."""
        return z[:, -3:] / self.radius

    def gaussians(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """z [n, K + 6]: coordinates of the modes, shift, turn times radius."""
        centers, weights = self.modes.gaussians(z[:, :-LOCAL_POSE])
        arm = self._arm(z, centers)
        moved = self.middle + arm + z[:, tf.newaxis, -LOCAL_POSE:-3]
        return tf.where(self._chosen, moved, centers), weights

    @property
    def _chosen(self) -> Tensor:
        return self.inside[:, tf.newaxis] > 0

    def _arm(self, z: Tensor, centers: Tensor) -> Tensor:
        """[n, N, 3] turned vectors from the middle to centres before their turn."""
        return tf.matmul(centers - self.middle, rotation_matrix(self._turn(z)), transpose_b=True)

    def _turned(self, z: Tensor, fields: Tensor) -> Tensor:
        """[n, K, N, 3] of fields [K, N, 3]: those of the part turn with it."""
        turned = tf.einsum("nab,kjb->nkja", rotation_matrix(self._turn(z)), fields)
        return tf.where(self._chosen, turned, fields)

    def field_gradient(self, z: Tensor, gradient: Tensor) -> Tensor:
        """[n, ..., N, C] by the positions before the turn, where the modes are."""
        rotations = rotation_matrix(self._turn(z))
        back = tf.einsum("nba,n...b->n...a", rotations, gradient[..., :3])
        return tf.concat([tf.where(self._chosen, back, gradient[..., :3]), gradient[..., 3:]], -1)

    def jacobian(self, view: View) -> Tensor:
        fields = self._turned(view.z, self.modes.position)
        own = _images(view, fields, self.weights * self.modes.amplitude)
        return tf.concat([own, self.nuisances(view)], 1)

    def nuisances(self, view: View) -> Tensor:
        """Those by the last six of z: a change d of the rotation vector t turns what is turned already by J d, J the
        left Jacobian of the rotations at t."""
        z = view.z
        arm = self._arm(z, self.modes.gaussians(z[:, :-LOCAL_POSE])[0])
        axes = tf.linalg.matrix_transpose(_left_jacobian(self._turn(z)))[:, :, tf.newaxis]  # [n, 3, 1, 3]
        turns = tf.linalg.cross(*_alike(axes, arm[:, tf.newaxis])) / self.radius
        shifts = tf.broadcast_to(tf.eye(3)[:, tf.newaxis], tf.shape(turns))
        fields = tf.concat([shifts, turns], 1) * self.inside[:, tf.newaxis]
        return _images(view, fields, tf.zeros([LOCAL_POSE, self.inside.shape[0]]))

    def consensus_gradient(self, view: View, cotangent: Tensor) -> Tensor:
        """As of LinearModes, [n, N, 6]."""
        return self.field_gradient(view.z, self.modes.consensus_gradient(view, cotangent))

    def mode_gradient(self, view: View, cotangents: Tensor, z: Tensor, own: Tensor) -> Tensor:
        """As of LinearModes, [K, N, 5]: the movements of the body are given."""
        pulled = view.observer.pullback(view.batch, view.factors, view.weights, cotangents[:, :-LOCAL_POSE])
        return self.modes.mode_sums(self.field_gradient(view.z, pulled), z[:, :-LOCAL_POSE], own)


def _images(view: View, fields: Tensor, amplitude: Tensor) -> Tensor:
    """Projection changes along fields [n, F, N, 3] of the model frame, one set a particle, and amplitude [F, N]."""
    seen = tf.einsum("nax,nkjx->ankj", view.batch.rotations[:, :2], fields)
    return view.observer.projector.directional(view.factors, view.weights, seen[0], seen[1], amplitude[tf.newaxis])


def _alike(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Broadcast to one shape, which the cross product asks for."""
    shape = tf.broadcast_dynamic_shape(tf.shape(a), tf.shape(b))
    return tf.broadcast_to(a, shape), tf.broadcast_to(b, shape)


def _left_jacobian(vector: Tensor) -> Tensor:
    """[n, 3, 3] J of rotation vectors t [n, 3]: R(t + d) = R(J d) R(t) to first order in d (Chirikjian 2012, 10.86)."""
    x, y, z = tf.unstack(vector, axis=-1)
    zero = tf.zeros_like(x)
    cross = tf.reshape(tf.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1), [-1, 3, 3])
    squared = tf.reduce_sum(vector**2, -1)[:, tf.newaxis, tf.newaxis]
    small = squared < 1e-4  # then by the series: the differences below would be rounding
    safe = tf.where(small, tf.ones_like(squared), squared)
    angle = tf.sqrt(safe)
    first = tf.where(small, 0.5 - squared / 24, (1 - tf.cos(angle)) / safe)
    second = tf.where(small, 1 / 6 - squared / 120, (angle - tf.sin(angle)) / (safe * angle))
    return tf.eye(3) + first * cross + second * tf.matmul(cross, cross)


@dataclass(frozen=True, kw_only=True)
class LocalPoseModel(SubspaceModel):
    """local: [6, 6] covariance C of the local poses, square Angstrom. body: the part. The M step's curvature takes
    turns of the part as small; it decides the length of steps, not where they end."""

    local: Array
    body: Body

    @classmethod
    def of(cls, model: SubspaceModel, body: Body, deviation: float) -> "LocalPoseModel":
        """A model with a part whose six coordinates have one standard deviation, Angstrom."""
        return cls(**vars(model), local=deviation**2 * np.eye(LOCAL_POSE), body=body)

    @property
    def n_latent(self) -> int:
        return self.n_modes + LOCAL_POSE

    @property
    def n_nuisances(self) -> int:
        return LOCAL_POSE

    @property
    def prior_precision(self) -> Array:
        return np.asarray(scipy.linalg.block_diag(np.eye(self.n_modes), np.linalg.inv(self.local)))

    def decoder(self, basis: FieldBasis) -> ModesAndBody:
        return ModesAndBody(self.modes_of(basis), *(tf.constant(a, tf.float32) for a in (
            self.body.inside, self.body.middle, self.body.radius)))

    def coordinates(self, z: Array) -> Array:
        return z[:, :-LOCAL_POSE]

    def of_modes(self, matrix: Array) -> Array:
        return matrix[:self.n_modes, :self.n_modes]

    def over_latents(self, matrix: Array) -> Array:
        return np.asarray(scipy.linalg.block_diag(matrix, np.eye(LOCAL_POSE)))

    def every(self, values: Array, others: float = 0.0) -> Array:
        return np.append(values, np.full(LOCAL_POSE, others))

    def with_nuisances_of(self, posteriors: Posteriors, damping: float = 0.0) -> "LocalPoseModel":
        """C by the fixed point of m_step.update_spread, along the axes of the second moments <z z^T + M>."""
        z, posterior = posteriors.z[:, -LOCAL_POSE:], posteriors.mean_covariance[-LOCAL_POSE:, -LOCAL_POSE:]
        squares = z.T @ z / len(z)
        _, axes = np.linalg.eigh(squares + posterior)
        before, known, found = (np.einsum("ai,ab,bi->i", axes, m, axes) for m in (self.local, posterior, squares))
        determined = np.maximum(1 - known / before, 0.0) + LOCAL_POSES.at_rest
        change = np.clip(found / determined / before, 1 / LOCAL_POSES.largest_change, LOCAL_POSES.largest_change)
        variances = before * change ** (1 / (1 + damping))
        return replace(self, local=(axes * np.maximum(variances, LOCAL_POSES.smallest**2)) @ axes.T)

    def with_nuisances_at_rest(self) -> "LocalPoseModel":
        """With a part that does not move in the rest."""
        return replace(self, local=LOCAL_POSES.smallest**2 * np.eye(LOCAL_POSE))

    @property
    def local_pose(self) -> LocalPose:
        size = np.diag(self.local)
        return LocalPose(float(np.sqrt(size[:3].sum())), float(np.sqrt(size[3:].sum()) / self.body.radius),
                         self.body.middle, self.body.inside > 0, np.repeat([1.0, 1 / self.body.radius], 3))
