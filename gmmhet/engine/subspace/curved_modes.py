"""A decoder along curves: Gaussians move and change as smooth functions of few coordinates.

    c(z) = c_0 + sum_m t_m(z) V_m,     w(z) = w_0 (1 + sum_m t_m(z) U_m)

with smooth fields V_m, U_m over the Gaussians and functions t_m of one coordinate each (molecule.curves): several
coordinates add up. Linear modes are the special case where all but the first function of each line are zero. A
coordinate may be on a circle, where its prior is flat.
"""

from dataclasses import dataclass, fields, replace
from itertools import product
from typing import NamedTuple, Self

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from scipy.special import roots_hermitenorm

from gmmhet.engine.molecule.curves import Curves
from gmmhet.engine.runtime.tensors import Floats, Tensor
from gmmhet.engine.subspace.curvature import CurvatureRule, MomentCurvature, of_consensus, of_modes
from gmmhet.engine.subspace.decoder import LinearModes, View
from gmmhet.engine.subspace.settings import CURVES
from gmmhet.engine.subspace.smooth_fields import FieldBasis
from gmmhet.engine.subspace.state import SubspaceModel

__all__ = ["CurvedModel", "CurvedModes"]

Array = NDArray[np.float64]


class CurvedModes(NamedTuple):
    """The decoder; D = K, M fields.

    Attributes:
        linear: of all M fields, whose coordinates are the functions t. periodic: [K] of Curves.
    """

    linear: LinearModes
    periodic: tuple[bool, ...]

    @property
    def curves(self) -> Curves:
        return Curves(self.periodic)

    @property
    def weights(self) -> Tensor:
        return self.linear.weights

    @property
    def variances(self) -> Tensor:
        return self.linear.variances

    @property
    def n_nuisances(self) -> int:
        return 0

    def gaussians(self, z: Tensor) -> tuple[Tensor, Tensor]:
        return self.linear.gaussians(self.curves.amounts(z, tf))

    def jacobian(self, view: View) -> Tensor:
        """Along one field a coordinate and particle, sum_m t_m'(z) V_m."""
        slopes = self.curves.slopes(view.z, tf)
        relative = self.weights * self.linear.amplitude
        along = [tf.tensordot(slopes[:, s], self.linear.position[s], 1) for s in self.curves.segments]
        change = [tf.matmul(slopes[:, s], relative[s]) for s in self.curves.segments]
        seen = tf.einsum("nax,nkjx->ankj", view.batch.rotations[:, :2], tf.stack(along, 1))
        return view.observer.projector.directional(view.factors, view.weights, seen[0], seen[1], tf.stack(change, 1))

    def nuisances(self, view: View) -> None:
        return None

    def consensus_gradient(self, view: View, cotangent: Tensor) -> Tensor:
        return self.linear.consensus_gradient(view, cotangent)

    def mode_gradient(self, view: View, cotangents: Tensor, z: Tensor, own: Tensor) -> Tensor:
        """A field takes t_m(z) times the consensus' gradient, and t_m' times what is pulled back of its coordinate."""
        slopes = self.curves.slopes(view.z, tf)
        pulled = view.observer.pullback(view.batch, view.factors, view.weights, cotangents)
        pulled = tf.concat([pulled[..., :3], pulled[..., 3:4] * self.weights[:, tf.newaxis]], -1)
        parts = [tf.tensordot(slopes[:, s], pulled[:, k], [[0], [0]]) for k, s in enumerate(self.curves.segments)]
        found = tf.tensordot(self.curves.amounts(z, tf), tf.concat([own[..., :3], own[..., 5:]], -1), [[0], [0]])
        return tf.pad(found + tf.concat(parts, 0), [[0, 0], [0, 0], [0, 1]])

    def field_gradient(self, z: Tensor, gradient: Tensor) -> Tensor:
        """As it is: fields are those of the conformation."""
        return gradient


