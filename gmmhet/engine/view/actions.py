"""What the page can have done: each action is one or more commands of gmmhet, which anyone can repeat."""

import math
import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gmmhet.engine.errors import InputError
from gmmhet.engine.io import replacing
from gmmhet.engine.io.points import write_points
from gmmhet.engine.view.result import ResultFolder
from gmmhet.engine.view.settings import VIEW
from gmmhet.engine.wording import view as wording

__all__ = ["ACTIONS", "Work", "shown_command", "shown_path"]

_MOVIES = ("gif", "mp4")


@dataclass(frozen=True)
class Work:
    """What is to run.

    Attributes:
        label: in words. folder: that it writes into. commands: words after "gmmhet", one after the other.
        results: names of what the page shows of it: "map", "points", "movie", "script", "particles" to the file.
    """

    label: str
    folder: Path
    commands: tuple[list[str], ...]
    results: dict[str, Path]


def shown_command(words: Sequence[str]) -> str:
    """A command as typed."""
    return shlex.join(["gmmhet", *words])


def map_of_model(result: ResultFolder, asked: dict[str, Any]) -> Work:
    """Save the model's map at a point, with a script for ChimeraX."""
    point = _point(result, asked)
    folder = result.new_folder("model")
    return Work(wording.model_at(point), folder, ([
        "map", shown_path(result.root), f"--at={_typed(point)}", "-o", shown_path(folder)],),
        {"map": folder / "model_01.mrc", "script": folder / "series.cxc"})


def map_of_particles(result: ResultFolder, asked: dict[str, Any]) -> Work:
    """Reconstruct a map from the particles at a point."""
    point = _point(result, asked)
    folder = result.new_folder("particles")
    _write_points(folder / "points.csv", result, [point])
    return Work(wording.particles_at(point), folder, (_kernel_maps(result, folder, folder / "points.csv"),),
                {"map": folder / "maps" / "map_01.mrc"})


def path(result: ResultFolder, asked: dict[str, Any]) -> Work:
    """A path along the particles, along a mode, or through points."""
    kind, number = asked.get("kind"), _whole(asked, "n", 2, VIEW.most_points)
    if kind == "trace":
        words = ["--trace"]
    elif kind == "mode":
        words = ["--mode", str(_whole(asked, "mode", 1, result.analysis.modes))]
    elif kind == "points":
        stops = asked.get("stops")
        if not isinstance(stops, list) or not 2 <= len(stops) <= VIEW.most_points:
            raise InputError("a path through points needs two or more")
        first, *middle, last = (_typed(_point(result, {"point": s})) for s in stops)
        words = [f"--from={first}", *(f"--through={p}" for p in middle), f"--to={last}"]
    else:
        raise InputError(f"a path of kind {str(kind)[:40]!r}; expected trace, mode or points")
    folder = result.new_folder("path")
    return Work(wording.PATHS[str(kind)], folder, ([
        "path", shown_path(result.root), *words, "--n", str(number), "-o", shown_path(folder / "points.csv")],),
        {"points": folder / "points.csv"})


def movie(result: ResultFolder, asked: dict[str, Any]) -> Work:
    """A movie along a path, of the model or of maps of particles, with a script for ChimeraX."""
    kind, of = asked.get("format"), asked.get("of")
    if kind not in _MOVIES or of not in ("model", "particles"):
        raise InputError(f"a movie {str(kind)[:20]!r} of {str(of)[:20]!r}; expected gif or mp4, of model or particles")
    points = result.inside(str(asked.get("points")))
    folder = result.new_folder("movie")
    made = folder / f"movie.{kind}"
    commands: tuple[list[str], ...]
    if of == "model":
        commands = (["map", shown_path(result.root), "--points", shown_path(points), "--movie", shown_path(made), "-o",
                     shown_path(folder / "maps")],)
    else:
        commands = (_kernel_maps(result, folder, points),
                    ["movie", shown_path(folder / "maps"), "-o", shown_path(made)])
    return Work(wording.movie_of(str(of), str(kind)), folder, commands,
                {"movie": made, "script": folder / "maps" / "series.cxc"})


