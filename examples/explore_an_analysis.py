"""What to do with a finished analysis in Python: who is where, maps between, particles of one end for a refinement.

    python examples/explore_an_analysis.py ANALYSIS OUTPUT

ANALYSIS is a folder of gmmhet analyze or gmmhet run (examples/find_a_motion.py makes one). TensorFlow is not loaded.
"""

import argparse
from pathlib import Path

import numpy as np

from gmmhet.engine import (
    Analysis,
    Criteria,
    density_at,
    export_particles,
    map_at,
    open_analysis,
    points_along,
    read_particles,
    write_map,
)


def main() -> None:
    """Print how the particles lie along mode 1, and write difference map and selection."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("analysis", type=Path)
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    analysis = open_analysis(options.analysis)
    points = points_along(analysis, mode=1, n=9)
    print_density(analysis, points)

    # What the motion changes: the model at one end minus the model at the other.
    ends = [map_at(analysis, point) for point in points[[0, -1]]]
    write_map(options.output / "difference.mrc", ends[1].data - ends[0].data, ends[0].pixel_size)

    # The most certain particles of the upper third of the range, as rows of latents.star.
    deviation = float(np.median(np.sqrt(analysis.covariance[:, 0, 0])))
    chosen = Criteria(mode=1, low=float(points[6, 0]), confidence=deviation)
    selection = options.output / "upper_end.star"
    export_particles(analysis.folder, selection, chosen)
    table = read_particles(selection, images=False)
    print(f"{selection.name}: {len(table)} of {len(analysis.coordinates)} particles, above {points[6, 0]:+.2f}, with a "
          f"standard deviation of at most {deviation:.2f}")


def print_density(analysis: Analysis, points: np.ndarray) -> None:
    """A bar for each point, as long as the density of the particles there."""
    density, populated = density_at(analysis, points)
    for point, height, there in zip(points, density, populated, strict=True):
        print(f"{point[0]:+6.2f}  {'#' * round(40 * height):<40}  {'' if there else 'no particles'}".rstrip())


if __name__ == "__main__":
    main()
