"""The whole job: fit, analyze, reconstruct, report."""

import dataclasses
import json
import logging
import shlex
import time
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import TypedDict, cast

from gmmhet import __version__
from gmmhet.engine.check import contrast_with, require_sane_poses
from gmmhet.engine.commands.command import RUN_STAGES
from gmmhet.engine.commands.map_series import remove_other_modes, series_of_maps
from gmmhet.engine.commands.run_composition import (
    COMPOSITION,
    MAPS_OF_STATES,
    composition_left_out,
    composition_words,
    maps_of_states,
    remove_composition_of_others,
    remove_maps_of_states,
)
from gmmhet.engine.commands.telling import Telling
from gmmhet.engine.config import (
    FEWEST_PARTICLES,
    AnalyzeConfig,
    CompositionConfig,
    FitConfig,
    ReconstructConfig,
    result_options,
)
from gmmhet.engine.errors import InputError
from gmmhet.engine.fitting import find_half_maps, fit_density
from gmmhet.engine.fitting.consensus import Consensus, consensus_for
from gmmhet.engine.io import ParticleTable, output_folder, read_particles, replacing
from gmmhet.engine.io.atomic_models import is_atomic
from gmmhet.engine.molecule.contrast import Contrast, contrast_of, disagree
from gmmhet.engine.molecule.gaussian_map import gaussian_density
from gmmhet.engine.molecule.gaussians import GaussianModel
from gmmhet.engine.molecule.masks import read_mask
from gmmhet.engine.molecule.residues import Residues
from gmmhet.engine.molecule.signal import HalfMaps
from gmmhet.engine.wording.fitting import analysis_disagrees, made_half_maps, model_disagrees
from gmmhet.engine.wording.run import (
    UNFINISHED,
    few_particles,
    mode_not_significant,
    no_motion,
    significant_modes,
)

__all__ = ["StageOptions", "run"]

_LOG = logging.getLogger("gmmhet")

#: of the stages, in their order
_FOLDERS = {"fit": "model", "analyze": "analysis", "compose": COMPOSITION, "reconstruct": "maps"}
#: what they are called on the screen
_SHOWN = dict(zip(_FOLDERS, RUN_STAGES[1:], strict=False))


@dataclasses.dataclass(frozen=True)
class StageOptions:
    """Options of the stages of a run; compose: None: without it."""

    fit: FitConfig = dataclasses.field(default_factory=FitConfig)
    analyze: AnalyzeConfig = dataclasses.field(default_factory=AnalyzeConfig)
    reconstruct: ReconstructConfig = dataclasses.field(default_factory=ReconstructConfig)
    compose: CompositionConfig | None = dataclasses.field(default_factory=CompositionConfig)

    @property
    def resume(self) -> bool:
        return self.analyze.resume or self.reconstruct.resume


class _Record(TypedDict, total=False):
    """run.json."""

    command: str
    version: str
    verdict: str
    parameters: dict[str, object]
    seconds: dict[str, float]


def run(particles: Path, map_path: Path, output: Path, options: StageOptions, *, root: Path | None = None,
        check: bool = True, telling: Telling | None = None) -> str:
    """Fit the consensus, find the motions and what comes and goes, make maps of them, write the report.

    Writes model/, analysis/, composition/, maps/, maps_states/ (where there are states), report.html and run.json into
    ``output``. When no motion is supported, one map of
    all particles is made instead of maps along noise, and the log and run.json say so. With ``resume`` (of either
    stage), stages whose results are there, made from the same input with the same parameters, are kept.

    Args:
        particles: STAR file. map_path: consensus map, or atomic model, in the frame of the particles' poses.
        root: project folder that image names are relative to.
        check: stop before any work where poses and map make no sense together (not when a run that passed is resumed).
        telling: of the stages; default: on the log alone.
    Returns:
        The verdict.
    Raises:
        InputError: unreadable input; a map whose voxel size makes no sense beside the particles'; poses that do not fit
            the map; what the stages raise.
    """
    telling = telling or Telling()
    telling.stage("check")
    table = read_particles(particles, root=root)
    if options.analyze.focus is not None:
        read_mask(options.analyze.focus, table.box, table.pixel_size)  # what is wrong with it is said before any work
    if options.analyze.atoms is not None:
        Residues.read(options.analyze.atoms)
    consensus = consensus_for(map_path, table.box, table.pixel_size, options.fit)
    passed = options.resume and (output / "run.json").is_file() and (output / "model" / "summary.json").is_file()
    judged = _judged(table, consensus, map_path, options.fit.symmetry) if check and not passed else None
    folder = output_folder(output)
    telling.folder(folder)
    parameters = {"particles": _identity(particles) | {"images": table.fingerprint}, "map": _identity(map_path),
                  "root": root and str(root), **_stage_parameters(map_path, options)}
    left_out = composition_left_out(options.compose, options.analyze, len(table))
    job = _Job(folder, parameters, ["gmmhet", "run", str(particles), str(map_path), "-o", str(output)],
               options.resume, telling, frozenset({"compose"} if left_out else ()))
    if "analyze" not in job.seconds:
        telling.ahead(table, consensus, folder, options.fit, options.analyze, None if left_out else options.compose,
                      options.reconstruct.n)
    halves = lru_cache(1)(partial(_halves, table, options.fit.symmetry))
    job.stage("fit", partial(_fit, consensus, options.fit, map_path, halves, folder / "model" / "model.npz"))
    del consensus  # a large map is not carried through what follows
    if judged is not None:
        _require_same_of_model(judged, table, map_path, folder / "model" / "model.npz")
    job.stage("analyze", lambda resumed: _analyze(
        particles, folder, dataclasses.replace(options.analyze, resume=resumed), root))
    if judged is not None:
        _require_same_of_analysis(judged, map_path, folder / "analysis" / "summary.json")
    supported, verdict = _verdict(folder / "analysis" / "summary.json", len(table), options.reconstruct.mode)
    if options.compose is None or left_out:
        telling.left_out(_SHOWN["compose"], left_out)
        remove_composition_of_others(folder)
    else:
        job.stage("compose", partial(_compose, folder, options.compose, root), decides=False)
        verdict = " ".join(filter(None, [verdict, composition_words(folder)]))
    job.stage("reconstruct", lambda resumed: _reconstruct(
        particles, folder, dataclasses.replace(options.reconstruct, resume=resumed), (supported, not left_out), root))
    job.finish(verdict, supported)
    return verdict


