"""The likelihood subspace, from prepared input to results."""

import dataclasses
import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.analysis.preparation import Prepared, first_noise
from gmmhet.engine.analysis.result import AnalysisResult, LocalMotion
from gmmhet.engine.basis import FieldBasis, smooth_basis
from gmmhet.engine.checkpoint import Journal
from gmmhet.engine.config import AnalyzeConfig
from gmmhet.engine.ensemble import Ensemble, PoseSpread, SubspaceModel
from gmmhet.engine.errors import InputError
from gmmhet.engine.io import ParticleTable
from gmmhet.engine.likelihood import Fit, calibrate, fit_subspace, log_likelihood_total
from gmmhet.engine.local_pose import LOCAL_POSE, Body, LocalPoseEstimator, LocalPoseModel
from gmmhet.engine.rigid import in_still_frame, rigid_fields, rigid_part, scaling_field
from gmmhet.engine.selection import ModeEvidence, held_out_gain_of_body, real, select_modes
from gmmhet.engine.subspace import SubspaceEstimator

__all__ = ["bases", "by_likelihood", "first_model", "first_spread", "search"]

_POSITION_PRIOR = 4.0  # Angstrom
_AMPLITUDE_PRIOR = 0.3
_WIDTH_PRIOR = 0.5  # of the logarithm of the squared width
_FIRST_LOCAL = 0.15  # of the resolution: how far a part with a pose of its own moves, to start from
_FIRST_SHIFT, _FIRST_ANGLE = 0.1, 1.5  # of the resolution; degrees
_NULL_SEED = 1
_SMALLEST_HALF = 0.2
_LEAST_KEPT = 0.95
_CALIBRATION = (6, 3)  # passes, with poses in error and without
_LOG = logging.getLogger("gmmhet")


def by_likelihood(prepared: Prepared, config: AnalyzeConfig, journal: Journal) -> AnalysisResult:
    """Likelihood subspace: half-sets choose the number of modes, all particles together make them."""
    estimator, start = _estimator(prepared, config)
    final, evidence, reference = search(estimator, start, config, journal)
    body = None
    if isinstance(estimator, LocalPoseEstimator):
        gain = journal.page("gain of the body").once(
            lambda: held_out_gain_of_body(estimator, evidence.models, _halves(estimator.cache.table)))
        body = _local_motion(estimator, final, *gain, evidence.null)
    return _result(estimator, final, evidence, reference, config, body)


def _local_motion(estimator: LocalPoseEstimator, final: Fit, gain: float, error: float, null: float) -> LocalMotion:
    """What is known of the part that has a pose of its own."""
    model, found, part = final.model, final.ensemble, estimator.body
    assert isinstance(model, LocalPoseModel)
    scale = np.repeat([1.0, 1 / model.radius], 3)  # turns in radians
    deviations = np.sqrt(np.einsum("naa->na", found.covariance)[:, -LOCAL_POSE:])
    significant = bool(real(np.array([gain]), np.array([error]), null)[0])
    return LocalMotion(*model.shift_and_turn, found.z[:, -LOCAL_POSE:] * scale, deviations * scale, part.middle,
                       part.inside > 0, gain, error, significant)


def search(estimator: SubspaceEstimator, start: SubspaceModel, config: AnalyzeConfig, journal: Journal,
           ) -> tuple[Fit, ModeEvidence, float]:
    """From a first model to modes: the fit of all particles, what half-sets say, and the log-likelihood at rest.

    What is in the journal is not done again.
    """
    cache = estimator.cache
    calibrated, still = calibrate(estimator, start, np.arange(len(cache)), passes=_CALIBRATION[config.poses == "exact"],
                                  page=journal.page("calibration"))
    reference = log_likelihood_total(estimator, calibrated, still)
    still = still.without_spread()
    evidence = select_modes(estimator, calibrated, still, _halves(cache.table), config.modes, reference=reference,
                            seed=config.seed + _NULL_SEED, journal=journal)
    return _all_particles(estimator, evidence, still, config, reference, journal), evidence, reference


def _result(estimator: SubspaceEstimator, final: Fit, evidence: ModeEvidence, reference: float, config: AnalyzeConfig,
            body: LocalMotion | None) -> AnalysisResult:
    model, found, k = final.model, final.ensemble, final.model.n_modes
    fields = estimator.basis.fields(model.coefficients)
    weights = np.abs(model.weights)
    rigid = rigid_fields(model.centers, weights)
    # of the part that has a pose of its own, else of the whole
    moving = rigid if body is None or estimator.rigid is None else estimator.rigid
    shares = np.array([rigid_part(f[:, :3], moving, weights)[1] for f in fields])
    displacement = fields[..., :3]
    if model.spread is not None and config.focus is None:
        displacement = np.stack([in_still_frame(d, rigid, weights) for d in displacement])
    groups = np.bincount(estimator.cache.table.optics_index, minlength=estimator.n_groups)
    return AnalysisResult(
        model.coordinates(found.z), found.covariance[:, :k, :k], found.contrast, found.log_likelihood, model.centers,
        model.weights, displacement, fields[..., 3], np.average(model.noise, axis=0, weights=groups),
        np.diag(found.information), evidence.gain[:k], evidence.null, evidence.correlation[:k],
        min(evidence.significant, k), final.history,
        {"correlation_length": config.correlation_length(estimator.observer.grid.resolution),
         "coefficients_per_mode": estimator.basis.size,
         "log_likelihood_without_motion": reference,
         "held_out_gain_of_modes_tried": [float(g) for g in evidence.gain]},
        sigmas=np.sqrt(model.variances), noise_by_group=model.noise, rigid_share=shares,
        halfset_angles=[float(a) for a in evidence.angles[:k]], spread=model.spread, pose=found.pose,
        pose_deviations=np.sqrt(found.pose_variance), local=body)


