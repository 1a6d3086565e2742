"""Points of latent space as they are typed or read, with what is known of their surroundings."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.io.points import read_points
from gmmhet.engine.landscape.settings import POINTS
from gmmhet.engine.latent_space.particle_density import Population, listed
from gmmhet.engine.latent_space.saved_analysis import Analysis
from gmmhet.engine.latent_space.settings import PARTICLE_DENSITY
from gmmhet.engine.wording import landscape as wording

__all__ = ["REST", "PopulatedRule", "Surroundings", "given_points", "looks_closed", "rule", "surroundings"]

Array = NDArray[np.float64]

#: what coordinates are that are not given: 0, the mean of all particles, or the mean of the particles near
REST = ("mean", "near")


class PopulatedRule(TypedDict):
    """summary.json's ``population`` (of map)."""

    unit: str
    count: int
    kernel_width: list[float]
    lowest_density: float
    fewest_near: float
    words: str


@dataclass(frozen=True)
class Surroundings:
    """Attributes: density (relative), near (number of particles), populated: [P], of Population.judge."""

    density: Array
    near: Array
    populated: NDArray[np.bool_]

    def warning(self) -> str:
        """One line on points without particles; empty where there are none."""
        count = int(np.sum(~self.populated))
        if count == 0:
            return ""
        return wording.unpopulated_points(count, len(self.populated), listed(~self.populated))


def given_points(analysis: Analysis, typed: Sequence[str], table: Path | None, *, rest: str = "mean",
                 option: str = "--at") -> Array:
    """[P, K] points typed as "0.5,-1.2" and those of a points.csv, in this order.

    Args:
        rest: one of REST, for coordinates beyond those that are typed. option: its name, for messages.
    Raises:
        InputError: no numbers, more of them than modes, or a number beyond 25 standard deviations.
    """
    found = []
    for text in typed:
        values = _numbers(text, option)
        if len(values) > analysis.modes:
            raise InputError(f"{option} is {text!r}, {len(values)} coordinates; expected at most {analysis.modes}, as "
                             "the analysis has modes")
        point = np.zeros((1, analysis.modes))
        point[0, :len(values)] = values
        found.append(analysis.population.expected(point, list(range(len(values)))) if rest == "near" else point)
    if table is not None:
        found.append(read_points(table, analysis.modes))
    points = np.concatenate(found) if found else np.zeros((0, analysis.modes))
    reach = POINTS.farthest * np.maximum(1.0, analysis.coordinates.std(axis=0))
    beyond = np.argwhere(np.abs(points) > reach)
    if len(beyond):
        row, k = beyond[0]
        raise InputError(f"point {row + 1}: coordinate {k + 1} is {points[row, k]:g}; expected standard deviations, at "
                         f"most {reach[k]:.3g} to either side (the particles' go from "
                         f"{analysis.coordinates[:, k].min():.3g} to {analysis.coordinates[:, k].max():.3g})")
    return points


def _numbers(text: str, option: str) -> list[float]:
    try:
        values = [float(word) for word in text.split(",")]
    except ValueError:
        values = []
    if not values or not np.isfinite(values).all():
        raise InputError(f"{option} is {text!r}; expected coordinates separated by commas, such as 0.5,-1.2")
    return values


def surroundings(population: Population, points: Array) -> Surroundings:
    """What is near points [P, K]."""
    return Surroundings(*population.judge(points))


def rule(analysis: Analysis) -> PopulatedRule:
    """How populated is decided, for summary.json."""
    population = analysis.population
    unit = "subunits" if analysis.subunits > 1 else "particles"
    width = population.deconvolved.width if population.sharp else population.width
    return {"unit": unit, "count": len(population.coordinates), "kernel_width": width.tolist(),
            "lowest_density": population.level, "fewest_near": population.fewest,
            "words": wording.populated_rule(unit, 1 - PARTICLE_DENSITY.outside, population.fewest)}


def looks_closed(points: Array) -> bool:
    """Whether the last of points [P, K] is as near to the first as neighbours are to each other."""
    if len(points) < POINTS.fewest_closed:
        return False
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    return bool(np.linalg.norm(points[-1] - points[0]) <= POINTS.closing * np.median(steps))
