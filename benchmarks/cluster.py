"""What workers are worth, what they cost, and whether results stay the same: the table of docs/cluster.rst.

    python benchmarks/cluster.py [--particles 100000] [--box 64] [--kills 20] [--ends 5] [--only NAME ...] [--folder F]

scaling     E steps over the particles, with 1 and 2 workers of one thread: processor seconds of the worker with the
            most, so that other programs on the machine do not count. Images of 3,000 particles are repeated.
overhead    wall and processor seconds of a pass over 3,000 particles in which nothing is computed, but all that a pass
            takes and gives is sent, with 2 workers less those in one process.
equal       gmmhet analyze and reconstruct of 600 particles with none, 1, 2 and 4 workers: which files differ.
kills       the same with 2 workers, one of which is killed at a random time, --kills times in all (five a run).
ends        the same, all of it killed at a random time, and resumed with another number of workers.
lines       lines that move bytes between processes.

Nothing is asserted; every row says what it measured.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "OPENBLAS_NUM_THREADS"), "1"))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import psutil

from gmmhet.engine.runtime.pool import Replicated

_RUNTIME = Path(__file__).resolve().parents[1] / "gmmhet" / "engine" / "runtime"
_OVERHEAD_PARTICLES, _FEW, _IMAGES = 3000, 600, 3000
_KILLS_A_RUN = 5
_SMALL_BOX = 32
_LABELS = 220, 1024  # bytes of the header of a map


@dataclass(frozen=True)
class Repeated:
    """More particles than there are images. cache: of the images; table: with a row for every particle."""

    cache: Any
    table: Any
    n: int

    @property
    def grid(self) -> Any:
        return self.cache.grid

    def __len__(self) -> int:
        return self.n

    def read(self, rows: Any) -> Any:
        """Values of some rows."""
        return self.cache.read(rows % len(self.cache))


class Idle(Replicated):
    """A pass that computes nothing: what the workers are sent and give is that of a true one."""

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def __call__(self, model: Any, posteriors: Any, draws: Any) -> Any:
        from gmmhet.engine.subspace.state import Posteriors, Sums
        found = Posteriors.unfilled(posteriors.rows, model)
        for array in (found.z, found.contrast, found.covariance, found.pose_variance, found.log_likelihood):
            array[...] = draws.sum()
        return found, Sums(np.zeros((model.n_fields + 1, len(model.weights), 5)), np.zeros(model.noise.shape),
                           np.zeros(len(model.noise)))


def processor_seconds() -> float:
    """Of the process that this runs in."""
    return time.process_time()


def dataset(folder: Path, particles: int, box: int) -> Path:
    """Particles and model, made where they are not there."""
    from gmmhet.engine.config import FitConfig, SimulateConfig
    from gmmhet.engine.fitting import fit
    from gmmhet.engine.simulate import simulate
    data = folder / f"hinge_{particles}_{box}px"
    if not (data / "model" / "model.npz").is_file():
        simulate(SimulateConfig("hinge11", particles, box=box, pixel_size=192.0 / box), data)
        fit(data / "consensus.mrc", FitConfig(n_gaussians=64), data / "model" / "model.npz")
    return data


def scene(data: Path, n: int) -> tuple[Any, Any, Any]:
    """Estimator, model and start of E steps over n particles, of which images are repeated."""
    from gmmhet.engine.analysis.preparation import first_noise, prepare
    from gmmhet.engine.config import AnalyzeConfig
    from gmmhet.engine.io import read_particles
    from gmmhet.engine.subspace.estimator_spec import EstimatorSpec
    from gmmhet.engine.subspace.passes import SubspaceEstimator
    from gmmhet.engine.subspace.pose_spread import PoseSpread
    from gmmhet.engine.subspace.smooth_fields import FieldBasis, smooth_basis
    from gmmhet.engine.subspace.state import Posteriors, SubspaceModel
    ready = prepare(read_particles(data / "particles.star"), data / "model" / "model.npz", AnalyzeConfig(),
                    data / "work")
    images, observer, gaussians = ready.cache, ready.observer, ready.model
    noise, contrast = first_noise(ready)
    rows = np.arange(n) % len(images)
    table = images.table
    repeated = Repeated(images, SimpleNamespace(views=table.views[rows], ctf_coefficients=table.ctf_coefficients[rows],
                                                optics_index=table.optics_index[rows]), n)
    basis = FieldBasis.of(smooth_basis(gaussians.centers, 24.0), position=4.0, amplitude=0.3)
    model = SubspaceModel(gaussians.centers, gaussians.weights, gaussians.sigmas**2, np.full((2, basis.size), 0.05),
                          noise[np.newaxis], contrast, 0.3, PoseSpread(0.5, 0.01, 0.01))
    estimator = SubspaceEstimator(EstimatorSpec(repeated, observer, basis, basis, batch_size=ready.batch_size))
    return estimator, model, Posteriors.blank(np.arange(n), model)


def scaling(folder: Path, options: argparse.Namespace) -> str:
    """Processor seconds of the worker with the most, with 1 and 2."""
    from gmmhet.engine.runtime.clusters import on_this_machine
    from gmmhet.engine.runtime.pool import Pool, use
    estimator, model, start = scene(dataset(folder, _IMAGES, options.box), options.particles)
    most, shares = [], []
    for workers in (1, 2):
        pool = on_this_machine(workers, 1, "none")
        try:
            pool.wait_for(workers)
            use(pool)
            few = start.at(slice(0, 2048))
            estimator.pass_over(model, few, gradient=True, label="")  # traces the functions everywhere
            before = np.array(pool.everywhere(processor_seconds))
            estimator.pass_over(model, start, gradient=True, label="")
            spent = np.array(pool.everywhere(processor_seconds)) - before
        finally:
            use(Pool())
            pool.close()
        most.append(spent.max())
        shares.append(" + ".join(f"{s:.1f}" for s in spent))
    return (f"{options.particles:,} x {options.box} px, one E step: {most[0] / most[1]:.2f} times as fast with 2 "
            f"workers as with 1 (processor seconds {shares[0]}; {shares[1]})")


def overhead(folder: Path, options: argparse.Namespace) -> str:
    """Of a pass in which nothing is computed."""
    from gmmhet.engine.runtime.clusters import on_this_machine
    from gmmhet.engine.runtime.pool import Pool, shares_of
    estimator, model, start = scene(dataset(folder, _IMAGES, options.box), _OVERHEAD_PARTICLES)
    draws = np.ones((len(start.rows), model.n_pose), np.int8)
    shares = [(start.at(part), draws[part]) for part in shares_of(len(start.rows), estimator.batch_size)]
    work = Idle(estimator)
    times: dict[str, list[tuple[float, float]]] = {}
    pool = on_this_machine(2, 1, "none")
    try:
        pool.wait_for(2)
        for repeat in range(options.repeats + 1):
            for name, who in (("2 workers", pool), ("one process", Pool())):
                started, before = time.perf_counter(), time.process_time()
                who.map(work, (model,), shares)
                if repeat:
                    times.setdefault(name, []).append((time.perf_counter() - started, time.process_time() - before))
    finally:
        pool.close()
    wall, own = (1e3 * np.array([[t[i] for t in found] for found in times.values()]) for i in (0, 1))
    more = wall[0] - wall[1]
    return (f"a pass over {_OVERHEAD_PARTICLES:,} particles in {len(shares)} shares: {np.median(more):.0f} ms more "
            f"with 2 workers than in one process (median of {options.repeats}; least {np.min(more):.0f} ms; processor "
            f"time of the leading process {np.median(own[0]):.0f} ms)")


def commands(data: Path, output: Path, workers: int, resume: bool = False) -> list[list[str]]:
    """analyze and reconstruct."""
    engine = [sys.executable, "-m", "gmmhet.engine"]
    how = ["--threads", "1", "--gpu", "none", *(["--workers", str(workers)] if workers else []),
           *(["--resume"] if resume else [])]
    stars = str(data / "particles.star")
    return [[*engine, "analyze", stars, "--model", str(data / "model" / "model.npz"), "--modes", "1", "-o",
             str(output / "analysis"), *how],
            [*engine, "reconstruct", stars, "--latents", str(output / "analysis" / "latents.star"), "--by", "kernel",
             "--n", "3", "-o", str(output / "maps"), *how]]


def done(data: Path, output: Path, workers: int, *, resume: bool = False,
         meanwhile: Callable[[subprocess.Popen[bytes]], None] | None = None) -> bool:
    """Run both; False where one of them failed."""
    output.mkdir(parents=True, exist_ok=True)
    for command in commands(data, output, workers, resume):
        with open(output / "log.txt", "ab") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
            if meanwhile is not None:
                meanwhile(process)
        if process.returncode:
            return False
    return True


def differing(first: Path, other: Path) -> list[str]:
    """Tables and maps that are not the same bytes, but for the labels of a map, which have the time."""
    def content(path: Path) -> bytes:
        data = path.read_bytes()
        return data[:_LABELS[0]] + data[_LABELS[1]:] if path.suffix == ".mrc" else data

    names = sorted(p.relative_to(first) for p in (*first.rglob("latents.star"), *first.rglob("*.mrc")))
    return [str(n) for n in names if not (other / n).is_file() or content(first / n) != content(other / n)]


def equal(folder: Path, _: argparse.Namespace) -> str:
    data, found = dataset(folder, _FEW, _SMALL_BOX), []
    for workers in (0, 1, 2, 4):
        if not done(data, folder / f"with_{workers}", workers):
            return f"with {workers} workers the run failed: see {folder / f'with_{workers}' / 'log.txt'}"
        found.append(f"{workers}: {len(differing(folder / 'with_0', folder / f'with_{workers}'))} files differ")
    return f"latents.star and {len(list((folder / 'with_0').rglob('*.mrc')))} maps with workers " + "; ".join(found)


def workers_of(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The worker processes of a run."""
    try:
        every = psutil.Process(process.pid).children(recursive=True)
        return [p for p in every if "spawn_main" in " ".join(p.cmdline())]
    except psutil.Error:
        return []


