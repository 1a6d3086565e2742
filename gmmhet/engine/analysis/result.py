"""What an analysis finds: what every method gives, and typed parts that only some analyses have."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.analysis.empirical_prior import EmpiricalPosterior
from gmmhet.engine.io.result_columns import COORDINATE, COORDINATE_SD, MORE_PROBABLY
from gmmhet.engine.molecule.deformation import Deformation
from gmmhet.engine.subspace.pose_spread import POSE_AXES, PoseEvidence, PoseSpread

__all__ = ["AnalysisResult", "CrossFit", "CurvedMotion", "Detectable", "Evidence", "Junk", "LargeMotion",
           "LocalMotion", "MeanModel", "Modes", "PlantedTrial", "PoseErrors"]

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class MeanModel:
    """The Gaussians at coordinate 0, and the noise of the images.

    Attributes:
        centers: [N, 3] Angstrom. weights: [N] integrated density. sigmas: [N] Angstrom.
        noise: [S] variance of the real part in each shell. noise_by_group: [G, S] of each optics group, or None.
    """

    centers: Array
    weights: Array
    sigmas: Array
    noise: Array
    noise_by_group: Array | None = None


@dataclass(frozen=True, kw_only=True)
class Modes:
    """K modes, per unit of their coordinates.

    Attributes:
        position: [K, N, 3] displacements, Angstrom, seen from the part of the molecule that moves least.
        amplitude: [K, N] relative changes of the weights.
        spectrum: variance explained by each eigenvector, longest first; at least K entries.
        given: [K, N, 3] displacements in the frame of the given poses, where that is another frame; along curves those
            of all functions, [M, N, 3].
        prior_sizes: [K, 2] root mean squares of displacements (Angstrom) and relative changes of weights under the
            prior of a mode; None where the method has no prior.
        rigid_share: [K] share of each mode's squared displacement that is a rigid movement of the whole molecule, or of
            the part in focus that has a pose of its own; None where it is not defined.
        curve: the deformation along curves, whose first functions the modes are; None: they are all.
    """

    position: Array
    amplitude: Array
    spectrum: Array
    given: Array | None = None
    prior_sizes: Array | None = None
    rigid_share: Array | None = None
    curve: Deformation | None = None

    def __len__(self) -> int:
        return len(self.position)

    @property
    def deformation(self) -> Deformation:
        """Of the mean model by the coordinates."""
        return self.curve or Deformation(self.position, self.amplitude)

    def closed(self, k: int) -> bool:
        """Whether coordinate k (from 0) is on a circle."""
        curves = self.deformation.curves
        return curves is not None and curves.periodic[k]

    def largest_displacement(self, k: int) -> float:
        """Angstrom per unit of coordinate k (from 0), of the Gaussian that moves most; along a curve its root mean
        square over the prior."""
        return float(self.deformation.of(k).sizes()[0].max())


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Whether modes are significant, from particles that were not used to find them.

    Attributes:
        gain: [K] rise of the held-out log-likelihood per particle by each mode. gain_error: [K] its standard error.
        null: 0.95 quantile of the gains of modes of noise. agreement: [K] correlation of the coordinates of the same
            particles under the modes of both half-sets.
        angles: [K] principal angles between the modes of both half-sets, degrees; None where no modes were sought.
        significant: number of leading modes that are significant.
    """

    gain: Array
    gain_error: Array
    null: float
    agreement: Array
    angles: Array | None
    significant: int


@dataclass(frozen=True, kw_only=True)
class PoseErrors:
    """Errors of the given poses.

    Attributes:
        corrections: [n, 5] of each particle, Angstrom and radians (imaging.image_model.POSE). deviations: [n, 5]
            posterior standard deviations of the corrections.
        evidence: whether the poses were fitted to these images; None: not measured.
    """

    corrections: Array
    deviations: Array
    evidence: PoseEvidence | None = None

    @property
    def spread(self) -> PoseSpread:
        """Standard deviations of the errors: root mean squares of the corrections, their uncertainty included."""
        squares = (self.corrections.astype(np.float64) ** 2 + self.deviations**2).mean(0)
        return PoseSpread.of([float(np.sqrt(squares[axes].mean())) for axes in POSE_AXES])


@dataclass(frozen=True, kw_only=True)
class LocalMotion:
    """A part of the molecule that shifts and turns as a rigid body in the rest.

    Attributes:
        shift: root mean square length of the shifts, Angstrom. turn: of the rotation vectors, radians.
        pose: [n, 6] shift x, y, z and rotation vector, axes of the model. deviations: [n, 6] posterior.
        center: [3] Angstrom, about which it turns. inside: [N] Gaussians of the part.
        gain, error: rise of the held-out log-likelihood per particle, and its standard error. significant: whether that
            is beyond chance.
    """

    shift: float
    turn: float
    pose: Array
    deviations: Array
    center: Array
    inside: NDArray[np.bool_]
    gain: float
    error: float
    significant: bool

    @property
    def precision(self) -> tuple[float, float]:
        """Posterior standard deviation of a typical particle: of the shift (Angstrom) and the turn (radians)."""
        shift, turn = np.sqrt((np.median(self.deviations, axis=0) ** 2).reshape(2, 3).sum(1))
        return float(shift), float(turn)


