"""The likelihood subspace, from prepared input to results."""

import dataclasses
import logging

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.analysis.coarse_to_fine import in_finer_fields
from gmmhet.engine.analysis.cross_fitting import cross_fitted
from gmmhet.engine.analysis.curve_frames import opened, still_curves
from gmmhet.engine.analysis.curved_motions import Curved, curved
from gmmhet.engine.analysis.detectable import detectable_motion
from gmmhet.engine.analysis.empirical_prior import empirical_posterior
from gmmhet.engine.analysis.estimators import finer_length, prior_sizes, whole_estimator, with_first_model
from gmmhet.engine.analysis.large_motions import Followed, followed, may_follow
from gmmhet.engine.analysis.preparation import Prepared
from gmmhet.engine.analysis.result import (
    AnalysisResult,
    CrossFit,
    CurvedMotion,
    Evidence,
    LargeMotion,
    LocalMotion,
    MeanModel,
    Modes,
    PoseErrors,
)
from gmmhet.engine.analysis.sampled_search import Sought, on_as_many_as_needed
from gmmhet.engine.analysis.settings import FOLLOWING, SUBSPACE_METHOD
from gmmhet.engine.config import MOST_TRIED, AnalyzeConfig
from gmmhet.engine.latent_space.movie_points import typical_place
from gmmhet.engine.molecule.deformation import Deformation
from gmmhet.engine.molecule.rigid_fields import in_still_frame, rigid_fields, rigid_part
from gmmhet.engine.runtime.checkpoint import Journal
from gmmhet.engine.subspace.curved_modes import CurvedModel
from gmmhet.engine.subspace.em import AtRest, Fit, calibrate
from gmmhet.engine.subspace.local_pose import LOCAL_POSE
from gmmhet.engine.subspace.mode_selection import (
    FoundModes,
    ModeEvidence,
    SearchOptions,
    fit_all_particles,
    held_out_gain_of_nuisances,
    select_modes,
    significant,
)
from gmmhet.engine.subspace.passes import SubspaceEstimator
from gmmhet.engine.subspace.state import LocalPose, SubspaceModel
from gmmhet.engine.wording.curves import curves_tried

__all__ = ["by_likelihood", "calibrated", "evidence_for", "pose_errors_of", "search", "searched_on",
           "settings_found"]

_LOG = logging.getLogger("gmmhet")


def by_likelihood(prepared: Prepared, config: AnalyzeConfig, journal: Journal,
                  begun: tuple[SubspaceEstimator, SubspaceModel] | None = None) -> AnalysisResult:
    """Likelihood subspace: half-sets choose the number of modes, all particles together make them.

    Args:
        begun: what with_first_model gives, where it has been called for these particles already.
    """
    estimator, start = begun or with_first_model(prepared, config)

    def seek(some: Prepared, pages: Journal, share: float) -> Sought:
        return _sought(some, config, pages, (estimator, start) if some is prepared else with_first_model(some, config),
                       share)

    sought, final = on_as_many_as_needed(prepared, config, journal, estimator.spec.directions.shape[1], seek)
    found, large, halves = sought.found, sought.large, prepared.cache.table.halves
    if sought.curved is not None:
        return _placed(searched_on(_along_curves(final, config, sought.curved, large), sought), halves, config)
    part, body = final.final.model.local_pose, None
    if part is not None:
        gain, error = journal.page("gain of the body").once(
            lambda: held_out_gain_of_nuisances(found.estimator, found.evidence.models, sought.halves))
        body = _local_motion(final, part, gain, error)
    if large is None:
        planted = detectable_motion(sought.prepared, config, sought.journal, found)
        result = dataclasses.replace(_result(final, config, body), detectable=planted,
                                     cross_fit=_cross_fit(final, halves, config, journal))
        return _placed(searched_on(result, sought), halves, config)
    result = searched_on(_result(final, config, body, as_given=True), sought)
    motion = LargeMotion(stations=large.stations, before=large.before, gain=large.gain, error=large.error,
                         better=large.better, source=large.source)
    result = dataclasses.replace(result, large_motion=motion)
    return _about_particles(_placed(result, halves, config))


def _sought(prepared: Prepared, config: AnalyzeConfig, journal: Journal,
            begun: tuple[SubspaceEstimator, SubspaceModel], share: float) -> Sought:
    """Modes, their number, large movements and smoothness, on particles that are this share of all."""
    halves = prepared.cache.table.halves
    found, large = _searched(prepared, config, journal, _Start(*begun, halves))
    if large is None:
        found = in_finer_fields(lambda old: _finer(prepared, config, old), found, halves, journal, config.modes,
                                share=share)
    large, along = _bent(prepared, config, journal, found, large)
    return Sought(prepared, journal, found, large, along)


