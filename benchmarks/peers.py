"""gmmhet, cryoDRGN and RECOVAR on one simulated set: time, memory, and how well their coordinates follow the truth.

    python benchmarks/peers.py [--cryodrgn /path/to/bin] [--recovar /path/to/bin] [--particles 3000] [--box 64]
        [--snr 0.1] [--cores 1 all] [--epochs 20] [--zdim 4] [--seed 0] [--folder F]

A hinge with eleven states is simulated; every program gets its STAR (with the true poses), stack and map. Each runs in
its own environment, whose folder of programs is given; those that are not given are left out, which is said. For each
number of cores, one program after the other:

- gmmhet: ``run``, which fits the map, finds the motions, makes five maps and the page about it, with its defaults;
- cryoDRGN: its parsers of poses and CTF and ``train_vae``, with its defaults but the number of epochs, without mixed
  precision (of GPUs) and without its analysis; one time for all;
- RECOVAR: ``pipeline`` in a sphere as mask, at the size of the images.

Printed are wall and processor seconds (the first counts what else ran on the machine), the memory of the largest
process, and two figures of the coordinates, 1 at best: the rank correlation of the best component with the true angle,
and of what a nearest-neighbour read-out of all components makes of it. Nothing is asserted.
"""

import argparse
import os
import pickle
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from measures import neighbour_read_out, rank_correlation
from numpy.typing import NDArray
from running import Cost, run

from gmmhet.engine.config import SimulateConfig
from gmmhet.engine.io import ParticleTable, read_particles
from gmmhet.engine.simulate import simulate

Array = NDArray[np.float64]
_WITHOUT_GPU = {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}


@dataclass(frozen=True)
class Task:
    """data: the simulated set. table: its particles. epochs, zdim: of cryoDRGN; zdim of RECOVAR too."""

    data: Path
    table: ParticleTable
    epochs: int
    zdim: int


@dataclass(frozen=True)
class Program:
    """commands: what to run, into a folder. coordinates: [n, K] that it left there. environment: of its own."""

    name: str
    version: str
    commands: Callable[[Task, Path], list[list[str]]]
    coordinates: Callable[[Path], Array]


def _version(python: Path, package: str) -> str:
    """As the environment of an interpreter tells it."""
    if not python.is_file():
        raise SystemExit(f"{python}: no such file; expected the folder of programs of an environment with {package}")
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    found = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=False)
    if found.returncode:
        raise SystemExit(f"{python}: has no {package}; expected the folder of programs of its environment")
    return found.stdout.strip()


def _gmmhet() -> Program:
    from gmmhet import __version__
    from gmmhet.engine.latent_space.saved_analysis import ANALYSIS_FILE

    def commands(task: Task, folder: Path) -> list[list[str]]:
        return [[sys.executable, "-m", "gmmhet.engine", "run", str(task.data / "particles.star"),
                 str(task.data / "consensus.mrc"), "-o", str(folder / "run")]]

    def coordinates(folder: Path) -> Array:
        return ANALYSIS_FILE.read(folder / "run" / "analysis" / "analysis.npz", ("coordinates",))["coordinates"]

    return Program("gmmhet", __version__, commands, coordinates)


def _cryodrgn(programs: Path) -> Program:
    def commands(task: Task, folder: Path) -> list[list[str]]:
        box, pixel = str(task.table.box), str(task.table.pixel_size)
        program, star = str(programs / "cryodrgn"), str(task.data / "particles.star")
        poses, ctf = str(folder / "poses.pkl"), str(folder / "ctf.pkl")
        return [
            [program, "parse_pose_star", star, "-o", poses, "-D", box, "--Apix", pixel],
            [program, "parse_ctf_star", star, "-o", ctf, "-D", box, "--Apix", pixel],
            [program, "train_vae", str(task.data / "particles.mrcs"), "--poses", poses, "--ctf", ctf, "--zdim",
             str(task.zdim), "-n", str(task.epochs), "-o", str(folder / "vae"), "--no-analysis", "--no-amp",
             "--uninvert-data"],  # the images are white on black already
        ]

    def coordinates(folder: Path) -> Array:
        numbered = [(int(m[1]), p) for p in (folder / "vae").glob("z.*.pkl")
                    if (m := re.fullmatch(r"z\.(\d+)\.pkl", p.name))]
        return np.asarray(_unpickled(max(numbered)[1]), np.float64)

    return Program("cryoDRGN", _version(programs / "python", "cryodrgn"), commands, coordinates)


