"""Maps from particles of known poses: seconds, memory, and Fourier shell correlation with the true map.

    python benchmarks/reconstruction.py                 # 3,000 particles of 64 px: one map, and 5 bins of a hinge
    python benchmarks/reconstruction.py --sets large    # 10,000 particles of 128 px, SNR 0.05: some minutes
    python benchmarks/reconstruction.py --sets many     # 100,000 rows of 2,000 images of 128 px: memory
    python benchmarks/reconstruction.py --sets edges    # no particle, one, all in one half: what is said

Area: mean of the correlation over shells 1 .. Nyquist, of the whole map and inside a soft mask around the true one.
Seconds are wall-clock and processor seconds of the whole program, reading and writing included. cryodrgn's
backproject_voxel runs on the same files where it is installed; beside its whole cost stands that of backproject_voxel
without the conversion of poses and CTF. Ratios are ours over the latter. Lines with floor and goal follow.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from bins import fsc_resolution, shell_correlation
from figures import HEADER, Figure, at_least, at_most
from numpy.typing import NDArray

from gmmhet.engine.config import SimulateConfig
from gmmhet.engine.io import DensityMap, read_map, read_particles, read_star, write_particles, write_selection
from gmmhet.engine.molecule.maps import soft_mask
from gmmhet.engine.simulate import simulate


@dataclass(frozen=True)
class Set:
    """A simulated set, and into how many maps it goes."""

    preset: str
    particles: int
    box: int
    pixel_size: float
    snr: float
    maps: int
    repeats: int = 1  # rows of the same image

    @property
    def name(self) -> str:
        rows = f"{self.repeats} x " if self.repeats > 1 else ""
        return f"{self.preset} {rows}{self.particles} x {self.box} px, SNR {self.snr:g}, {self.maps} map(s)"

    def make(self, work: Path) -> Path:
        """The folder of the data, simulated when it is not there; latents.star holds the true coordinate."""
        folder = work / f"{self.preset}_{self.particles}_{self.box}_{self.snr:g}"
        if not (folder / "latents.star").is_file():
            simulate(SimulateConfig(self.preset, self.particles, self.box, self.pixel_size, self.snr), folder)
            if self.repeats > 1:
                text = (folder / "particles.star").read_text().rstrip("\n") + "\n"
                rows = "".join(line for line in text.splitlines(keepends=True) if "@" in line)
                (folder / "particles.star").write_text(text + rows * (self.repeats - 1) + "\n")
            truth = np.genfromtxt(folder / "truth.csv", delimiter=",", names=True)["coordinate"]
            truth = np.tile(truth, self.repeats)
            write_particles(folder / "latents.star", read_particles(folder / "particles.star"),
                            {"gmmhetLatent1": [f"{v:.6f}" for v in truth]})
        return folder


SETS = {
    "small": Set("null", 3000, 64, 4.0, 0.1, 1),
    "bins": Set("hinge11", 3000, 64, 4.0, 0.1, 5),
    "large": Set("null", 10000, 128, 3.0, 0.05, 1),
    "many": Set("null", 2000, 128, 3.0, 0.05, 1, repeats=50),
}


EDGES = {"no particle": [], "one particle": [0], "40 particles, all in half 1": range(40)}


@dataclass(frozen=True)
class Cost:
    """Wall-clock and processor seconds, and peak memory in MB, of processes that ran one after the other."""

    wall: float
    processor: float
    megabytes: float

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.wall + other.wall, self.processor + other.processor, max(self.megabytes, other.megabytes))


def timed(command: list[str], threads: int) -> Cost:
    """Run a program; stops this one with its message when it fails."""
    print("$", " ".join(command), file=sys.stderr)
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=os.environ | dict.fromkeys(names, str(threads)))
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{command[0]} failed with status {os.waitstatus_to_exitcode(status)}")
    return Cost(time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def ours(data: Path, what: Set, threads: int) -> tuple[Cost, list[Path]]:
    out = data / "maps"
    cost = timed([sys.executable, "-m", "gmmhet.engine", "reconstruct", str(data / "particles.star"), "--latents",
                  str(data / "latents.star"), "--n", str(what.maps), "-o", str(out)], threads)
    return cost, [out / f"map_{i + 1:02d}.mrc" for i in range(what.maps)]


def cryodrgn(data: Path, threads: int) -> tuple[Cost, Cost, list[Path]]:
    """Its whole cost, with poses and CTF converted by its own commands, and that of backproject_voxel alone."""
    star, out = str(data / "particles.star"), data / "cryodrgn"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    poses, ctf = str(out / "poses.pkl"), str(out / "ctf.pkl")
    cost = timed(["cryodrgn", "parse_pose_star", star, "-o", poses], threads)
    cost += timed(["cryodrgn", "parse_ctf_star", star, "-o", ctf], threads)
    alone = timed(["cryodrgn", "backproject_voxel", str(data / "particles.mrcs"), "--poses", poses, "--ctf", ctf,
                   "-o", str(out / "maps")], threads)
    found = [p for p in out.rglob("*.mrc") if "half" not in p.name]
    if len(found) != 1:
        sys.exit(f"cryodrgn left {len(found)} maps in {out}; expected one that is no half map")
    return cost + alone, alone, found


def true_maps(data: Path, what: Set) -> Iterator[NDArray[np.float64]]:
    """The mean true map of the particles of each map."""
    states = np.stack([read_map(p).data for p in sorted((data / "truth").glob("state_*.mrc"))])
    state = np.genfromtxt(data / "truth.csv", delimiter=",", names=True)["state"].astype(int)
    state = np.tile(state, what.repeats)
    label = read_star(data / "maps" / "classes.star")["particles"].integers("rlnClassNumber")
    for number in range(1, what.maps + 1):
        share = np.bincount(state[label == number], minlength=len(states)) / (label == number).sum()
        yield np.tensordot(share, states, 1)


def quality(path: Path, truth: NDArray[np.float64], pixel_size: float) -> tuple[float, float, float]:
    """Area of the correlation with the truth, area inside the mask, resolution at 0.5 inside it (Angstrom)."""
    found = read_map(path, pixel_size=pixel_size)
    mask = soft_mask(DensityMap(truth.astype(np.float32), pixel_size))
    whole, masked = shell_correlation(found.data, truth), shell_correlation(found.data * mask, truth * mask)
    sign = np.sign(whole[1])  # a program may write density dark on white
    return (float(sign * whole[1:].mean()), float(sign * masked[1:].mean()),
            fsc_resolution(sign * masked, found.box, pixel_size))


def report(program: str, what: Set, data: Path, cost: Cost, maps: list[Path]) -> NDArray[np.float64]:
    """Print a row; returns wall and processor seconds, megabytes, and what quality gives."""
    pairs = zip(maps, true_maps(data, what), strict=True)
    figures = np.mean([quality(path, truth, what.pixel_size) for path, truth in pairs], axis=0)
    row(what.name, program, cost.wall, cost.processor, cost.megabytes, *figures)
    return np.array([cost.wall, cost.processor, cost.megabytes, *figures])


def row(name: str, program: str, *figures: float) -> None:
    wall, processor, megabytes, area, masked, resolution = figures
    print(f"{name:<48} {program:<17} {wall:8.2f} {processor:10.2f} {megabytes:8.1f} {area:8.4f} {masked:8.4f} "
          f"{resolution:9.2f}", flush=True)


def asked(name: str, own: NDArray[np.float64], ratio: NDArray[np.float64] | None) -> Iterator[Figure]:
    """Figures of a set that something is asked of; ratio: over cryodrgn's, where it ran."""
    if name == "large" and ratio is not None:
        yield Figure("10,000 particles of 128 px: area / cryodrgn's", f"{own[3]:.3f}", f"{own[3] / ratio[3]:.3f}",
                     ratio[3], at_least(1.0), at_least(1.02))
        yield Figure("the same: processor seconds / cryodrgn's", f"{own[1]:.1f}", f"{own[1] / ratio[1]:.1f}", ratio[1],
                     at_most(1.0), at_most(0.3))
    if name == "many":
        yield Figure("100,000 particles of 128 px: peak memory, GB", f"{own[2] / 1000:.2f}", "", own[2] / 1000,
                     at_most(3.0), at_most(1.5))


