"""The whole job: fit, analyze, reconstruct, report."""

import dataclasses
import json
import logging
import shlex
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from gmmhet import __version__
from gmmhet.engine.analysis.focus import read_focus
from gmmhet.engine.check import contrast_with, require_sane_poses
from gmmhet.engine.config import FEWEST_PARTICLES, AnalyzeConfig, FitConfig, ReconstructConfig, result_options
from gmmhet.engine.errors import InputError
from gmmhet.engine.fitting import find_half_maps, fit_density, is_atomic
from gmmhet.engine.fitting.consensus import Consensus, consensus_for
from gmmhet.engine.io import ParticleTable, output_folder, read_particles, replacing
from gmmhet.engine.molecule.contrast import Contrast, contrast_of, disagree
from gmmhet.engine.molecule.gaussian_map import gaussian_density
from gmmhet.engine.molecule.gaussians import GaussianModel
from gmmhet.engine.wording.fitting import analysis_disagrees, model_disagrees

__all__ = ["run"]

_LOG = logging.getLogger("gmmhet")

#: of the stages, in their order
_FOLDERS = {"fit": "model", "analyze": "analysis", "reconstruct": "maps"}
_UNFINISHED = "not finished; the same command with --resume goes on"


def run(particles: Path, map_path: Path, fit_config: FitConfig, analyze_config: AnalyzeConfig,
        reconstruct_config: ReconstructConfig, output: Path, *, root: Path | None = None,
        check: bool = True) -> None:
    """Fit the consensus, find the motions, make maps along them, write the report.

    Writes model/, analysis/, maps/, report.html and run.json into ``output``. When no motion is supported, one map of
    all particles is made instead of maps along noise, and the log and run.json say so. With ``resume`` (of either
    config), stages whose results are there, made from the same input with the same parameters, are kept.

    Args:
        particles: STAR file. map_path: consensus map, or atomic model, in the frame of the particles' poses.
        root: project folder that image names are relative to.
        check: stop before any work where poses and map make no sense together (not when a run that passed is resumed).
    Raises:
        InputError: unreadable input; a map of another field of view than the particles; poses that do not fit the map;
            what the stages raise.
    """
    table = read_particles(particles, root=root)
    if analyze_config.focus is not None:
        read_focus(analyze_config.focus, table.box, table.pixel_size)  # what is wrong with it is said before any work
    consensus = consensus_for(map_path, table.box, table.pixel_size, fit_config)
    resume = analyze_config.resume or reconstruct_config.resume
    passed = resume and (output / "run.json").is_file() and (output / "model" / "summary.json").is_file()
    judged = require_sane_poses(table, consensus.density, map_path).contrast if check and not passed else None
    folder = output_folder(output)
    parameters = {"particles": _identity(particles) | {"images": table.fingerprint}, "map": _identity(map_path),
                  "root": root and str(root),
                  "fit": result_options(fit_config) | _file("mask", fit_config.mask) | _half_maps(map_path, fit_config),
                  "analyze": result_options(analyze_config) | _file("focus", analyze_config.focus),
                  "reconstruct": result_options(reconstruct_config)}
    job = _Job(folder, parameters, ["gmmhet", "run", str(particles), str(map_path), "-o", str(output)], resume)
    job.stage("fit", partial(_fit, consensus, fit_config, map_path, folder / "model" / "model.npz"))
    del consensus  # a large map is not carried through what follows
    if judged is not None:
        _require_same_of_model(judged, table, map_path, folder / "model" / "model.npz")
    job.stage("analyze", lambda resumed: _analyze(
        particles, folder, dataclasses.replace(analyze_config, resume=resumed), root))
    if judged is not None:
        _require_same_of_analysis(judged, map_path, folder / "analysis" / "summary.json")
    supported, verdict = _verdict(folder / "analysis" / "summary.json", len(table), reconstruct_config.mode)
    job.stage("reconstruct", lambda resumed: _reconstruct(
        particles, folder, dataclasses.replace(reconstruct_config, resume=resumed), supported, root))
    job.finish(verdict)


def _require_same_of_model(judged: Contrast, table: ParticleTable, source: Path, model: Path) -> None:
    """Stop where the particles agree with a map, but not with the Gaussians that were fitted to it.

    Raises:
        InputError: which figures contradict each other.
    """
    found = contrast_with(table, gaussian_density(GaussianModel.load(model)))
    _LOG.info("mean correlation of the particles with the Gaussians %+.3f, with the map %+.3f", found.given,
              judged.given)
    if disagree(judged, found, same_score=True):
        raise InputError(model_disagrees(str(source), judged.given, found.given, found.chance))


def _require_same_of_analysis(judged: Contrast, source: Path, summary_path: Path) -> None:
    """Stop where check and analysis find opposite contrast.

    Raises:
        InputError: which figures contradict each other.
    """
    summary = json.loads(summary_path.read_text(encoding="utf-8"))
    found = contrast_of(float(summary["score_given"]), [float(summary["score_shuffled_max"])])
    if disagree(judged, found, same_score=False):
        raise InputError(analysis_disagrees(str(source), judged.given, found.given))