def _estimator(prepared: Prepared, config: AnalyzeConfig) -> tuple[SubspaceEstimator, SubspaceModel]:
    """Estimator, and the first model."""
    model, resolution = prepared.model, prepared.observer.grid.resolution
    inside = prepared.in_focus
    basis, consensus = bases(model.centers, inside, config, resolution)
    size = np.abs(model.weights)
    consensus = consensus.mixed(consensus.complement(scaling_field(len(model)), size))  # this is the contrast's
    spread, seek, rigid = None, None, None
    if config.poses != "exact":
        spread = first_spread(resolution)
        whole = rigid_fields(model.centers, size)  # these are the poses'
        consensus = consensus.mixed(consensus.complement(whole, size))
        if inside.all():  # a part that moves alone does not move the whole
            rigid, seek = whole, basis.complement(whole, size)
    if config.local_pose:
        body = Body.of(model.centers, model.weights, inside)
        rigid = body.fields(model.centers)
        seek = basis.complement(rigid, size)
    free = basis.size if seek is None else seek.shape[1]
    if (config.modes or 1) > free:
        raise InputError(f"--modes is {config.modes or 'auto'}; the smooth fields of {inside.sum()} Gaussians have "
                         f"{free} degrees of freedom beside the poses'; expected no more modes than that, at least one")
    options: dict[str, Any] = {"batch_size": prepared.batch_size, "seed": config.seed, "seek": seek, "rigid": rigid}
    if not config.local_pose:
        estimator = SubspaceEstimator(prepared.cache, prepared.observer, basis, consensus, **options)
        return estimator, first_model(prepared, estimator, spread)
    estimator = LocalPoseEstimator(prepared.cache, prepared.observer, basis, consensus, body=body, **options)
    first = first_model(prepared, estimator, spread)
    attributes = {f.name: getattr(first, f.name) for f in dataclasses.fields(first)}
    local = (_FIRST_LOCAL * resolution) ** 2 * np.eye(LOCAL_POSE)
    return estimator, LocalPoseModel(**attributes, local=local, radius=body.radius)


def bases(centers: NDArray[np.float64], inside: NDArray[np.bool_], config: AnalyzeConfig, resolution: float,
          ) -> tuple[FieldBasis, FieldBasis]:
    """Smooth fields of the modes, over the Gaussians inside alone, and of the changes of the consensus, over all."""
    length = config.correlation_length(resolution)
    scalar = smooth_basis(centers, length, seed=config.seed)
    sizes = {"position": _POSITION_PRIOR * config.motion, "amplitude": _AMPLITUDE_PRIOR * config.occupancy}
    consensus = FieldBasis.of(scalar, position=_POSITION_PRIOR, amplitude=_AMPLITUDE_PRIOR, width=_WIDTH_PRIOR)
    if inside.all():
        _tell_kept(scalar, length)
        return FieldBasis.of(scalar, **sizes), consensus
    focused = smooth_basis(centers[inside], length, seed=config.seed)
    _tell_kept(focused, length)
    local = np.zeros((len(centers), focused.shape[1]))
    local[inside] = focused
    consensus, basis = FieldBasis.side_by_side(consensus, FieldBasis.of(local, **sizes))
    return basis, consensus


def first_model(prepared: Prepared, estimator: SubspaceEstimator, spread: PoseSpread | None) -> SubspaceModel:
    """The Gaussians as fitted, with noise and contrast by regression, and no modes."""
    model = prepared.model
    noise, contrast = first_noise(prepared)
    return SubspaceModel(model.centers, model.weights, model.sigmas**2, np.zeros((1, estimator.basis.size)),
                         np.tile(noise, (estimator.n_groups, 1)), contrast, 0.3 * abs(contrast), spread)


def first_spread(resolution: float) -> PoseSpread:
    """Errors of the poses to start from."""
    return PoseSpread(_FIRST_SHIFT * resolution, *np.deg2rad([_FIRST_ANGLE] * 2))


def _tell_kept(scalar: NDArray[np.float64], length: float) -> None:
    """Warn where fields [N, A] of unit prior variance were cut to so few that much of it is missing."""
    kept = (scalar**2).sum(1)
    if kept.mean() < _LEAST_KEPT:
        _LOG.warning("the %d smooth fields over %d Gaussians hold %.0f %% of what a correlation length of %.0f A asks "
                     "for (%.0f %% at the worst place), and small motions are looked for less; expected a coarser "
                     "--resolution, a longer --smoothness, or --focus on a part", scalar.shape[1], len(scalar),
                     100 * kept.mean(), length, 100 * kept.min())


def _halves(table: ParticleTable) -> NDArray[np.int64]:
    """Half-sets for the test of significance; every other image when the file's own leave one half nearly empty."""
    share = float(np.mean(table.halves == 1))
    if min(share, 1 - share) >= _SMALLEST_HALF:
        return table.halves
    _LOG.warning("half-sets of %.0f%% and %.0f%%: every other image is taken instead", 100 * share, 100 - 100 * share)
    return table.alternate_halves


def _all_particles(estimator: SubspaceEstimator, evidence: ModeEvidence, still: Ensemble, config: AnalyzeConfig,
                   reference: float, journal: Journal) -> Fit:
    """The model of all particles, with the number of modes that the half-sets support."""
    k = config.modes or max(1, evidence.significant)
    half = evidence.models[0]
    start = estimator.with_coefficients(half, half.coefficients[:k])
    return fit_subspace(estimator, start, still, k, reference=reference, passes=16, label="all particles", warm=True,
                        page=journal.page("all particles"))
