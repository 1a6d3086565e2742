"""Rows of the real set: images as microscopes make them, poses with errors, a consensus made of the images.

In the oracle's column stand the same images with exact poses, then the simulation of our own kind: ideal images at the
same SNR with the same errors of the poses. Junk is in the images that are analysed, not in the figures. The fit gets
mask and half maps of the simulated refinement, where there is one, and chooses the resolution.
"""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from bins import bin_resolutions
from figures import NOTHING, Figure, Range, at_least, at_most
from measures import area_under_curve, coverage, held_out_correlation, held_out_estimate, rank_correlation
from numpy.typing import NDArray
from stages import AS_REAL, IDEAL, Analysis, Bench, DataSet

__all__ = ["ROWS", "kinds_of"]

#: errors of a refinement: degrees per Euler angle, Angstrom per axis
_OFF = {"angle_error": 2.0, "shift_error": 2.0}
_SNR = 0.1
_PASS, _GOAL = 0.8, 0.95  # of the correlation with exact poses


@dataclass(frozen=True)
class _Result:
    """A data set, what was found in it, and which of its images [n] show the molecule."""

    data: DataSet
    found: Analysis
    good: NDArray[np.bool_]

    @property
    def modes(self) -> int:
        return int(self.found.entry("n_significant_modes"))

    def truth(self, d: int) -> NDArray[np.float64]:
        return self.data.truth().coordinates[self.good, d]

    def latents(self) -> NDArray[np.float64]:
        return self.found.latents()[self.good]

    def correlation(self, d: int) -> float:
        """Held-out, of a coordinate."""
        return held_out_correlation(self.latents(), self.truth(d))

    def rank(self) -> float:
        """Of the first coordinate with its held-out estimate."""
        return rank_correlation(held_out_estimate(self.latents(), self.truth(0)), self.truth(0))

    def covered(self) -> float:
        """Truth of the first coordinate within two deviations of the mode that follows it most closely."""
        truth, count = self.truth(0), max(self.modes, 1)
        means = [self.found.column(f"gmmhetLatent{k + 1}")[self.good] for k in range(count)]
        best = int(np.argmax([rank_correlation(mean, truth) for mean in means]))
        return coverage(means[best], self.found.column(f"gmmhetLatentSd{best + 1}")[self.good], truth)


def kinds_of(data: DataSet) -> NDArray[np.str_]:
    """[n] what each image shows: particle, or a kind of junk."""
    table = data.folder / "truth" / "images.csv"
    if not table.is_file():
        return np.full(len(data.truth().state), "particle")
    with table.open(newline="", encoding="utf-8") as file:
        return np.array([row["kind"] for row in csv.DictReader(file)])


def _good(data: DataSet) -> NDArray[np.bool_]:
    return np.asarray(kinds_of(data) == "particle")


def _three(work: Bench, name: str, seed: int) -> list[_Result]:
    """As real with errors of the poses, as real without, and of our own kind with errors."""
    results = []
    for imaging, off in ((AS_REAL, _OFF), (AS_REAL, {}), (IDEAL, _OFF)):
        data = work.simulate(name, _SNR, seed, imaging=imaging, **off)
        files = data.folder / "refinement"
        halves = [files / f"run_half{i}_class001_unfil.mrc" for i in (1, 2)]
        fit = ("--mask", files / "mask.mrc", "--half-maps", *halves) if files.is_dir() else ()
        found = work.analyze(data, "likelihood", fit=fit)
        results.append(_Result(data, found, _good(data)))
    return results


def _line(name: str, values: list[float], value: float, floor: Range = NOTHING, goal: Range = NOTHING,
          ) -> Figure:
    ours, exact, ideal = (f"{v:.3f}" for v in values)
    return Figure(name, ours, f"{exact} {ideal}", value, floor, goal)


def _motions(name: str, planted: int) -> Callable[[Bench, int], Iterator[Figure]]:
    def row(work: Bench, seed: int) -> Iterator[Figure]:
        results = _three(work, name, seed)
        ours = results[0]
        for d in range(planted):
            values = [r.correlation(d) for r in results]
            yield _line(f"{name} as real: held-out R of coordinate {d + 1} / with exact poses", values,
                        values[0] / values[1], at_least(_PASS), at_least(_GOAL))
        ranks = [r.rank() for r in results]
        yield _line(f"{name} as real: rank correlation of coordinate 1 / of our own kind", ranks, ranks[0] / ranks[2])
        yield _modes(name, results, planted)
        covered = [r.covered() for r in results]
        yield _line(f"{name} as real: truth of coordinate 1 inside mean +- 2 sd, share", covered, covered[0],
                    Range(0.90, 0.98), Range(0.94, 0.96))
        yield _junk(name, results)
        if len(ours.data.what.mapped) == len(ours.data.what.states):  # true maps of all states
            yield _maps(work, name, results)
    return row


def _modes(name: str, results: list[_Result], planted: int) -> Figure:
    ours, exact, ideal = (str(r.modes) for r in results)
    return Figure(f"{name} as real: significant modes (planted: {planted})", ours, f"{exact} {ideal}",
                  results[0].modes, at_most(planted), at_most(planted))


def _junk(name: str, results: list[_Result]) -> Figure:
    areas = [[area_under_curve(-r.found.column(c), ~r.good) for c in ("gmmhetContrast", "gmmhetLogLikelihood")]
             for r in results[:2]]
    ours, exact = (f"{contrast:.3f} ({likelihood:.3f})" for contrast, likelihood in areas)
    return Figure(f"{name} as real: junk by low contrast (log-likelihood), area", ours, exact, max(areas[0]))


def _maps(work: Bench, name: str, results: list[_Result]) -> Figure:
    means = []
    for result in results:
        maps = work.reconstruct(result.data, result.found)
        means.append(float(np.mean(bin_resolutions(result.data, maps, maps))))
    return _line(f"{name} as real, 5 bins: mean FSC 0.5 to the truth, A / with exact poses", means,
                 means[0] / means[1])


def null(work: Bench, seed: int) -> Iterator[Figure]:
    results = _three(work, "null", seed)
    yield _modes("null", results, 0)
    yield _junk("null", results)


ROWS = {"real-hinge": _motions("hinge11", 1), "real-hingedomain": _motions("hingedomain", 2),
        "real-membrane": _motions("membrane", 1), "real-null": null}
