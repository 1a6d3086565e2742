"""The quality table: what the engine finds in simulated data, with the oracle beside it.

    python benchmarks/quality.py                                  everything, 3,000 particles (about ten minutes)
    python benchmarks/quality.py --rows null twostate --seed 0 1 2

Every figure comes from the command line's own files, made by ``python -m gmmhet.engine`` in processes of their own.
The oracle knows the true states, poses, CTF and noise (see oracle.py): nothing can beat it on average. Nothing is
asserted; the last column says whether a figure reaches the goal, passes the floor, or falls short. Simulated data are
kept in --work and used again while the simulator's code is the same.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from bins import bin_resolutions
from numpy.typing import NDArray
from oracle import share_right
from scipy.stats import spearmanr
from sklearn.mixture import GaussianMixture
from stages import Bench, DataSet, StageError

from gmmhet.engine.simulate import preset


@dataclass(frozen=True)
class Figure:
    """One line of the table; value is what floor and goal speak of."""

    name: str
    ours: str
    oracle: str
    value: float
    floor: float
    goal: float
    higher_is_better: bool = True

    @property
    def mark(self) -> str:
        sign = 1 if self.higher_is_better else -1
        if not np.isfinite(self.value):
            return "SHORT"
        if np.isfinite(self.goal) and sign * (self.value - self.goal) >= 0:
            return "goal"
        return "pass" if sign * (self.value - self.floor) >= 0 else "SHORT"


def rank_correlation(coordinate: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    """|Spearman|: the sign of a mode is arbitrary."""
    return abs(float(spearmanr(coordinate, truth).statistic))


def share_in_right_half(coordinate: NDArray[np.float64], state: NDArray[np.int64]) -> float:
    """Share of particles on the right side of a two-component Gaussian mixture; the better of the two labellings."""
    labels = GaussianMixture(2, n_init=5, random_state=0).fit_predict(coordinate[:, None])
    agreement = float((labels == state).mean())
    return max(agreement, 1 - agreement)


def _oracle_correlation(data: DataSet) -> float:
    expected = data.posterior() @ preset(data.preset).states[:, 0]
    return rank_correlation(expected, data.truth().coordinates[:, 0])


def hinge_gradient(work: Bench, seed: int) -> list[Figure]:
    data = work.simulate("hinge11", 1.0, seed)
    ours = rank_correlation(work.analyze(data, "gradient-pca").coordinate(), data.truth().coordinates[:, 0])
    return [Figure("hinge11 SNR 1, gradient-pca: rank correlation", f"{ours:.3f}", f"{_oracle_correlation(data):.3f}",
                   ours, 0.80, np.nan)]


def _hinge_likelihood(work: Bench, seed: int, snr: float, floor: float, goal: float) -> list[Figure]:
    data = work.simulate("hinge11", snr, seed)
    ours = rank_correlation(work.analyze(data, "likelihood").coordinate(), data.truth().coordinates[:, 0])
    oracle = _oracle_correlation(data)
    return [Figure(f"hinge11 SNR {snr:g}, likelihood: rank correlation / oracle's", f"{ours:.3f}", f"{oracle:.3f}",
                   ours / oracle, floor, goal)]


def hinge_01(work: Bench, seed: int) -> list[Figure]:
    return _hinge_likelihood(work, seed, 0.1, 0.97, 0.99)


def hinge_002(work: Bench, seed: int) -> list[Figure]:
    return _hinge_likelihood(work, seed, 0.02, 0.90, 0.97)


def null(work: Bench, seed: int) -> list[Figure]:
    summary = work.analyze(work.simulate("null", 0.1, seed), "likelihood").summary()
    modes = int(summary["n_significant_modes"])
    return [Figure("null: modes reported as significant", str(modes), "0", modes, 0, 0, False)]


def twostate(work: Bench, seed: int) -> list[Figure]:
    data = work.simulate("twostate", 0.1, seed)
    state = data.truth().state
    ours = share_in_right_half(work.analyze(data, "likelihood").coordinate(), state)
    oracle = share_right(data.posterior(), state)
    return [Figure("twostate: share in the right half / oracle's", f"{ours:.4f}", f"{oracle:.4f}", ours / oracle,
                   0.97, 0.99)]


def reconstruct(work: Bench, seed: int) -> list[Figure]:
    data = work.simulate("hinge11", 0.1, seed)
    found = work.analyze(data, "likelihood")
    maps, reference = work.reconstruct(data, found), work.reconstruct_true(data, found)
    result = []
    for name, truth_of in (("true map of its particles", maps), ("map of the true bin", reference)):
        ours = bin_resolutions(data, maps, truth_of)
        oracle = bin_resolutions(data, reference, reference)
        ratio = float(np.mean(ours / oracle))
        result.append(Figure(f"hinge11, 5 bins: FSC 0.5 to {name} / true labels'",
                             " ".join(f"{r:.1f}" for r in ours), " ".join(f"{r:.1f}" for r in oracle),
                             ratio, 1.15, 1.05, False))
    return result


def whole_run(work: Bench, seed: int) -> list[Figure]:
    seconds, gigabytes = work.run(work.simulate("hinge11", 0.1, seed))
    return [Figure("gmmhet run: seconds", f"{seconds:.0f}", "-", seconds, 120, np.nan, False),
            Figure("gmmhet run: peak memory, GB", f"{gigabytes:.2f}", "-", gigabytes, 2, np.nan, False)]


ROWS: dict[str, Callable[[Bench, int], list[Figure]]] = {
    "gradient": hinge_gradient, "hinge0.1": hinge_01, "hinge0.02": hinge_002, "null": null, "twostate": twostate,
    "reconstruct": reconstruct, "run": whole_run,
}


def _line(name: str, *columns: str) -> str:
    return f"{name:<66} {columns[0]:>24} {columns[1]:>24}" + "".join(f" {c:>7}" for c in columns[2:])


def main() -> None:
    """Print the table, a line as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--particles", type=int, default=3000)
    parser.add_argument("--seed", type=int, nargs="+", default=[0], help="of the data and of the engine")
    parser.add_argument("--work", type=Path, default=Path("quality-work"), help="folder for data and results")
    parser.add_argument("--threads", type=int, help="processor threads of the engine (default: all)")
    parser.add_argument("--gpu", help="as of gmmhet")
    options = parser.parse_args()
    work = Bench(options.work, options.particles, options.threads, options.gpu)
    print(_line("figure", "ours", "oracle", "value", "floor", "goal", ""))
    for seed in options.seed:
        for row in options.rows:
            try:
                figures = ROWS[row](work, seed)
            except StageError as error:
                print(f"{row} (seed {seed}): {error}", flush=True)
                continue
            for f in figures:
                name = f.name if len(options.seed) == 1 else f"{f.name} (seed {seed})"
                goal = f"{f.goal:.2f}" if np.isfinite(f.goal) else "-"
                print(_line(name, f.ours, f.oracle, f"{f.value:.3f}", f"{f.floor:.2f}", goal, f.mark), flush=True)
    for command, seconds in work.seconds:
        print(f"{seconds:7.1f} s  {command}", file=sys.stderr)


if __name__ == "__main__":
    main()
