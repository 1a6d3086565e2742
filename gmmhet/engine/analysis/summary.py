"""summary.json of gmmhet analyze: figures of the result, each with its sentence (CONVENTIONS.rst)."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gmmhet.engine.analysis.leakage import Leak, RangeEnds, ViewExtreme
from gmmhet.engine.analysis.name_entries import NameEntry, kinds
from gmmhet.engine.analysis.preparation import Prepared
from gmmhet.engine.analysis.result import AnalysisResult
from gmmhet.engine.analysis.settings import OUTPUT
from gmmhet.engine.analysis.summary_shape import (
    CrossFitEntry,
    CurvesEntry,
    DetectableEntry,
    FollowedEntry,
    FrameEntry,
    JunkEntry,
    LeakEntry,
    LocalPoseEntry,
    ModeEntry,
    PopulationEntry,
    PoseErrorsEntry,
    PriorEntry,
    TrialEntry,
)
from gmmhet.engine.config import FEWEST_PARTICLES
from gmmhet.engine.subspace.pose_spread import PoseSpread
from gmmhet.engine.wording import analysis as wording
from gmmhet.engine.wording.curves import curved_motion
from gmmhet.engine.wording.junk import junk_found
from gmmhet.engine.wording.pose_errors import PoseSizes, pose_errors

__all__ = ["curved_entry", "detectable_entry", "followed_entry", "junk_entry", "leak_entries", "local_pose_entry",
           "mode_entry", "population_entry", "pose_errors_entry", "verdict"]


def mode_entry(result: AnalysisResult, k: int, frames: list[FrameEntry], name: NameEntry | None = None) -> ModeEntry:
    """Mode k (from 0)."""
    modes, evidence = result.modes, result.evidence
    figures, nan = _figures(result, k, name), float("nan")
    prior = None if modes.prior_sizes is None else PriorEntry(
        displacement=float(modes.prior_sizes[k, 0]), weight_change=float(modes.prior_sizes[k, 1]))
    return {
        "variance": float(modes.spectrum[k]),
        "heldout_gain": nan if evidence is None else float(evidence.gain[k]),
        "heldout_gain_error": nan if evidence is None else float(evidence.gain_error[k]),
        "null_quantile": nan if evidence is None else evidence.null,
        "halfset_correlation": nan if evidence is None else float(evidence.agreement[k]),
        "median_posterior_sd": float(np.median(result.deviations[:, k])),
        "significant": None if evidence is None else bool(k < evidence.significant),
        "rigid_share": None if modes.rigid_share is None else float(modes.rigid_share[k]),
        "largest_displacement": figures.displacement, "largest_weight_change": figures.weight_change,
        "mass_change": figures.mass_change, "prior": prior,
        "cross_fit": _cross_fit_entry(result, k),
        "verdict": wording.mode_verdict(figures) if result.sought else wording.not_sought(), "name": name,
        "frames": frames,
    }


def _cross_fit_entry(result: AnalysisResult, k: int) -> CrossFitEntry | None:
    found = result.cross_fit
    if found is None:
        return None
    slope, error = float(found.slope[k]), float(found.slope_error[k])
    return {"slope": slope, "slope_error": error, "words": wording.cross_fit(slope, error)}


def _figures(result: AnalysisResult, k: int, name: NameEntry | None) -> wording.ModeFigures:
    modes, evidence = result.modes, result.evidence
    share = 0.0 if modes.rigid_share is None else float(modes.rigid_share[k])
    weights, changes = np.abs(result.model.weights), modes.deformation.of(k).sizes()[1]
    figures = wording.ModeFigures(
        number=k + 1, displacement=modes.largest_displacement(k),
        weight_change=float(changes.max()), mass_change=float(weights @ changes / weights.sum()),
        changes_amounts=result.amount_share(k) > OUTPUT.mostly, significant=k < result.significant, rigid_share=share,
        mostly_rigid=share > OUTPUT.mostly, local_pose=result.local is not None, poses_exact=result.pose_errors is None,
        name="" if name is None else name["words"])
    if evidence is None:
        return figures
    return replace(figures, gain=float(evidence.gain[k]), gain_error=float(evidence.gain_error[k]), null=evidence.null,
                   agreement=float(evidence.agreement[k]))


def verdict(result: AnalysisResult, prepared: Prepared, names: Sequence[NameEntry] = (),
            leaks: Sequence[LeakEntry] = ()) -> str:
    """The analysis in a few sentences; names: of the significant modes, where they are known. leaks: what coordinates
    depend on that they should not."""
    n_particles = len(prepared.cache)
    words = wording.input_warnings(prepared.poses_fit, prepared.sign < 0,
                                   (prepared.inverted, n_particles) if prepared.inverted else None)
    if not result.sought:
        words.append(wording.too_few(n_particles, FEWEST_PARTICLES))
    elif result.evidence is None:
        words.append(wording.no_test(result.n_modes))
    elif result.significant == 0:
        words.append(wording.no_motion(result.local is not None and result.local.significant))
        detectable = detectable_entry(result)
        words += [detectable["words"]] if detectable is not None else []
    else:
        words.append(wording.modes_found(result.significant, n_particles, kinds(names)))
        words += [name["words"] for name in names if name["words"]]
        words += [wording.large_leak(leak["mode"], leak["words"]) for leak in leaks
                  if leak["flagged"] and leak["share"] >= OUTPUT.large_leak and leak["mode"] <= result.significant]
    junk = junk_entry(result)
    words += [] if junk is None else [junk["words"]]
    followed, population = followed_entry(result) or curved_entry(result), population_entry(result)
    if followed is not None and result.significant:
        words.append(followed["words"])
    if population is not None and population["better"]:
        words.append(population["words"])
    return " ".join(words)


def pose_errors_entry(result: AnalysisResult, resolution: float, refined: bool) -> PoseErrorsEntry | None:
    """Errors of the given poses; None where they are taken as exact."""
    if result.pose_errors is None:
        return None
    evidence, found = result.pose_errors.evidence, _pose_sizes(result.pose_errors.spread)
    detectable = None if evidence is None else _pose_sizes(evidence.detectable(len(result.coordinates)))
    words = pose_errors(found, detectable, negligible_shift=found.shift < OUTPUT.negligible_shift * resolution,
                                fitted=evidence is not None and evidence.fitted, refined=refined)
    smallest = (None, None, None) if detectable is None else (detectable.turn, detectable.tilt, detectable.shift)
    return {"in_plane_degrees": found.turn, "out_of_plane_degrees": found.tilt, "shift_angstrom": found.shift,
            "refined": refined, "fitted_to_images": None if evidence is None else evidence.fitted,
            "in_plane_detectable_degrees": smallest[0], "out_of_plane_detectable_degrees": smallest[1],
            "shift_detectable_angstrom": smallest[2], "words": words}


def _pose_sizes(spread: PoseSpread) -> PoseSizes:
    """In Angstrom and degrees."""
    return PoseSizes(float(np.rad2deg(spread.tilt)), float(np.rad2deg(spread.turn)), float(spread.shift))


def local_pose_entry(result: AnalysisResult) -> LocalPoseEntry | None:
    """The part in focus that has a pose of its own."""
    local = result.local
    if local is None:
        return None
    turn, (shift_known, turn_known) = float(np.rad2deg(local.turn)), local.precision
    turn_known = float(np.rad2deg(turn_known))
    words = wording.local_motion((local.shift, turn), (shift_known, turn_known), (local.gain, local.error),
                                 local.significant)
    return {"shift_angstrom": local.shift, "turn_degrees": turn, "shift_known_angstrom": shift_known,
            "turn_known_degrees": turn_known, "heldout_gain": local.gain, "heldout_gain_error": local.error,
            "significant": local.significant, "words": words}


def followed_entry(result: AnalysisResult) -> FollowedEntry | None:
    """Modes that were linearised again along a path."""
    found = result.large_motion
    if found is None:
        return None
    return {"better": found.better, "stations": found.stations, "heldout_gain": found.gain,
            "heldout_gain_error": found.error,
            "words": wording.large_motion(found.stations, found.before, found.gain, found.error, found.better)}


def curved_entry(result: AnalysisResult) -> CurvesEntry | None:
    """Coordinates along curves."""
    found, curve = result.curved, result.modes.deformation.curves
    if found is None or curve is None:
        return None
    return {"better": found.better, "kinds": curve.kinds, "modes_before": found.before, "heldout_gain": found.gain,
            "heldout_gain_error": found.error,
            "words": curved_motion(curve.kinds, found.before, found.gain, found.error, found.better)}


def population_entry(result: AnalysisResult) -> PopulationEntry | None:
    """The prior estimated from the data."""
    found = result.population
    if found is None:
        return None
    return {"better": found.better, "width": found.width, "heldout_gain": found.gain, "heldout_gain_error": found.error,
            "words": wording.population(found.better, found.gain, found.error)}


def detectable_entry(result: AnalysisResult) -> DetectableEntry | None:
    """Which motion would have been found, where none was."""
    found = result.detectable
    if found is None:
        return None
    planted: list[TrialEntry] = [
        {"size_angstrom": t.size, "found": t.found, "heldout_gain": t.gain, "heldout_gain_error": t.gain_error,
         "halfset_correlation": t.agreement, "correlation": t.correlation} for t in found.trials]
    return {"size_angstrom": found.size, "largest_tried_angstrom": found.largest_tried,
            "predicted_angstrom": found.predicted, "part_share": found.share, "part_kilodalton": found.kilodalton,
            "planted": planted, "seconds": round(found.seconds, 2),
            "words": wording.detectable_motion(found.size, found.largest_tried, found.share, found.kilodalton)}


def junk_entry(result: AnalysisResult) -> JunkEntry | None:
    """Particles that the modes were found without."""
    junk = result.junk
    return None if junk is None else {"share": junk.share, "share_error": junk.error, "left_out": junk.left_out,
                                      "words": junk_found(junk.share, junk.error, junk.left_out)}


def leak_entries(leaks: Sequence[Leak]) -> list[LeakEntry]:
    """What the coordinates depend on that they should not."""
    return [{"mode": leak.mode, "variable": leak.variable, "share": leak.share, "p_value": leak.p_value,
             "flagged": leak.flagged, "words": wording.dependence(
                 leak.variable, leak.share, flagged=leak.flagged, real=leak.real, detectable=leak.detectable,
                 where=_where(leak.where))} for leak in leaks]


def _where(found: ViewExtreme | RangeEnds | None) -> str:
    if isinstance(found, ViewExtreme):
        return wording.around_view(found.rot, found.tilt)
    return "" if found is None else wording.ends_of_range(found.low, found.high, found.unit)
