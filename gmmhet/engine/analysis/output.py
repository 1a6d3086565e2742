"""The files of gmmhet analyze; their contents are described in CONVENTIONS.rst."""

import dataclasses
import json
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.analysis.leakage import Leak, leakage
from gmmhet.engine.analysis.name_entries import NameEntry, name_entry
from gmmhet.engine.analysis.naming import named_modes, part_mask, volume_in_kilodalton
from gmmhet.engine.analysis.preparation import Prepared
from gmmhet.engine.analysis.refined import refined_columns, refined_poses
from gmmhet.engine.analysis.result import AnalysisResult
from gmmhet.engine.analysis.settings import OUTPUT
from gmmhet.engine.analysis.summary import (
    curved_entry,
    detectable_entry,
    followed_entry,
    junk_entry,
    leak_entries,
    local_pose_entry,
    mode_entry,
    population_entry,
    pose_errors_entry,
    verdict,
)
from gmmhet.engine.analysis.summary_shape import FrameEntry, ModeEntry, Summary
from gmmhet.engine.config import AnalyzeConfig
from gmmhet.engine.gradient.frc_pass import ScorePass
from gmmhet.engine.io import (
    DensityMap,
    number_texts,
    replacing,
    without_results,
    write_map,
    write_particles,
)
from gmmhet.engine.io.result_columns import JUNK
from gmmhet.engine.latent_space.movie_points import along_axis, around, through_particles
from gmmhet.engine.latent_space.saved_analysis import ANALYSIS_FILE
from gmmhet.engine.molecule.gaussian_map import gaussian_density
from gmmhet.engine.molecule.gaussians import GaussianModel
from gmmhet.engine.molecule.pseudo_atoms import write_pseudo_atoms
from gmmhet.engine.molecule.residues import Residues

__all__ = ["Run", "write_results"]

_LOG = logging.getLogger("gmmhet")
#: masks of the parts of a mode, in the folder of its movie
_MASKS = {"motion": "moving_part.mrc", "density": "changing_part.mrc"}


@dataclass(frozen=True, kw_only=True)
class Run:
    """How an analysis was run: options, parameters as summary.json holds them, seconds of each step, and entries of
    summary.json that are there before the others; residues of an atomic model, where there is one."""

    config: AnalyzeConfig
    parameters: dict[str, object]
    timing: dict[str, float]
    more: dict[str, object]
    residues: Residues | None = None


def write_results(folder: Path, prepared: Prepared, scores: ScorePass, result: AnalysisResult, run: Run) -> None:
    """Write everything; summary.json last, so that its presence means that all is there."""
    (folder / "summary.json").unlink(missing_ok=True)
    model = result.model
    refitted = dataclasses.replace(_with(prepared.model, model.centers, model.weights), sigmas=model.sigmas)
    _write_arrays(folder / "analysis.npz", prepared, scores, result)
    refine = run.config.poses == "refine" and result.pose_errors is not None
    _write_latents(folder / "latents.star", prepared, result, refine)
    mobility = _mobility(refitted, scores, result)
    write_pseudo_atoms(folder / "flexibility.cif", refitted, mobility)
    _write_flexibility_map(folder / "flexibility.mrc", refitted, mobility)
    for old in folder.glob("motion_*"):
        shutil.rmtree(old)
    frames = [_write_movie(folder, refitted, result, k) for k in range(result.n_modes)]
    names = _write_names(folder, prepared, refitted, result, run)
    modes = [mode_entry(result, k, frames[k], names[k] if k < len(names) else None) for k in range(result.n_modes)]
    summary = _summary(prepared, result, run, modes)
    with replacing(folder / "summary.json") as temporary:
        temporary.write_text(json.dumps(_plain({**summary, **run.more}), indent=1))
    for entry in (summary["pose_errors"], summary["local_pose"], summary["population"], summary["followed"],
                  summary["curves"]):
        if entry is not None:
            _LOG.info("%s", entry["words"])
    for mode in modes:
        _LOG.info("%s", mode["verdict"])
    _LOG.info("%s", summary["verdict"])


