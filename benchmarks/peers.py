"""gmmhet and other programs on one set: time, memory, and how well their coordinates follow the truth.

    python benchmarks/peers.py [--cryodrgn /path/to/bin] [--recovar /path/to/bin] [--particles 3000] [--box 64]
        [--snr 0.1] [--cores 1 all] [--epochs 20] [--zdim 4] [--seed 0] [--folder F]
    python benchmarks/peers.py --realistic realistic-work/bending_... [--cryodrgn ...] [--only NAME ...]

Without --realistic a hinge with eleven states is simulated; every program gets its STAR (with the true poses), stack
and map. With it, a folder that benchmarks/realistic.py made: images as microscopes make them, and the poses and the map
of their refinement by RELION, which every program starts from. Each runs in its own environment, whose folder of
programs is given; those that are not given are left out, which is said. For each number of cores, one program after the
other:

- gmmhet: ``run``, which fits the map, finds the motions, makes five maps and the page about it, with its defaults;
- gmmhet-pca (realistic): the same with ``--method gradient-pca``;
- multi-body (realistic): RELION's multi-body refinement of two bodies, the arm and the rest, in masks of the simulated
  molecule, and the principal components of their orientations by relion_flex_analyse;
- cryoDRGN: its parsers of poses and CTF and ``train_vae``, with its defaults but the number of epochs, without mixed
  precision (of GPUs) and without its analysis; one time for all;
- RECOVAR: ``pipeline`` in a sphere as mask, at the size of the images.

e2gmm (EMAN2) has no part: its programs could not be installed where this was written.

Printed are wall and processor seconds (the first counts what else ran on the machine), the memory of the largest
process, and three figures of the coordinates of images that show the molecule, 1 at best: the rank correlation of the
best component with the true angle, the correlation of the angle with its linear estimate from all components, and the
rank correlation with a nearest-neighbour read-out of all; both read-outs are held out. Of the realistic set also the
second figure for the presence of the domain. Nothing is asserted.
"""

import argparse
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from measures import held_out_correlation, neighbour_read_out, rank_correlation
from numpy.typing import NDArray
from peer_programs import Program, Task, cryodrgn, gmmhet, recovar, relion_multibody
from realistic import Truth
from running import Cost, run
from two_bodies import write_bodies

from gmmhet.engine.config import SimulateConfig
from gmmhet.engine.io import read_particles
from gmmhet.engine.simulate import simulate

Array = NDArray[np.float64]
_WITHOUT_GPU = {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}


@dataclass(frozen=True)
class Planted:
    """Of the rows of the STAR: good: [n] shows the molecule. angle: [n] degrees. present: [n], or None."""

    good: NDArray[np.bool_]
    angle: Array
    present: Array | None = None


def main() -> None:
    """Print a line as soon as it is known."""
    options = _options()
    programs = [gmmhet()]
    if options.realistic is not None:
        programs += [gmmhet("--method", "gradient-pca", name="gmmhet-pca"), relion_multibody()]
    for name, make, place in (("cryoDRGN", cryodrgn, options.cryodrgn), ("RECOVAR", recovar, options.recovar)):
        if place is None:
            print(f"{name} is left out: --{name.lower()} is not given")
        else:
            programs.append(make(place.absolute()))
    if options.only:
        programs = [p for p in programs if p.name in options.only]
    with tempfile.TemporaryDirectory() as temporary:
        _compare(options, programs, (options.folder or Path(temporary)).absolute())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cryodrgn", type=Path, help="folder of programs of an environment with cryoDRGN 4")
    parser.add_argument("--recovar", type=Path, help="folder of programs of an environment with RECOVAR 1")
    parser.add_argument("--realistic", type=Path, help="a refined set of benchmarks/realistic.py")
    parser.add_argument("--only", nargs="+", help="names of programs, as the table has them")
    parser.add_argument("--particles", type=int, default=3000)
    parser.add_argument("--box", type=int, default=64)
    parser.add_argument("--snr", type=float, default=0.1)
    parser.add_argument("--cores", nargs="+", default=["1", "all"], help="numbers of cores, or all")
    parser.add_argument("--epochs", type=int, default=20, help="of cryoDRGN")
    parser.add_argument("--zdim", type=int, default=4, help="coordinates that cryoDRGN and RECOVAR are to find")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="keep all results here (a new folder, or one of other programs)")
    return parser.parse_args()