@dataclass(frozen=True)
class CurvedCurvature(MomentCurvature):
    """Curvature by every field on its own, with <t^2> over the posterior of every particle by quadrature: the functions
    are not correlated, and views and coordinates hardly are, so that blocks off the diagonal next to vanish.

    Attributes:
        periodic: [K] of Curves.
    """

    periodic: tuple[bool, ...]

    def squares(self, z: Array, covariance: Floats) -> Array:
        """[n, M + 1] posterior means of t^2, the last 1, of the consensus."""
        curves, k = Curves(self.periodic), len(self.periodic)
        points, weights = roots_hermitenorm(CURVES.quadrature if len(covariance) else 1)
        grid = np.array(list(product(points, repeat=k)))
        shares = np.prod(list(product(weights / weights.sum(), repeat=k)), axis=1)
        root = np.linalg.cholesky(np.asarray(covariance, np.float64)) if len(covariance) else np.zeros((len(z), k, k))
        total = np.zeros((len(z), self.n_fields))
        for point, share in zip(grid, shares, strict=True):
            total += share * curves.amounts(z + root @ point) ** 2
        return np.pad(total, [(0, 0), (0, 1)], constant_values=1.0)

    def particles(self, unknowns: int) -> int:
        return super().particles(unknowns // (self.n_fields + 1))

    def shares(self, z: Array, covariance: Floats, seed: int) -> Array:
        return self.squares(z, covariance)

    def assembled(self, mean: Array, basis: FieldBasis, consensus_basis: FieldBasis) -> Array:
        """[M + 1, R, R] of each field and (last) the consensus, filled up with zeros where its basis is smaller."""
        size = max(basis.size, consensus_basis.size)
        found = np.zeros((self.n_fields + 1, size, size))
        for number, block in enumerate(mean):
            last = number == self.n_fields
            mixing = of_consensus(consensus_basis) if last else of_modes(basis)
            found[number, :mixing.shape[1], :mixing.shape[1]] = mixing.T @ block @ mixing
        return found


@dataclass(frozen=True, kw_only=True)
class CurvedModel(SubspaceModel):
    """The model; coefficients: [M, R], those of each coordinate's functions in turn.

    Attributes:
        periodic: [K] which coordinates are on a circle.
    """

    periodic: tuple[bool, ...]

    @classmethod
    def of(cls, model: SubspaceModel, kinds: Curves, coefficients: Array) -> "CurvedModel":
        """Another model's consensus, noise, contrast and poses, along curves."""
        known = {f.name: getattr(model, f.name) for f in fields(SubspaceModel)}
        return cls(**{**known, "coefficients": coefficients, "relevance": None}, periodic=kinds.periodic)

    @property
    def curves(self) -> Curves:
        return Curves(self.periodic)

    @property
    def n_modes(self) -> int:
        return len(self.periodic)

    @property
    def circles(self) -> tuple[bool, ...]:
        return self.periodic

    @property
    def prior_pull(self) -> Array:
        return np.where(self.periodic, 0.0, 1.0)

    @property
    def curvature_rule(self) -> CurvatureRule:
        return CurvedCurvature(self.n_fields, self.periodic)

    @property
    def coordinates_are_free(self) -> bool:
        return False

    def decoder(self, basis: FieldBasis) -> CurvedModes:
        return CurvedModes(self.modes_of(basis), self.periodic)

    def with_coefficients(self, coefficients: Array) -> Self:
        return replace(self, coefficients=coefficients)

    def without_modes(self, basis: FieldBasis) -> Self:
        """The same coordinates, along which nothing changes."""
        return replace(self, coefficients=np.zeros((self.n_fields, basis.size)), relevance=None)

    def leading(self, number: int) -> Self:
        coefficients = self.coefficients.copy()
        for segment in self.curves.segments[number:]:
            coefficients[segment] = 0.0
        return replace(self, coefficients=coefficients)

    @property
    def starts(self) -> Array:
        return self.curves.places(CURVES.places, CURVES.most_places)
