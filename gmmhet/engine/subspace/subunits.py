"""Molecules of G copies of one unit, each copy with coordinates of its own: decoder, and passes over particles.

The fields of the modes, the basis and the consensus are those of the first unit, in its frame; group element g takes
them to copy g. z [n, G K] holds the coordinates copy after copy. Their prior N(0, C) is estimated, C being the same
for pairs of copies that the group takes to each other: it is the covariance of coordinates between the copies of one
particle.
"""

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg
import tensorflow as tf
from numpy.typing import NDArray

from gmmhet.engine.imaging.image_model import Batch, Observer
from gmmhet.engine.imaging.projector import Factors
from gmmhet.engine.runtime.batching import smaller_batches
from gmmhet.engine.runtime.ranks import communicator
from gmmhet.engine.subspace.curvature import FOLLOWING, tied_curvature
from gmmhet.engine.subspace.decoder import LinearModes
from gmmhet.engine.subspace.e_step import Prior, State
from gmmhet.engine.subspace.passes import SubspaceEstimator
from gmmhet.engine.subspace.state import Ensemble, SubspaceModel

__all__ = ["SubunitEstimator", "SubunitModel", "SubunitModes", "over_the_group", "symmetric_fields"]

Tensor = Any
Array = NDArray[np.float64]
_SAMPLE = 64  # particles for the curvature: each shows every copy
_LEAST_EIGENVALUE = 0.02  # of C: coordinates that follow exactly from others cannot be told from ones nearly so


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
        """None."""
        return 0

    def gaussians(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """z [n, G K] to centres [n, N, 3] and weights [n, N]."""
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

    def factors_of_units(self, factors: Factors) -> Factors:
        """Factors of n views of the whole as those of n G views of one unit."""
        return Factors(self.by_unit(factors.x), self.by_unit(factors.y))

    def views_of_units(self, batch: Batch) -> Tensor:
        """[n G, 3, 3] from the frame of the first unit, by copy, to the view."""
        return tf.reshape(tf.einsum("nab,gbc->ngac", batch.rotations, self.rotations), [-1, 3, 3])

    def jacobian(self, observer: Observer, batch: Batch, factors: Factors, z: Tensor, weights: Tensor) -> Tensor:
        """Derivatives of the projections by z, [n, G K, 2, 2, h + 1, h + 1]; each contracts over one unit alone."""
        units = batch._replace(rotations=self.views_of_units(batch))
        found = observer.jacobian(units, self.factors_of_units(factors), self.by_unit(weights), self.position,
                                  self.unit_weights * self.amplitude)
        return tf.reshape(found, [-1, self.copies * self.position.shape[0], *found.shape[2:]])

    def nuisances(self, observer: Observer, batch: Batch, factors: Factors, z: Tensor, weights: Tensor) -> None:
        """All of z are coordinates of modes."""
        return None

    def consensus_gradient(self, observer: Observer, batch: Batch, factors: Factors, z: Tensor, weights: Tensor,
                           cotangent: Tensor) -> Tensor:
        """As of LinearModes for every copy, turned back to the first unit: [n G, N_a, 6]; their sum is the unit's."""
        whole = LinearModes(self.centers, self.weights, self.variances, self.position, self.amplitude)
        return self.turned_back(whole.consensus_gradient(observer, batch, factors, z, weights, cotangent))

    def turned_back(self, fields: Tensor) -> Tensor:
        """Fields [n, N, C] over the whole as fields [n G, N_a, C] over the first unit; x, y, z come first."""
        size, columns = tf.shape(self.unit_weights)[0], fields.shape[-1]
        split = tf.reshape(fields, [-1, self.copies, size, columns])
        turned = tf.einsum("gba,ngjb->ngja", self.rotations, split[..., :3])
        return tf.reshape(tf.concat([turned, split[..., 3:]], -1), [-1, size, columns])

    def mode_gradient(self, observer: Observer, batch: Batch, factors: Factors, at: Tensor, weights: Tensor,
                      cotangents: Tensor, z: Tensor, own: Tensor) -> Tensor:
        """As of LinearModes, [K, N_a, 5]: copies count as particles.

        Args:
            cotangents: [n, G K, 2, 2, h + 1, h + 1]. z: [n, G K]. own: [n G, N_a, 6] of consensus_gradient.
        """
        unit = LinearModes(self.unit_centers, self.unit_weights, self.unit_variances, self.position, self.amplitude)
        split = tf.reshape(cotangents, [-1, self.position.shape[0], *cotangents.shape[2:]])
        return unit.mode_gradient(observer, batch._replace(rotations=self.views_of_units(batch)),
                                  self.factors_of_units(factors), self._of_copies(at), self.by_unit(weights), split,
                                  self._of_copies(z), own)


@dataclass(frozen=True)
class SubunitModel(SubspaceModel):
    """centers, weights, variances: of one unit. prior: [G K, G K] covariance C of the coordinates."""

    prior: Array = field(default_factory=lambda: np.eye(1))

    @property
    def n_latent(self) -> int:
        return len(self.prior)

    @property
    def copies(self) -> int:
        """G."""
        return len(self.prior) // self.n_modes

    def coordinates(self, z: Array) -> Array:
        return z.reshape(-1, self.n_modes)

    def of_modes(self, matrix: Array) -> Array:
        split = matrix.reshape(self.copies, self.n_modes, self.copies, self.n_modes)
        return np.asarray(np.einsum("iaib->ab", split) / self.copies)

    def over_latents(self, matrix: Array) -> Array:
        return np.kron(np.eye(self.copies), matrix)

    def every(self, values: Array, others: float = 0.0) -> Array:
        return np.tile(values, self.copies)

    def kept(self, covariance: NDArray[Any]) -> NDArray[Any]:
        """[n, G + 1, K, K] those of every copy, and (last) of the mean over the copies; what ties copies together is
        needed of the mean over particles alone, and would be G times as much."""
        split = covariance.reshape(-1, self.copies, self.n_modes, self.copies, self.n_modes)
        own, mean = np.einsum("ngkgl->ngkl", split), split.mean(axis=(1, 3))
        return np.concatenate([own, mean[:, np.newaxis]], axis=1)

    def kept_turned(self, kept: NDArray[Any], change: Array) -> NDArray[Any]:
        single = change.astype(kept.dtype)
        return np.asarray(single @ kept @ single.T)


class SubunitEstimator(SubspaceEstimator):
    """Passes over particles whose units have coordinates of their own.

    Args:
        rotations: [G, 3, 3] of the group, the identity first. Others as of SubspaceEstimator, of one unit.
    """

    def __init__(self, *args: Any, rotations: Array, **options: Any) -> None:
        super().__init__(*args, **options)
        self.rotations = rotations

    def _compile(self) -> None:
        super()._compile()
        self._tied = tf.function(self._tied_curvature, autograph=False)

    def constants(self, model: SubspaceModel) -> tuple[SubunitModes, Any, Prior]:
        assert isinstance(model, SubunitModel)
        unit, white, prior = super().constants(model)
        modes = SubunitModes(unit.centers, unit.weights, unit.variances, unit.position, unit.amplitude,
                             tf.constant(self.rotations, tf.float32))
        return modes, white, prior._replace(precision=tf.constant(np.linalg.inv(model.prior), tf.float32))

    def with_coefficients(self, model: SubspaceModel, coefficients: Array) -> SubspaceModel:
        """The model with other modes; what was known of leading modes is kept, the coordinates of others are apart."""
        assert isinstance(model, SubunitModel)
        g, old, new = len(self.rotations), model.n_modes, len(coefficients)
        kept = min(old, new)
        prior = np.eye(g * new).reshape(g, new, g, new)
        prior[:, :kept, :, :kept] = model.prior.reshape(g, old, g, old)[:, :kept, :, :kept]
        return replace(model, coefficients=coefficients, prior=prior.reshape(g * new, g * new),
                       relevance=model.relevance_of(new))

    def with_prior_of(self, model: SubspaceModel, ensemble: Ensemble) -> SubspaceModel:
        """C as the mean of z z^T + M (the M step of expectation-maximisation), the same over the group."""
        assert isinstance(model, SubunitModel)
        second = ensemble.z.T @ ensemble.z / len(ensemble.z) + ensemble.mean_covariance
        values, vectors = np.linalg.eigh(over_the_group(second, self.rotations))
        return replace(model, prior=(vectors * np.maximum(values, _LEAST_EIGENVALUE)) @ vectors.T)

    def curvature(self, model: SubspaceModel, ensemble: Ensemble, *, sample: int | None = None) -> Array:
        """As of SubspaceEstimator, in the coefficients of one unit; the coordinates of every copy are drawn from their
        posterior, each on its own."""
        chosen = _spread(len(ensemble.rows), sample or _SAMPLE)
        z = ensemble.z[chosen].reshape(len(chosen), -1, model.n_modes)
        if len(ensemble.covariance):
            signs = np.random.default_rng([self.seed, len(z)]).choice([-1.0, 1.0], z.shape)
            z = z + np.einsum("ngab,ngb->nga", np.linalg.cholesky(ensemble.covariance[chosen][:, :-1]), signs)
        amounts = np.concatenate([z, np.ones((*z.shape[:2], 1))], axis=2).swapaxes(1, 2)
        raw = self._raw_tied_curvature(model, ensemble.at(chosen), amounts)
        bases = scipy.linalg.block_diag(*[self.basis.mixing] * model.n_modes, self.consensus_basis.mixing)
        return np.asarray(bases.T @ raw @ bases)

    def still_curvature(self, model: SubspaceModel, ensemble: Ensemble, *, sample: int) -> Array:
        """[R, R] mean curvature by a displacement of one of the copies along the modes' basis."""
        some = ensemble.at(_spread(len(ensemble.rows), sample))
        copies = len(self.rotations)
        one = np.eye(copies)[np.arange(len(some.rows)) % copies]
        raw = self._raw_tied_curvature(model, some, one[:, np.newaxis], following=1.0)
        return np.asarray(self.basis.mixing.T @ raw @ self.basis.mixing)

    def _raw_tied_curvature(self, model: SubspaceModel, some: Ensemble, amounts: Array, following: float = FOLLOWING,
                            ) -> Array:
        """Mean over particles of tied_curvature."""
        shares = [(some.at(part), amounts[part]) for part in communicator().parts(len(amounts), self._few)]
        total = communicator().total(self._tied_curvature_of_some, (model, following), shares)
        return np.asarray(total / len(amounts))

    @smaller_batches
    def _tied_curvature_of_some(self, model: SubspaceModel, following: float, some: Ensemble, amounts: Array) -> Array:
        modes, white, prior = self.constants(model)
        total: Array | float = 0.0
        for batch, state, shares in self._few_at_once(some, amounts):
            total = total + self._tied(batch, modes, white, state, prior, shares, following).numpy()
        return np.asarray(total, np.float64)

    def _tied_curvature(self, batch: Batch, modes: SubunitModes, white: Any, state: State, prior: Prior, amounts: Any,
                        following: float) -> Any:
        return tied_curvature(self.observer, self.basis.scalar, batch, modes, white, state, prior, amounts, following)

    def _gradient_statistics(self, batch: Batch, modes: Any, white: Any, state: State) -> Any:
        """[n G, N_a, 5]: the gradients of every copy, turned back to the first."""
        return modes.turned_back(super()._gradient_statistics(batch, modes, white, state))


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
    return np.asarray(mean[size > 1e-6 * before])


def _spread(n: int, size: int) -> NDArray[np.int64]:
    """At most ``size`` places of n, evenly spread."""
    return np.unique(np.linspace(0, n - 1, size).astype(np.int64))
