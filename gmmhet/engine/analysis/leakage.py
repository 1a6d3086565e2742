"""Whether coordinates follow what they should not: the view, the place on the grid, the defocus, the processing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from gmmhet.engine.analysis.dependence import Coordinate, Dependence, on_groups, on_terms
from gmmhet.engine.io import ParticleTable

__all__ = ["leakage"]

Array = NDArray[np.float64]
_LEVEL = 0.01  # chance of any false flag in the whole table
_SMALLEST_SHARE = 0.01  # a smaller one may be real, but does no harm
_PARTICLES_PER_TERM = 20
_SMALLEST_GROUP = 10  # of optics groups and half-sets
_MOST = 100_000  # particles; more find nothing that matters
_SMALLEST_SHIFT = 0.02  # of the resolution; spreads of shifts below it show nothing


@dataclass(frozen=True)
class _Variable:
    """Something a coordinate may follow.

    Attributes:
        name: its key. called: as in "follows the ...". cause: where such a dependence comes from. measure: how much
            of a coordinate follows it. where: what to say of a coordinate's fitted values, or nothing.
    """

    name: str
    called: str
    cause: str
    measure: Callable[[Coordinate], Dependence | None]
    where: Callable[[Array], str]


def leakage(table: ParticleTable, halves: NDArray[np.int64], coordinates: Array, deviations: Array,
            resolution: float) -> list[dict[str, Any]]:
    """How much of each mode's coordinate follows view, in-plane angle, defocus, micrograph, half-set, optics, shift.

    Only the mean of a coordinate is tested, not its spread: posterior means spread less where the data tell less (in
    some views, at low defocus), and that is no fault. For the same reason means are freed of their shrinkage first
    (:mod:`gmmhet.engine.analysis.dependence`). View: regression on all polynomials of the viewing direction up to
    degree 4, which are the real spherical harmonics up to there. In-plane angle: three Fourier terms. Defocus and
    size of the shift: polynomials of the rank. Micrograph, half-set, optics group: one-way analysis of variance. Rows
    that share an image (symmetry expansion) do not count as independent: one of each is used.

    Args:
        table: the particles. halves: [n] 1 or 2, as the analysis used them.
        coordinates, deviations: [n, K] posterior means and standard deviations, in any unit; deviations of 0 for
            coordinates that are not shrunk towards a prior (gradient PCA).
        resolution: of the analysis, Angstrom; sizes of shifts that spread by less than a fiftieth of it are left out.
    Returns:
        an entry for each mode and variable that varies: mode (from 1), variable, share (of the variance of the
        coordinate, beyond what noise gives), p_value (of this test alone), flagged (real after Holm's correction for
        all tests of the table, a chance of 1 per cent of any false flag, and a share of at least 1 per cent), words.
        Modes whose coordinates do not vary have none.
    """
    rows = _independent_rows(table)
    variables = list(_variables(table, np.asarray(halves), rows, resolution))
    found: list[tuple[int, _Variable, Dependence]] = []
    for k, variable in product(range(coordinates.shape[1]), variables):
        if np.std(coordinates[rows, k]) > 1e-9:
            dependence = variable.measure(Coordinate.from_posterior(coordinates[rows, k], deviations[rows, k]))
            found += [] if dependence is None else [(k, variable, dependence)]
    real = _real(np.array([d.p_value for _, _, d in found]))
    return [_entry(k, variable, dependence, bool(real[i]), _LEVEL / len(found))
            for i, (k, variable, dependence) in enumerate(found)]


def _entry(k: int, variable: _Variable, found: Dependence, real: bool, level: float) -> dict[str, Any]:
    flagged = real and found.share >= _SMALLEST_SHARE
    if flagged:
        words = (f"{_percent(found.share)} of this coordinate follows the {variable.called}"
                 f"{variable.where(found.fitted)}: {variable.cause}")
    elif real:
        words = f"a trace of it ({_percent(found.share)}) follows the {variable.called}, too little to matter"
    else:
        limit = found.detectable(level)
        words = (f"independent of the {variable.called} (more than {_percent(limit)} would have been seen)"
                 if limit < 0.1 else f"no dependence on the {variable.called} is seen, but these particles are too few "
                 f"to see less than {_percent(min(limit, 1.0))}")
    return {"mode": k + 1, "variable": variable.name, "share": found.share, "p_value": found.p_value,
            "flagged": flagged, "words": words}


def _percent(share: float) -> str:
    digits = 2 if share < 0.00095 else 1 if share < 0.0995 else 0
    return f"{100 * share:.{digits}f} %"


def _real(p_values: Array) -> NDArray[np.bool_]:
    """Which tests hold together at _LEVEL (Holm 1979)."""
    order = np.argsort(p_values)
    passed = p_values[order] <= _LEVEL / np.arange(len(order), 0, -1)
    real = np.zeros(len(order), bool)
    real[order] = np.logical_and.accumulate(passed)
    return real


def _independent_rows(table: ParticleTable) -> NDArray[np.int64]:
    """One row of each image, at random among those that share it; at most _MOST."""
    rng = np.random.default_rng(0)
    order = rng.permutation(len(table))
    image = table.stack_index * (int(table.slice_index.max(initial=0)) + 1) + table.slice_index
    chosen = order[np.unique(image[order], return_index=True)[1]]
    return np.sort(rng.choice(chosen, _MOST, replace=False) if len(chosen) > _MOST else chosen)


def _variables(table: ParticleTable, halves: NDArray[np.int64], rows: NDArray[np.int64], resolution: float,
               ) -> Iterator[_Variable]:
    """Those that vary between the rows."""
    n = len(rows)
    angles = table.angles[rows]
    direction = table.rotations[rows, 2]
    degree = max(d for d in (1, 2, 3, 4) if d == 1 or (d + 1) ** 2 - 1 <= n / _PARTICLES_PER_TERM)
    terms = _sphere_terms(direction, degree)
    yield _Variable("view direction", "view direction", "errors of the poses, or how the grid lets particles lie, "
                    "shape it, not the molecule alone", lambda c: on_terms(c, terms), lambda z: _view_words(angles, z))
    psi = np.deg2rad(angles[:, 2])[:, None] * np.arange(1, 4)
    circle = np.concatenate([np.cos(psi), np.sin(psi)], axis=1)
    yield _Variable("in-plane angle", "angle in the plane of the image", "nothing in the molecule knows that angle; "
                    "the usual causes are drift, astigmatism or magnification that is not corrected",
                    lambda c: on_terms(c, circle), lambda _: "")
    if table.has_ctf:
        defocus = table.defocus[rows, :2].mean(1)
        yield _scalar("defocus", "defocus", "the usual causes are wrong CTF parameters, or noise that differs between "
                      "images", defocus / 1e4, "micrometre")
    shift = np.linalg.norm(table.origins[rows], axis=1)
    if np.std(shift) > _SMALLEST_SHIFT * resolution:
        yield _scalar("origin size", "size of the shift", "the usual causes are neighbours in the image and shifts in "
                      "error", shift, "A")
    for name, label, smallest, cause in (
        ("micrograph", table.micrograph, 2, "micrographs differ in ice, dose or preparation, or the molecule does from "
         "place to place"),
        ("half-set", halves, _SMALLEST_GROUP, "the halves do not hold the same mixture, or were not processed alike"),
        ("optics group", table.optics_index, _SMALLEST_GROUP, "the groups differ in optics, session or sample"),
    ):
        labels = np.asarray(label, np.int64)[rows]
        if len(np.unique(labels)) > 1:
            yield _Variable(name, name, cause, lambda c, labels=labels, smallest=smallest: on_groups(  # type: ignore[misc]
                c, labels, smallest=smallest), lambda _: "")


def _scalar(name: str, called: str, cause: str, values: Array, unit: str) -> _Variable:
    """A variable of one number: a quartic polynomial of its rank, so that no single value can rule."""
    place = 2 * (rankdata(values) - 0.5) / len(values) - 1
    terms = place[:, None] ** np.arange(1, 5)

    def where(fitted: Array) -> str:
        low, high = (values <= np.quantile(values, 0.1)), (values >= np.quantile(values, 0.9))
        return (f" (mean {fitted[low].mean():+.2f} at {values[low].mean():.2g} {unit}, {fitted[high].mean():+.2f} at "
                f"{values[high].mean():.2g} {unit})")

    return _Variable(name, called, cause, lambda c: on_terms(c, terms), where)


def _sphere_terms(direction: Array, degree: int) -> Array:
    """[n, (degree + 1)^2 - 1] polynomials of unit vectors [n, 3]: the span of the spherical harmonics to a degree.

    On the sphere z^2 is 1 - x^2 - y^2, so that monomials with at most the first power of z are all there are.
    """
    x, y, z = direction.T
    powers = [(a, b, c) for a in range(degree + 1) for b in range(degree + 1 - a) for c in (0, 1)
              if 0 < a + b + c <= degree]
    return np.stack([x**a * y**b * z**c for a, b, c in powers], axis=1)


def _view_words(angles: Array, fitted: Array) -> str:
    far = int(np.argmax(np.abs(fitted - fitted.mean())))
    return f" (most in views near rot {angles[far, 0]:.0f}, tilt {angles[far, 1]:.0f} degrees)"