def _summary(prepared: Prepared, result: AnalysisResult, run: Run, modes: list[ModeEntry]) -> Summary:
    resolution, evidence = prepared.observer.grid.resolution, result.evidence
    refine = run.config.poses == "refine" and result.pose_errors is not None
    leaks = leak_entries(_leakage(prepared, result))
    return {
        "n_particles": len(prepared.cache), "n_gaussians": len(prepared.model), "resolution": resolution,
        "method": run.config.method, "n_modes": result.n_modes, "n_significant_modes": result.significant,
        "verdict": verdict(result, prepared, [m["name"] for m in modes if m["name"] is not None], leaks),
        "contrast_sign": int(prepared.sign),
        "score_given": prepared.score_given, "score_shuffled": float(np.mean(prepared.score_shuffled)),
        "score_shuffled_max": float(np.abs(prepared.score_shuffled).max()),
        "contrast_mean": float(np.mean(result.contrast)), "contrast_spread": float(np.std(result.contrast)),
        "parameters": run.parameters, "settings": result.settings, "timing": run.timing, "history": result.history,
        "pose_errors": pose_errors_entry(result, resolution, refine), "local_pose": local_pose_entry(result),
        "followed": followed_entry(result), "curves": curved_entry(result),
        "halfset_angles": None if evidence is None or evidence.angles is None else evidence.angles.tolist(),
        "modes": modes, "population": population_entry(result),
        "detectable": detectable_entry(result), "junk": junk_entry(result),
        "leakage": leaks,
    }


def _write_names(folder: Path, prepared: Prepared, model: GaussianModel, result: AnalysisResult, run: Run,
                 ) -> list[NameEntry]:
    """What the significant modes do; a mask of each part. Nothing where subunits were analysed."""
    if run.config.symmetry != "C1":
        return []
    names: list[NameEntry] = []
    for named in named_modes(result, prepared.cache.table.halves, prepared.observer.grid.resolution,
                             volume_in_kilodalton(prepared.model.about), run.residues):
        masks = {}
        for kind, part in (("motion", named.motion), ("density", named.density)):
            if part is not None:
                masks[kind] = f"motion_{named.number:02d}/{_MASKS[kind]}"
                mask = part_mask(model, part.inside)
                write_map(folder / masks[kind], mask.data, mask.pixel_size)
        names.append(name_entry(named, masks))
    return names