class _Job:
    """Runs the stages in order and keeps run.json: parameters and seconds of the stages that are done."""

    def __init__(self, folder: Path, parameters: dict[str, Any], command: list[str], resume: bool) -> None:
        self.folder, self.parameters = folder, parameters
        self.record = {"command": shlex.join(command), "version": __version__}
        self.earlier = _read_record(folder / "run.json") if resume else {}
        inputs = ("particles", "map", "root")
        before = self.earlier.get("parameters", {})
        #: whether everything so far is as it was, so that what follows may be kept or gone on with
        self.same = (self.earlier.get("version") == __version__
                     and all(before.get(name) == parameters[name] for name in inputs))
        (folder / "report.html").unlink(missing_ok=True)
        self.seconds = self._kept()
        self._write(_UNFINISHED)  # at once: what a killed run had done is not forgotten

    def _kept(self) -> dict[str, float]:
        """Seconds of the stages, from the first, whose results stay."""
        kept: dict[str, float] = {}
        done = self.earlier.get("seconds", {})
        for name, subfolder in _FOLDERS.items():
            asked = self.same and self.earlier["parameters"].get(name) == self.parameters[name]
            if not asked or name not in done or not (self.folder / subfolder / "summary.json").is_file():
                break
            kept[name] = done[name]
        return kept

    def stage(self, name: str, work: Callable[[bool], None]) -> None:
        """Do a stage, unless its results stay; ``work`` is told whether it may go on from what it left."""
        if name in self.seconds:
            _LOG.info("%s: kept from before", name)
            return
        _LOG.info("%s", name)
        self.same = self.same and self.earlier["parameters"].get(name) == self.parameters[name]
        started = time.monotonic()
        output_folder(self.folder / _FOLDERS[name])
        work(self.same)
        self.seconds[name] = time.monotonic() - started
        self._write(_UNFINISHED)
        if name in self.earlier.get("seconds", {}):
            self.same = False  # what follows was made from another result

    def finish(self, verdict: str) -> None:
        """Write the report, and say what came out."""
        from gmmhet.engine.report import write_report
        started = time.monotonic()
        self._write(verdict)
        write_report(self.folder, self.folder / "report.html")
        self.seconds["report"] = time.monotonic() - started
        self._write(verdict)
        _LOG.info("%s: %.0f s", self.folder / "report.html", sum(self.seconds.values()))
        _LOG.info("%s", verdict)

    def _write(self, verdict: str) -> None:
        record = self.record | {"verdict": verdict, "parameters": self.parameters, "seconds": self.seconds}
        with replacing(self.folder / "run.json") as temporary:
            temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def _fit(consensus: Consensus, config: FitConfig, source: Path, output: Path, resumed: bool) -> None:
    """A fit takes seconds: whether it may go on from what is there does not matter."""
    fit_density(consensus.density, config, output, source=source, mask=consensus.mask, finest=consensus.finest,
                halves=consensus.halves, notes=consensus.notes)


def _analyze(particles: Path, folder: Path, config: AnalyzeConfig, root: Path | None) -> None:
    from gmmhet.engine.analysis import analyze
    analyze(particles, folder / "model" / "model.npz", config, folder / "analysis", root=root)


def _reconstruct(particles: Path, folder: Path, config: ReconstructConfig, supported: bool, root: Path | None) -> None:
    from gmmhet.engine.reconstruction import reconstruct
    if not supported:
        _LOG.info("no motion is supported: one map of all particles instead of maps along it")
        config = dataclasses.replace(config, by="bins", n=1, mode=1)
    subunits = folder / "analysis" / "subunits.star"  # maps of one subunit along its own coordinate
    if supported and subunits.is_file():
        reconstruct(subunits, subunits, config, folder / "maps", root=root)
    else:
        reconstruct(particles, folder / "analysis" / "latents.star", config, folder / "maps", root=root)


def _verdict(summary_path: Path, n_particles: int, mode: int) -> tuple[bool, str]:
    """Whether maps along a mode (from 1) make sense, and the end of the story in words."""
    summary = json.loads(summary_path.read_text(encoding="utf-8"))
    told = str(summary.get("verdict", "")).strip()
    if n_particles < FEWEST_PARTICLES:
        words = told if "cannot support a motion" in told else f"{n_particles} particles cannot support a motion."
        return False, f"{words} Everything was written, with one map of all particles."
    modes = summary.get("modes", [])
    if mode <= len(modes) and modes[mode - 1].get("significant") is not False:
        return True, told or f"{summary['n_significant_modes']} of {summary['n_modes']} modes are significant."
    if "No motion" in told:
        return False, told
    if any(found.get("significant") is not False for found in modes):
        return False, f"{told} Mode {mode} is not among them: one map of all particles was made instead.".strip()
    return False, f"No motion is supported by these {n_particles} particles. {told}".strip()


def _file(name: str, path: Path | None) -> dict[str, Any]:
    """Entry for a file that an option names: with another content it is another option."""
    return {} if path is None else {f"{name}_file": _identity(path)}


def _half_maps(source: Path, config: FitConfig) -> dict[str, Any]:
    """Entry for the half maps that the fit uses, given or found beside the map."""
    names = config.half_maps or (None if is_atomic(source) else find_half_maps(source))
    return {} if names is None else {"half_maps_files": [_identity(name) for name in names]}


def _identity(path: Path) -> dict[str, Any]:
    """A file by name, size and time of change: enough to notice that it is another one."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a map (.mrc) or an atomic model (.pdb, .cif)")
    status = path.stat()
    return {"path": str(path.resolve()), "bytes": status.st_size, "modified": status.st_mtime_ns}


def _read_record(path: Path) -> dict[str, Any]:
    """run.json of an earlier run; empty when there is none that can be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        _LOG.info("%s: nothing to resume; starting from the beginning", path)
        return {}
    usable = isinstance(found, dict) and isinstance(found.get("parameters"), dict)
    return found if usable else {}