def _bent(prepared: Prepared, config: AnalyzeConfig, journal: Journal, found: FoundModes, large: Followed | None,
          ) -> tuple[Followed | None, Curved | None]:
    """Curves in the place of straight modes, if held-out particles prefer them; from large movements that were
    followed, if they are of several modes, and held-out particles prefer that."""
    halves = prepared.cache.table.halves
    along = curved(found if large is None else large.found, config, halves, journal)
    if along is None or large is not None or along.before < FOLLOWING.least_modes:
        return large, along
    after = followed(prepared, config, journal, found, halves, bent=True)
    again = None if after is None else curved(after.found, config, halves, journal.section("followed"))
    if again is None:
        return large, along
    rise = again.found.evidence.held_out - along.found.evidence.held_out
    gain, error = float(rise.mean()), float(rise.std() / np.sqrt(len(rise)))
    _LOG.info("%s", curves_tried("curves along conformations that were followed", gain, error, "curves before"))
    return (after, again) if gain > 0 else (large, along)


@dataclasses.dataclass(frozen=True)
class _Start:
    """What a search starts from: estimator, first model, and half-sets [n], 1 or 2."""

    estimator: SubspaceEstimator
    model: SubspaceModel
    halves: NDArray[np.int64]


def _searched(prepared: Prepared, config: AnalyzeConfig, journal: Journal, start: _Start,
              ) -> tuple[FoundModes, Followed | None]:
    """What search gives, and what following large movements makes of it.

    Large movements take many modes about the average, and few that follow: so few are tried at first, and more where
    these do not do.
    """
    few = SUBSPACE_METHOD.before_following if may_follow(config) and config.modes is None else MOST_TRIED
    while True:
        found = search(start.estimator, start.model, start.halves, config, journal, most=few)
        large = followed(prepared, config, journal, found, start.halves)
        enough = found.evidence.significant < few or (large is not None and large.found.n_modes < few)
        if enough or few == MOST_TRIED:
            return found, large
        few = MOST_TRIED


def _finer(prepared: Prepared, config: AnalyzeConfig, estimator: SubspaceEstimator) -> SubspaceEstimator | None:
    """The estimator of the next shorter correlation length."""
    length = finer_length(prepared.model.centers, prepared.in_focus, config, prepared.observer.grid.resolution,
                          estimator.spec.length)
    return None if length is None else whole_estimator(prepared, config, [length])


def _placed(result: AnalysisResult, halves: NDArray[np.int64], config: AnalyzeConfig) -> AnalysisResult:
    """The same with coordinates along the significant modes under the prior estimated from the data; on a circle the
    prior is flat already."""
    k = result.significant
    covariance = result.covariance[:, :k, :k]
    if not k or not np.isfinite(covariance).all() or any(result.modes.closed(number) for number in range(k)):
        return result
    found = empirical_posterior(result.coordinates[:, :k], covariance, halves, seed=config.seed)
    return dataclasses.replace(result, population=found)


def _along_curves(final: FoundModes, config: AnalyzeConfig, sought: Curved, large: Followed | None) -> AnalysisResult:
    """What is reported of coordinates along curves."""
    result, model = _result(final, config, None, as_given=True), final.final.model
    assert isinstance(model, CurvedModel)
    fields, curves = final.estimator.spec.basis.fields(model.coefficients), model.curves
    given, z = opened(Deformation(fields[..., :3], fields[..., 3], curves), result.coordinates)
    still = model.spread is not None and config.focus is None
    shown = still_curves(given, model.centers, model.weights) if still else given
    straight = shown.straight()
    sizes = np.stack([np.sqrt((prior_sizes(model, config)[s] ** 2).sum(0)) for s in curves.segments])
    modes = dataclasses.replace(result.modes, position=straight.position, amplitude=straight.amplitude, curve=shown,
                                given=given.position if still else None, prior_sizes=sizes)
    source = np.arange(len(model.weights)) if large is None else large.source
    told = CurvedMotion(before=sought.before, gain=sought.gain, error=sought.error, better=sought.better, source=source)
    return dataclasses.replace(result, coordinates=z, modes=modes, curved=told)


def _about_particles(result: AnalysisResult) -> AnalysisResult:
    """The same with coordinates from a place where particles are: the mean of conformations far apart is none."""
    place = typical_place(result.coordinates, result.covariance)
    model, modes, population = result.model, result.modes, result.population
    factor, least = 1 + place @ modes.amplitude, SUBSPACE_METHOD.least_factor
    factor = np.where(np.abs(factor) < least, least, factor)
    if population is not None:
        population = dataclasses.replace(population, mean=population.mean - place[:population.mean.shape[1]])
    return dataclasses.replace(
        result, coordinates=result.coordinates - place, population=population,
        model=dataclasses.replace(model, centers=model.centers + np.tensordot(place, modes.position, 1),
                                  weights=model.weights * factor),
        modes=dataclasses.replace(modes, amplitude=modes.amplitude / factor))


def _cross_fit(found: FoundModes, halves: NDArray[np.int64], config: AnalyzeConfig, journal: Journal,
               ) -> CrossFit | None:
    if config.cross_coordinates == "no":
        return None
    return journal.page("cross-fit").once(lambda: cross_fitted(found, halves))


