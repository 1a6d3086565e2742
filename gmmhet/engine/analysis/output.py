"""The files of gmmhet analyze; their contents are described in CONVENTIONS.rst."""

import dataclasses
import json
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.analysis.leakage import leakage
from gmmhet.engine.analysis.preparation import Prepared
from gmmhet.engine.analysis.refined import refined_columns, refined_poses
from gmmhet.engine.analysis.result import AnalysisResult, mode_verdict, overall_verdict, pose_errors
from gmmhet.engine.config import AnalyzeConfig
from gmmhet.engine.gradient.frc_pass import ScorePass
from gmmhet.engine.io import (
    DensityMap,
    number_texts,
    replacing,
    without_results,
    write_arrays,
    write_map,
    write_particles,
)
from gmmhet.engine.latent_space.movie_points import along_axis, through_particles
from gmmhet.engine.molecule.gaussian_map import gaussian_density
from gmmhet.engine.molecule.gaussians import GaussianModel
from gmmhet.engine.molecule.pseudo_atoms import write_pseudo_atoms

__all__ = ["write_results"]

_LOG = logging.getLogger("gmmhet")
_FRAMES = 9
_SMALLEST_COARSE = 64  # voxels


def write_results(folder: Path, prepared: Prepared, scores: ScorePass, result: AnalysisResult,
                  config: AnalyzeConfig, parameters: dict[str, Any], timing: dict[str, float],
                  more: dict[str, Any] | None = None) -> None:
    """Write everything; summary.json last, so that its presence means that all is there.

    Args:
        more: further entries of summary.json.
    """
    (folder / "summary.json").unlink(missing_ok=True)
    sigmas = prepared.model.sigmas if result.sigmas is None else result.sigmas
    refitted = dataclasses.replace(_with(prepared.model, result.centers, result.weights), sigmas=sigmas)
    _write_arrays(folder / "analysis.npz", prepared, scores, result)
    refine = config.poses == "refine" and result.spread is not None
    _write_latents(folder / "latents.star", prepared, result, refine)
    mobility = _mobility(refitted, scores, result)
    write_pseudo_atoms(folder / "flexibility.cif", refitted, mobility)
    _write_flexibility_map(folder / "flexibility.mrc", refitted, mobility)
    for old in folder.glob("motion_*"):
        shutil.rmtree(old)
    modes = [_mode_summary(folder, refitted, result, k) for k in range(result.n_modes)]
    verdict = overall_verdict(result, len(prepared.cache), prepared.sign < 0, prepared.poses_fit)
    summary = {
        "n_particles": len(prepared.cache), "n_gaussians": len(prepared.model),
        "resolution": prepared.observer.grid.resolution, "method": config.method, "n_modes": result.n_modes,
        "n_significant_modes": result.significant, "verdict": verdict, "contrast_sign": int(prepared.sign),
        "score_given": prepared.score_given, "score_shuffled": float(np.mean(prepared.score_shuffled)),
        "score_shuffled_max": float(np.abs(prepared.score_shuffled).max()),
        "contrast_mean": float(np.mean(result.contrast)), "contrast_spread": float(np.std(result.contrast)),
        "parameters": parameters, "settings": result.settings, "timing": timing, "history": result.history,
        "pose_errors": pose_errors(result, prepared.observer.grid.resolution, refine),
        "local_pose": result.local.entry() if result.local else None,
        "followed": result.followed, "halfset_angles": result.halfset_angles, "modes": modes,
        "population": result.placement.entry() if result.placement else None,
        "leakage": _leakage(prepared, result), **(more or {}),
    }
    with replacing(folder / "summary.json") as temporary:
        temporary.write_text(json.dumps(_plain(summary), indent=1))
    if summary["local_pose"] is not None:
        _LOG.info("%s", summary["local_pose"]["words"])
    for mode in modes:
        _LOG.info("%s", mode["verdict"])
    _LOG.info("%s", verdict)


def _plain(value: Any) -> Any:
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
    """[N] root mean square displacement over the significant modes, Angstrom; 0 where no motion is supported.

    Gradient PCA, which has no test, gets the gradients' mean length per unit weight instead, relative to the largest (a
    gradient grows with the weight of its Gaussian, moving or not).
    """
    if np.isfinite(result.gain).all():
        return np.asarray(np.sqrt((result.modes_position[:result.significant] ** 2).sum((0, 2))))
    per_weight = scores.flexibility / np.maximum(np.abs(model.weights), 1e-3 * np.abs(model.weights).max())
    return np.asarray(100 * per_weight / max(float(per_weight.max()), 1e-30))


