"""gmmhet reconstruct: particles along a motion to a series of maps."""

import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.config import AT_POINTS, ReconstructConfig
from gmmhet.engine.errors import InputError
from gmmhet.engine.io import made_by
from gmmhet.engine.io.points import read_points
from gmmhet.engine.latent_space.deconvolution import deconvolved
from gmmhet.engine.latent_space.islands import gaps_along, islands_along
from gmmhet.engine.latent_space.movie_points import through_particles
from gmmhet.engine.latent_space.particle_density import Population, listed
from gmmhet.engine.latent_space.saved_analysis import ANALYSIS_FILE
from gmmhet.engine.latent_space.settings import ISLANDS
from gmmhet.engine.molecule.masks import read_mask
from gmmhet.engine.molecule.symmetry import rotation_matrices
from gmmhet.engine.progress import progress
from gmmhet.engine.reconstruction.evidence import MapEvidence, map_evidence
from gmmhet.engine.reconstruction.inputs import (
    Placed,
    analysis_of,
    cross_fitted,
    read_deforming,
    read_placed,
    states_in,
)
from gmmhet.engine.reconstruction.kernel_series import KernelSeries
from gmmhet.engine.reconstruction.mixture import Uncertainty
from gmmhet.engine.reconstruction.motion_series import MotionSeries
from gmmhet.engine.reconstruction.noise import image_noise, with_residual_noise
from gmmhet.engine.reconstruction.particle_windows import (
    Selection,
    Windows,
    bins_between,
    disjoint_states,
    equal_bins,
    mixture_clusters,
    nested_windows,
    points_along,
)
from gmmhet.engine.reconstruction.results import COMMAND, MapRecord, ResultFolder, fingerprint
from gmmhet.engine.reconstruction.series import Series
from gmmhet.engine.reconstruction.sharpening import sharpen_series
from gmmhet.engine.reconstruction.spreading import gridding
from gmmhet.engine.runtime.pool import pool
from gmmhet.engine.wording import reconstruction as wording

__all__ = ["reconstruct"]

_LOG = logging.getLogger("gmmhet")


def reconstruct(particles: Path, latents: Path, config: ReconstructConfig, output: Path, *,
                root: Path | None = None) -> None:
    """Maps from the particles along a mode; see CONVENTIONS.rst for the files that are written.

    Each half-set gives a map by least squares with CTF, contrast and noise; their correlation gives the signal in each
    shell, which is the prior of the map from all particles of the bin (a Wiener filter, as far as the views are even).
    Maps are in the greyscale in which the images are s C times the projections.

    Args:
        particles: particles.star. latents: latents.star; analysis.npz beside it tells the noise, when it is there.
        root: project folder that stack names are relative to.
    Raises:
        InputError: one line naming the file, the value and what was expected.
    """
    started = time.monotonic()
    made_by(output, COMMAND)  # refuses other folders before any work
    placed = read_placed(particles, latents, root)
    several = config.by != "states" and (config.n > 1 or config.points is not None)
    evidence = map_evidence(placed, config, latents) if several else None
    if evidence is not None and evidence["mode_significant"] is False:
        _LOG.warning("%s", wording.mode_is_noise(config.mode))
    table = placed.particles
    mask = None if config.mask is None else read_mask(config.mask, table.box, table.pixel_size)
    for line in table.half_sets.notes:
        _LOG.warning("%s: %s", particles, line)
    analysis = analysis_of(latents)
    noise = with_residual_noise(image_noise(table), table, analysis)
    if config.cross_fit == "yes":
        placed = cross_fitted(placed, latents)
    selection = _select(placed, config, latents, analysis)
    deforming = read_deforming(placed, latents) if config.by == "motion" else None
    files = [particles, latents, analysis, *(f for f in (config.mask, config.points) if f is not None)]
    folder = ResultFolder(output, fingerprint(config, table, files), resume=config.resume)
    if folder.done:
        _LOG.info("%s: %d of %d maps are finished already", output, len(folder.done), len(selection))
    symmetry = rotation_matrices(config.symmetry)
    common = (placed.particles, placed.contrast, noise, placed.pixels, selection, symmetry, mask, config.seed, folder)
    series = MotionSeries(*common, *deforming) if deforming is not None else (
        KernelSeries if isinstance(selection, Windows) else Series)(*common)
    for line in series.warnings():
        _LOG.warning("%s", line)
    prepared = time.monotonic()
    for result in progress(series.make(_threads()), "reconstruct", series.steps, pool().note):
        if result is not None:
            folder.finish_map(result)
    _write_results(folder, placed, selection, _About(config, latents, evidence, started, prepared))