def _local_motion(found: FoundModes, part: LocalPose, gain: float, error: float) -> LocalMotion:
    """What is known of the part that has a pose of its own."""
    posteriors = found.final.posteriors
    deviations = np.sqrt(np.einsum("naa->na", posteriors.covariance)[:, -LOCAL_POSE:])
    return LocalMotion(shift=part.shift, turn=part.turn, pose=posteriors.z[:, -LOCAL_POSE:] * part.scale,
                       deviations=deviations * part.scale, center=part.middle, inside=part.inside, gain=gain,
                       error=error, significant=bool(significant(gain, error, found.evidence.null)))


def calibrated(estimator: SubspaceEstimator, start: SubspaceModel, config: AnalyzeConfig, journal: Journal) -> AtRest:
    """All particles of an estimator without motion; the journal keeps it."""
    passes = SUBSPACE_METHOD.calibration_exact if config.poses == "exact" else SUBSPACE_METHOD.calibration
    return calibrate(estimator, start, np.arange(len(estimator.spec.cache)), passes=passes,
                     page=journal.page("calibration"))


def search(estimator: SubspaceEstimator, start: SubspaceModel, halves: NDArray[np.int64], config: AnalyzeConfig,
           journal: Journal, most: int = MOST_TRIED) -> FoundModes:
    """From a first model to modes. What is in the journal is not done again.

    Args:
        halves: [n] 1 or 2. most: modes that are tried, where their number is to be found.
    """
    rest = calibrated(estimator, start, config, journal)
    options = SearchOptions(config.modes, config.seed + SUBSPACE_METHOD.null_seed, most)
    evidence = select_modes(estimator, rest, halves, options, journal)
    k = config.modes or max(1, evidence.significant)
    return FoundModes(estimator, evidence, k, rest.posteriors, rest.log_likelihood, lambda: fit_all_particles(
        estimator, evidence, rest.posteriors, k, reference=rest.log_likelihood,
        page=journal.page(f"all particles, {k} modes")))


def _result(found: FoundModes, config: AnalyzeConfig, body: LocalMotion | None, *, as_given: bool = False,
            ) -> AnalysisResult:
    """What is reported; displacements are seen from the still part of the molecule, or as the poses were given."""
    spec, evidence, model = found.estimator.spec, found.evidence, found.final.model
    posteriors, k = found.final.posteriors, found.final.model.n_modes
    fields = spec.basis.fields(model.coefficients)
    weights = np.abs(model.weights)
    rigid = rigid_fields(model.centers, weights)
    # of the part that has a pose of its own, else of the whole
    moving = rigid if body is None or spec.rigid is None else spec.rigid
    shares = np.array([rigid_part(f[:, :3], moving, weights)[1] for f in fields])
    displacement = fields[..., :3]
    still = model.spread is not None and config.focus is None and not as_given
    if still:
        displacement = np.stack([in_still_frame(d, rigid, weights) for d in displacement])
    groups = np.bincount(spec.cache.table.optics_index, minlength=spec.n_groups)
    return AnalysisResult(
        coordinates=model.coordinates(posteriors.z), covariance=posteriors.covariance[:, :k, :k],
        contrast=posteriors.contrast, log_likelihood=posteriors.log_likelihood, history=found.final.history,
        model=MeanModel(centers=model.centers, weights=model.weights, sigmas=np.sqrt(model.variances),
                        noise=np.average(model.noise, axis=0, weights=groups), noise_by_group=model.noise),
        modes=Modes(position=displacement, amplitude=fields[..., 3], spectrum=np.diag(posteriors.information),
                    given=fields[..., :3] if still else None, prior_sizes=prior_sizes(model, config),
                    rigid_share=None if as_given else shares),
        settings=settings_found(found), evidence=evidence_for(evidence, k), pose_errors=pose_errors_of(found.final),
        local=body)


def settings_found(found: FoundModes) -> dict[str, float | list[float]]:
    """summary.json's ``settings``."""
    spec = found.estimator.spec
    return {"correlation_length": spec.length, "coefficients_per_mode": spec.basis.size,
            "log_likelihood_without_motion": found.reference,
            "held_out_gain_of_modes_tried": [float(g) for g in found.evidence.gain]}


def searched_on(result: AnalysisResult, sought: Sought) -> AnalysisResult:
    """The same with the number of particles of the search among summary.json's ``settings``."""
    return dataclasses.replace(result, settings={**result.settings, "particles_searched": len(sought.halves)})


def evidence_for(found: ModeEvidence, k: int) -> Evidence:
    """Evidence for the k modes that are kept."""
    return Evidence(gain=found.gain[:k], gain_error=found.error[:k], null=found.null, agreement=found.correlation[:k],
                    angles=found.angles[:k], significant=min(found.significant, k))


def pose_errors_of(final: Fit) -> PoseErrors | None:
    """Of a fit; None where poses are taken as exact."""
    model, found = final.model, final.posteriors
    return None if model.spread is None else PoseErrors(
        corrections=found.pose, deviations=np.sqrt(found.pose_variance), evidence=model.pose_evidence)
