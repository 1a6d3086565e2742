"""What a run folder holds, read and checked once for the report. File contents: CONVENTIONS.rst, "Files"."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.config import FEWEST_PARTICLES
from gmmhet.engine.errors import InputError
from gmmhet.engine.latent_space.saved_analysis import ANALYSIS_FILE, CURVE_ARRAYS, deformation_in
from gmmhet.engine.molecule.curves import CIRCUMFERENCE
from gmmhet.engine.molecule.deformation import Deformation
from gmmhet.engine.report.evidence import Evidence, read_evidence
from gmmhet.engine.report.reading import Json, column_in, number_in, numbers_in, read_json, records_in, rows_in

__all__ = ["TOO_FEW", "Curve", "Frame", "MapBin", "Mode", "Results", "Stage", "read_results"]

Floats = NDArray[np.float64]
_ARRAYS = ("coordinates", "covariance", "centers", "weights", "sigmas", "modes_position", "modes_amplitude",
           "flexibility", "occupancy", "score", "contrast", "half", "spectrum")
Array = NDArray[np.float64] | NDArray[np.int64] | NDArray[np.float32]

TOO_FEW = FEWEST_PARTICLES


@dataclass(frozen=True)
class Frame:
    """A map of the motion movie and its coordinate (in units of the mode's spread); place: on all modes, or empty where
    the others are 0."""

    path: Path
    coordinate: float
    place: tuple[float, ...] = ()


@dataclass(frozen=True)
class Mode:
    """One mode as summary.json tells it; None where the analysis did not compute the figure.

    Attributes:
        does: what it does in a few words each: what moves, what comes and goes. Empty where that is not known.
    """

    number: int
    variance: float | None
    heldout_gain: float | None
    null_quantile: float | None
    halfset_correlation: float | None
    median_posterior_sd: float | None
    significant: bool | None
    verdict: str
    frames: tuple[Frame, ...]
    rigid_share: float | None = None
    does: tuple[str, ...] = ()


@dataclass(frozen=True)
class Curve:
    """A Fourier shell correlation: frequency [S], 1/Angstrom; values [S]; masked [S] or None."""

    name: str
    frequency: Floats
    values: Floats
    masked: Floats | None = None


@dataclass(frozen=True)
class MapBin:
    """A map made from the particles of one stretch of a mode; resolutions in Angstrom (local: percentiles).

    Attributes:
        coordinates: mean of its particles along every mode, or empty. kernel: made of nested windows.
        parts: that move as rigid bodies, of a motion-corrected map from all particles; 0 of another map.
        note: what it does not show, in words, or empty.
    """

    number: int
    path: Path
    coordinates: tuple[float, ...]
    kernel: bool
    parts: int
    note: str
    n_particles: float | None
    n_effective: float | None
    coordinate: float | None
    low: float | None
    high: float | None
    resolution_fsc143: float | None
    resolution_fsc500: float | None
    local_median: float | None
    local_10: float | None
    local_90: float | None

    @property
    def at_point(self) -> bool:
        """Whether the map stands for a point, not for a stretch of the mode."""
        return self.kernel or self.parts > 0


@dataclass(frozen=True)
class Stage:
    """What was run: parameters, and seconds by step."""

    name: str
    parameters: Json
    timing: Json


@dataclass(frozen=True)
class Results:
    """Everything the page shows.

    Attributes:
        arrays: the arrays of analysis.npz, shapes checked (n particles, N Gaussians, K modes). pose: where the analysis
            corrected none, [n, 0].
        bins: empty where no maps were made; bins_mode: the mode they go along, from 1. more_maps: folders of maps along
            other modes.
        b_factor: of the sharpened maps beside them, square Angstrom; None where there are none.
        map_noise: which noise the maps share with the coordinates that sort the particles, in words.
        stages: fit, analyze, reconstruct, run, as far as they are there.
        verdicts: what run.json and the analysis say in words.
    """

    folder: Path
    summary: Json
    modes: tuple[Mode, ...]
    arrays: dict[str, Array]
    fit_curve: Curve | None
    fitted_map: Path | None
    bins: tuple[MapBin, ...]
    bins_mode: int | None
    bin_curves: tuple[Curve, ...]
    more_maps: tuple[str, ...]
    b_factor: float | None
    map_noise: str
    stages: tuple[Stage, ...]
    verdicts: tuple[str, ...]
    evidence: Evidence

    @property
    def n_particles(self) -> int:
        return int(self._required("n_particles"))

    @property
    def n_gaussians(self) -> int:
        return int(self._required("n_gaussians"))

    @property
    def resolution(self) -> float:
        """Of the analysis, Angstrom."""
        return self._required("resolution")

    def _required(self, key: str) -> float:
        """A number that read_results has found in the summary."""
        value = self.summary[key]
        assert isinstance(value, int | float), key
        return float(value)

    @property
    def deformation(self) -> Deformation:
        """Of the Gaussians with the coordinates."""
        return deformation_in(self.arrays, self.folder)

    def around(self, mode: int) -> float | None:
        """Circumference of the circle that the coordinate of a mode (from 1) is on; None where it is on a line."""
        curves = self.deformation.curves
        return CIRCUMFERENCE if curves is not None and curves.periodic[mode - 1] else None

    @property
    def significant(self) -> tuple[Mode, ...]:
        """Modes to be shown as motion: significant ones, and those whose significance was not tested; none of few
        particles."""
        return () if self.n_particles < TOO_FEW else tuple(m for m in self.modes if m.significant is not False)


def read_results(folder: Path) -> Results:
    """Read a run folder, or an analysis folder alone.

    Raises:
        InputError: no such folder, or a file in it is missing, unreadable or disagrees with the others.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; expected one made by gmmhet run or gmmhet analyze")
    analysis = folder / "analysis" if (folder / "analysis").is_dir() else folder
    summary_path = analysis / "summary.json"
    if not summary_path.is_file():
        raise InputError(f"{summary_path}: no such file; expected the summary of gmmhet analyze")
    summary = read_json(summary_path)
    for key in ("n_particles", "n_gaussians", "resolution", "n_modes", "n_significant_modes"):
        if number_in(summary, key, summary_path) is None:
            raise InputError(f"{summary_path}: {key} is missing; expected a number")
    arrays = _read_arrays(analysis / "analysis.npz")
    records = records_in(summary, "modes", summary_path)
    modes = tuple(_mode(i, m, analysis, summary_path) for i, m in enumerate(records, 1))
    if len(modes) != arrays["modes_position"].shape[0]:
        raise InputError(f"{summary_path}: lists {len(modes)} modes; {analysis / 'analysis.npz'} holds "
                         f"{arrays['modes_position'].shape[0]}")
    flagged = sum(m.significant is True for m in modes)
    if flagged != summary["n_significant_modes"]:
        raise InputError(f"{summary_path}: n_significant_modes is {summary['n_significant_modes']}; {flagged} of its "
                         "modes are marked significant")
    maps = read_json(folder / "maps" / "summary.json") if (folder / "maps" / "summary.json").is_file() else {}
    run = read_json(folder / "run.json") if (folder / "run.json").is_file() else {}
    fit = read_json(folder / "model" / "summary.json") if (folder / "model" / "summary.json").is_file() else {}
    stages = [_stage("fit", fit), _stage("analyze", summary), _stage("reconstruct", maps, "by", "mode", "symmetry"),
              _run_stage(run)]
    fitted = folder / "model" / "fitted.mrc"
    return Results(
        folder, summary, modes, arrays, _fit_curve(folder / "model" / "fsc.csv"), fitted if fitted.is_file() else None,
        _bins(maps, folder / "maps"), _bins_mode(maps, len(modes), folder), _bin_curves(folder / "maps" / "fsc.csv"),
        tuple(sorted(p.parent.name for p in folder.glob("maps_mode_*/summary.json"))),
        _b_factor(maps, folder / "maps" / "summary.json"), _words_of(maps.get("evidence")),
        tuple(s for s in stages if s.parameters or s.timing),
        _verdicts(run, summary),
        read_evidence(summary, len(modes), summary_path))


def _mode(number: int, record: Json, analysis: Path, path: Path) -> Mode:
    where = f"modes[{number - 1}]."
    variance, gain, null, halves, sd, rigid = (number_in(record, key, path, where) for key in (
        "variance", "heldout_gain", "null_quantile", "halfset_correlation", "median_posterior_sd", "rigid_share"))
    significant = record.get("significant")
    if significant is not None and not isinstance(significant, bool):
        raise InputError(f"{path}: {where}significant is {significant!r}; expected true or false")
    if gain is None and null is None and not significant:
        significant = None  # a method without a test
    frames = tuple(Frame(_named(analysis, f, path, where), number_in(f, "coordinate", path, where) or 0.0,
                         numbers_in(f, "place", path))
                   for f in records_in(record, "frames", path))
    words = [str(record.get("verdict", "")), _words_of(record.get("cross_fit"))]
    name = record.get("name")
    does = tuple(str(text) for text in name.get("short", [])) if isinstance(name, dict) else ()
    return Mode(number, variance, gain, null, halves, sd, significant, " ".join(filter(None, words)), frames, rigid,
                does)


def _named(folder: Path, record: Json, path: Path, where: str) -> Path:
    if not isinstance(record.get("file"), str):
        raise InputError(f"{path}: {where}file is {record.get('file')!r}; expected the name of a map")
    return folder / str(record["file"])


def _read_arrays(path: Path) -> dict[str, Array]:
    """The arrays the page uses."""
    arrays = ANALYSIS_FILE.read(path, _ARRAYS, ("pose", *CURVE_ARRAYS))
    return {"pose": np.zeros((len(arrays["score"]), 0)), **arrays}


def _fit_curve(path: Path) -> Curve | None:
    if not path.is_file():
        return None
    rows = rows_in(path, ("frequency", "fsc"))
    return Curve("model against map", *(column_in(path, c, rows[c]) for c in ("frequency", "fsc")))


def _bin_curves(path: Path) -> tuple[Curve, ...]:
    if not path.is_file():
        return ()
    rows = rows_in(path, ("map", "frequency", "fsc", "fsc_masked"))
    names = np.array(rows["map"])
    values = [column_in(path, c, rows[c]) for c in ("frequency", "fsc", "fsc_masked")]
    return tuple(Curve(name, *(v[names == name] for v in values)) for name in dict.fromkeys(rows["map"]))


def _bins(summary: Json, maps: Path) -> tuple[MapBin, ...]:
    return tuple(_bin(i, b, maps) for i, b in enumerate(records_in(summary, "maps", maps / "summary.json"), 1))


def _bin(number: int, record: Json, maps: Path) -> MapBin:
    path = maps / "summary.json"
    where = f"maps[{number - 1}]."
    keys = ("n_particles", "n_effective", "coordinate", "low", "high", "resolution_fsc143", "resolution_fsc500",
            "local_resolution_median", "local_resolution_10", "local_resolution_90")
    return MapBin(number, _named(maps, record, path, where), numbers_in(record, "coordinates", path),
                  bool(record.get("bandwidth")), int(number_in(record, "parts", path, where) or 0),
                  str(record.get("note") or ""),
                  *(number_in(record, k, path, where) for k in keys))


def _words_of(record: object) -> str:
    """The sentence of an entry of a summary; empty where there is no such entry."""
    return str(record.get("words", "")) if isinstance(record, dict) else ""


def _b_factor(maps: Json, path: Path) -> float | None:
    record = maps.get("sharpening")
    return number_in(record, "b_factor", path, "sharpening.") if isinstance(record, dict) else None


def _bins_mode(maps: Json, n_modes: int, folder: Path) -> int | None:
    mode = number_in(maps, "mode", folder / "maps/summary.json")
    return int(mode) if mode is not None and 1 <= mode <= n_modes else None


def _verdicts(run: Json, summary: Json) -> tuple[str, ...]:
    """The run's and the analysis's, each said once."""
    whole, analysis = (str(record.get("verdict", "")).strip() for record in (run, summary))
    return tuple(text for text in (whole, "" if analysis in whole else analysis) if text)


def _stage(name: str, record: Json, *more: str) -> Stage:
    """more: entries beside the parameters that are parameters too."""
    parameters, timing = record.get("parameters"), record.get("timing")
    shown = {key: record[key] for key in more if key in record}
    return Stage(name, shown | (parameters if isinstance(parameters, dict) else {}),
                 timing if isinstance(timing, dict) else {})


def _run_stage(run: Json) -> Stage:
    shown: Json = {k: run[k] for k in ("command", "version") if k in run}
    parameters = run.get("parameters")
    for key, value in (parameters if isinstance(parameters, dict) else {}).items():
        if isinstance(value, dict) and "path" in value:
            shown[key] = value["path"]
        elif not isinstance(value, dict):  # the stages' own parameters stand with the stages
            shown[key] = value
    seconds = run.get("seconds")
    return Stage("run", shown, seconds if isinstance(seconds, dict) else {})