def edges(work: Path) -> None:
    """Print what comes of nearly nothing: exit status, and the map's note or the message."""
    data = SETS["small"].make(work)
    table = read_particles(data / "particles.star")
    for name, rows in EDGES.items():
        few, out = data / "few.star", data / "few"
        chosen = np.asarray(rows or [0], np.int64)
        write_selection(few, table, chosen, columns={"rlnRandomSubset": ["1"] * len(chosen)})
        if not rows:
            few.write_text("".join(line for line in few.read_text().splitlines(keepends=True) if "@" not in line))
        shutil.rmtree(out, ignore_errors=True)
        run = subprocess.run([sys.executable, "-m", "gmmhet.engine", "reconstruct", str(few), "--latents", str(few),
                              "--n", "1", "-o", str(out)], capture_output=True, text=True)
        summary = out / "summary.json"
        told = (json.loads(summary.read_text())["maps"][0]["note"] if summary.is_file() else
                run.stderr.strip().splitlines()[-1])
        maps = [bool(read_map(p).data.any()) for p in sorted(out.glob("map_01*.mrc"))]
        print(f"{name}: exit {run.returncode}, maps that are not empty (map, half 1, half 2): {maps or 'none'}; {told}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=[*SETS, "edges"], default=["small", "bins"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path("reconstruction-work"), help="folder for data and results")
    options = parser.parse_args()
    other = shutil.which("cryodrgn") is not None
    if other:
        print(subprocess.run(["cryodrgn", "--version"], capture_output=True, text=True, check=True).stdout.strip())
    else:
        print("cryodrgn is not on PATH: no comparison")
    print(f"{'set':<48} {'program':<17} {'seconds':>8} {'processor':>10} {'MB':>8} {'area':>8} {'masked':>8} "
          f"{'A at 0.5':>9}")
    figures: list[Figure] = []
    for name in options.sets:
        if name == "edges":
            edges(options.work)
            continue
        what = SETS[name]
        data = what.make(options.work)
        own, ratio = report("gmmhet", what, data, *ours(data, what, options.threads)), None
        if other and what.maps == what.repeats == 1:
            whole, alone, maps = cryodrgn(data, options.threads)
            report("cryodrgn, all", what, data, whole, maps)
            ratio = own / report("cryodrgn", what, data, alone, maps)
            row(what.name, "gmmhet / cryodrgn", *ratio)
        figures += asked(name, own, ratio)
    if figures:
        print(HEADER.replace("  oracle", "cryodrgn"), *figures, sep="\n")


if __name__ == "__main__":
    main()
