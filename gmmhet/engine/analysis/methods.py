"""The two methods, from prepared input to results."""

import logging
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.analysis.preparation import Prepared, first_noise
from gmmhet.engine.analysis.result import AnalysisResult
from gmmhet.engine.basis import FieldBasis, rigid_fields, scaling_field, smooth_basis
from gmmhet.engine.config import AnalyzeConfig
from gmmhet.engine.errors import InputError
from gmmhet.engine.gradient_pca import best_positions, eigen_motions
from gmmhet.engine.io import ParticleTable
from gmmhet.engine.likelihood import Fit, calibrate, fit_subspace, log_likelihood_total
from gmmhet.engine.scores import ScorePass
from gmmhet.engine.selection import ModeEvidence, select_modes
from gmmhet.engine.subspace import Ensemble, PoseSpread, SubspaceEstimator, SubspaceModel

__all__ = ["by_gradient_pca", "by_likelihood", "without_motion"]

_POSITION_PRIOR = 4.0  # Angstrom
_AMPLITUDE_PRIOR = 0.3
_WIDTH_PRIOR = 0.5  # of the logarithm of the squared width
_FIRST_SHIFT, _FIRST_ANGLE = 0.1, 1.5  # of the resolution; degrees
_NULL_SEED = 1
_SMALLEST_HALF = 0.2
_LOG = logging.getLogger("gmmhet")


def by_gradient_pca(prepared: Prepared, scores: ScorePass, config: AnalyzeConfig) -> AnalysisResult:
    """The published single-step method; positions are scaled to unit variance, modes to Angstrom per that unit."""
    assert scores.covariance is not None
    n, k = len(prepared.cache), min(config.modes or 4, 3 * len(prepared.model))
    found = eigen_motions(scores.covariance, k)
    reach = prepared.observer.grid.resolution
    positions, widths = best_positions(
        prepared.cache, prepared.observer, prepared.model.centers, prepared.model.weights, found.motions,
        sign=prepared.sign, reach=reach, batch_size=prepared.batch_size)
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


def by_likelihood(prepared: Prepared, config: AnalyzeConfig) -> AnalysisResult:
    """Likelihood subspace: half-sets choose the number of modes, all particles together make them."""
    cache, model = prepared.cache, prepared.model
    estimator, basis, start = _estimator(prepared, config)
    calibrated, still = calibrate(estimator, start, np.arange(len(cache)))
    reference = log_likelihood_total(estimator, calibrated, still)
    evidence = select_modes(estimator, calibrated, still, _halves(cache.table), config.modes, reference=reference,
                            seed=config.seed + _NULL_SEED)
    final = _all_particles(estimator, evidence, still, config, reference)
    fields = basis.fields(final.model.coefficients)
    k = final.model.n_modes
    size = np.diag(final.ensemble.information)
    return AnalysisResult(
        final.ensemble.z, final.ensemble.covariance, final.ensemble.contrast, final.ensemble.log_likelihood,
        final.model.centers, final.model.weights, fields[..., :3], fields[..., 3], final.model.noise, size,
        evidence.gain[:k], evidence.null, evidence.correlation[:k], min(evidence.significant, k), final.history,
        {"correlation_length": 2.0 * prepared.observer.grid.resolution, "coefficients_per_mode": basis.size,
         "held_out_gain_of_modes_tried": [float(g) for g in evidence.gain]})


def _estimator(prepared: Prepared, config: AnalyzeConfig) -> tuple[SubspaceEstimator, FieldBasis, SubspaceModel]:
    """Estimator, basis of the modes and first model."""
    model = prepared.model
    scalar = smooth_basis(model.centers, 2.0 * prepared.observer.grid.resolution, seed=config.seed)
    basis = FieldBasis.of(scalar, position=_POSITION_PRIOR * config.motion, amplitude=_AMPLITUDE_PRIOR * config.occupancy)
    consensus = FieldBasis.of(scalar, position=_POSITION_PRIOR, amplitude=_AMPLITUDE_PRIOR, width=_WIDTH_PRIOR)
    size = np.abs(model.weights)
    consensus = consensus.without(scaling_field(len(model)), size)  # this is the contrast's
    spread = None
    if config.poses != "exact":
        spread = PoseSpread(_FIRST_SHIFT * prepared.observer.grid.resolution, *np.deg2rad([_FIRST_ANGLE] * 2))
        rigid = rigid_fields(model.centers, size)  # these are the poses'
        basis, consensus = basis.without(rigid, size), consensus.without(rigid, size)
    if config.modes and config.modes > basis.size:
        raise InputError(f"--modes is {config.modes}; the smooth fields of {len(model)} Gaussians have {basis.size} "
                         "degrees of freedom; expected no more")
    noise, contrast = first_noise(prepared)
    estimator = SubspaceEstimator(prepared.cache, prepared.observer, basis, consensus, batch_size=prepared.batch_size,
                                  seed=config.seed)
    start = SubspaceModel(model.centers, model.weights, model.sigmas**2, np.zeros((1, basis.size)),
                          np.tile(noise, (estimator.n_groups, 1)), contrast, 0.3 * abs(contrast), spread)
    return estimator, basis, start


def _halves(table: ParticleTable) -> NDArray[np.int64]:
    """Half-sets for the test of significance; every other image when the file's own leave one half nearly empty."""
    share = float(np.mean(table.halves == 1))
    if min(share, 1 - share) >= _SMALLEST_HALF:
        return table.halves
    _LOG.warning("half-sets of %.0f%% and %.0f%%: every other image is taken instead", 100 * share, 100 - 100 * share)
    return table.alternate_halves


def _all_particles(estimator: SubspaceEstimator, evidence: ModeEvidence, still: Ensemble, config: AnalyzeConfig,
                   reference: float) -> Fit:
    """The model of all particles, with the number of modes that the half-sets support."""
    k = config.modes or max(1, evidence.significant)
    half = evidence.fits[0].model
    start = replace(half, coefficients=half.coefficients[:k])
    return fit_subspace(estimator, start, still, k, reference=reference, passes=16, label="all particles", warm=True)
