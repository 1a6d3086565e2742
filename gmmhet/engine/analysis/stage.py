"""gmmhet analyze."""

import json
import logging
import shutil
import time
from pathlib import Path

from gmmhet import __version__
from gmmhet.engine.analysis.all_particles import MotionLeft
from gmmhet.engine.analysis.by_subunit import by_subunits, write_subunits
from gmmhet.engine.analysis.gradient_method import by_gradient_pca, without_motion
from gmmhet.engine.analysis.junk import sorted_out
from gmmhet.engine.analysis.output import Run, write_results
from gmmhet.engine.analysis.preparation import Prepared, prepare
from gmmhet.engine.analysis.result import AnalysisResult, CrossFit, PlantedTrial
from gmmhet.engine.analysis.subspace_method import by_likelihood
from gmmhet.engine.config import FEWEST_PARTICLES, AnalyzeConfig, result_options
from gmmhet.engine.errors import InputError
from gmmhet.engine.gradient.frc_pass import ScorePass, score_pass
from gmmhet.engine.gradient.gradient_file import write_gradients
from gmmhet.engine.io import ParticleTable, read_particles
from gmmhet.engine.molecule.gaussians import GaussianModel
from gmmhet.engine.molecule.residues import Residues, residues_in_molecule
from gmmhet.engine.runtime.checkpoint import Journal
from gmmhet.engine.subspace.pieces import PIECES

__all__ = ["analyze"]

_LOG = logging.getLogger("gmmhet")
_CHECKPOINT = "checkpoint"
_GRADIENTS = "gradients.h5"


def analyze(particles: Path, model: Path, config: AnalyzeConfig, output: Path, *, root: Path | None = None) -> None:
    """Estimate the modes of motion that explain the particles, and every particle's coordinates along them.

    Writes latents.star, analysis.npz, flexibility.{cif,mrc}, motion_KK/, summary.json and, where asked for,
    gradients.h5 (CONVENTIONS.rst) into ``output``. While it runs, ``output`` also holds what a killed run goes on from
    (checkpoint/).

    Raises:
        InputError: unreadable input, or a model that does not match the particles.
    """
    started = time.monotonic()
    table = read_particles(particles, root=root)
    parameters = _parameters(table, model, config)
    if config.resume and _finished(output, parameters):
        _LOG.info("%s: complete, kept", output)
        shutil.rmtree(output / _CHECKPOINT, ignore_errors=True)
        return
    for line in table.half_sets.notes:
        _LOG.warning("%s: %s", particles, line)
    timing: dict[str, float] = {}

    def lap(name: str) -> None:
        timing[name] = max(0.0, round(time.monotonic() - started - sum(timing.values()), 2))

    residues = _residues(model, config)
    prepared = prepare(table, model, config, output)
    lap("images and scores")
    pieces = (*PIECES, ScorePass, PlantedTrial, CrossFit, MotionLeft)
    journal = Journal(output / _CHECKPOINT, parameters, pieces, resume=config.resume)
    wanted = config.gradients if config.method == "gradient-pca" else None
    scores = journal.page("scores").once(lambda: score_pass(
        prepared.compared, batch_size=prepared.batch_size, covariance=wanted))
    if config.write_gradients:
        write_gradients(output / _GRADIENTS, prepared.compared, batch_size=prepared.batch_size)
    lap("gradients")
    old = ("summary.json", "subunits.npz", "subunits.star", *(() if config.write_gradients else (_GRADIENTS,)))
    for name in old:  # of an analysis before
        (output / name).unlink(missing_ok=True)
    more: dict[str, object] = {}
    if config.symmetry != "C1" and len(prepared.cache) >= FEWEST_PARTICLES:
        result, more["symmetry"] = _of_subunits(prepared, config, journal, output)
    else:
        result = _result(prepared, scores, config, journal)
    lap("modes")
    write_results(output, prepared, scores, result,
                  Run(config=config, parameters=parameters, timing=timing, more=more, residues=residues))
    journal.remove()


def _residues(model: Path, config: AnalyzeConfig) -> Residues | None:
    """Of the atomic model that is given, or that the Gaussians were fitted to; None where there is none.

    Raises:
        InputError: one that is given is unreadable, or not in the frame of the molecule.
    """
    gaussians = GaussianModel.load(model)
    fitted = Path(str(gaussians.about.get("source", ""))) if gaussians.about.get("source_kind") == "atoms" else None
    path = config.atoms or fitted
    if path is None or config.symmetry != "C1" or (config.atoms is None and not path.is_file()):
        return None
    try:
        return residues_in_molecule(path, gaussians)
    except InputError as error:
        if config.atoms is not None:
            raise
        _LOG.warning("parts are not named by residues: %s", error)
        return None


def _of_subunits(prepared: Prepared, config: AnalyzeConfig, journal: Journal, output: Path,
                 ) -> tuple[AnalysisResult, dict[str, object]]:
    """The result of the whole molecule, and summary.json's ``symmetry``; writes the files of the subunits."""
    result, subunits = by_subunits(prepared, config, journal)
    refined = result.pose_errors if config.poses == "refine" else None
    write_subunits(output, prepared.cache.table, subunits, None if refined is None else refined.corrections)
    entry = subunits.entry()
    _LOG.info("%s", entry["words"])
    return result, entry


def _result(prepared: Prepared, scores: ScorePass, config: AnalyzeConfig, journal: Journal) -> AnalysisResult:
    if len(prepared.cache) < FEWEST_PARTICLES:
        n = len(prepared.cache)
        _LOG.warning("%d particle%s cannot support a motion; expected at least %d", n, "" if n == 1 else "s",
                     FEWEST_PARTICLES)
        return without_motion(prepared)
    if config.method == "gradient-pca":
        return by_gradient_pca(prepared, scores, config, journal)
    some = sorted_out(prepared, config, journal)
    return some.with_all(by_likelihood(some.prepared, config, some.journal, some.begun))


def _parameters(table: ParticleTable, model: Path, config: AnalyzeConfig) -> dict[str, object]:
    """What the result depends on: the options, this version, and the files as they are on disk."""
    files = (("particles", table.source), ("model", model), ("focus", config.focus), ("atoms", config.atoms))
    times = {f"{name}_time": path.stat().st_mtime_ns for name, path in files if path is not None and path.is_file()}
    return {"version": __version__, "particles": str(table.source), "model": str(model), "images": table.fingerprint,
            **times, **result_options(config)}


def _finished(folder: Path, parameters: dict[str, object]) -> bool:
    try:
        return bool(json.loads((folder / "summary.json").read_text())["parameters"] == parameters)
    except (OSError, ValueError, KeyError, TypeError):
        return False

