"""What passes over the particles start from and end with: the model, and what is known of every particle."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple, Self

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from gmmhet.engine.imaging.image_model import POSE
from gmmhet.engine.runtime.tensors import Floats
from gmmhet.engine.subspace.curvature import CurvatureRule, MomentCurvature
from gmmhet.engine.subspace.decoder import Decoder, LinearModes
from gmmhet.engine.subspace.pose_spread import PoseEvidence, PoseSpread
from gmmhet.engine.subspace.settings import MODE_SELECTION
from gmmhet.engine.subspace.smooth_fields import FieldBasis

__all__ = ["LocalPose", "Posteriors", "SubspaceModel", "Sums"]

Array = NDArray[np.float64]
_OF_PARTICLES = ("z", "pose", "contrast", "covariance", "pose_variance", "log_likelihood")


class LocalPose(NamedTuple):
    """A part of the molecule with a pose of its own: the last six of z, a shift and a turn.

    Attributes:
        shift: root mean square length of the shifts, Angstrom. turn: of the turns, radians.
        middle: [3] Angstrom, about which it turns. inside: [N] Gaussians of the part.
        scale: [6] of the coordinates, to Angstrom and radians.
    """

    shift: float
    turn: float
    middle: Array
    inside: NDArray[np.bool_]
    scale: Array


@dataclass(frozen=True)
class SubspaceModel:
    """A model of the particles with linear modes, and base of other models: whatever passes, M step and selection of
    modes need to know of a model is a member of this class, so that another decoder comes with a subclass
    (docs/decoder.rst).

    Attributes:
        centers: [N, 3] Angstrom. weights: [N]. variances: [N] squared widths.
        coefficients: [M, R] of the fields that are learnt in the basis; of modes M = K, one field a coordinate.
        noise: [G, shells] variance of the real part, by optics group.
        contrast_mean, contrast_deviation: prior of the contrast.
        spread: prior of the errors of the poses; None: they are exact.
        pose_evidence: what the images say of their given poses; None: not measured.
        relevance: [M, 2] prior variance of each field's coefficients, of those that displace Gaussians and of those
            that change their weights; None: 1.
    """

    centers: Array
    weights: Array
    variances: Array
    coefficients: Array
    noise: Array
    contrast_mean: float
    contrast_deviation: float
    spread: PoseSpread | None = None
    relevance: Array | None = None
    pose_evidence: PoseEvidence | None = None

    @property
    def n_fields(self) -> int:
        """M."""
        return len(self.coefficients)

    @property
    def n_modes(self) -> int:
        """K, coordinates that are no nuisances, of one copy."""
        return len(self.coefficients)

    @property
    def relevances(self) -> Array:
        """relevance, in figures."""
        return np.ones((self.n_fields, 2)) if self.relevance is None else self.relevance

    def relevance_of(self, n_fields: int) -> Array | None:
        """relevance where there are so many fields, of which the leading ones are those of this model."""
        if self.relevance is None:
            return None
        kept = min(n_fields, self.n_fields)
        return np.vstack([self.relevance[:kept], np.ones((n_fields - kept, 2))])

    @property
    def n_latent(self) -> int:
        """D, of z."""
        return self.n_modes

    @property
    def n_nuisances(self) -> int:
        """How many of z, the last ones, are no coordinates of modes."""
        return 0

    def coordinates(self, z: Array) -> Array:
        """[n copies, K] the coordinates of the modes among z [n, D]."""
        return z

    def of_modes(self, matrix: Array) -> Array:
        """[K, K] the part of a matrix [D, D] or [D', D'] that is of the modes, the mean over copies."""
        return matrix

    def over_latents(self, matrix: Array) -> Array:
        """[D, D] of what a matrix [K, K] does to the coordinates of the modes."""
        return matrix

    def every(self, values: Array, others: float = 0.0) -> Array:
        """[D] values [K] of the modes; others: of what is no coordinate of a mode."""
        return values

    def kept(self, covariance: Floats) -> Floats:
        """What is kept of the particles' posterior covariances [n, D, D]: all of it."""
        return covariance

    def kept_turned(self, kept: Floats, change: Array) -> Floats:
        """What is kept, of coordinates that are change [K, K] times those of before."""
        every = self.over_latents(change).astype(kept.dtype)
        return np.asarray(every @ kept @ every.T)

    @property
    def prior_precision(self) -> Array:
        """[D, D] inverse covariance of the prior of z."""
        return np.eye(self.n_latent)

    @property
    def prior_pull(self) -> Array:
        """[D] 1; 0 of coordinates whose prior is flat: its precision is that of a normal prior of the same density."""
        return np.ones(self.n_latent)

    @property
    def circles(self) -> tuple[bool, ...]:
        """[K] which coordinates of modes are on a circle."""
        return (False,) * self.n_modes

    @property
    def starts(self) -> Array | None:
        """[S, D] places that a particle of which nothing is known starts from, the likeliest of them: the middle, and
        to both sides of it along every mode; None of copies of a unit, which are many."""
        k, rest = self.n_modes, self.n_latent - self.n_modes
        if rest != self.n_nuisances:
            return None
        sides = MODE_SELECTION.start * np.eye(k)
        return np.pad(np.concatenate([np.zeros((1, k)), sides, -sides]), [(0, 0), (0, rest)])

    @property
    def curvature_rule(self) -> CurvatureRule:
        """How the curvature by the fields is summed over particles."""
        return MomentCurvature(self.n_fields)

    @property
    def coordinates_are_free(self) -> bool:
        """Whether the fields can take up any linear change of the coordinates, so that z may be scaled and turned."""
        return True

    def modes_of(self, basis: FieldBasis) -> LinearModes:
        """The fields as linear modes."""
        fields = basis.fields(self.coefficients)
        return LinearModes(*(tf.constant(a, tf.float32) for a in (
            self.centers, self.weights, self.variances, fields[..., :3], fields[..., 3])))

    def decoder(self, basis: FieldBasis) -> Decoder:
        """The model's decoder. basis: that of the coefficients."""
        return self.modes_of(basis)

    def with_coefficients(self, coefficients: Array) -> Self:
        """The model with other modes [K', R]; what was known of leading modes is kept."""
        return replace(self, coefficients=coefficients, relevance=self.relevance_of(len(coefficients)))

    def without_modes(self, basis: FieldBasis) -> Self:
        """The same consensus, noise and contrast with one mode of size zero in a basis."""
        return replace(self.with_coefficients(np.zeros((1, basis.size))), relevance=None)

    def leading(self, number: int) -> Self:
        """The model with its first modes alone: along the other coordinates nothing changes."""
        coefficients = self.coefficients.copy()
        coefficients[number:] = 0.0
        return replace(self, coefficients=coefficients)

    def with_prior_of(self, posteriors: "Posteriors") -> Self:
        """The model with the prior of the coordinates that posteriors of unit variance tell; here always 1."""
        return self

    def with_nuisances_of(self, posteriors: "Posteriors", damping: float = 0.0) -> Self:
        """The model with the prior of the nuisances among z that the posteriors tell; here there are none.

        Args:
            damping: shortens the step (of the logarithm) by 1 + damping.
        """
        return self

    def with_nuisances_at_rest(self) -> Self:
        """The model whose nuisances among z hardly move; here there are none."""
        return self

    @property
    def local_pose(self) -> LocalPose | None:
        """The part that has a pose of its own; None where none has."""
        return None

    @property
    def n_pose(self) -> int:
        return 0 if self.spread is None else POSE