@dataclass(frozen=True)
class _About:
    """Options, latents.star, what the maps can show, and the times (of time.monotonic) at which the work and the maps
    began."""

    config: ReconstructConfig
    latents: Path
    evidence: MapEvidence | None
    started: float
    prepared: float


def _write_results(folder: ResultFolder, placed: Placed, selection: Selection, run: _About) -> None:
    """Sharpened maps, tables and summary.json of finished maps, and a line of the log for each."""
    classes = _classes(placed, selection)
    states = np.unique(states_in(placed, run.latents)) if run.config.by == "states" else None
    for i, result in folder.done.items():
        result.record["coordinates"] = _mean_coordinates(placed, selection, i - 1)
        if states is not None:
            result.record["state"] = int(states[i - 1])
    records = [folder.done[i].record for i in sorted(folder.done)]
    sharpening = sharpen_series(folder.path, records, run.config)
    about = _about(run, len(selection)) | {"sharpening": sharpening, "evidence": run.evidence}
    folder.write_tables(placed.latents, classes.tolist(), about)
    for record in records:
        _log_map(record)


def _classes(placed: Placed, selection: Selection) -> NDArray[np.int64]:
    """[rows of latents.star] the map of every particle, from 1; 0 for none, or where its halves are in two."""
    classes = np.zeros(len(placed.latents), np.int64)
    first, other = selection.classes[:placed.images], selection.classes[-placed.images:]
    classes[placed.row[:placed.images]] = np.where(first == other, first, 0)
    return classes


def _select(placed: Placed, config: ReconstructConfig, latents: Path, analysis: Path) -> Selection:
    modes = placed.coordinates.shape[1]
    n = placed.images
    if config.by == "states":
        return disjoint_states(states_in(placed, latents))
    if config.n > n and config.points is None:
        raise InputError(f"--n is {config.n}; expected at most {n}, the number of particles")
    if not modes and (config.n > 1 or config.points is not None):
        raise InputError(f"{latents}: no column gmmhetLatent1; expected coordinates along a mode, or --n 1")
    if modes and config.mode > modes:
        raise InputError(f"{latents}: no column gmmhetLatent{config.mode}; expected --mode from 1 to {modes}")
    if not modes:
        return equal_bins(None, len(placed.row), 1)
    k = config.mode - 1
    if config.by == "clusters":
        own = _posteriors(placed, _covariance(analysis, modes))
        uncertainty = placed.deviations if own is None or not np.isfinite(own).all() else own
        return mixture_clusters(placed.coordinates, uncertainty, k, config.n, config.seed, _prior_mean(analysis, modes))
    if config.by in AT_POINTS:
        if config.points is not None:
            return _around_points(placed, read_points(config.points, modes), k, analysis)
        found = _around_points(placed, points_along(placed.coordinates, k, config.n), k, analysis)
        if found.populated.all():
            return found
        _LOG.info("%s", wording.points_follow_particles(listed(~found.populated), int((~found.populated).sum())))
        return _around_points(placed, through_particles(placed.coordinates, k, config.n), k, analysis)
    return _bins(placed, k, config.n, analysis)