def export(result: ResultFolder, asked: dict[str, Any]) -> Work:
    """Chosen particles as STAR or .cs, with all columns of the file that they came from; on request, their map."""
    kind = asked.get("format", "star")
    if kind not in ("star", "cs") or (kind == "cs" and result.particles.suffix != ".cs"):
        raise InputError("expected star, or cs where the particles came from a .cs")
    chosen = _criteria(result, asked)
    folder = result.new_folder("selection")
    words = chosen(folder)
    made = folder / f"selection.{kind}"
    original = [] if result.particles == result.table else ["--particles", shown_path(result.particles)]
    root = _root(result)
    commands = [["export", shown_path(result.table), *original, *root, *words, "-o", shown_path(made)]]
    results = {"particles": made}
    if asked.get("map"):
        commands.append(["reconstruct", shown_path(made), "--latents", shown_path(result.table), *root, "--by", "bins",
                         "--n", "1", "-o", shown_path(folder / "maps")])
        results["map"] = folder / "maps" / "map_01.mrc"
    return Work(wording.selection(bool(asked.get("map"))), folder, tuple(commands), results)


ACTIONS: dict[str, Callable[[ResultFolder, dict[str, Any]], Work]] = {
    "model": map_of_model, "particles": map_of_particles, "path": path, "movie": movie, "export": export}


def _criteria(result: ResultFolder, asked: dict[str, Any]) -> Callable[[Path], list[str]]:
    """What makes the words of the selection, given the folder for a list of rows."""
    words: list[str] = []
    if asked.get("mode") is not None:
        words += ["--mode", str(_whole(asked, "mode", 1, result.analysis.modes))]
        for key, flag in (("from", "--from"), ("to", "--to"), ("confidence", "--confidence")):
            if asked.get(key) is not None:
                words.append(f"{flag}={_number(asked[key], key):.6g}")
    ids = asked.get("ids")
    if ids is None and not words:
        raise InputError("no particle is selected")
    if ids is not None and not (isinstance(ids, list) and ids and all(
            type(i) is int and 0 < i <= len(result.analysis.coordinates) for i in ids)):
        raise InputError(f"expected row numbers from 1 to {len(result.analysis.coordinates)}")

    def make(folder: Path) -> list[str]:
        if ids is None:
            return words
        with replacing(folder / "ids.txt") as temporary:
            temporary.write_text("\n".join(map(str, ids)) + "\n", encoding="utf-8")
        return [*words, "--ids", shown_path(folder / "ids.txt")]

    return make


def _kernel_maps(result: ResultFolder, folder: Path, points: Path) -> list[str]:
    return ["reconstruct", shown_path(result.particles), "--latents", shown_path(result.table), *_root(result), "--by",
            "kernel", "--points", shown_path(points), "-o", shown_path(folder / "maps")]


def _root(result: ResultFolder) -> list[str]:
    return [] if result.project is None else ["--root", shown_path(result.project)]


def _point(result: ResultFolder, asked: dict[str, Any]) -> list[float]:
    """All coordinates of a point."""
    given = asked.get("point")
    if not isinstance(given, list) or len(given) != result.analysis.modes:
        raise InputError(f"a point of {result.analysis.modes} coordinates is needed")
    return [_number(v, "a coordinate") for v in given]


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"{name} is {str(value)[:40]!r}; expected a finite number")
    return float(value)


def _whole(asked: dict[str, Any], key: str, low: int, high: int) -> int:
    value = asked.get(key)
    if type(value) is not int or not low <= value <= high:
        raise InputError(f"{key} is {str(value)[:40]!r}; expected {low} to {high}")
    return value


def _typed(point: Sequence[float]) -> str:
    return ",".join(f"{v:.4g}" for v in point)


def _write_points(path: Path, result: ResultFolder, points: list[list[float]]) -> None:
    table = np.array(points)
    density, _, populated = result.analysis.population.judge(table)
    write_points(path, table, density, populated)


def shown_path(path: Path) -> str:
    """A path as short as it can be typed where the page was started."""
    relative = os.path.relpath(path)
    return relative if not relative.startswith("..") else str(path)
