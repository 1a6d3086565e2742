"""What an analysis costs against the numbers of particles, Gaussians, modes and workers, and the box: one at a time.

    python benchmarks/scaling.py --particles 1000 10000 100000 1000000 [--measured 10000] [--folder F]
    python benchmarks/scaling.py --box 32 64 128 | --gaussians 64 256 1024 | --modes 1 2 4 8
    python benchmarks/scaling.py --workers 1 2 [--repeats 3]

The quantity with several values is varied. A hinge is simulated on 2,000 images; tables of more particles repeat their
rows, so that images are few but records, coordinates and passes are as many as the rows say. Each is analysed in a
process of its own on one thread, with a fixed number of modes. For every run: seconds of each stage for 1,000
particles, seconds and processor seconds of the whole, peak memory of the process, and the most that its folder took on
disk. Numbers of particles beyond --measured are not run: their rows follow a line through the two largest that were
run, and are marked as extrapolated. Memory and seconds have a large part that does not depend on the particles: take
at least 10,000 and 100,000 before believing a million. Beside the table stands the matrix-product peak of a core,
which bounds the passes; kernels.py tells how near they come. Workers: see scaling_workers.py. Nothing is asserted.
"""

import argparse
import dataclasses
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from running import THREADS, Cost, run

_STAGES = ("images and scores", "gradients", "modes", "start and writing")
_IMAGES = 2000  # simulated; more rows repeat them
_FIELD = 256.0  # Angstrom, of all boxes
_PEAK_SIZE = 1536
_DEFAULTS = {"particles": 3000, "box": 32, "gaussians": 64, "modes": 1, "workers": 1}


@dataclass(frozen=True)
class Case:
    """What is analysed."""

    particles: int
    box: int
    gaussians: int
    modes: int
    poses: str


@dataclass(frozen=True)
class Found:
    """cost: of the process. stages: seconds by name."""

    cost: Cost
    stages: dict[str, float]


def prepared(case: Case, folder: Path) -> tuple[Path, Path]:
    """Particles and model of a case, made where they are not there yet."""
    from gmmhet.engine.config import FitConfig, SimulateConfig
    from gmmhet.engine.fitting import fit
    from gmmhet.engine.simulate import simulate

    pixel = _FIELD / case.box
    data = folder / f"images-{case.box}"
    model = data / f"model-{case.gaussians}" / "model.npz"
    if not (data / "particles.star").is_file():
        simulate(SimulateConfig("hinge11", _IMAGES, case.box, pixel), data)
    if not model.is_file():
        fit(data / "consensus.mrc", FitConfig(case.gaussians, 2.25 * pixel), model)
    particles = data / f"particles-{case.particles}.star"
    if not particles.is_file():
        _repeat(data / "particles.star", particles, case.particles)
    return particles, model


def _repeat(source: Path, target: Path, number: int) -> None:
    """A STAR with so many rows: those of the source, again and again."""
    lines = source.read_text(encoding="utf-8").splitlines(keepends=True)
    first = next(i for i, line in enumerate(lines) if line.startswith("000001@"))
    rows = [line for line in lines[first:] if line.strip()]
    with target.open("w", encoding="utf-8") as out:
        out.writelines(lines[:first])
        for start in range(0, number, len(rows)):
            out.writelines(rows[:number - start])


def measured(case: Case, folder: Path) -> Found:
    """One analysis, in a folder that goes again."""
    particles, model = prepared(case, folder)
    with tempfile.TemporaryDirectory(dir=folder) as output:
        command = [sys.executable, "-m", "gmmhet.engine", "analyze", str(particles), "--model", str(model), "--modes",
                   str(case.modes), "--poses", case.poses, "--threads", "1", "-o", output]
        cost = run(command, folder / "log.txt", cores=1, watched=Path(output))
        timing = json.loads(Path(output, "summary.json").read_text(encoding="utf-8"))["timing"]
    return Found(cost, {**timing, "start and writing": max(0.0, cost.wall - sum(timing.values()))})


