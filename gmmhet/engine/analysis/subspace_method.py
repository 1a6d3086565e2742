"""The likelihood subspace, from prepared input to results."""

import dataclasses
import logging

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.analysis.coarse_to_fine import in_finer_fields
from gmmhet.engine.analysis.empirical_prior import empirical_posterior
from gmmhet.engine.analysis.estimators import finer_length, prior_sizes, whole_estimator, with_first_model
from gmmhet.engine.analysis.large_motions import Followed, followed, may_follow
from gmmhet.engine.analysis.preparation import Prepared
from gmmhet.engine.analysis.result import (
    AnalysisResult,
    Evidence,
    LargeMotion,
    LocalMotion,
    MeanModel,
    Modes,
    PoseErrors,
)
from gmmhet.engine.config import MOST_TRIED, AnalyzeConfig
from gmmhet.engine.latent_space.movie_points import typical_place
from gmmhet.engine.molecule.rigid_fields import in_still_frame, rigid_fields, rigid_part
from gmmhet.engine.runtime.checkpoint import Journal
from gmmhet.engine.subspace.em import Fit, calibrate, log_likelihood_total
from gmmhet.engine.subspace.local_pose import LOCAL_POSE, LocalPoseEstimator, LocalPoseModel
from gmmhet.engine.subspace.mode_selection import (
    ModeEvidence,
    fit_all_particles,
    held_out_gain_of_body,
    real,
    select_modes,
)
from gmmhet.engine.subspace.passes import SubspaceEstimator
from gmmhet.engine.subspace.state import SubspaceModel

__all__ = ["by_likelihood", "evidence_for", "pose_errors_of", "search", "settings_found"]

_NULL_SEED = 1
_BEFORE_FOLLOWING = 4  # modes that are tried before large movements are followed
_LEAST_FACTOR = 0.02  # of a weight that others are told relative to
_CALIBRATION = (6, 3)  # passes, with poses in error and without
_LOG = logging.getLogger("gmmhet")


def by_likelihood(prepared: Prepared, config: AnalyzeConfig, journal: Journal) -> AnalysisResult:
    """Likelihood subspace: half-sets choose the number of modes, all particles together make them."""
    estimator, start = with_first_model(prepared, config)
    halves = prepared.cache.table.halves
    final, evidence, reference, large = _searched(prepared, config, journal, estimator, start, halves)
    if large is None:
        estimator, final, evidence = in_finer_fields(lambda old: _finer(prepared, config, old), estimator, final,
                                                     evidence, halves, journal, reference, config.modes)
    body = None
    if isinstance(estimator, LocalPoseEstimator):
        gain = journal.page("gain of the body").once(
            lambda: held_out_gain_of_body(estimator, evidence.models, halves))
        body = _local_motion(estimator, final, *gain, evidence.null)
    if large is None:
        return _placed(_result(estimator, final, evidence, reference, config, body), halves, config)
    result = _result(large.estimator, large.final, large.evidence, reference, config, body, as_given=True)
    motion = LargeMotion(stations=large.stations, before=large.before, gain=large.gain, error=large.error,
                         better=large.better, source=large.source)
    result = dataclasses.replace(result, large_motion=motion)
    return _about_particles(_placed(result, halves, config))


def _searched(prepared: Prepared, config: AnalyzeConfig, journal: Journal, estimator: SubspaceEstimator,
              start: SubspaceModel, halves: NDArray[np.int64]) -> tuple[Fit, ModeEvidence, float, Followed | None]:
    """What search gives, and what following large movements makes of it.

    Large movements take many modes about the average, and few that follow: so few are tried at first, and more where
    these do not do.
    """
    few = _BEFORE_FOLLOWING if may_follow(config) and config.modes is None else MOST_TRIED
    while True:
        final, evidence, reference = search(estimator, start, halves, config, journal, most=few)
        large = followed(prepared, config, journal, estimator, final, evidence, halves, reference)
        enough = evidence.significant < few or (large is not None and large.final.model.n_modes < few)
        if enough or few == MOST_TRIED:
            return final, evidence, reference, large
        few = MOST_TRIED


def _finer(prepared: Prepared, config: AnalyzeConfig, estimator: SubspaceEstimator) -> SubspaceEstimator | None:
    """The estimator of the next shorter correlation length."""
    length = finer_length(prepared.model.centers, prepared.in_focus, config, prepared.observer.grid.resolution,
                          estimator.length)
    return None if length is None else whole_estimator(prepared, config, [length])


def _placed(result: AnalysisResult, halves: NDArray[np.int64], config: AnalyzeConfig) -> AnalysisResult:
    """The same with coordinates along the significant modes under the prior estimated from the data."""
    real_ones = result.significant
    covariance = result.covariance[:, :real_ones, :real_ones]
    if not real_ones or not np.isfinite(covariance).all():
        return result
    found = empirical_posterior(result.coordinates[:, :real_ones], covariance, halves, seed=config.seed)
    return dataclasses.replace(result, population=found)


