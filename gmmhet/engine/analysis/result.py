"""What either method gives, and the verdicts in words."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.config import FEWEST_PARTICLES

__all__ = ["AnalysisResult", "mode_verdict", "overall_verdict"]

Array = NDArray[np.float64]


@dataclass
class AnalysisResult:
    """Attributes: as in analysis.npz (CONVENTIONS.rst); gain, null, correlation are NaN where the method has none."""

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

    @property
    def n_modes(self) -> int:
        return int(self.coordinates.shape[1])

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
        return (f"Mode {k + 1} is supported: {evidence}; it moves density by up to {size:.1f} A per standard "
                "deviation. Errors of the poses, which are taken as exact, can look like a motion too.")
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
        words.append(f"{n_particles} particles cannot support a motion (expected at least "
                     f"{FEWEST_PARTICLES}, better thousands): none was looked for.")
    elif not np.isfinite(result.gain).all():
        words.append(f"{result.n_modes} eigen-motions by gradient PCA, without a test of significance.")
    elif result.significant == 0:
        words.append("No motion is supported by these data: no mode predicts particles it has not seen.")
    else:
        plural = "motion is" if result.significant == 1 else "motions are"
        words.append(f"{result.significant} {plural} supported by {n_particles} particles.")
    return " ".join(words)
