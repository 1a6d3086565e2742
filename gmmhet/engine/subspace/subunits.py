"""Model of molecules of G copies of one unit, each copy with coordinates of its own.

The fields of the modes, the basis and the consensus are those of the first unit, in its frame; group element g takes
them to copy g. z [n, G K] holds the coordinates copy after copy. Their prior N(0, C) is estimated, C being the same
for pairs of copies that the group takes to each other: it is the covariance of coordinates between the copies of one
particle.
"""

from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from gmmhet.engine.runtime.tensors import Floats
from gmmhet.engine.subspace.curvature import CurvatureRule
from gmmhet.engine.subspace.settings import SUBUNITS
from gmmhet.engine.subspace.smooth_fields import FieldBasis
from gmmhet.engine.subspace.state import Posteriors, SubspaceModel
from gmmhet.engine.subspace.subunit_decoder import SubunitModes
from gmmhet.engine.subspace.tied_curvature import TiedCurvature

__all__ = ["SubunitModel", "over_the_group", "symmetric_fields"]

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class SubunitModel(SubspaceModel):
    """centers, weights, variances: of one unit. prior: [G K, G K] covariance C of the coordinates. rotations:
    [G, 3, 3], x of copy g = rotations[g] x of the first, which is the identity's."""

    prior: Array
    rotations: Array

    @classmethod
    def of(cls, model: SubspaceModel, rotations: Array) -> "SubunitModel":
        """A model of one unit, its copies apart (C = 1)."""
        return cls(**vars(model), prior=np.eye(len(rotations) * model.n_modes), rotations=rotations)

    @property
    def n_latent(self) -> int:
        return len(self.prior)

    @property
    def copies(self) -> int:
        """G."""
        return len(self.rotations)

    @property
    def prior_precision(self) -> Array:
        return np.asarray(np.linalg.inv(self.prior))

    @property
    def curvature_rule(self) -> CurvatureRule:
        return TiedCurvature(self.n_modes, self.copies)

    def decoder(self, basis: FieldBasis) -> SubunitModes:
        unit = self.modes_of(basis)
        return SubunitModes(unit.centers, unit.weights, unit.variances, unit.position, unit.amplitude,
                            tf.constant(self.rotations, tf.float32))

    def coordinates(self, z: Array) -> Array:
        return z.reshape(-1, self.n_modes)

    def of_modes(self, matrix: Array) -> Array:
        split = matrix.reshape(self.copies, self.n_modes, self.copies, self.n_modes)
        return np.asarray(np.einsum("iaib->ab", split) / self.copies)

    def over_latents(self, matrix: Array) -> Array:
        return np.kron(np.eye(self.copies), matrix)

    def every(self, values: Array, others: float = 0.0) -> Array:
        return np.tile(values, self.copies)

    def kept(self, covariance: Floats) -> Floats:
        """[n, G + 1, K, K] those of every copy, and (last) of the mean over the copies; what ties copies together is
        needed of the mean over particles alone, and would be G times as much."""
        split = covariance.reshape(-1, self.copies, self.n_modes, self.copies, self.n_modes)
        own, mean = np.einsum("ngkgl->ngkl", split), split.mean(axis=(1, 3))
        return np.concatenate([own, mean[:, np.newaxis]], axis=1)

    def kept_turned(self, kept: Floats, change: Array) -> Floats:
        single = change.astype(kept.dtype)
        return np.asarray(single @ kept @ single.T)

    def with_coefficients(self, coefficients: Array) -> "SubunitModel":
        """The coordinates of further modes are apart."""
        g, old, new = self.copies, self.n_modes, len(coefficients)
        kept = min(old, new)
        prior = np.eye(g * new).reshape(g, new, g, new)
        prior[:, :kept, :, :kept] = self.prior.reshape(g, old, g, old)[:, :kept, :, :kept]
        return replace(self, coefficients=coefficients, prior=prior.reshape(g * new, g * new),
                       relevance=self.relevance_of(new))

    def with_prior_of(self, posteriors: Posteriors) -> "SubunitModel":
        """C as the mean of z z^T + M (the M step of expectation-maximisation), the same over the group."""
        second = posteriors.z.T @ posteriors.z / len(posteriors.z) + posteriors.mean_covariance
        values, vectors = np.linalg.eigh(over_the_group(second, self.rotations))
        return replace(self, prior=(vectors * np.maximum(values, SUBUNITS.least_eigenvalue)) @ vectors.T)


def over_the_group(second: Array, rotations: Array) -> Array:
    """Mean of a matrix [G K, G K] over the group's action on the copies: element h takes copy g to the copy of h g."""
    copies, k = len(rotations), len(second) // len(rotations)
    blocks = second.reshape(copies, k, copies, k)
    total = np.zeros_like(blocks)
    for element in rotations:
        moved = np.abs((element @ rotations)[:, None] - rotations[None]).max(axis=(2, 3)).argmin(axis=1)
        total += blocks[moved][:, :, moved]
    total = total.reshape(second.shape) / copies
    return np.asarray((total + total.T) / 2)


def symmetric_fields(fields: Array, rotations: Array) -> Array:
    """The part of fields [F, N, 5] over the whole that the group leaves as it is, over the first unit: [F', N_a, 5].

    Fields of which nothing is left are left out.
    """
    split = fields.reshape(len(fields), len(rotations), -1, 5)
    turned = np.einsum("gba,fgjb->fja", rotations, split[..., :3]) / len(rotations)
    mean = np.concatenate([turned, split[..., 3:].mean(axis=1)], axis=-1)
    size = np.sqrt((mean**2).sum(axis=(1, 2)))
    before = np.sqrt((split**2).sum(axis=(1, 2, 3)) / len(rotations))
    return np.asarray(mean[size > SUBUNITS.least_left * before])