@dataclass
class Posteriors:
    """What is known of n particles; rows: their rows in the cache.

    The large arrays are kept in the single precision that they are computed in; sums over them are in double.

    Attributes:
        z: [n, D]. pose: [n, P]. contrast: [n]. pose_variance: [n, P].
        covariance: [n, D, D] of z, or what the model keeps of it. mean_covariance: [D, D] its mean over the particles.
        information: [D', D'] mean information of the data on the coordinates of modes. log_likelihood: [n].
        contrast_variance: mean posterior variance of the contrast.
    """

    rows: NDArray[np.int64]
    z: Array
    pose: Floats
    contrast: Array
    covariance: Floats = field(default_factory=lambda: np.zeros((0, 0, 0), np.float32))
    pose_variance: Floats = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    mean_covariance: Array = field(default_factory=lambda: np.zeros((0, 0)))
    information: Array = field(default_factory=lambda: np.zeros((0, 0)))
    log_likelihood: Array = field(default_factory=lambda: np.zeros(0))
    contrast_variance: float = 0.0

    @classmethod
    def blank(cls, rows: NDArray[np.int64], model: SubspaceModel) -> "Posteriors":
        """Particles of which nothing is known."""
        n = len(rows)
        return cls(rows, np.zeros((n, model.n_latent)), np.zeros((n, model.n_pose), np.float32),
                   np.full(n, model.contrast_mean))

    @classmethod
    def unfilled(cls, rows: NDArray[np.int64], model: SubspaceModel) -> "Posteriors":
        """Room for all that a pass finds; sums are zero."""
        n, k, p, own = len(rows), model.n_latent, model.n_pose, model.n_latent - model.n_nuisances
        one = model.kept(np.zeros((1, k, k), np.float32)).shape[1:]
        pose, covariance, variance = (np.empty(shape, np.float32) for shape in ((n, p), (n, *one), (n, p)))
        return cls(rows, np.empty((n, k)), pose, np.empty(n), covariance, variance, np.zeros((k, k)),
                   np.zeros((own, own)), np.empty(n))

    def at(self, chosen: slice | NDArray[np.int64]) -> "Posteriors":
        """The state (alone) of some of the particles, by their index."""
        return Posteriors(self.rows[chosen], self.z[chosen], self.pose[chosen], self.contrast[chosen])

    def better_of(self, other: "Posteriors", margin: float) -> "Posteriors":
        """The same with the particles that have more log-likelihood in another one, by more than a margin, as in that.

        Means over all particles (information, mean_covariance, contrast_variance) stay.
        """
        better = np.flatnonzero(other.log_likelihood > self.log_likelihood + margin)
        return self._replaced(better, {name: getattr(other, name)[better] for name in _OF_PARTICLES})

    def with_some(self, chosen: NDArray[np.int64], found: "Posteriors") -> "Posteriors":
        """The same with some of the particles, by their index, as in another one; without means over all of them."""
        changed = self._replaced(chosen, {name: getattr(found, name) for name in _OF_PARTICLES})
        nothing = np.zeros((0, 0))
        return replace(changed, mean_covariance=nothing, information=nothing, contrast_variance=math.nan)

    def _replaced(self, chosen: NDArray[np.int64], values: dict[str, Floats]) -> "Posteriors":
        arrays: dict[str, Any] = {name: np.array(getattr(self, name)) for name in values}
        for name, some in values.items():
            arrays[name][chosen] = some
        return replace(self, **arrays)

    def without_covariance(self) -> "Posteriors":
        """The same without covariance and pose_variance, which take most of the memory."""
        return replace(self, covariance=np.zeros((0, 0, 0), np.float32), pose_variance=np.zeros((0, 0), np.float32))

    @classmethod
    def joined(cls, parts: Sequence["Posteriors"]) -> "Posteriors":
        """One of several that are complete, one after the other."""
        if len(parts) == 1:
            return parts[0]
        n = np.array([len(p.rows) for p in parts])
        share = n / max(n.sum(), 1)
        arrays = {f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)
                  if f.name not in ("information", "mean_covariance", "contrast_variance")}
        means = {name: sum(s * getattr(p, name) for s, p in zip(share, parts, strict=True))
                 for name in ("information", "mean_covariance")}
        return cls(**arrays, **means,
                   contrast_variance=float(sum(s * p.contrast_variance for s, p in zip(share, parts, strict=True))))

    def with_modes_of(self, model: SubspaceModel) -> "Posteriors":
        """The same poses, contrasts and nuisances with coordinates of zero along the modes of a model."""
        z, kept = np.zeros((len(self.rows), model.n_latent)), model.n_nuisances
        z[:, model.n_latent - kept:] = self.z[:, self.z.shape[1] - kept:]
        return Posteriors(self.rows, z, self.pose, self.contrast)


@dataclass
class Sums:
    """gradient: [M + 1, N, 5] by the fields and (last) the consensus, zero where it was not computed.
    power: [G, shells] squared whitened residuals. count: [G] particles."""

    gradient: Array
    power: Array
    count: Array

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(self.gradient + other.gradient, self.power + other.power, self.count + other.count)
