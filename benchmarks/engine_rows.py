"""Rows of the engine set: large and several motions, pose errors, symmetry, uncertainty, the number of modes."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from adenylate_kinase import adenylate_kinase
from figures import Figure, Range, at_least, at_most
from measures import (
    canonical_correlations,
    coverage,
    multiple_correlation,
    peak_angle,
    pose_errors,
    rank_correlation,
    share_in_right_half,
    turn_read_out,
)
from noisy_maps import noisy_maps
from oracle import coordinate_posteriors, share_right
from ring import ring
from stages import Analysis, Bench, DataSet
from turning_maps import turning_maps

from gmmhet.engine.io import read_particles

__all__ = ["ROWS"]

#: poses off by this much: degrees per Euler angle, Angstrom per axis
_OFF = {"angle_error": 2.0, "shift_error": 4.0}
_TURN_OFF = {"angle_error": 2.0, "shift_error": 4.5}
_REFINE, _EXACT = ("--poses", "refine"), ("--poses", "exact")
_TURN_ORACLE, _TURN_FINEST = 600, 8.0  # particles and Angstrom that are enough for its median
_RECOVERED = 0.8  # of the oracle's correlation
_AT_THE_CEILING = 0.99  # of the oracle's: no goal asks for more


def _turn(data: DataSet, found: Analysis) -> tuple[float, str]:
    """Median angle error, and what it was read out from; the same from coordinates under a normal prior."""
    angles = data.truth().coordinates[:, 0]
    best: tuple[float, str] = (np.inf, "")
    for significant in (True, False):
        latents = found.latents(significant=significant)
        error, neighbours = turn_read_out(latents, angles)
        if error < best[0]:
            normal, _ = turn_read_out(found.latents(significant=significant, normal=True), angles)
            best = error, f"{error:.2f} ({latents.shape[1]} z, {neighbours} near; {normal:.2f} normal)"
    return best


def _turn_oracle(data: DataSet) -> float:
    """Median error of the angle of largest likelihood, over some particles: the poses' errors do not touch it."""
    truth = data.truth().coordinates[:, 0]
    rows = np.arange(min(_TURN_ORACLE, len(truth)))
    kept = data.folder / "turn.npy"
    if not kept.is_file():
        np.save(kept, coordinate_posteriors(data.folder, data.what, rows, finest=_TURN_FINEST)[0])
    level = data.what.levels[0]
    return float(np.median(np.abs((peak_angle(np.load(kept), level[1] - level[0]) - truth[rows] + 180) % 360 - 180)))


def turning(work: Bench, seed: int) -> list[Figure]:
    data = work.simulate("turning", 0.04, seed)
    ours, shown = _turn(data, work.analyze(data, "likelihood"))
    oracle = _turn_oracle(data)
    return [Figure("turning, SNR 0.04: median angle error, degrees", shown, f"{oracle:.2f}", ours, at_most(3),
                   at_most(1.3 * oracle))]


def turning_off(work: Bench, seed: int) -> Iterator[Figure]:
    exact = work.simulate("turning", 0.04, seed)
    reference, _ = _turn(exact, work.analyze(exact, "likelihood"))
    data = work.simulate("turning", 0.04, seed, **_TURN_OFF)
    as_given, shown_as_given = _turn(data, work.analyze(data, "likelihood", *_EXACT))
    oracle = f"{_turn_oracle(data):.2f}"
    name = "turning, poses off by 2 deg and 4.5 A, {}: median angle error, degrees"
    yield Figure(name.format("as given"), shown_as_given, oracle, as_given)
    ours, shown = _turn(data, work.analyze(data, "likelihood", *_REFINE))
    yield Figure(name.format("refined"), shown, oracle, ours, at_most(as_given), at_most(1.5 * reference))


def hinge_off(work: Bench, seed: int) -> Iterator[Figure]:
    data = work.simulate("hinge11", 0.1, seed, **_OFF)
    truth = data.truth().coordinates[:, 0]
    oracle = f"{rank_correlation(data.expected()[:, 0], truth):.3f}"
    name = "hinge11 SNR 0.1, poses off by 2 deg and 4 A, {}: rank correlation"
    given = rank_correlation(work.analyze(data, "likelihood", *_EXACT).coordinate(), truth)
    yield Figure(name.format("as given"), f"{given:.3f}", oracle, given)
    found = work.analyze(data, "likelihood", *_REFINE)
    ours = rank_correlation(found.coordinate(), truth)
    yield Figure(name.format("refined"), f"{ours:.3f}", oracle, ours, at_least(0.85), at_least(0.92))
    yield from _error_figures(data, found)


def _error_figures(data: DataSet, found: Analysis) -> list[Figure]:
    true, given = (read_particles(data.folder / name) for name in ("truth/particles.star", "particles.star"))
    planted = pose_errors(true.angles, given.angles, true.origins, given.origins)
    estimated = found.entry("pose_errors")
    return [Figure(f"same: estimated over planted pose errors, {name.replace('_', ' ')} (planted beside)",
                   f"{estimated[name]:.2f}", f"{value:.2f}", estimated[name] / value, Range(0.8, 1.25),
                   Range(0.95, 1.05)) for name, value in planted.items()]


