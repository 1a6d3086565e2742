"""From particles to motions in Python: simulate a hinge, fit Gaussians, analyse, and compare with the planted truth.

    python examples/find_a_motion.py OUTPUT [--particles N]

Leaves the folders data, model and analysis in OUTPUT, and maps at three points of the motion. With particles of your
own, leave out the simulation and give their files to fit and analyze.
"""

import argparse
import csv
import json
from pathlib import Path

import numpy as np

from gmmhet.engine import (
    AnalyzeConfig,
    FitConfig,
    SimulateConfig,
    analyze,
    check_particles,
    fit,
    map_at,
    open_analysis,
    points_along,
    simulate_particles,
    write_map,
)


def main() -> None:
    """Run every step and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--particles", type=int, default=1000)
    options = parser.parse_args()
    data, model, analysis = (options.output / name for name in ("data", "model", "analysis"))

    # A chain of domains whose outer arm swings by 50 degrees about a hinge, in eleven states.
    simulate_particles(SimulateConfig("hinge11", options.particles, box=32, pixel_size=8.0, snr=0.5), data)
    problem = check_particles(data / "particles.star", data / "consensus.mrc").problem
    if problem is not None:
        raise SystemExit(problem)

    fit(data / "consensus.mrc", FitConfig(resolution=24.0), model / "model.npz")
    analyze(data / "particles.star", model / "model.npz", AnalyzeConfig(modes=1), analysis)
    print(json.loads((analysis / "summary.json").read_text(encoding="utf-8"))["verdict"])

    found = open_analysis(analysis)
    print(f"rank correlation of mode 1 with the planted angle: {rank_correlation(found.coordinates[:, 0], data):.2f}")
    for number, point in enumerate(points_along(found, mode=1, n=3), 1):
        density = map_at(found, point)
        write_map(options.output / f"point_{number}.mrc", density.data, density.pixel_size)
        print(f"point_{number}.mrc: the model at coordinate {point[0]:+.2f}")


def rank_correlation(coordinate: np.ndarray, data: Path) -> float:
    """Spearman's correlation with the coordinate in truth.csv; the sign of a mode is arbitrary."""
    with open(data / "truth.csv", encoding="utf-8") as handle:
        truth = np.array([float(row["coordinate"]) for row in csv.DictReader(handle)])
    # angles come in steps: their mean rank stands for all particles of a step
    _, step, count = np.unique(truth, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - count / 2)[step]
    return abs(float(np.corrcoef(np.argsort(np.argsort(coordinate)), ranks)[0, 1]))


if __name__ == "__main__":
    main()
