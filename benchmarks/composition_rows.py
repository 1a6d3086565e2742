"""Rows of the set of composition: blocks that come and go, their presence and their states, against what is planted.

``assembly``: a ribosome in twelve states (ribosome_states.py) and ``factor``: 60 kDa on it in 5 % of the particles, 64
px of 6.55 Angstrom, analysed at 30 A with one mode, poses taken as exact. ``quiet``: a hinge alone, particles that are
all alike, and a hinge beside a domain, 1,500 images of 48 px of 4 Angstrom. ``domain``: the domain of the preset
twostate, present or absent, with 64 Gaussians at 50 A. SNR 0.1.
"""

from collections.abc import Iterator

import numpy as np
from answers_rows import simulated
from figures import Figure, at_least, at_most
from measures import area_under_curve
from numpy.typing import NDArray
from oracle import share_right, state_posteriors
from ribosome_states import BLOCKS, factor_bound, grouped_ribosome, structure_file, twelve_states
from scipy.spatial import cKDTree
from stages import Analysis, Bench, DataSet, code_digest

from gmmhet.engine.config import SimulateConfig
from gmmhet.engine.simulate import Preset, preset, simulate

__all__ = ["ROWS"]

Array = NDArray[np.float64]
_QUICK = ("--resolution", 30, "--modes", 1, "--poses", "exact", "--follow", "no", "--detectable", "no",
          "--cross-coordinates", "no", "--junk", "keep")


def _ribosome(work: Bench, name: str, what: Preset, seed: int) -> DataSet:
    particles = work.particles or what.particles
    kind = "" if structure_file() else "_grown"
    out = work.folder / f"{name}{kind}_n{particles}_seed{seed}_{code_digest()}"
    if not (out / "particles.star").is_file():
        simulate(SimulateConfig(particles=particles, seed=seed, box=what.box, pixel_size=what.pixel_size, snr=0.1), out,
                 what)
    return DataSet(out, what, seed)


def _arrays(found: Analysis) -> dict[str, Array]:
    path = found.folder / "composition.npz"
    if not path.is_file():
        return {}
    with np.load(path) as file:
        return {name: np.asarray(file[name]) for name in file.files}


def _overlaps(found: dict[str, Array], beads: Array, mass: Array, owner: NDArray[np.int64], blocks: int) -> Array:
    """[planted, found] shared mass over that of either: beads are of the block that the nearest Gaussian is of."""
    label = found["members"].argmax(1)[cKDTree(found["centers"]).query(beads)[1]]
    out = np.zeros((blocks, found["members"].shape[1] - 1))
    for p in range(blocks):
        for f in range(out.shape[1]):
            first, second = owner == p, label == f + 1
            out[p, f] = mass[first & second].sum() / max(mass[first | second].sum(), 1e-9)
    return out


def _calibration(presence: Array, truth: Array) -> tuple[float, int]:
    """Share that has a block, among particles that are given 80 to 90 % for it; and how many these are."""
    some = (presence >= 0.8) & (presence < 0.9)
    return float(truth[some].mean()) if some.any() else float("nan"), int(some.sum())


def _assembly(work: Bench, seed: int) -> Iterator[Figure]:
    what = twelve_states(seed)
    data = _ribosome(work, "assembly", what, seed)
    composition = work.composition(work.analyze(data, "likelihood", *_QUICK))
    found, truth = _arrays(composition), data.truth()
    name = "twelve states" if structure_file() else "twelve states (grown molecule)"
    best = state_posteriors(data.folder, what, true_shares(what, truth.state)).argmax(1)
    oracle = float((best == truth.state).mean())
    if not found:
        yield Figure(f"{name}: planted blocks found, of {BLOCKS}", "0", str(BLOCKS), 0.0, at_least(0.7), at_least(0.95))
        return
    label = found["probability"].argmax(1)
    right = sum(np.bincount(truth.state[label == s]).max() for s in np.unique(label)) / len(label)
    yield Figure(f"{name}: particles in the right state / oracle's", f"{right:.3f}", f"{oracle:.3f}", right / oracle,
                 at_least(0.85), at_least(0.97))
    beads, mass, owner = grouped_ribosome()
    overlap = _overlaps(found, beads, mass, owner, BLOCKS)
    hit = (overlap.max(1) > 0.5).mean()
    false = int((overlap.max(0) <= 0.5).sum())
    yield Figure(f"{name}: planted blocks found (Jaccard above 0.5), of {BLOCKS}", f"{hit * BLOCKS:.0f}", str(BLOCKS),
                 float(hit), at_least(0.7), at_least(0.95))
    yield Figure(f"{name}: false blocks", str(false), "0", false, at_most(1), at_most(0))
    own = overlap.argmax(1)
    share, stands_for = found["shares"], np.full(len(found["shares"]), -1)
    for s in np.unique(label):
        stands_for[s] = np.bincount(truth.state[label == s], minlength=len(what.states)).argmax()
    missing = [abs(float((truth.state == s).mean()) - float(share[stands_for == s].sum()))
               for s in range(len(what.states))]
    yield Figure(f"{name}: shares of states ({len(share)} told), mean error", f"{np.mean(missing):.4f}", "0",
                 float(np.mean(missing)), at_most(0.02), at_most(0.005))
    told = np.flatnonzero(overlap.max(1) > 0.5)
    shares = np.abs(found["presence"].mean(0)[own[told]] - truth.coordinates[:, told].mean(0))
    yield Figure(f"{name}: shares of the blocks found, mean error", f"{shares.mean():.4f}", "0", float(shares.mean()),
                 at_most(0.02), at_most(0.005))
    calibrated, count = _calibration(found["presence"][:, own[told]], truth.coordinates[:, told])
    yield Figure(f"{name}: share that has the block, of {count} given 80 to 90 %", f"{calibrated:.3f}", "0.85",
                 abs(calibrated - 0.85), at_most(0.1), at_most(0.03))


