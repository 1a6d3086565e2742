"""Rows of the main set: one motion, exact poses, and what follows the analysis."""

import numpy as np
from bins import bin_resolutions
from figures import Figure, at_least, at_most
from measures import rank_correlation, share_in_right_half
from oracle import share_right
from stages import Bench

__all__ = ["ROWS"]


def hinge_gradient(work: Bench, seed: int) -> list[Figure]:
    data = work.simulate("hinge11", 1.0, seed)
    truth = data.truth().coordinates[:, 0]
    ours = rank_correlation(work.analyze(data, "gradient-pca").coordinate(), truth)
    oracle = rank_correlation(data.expected()[:, 0], truth)
    return [Figure("hinge11 SNR 1, gradient-pca: rank correlation", f"{ours:.3f}", f"{oracle:.3f}", ours,
                   at_least(0.80))]


def twostate_gradient(work: Bench, seed: int) -> list[Figure]:
    data = work.simulate("twostate", 1.0, seed)
    truth = data.truth()
    found = work.analyze(data, "gradient-pca", "--gradients", "amplitude")
    ours = share_in_right_half(found.coordinate(), truth.state)
    oracle = share_right(data.posteriors()[0], data.what.levels[0], truth.coordinates[:, 0])
    return [Figure("twostate SNR 1, gradient-pca by amplitude: share in the right half", f"{ours:.4f}", f"{oracle:.4f}",
                   ours, at_least(0.90))]


def _hinge_likelihood(work: Bench, seed: int, snr: float, floor: float, goal: float) -> list[Figure]:
    data = work.simulate("hinge11", snr, seed)
    truth = data.truth().coordinates[:, 0]
    ours = rank_correlation(work.analyze(data, "likelihood").coordinate(), truth)
    oracle = rank_correlation(data.expected()[:, 0], truth)
    return [Figure(f"hinge11 SNR {snr:g}, likelihood: rank correlation / oracle's", f"{ours:.3f}", f"{oracle:.3f}",
                   ours / oracle, at_least(floor), at_least(goal))]


def hinge_01(work: Bench, seed: int) -> list[Figure]:
    return _hinge_likelihood(work, seed, 0.1, 0.97, 0.99)


def hinge_002(work: Bench, seed: int) -> list[Figure]:
    return _hinge_likelihood(work, seed, 0.02, 0.90, 0.97)


def null(work: Bench, seed: int) -> list[Figure]:
    modes = int(work.analyze(work.simulate("null", 0.1, seed), "likelihood").entry("n_significant_modes"))
    return [Figure("null: modes reported as significant", str(modes), "0", modes, at_most(0), at_most(0))]


def twostate(work: Bench, seed: int) -> list[Figure]:
    data = work.simulate("twostate", 0.1, seed)
    truth = data.truth()
    ours = share_in_right_half(work.analyze(data, "likelihood").coordinate(), truth.state)
    oracle = share_right(data.posteriors()[0], data.what.levels[0], truth.coordinates[:, 0])
    return [Figure("twostate: share in the right half / oracle's", f"{ours:.4f}", f"{oracle:.4f}", ours / oracle,
                   at_least(0.97), at_least(0.99))]


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
                             ratio, at_most(1.15), at_most(1.05)))
    return result


def whole_run(work: Bench, seed: int) -> list[Figure]:
    seconds, gigabytes = work.run(work.simulate("hinge11", 0.1, seed))
    return [Figure("gmmhet run: seconds", f"{seconds:.0f}", "-", seconds, at_most(120)),
            Figure("gmmhet run: peak memory, GB", f"{gigabytes:.2f}", "-", gigabytes, at_most(2))]


ROWS = {"gradient": hinge_gradient, "gradient-amplitude": twostate_gradient, "hinge0.1": hinge_01,
        "hinge0.02": hinge_002, "null": null, "twostate": twostate, "reconstruct": reconstruct, "run": whole_run}
