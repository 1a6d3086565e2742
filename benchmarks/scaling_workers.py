"""What another worker is worth: one analysis with 0 (in one process), 1, 2, ... workers of one thread each.

    python benchmarks/scaling.py --workers 0 2 [--particles 3000] [--modes 2] [--repeats 3] [--folder F]

A hinge is simulated and analysed with a fixed number of modes. Runs on the numbers of workers are interleaved,
so that other programs on the machine weigh on all alike. For every number of workers: seconds of the whole and of its
modes (median), processor seconds of all processes together, speed over the first number of workers, and the largest
difference of coordinates from its result. Nothing is asserted; cluster.py measures processes of a busy machine.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.config import FitConfig, SimulateConfig
from gmmhet.engine.fitting import fit
from gmmhet.engine.latent_space.saved_analysis import ANALYSIS_FILE
from gmmhet.engine.simulate import simulate

__all__ = ["compare"]

@dataclass(frozen=True)
class Run:
    """Seconds of the whole, of the passes (without start and tracing of the first), of all processors."""

    whole: float
    modes: float
    processor: float
    coordinates: NDArray[np.float64]


def measured(data: Path, workers: int, modes: int, poses: str) -> Run:
    """One analysis, in a folder that goes again."""
    command = [sys.executable, "-m", "gmmhet.engine", "analyze", str(data / "particles.star"), "--model",
               str(data / "model" / "model.npz"), "--modes", str(modes), "--poses", poses, "--threads", "1"]
    if workers:
        command += ["--workers", str(workers)]
    with tempfile.TemporaryDirectory(dir=data) as output:
        before, started = os.times(), time.monotonic()
        done = subprocess.run([*command, "-o", output], env={**os.environ, "OMP_NUM_THREADS": "1"},
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{workers} workers: exit status {done.returncode}\n{done.stderr}")
        whole, after = time.monotonic() - started, os.times()
        processor = after.children_user + after.children_system - before.children_user - before.children_system
        timing = json.loads(Path(output, "summary.json").read_text(encoding="utf-8"))["timing"]
        found = ANALYSIS_FILE.read(Path(output, "analysis.npz"), ("coordinates",))
        return Run(whole, timing["modes"], processor, found["coordinates"])


def compare(workers: Sequence[int], particles: int, modes: int, poses: str, repeats: int, data: Path) -> None:
    """Run, in turns, and print; data: folder of the simulated particles, made where they are not there."""
    if not (data / "model" / "model.npz").is_file():
        simulate(SimulateConfig("hinge11", particles), data)
        fit(data / "consensus.mrc", FitConfig(), data / "model" / "model.npz")
    runs: dict[int, list[Run]] = {n: [] for n in workers}
    for _ in range(repeats):
        for n in workers:
            runs[n].append(measured(data, n, modes, poses))
            print(f"{n} worker(s): {runs[n][-1].whole:.1f} s, modes {runs[n][-1].modes:.1f} s, "
                  f"{runs[n][-1].processor:.1f} processor seconds", flush=True)
    print(f"\n{'workers':>7} {'seconds':>9} {'modes':>9} {'processor':>10} {'speed':>6} {'of modes':>9} "
          f"{'difference':>11}")
    first = runs[workers[0]]
    for n, found in runs.items():
        speeds = [_median(first, name) / _median(found, name) for name in ("whole", "modes")]
        off = max(np.abs(r.coordinates - first[0].coordinates).max() for r in found)
        print(f"{n:7d} {_median(found, 'whole'):9.1f} {_median(found, 'modes'):9.1f} "
              f"{_median(found, 'processor'):10.1f} {speeds[0]:6.2f} {speeds[1]:9.2f} {off:11.1e}")


def _median(runs: list[Run], name: str) -> float:
    return statistics.median(getattr(run, name) for run in runs)