def _write_arrays(path: Path, prepared: Prepared, scores: ScorePass, result: AnalysisResult) -> None:
    table, grid = prepared.cache.table, prepared.observer.grid
    optional = {name: getattr(result, name) for name in ("noise_by_group", "pose", "pose_deviations", "modes_given")
                if getattr(result, name) is not None}
    if result.local is not None:
        local = result.local
        optional |= {"local_pose": local.pose, "local_pose_deviations": local.deviations,
                     "local_pose_center": local.center, "in_focus": local.inside}
    sigmas = prepared.model.sigmas if result.sigmas is None else result.sigmas
    source = np.arange(len(sigmas)) if result.source is None else result.source
    write_arrays(path, ids=table.ids, coordinates=result.coordinates, covariance=result.covariance,
                 contrast=result.contrast, log_likelihood=result.log_likelihood, score=scores.score, half=table.halves,
                 centers=result.centers, weights=result.weights, sigmas=sigmas, box=table.box,
                 pixel_size=table.pixel_size, resolution=grid.resolution, modes_position=result.modes_position,
                 modes_amplitude=result.modes_amplitude, flexibility=scores.flexibility[source],
                 occupancy=scores.occupancy[source],
                 noise_frequency=grid.frequencies, noise_variance=result.noise, spectrum=result.spectrum,
                 followed=result.followed is not None, **optional)


def _leakage(prepared: Prepared, result: AnalysisResult) -> list[dict[str, Any]]:
    """What the coordinates depend on that they should not; nothing where none was looked for."""
    if result.looked_for_none:
        return []
    deviations = result.deviations if np.isfinite(result.gain).all() else np.zeros_like(result.coordinates)
    from_mean = result.coordinates - (0.0 if result.followed is None else result.coordinates.mean(0))
    table = prepared.cache.table
    return leakage(table, table.halves, from_mean, deviations, prepared.observer.grid.resolution)


def _write_latents(path: Path, prepared: Prepared, result: AnalysisResult, refine: bool) -> None:
    extra: dict[str, Sequence[str]] = {}
    for name, columns in result.columns.items():
        extra |= {f"{name}{k + 1}": number_texts(values, "%.6f") for k, values in enumerate(columns.T)}
    extra["gmmhetContrast"] = number_texts(result.contrast, "%.6g")
    told = np.nan_to_num(result.log_likelihood, posinf=0.0, neginf=0.0)
    extra["gmmhetLogLikelihood"] = number_texts(told, "%.4f")
    if refine:
        assert result.pose is not None
        extra |= refined_columns(*refined_poses(prepared.cache.table, result.pose))
    write_particles(path, without_results(prepared.cache.table), extra)


def _write_flexibility_map(path: Path, model: GaussianModel, mobility: NDArray[np.float64]) -> None:
    """Mean mobility of the Gaussians at each voxel, weighted by their density; 0 in the solvent."""
    positive = np.abs(model.weights)
    weighted = _density(_with(model, model.centers, positive * mobility))
    plain = _density(_with(model, model.centers, positive)).data
    inside = plain > 0.05 * plain.max()
    write_map(path, np.where(inside, weighted.data / np.where(inside, plain, 1.0), 0.0), weighted.pixel_size)


def _density(model: GaussianModel) -> DensityMap:
    """A map of the model; in large even boxes at three voxels per resolution: the same field, fewer bytes."""
    length = model.box * model.pixel_size
    box = max(_SMALLEST_COARSE, 2 * int(np.ceil(1.5 * length / model.resolution)))
    if model.box % 2 or model.box <= 128 or box >= model.box:
        return gaussian_density(model)
    return gaussian_density(model, box, length / box)


def _write_density(path: Path, model: GaussianModel) -> None:
    density = _density(model)
    write_map(path, density.data, density.pixel_size)


def _mode_summary(folder: Path, model: GaussianModel, result: AnalysisResult, k: int) -> dict[str, Any]:
    motion = folder / f"motion_{k + 1:02d}"
    motion.mkdir()
    z = result.coordinates if result.span is None else result.span
    size = float(np.sqrt((result.modes_position[k] ** 2).sum(-1)).max())
    frames = []
    places = (along_axis if result.followed is None else through_particles)(z, k, _FRAMES)
    for number, place in enumerate(places, 1):
        weights = model.weights * (1 + place @ result.modes_amplitude)
        frame = _with(model, model.centers + np.tensordot(place, result.modes_position, 1), weights)
        name = f"frame_{number:02d}.mrc"
        _write_density(motion / name, frame)
        frames.append({"file": f"{motion.name}/{name}", "coordinate": float(place[k]), "place": place.tolist()})
    prior = dict(zip(("displacement", "weight_change"), result.prior_sizes[k].tolist(), strict=True)) if (
        result.prior_sizes is not None) else None
    return {
        "variance": float(result.spectrum[k]), "heldout_gain": float(result.gain[k]), "null_quantile": result.null,
        "halfset_correlation": float(result.correlation[k]),
        "median_posterior_sd": float(np.median(result.deviations[:, k])),
        "significant": bool(k < result.significant) if np.isfinite(result.gain[k]) else None,
        "rigid_share": None if result.rigid_share is None else float(result.rigid_share[k]),
        "largest_displacement": size, "prior": prior, "verdict": mode_verdict(result, k, size), "frames": frames,
    }
