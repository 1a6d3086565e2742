"""Gradient PCA, and the result of too few particles: from prepared input to results."""

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.analysis.preparation import Prepared, first_noise
from gmmhet.engine.analysis.result import AnalysisResult, Evidence, MeanModel, Modes
from gmmhet.engine.analysis.settings import GRADIENT_METHOD
from gmmhet.engine.config import AnalyzeConfig
from gmmhet.engine.gradient.frc_pass import ScorePass
from gmmhet.engine.gradient.gradient_pca import best_positions, eigen_motions
from gmmhet.engine.runtime.checkpoint import Journal

__all__ = ["by_gradient_pca", "without_motion"]


def by_gradient_pca(prepared: Prepared, scores: ScorePass, config: AnalyzeConfig, journal: Journal) -> AnalysisResult:
    """The published single-step method; places are scaled to unit variance, modes to what they do per that unit."""
    assert scores.covariance is not None
    n, k = len(prepared.cache), min(config.modes or GRADIENT_METHOD.modes, len(scores.covariance))
    found = eigen_motions(scores.covariance, k, config.gradients)
    reach = found.reach(prepared.observer.grid.resolution)
    positions, widths = journal.page("positions").once(lambda: best_positions(
        prepared.compared, found, reach=reach, batch_size=prepared.batch_size))
    spread = np.maximum(positions.std(0), GRADIENT_METHOD.least_spread)
    noise, contrast = first_noise(prepared)
    return AnalysisResult(
        coordinates=(positions - positions.mean(0)) / spread,
        covariance=np.eye(k) * ((widths / spread) ** 2)[:, None, :], contrast=np.full(n, contrast),
        log_likelihood=np.full(n, np.nan), model=_mean_model(prepared, noise),
        modes=Modes(position=found.motions * spread[:, None, None], amplitude=found.amplitude * spread[:, None],
                    spectrum=found.variance),
        settings={"reach": reach.tolist()})


def without_motion(prepared: Prepared) -> AnalysisResult:
    """Too few particles to look for a motion: coordinates are the prior's, 0 +- 1."""
    n = len(prepared.cache)
    noise, contrast = first_noise(prepared)
    zero = np.zeros(1)
    return AnalysisResult(
        coordinates=np.zeros((n, 1)), covariance=np.ones((n, 1, 1)), contrast=np.full(n, contrast),
        log_likelihood=np.zeros(n), model=_mean_model(prepared, noise),
        modes=Modes(position=np.zeros((1, len(prepared.model), 3)), amplitude=np.zeros((1, len(prepared.model))),
                    spectrum=zero),
        sought=False,
        evidence=Evidence(gain=zero, gain_error=zero, null=0.0, agreement=zero, angles=None, significant=0))


def _mean_model(prepared: Prepared, noise: NDArray[np.float64]) -> MeanModel:
    model = prepared.model
    return MeanModel(centers=model.centers, weights=model.weights, sigmas=model.sigmas, noise=noise)