def kills(folder: Path, options: argparse.Namespace) -> str:
    """Runs in which workers are killed at random times."""
    data, rng, killed, same, runs = dataset(folder, _FEW, _SMALL_BOX), random.Random(1), 0, 0, 0
    seconds = _seconds_alone(folder, data)
    while killed < options.kills:
        count, before = min(_KILLS_A_RUN, options.kills - killed), killed

        def meanwhile(process: subprocess.Popen[bytes], count: int = count, before: int = before) -> None:
            nonlocal killed
            while process.poll() is None:
                time.sleep(rng.uniform(0, 2 * seconds / _KILLS_A_RUN))
                there = workers_of(process)
                if there and killed - before < count:
                    rng.choice(there).kill()
                    killed += 1

        runs += 1
        output = folder / f"killed_{runs}"
        if done(data, output, 2, meanwhile=meanwhile) and not differing(folder / "with_0", output):
            same += killed - before
    return f"{killed} kills of a worker at random times, in {runs} runs: {same} of {killed} end the same"


def ends(folder: Path, options: argparse.Namespace) -> str:
    """Runs that are killed as a whole, and resumed."""
    data, rng, same = dataset(folder, _FEW, _SMALL_BOX), random.Random(2), 0
    seconds = _seconds_alone(folder, data)
    for run in range(options.ends):
        def meanwhile(process: subprocess.Popen[bytes]) -> None:
            time.sleep(rng.uniform(0, seconds))
            process.kill()

        output = folder / f"ended_{run}"
        done(data, output, 2, meanwhile=meanwhile)
        same += done(data, output, (1, 0)[run % 2], resume=True) and not differing(folder / "with_0", output)
    return f"{options.ends} runs killed at random times and resumed with another number of workers: {same} end the same"


