"""Rows of the real set: images as microscopes make them, poses with errors, a consensus made of the images.

In the oracle's column stands the same with exact poses. Junk is in the images that are analysed, not in the figures.
The fit gets the mask of the simulated refinement.
"""

import csv
from collections.abc import Callable, Iterator

import numpy as np
from figures import Figure, at_least, at_most
from measures import area_under_curve, held_out_correlation
from numpy.typing import NDArray
from stages import Analysis, Bench, DataSet

__all__ = ["ROWS"]

#: errors of a refinement: degrees per Euler angle, Angstrom per axis
_OFF = {"angle_error": 2.0, "shift_error": 2.0}
_SNR = 0.1
_PASS, _GOAL = 0.8, 0.95  # of the correlation with exact poses


def _good(data: DataSet) -> NDArray[np.bool_]:
    with (data.folder / "truth" / "images.csv").open(newline="", encoding="utf-8") as file:
        return np.array([row["kind"] == "particle" for row in csv.DictReader(file)])


def _both(work: Bench, name: str, seed: int) -> list[tuple[DataSet, Analysis]]:
    """With errors of the poses, and without."""
    sets = [work.simulate(name, _SNR, seed, as_real=True, **off) for off in (_OFF, {"angle_error": 0.0})]
    return [(data, work.analyze(data, "likelihood", fit=("--mask", data.folder / "refinement" / "mask.mrc")))
            for data in sets]


def _motions(name: str) -> Callable[[Bench, int], Iterator[Figure]]:
    def row(work: Bench, seed: int) -> Iterator[Figure]:
        pair = _both(work, name, seed)
        good, truth = _good(pair[0][0]), pair[0][0].truth().coordinates
        for d in range(truth.shape[1]):
            ours, exact = (held_out_correlation(found.latents()[good], truth[good, d]) for _, found in pair)
            yield Figure(f"{name} as real: held-out R of coordinate {d + 1} / with exact poses", f"{ours:.3f}",
                         f"{exact:.3f}", ours / exact, at_least(_PASS), at_least(_GOAL))
        found = pair[0][1]
        by = [area_under_curve(-found.column(c), ~good) for c in ("gmmhetContrast", "gmmhetLogLikelihood")]
        yield Figure(f"{name} as real: junk by low contrast (log-likelihood), area", f"{by[0]:.3f} ({by[1]:.3f})",
                     "-", max(by))
    return row


def null(work: Bench, seed: int) -> list[Figure]:
    ours, exact = (int(found.entry("n_significant_modes")) for _, found in _both(work, "null", seed))
    return [Figure("null as real: modes reported as significant", str(ours), str(exact), ours, at_most(0), at_most(0))]


ROWS = {"real-hinge": _motions("hinge11"), "real-hingedomain": _motions("hingedomain"),
        "real-membrane": _motions("membrane"), "real-null": null}
