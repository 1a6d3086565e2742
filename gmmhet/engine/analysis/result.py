"""What either method gives, and the verdicts in words."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.analysis.empirical_prior import Placement
from gmmhet.engine.config import FEWEST_PARTICLES
from gmmhet.engine.subspace.state import PoseSpread

__all__ = ["AnalysisResult", "LocalMotion", "mode_verdict", "overall_verdict", "pose_errors"]

Array = NDArray[np.float64]
_MOSTLY = 0.5


@dataclass(frozen=True)
class LocalMotion:
    """A part of the molecule that shifts and turns as a body in the rest.

    Attributes:
        shift: root mean square length of the shifts, Angstrom. turn: of the rotation vectors, radians.
        pose: [n, 6] shift x, y, z and rotation vector, axes of the model; deviations: [n, 6] posterior.
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

    def entry(self) -> dict[str, Any]:
        """summary.json's ``local_pose``."""
        known = np.sqrt((np.median(self.deviations, axis=0) ** 2).reshape(2, 3).sum(1))
        turn, turn_known = np.rad2deg(self.turn), np.rad2deg(known[1])
        evidence = f"held-out particles gain {self.gain:.2f} in log-likelihood each"
        words = (f"The part in focus moves as a rigid body in the rest, by {self.shift:.1f} A and {turn:.1f} degrees "
                 f"(root mean square): {evidence}. Of a single particle this is known to {known[0]:.1f} A and "
                 f"{turn_known:.1f} degrees. The modes are what the part does beside that.")
        if not self.significant:
            words = f"That the part in focus moves as a rigid body in the rest is not supported: {evidence}."
        return {"shift_angstrom": self.shift, "turn_degrees": float(turn), "shift_known_angstrom": float(known[0]),
                "turn_known_degrees": float(turn_known), "heldout_gain": self.gain, "heldout_gain_error": self.error,
                "significant": self.significant, "words": words}


@dataclass
class AnalysisResult:
    """Attributes: as in analysis.npz (CONVENTIONS.rst); gain, null, correlation are NaN where the method has none.

    sigmas, noise_by_group, halfset_angles, spread, pose, pose_deviations: of the likelihood method, None without.
    span: [m, K] coordinates that motions are shown over, where these are not those of the particles.
    local: of the part in focus, where it has a pose of its own.
    followed: summary.json's entry, where the modes are those of conformations that were followed; source: [N] the
    Gaussian of the fitted model that each of them was a part of.
    modes_given: [K, N, 3] modes_position in the frame of the given poses, where that is another one: modes_position is
    seen from the part of the molecule that is still.
    prior_sizes: [K, 2] root mean squares of displacements (Angstrom) and of relative changes of weights along a mode,
    under its prior.
    placement: coordinates along the real modes under the particles' own population; None where there are none.
    rigid_share: [K] share of each mode's displacement that is a rigid movement of the whole, or of that part; None
    where movements were followed, which one straight line does not tell.
    """

    coordinates: Array
    covariance: Array
    contrast: Array
    log_likelihood: Array
    centers: Array
    weights: Array
    modes_position: Array
    modes_amplitude: Array
    noise: Array
    spectrum: Array
    gain: Array
    null: float
    correlation: Array
    significant: int
    history: list[dict[str, float]] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    looked_for_none: bool = False
    sigmas: Array | None = None
    noise_by_group: Array | None = None
    rigid_share: Array | None = None
    halfset_angles: list[float] | None = None
    spread: PoseSpread | None = None
    pose: Array | None = None
    pose_deviations: Array | None = None
    span: Array | None = None
    local: LocalMotion | None = None
    followed: dict[str, Any] | None = None
    source: NDArray[np.int64] | None = None
    modes_given: Array | None = None
    prior_sizes: Array | None = None
    placement: Placement | None = None

    @property
    def n_modes(self) -> int:
        return int(self.coordinates.shape[1])

    @property
    def columns(self) -> dict[str, Array]:
        """Coordinates and posterior standard deviations by the stem of their names in latents.star: [n, K], or [n, S]
        of those that are placed."""
        found = {"gmmhetLatent": self.coordinates, "gmmhetLatentSd": self.deviations}
        if self.placement is not None and self.placement.better:
            found |= {"gmmhetPlaced": self.placement.mean, "gmmhetPlacedSd": self.placement.deviation}
        return found

    @property
    def deviations(self) -> Array:
        """[n, K] posterior standard deviations."""
        return np.asarray(np.sqrt(np.einsum("nkk->nk", self.covariance)))