def _judged(table: ParticleTable, consensus: Consensus, map_path: Path, symmetry: str) -> Contrast | None:
    """Contrast by the check; None where its sign is mixed, since the mean over images then says nothing."""
    found = require_sane_poses(table, consensus.density, map_path, None if symmetry == "C1" else symmetry)
    return None if found.inverted else found.contrast


def _stage_parameters(map_path: Path, options: StageOptions) -> dict[str, object]:
    """What the results of each stage depend on, beside the particles and the map."""
    return {"fit": result_options(options.fit) | _file("mask", options.fit.mask) | _half_maps(map_path, options.fit),
            "analyze": result_options(options.analyze) | _file("focus", options.analyze.focus)
            | _file("atoms", options.analyze.atoms),
            "compose": None if options.compose is None else result_options(options.compose) | {
                "blocks_files": [_identity(path) for path in options.compose.blocks]},
            "reconstruct": result_options(options.reconstruct)}


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

    def __init__(self, folder: Path, parameters: dict[str, object], command: list[str], resume: bool,
                 telling: Telling, left_out: frozenset[str]) -> None:
        self.folder, self.parameters, self.telling, self.left_out = folder, parameters, telling, left_out
        self.command = shlex.join(command)
        self.earlier = _read_record(folder / "run.json") if resume else {}
        inputs = ("particles", "map", "root")
        before = self.earlier.get("parameters", {})
        #: whether everything so far is as it was, so that what follows may be kept or gone on with
        self.same = (self.earlier.get("version") == __version__
                     and all(before.get(name) == parameters[name] for name in inputs))
        (folder / "report.html").unlink(missing_ok=True)
        self.seconds = self._kept()
        self._write(UNFINISHED)  # at once: what a killed run had done is not forgotten

    def _kept(self) -> dict[str, float]:
        """Seconds of the stages, from the first, whose results stay."""
        kept: dict[str, float] = {}
        done = self.earlier.get("seconds", {})
        for name, subfolder in _FOLDERS.items():
            if name in self.left_out and name not in done:
                continue
            as_before = self.same and self.earlier["parameters"].get(name) == self.parameters[name]
            if not as_before or name not in done or not (self.folder / subfolder / "summary.json").is_file():
                break
            kept[name] = done[name]
        return kept

    def stage(self, name: str, work: Callable[[bool], None], *, decides: bool = True) -> None:
        """Do a stage, unless its results stay; ``work`` is called with whether it may continue from its checkpoints.

        Args:
            decides: whether what follows goes on only where this stage is as it was; else what follows sees to it.
        """
        if name in self.seconds:
            self.telling.kept(_SHOWN[name])
            return
        self.telling.stage(_SHOWN[name])
        before = self.same
        self.same = before and self.earlier["parameters"].get(name) == self.parameters[name]
        started = time.monotonic()
        output_folder(self.folder / _FOLDERS[name])
        work(self.same)
        self.seconds[name] = time.monotonic() - started
        self._write(UNFINISHED)
        if name in self.earlier.get("seconds", {}):
            self.same = False  # what follows was made from another result
        if not decides:
            self.same = before

    def finish(self, verdict: str, supported: bool) -> None:
        """Write the report and the verdict; supported: whether maps along a motion were made."""
        from gmmhet.engine.report import write_report
        self.telling.stage(RUN_STAGES[-1])
        started = time.monotonic()
        self._write(verdict)
        write_report(self.folder, self.folder / "report.html")
        self.seconds["report"] = time.monotonic() - started
        self._write(verdict)
        self.telling.end(verdict, self.folder, sum(self.seconds.values()), supported)

    def _write(self, verdict: str) -> None:
        record: _Record = {"command": self.command, "version": __version__, "verdict": verdict,
                           "parameters": self.parameters, "seconds": self.seconds}
        with replacing(self.folder / "run.json") as temporary:
            temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def _fit(consensus: Consensus, config: FitConfig, source: Path, halves: Callable[[], HalfMaps | None], output: Path,
         resumed: bool) -> None:
    """A fit takes seconds: whether it may go on from what is there does not matter."""
    fit_density(dataclasses.replace(consensus.to_fit(source), make_halves=halves), config, output, consensus.notes)