def true_shares(what: Preset, state: NDArray[np.int64]) -> Array:
    """[S] true shares of the states."""
    return np.maximum(np.bincount(state, minlength=len(what.states)) / len(state), 1e-12)


def _factor(work: Bench, seed: int) -> Iterator[Figure]:
    what = factor_bound()
    data = _ribosome(work, "factor", what, seed)
    found = _arrays(work.composition(work.analyze(data, "likelihood", *_QUICK)))
    present = data.truth().coordinates[:, 0] > 0.5
    posterior = state_posteriors(data.folder, what, true_shares(what, present.astype(np.int64)))
    oracle = area_under_curve(posterior[:, 1], present)
    area, share = 0.5, 0.0
    if found:
        areas = [area_under_curve(p, present) for p in found["presence"].T]
        area, share = max(areas), float(found["presence"][:, int(np.argmax(areas))].mean())
    yield Figure("factor of 60 kDa in 5 %: AUC of its presence", f"{area:.3f}", f"{oracle:.3f}", area, at_least(0.9),
                 at_least(0.97))
    yield Figure("factor of 60 kDa in 5 %: share", f"{share:.4f}", f"{present.mean():.4f}", abs(share - present.mean()),
                 at_most(0.015), at_most(0.005))


_SMALL = ("--poses", "exact", "--detectable", "no", "--cross-coordinates", "no", "--junk", "keep")


def _quiet(work: Bench, seed: int) -> Iterator[Figure]:
    for name, wanted in (("hinge11", 0), ("null", 0), ("hingedomain", 1)):
        data = simulated(work, f"composition_{name}", preset(name), seed)
        composition = work.composition(work.analyze(data, "likelihood", *_SMALL))
        told = int(composition.entry("n_blocks"))
        yield Figure(f"{name}: blocks told", str(told), str(wanted), abs(told - wanted), at_most(0), at_most(0))
        found = _arrays(composition)
        if wanted and found:
            present = data.truth().coordinates[:, 1] > 0.5
            right = max(float(((p > 0.5) == present).mean()) for p in found["presence"].T)
            posterior = data.posteriors()[1]
            oracle = share_right(posterior, data.what.levels[1], data.truth().coordinates[:, 1])
            yield Figure(f"{name}: domain told right / oracle's", f"{right:.3f}", f"{oracle:.3f}", right / oracle,
                         at_least(0.965), at_least(0.99))
            share = min(abs(float(p.mean()) - present.mean()) for p in found["presence"].T)
            yield Figure(f"{name}: share of the domain, error", f"{share:.4f}", "0", share, at_most(0.02),
                         at_most(0.005))


def _domain(work: Bench, seed: int) -> Iterator[Figure]:
    data = work.simulate("twostate", 0.1, seed)
    found = _arrays(work.composition(work.analyze(
        data, "likelihood", "--resolution", 50, *_SMALL, fit=("--n-gaussians", 64, "--resolution", 50))))
    present = data.truth().coordinates[:, 0] > 0.5
    oracle = share_right(data.posteriors()[0], data.what.levels[0], data.truth().coordinates[:, 0])
    right = max((float(((p > 0.5) == present).mean()) for p in found["presence"].T), default=0.5) if found else 0.5
    yield Figure("twostate, 64 Gaussians at 50 A: domain told right / oracle's", f"{right:.3f}", f"{oracle:.3f}",
                 right / oracle, at_least(0.965), at_least(0.99))


ROWS = {"assembly": _assembly, "factor": _factor, "quiet": _quiet, "domain": _domain}