def _plain(value: object) -> object:
    """JSON has no NaN: null instead."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value


def _with(model: GaussianModel, centers: NDArray[np.float64], weights: NDArray[np.float64]) -> GaussianModel:
    return GaussianModel(centers, weights, model.sigmas, model.box, model.pixel_size, model.resolution)


def _mobility(model: GaussianModel, scores: ScorePass, result: AnalysisResult) -> NDArray[np.float64]:
    """[N] root mean square displacement over the significant modes, Angstrom; 0 where no mode is significant.

    Gradient PCA, which has no test, gets the gradients' mean length per unit weight instead, relative to the largest (a
    gradient grows with the weight of its Gaussian, moving or not).
    """
    if result.evidence is not None:
        found = [result.modes.deformation.of(k).sizes()[0] for k in range(result.significant)]
        return np.asarray(np.sqrt(np.sum(np.square(found), axis=0))) * np.ones(len(model))
    weights = np.abs(model.weights)
    per_weight = scores.flexibility / np.maximum(weights, OUTPUT.smallest_weight * weights.max())
    return np.asarray(100 * per_weight / max(float(per_weight.max()), 1e-30))


def _write_arrays(path: Path, prepared: Prepared, scores: ScorePass, result: AnalysisResult) -> None:
    table, grid = prepared.cache.table, prepared.observer.grid
    model, modes = result.model, result.modes
    motion = result.large_motion or result.curved
    source = np.arange(len(model.sigmas)) if motion is None else motion.source
    ANALYSIS_FILE.write(path, {
        "ids": table.ids, "coordinates": result.coordinates, "covariance": result.covariance,
        "contrast": result.contrast, "log_likelihood": result.log_likelihood, "score": scores.score,
        "half": table.halves, "centers": model.centers, "weights": model.weights, "sigmas": model.sigmas,
        "box": table.box, "pixel_size": float(table.pixel_size), "resolution": float(grid.resolution),
        "modes_position": modes.position, "modes_amplitude": modes.amplitude,
        "flexibility": scores.flexibility[source], "occupancy": scores.occupancy[source],
        "noise_frequency": grid.frequencies, "noise_variance": model.noise, "spectrum": modes.spectrum,
        "followed": result.off_centre, **_optional_arrays(result)})


def _optional_arrays(result: AnalysisResult) -> dict[str, NDArray[Any]]:
    """Arrays of analysis.npz that only some analyses have."""
    found: dict[str, NDArray[Any]] = {}
    if result.model.noise_by_group is not None:
        found["noise_by_group"] = result.model.noise_by_group
    if result.pose_errors is not None:
        found |= {"pose": result.pose_errors.corrections, "pose_deviations": result.pose_errors.deviations}
    if result.junk is not None:
        found["junk"] = result.junk.probability
    if result.cross_fit is not None:
        cross = result.cross_fit
        found |= {"cross_coordinates": cross.coordinates.astype(np.float32),
                  "cross_deviations": cross.deviations.astype(np.float32)}
    curve = result.modes.curve
    if curve is not None and curve.curves is not None:
        found |= {"curve_position": curve.position, "curve_amplitude": curve.amplitude,
                  "curve_periodic": np.array(curve.curves.periodic)}
    if result.modes.given is not None:
        found["modes_given" if curve is None else "curve_given"] = result.modes.given
    if result.local is not None:
        local = result.local
        found |= {"local_pose": local.pose, "local_pose_deviations": local.deviations,
                  "local_pose_center": local.center, "in_focus": local.inside}
    return found


def _leakage(prepared: Prepared, result: AnalysisResult) -> list[Leak]:
    """What the coordinates depend on that they should not; nothing where no modes were sought."""
    if not result.sought:
        return []
    deviations = np.zeros_like(result.coordinates) if result.evidence is None else result.deviations
    from_mean = result.coordinates - (0.0 if not result.off_centre else result.coordinates.mean(0))
    table = prepared.cache.table
    return leakage(table, table.halves, from_mean, deviations, prepared.observer.grid.resolution)


def _write_latents(path: Path, prepared: Prepared, result: AnalysisResult, refine: bool) -> None:
    extra: dict[str, Sequence[str]] = {}
    for name, columns in result.columns.items():
        extra |= {f"{name}{k + 1}": number_texts(values, "%.6f") for k, values in enumerate(columns.T)}
    if result.junk is not None:
        extra[JUNK] = number_texts(result.junk.probability, "%.4f")
    extra["gmmhetContrast"] = number_texts(result.contrast, "%.6g")
    finite = np.nan_to_num(result.log_likelihood, posinf=0.0, neginf=0.0)
    extra["gmmhetLogLikelihood"] = number_texts(finite, "%.4f")
    if refine:
        assert result.pose_errors is not None
        extra |= refined_columns(*refined_poses(prepared.cache.table, result.pose_errors.corrections))
    write_particles(path, without_results(prepared.cache.table), extra)


def _write_flexibility_map(path: Path, model: GaussianModel, mobility: NDArray[np.float64]) -> None:
    """Mean mobility of the Gaussians at each voxel, weighted by their density; 0 in the solvent."""
    positive = np.abs(model.weights)
    weighted = _density(_with(model, model.centers, positive * mobility))
    plain = _density(_with(model, model.centers, positive)).data
    inside = plain > OUTPUT.inside * plain.max()
    write_map(path, np.where(inside, weighted.data / np.where(inside, plain, 1.0), 0.0), weighted.pixel_size)


def _density(model: GaussianModel) -> DensityMap:
    """A map of the model; in large even boxes at three voxels per resolution: the same field, fewer bytes."""
    length = model.box * model.pixel_size
    box = max(OUTPUT.smallest_box, 2 * int(np.ceil(OUTPUT.sampling / 2 * length / model.resolution)))
    if model.box % 2 or model.box <= OUTPUT.fine_box or box >= model.box:
        return gaussian_density(model)
    return gaussian_density(model, box, length / box)


def _write_density(path: Path, model: GaussianModel) -> None:
    density = _density(model)
    write_map(path, density.data, density.pixel_size)


def _write_movie(folder: Path, model: GaussianModel, result: AnalysisResult, k: int) -> list[FrameEntry]:
    """Model maps along mode k (from 0), over the range of the particles."""
    motion = folder / f"motion_{k + 1:02d}"
    motion.mkdir()
    z = result.coordinates if result.span is None else result.span
    frames: list[FrameEntry] = []
    along = through_particles if result.off_centre else around if result.modes.closed(k) else along_axis
    places = along(z, k, OUTPUT.frames)
    for number, place in enumerate(places, 1):
        deformation = result.modes.deformation
        frame = _with(model, deformation.centers(model.centers, place), deformation.weights(model.weights, place))
        name = f"frame_{number:02d}.mrc"
        _write_density(motion / name, frame)
        frames.append({"file": f"{motion.name}/{name}", "coordinate": float(place[k]), "place": place.tolist()})
    return frames
