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
from gmmhet.engine.io import read_particles, read_star, write_particles

__all__ = ["Analysis", "Bench", "DataSet", "StageError"]


class StageError(RuntimeError):
    """A stage of the engine failed; the text says which and why."""


@dataclass(frozen=True)
class DataSet:
    """A simulated folder and the preset that it was made with."""

    folder: Path
    preset: str
    seed: int

    def truth(self) -> oracle.Truth:
        return oracle.read_truth(self.folder)

    def posterior(self) -> NDArray[np.float64]:
        """[n, S] the oracle's probabilities of the true states; computed once."""
        kept = self.folder / "posterior.npy"
        if not kept.is_file():
            np.save(kept, oracle.posterior(self.folder, self.preset))
        return np.asarray(np.load(kept))


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
        if name not in table:
            raise StageError(f"no column {name} in {self.folder / 'latents.star'}")
        return table.floats(name)

    def coordinate(self) -> NDArray[np.float64]:
        return self.column("gmmhetLatent1")

    def summary(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "summary.json").read_text()))


class Bench:
    """A folder of data and results; each stage runs once for the same input.

    Attributes:
        seconds: (command, wall-clock seconds) of each process run.
    """

    def __init__(self, folder: Path, particles: int, threads: int | None = None, gpu: str | None = None) -> None:
        self.folder = folder
        self.particles = particles
        self.seconds: list[tuple[str, float]] = []
        self._options = [*(["--threads", str(threads)] if threads else []), *(["--gpu", gpu] if gpu else [])]
        self._done: set[Path] = set()

    def simulate(self, preset: str, snr: float, seed: int) -> DataSet:
        """A simulated data set, reused when the code that makes it is the same (particles.star is written last)."""
        out = self.folder / f"{preset}_snr{snr:g}_n{self.particles}_seed{seed}_{_code_digest()}"
        if not (out / "particles.star").is_file():
            self._command("simulate", "--preset", preset, "--particles", self.particles, "--snr", snr, "--seed", seed,
                          "-o", out)
        return DataSet(out, preset, seed)

    def analyze(self, data: DataSet, method: str) -> Analysis:
        """Fit the consensus map, then analyze."""
        model, out = data.folder / "model" / "model.npz", data.folder / method
        if out not in self._done:
            model.parent.mkdir(exist_ok=True)
            if model not in self._done:
                self._command("fit", data.folder / "consensus.mrc", "--seed", data.seed, "-o", model)
                self._done.add(model)
            self._command("analyze", data.folder / "particles.star", "--model", model, "--method", method,
                          "--seed", data.seed, "-o", _fresh(out))
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
            dealt[order] = values[np.argsort(found.coordinate(), kind="stable")]
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


def _fresh(folder: Path) -> Path:
    """The folder without what an earlier benchmark, perhaps of other code, left in it."""
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def _code_digest() -> str:
    """Of the code that decides what a simulated folder and its oracle hold."""
    engine = Path(gmmhet.engine.__file__).parent
    files = [*sorted((engine / "simulate").glob("*.py")), engine / "ctf.py", engine / "conventions.py",
             Path(oracle.__file__)]
    return hashlib.sha256(b"".join(f.read_bytes() for f in files)).hexdigest()[:8]