def _several(preset: str, title: str) -> Callable[[Bench, int], list[Figure]]:
    def row(work: Bench, seed: int) -> list[Figure]:
        data = work.simulate(preset, 0.1, seed)
        truth = data.truth().coordinates
        found = work.analyze(data, "likelihood")
        ours, normal = (canonical_correlations(found.latents(normal=n), truth) for n in (False, True))
        oracle = canonical_correlations(data.expected(), truth)
        return [Figure(f"{title}: canonical correlation {i + 1} with the truth",
                       f"{ours[i]:.3f} ({normal[i]:.3f} normal)", f"{oracle[i]:.3f}",
                       float(ours[i]), at_least(floor), at_least(min(goal, _AT_THE_CEILING * oracle[i])))
                for i, (floor, goal) in enumerate(((0.95, 0.98), (0.90, 0.97)))]
    return row


def composition(work: Bench, seed: int) -> Iterator[Figure]:
    """Few and wide Gaussians, as published for ribosomes: changes of amplitude alone (64 at 50 A), movements alone (128
    at 40 A), both together."""
    few, more = (("--n-gaussians", str(n), "--resolution", str(d)) for n, d in ((64, 50), (128, 40)))
    data = work.simulate("twostate", 0.1, seed)
    found = work.analyze(data, "likelihood", "--no-motion", fit=few)
    ours = share_in_right_half(found.coordinate(), data.truth().state)
    best = share_right(data.posteriors()[0], data.what.levels[0], data.truth().coordinates[:, 0])
    yield Figure("twostate, --no-motion, 64 Gaussians at 50 A: share in the right half", f"{ours:.3f}", f"{best:.3f}",
                 ours)
    data = work.simulate("hinge11", 0.1, seed)
    truth = data.truth().coordinates[:, 0]
    ours = rank_correlation(work.analyze(data, "likelihood", "--no-occupancy", fit=more).coordinate(), truth)
    yield Figure("hinge11, --no-occupancy, 128 Gaussians at 40 A: rank correlation", f"{ours:.3f}",
                 f"{rank_correlation(data.expected()[:, 0], truth):.3f}", ours)
    data = work.simulate("hingedomain", 0.1, seed)
    truth, expected = data.truth().coordinates, data.expected()
    both = canonical_correlations(work.analyze(data, "likelihood", fit=more).latents(), truth)
    known = canonical_correlations(expected, truth)
    yield Figure("hinge and missing domain, both, 128 Gaussians at 40 A: canonical correlations",
                 " ".join(f"{v:.3f}" for v in both), " ".join(f"{v:.3f}" for v in known), float(both.min()))


def null_modes(work: Bench, seed: int) -> Iterator[Figure]:
    for name, off in (("null", {}), ("null, poses off by 2 deg and 4 A", _OFF)):
        modes = int(work.analyze(work.simulate("null", 0.1, seed, **off), "likelihood").entry("n_significant_modes"))
        yield Figure(f"{name}: significant modes", str(modes), "0", modes, at_most(0), at_most(0))


def covered(work: Bench, seed: int) -> list[Figure]:
    data = work.simulate("hinge11", 0.1, seed)
    truth = data.truth().coordinates[:, 0]
    found = work.analyze(data, "likelihood")
    ours = coverage(found.coordinate(normal=True), found.column("gmmhetLatentSd1"), truth)
    mean, squares = data.expected()[:, 0], data.posteriors()[0] @ data.what.levels[0] ** 2
    deviation = np.sqrt(np.maximum(squares - mean**2, 0))
    oracle = float((np.abs(mean - truth) <= 2 * deviation + 1e-6).mean())
    return [Figure("hinge11 SNR 0.1: truth inside mean +- 2 sd, share", f"{ours:.3f}", f"{oracle:.3f}", ours,
                   Range(0.90, 0.98), Range(0.94, 0.96))]


def number_of_modes(work: Bench, seed: int) -> Iterator[Figure]:
    """A coordinate counts as recovered where the modes follow it at least 0.8 times as closely as the oracle.

    A mode more than coordinates can be right: a large turn is no straight line.
    """
    for preset, planted in (("null", 0), ("hinge11", 1), ("twomotions", 2), ("fourmotions", 4)):
        data = work.simulate(preset, 0.1, seed)
        found = work.analyze(data, "likelihood")
        modes = int(found.entry("n_significant_modes"))
        recovered = _recovered(data, found) if modes and planted else 0
        yield Figure(f"{preset}: significant modes (coordinates recovered)", f"{modes} ({recovered})",
                     f"{planted} ({planted})", modes, Range(planted - 1, planted + 1), Range(planted, planted))


def _recovered(data: DataSet, found: Analysis) -> int:
    truth, latents, expected = data.truth().coordinates, found.latents(), data.expected()
    follow: list[tuple[float, float]] = [
        (multiple_correlation(latents, column), abs(float(np.corrcoef(known, column)[0, 1])))
        for column, known in zip(truth.T, expected.T, strict=True)]
    return sum(ours >= _RECOVERED * oracle for ours, oracle in follow)


ROWS: dict[str, Callable[[Bench, int], Iterable[Figure]]] = {
    "turning": turning, "turning-off": turning_off, "hinge-off": hinge_off,
    "two": _several("twomotions", "two motions, SNR 0.1"),
    "hinge+domain": _several("hingedomain", "hinge and missing domain, SNR 0.1"),
    "turning-maps": turning_maps, "noisy-maps": noisy_maps, "ring": ring, "composition": composition,
    "nulls": null_modes, "coverage": covered, "number": number_of_modes,
    "adk": adenylate_kinase,
}
