"""Seconds that a map at a point of latent space takes, on one core.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/landscape.py [PARTICLES]

For boxes of 64, 128 and 256 px and 128, 400, 1024 and 4096 Gaussians: the map alone, and the whole of ``gmmhet map``
with one point, that is reading an analysis of PARTICLES (default 10,000) in four modes, judging the point, the map, its
files. Processor seconds, medians of three; the start of the interpreter (about half a second) is not in them.
"""

import logging
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from gmmhet.engine.landscape import map_points, read_analysis
from gmmhet.engine.molecule.gaussian_map import gaussian_density

_MODES = 4


def _write_analysis(folder: Path, particles: int, box: int, gaussians: int) -> None:
    """Gaussians over a third of the box, of widths that suit a resolution of six pixels."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    np.savez(folder / "analysis.npz", coordinates=rng.normal(size=(particles, _MODES)),
             covariance=np.tile(0.05 * np.eye(_MODES), (particles, 1, 1)),
             centers=rng.normal(size=(gaussians, 3)) * box / 8, weights=rng.uniform(1, 2, gaussians),
             sigmas=rng.uniform(1.5, 3, gaussians), box=box, pixel_size=1.0, resolution=6.0,
             modes_position=rng.normal(size=(_MODES, gaussians, 3)), modes_amplitude=np.zeros((_MODES, gaussians)))


def _seconds(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(3):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return float(np.median(taken))


def main() -> None:
    """Print the table."""
    particles = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    logging.getLogger("gmmhet").setLevel(logging.ERROR)
    print(f"{'box':>4} {'Gaussians':>9} {'map, s':>8} {'gmmhet map, s':>14}")
    for box in (64, 128, 256):
        for gaussians in (128, 400, 1024, 4096):
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                _write_analysis(folder / "analysis", particles, box, gaussians)
                analysis, point = read_analysis(folder / "analysis"), np.array([0.5, -1.0, 0.2, 0.0])
                alone = _seconds(lambda a=analysis, p=point: gaussian_density(a.gaussians_at(p)))
                whole = _seconds(lambda f=folder: map_points(f / "analysis", f / "maps", at=["0.5,-1,0.2,0"]))
            print(f"{box:4d} {gaussians:9d} {alone:8.3f} {whole:14.2f}", flush=True)


if __name__ == "__main__":
    main()
