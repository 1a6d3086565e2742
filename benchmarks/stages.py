"""Stages of the engine run as a user runs them, each in a process of its own; results are read from its files."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import oracle
from numpy.typing import NDArray

import gmmhet.engine
from gmmhet.engine.io import current_name, read_particles, read_star, write_particles
from gmmhet.engine.io.result_columns import COORDINATE
from gmmhet.engine.simulate import Preset, preset

__all__ = ["AS_REAL", "IDEAL", "Analysis", "Bench", "DataSet", "Imaging", "StageError", "code_digest"]


class StageError(RuntimeError):
    """A stage of the engine failed; the text says which and why."""


@dataclass(frozen=True)
class Imaging:
    """How the images of a data set are made: the start of its folder's name, and options of gmmhet simulate."""

    name: str
    options: tuple[object, ...]


IDEAL, AS_REAL = Imaging("", ()), Imaging("real_", ("--as-real",))


@dataclass(frozen=True)
class DataSet:
    """A simulated folder and the planted truth that it was made with."""

    folder: Path
    what: Preset
    seed: int

    def truth(self) -> oracle.Truth:
        return oracle.read_truth(self.folder)

    def posteriors(self) -> list[NDArray[np.float64]]:
        """[n, L] the oracle's probabilities of the values of each coordinate; computed once."""
        kept = self.folder / "posteriors.npz"
        if not kept.is_file():
            np.savez(kept, *oracle.coordinate_posteriors(self.folder, self.what))
        with np.load(kept) as file:
            return [np.asarray(file[name]) for name in file.files]

    def expected(self) -> NDArray[np.float64]:
        """[n, D] the oracle's posterior means."""
        return np.stack([p @ level for p, level in zip(self.posteriors(), self.what.levels, strict=True)], axis=1)


@dataclass(frozen=True)
class Analysis:
    """The folder of gmmhet analyze."""

    folder: Path

    def column(self, name: str) -> NDArray[np.float64]:
        """A column of latents.star, [n].

        Raises:
            StageError: there is none (no mode was kept).
        """
        table = read_star(self.folder / "latents.star")["particles"]
        name = next((c for c in table.columns if current_name(c) == name), name)  # of results of version 0.3
        if name not in table:
            raise StageError(f"no column {name} in {self.folder / 'latents.star'}")
        return table.floats(name)

    def coordinate(self, *, normal: bool = False) -> NDArray[np.float64]:
        """[n] of mode 1: under the particles' own population where the analysis found that to be better, and not the
        normal one asked for."""
        return self.column(f"{self._stem(normal)}1")

    def latents(self, *, significant: bool = True, normal: bool = False) -> NDArray[np.float64]:
        """[n, K] such coordinates of the significant modes; of all modes where there are none or all are asked for."""
        summary = self.summary()
        count = int(summary["n_significant_modes"] or 0) if significant else 0
        stem = self._stem(normal or not significant)  # others have none under the estimated prior
        names = [f"{stem}{k + 1}" for k in range(count or int(summary["n_modes"]))]
        return np.stack([self.column(name) for name in names], axis=1)

    def _stem(self, normal: bool) -> str:
        population = self.summary().get("population") or {}
        return COORDINATE if population.get("better") and not normal else "gmmhetLatent"

    def summary(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "summary.json").read_text()))

    def entry(self, name: str) -> Any:
        """An entry of summary.json.

        Raises:
            StageError: there is none.
        """
        summary = self.summary()
        if summary.get(name) is None:
            raise StageError(f"no {name} in {self.folder / 'summary.json'}")
        return summary[name]


