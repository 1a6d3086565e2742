"""Gradient PCA, and what is said of too few particles: from prepared input to results."""

import numpy as np

from gmmhet.engine.analysis.preparation import Prepared, first_noise
from gmmhet.engine.analysis.result import AnalysisResult
from gmmhet.engine.config import AnalyzeConfig
from gmmhet.engine.gradient.frc_pass import ScorePass
from gmmhet.engine.gradient.gradient_pca import best_positions, eigen_motions
from gmmhet.engine.runtime.checkpoint import Journal

__all__ = ["by_gradient_pca", "without_motion"]


def by_gradient_pca(prepared: Prepared, scores: ScorePass, config: AnalyzeConfig, journal: Journal) -> AnalysisResult:
    """The published single-step method; positions are scaled to unit variance, modes to Angstrom per that unit."""
    assert scores.covariance is not None
    n, k = len(prepared.cache), min(config.modes or 4, 3 * len(prepared.model))
    found = eigen_motions(scores.covariance, k)
    reach = prepared.observer.grid.resolution
    positions, widths = journal.page("positions").once(lambda: best_positions(
        prepared.compared, found.motions, reach=reach, batch_size=prepared.batch_size))
    spread = np.maximum(positions.std(0), 1e-9)
    noise, contrast = first_noise(prepared)
    nothing = np.full(k, np.nan)
    return AnalysisResult(
        (positions - positions.mean(0)) / spread, np.eye(k) * ((widths / spread) ** 2)[:, None, :],
        np.full(n, contrast), np.full(n, np.nan), prepared.model.centers, prepared.model.weights,
        found.motions * spread[:, None, None], np.zeros((k, len(prepared.model))), noise, found.variance,
        nothing, float("nan"), nothing, 0, settings={"reach": reach})


def without_motion(prepared: Prepared) -> AnalysisResult:
    """Too few particles to look for a motion: coordinates are the prior's, 0 +- 1."""
    n = len(prepared.cache)
    noise, contrast = first_noise(prepared)
    zero = np.zeros(1)
    return AnalysisResult(
        np.zeros((n, 1)), np.ones((n, 1, 1)), np.full(n, contrast), np.zeros(n), prepared.model.centers,
        prepared.model.weights, np.zeros((1, len(prepared.model), 3)), np.zeros((1, len(prepared.model))), noise,
        zero, zero, 0.0, zero, 0, looked_for_none=True)
