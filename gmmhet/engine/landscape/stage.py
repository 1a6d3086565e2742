"""gmmhet map, path and movie: their files are described in CONVENTIONS.rst."""

import json
import logging
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.io import made_by, output_folder, remove_files, replacing, write_map
from gmmhet.engine.io.points import write_points
from gmmhet.engine.landscape.movie import check_movie, write_movie
from gmmhet.engine.landscape.path_warnings import path_warnings
from gmmhet.engine.landscape.paths import path_along_mode, path_between, principal_path
from gmmhet.engine.landscape.points import PopulatedRule, Surroundings, given_points, looks_closed, rule, surroundings
from gmmhet.engine.landscape.series import read_series, write_chimerax
from gmmhet.engine.latent_space.saved_analysis import Analysis, read_analysis
from gmmhet.engine.molecule.gaussian_map import gaussian_density
from gmmhet.engine.molecule.pseudo_atoms import write_pseudo_atoms
from gmmhet.engine.progress import progress
from gmmhet.engine.wording.landscape import map_label

__all__ = ["PathChoice", "map_points", "movie_of", "write_path"]

_LOG = logging.getLogger("gmmhet")
Array = NDArray[np.float64]
_COMMAND = "map"
_OURS = re.compile(r"summary\.json|model_\d+\.(mrc|cif)")


class MapRecord(TypedDict):
    """One of summary.json's ``maps``."""

    file: str
    cif: str | None
    coordinates: list[float]
    density: float
    near: float
    populated: bool


class MapSummary(TypedDict):
    """summary.json."""

    command: str
    parameters: dict[str, str | list[str] | None]
    n_modes: int
    box: int
    pixel_size: float
    resolution: float
    closed: bool
    level: float
    population: PopulatedRule
    timing: dict[str, float]
    maps: list[MapRecord]


class ReadRecord(TypedDict, total=False):
    """What movie reads of a map of gmmhet map or reconstruct."""

    file: str
    coordinate: float | None
    coordinates: list[float] | None
    populated: bool | None


class ReadSummary(TypedDict, total=False):
    """What movie reads of summary.json of gmmhet map or reconstruct."""

    by: str
    closed: bool
    maps: list[ReadRecord]


@dataclass(frozen=True)
class PathChoice:
    """gmmhet path: exactly one of stops (at least two), mode (from 1) and trace.

    Attributes:
        stops: typed points. closed: a loop; None: where the particles form one (trace), else not. n: points.
        rest: of coordinates that are not typed (points.REST).
    """

    stops: tuple[str, ...] = ()
    mode: int | None = None
    trace: bool = False
    closed: bool | None = None
    n: int = 20
    rest: str = "mean"

    def __post_init__(self) -> None:
        if sum((bool(self.stops), self.mode is not None, self.trace)) != 1:
            raise InputError("expected one of --from with --to, --mode, and --trace")
        if self.stops and len(self.stops) < 2:
            raise InputError("one point is given for a path; expected at least two points")
        if self.mode is not None and self.closed:
            raise InputError("--mode and --closed exclude each other: a path along one coordinate has two ends")
        if not 2 <= self.n <= 1000:
            raise InputError(f"--n is {self.n}; expected 2 to 1000")


def map_points(folder: Path, output: Path, *, at: Sequence[str] = (), table: Path | None = None, rest: str = "mean",
               cif: bool = False, movie: Path | None = None) -> None:
    """Model maps at points of latent space: model_NN.mrc, points.csv, series.cxc, summary.json.

    Args:
        folder: of the analysis or the run. at: typed points; table: points.csv with more; rest: points.REST.
        cif: write the Gaussians as pseudo-atoms too. movie: GIF of the maps.
    Raises:
        InputError: no such analysis, no or bad points, or a folder with the results of another command.
    """
    started = time.monotonic()
    check_movie(movie)
    analysis = read_analysis(folder)
    points = given_points(analysis, at, table, rest=rest)
    if len(points) == 0:
        raise InputError("no point is given; expected --at or --points")
    if made_by(output_folder(output), _COMMAND):
        remove_files(output, _OURS)
    around = surroundings(analysis.population, points)
    records = _write_models(output, analysis, points, around, cif)
    write_points(output / "points.csv", points, around.density, around.populated)
    series = read_series([output / str(r["file"]) for r in records], closed=looks_closed(points))
    write_chimerax(output / "series.cxc", series)
    if movie is not None:
        output_folder(movie.parent)
        write_movie(movie, series, [map_label(i, len(points), point) for i, point in enumerate(points.tolist(), 1)],
                    [not p for p in around.populated])
    parameters = {"analysis": str(folder), "at": list(at), "points": None if table is None else str(table),
                  "rest": rest}
    _write_summary(output / "summary.json", {
        "command": _COMMAND, "parameters": parameters, "n_modes": analysis.modes, "box": analysis.model.box,
        "pixel_size": analysis.model.pixel_size, "resolution": analysis.model.resolution, "closed": series.closed,
        "level": series.level, "population": rule(analysis), "timing": {"total": time.monotonic() - started},
        "maps": records})
    if around.warning():
        _LOG.warning("%s", around.warning())
    _LOG.info("%s: %d model map%s of %d px, %.4g Å a pixel", output, len(points), "s"[:len(points) > 1],
              analysis.model.box, analysis.model.pixel_size)