class Bench:
    """A folder of data and results; each stage runs once for the same input.

    Attributes:
        particles: of every data set; None: as many as its preset has.
        seconds: (command, wall-clock seconds) of each process run.
    """

    def __init__(self, folder: Path, particles: int | None, threads: int | None = None, gpu: str | None = None) -> None:
        self.folder = folder
        self.particles = particles
        self.seconds: list[tuple[str, float]] = []
        self._options = [*(["--threads", str(threads)] if threads else []), *(["--gpu", gpu] if gpu else [])]
        self._done: set[Path] = set()

    def simulate(self, preset_name: str, snr: float, seed: int, *, angle_error: float = 0.0, shift_error: float = 0.0,
                 imaging: Imaging = IDEAL) -> DataSet:
        """A simulated data set, reused when the code that makes it is the same (particles.star is written last)."""
        what = preset(preset_name)
        particles = self.particles or what.particles
        off = f"_off{angle_error:g}deg{shift_error:g}A" if angle_error or shift_error else ""
        out = self.folder / f"{imaging.name}{preset_name}_snr{snr:g}_n{particles}{off}_seed{seed}_{code_digest()}"
        if not (out / "particles.star").is_file():
            self._command("simulate", "--preset", preset_name, "--particles", particles, "--snr", snr, "--seed", seed,
                          "--angle-error", angle_error, "--shift-error", shift_error,
                          *imaging.options, "-o", out)
        return DataSet(out, what, seed)

    def analyze(self, data: DataSet, method: str, *options: object, fit: tuple[object, ...] = ()) -> Analysis:
        """Fit the consensus map, then analyze.

        Args:
            options: more of gmmhet analyze. fit: more of gmmhet fit.
        """
        model, out = data.folder / _named("model", fit) / "model.npz", data.folder / _named(method, (*options, *fit))
        if out not in self._done:
            model.parent.mkdir(exist_ok=True)
            if model not in self._done:
                self._command("fit", data.folder / "consensus.mrc", "--seed", data.seed, *fit, "-o", model)
                self._done.add(model)
            self._command("analyze", data.folder / "particles.star", "--model", model, "--method", method,
                          "--seed", data.seed, *options, "-o", _fresh(out))
            self._done.add(out)
        return Analysis(out)

    def composition(self, found: Analysis, *options: object) -> "Analysis":
        """The folder of gmmhet composition."""
        out = found.folder.with_name(_named(f"{found.folder.name}_composition", options))
        if out not in self._done:
            self._command("composition", found.folder / "latents.star", *options, "-o", _fresh(out))
            self._done.add(out)
        return Analysis(out)

    def reconstruct(self, data: DataSet, found: Analysis) -> Path:
        """Maps of five bins along mode 1 as found."""
        return self._bins(data, found.folder / "latents.star", data.folder / "bins")

    def reconstruct_true(self, data: DataSet, found: Analysis) -> Path:
        """The same from the true order: the sorted coordinates are dealt to the particles by their true coordinate.

        Any rule of binning by coordinate then gives bins of the same sizes. Ties of the truth are broken at random.
        """
        truth = data.truth().coordinates[:, 0]
        order = np.lexsort((np.random.default_rng(0).random(len(truth)), truth))
        columns = {}
        for name in ("gmmhetLatent1", "gmmhetLatentSd1"):
            values = found.column(name)
            dealt = np.empty_like(values)
            dealt[order] = values[np.argsort(found.coordinate(normal=True), kind="stable")]
            columns[name] = [f"{v:.6f}" for v in dealt]
        latents = data.folder / "true_latents.star"
        write_particles(latents, read_particles(data.folder / "particles.star"), columns)
        return self._bins(data, latents, data.folder / "true_bins")

    def _bins(self, data: DataSet, latents: Path, out: Path) -> Path:
        if out not in self._done:
            self._command("reconstruct", data.folder / "particles.star", "--latents", latents, "--by", "bins",
                          "--mode", 1, "--n", 5, "--seed", data.seed, "-o", _fresh(out))
            self._done.add(out)
        return out

    def bins(self, data: DataSet, found: Analysis, out: Path, *options: object) -> Path:
        """Maps along mode 1 as options of gmmhet reconstruct say."""
        self._command("reconstruct", data.folder / "particles.star", "--latents", found.folder / "latents.star",
                      "--seed", data.seed, *options, "-o", _fresh(out))
        return out

    def maps_at(self, data: DataSet, found: Analysis, points: Path, by: str = "kernel") -> Path:
        """Maps at the points of a table: kernel or motion."""
        out = data.folder / f"maps-{by}"
        self._command("reconstruct", data.folder / "particles.star", "--latents", found.folder / "latents.star", "--by",
                      by, "--points", points, "--seed", data.seed, "-o", _fresh(out))
        return out

    def one_map(self, particles: Path, found: Analysis, out: Path) -> Path:
        """The file of a map of some particles, whose contrast and noise are those found."""
        self._command("reconstruct", particles, "--latents", found.folder / "latents.star", "--n", 1, "-o", _fresh(out))
        return out / "map_01.mrc"

    def run(self, data: DataSet) -> tuple[float, float]:
        """The whole of gmmhet run: wall-clock seconds and peak memory in GB (the largest of its processes)."""
        return self._command("run", data.folder / "particles.star", data.folder / "consensus.mrc",
                             "--seed", data.seed, "-o", _fresh(data.folder / "run"))

    def _command(self, *words: object) -> tuple[float, float]:
        command = [sys.executable, "-m", "gmmhet.engine", *map(str, words), *self._options]
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder / f"{words[0]}.log"
        started = time.monotonic()
        with open(log, "w", encoding="utf-8") as out:
            child = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
            _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - started
        self.seconds.append((" ".join(["gmmhet", *map(str, words)]).replace(f"{self.folder}{os.sep}", ""), seconds))
        if child.returncode != 0:
            last = (log.read_text(encoding="utf-8", errors="replace").strip() or "no output").splitlines()[-1]
            raise StageError(f"gmmhet {words[0]} ended with status {child.returncode}: {last}")
        return seconds, usage.ru_maxrss / 1024**2


def _named(stem: str, options: tuple[object, ...]) -> str:
    """A folder's name that tells the options."""
    words = (o.stem if isinstance(o, Path) else str(o) for o in options)
    return "_".join([stem, *(word.lstrip("-").replace("/", "-") for word in words)])


def _fresh(folder: Path) -> Path:
    """The folder without what an earlier benchmark, perhaps of other code, left in it."""
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def code_digest() -> str:
    """Of the code that decides what a simulated folder and its oracle hold."""
    engine = Path(gmmhet.engine.__file__).parent
    files = [*sorted((engine / "simulate").glob("*.py")), engine / "optics" / "ctf.py", engine / "conventions.py",
             Path(oracle.__file__)]
    return hashlib.sha256(b"".join(f.read_bytes() for f in files)).hexdigest()[:8]