def beyond(first: tuple[int, Found], last: tuple[int, Found], number: int) -> Found:
    """A line through two runs of different numbers of particles, at a third number; never below the larger run."""
    share = (number - last[0]) / (last[0] - first[0])

    def at(a: float, b: float) -> float:
        return b + max(0.0, b - a) * share

    costs = (dataclasses.astuple(first[1].cost), dataclasses.astuple(last[1].cost))
    return Found(Cost(*(at(a, b) for a, b in zip(*costs, strict=True))),
                 {name: at(first[1].stages[name], last[1].stages[name]) for name in _STAGES})


def printed(value: int, particles: int, found: Found, *, extrapolated: bool) -> str:
    thousands = particles / 1000
    stages = " ".join(f"{found.stages[name] / thousands:>17.3f}" for name in _STAGES)
    cost = found.cost
    return (f"{value:>9} {stages} {cost.wall:>9.0f} {cost.processor:>9.0f} {cost.memory:>7.2f} {cost.disk:>7.3f}"
            f"{'  extrapolated' if extrapolated else ''}")


def matrix_peak() -> float:
    """GFLOP/s of a matrix product of float32 on one thread, of processor time."""
    import numpy as np
    from threadpoolctl import threadpool_limits

    a = np.random.default_rng(0).normal(size=(_PEAK_SIZE, _PEAK_SIZE)).astype(np.float32)
    with threadpool_limits(1):
        a @ a
        started = time.process_time()
        for _ in range(4):
            a @ a
        return 4 * 2 * _PEAK_SIZE**3 / (time.process_time() - started) / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in _DEFAULTS.items():
        parser.add_argument(f"--{name}", type=int, nargs="+", default=[value])
    parser.add_argument("--repeats", type=int, default=3, help="of every number of workers")
    parser.add_argument("--poses", default="auto", choices=("exact", "auto"))
    parser.add_argument("--measured", type=int, default=10_000, help="the largest number of particles that is run")
    parser.add_argument("--folder", type=Path, help="keep the simulated particles here")
    options = parser.parse_args()
    varied = [name for name in _DEFAULTS if len(getattr(options, name)) > 1]
    if len(varied) != 1:
        parser.error("expected several values of one of --particles, --box, --gaussians, --modes, --workers")
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.folder or Path(temporary)).absolute()
        if varied == ["workers"]:
            from scaling_workers import compare
            compare(options.workers, options.particles[0], options.modes[0], options.poses, options.repeats, folder)
        else:
            table(options, varied[0], folder)


def table(options: argparse.Namespace, varied: str, folder: Path) -> None:
    """Run and print."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in THREADS:
        os.environ[name] = "1"
    base = {name: getattr(options, name)[0] for name in _DEFAULTS if name != "workers"}
    print(f"matrix-product peak {matrix_peak():.0f} GFLOP/s on one core; load of the machine {os.getloadavg()[0]:.1f}")
    print("one thread; " + ", ".join(f"{k} {v}" for k, v in base.items() if k != varied)
          + f"; poses {options.poses}; stages in seconds for 1,000 particles, memory and disk in GB")
    print(f"{varied:>9} {' '.join(f'{name:>17}' for name in _STAGES)} {'wall s':>9} {'proc. s':>9} {'memory':>7} "
          f"{'disk':>7}")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    runs: list[tuple[int, Found]] = []
    for value in sorted(getattr(options, varied)):
        case = Case(**{**base, varied: value}, poses=options.poses)
        extrapolated = varied == "particles" and value > options.measured
        if not extrapolated:
            runs.append((value, measured(case, folder)))
            found = runs[-1][1]
        elif len(runs) < 2:
            raise SystemExit("expected two numbers of particles within --measured to extrapolate from")
        else:
            found = beyond(runs[-2], runs[-1], value)
        print(printed(value, case.particles, found, extrapolated=extrapolated), flush=True)


if __name__ == "__main__":
    main()