@dataclass(frozen=True, kw_only=True)
class LargeMotion:
    """Modes linearised again along a path of conformations (subspace.path_following).

    Attributes:
        stations: points of the path. before: modes about the average map. gain, error: of the held-out log-likelihood
            per particle over these, and its standard error. better: whether the gain is beyond chance.
        source: [N] the Gaussian of the fitted model that each Gaussian was a part of.
    """

    stations: int
    before: int
    gain: float
    error: float
    better: bool
    source: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class CurvedMotion:
    """Coordinates along curves in the place of straight modes.

    Attributes:
        before: straight modes that were significant. gain, error: of the held-out log-likelihood per particle over
            theirs, and its standard error. better: whether the gain is beyond chance.
        source: [N] the Gaussian of the fitted model that each Gaussian was a part of.
    """

    before: int
    gain: float
    error: float
    better: bool
    source: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class PlantedTrial:
    """A search for a planted motion.

    Attributes:
        size: root mean square displacement of the part relative to the rest, Angstrom, at a coordinate of one standard
            deviation. gain, gain_error: of the mode that was found. agreement: correlation between the half-sets.
        correlation: of the coordinates of held-out particles with the planted ones. found: whether the mode is
            significant, and the planted motion.
    """

    size: float
    gain: float
    gain_error: float
    agreement: float
    correlation: float
    found: bool


@dataclass(frozen=True, kw_only=True)
class Detectable:
    """The smallest motion that a search which found none would have found.

    Attributes:
        size: Angstrom, as of PlantedTrial; None where none was found. largest_tried: Angstrom. predicted: Angstrom,
            from the information of the images alone. share, kilodalton: mass of the part; None where it is not known.
        trials: of the sizes that were planted. seconds: that took.
    """

    size: float | None
    largest_tried: float
    predicted: float
    share: float
    kilodalton: float | None
    trials: tuple[PlantedTrial, ...]
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Junk:
    """Particles that hardly show the molecule at their given pose.

    Attributes:
        probability: [n] of every particle to be one. share, error: of all particles, and its standard error.
    """

    probability: Array
    share: float
    error: float

    @property
    def left_out(self) -> int:
        """Particles that the modes do without: those that are more probably junk than not."""
        return int(np.count_nonzero(self.probability > MORE_PROBABLY))


@dataclass(frozen=True, kw_only=True)
class CrossFit:
    """Coordinates from halves of the Fourier pixels, under the modes of the half-set that a particle is not in.

    Attributes:
        coordinates: [2, n, K] from either half, along the modes of all particles. deviations: [2, n, K] posterior
            standard deviations.
        slope: [K] by which the images, in the pixels that a coordinate is not from, follow what it says: 1 where modes
            and coordinates are right, 0 where they are noise. slope_error: [K] its standard error.
    """

    coordinates: Array
    deviations: Array
    slope: Array
    slope_error: Array


@dataclass(frozen=True, kw_only=True)
class AnalysisResult:
    """n particles, N Gaussians, K modes.

    Attributes:
        coordinates: [n, K] posterior means, of unit variance. covariance: [n, K, K] posterior.
        contrast: [n]. log_likelihood: [n], NaN where the method has none.
        model, modes: the molecule and how it changes.
        history: of each pass, log-likelihood per particle and gradient. settings: of summary.json.
        sought: whether modes were sought: not with too few particles.
        span: [m, K] coordinates that motions are shown over, where these are not those of the particles.
        evidence: of the modes; None where the method has no test. pose_errors: None where poses are taken as exact.
        local: of the part in focus, where it has a pose of its own. large_motion: where modes were linearised again.
        curved: where coordinates are along curves.
        population: coordinates along the significant modes under the prior estimated from the data.
        detectable: what would have been found, where no mode is significant.
        junk: particles that the modes were found without; None: none were told.
        cross_fit: coordinates from halves of the pixels; None: not computed.
    """

    coordinates: Array
    covariance: Array
    contrast: Array
    log_likelihood: Array
    model: MeanModel
    modes: Modes
    history: list[dict[str, float]] = field(default_factory=list)
    settings: dict[str, float | list[float]] = field(default_factory=dict)
    sought: bool = True
    span: Array | None = None
    evidence: Evidence | None = None
    pose_errors: PoseErrors | None = None
    local: LocalMotion | None = None
    large_motion: LargeMotion | None = None
    curved: CurvedMotion | None = None
    population: EmpiricalPosterior | None = None
    detectable: Detectable | None = None
    junk: Junk | None = None
    cross_fit: CrossFit | None = None

    @property
    def n_modes(self) -> int:
        return int(self.coordinates.shape[1])

    @property
    def off_centre(self) -> bool:
        """Whether the coordinates have another mean than 0, which is then a place where particles are."""
        return self.large_motion is not None

    @property
    def significant(self) -> int:
        """Number of leading modes that are significant; 0 where the method has no test."""
        return 0 if self.evidence is None else self.evidence.significant

    @property
    def columns(self) -> dict[str, Array]:
        """Coordinates and posterior standard deviations by the stem of their names in latents.star: [n, K], or [n, S]
        under the prior estimated from the data."""
        found = {"gmmhetLatent": self.coordinates, "gmmhetLatentSd": self.deviations}
        if self.population is not None and self.population.better:
            found |= {COORDINATE: self.population.mean, COORDINATE_SD: self.population.deviation}
        return found

    def amount_share(self, k: int) -> float:
        """Share, 0..1, of what mode k (from 0) does to the map by changing amounts of density, not its position.

        Of a Gaussian of weight w and width s, a relative change u of its weight changes the squared density by w^2 u^2,
        a displacement d by w^2 d^2 / (2 s^2), in units of its own squared density; overlaps are left out.
        """
        squared, model = self.model.weights**2, self.model
        moved, changed = self.modes.deformation.of(k).sizes()
        amounts, moves = float(squared @ changed**2), float(squared @ (moved**2 / (2 * model.sigmas**2)))
        return amounts / max(amounts + moves, 1e-300)

    @property
    def deviations(self) -> Array:
        """[n, K] posterior standard deviations."""
        return np.asarray(np.sqrt(np.einsum("nkk->nk", self.covariance)))
