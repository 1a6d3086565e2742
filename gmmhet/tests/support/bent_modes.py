"""A second decoder, not linear in its coordinates: Gaussians move along parabolas.

c(z) = c_0 + sum_k [z_k V_k + (z_k^2 - 1) W_k], weights alike; K coordinates, M = 2 K fields: V_1 .. V_K, W_1 .. W_K.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from gmmhet.engine.runtime.tensors import Tensor
from gmmhet.engine.subspace.curvature import CurvatureRule, MomentCurvature
from gmmhet.engine.subspace.decoder import LinearModes, View
from gmmhet.engine.subspace.smooth_fields import FieldBasis
from gmmhet.engine.subspace.state import SubspaceModel

__all__ = ["BentModel", "BentModes", "amounts"]


def amounts(z: np.ndarray) -> np.ndarray:
    """z [n, K] to t [n, 2 K], what the fields are multiplied by."""
    return np.concatenate([z, z**2 - 1], axis=1)


class BentModes(NamedTuple):
    """The decoder. linear: of all M fields, whose coordinates are t."""

    linear: LinearModes

    @property
    def weights(self) -> Tensor:
        return self.linear.weights

    @property
    def variances(self) -> Tensor:
        return self.linear.variances

    @property
    def n_nuisances(self) -> int:
        return 0

    def _amounts(self, z: Tensor) -> Tensor:
        return tf.concat([z, z**2 - 1], 1)

    def gaussians(self, z: Tensor) -> tuple[Tensor, Tensor]:
        return self.linear.gaussians(self._amounts(z))

    def jacobian(self, view: View) -> Tensor:
        straight, bent = tf.split(self.linear.jacobian(view), 2, axis=1)
        return straight + 2 * view.z[:, :, None, None, None, None] * bent

    def nuisances(self, view: View) -> None:
        return None

    def consensus_gradient(self, view: View, cotangent: Tensor) -> Tensor:
        return self.linear.consensus_gradient(view, cotangent)

    def mode_gradient(self, view: View, cotangents: Tensor, z: Tensor, own: Tensor) -> Tensor:
        pulled = view.observer.pullback(view.batch, view.factors, view.weights, cotangents)
        pulled = tf.concat([pulled, 2 * view.z[:, :, None, None] * pulled], 1)
        return self.linear.mode_sums(pulled, self._amounts(z), own)

    def field_gradient(self, z: Tensor, gradient: Tensor) -> Tensor:
        return gradient


@dataclass(frozen=True)
class BentCurvature(MomentCurvature):
    """<t t^T> to first order in the posterior's covariance."""

    def moments(self, z: np.ndarray, covariance: np.ndarray) -> np.ndarray:
        t = np.concatenate([amounts(z), np.ones((len(z), 1))], axis=1)
        moments = np.einsum("nk,nl->nkl", t, t)
        if len(covariance):
            unit = np.broadcast_to(np.eye(z.shape[1]), (len(z), z.shape[1], z.shape[1]))
            slopes = np.concatenate([unit, 2 * z[:, :, None] * unit], axis=1)  # [n, M, K]
            moments[:, :-1, :-1] += slopes @ covariance @ slopes.swapaxes(1, 2)
        return moments


@dataclass(frozen=True)
class BentModel(SubspaceModel):
    """The model; coefficients: [2 K, R]."""

    @property
    def n_modes(self) -> int:
        return len(self.coefficients) // 2

    @property
    def curvature_rule(self) -> CurvatureRule:
        return BentCurvature(self.n_fields)

    @property
    def coordinates_are_free(self) -> bool:
        return False

    def decoder(self, basis: FieldBasis) -> BentModes:
        return BentModes(self.modes_of(basis))

    def with_coefficients(self, coefficients: np.ndarray) -> "BentModel":
        """Straight ones."""
        return replace(self, coefficients=np.concatenate([coefficients, np.zeros_like(coefficients)]), relevance=None)