def _about_particles(result: AnalysisResult) -> AnalysisResult:
    """The same with coordinates from a place where particles are: the mean of conformations far apart is none."""
    place = typical_place(result.coordinates, result.covariance)
    model, modes, population = result.model, result.modes, result.population
    factor = 1 + place @ modes.amplitude
    factor = np.where(np.abs(factor) < _LEAST_FACTOR, _LEAST_FACTOR, factor)
    if population is not None:
        population = dataclasses.replace(population, mean=population.mean - place[:population.mean.shape[1]])
    return dataclasses.replace(
        result, coordinates=result.coordinates - place, population=population,
        model=dataclasses.replace(model, centers=model.centers + np.tensordot(place, modes.position, 1),
                                  weights=model.weights * factor),
        modes=dataclasses.replace(modes, amplitude=modes.amplitude / factor))


def _local_motion(estimator: LocalPoseEstimator, final: Fit, gain: float, error: float, null: float) -> LocalMotion:
    """What is known of the part that has a pose of its own."""
    model, found, part = final.model, final.ensemble, estimator.body
    assert isinstance(model, LocalPoseModel)
    scale = np.repeat([1.0, 1 / model.radius], 3)  # turns in radians
    deviations = np.sqrt(np.einsum("naa->na", found.covariance)[:, -LOCAL_POSE:])
    significant = bool(real(gain, error, null))
    shift, turn = model.shift_and_turn
    return LocalMotion(shift=shift, turn=turn, pose=found.z[:, -LOCAL_POSE:] * scale, deviations=deviations * scale,
                       center=part.middle, inside=part.inside > 0, gain=gain, error=error, significant=significant)


def search(estimator: SubspaceEstimator, start: SubspaceModel, halves: NDArray[np.int64], config: AnalyzeConfig,
           journal: Journal, most: int = MOST_TRIED) -> tuple[Fit, ModeEvidence, float]:
    """From a first model to modes: the fit of all particles, what half-sets say, and the log-likelihood at rest.

    What is in the journal is not done again.

    Args:
        halves: [n] 1 or 2. most: modes that are tried, where their number is to be found.
    """
    cache = estimator.cache
    calibrated, still = calibrate(estimator, start, np.arange(len(cache)), passes=_CALIBRATION[config.poses == "exact"],
                                  page=journal.page("calibration"))
    reference = log_likelihood_total(estimator, calibrated, still)
    still = still.without_spread()
    evidence = select_modes(estimator, calibrated, still, halves, config.modes, reference=reference,
                            seed=config.seed + _NULL_SEED, journal=journal, most=most)
    k = config.modes or max(1, evidence.significant)
    page = journal.page(f"all particles, {k} modes")
    return fit_all_particles(estimator, evidence, still, k, reference=reference, page=page), evidence, reference


def _result(estimator: SubspaceEstimator, final: Fit, evidence: ModeEvidence, reference: float, config: AnalyzeConfig,
            body: LocalMotion | None, *, as_given: bool = False) -> AnalysisResult:
    """What is reported; displacements are seen from the still part of the molecule, or as the poses were given."""
    model, found, k = final.model, final.ensemble, final.model.n_modes
    fields = estimator.basis.fields(model.coefficients)
    weights = np.abs(model.weights)
    rigid = rigid_fields(model.centers, weights)
    # of the part that has a pose of its own, else of the whole
    moving = rigid if body is None or estimator.rigid is None else estimator.rigid
    shares = np.array([rigid_part(f[:, :3], moving, weights)[1] for f in fields])
    displacement = fields[..., :3]
    still = model.spread is not None and config.focus is None and not as_given
    if still:
        displacement = np.stack([in_still_frame(d, rigid, weights) for d in displacement])
    groups = np.bincount(estimator.cache.table.optics_index, minlength=estimator.n_groups)
    return AnalysisResult(
        coordinates=model.coordinates(found.z), covariance=found.covariance[:, :k, :k], contrast=found.contrast,
        log_likelihood=found.log_likelihood, history=final.history,
        model=MeanModel(centers=model.centers, weights=model.weights, sigmas=np.sqrt(model.variances),
                        noise=np.average(model.noise, axis=0, weights=groups), noise_by_group=model.noise),
        modes=Modes(position=displacement, amplitude=fields[..., 3], spectrum=np.diag(found.information),
                    given=fields[..., :3] if still else None, prior_sizes=prior_sizes(model, config),
                    rigid_share=None if as_given else shares),
        settings=settings_found(estimator, evidence, reference), evidence=evidence_for(evidence, k),
        pose_errors=pose_errors_of(final), local=body)


def settings_found(estimator: SubspaceEstimator, evidence: ModeEvidence, reference: float,
                   ) -> dict[str, float | list[float]]:
    """summary.json's ``settings``."""
    return {"correlation_length": estimator.length, "coefficients_per_mode": estimator.basis.size,
            "log_likelihood_without_motion": reference,
            "held_out_gain_of_modes_tried": [float(g) for g in evidence.gain]}


def evidence_for(found: ModeEvidence, k: int) -> Evidence:
    """Evidence for the k modes that are kept."""
    return Evidence(gain=found.gain[:k], gain_error=found.error[:k], null=found.null, agreement=found.correlation[:k],
                    angles=found.angles[:k], significant=min(found.significant, k))


def pose_errors_of(final: Fit) -> PoseErrors | None:
    """Of a fit; None where poses are taken as exact."""
    spread, found = final.model.spread, final.ensemble
    return None if spread is None else PoseErrors(spread=spread, corrections=found.pose,
                                                  deviations=np.sqrt(found.pose_variance))