def mode_verdict(result: AnalysisResult, k: int, size: float) -> str:
    """One sentence about mode k (from 0); size: largest displacement, Angstrom per standard deviation."""
    if result.looked_for_none:
        return "No motion was looked for: too few particles."
    if not np.isfinite(result.gain[k]):
        return (f"Mode {k + 1} moves density by up to {size:.1f} A per unit; this method has no test of significance.")
    evidence = (f"held-out particles gain {result.gain[k]:.2f} in log-likelihood each (null {result.null:.2f}), "
                f"half-sets agree to {result.correlation[k]:.2f}")
    if k < result.significant:
        rest = "" if result.spread else " Errors of the poses, which are taken as exact, can look like a motion too."
        return (f"Mode {k + 1} is supported: {evidence}; it moves density by up to {size:.1f} A per standard "
                f"deviation.{rest}")
    share = 0.0 if result.rigid_share is None else result.rigid_share[k]
    if share > _MOSTLY:
        of = "the part in focus as a body, which its local pose describes too." if result.local else (
            "the whole molecule, which errors of the poses make too.")
        return f"Mode {k + 1} is not supported: {evidence}; {100 * share:.0f} % of it is a movement of {of}"
    return f"Mode {k + 1} is not supported: {evidence}; do not interpret it."


def overall_verdict(result: AnalysisResult, n_particles: int, inverted: bool, poses_fit: bool) -> str:
    """The analysis in one to three sentences."""
    words = []
    if not poses_fit:
        words.append("Particles do not fit the map better at their own poses than at shuffled ones: check poses, pixel "
                     "size and map before believing anything below.")
    if inverted:
        words.append("The images have inverted contrast (particles dark); this was found and taken into account.")
    if result.looked_for_none:
        words.append(f"{n_particles} particle{'' if n_particles == 1 else 's'} cannot support a motion (expected at "
                     f"least {FEWEST_PARTICLES}, better thousands): none was looked for.")
    elif not np.isfinite(result.gain).all():
        words.append(f"{result.n_modes} eigen-motions by gradient PCA, without a test of significance.")
    elif result.significant == 0:
        body = result.local is not None and result.local.significant
        beside = " beside that of the part in focus as a rigid body" if body else ""
        words.append(f"No motion{beside} is supported by these data: no mode predicts particles it has not seen.")
    else:
        plural = "motion is" if result.significant == 1 else "motions are"
        words.append(f"{result.significant} {plural} supported by {n_particles} particles.")
    if result.followed is not None and result.significant:
        words.append(result.followed["words"])
    if result.placement is not None and result.placement.better:
        words.append(result.placement.entry()["words"])
    return " ".join(words)


def pose_errors(result: AnalysisResult, resolution: float, refined: bool) -> dict[str, Any] | None:
    """summary.json's entry about the errors of the given poses; None where they are taken as exact."""
    if result.spread is None:
        return None
    turn, tilt, shift = np.rad2deg(result.spread.turn), np.rad2deg(result.spread.tilt), result.spread.shift
    words = (f"The poses are good to about {tilt:.1f} degrees in direction, {turn:.1f} degrees in the plane and "
             f"{shift:.1f} A per axis")
    words += ("; the shifts are as good as exact at this resolution." if shift < 0.02 * resolution else
              "; such errors are told from motion while the coordinates are found.")
    if refined:
        words += " Corrected poses stand in latents.star (gmmhetRefined...)."
    return {"in_plane_degrees": float(turn), "out_of_plane_degrees": float(tilt), "shift_angstrom": float(shift),
            "refined": refined, "words": words}