def _bins(placed: Placed, k: int, bins: int, analysis: Path) -> Selection:
    """Bins along mode k (from 0); where an empty gap divides the particles, none reaches across it, and particles of
    one state make one map."""
    coordinate, modes = placed.coordinates[:, k], placed.coordinates.shape[1]
    own = _posteriors(placed, _covariance(analysis, modes))
    if bins < 2 or own is None or len(coordinate) < ISLANDS.fewest or not np.isfinite(own[:, k, k]).all():
        return equal_bins(coordinate, len(placed.row), bins)
    mean = float(_prior_mean(analysis, modes)[k])
    variance = own[:, k, k].astype(np.float64)
    density = deconvolved(coordinate[:, None] - mean, variance[:, None], placed.particles.halves)
    gaps = gaps_along(density)
    if not gaps:
        return equal_bins(coordinate, len(placed.row), bins)
    islands, typical = islands_along(density, gaps), float(np.sqrt(np.median(variance)))
    counts = [1 if island.width <= ISLANDS.one_state * typical else max(1, round(bins * island.share))
              for island in islands]
    _LOG.info("%s", wording.islands([(island.share, island.error) for island in islands], k + 1))
    return bins_between(coordinate, [gap.middle + mean for gap in gaps], counts)


def _around_points(placed: Placed, points: NDArray[np.float64], mode: int, analysis: Path) -> Windows:
    """Windows around points [M, K], with what analysis.npz says of the posteriors where it is about as many modes."""
    covariance = _covariance(analysis, points.shape[1])
    mean, own = None, _posteriors(placed, covariance)
    if covariance is not None:
        mean = covariance.mean(axis=0, dtype=np.float64)
        mean = mean if np.isfinite(mean).all() and np.linalg.eigvalsh(mean)[0] > 0 else None
    halves = None if own is None else placed.particles.halves
    population = Population(placed.coordinates, np.square(placed.deviations) if own is None else own, halves,
                            _prior_mean(analysis, points.shape[1]))
    populated = population.populated(points)
    return nested_windows(placed.coordinates, placed.deviations, points, mode, populated, mean)


def _posteriors(placed: Placed, covariance: Uncertainty | None) -> Uncertainty | None:
    """[n, K, K] of the particles; None where those of analysis.npz are of others: whole particles, and these are
    subunits, a subset, or halves of images."""
    if covariance is None or placed.pixels is not None or len(covariance) != len(placed.latents):
        return None
    return covariance[placed.row]


def _covariance(analysis: Path, modes: int) -> Uncertainty | None:
    """[rows, K, K] posterior covariances of analysis.npz, where it is there."""
    found = ANALYSIS_FILE.read_some(analysis, ("covariance",)).get("covariance")
    return found if found is not None and found.shape[1:] == (modes, modes) else None


def _prior_mean(analysis: Path, modes: int) -> NDArray[np.float64]:
    """[K] of the coordinates: their mean over all particles of an analysis whose movements were followed, else 0."""
    data = ANALYSIS_FILE.read_some(analysis, ("followed", "coordinates"))
    if data.get("followed", False) and data["coordinates"].shape[1:] == (modes,):
        return np.asarray(data["coordinates"].mean(axis=0))
    return np.zeros(modes)


def _mean_coordinates(placed: Placed, selection: Selection, index: int) -> list[float]:
    """[K] along all modes, of a map: its point, or the mean over its particles."""
    if isinstance(selection, Windows):
        return [float(z) for z in selection.points[index]]
    weights = selection.weights[index].astype(np.float64)
    return [float(z) for z in weights @ placed.coordinates / weights.sum()]


def _threads() -> int:
    given = os.environ.get("OMP_NUM_THREADS", "")
    return int(given) if given.isdigit() and int(given) > 0 else len(os.sched_getaffinity(0))


def _about(run: _About, maps: int) -> dict[str, object]:
    config, finished = run.config, time.monotonic()
    return {"command": COMMAND, "by": config.by, "mode": config.mode, "symmetry": config.symmetry,
            "parameters": {"n": maps, "points": str(config.points) if config.points else None,
                           "mask": str(config.mask or "automatic"), "gridding": gridding(), "seed": config.seed},
            "timing": {"prepare": round(run.prepared - run.started, 3), "maps": round(finished - run.prepared, 3)}}


def _log_map(record: MapRecord) -> None:
    found = record["resolution_fsc143"]
    kernel = "bandwidth" in record
    count = round(record["n_effective"]) if kernel else record["n_particles"]
    why = None if kernel or "parts" in record else record["note"]  # of maps at points: in the log before they are made
    _LOG.info("%s", wording.finished_map(record["file"], count, kernel, found, why))