def _seconds_alone(folder: Path, data: Path) -> float:
    """Of one of the commands, in one process; makes what the others are compared with."""
    started = time.monotonic()
    if not (folder / "with_0" / "maps" / "summary.json").is_file() and not done(data, folder / "with_0", 0):
        raise SystemExit(f"{folder / 'with_0' / 'log.txt'}: the run in one process failed")
    return max((time.monotonic() - started) / 2, 60.0)


def lines(_: Path, __: argparse.Namespace) -> str:
    """Of the modules about processes, with comments and blanks, as the old ones were counted."""
    def of(name: str) -> int:
        return len((_RUNTIME / name).read_text(encoding="utf-8").splitlines())

    pool = (_RUNTIME / "dask_pool.py").read_text(encoding="utf-8")
    sent = len(pool.split("# -- what is sent")[1].split("# -- what comes back")[0].splitlines())
    others = {name: of(name) for name in ("pool.py", "dask_pool.py", "clusters.py", "mpi_start.py")}
    return (f"{of('messages.py') + sent} lines move bytes between processes (messages.py, and what is sent of "
            "dask_pool.py); all about work on several processes: " + ", ".join(f"{n} {c}" for n, c in others.items()))


ROWS = {"scaling": scaling, "overhead": overhead, "equal": equal, "kills": kills, "ends": ends, "lines": lines}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("particles", 100_000), ("box", 64), ("kills", 20), ("ends", 5), ("repeats", 10)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--only", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--folder", type=Path, help="keep what is made here")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.folder or Path(temporary)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        for name in options.only:
            print(f"{name:>9}  {ROWS[name](folder, options)}", flush=True)


if __name__ == "__main__":
    main()