def _compare(options: argparse.Namespace, programs: list[Program], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    task, planted = _realistic(options, folder) if options.realistic is not None else _simulated(options, folder)
    print(f"{task.star}: {len(task.table)} particles of {task.table.box} px; cryoDRGN {options.epochs} epochs; "
          f"{len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{'program':<10} {'version':<8} {'cores':>5} {'wall s':>8} {'proc. s':>10} {'GB':>7} {'K':>3} "
          f"{'best':>9} {'linear':>9} {'read-out':>9}  {'domain':>6}", flush=True)
    for cores in options.cores:
        for program in programs:
            number = None if cores == "all" else int(cores)
            print(_measured(program, task, planted, number, folder / f"{program.name.lower()}-{cores}"), flush=True)


def _simulated(options: argparse.Namespace, folder: Path) -> tuple[Task, Planted]:
    data = folder / "data"
    pixel = 256.0 / options.box  # Angstrom; the molecule fills the same part of every box
    simulate(SimulateConfig("hinge11", options.particles, options.box, pixel, options.snr, seed=options.seed), data)
    angle = np.genfromtxt(data / "truth.csv", delimiter=",", names=True)["coordinate"]
    star = data / "particles.star"
    return (Task(data, star, data / "consensus.mrc", read_particles(star), options.epochs, options.zdim),
            Planted(np.ones(len(angle), bool), angle))


def _realistic(options: argparse.Namespace, folder: Path) -> tuple[Task, Planted]:
    """A refined set of benchmarks/realistic.py; nothing is written there.

    Raises:
        SystemExit: it is not refined.
    """
    root = options.realistic.absolute()
    refined = root / "refinement_by_relion"
    if not (refined / "run_data.star").is_file():
        raise SystemExit(f"{refined}: no run_data.star; expected a refined set of benchmarks/realistic.py")
    table = read_particles(refined / "run_data.star", root=root)
    last = max(refined.glob("run_it*_optimiser.star"))
    truth, image = Truth.read(root), table.slice_index
    task = Task(root, refined / "run_data.star", refined / "run_class001.mrc", table, options.epochs, options.zdim,
                last, write_bodies(folder, table.box, table.pixel_size))
    return task, Planted(truth.kind[image] == "particle", truth.bend[image], truth.present[image])


def _measured(program: Program, task: Task, planted: Planted, cores: int | None, folder: Path) -> str:
    """A line of the table."""
    folder.mkdir(parents=True)
    cost = Cost()
    for command in program.commands(task, folder):
        cost += run(command, folder / "log.txt", cores=cores, environment=_WITHOUT_GPU, folder=task.root)
    z = program.coordinates(folder)
    if len(z) != len(planted.good):
        raise SystemExit(f"{program.name}: coordinates of {len(z)} particles; expected {len(planted.good)}")
    latents, angle = z[planted.good], planted.angle[planted.good]
    best = max((rank_correlation(column, angle) for column in latents.T if np.ptp(column) > 0), default=0.0)
    domain = "" if planted.present is None else f"{held_out_correlation(latents, planted.present[planted.good]):.3f}"
    return (f"{program.name:<10} {program.version:<8} {cores or 'all':>5} {cost.wall:>8.0f} {cost.processor:>10.0f} "
            f"{cost.memory:>7.2f} {z.shape[1]:>3} {best:>9.3f} {held_out_correlation(latents, angle):>9.3f} "
            f"{neighbour_read_out(latents, angle):>9.3f}  {domain:>6}")


if __name__ == "__main__":
    main()