def _write_models(output: Path, analysis: Analysis, points: Array, around: Surroundings, cif: bool,
                  ) -> list[MapRecord]:
    digits = max(2, len(str(len(points))))
    records: list[MapRecord] = []
    for number in progress(range(1, len(points) + 1), "Model maps", len(points)):
        point = points[number - 1]
        model = analysis.gaussians_at(point)
        name = f"model_{number:0{digits}d}"
        density = gaussian_density(model)
        write_map(output / f"{name}.mrc", density.data, density.pixel_size)
        if cif:
            write_pseudo_atoms(output / f"{name}.cif", model)
        records.append({
            "file": f"{name}.mrc", "cif": f"{name}.cif" if cif else None, "coordinates": point.tolist(),
            "density": float(around.density[number - 1]), "near": float(around.near[number - 1]),
            "populated": bool(around.populated[number - 1])})
    return records


def _write_summary(path: Path, summary: MapSummary) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(summary, indent=1), encoding="utf-8")


def write_path(folder: Path, output: Path, choice: PathChoice) -> None:
    """Write points.csv of a path through latent space.

    Raises:
        InputError: no such analysis, bad stops, or a mode that the analysis does not have.
    """
    analysis = read_analysis(folder)
    population = analysis.population
    closed = bool(choice.closed)
    if choice.mode is not None:
        if not 1 <= choice.mode <= analysis.modes:
            raise InputError(f"--mode is {choice.mode}; expected 1 to {analysis.modes}")
        points = path_along_mode(population, choice.mode - 1, choice.n)
    elif choice.trace:
        points, closed = principal_path(population, choice.n, closed=choice.closed)
    else:
        stops = given_points(analysis, choice.stops, None, rest=choice.rest, option="a stop")
        if (np.linalg.norm(np.diff(stops, axis=0), axis=1) < 1e-9).any():
            raise InputError("two stops of the path in succession are the same point; expected different ones")
        points = path_between(population, stops, choice.n, closed=closed)
    around = surroundings(population, points)
    output_folder(output.parent)
    write_points(output, points, around.density, around.populated)
    unit = "subunits" if analysis.subunits > 1 else "particles"
    for line in path_warnings(population, points, around.populated, unit, closed=closed):
        _LOG.warning("%s", line)
    _LOG.info("%s: %d points of a path%s", output, len(points), ", closed" if closed else "")


def movie_of(folder: Path, output: Path, *, level: float | None = None, rate: float = 8.0) -> None:
    """A GIF of the maps in a folder of map or reconstruct, and series.cxc beside the maps.

    Raises:
        InputError: no summary.json with maps there, maps of different sizes, or a level or rate that shows nothing.
    """
    check_movie(output)
    if not 0 < rate <= 50:
        raise InputError(f"--rate is {rate:g}; expected above 0 and at most 50 maps a second")
    records, given = _records(folder)
    series = read_series([folder / str(r["file"]) for r in records], level=level, closed=_goes_round(given, records))
    labels, empty = [], []
    for index, record in enumerate(records, 1):
        one = record.get("coordinate")
        point = record.get("coordinates") or ([] if one is None else [one])
        labels.append(map_label(index, len(records), point))
        empty.append(record.get("populated") is False)
    output_folder(output.parent)
    write_movie(output, series, labels, empty, rate=rate)
    write_chimerax(folder / "series.cxc", series)
    _LOG.info("%s: %d maps at density %.4g; %s plays them in ChimeraX", output, len(records), series.level,
              folder / "series.cxc")


def _goes_round(summary: ReadSummary, records: list[ReadRecord]) -> bool:
    """Whether the last map is followed by the first: as map wrote it, else as the points of kernels lie.

    Bins and clusters never are: they lie along one coordinate, or in no order.
    """
    if "closed" in summary:
        return bool(summary["closed"])
    points = [r.get("coordinates") for r in records]
    if summary.get("by") != "kernel" or not all(points) or len({len(p or ()) for p in points}) != 1:
        return False
    return looks_closed(np.asarray(points, np.float64))


def _records(folder: Path) -> tuple[list[ReadRecord], ReadSummary]:
    """Entries of the maps, and the whole summary.json."""
    path = folder / "summary.json"
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a folder of gmmhet map or gmmhet reconstruct")
    try:
        summary: ReadSummary = json.loads(path.read_text(encoding="utf-8"))
        records = [r for r in summary["maps"] if isinstance(r["file"], str)]
    except (ValueError, KeyError, TypeError):
        records = []
    if not records:
        raise InputError(f"{path}: lists no maps; expected a folder of gmmhet map or gmmhet reconstruct")
    return records, summary
