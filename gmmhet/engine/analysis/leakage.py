"""Whether coordinates depend on what they should not: the view, the micrograph, the defocus, the processing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from gmmhet.engine.analysis.dependence import Coordinate, Dependence, on_groups, on_terms
from gmmhet.engine.analysis.settings import DEPENDENCE
from gmmhet.engine.io import ParticleTable

__all__ = ["Leak", "RangeEnds", "ViewExtreme", "leakage"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ViewExtreme:
    """The viewing direction at which a coordinate differs most from its mean, degrees."""

    rot: float
    tilt: float


@dataclass(frozen=True)
class RangeEnds:
    """Mean of a coordinate, and of a variable in some unit, in the tenths of the particles of its lowest and highest
    values."""

    low: tuple[float, float]
    high: tuple[float, float]
    unit: str


@dataclass(frozen=True)
class Leak:
    """How much of a mode's coordinate depends on a variable.

    Attributes:
        mode: from 1. variable: its name in summary.json. share: of the variance of the coordinate, beyond what noise
            gives. p_value: of this test alone. real: significant among all tests of the table (Holm). flagged: real and
            not negligible. detectable: share from which it would be real. where: the coordinate differs.
    """

    mode: int
    variable: str
    share: float
    p_value: float
    real: bool
    flagged: bool
    detectable: float
    where: ViewExtreme | RangeEnds | None


def _nowhere(_: Array) -> None:
    return None


@dataclass(frozen=True)
class _Variable:
    """Something a coordinate may depend on: its name, the test of a coordinate, and where the fitted values differ."""

    name: str
    measure: Callable[[Coordinate], Dependence | None]
    where: Callable[[Array], ViewExtreme | RangeEnds | None] = _nowhere


def leakage(table: ParticleTable, halves: NDArray[np.int64], coordinates: Array, deviations: Array,
            resolution: float) -> list[Leak]:
    """How much of each mode's coordinate depends on view, in-plane angle, defocus, micrograph, half-set, optics, shift.

    Only the mean of a coordinate is tested, not its spread: posterior means spread less where images hold less
    information (in some views, at low defocus), and that is no fault. For the same reason means are freed of their
    shrinkage first (:mod:`gmmhet.engine.analysis.dependence`). View: regression on all polynomials of the viewing
    direction up to degree 4, which are the real spherical harmonics up to there. In-plane angle: three Fourier terms.
    Defocus and size of the shift: polynomials of the rank. Micrograph, half-set, optics group: one-way analysis of
    variance. Rows that share an image (symmetry expansion) do not count as independent: one of each is used.

    Args:
        table: the particles. halves: [n] 1 or 2, as the analysis used them.
        coordinates, deviations: [n, K] posterior means and standard deviations, in any unit; deviations of 0 for
            coordinates that are not shrunk towards a prior (gradient PCA).
        resolution: of the analysis, Angstrom; sizes of shifts that spread by less than a fiftieth of it are left out.
    Returns:
        one for each mode and variable that varies; flagged: real after Holm's correction for all tests of the table, a
        chance of 1 per cent of any false flag, and a share of at least 1 per cent. Modes whose coordinates do not vary
        have none.
    """
    rows = _independent_rows(table)
    variables = list(_variables(table, np.asarray(halves), rows, resolution))
    found: list[tuple[int, _Variable, Dependence]] = []
    for k, variable in product(range(coordinates.shape[1]), variables):
        if np.std(coordinates[rows, k]) > DEPENDENCE.least_variation:
            dependence = variable.measure(Coordinate.from_posterior(coordinates[rows, k], deviations[rows, k]))
            found += [] if dependence is None else [(k, variable, dependence)]
    real = _real(np.array([d.p_value for _, _, d in found]))
    return [_leak(k, variable, dependence, bool(real[i]), DEPENDENCE.level / len(found))
            for i, (k, variable, dependence) in enumerate(found)]


def _leak(k: int, variable: _Variable, found: Dependence, real: bool, level: float) -> Leak:
    flagged = real and found.share >= DEPENDENCE.smallest_share
    return Leak(k + 1, variable.name, found.share, found.p_value, real, flagged, found.detectable(level),
                variable.where(found.fitted) if flagged else None)


def _real(p_values: Array) -> NDArray[np.bool_]:
    """Which tests hold together at the level of the table (Holm 1979)."""
    order = np.argsort(p_values)
    passed = p_values[order] <= DEPENDENCE.level / np.arange(len(order), 0, -1)
    real = np.zeros(len(order), bool)
    real[order] = np.logical_and.accumulate(passed)
    return real


def _independent_rows(table: ParticleTable) -> NDArray[np.int64]:
    """One row of each image, at random among those that share it; at most DEPENDENCE.most_particles."""
    rng = np.random.default_rng(0)
    order = rng.permutation(len(table))
    image = table.stack_index * (int(table.slice_index.max(initial=0)) + 1) + table.slice_index
    chosen = order[np.unique(image[order], return_index=True)[1]]
    most = DEPENDENCE.most_particles
    return np.sort(rng.choice(chosen, most, replace=False) if len(chosen) > most else chosen)


def _variables(table: ParticleTable, halves: NDArray[np.int64], rows: NDArray[np.int64], resolution: float,
               ) -> Iterator[_Variable]:
    """Those that vary between the rows."""
    n = len(rows)
    angles = table.angles[rows]
    direction = table.rotations[rows, 2]
    degree = max(d for d in range(1, DEPENDENCE.highest_degree + 1)
                 if d == 1 or (d + 1) ** 2 - 1 <= n / DEPENDENCE.particles_per_term)
    terms = _sphere_terms(direction, degree)
    yield _Variable("view direction", lambda c: on_terms(c, terms), lambda z: _view_extreme(angles, z))
    psi = np.deg2rad(angles[:, 2])[:, None] * np.arange(1, 4)
    circle = np.concatenate([np.cos(psi), np.sin(psi)], axis=1)
    yield _Variable("in-plane angle", lambda c: on_terms(c, circle))
    if table.has_ctf:
        defocus = table.defocus[rows, :2].mean(1)
        yield _scalar("defocus", defocus / 1e4, "µm")
    shift = np.linalg.norm(table.origins[rows], axis=1)
    if np.std(shift) > DEPENDENCE.smallest_shift * resolution:
        yield _scalar("origin size", shift, "Å")
    yield from _groups(table, halves, rows)


def _groups(table: ParticleTable, halves: NDArray[np.int64], rows: NDArray[np.int64]) -> Iterator[_Variable]:
    """Those of which particles have a label."""
    fewest = DEPENDENCE.smallest_group
    for name, label, smallest in (("micrograph", table.micrograph, 2), ("half-set", halves, fewest),
                                  ("optics group", table.optics_index, fewest)):
        labels = np.asarray(label, np.int64)[rows]
        if len(np.unique(labels)) > 1:
            yield _Variable(name, partial(on_groups, labels=labels, smallest=smallest))


def _scalar(name: str, values: Array, unit: str) -> _Variable:
    """A variable of one number: a quartic polynomial of its rank, so that no single value can rule."""
    place = 2 * (rankdata(values) - 0.5) / len(values) - 1
    terms = place[:, None] ** np.arange(1, 5)

    def where(fitted: Array) -> RangeEnds:
        low, high = (values <= np.quantile(values, 0.1)), (values >= np.quantile(values, 0.9))
        return RangeEnds((float(fitted[low].mean()), float(values[low].mean())),
                         (float(fitted[high].mean()), float(values[high].mean())), unit)

    return _Variable(name, lambda c: on_terms(c, terms), where)


def _sphere_terms(direction: Array, degree: int) -> Array:
    """[n, (degree + 1)^2 - 1] polynomials of unit vectors [n, 3]: the span of the spherical harmonics to a degree.

    On the sphere z^2 is 1 - x^2 - y^2, so that monomials with at most the first power of z are all there are.
    """
    x, y, z = direction.T
    powers = [(a, b, c) for a in range(degree + 1) for b in range(degree + 1 - a) for c in (0, 1)
              if 0 < a + b + c <= degree]
    return np.stack([x**a * y**b * z**c for a, b, c in powers], axis=1)


def _view_extreme(angles: Array, fitted: Array) -> ViewExtreme:
    far = int(np.argmax(np.abs(fitted - fitted.mean())))
    return ViewExtreme(float(angles[far, 0]), float(angles[far, 1]))