def _unpickled(path: Path) -> Any:
    with path.open("rb") as source:
        return pickle.load(source)


def _recovar(programs: Path) -> Program:
    def commands(task: Task, folder: Path) -> list[list[str]]:
        return [[str(programs / "recovar"), "pipeline", str(task.data / "particles.star"), "-o",
                 str(folder / "pipeline"), "--mask", "sphere", "--zdim", str(task.zdim), "--no-downsample",
                 "--accept-cpu"]]

    def coordinates(folder: Path) -> Array:
        (found,) = (folder / "pipeline" / "model").glob("zdim_*/latent_coords.npy")  # in the order of the STAR
        return np.asarray(np.load(found), np.float64)

    return Program("RECOVAR", _version(programs / "python", "recovar"), commands, coordinates)


def _measured(program: Program, task: Task, truth: Array, cores: int | None, folder: Path) -> str:
    """A line of the table."""
    folder.mkdir(parents=True)
    cost = Cost()
    for command in program.commands(task, folder):
        cost += run(command, folder / "log.txt", cores=cores, environment=_WITHOUT_GPU)
    z = program.coordinates(folder)
    if len(z) != len(truth):
        raise SystemExit(f"{program.name}: coordinates of {len(z)} particles; expected {len(truth)}")
    best = max((rank_correlation(column, truth) for column in z.T if np.ptp(column) > 0), default=0.0)
    return (f"{program.name:<9} {program.version:<8} {cores or 'all':>5} {cost.wall:>8.0f} {cost.processor:>10.0f} "
            f"{cost.memory:>7.2f} {z.shape[1]:>3} {best:>9.3f} {neighbour_read_out(z, truth):>9.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cryodrgn", type=Path, help="folder of programs of an environment with cryoDRGN 4")
    parser.add_argument("--recovar", type=Path, help="folder of programs of an environment with RECOVAR 1")
    parser.add_argument("--particles", type=int, default=3000)
    parser.add_argument("--box", type=int, default=64)
    parser.add_argument("--snr", type=float, default=0.1)
    parser.add_argument("--cores", nargs="+", default=["1", "all"], help="numbers of cores, or all")
    parser.add_argument("--epochs", type=int, default=20, help="of cryoDRGN")
    parser.add_argument("--zdim", type=int, default=4, help="coordinates that cryoDRGN and RECOVAR are to find")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="keep all results here (a new folder)")
    options = parser.parse_args()
    programs = [_gmmhet()]
    for name, make, place in (("cryoDRGN", _cryodrgn, options.cryodrgn), ("RECOVAR", _recovar, options.recovar)):
        if place is None:
            print(f"{name} is left out: --{name.lower()} is not given")
        else:
            programs.append(make(place.absolute()))
    with tempfile.TemporaryDirectory() as temporary:
        _compare(options, programs, (options.folder or Path(temporary)).absolute())


def _compare(options: argparse.Namespace, programs: list[Program], folder: Path) -> None:
    data = folder / "data"
    pixel = 256.0 / options.box  # Angstrom; the molecule fills the same part of every box
    simulate(SimulateConfig("hinge11", options.particles, options.box, pixel, options.snr, seed=options.seed), data)
    truth = np.genfromtxt(data / "truth.csv", delimiter=",", names=True)["coordinate"]
    task = Task(data, read_particles(data / "particles.star"), options.epochs, options.zdim)
    print(f"hinge11, {options.particles} particles of {options.box} px, SNR {options.snr:g}; cryoDRGN {options.epochs} "
          f"epochs; {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{'program':<9} {'version':<8} {'cores':>5} {'wall s':>8} {'proc. s':>10} {'GB':>7} {'K':>3} "
          f"{'best':>9} {'read-out':>9}", flush=True)
    for cores in options.cores:
        for program in programs:
            number = None if cores == "all" else int(cores)
            print(_measured(program, task, truth, number, folder / f"{program.name.lower()}-{cores}"), flush=True)


if __name__ == "__main__":
    main()