def _halves(table: ParticleTable, symmetry: str) -> HalfMaps | None:
    """Half maps from the particles."""
    from gmmhet.engine.reconstruction import halves_of_particles
    found = halves_of_particles(table, symmetry)
    _LOG.info("%s", made_half_maps(None if found is None else found[1]))
    return None if found is None else found[0]


def _analyze(particles: Path, folder: Path, config: AnalyzeConfig, root: Path | None) -> None:
    from gmmhet.engine.analysis import analyze
    analyze(particles, folder / "model" / "model.npz", config, folder / "analysis", root=root)


def _compose(folder: Path, config: CompositionConfig, root: Path | None, resumed: bool) -> None:
    from gmmhet.engine.composition import compose
    compose(folder / "analysis" / "latents.star", dataclasses.replace(config, resume=resumed), folder / "composition",
            root=root, required=False)


def _reconstruct(particles: Path, folder: Path, config: ReconstructConfig, found: tuple[bool, bool],
                 root: Path | None) -> None:
    """found: whether there are motions; whether what comes and goes was looked for."""
    from gmmhet.engine.reconstruction import reconstruct
    supported, composed = found
    if not supported:
        _LOG.info("no motion is supported: one map of all particles instead of maps along it")
        config = dataclasses.replace(config, by="bins", n=1, mode=1)
    subunits = folder / "analysis" / "subunits.star"  # maps of one subunit along its own coordinate
    if not config.resume:
        remove_other_modes(folder)
        remove_maps_of_states(folder)
    if supported and subunits.is_file():
        reconstruct(subunits, subunits, config, folder / "maps", root=root)
        return
    for name, chosen in series_of_maps(folder, config, supported):
        reconstruct(particles, folder / "analysis" / "latents.star", chosen, output_folder(folder / name), root=root)
    of_states = maps_of_states(folder, config) if composed else None
    if of_states is None:
        remove_maps_of_states(folder)
    else:
        reconstruct(particles, folder / "composition" / "particles.star", of_states,
                    output_folder(folder / MAPS_OF_STATES), root=root)


def _verdict(summary_path: Path, n_particles: int, mode: int) -> tuple[bool, str]:
    """Whether maps along a mode (from 1) make sense, and the verdict of the run in words."""
    summary = json.loads(summary_path.read_text(encoding="utf-8"))
    verdict = str(summary.get("verdict", "")).strip()
    if n_particles < FEWEST_PARTICLES:
        return False, few_particles(n_particles, verdict)
    modes = summary.get("modes", [])
    if mode <= len(modes) and modes[mode - 1].get("significant") is not False:
        return True, verdict or significant_modes(summary["n_significant_modes"], summary["n_modes"])
    if "No motion" in verdict:
        return False, verdict
    if any(found.get("significant") is not False for found in modes):
        return False, mode_not_significant(mode, verdict)
    return False, no_motion(n_particles, verdict)


def _file(name: str, path: Path | None) -> dict[str, object]:
    """Entry for a file that an option names: with another content it is another option."""
    return {} if path is None else {f"{name}_file": _identity(path)}


def _half_maps(source: Path, config: FitConfig) -> dict[str, object]:
    """Entry for the half maps that the fit uses, given or found beside the map."""
    names = config.half_maps or (() if is_atomic(source) else find_half_maps(source) or ())
    return {"half_maps_files": [_identity(name) for name in names]} if names else {}


def _identity(path: Path) -> dict[str, object]:
    """A file by name, size and time of change: enough to notice that it is another one."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a map (.mrc) or an atomic model (.pdb, .cif)")
    status = path.stat()
    return {"path": str(path.resolve()), "bytes": status.st_size, "modified": status.st_mtime_ns}


def _read_record(path: Path) -> _Record:
    """run.json of an earlier run; empty when there is none that can be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        _LOG.info("%s: nothing to resume; starting from the beginning", path)
        return {}
    if not isinstance(found, dict) or not isinstance(found.get("parameters"), dict):
        return {}
    return cast(_Record, found)
