"""The smallest motion that an analysis without motion says it would have found, against the smallest that is found.

    python benchmarks/detectable.py                                       all conditions (about an hour on two cores)
    python benchmarks/detectable.py --snr 0.1 --poses off --seeds 3       some of them

A molecule of four domains of a quarter each is simulated at rest, analysed, and the size that the analysis tells is
kept. Then one domain of it moves, as the simulator (which shares no code with the planting) makes it: normally
distributed turns about a hinge, or shifts; the root mean square displacement of its atoms relative to the rest is the
size. Sizes that differ by a factor of 1.41 are analysed from the told one on, until one is found in most seeds and the
next smaller one is not. The table has the smallest size found in most seeds over the median of those told.
"""

import argparse
import dataclasses
import json
import logging
import shutil
import statistics
import time
from pathlib import Path

import numpy as np

from gmmhet.engine.analysis import analyze
from gmmhet.engine.config import AnalyzeConfig, FitConfig, SimulateConfig
from gmmhet.engine.fitting import fit
from gmmhet.engine.simulate import Molecule, Preset, simulate
from gmmhet.engine.simulate.chain import grow_chain

POSES = {"exact": (0.0, 0.0), "off": (2.0, 1.0)}  # errors: degrees, Angstrom
#: domain that moves, a point of the axis that it turns about, and its direction; an axis far away makes a shift
MOTIONS = {"tilt": (0, (-17.0, -10.0, 4.0), (0.1, 0.98, -0.17)), "swing": (3, (17.0, -4.0, 6.0), (0.0, 0.6, 0.8)),
           "shift": (2, (0.0, 45.0, 3000.0), (1.0, 0.0, 0.0))}
_DOMAINS = ((-34.0, -12.0, 6.0), (0.0, -8.0, 0.0), (-4.0, 30.0, -6.0), (34.0, -2.0, 12.0))
_RESIDUES, _AXES = 220, (24.0, 18.0, 17.0)
_STEP = 2**0.5


def molecule(motion: str) -> Molecule:
    """Four domains, 97 kDa; coordinate 0 is the angle, degrees, of one of them."""
    rng = np.random.default_rng(31)
    centers = np.concatenate([grow_chain(rng, _AXES, _RESIDUES) + np.array(at) for at in _DOMAINS])
    domain, pivot, axis = MOTIONS[motion]
    part = np.repeat(np.arange(len(_DOMAINS)), _RESIDUES)
    line = np.array(axis) / np.linalg.norm(axis)
    return Molecule(centers, np.ones(len(centers)), 2.5, np.where(part == domain, 0, -1), np.full(len(part), -1),
                    np.array([pivot]), line[None])


def moving(motion: str, size: float) -> Preset:
    """A preset whose domain moves by so many Angstrom, root mean square over its atoms at one standard deviation."""
    what = molecule(motion)
    arms = np.cross(what.axes[0], what.centers[what.turned_by == 0] - what.pivots[0])
    angle = float(np.rad2deg(size / np.sqrt((arms**2).sum(1).mean())))

    def draw(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros(n, np.int64), angle * rng.standard_normal((n, 1))

    return Preset(what, np.zeros((1, 1)), draw, np.arange(1))


@dataclasses.dataclass(frozen=True)
class Condition:
    """Signal-to-noise ratio and poses of a set; particles, box (pixels), pixel size and resolution (Angstrom)."""

    snr: float
    poses: str
    particles: int
    box: int = 28
    pixel_size: float = 6.4
    resolution: float = 22.0

    def analysed(self, motion: str, size: float, seed: int, work: Path) -> dict:
        """summary.json of a set, with ``seconds``; kept."""
        folder = work / f"snr{self.snr:g}_{self.poses}_n{self.particles}_{motion}_{size:.3f}_seed{seed}"
        kept = work / f"{folder.name}.json"
        if not kept.is_file():
            angle, shift = POSES[self.poses]
            simulate(SimulateConfig(particles=self.particles, box=self.box, pixel_size=self.pixel_size, snr=self.snr,
                                    seed=seed, angle_error=angle, shift_error=shift), folder, moving(motion, size))
            fit(folder / "consensus.mrc", FitConfig(resolution=self.resolution), folder / "model.npz")
            started = time.process_time()
            analyze(folder / "particles.star", folder / "model.npz",
                    AnalyzeConfig(seed=seed, poses="exact" if self.poses == "exact" else "auto",
                                  detectable="no" if size else "auto"), folder / "out")
            found = json.loads((folder / "out" / "summary.json").read_text())
            kept.write_text(json.dumps(found | {"seconds": time.process_time() - started}))
            shutil.rmtree(folder)
        return json.loads(kept.read_text())

    def found_in_most(self, motion: str, size: float, seeds: range, work: Path) -> bool:
        """Whether a motion of a size is significant in most seeds."""
        hits = 0
        for seed in seeds:
            hits += self.analysed(motion, size, seed, work)["n_significant_modes"] > 0
            if 2 * hits > len(seeds) or 2 * (hits + seeds.stop - seed - 1) <= len(seeds):
                break
        return 2 * hits > len(seeds)

    def smallest(self, motion: str, told: float, seeds: range, work: Path) -> float:
        """The smallest size, on a grid of steps of 1.41 about the told one, that is found in most seeds."""
        number = 0
        if self.found_in_most(motion, told, seeds, work):
            while number > -6 and self.found_in_most(motion, told * _STEP**(number - 1), seeds, work):
                number -= 1
        else:
            number = 1
            while number < 6 and not self.found_in_most(motion, told * _STEP**number, seeds, work):
                number += 1
        return told * _STEP**number


def main() -> None:
    """Print the table, a line as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--snr", type=float, nargs="+", default=[0.1, 0.3])
    parser.add_argument("--poses", nargs="+", choices=POSES, default=list(POSES))
    parser.add_argument("--motions", nargs="+", choices=MOTIONS, default=list(MOTIONS))
    parser.add_argument("--particles", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=0, help="seed")
    parser.add_argument("--work", type=Path, default=Path("detectable-work"), help="folder for results")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(level=logging.INFO, filename=options.work / "log.txt")
    seeds = range(options.first, options.first + options.seeds)
    for snr in options.snr:
        for poses in options.poses:
            condition = Condition(snr, poses, options.particles)
            rest = [condition.analysed("swing", 0.0, seed, options.work) for seed in seeds]
            entries = [summary["detectable"] for summary in rest]
            sizes = [e["size_angstrom"] for e in entries if e and e["size_angstrom"]]
            false = sum(summary["n_significant_modes"] > 0 for summary in rest)
            print(f"SNR {snr:g}, poses {poses}: told {', '.join(f'{s:.1f}' for s in sizes) or 'nothing'} A; {false} "
                  f"false verdicts; processor time {statistics.mean(s['seconds'] for s in rest):.0f} s", flush=True)
            if sizes:
                told = statistics.median(sizes)
                for motion in options.motions:
                    real = condition.smallest(motion, told, seeds, options.work)
                    print(f"  {motion:6} told {told:.2f} A, found from {real:.2f} A; ratio {real / told:.2f}",
                          flush=True)


if __name__ == "__main__":
    main()
