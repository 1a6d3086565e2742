"""Latent space as it is drawn: density over one or two modes, and the model at a point of it."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.io import DensityMap, write_map
from gmmhet.engine.landscape.points import surroundings
from gmmhet.engine.landscape.settings import CHART
from gmmhet.engine.landscape.surface import surface_picture
from gmmhet.engine.latent_space.extent import picture_pixel
from gmmhet.engine.latent_space.saved_analysis import Analysis
from gmmhet.engine.molecule.contour import contour_level
from gmmhet.engine.molecule.gaussian_map import gaussian_density
from gmmhet.engine.wording import landscape as wording

__all__ = ["Chart", "Place"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Place:
    """The model at a point.

    Attributes:
        point: [K]. density: map over the molecule alone, for looking at. surface: picture [height, width, 4] along z.
        populated: whether particles are there; words: on this, one line.
    """

    point: Array
    density: DensityMap
    surface: NDArray[np.uint8]
    populated: bool
    words: str


class Chart:
    """Density of the particles over one or two modes of an analysis.

    Attributes:
        modes: from 0, one or two. edges: of the drawing's cells, one array a mode. density: [cells, ...] relative;
            populated: [cells, ...], whatever the other coordinates are. places: [n, modes] of the particles.
    """

    def __init__(self, analysis: Analysis, modes: list[int]) -> None:
        self.analysis, self.modes = analysis, modes
        population = analysis.population.along(modes)
        self.places = population.coordinates
        low, high = self.places.min(axis=0), self.places.max(axis=0)
        margin = np.maximum(CHART.margin * (high - low), CHART.least_margin)
        cells = CHART.cells_of_one if len(modes) == 1 else CHART.cells_of_two
        self.edges = [np.linspace(a, b, cells + 1) for a, b in zip(low - margin, high + margin, strict=True)]
        middles = [(e[:-1] + e[1:]) / 2 for e in self.edges]
        grid = np.stack(np.meshgrid(*middles, indexing="ij"), axis=-1).reshape(-1, len(modes))
        shape = (cells,) * len(modes)
        density, _, populated = population.judge(grid)
        self.density, self.populated = density.reshape(shape), populated.reshape(shape)

    def place(self, given: list[float]) -> Place:
        """The model where the modes of the drawing have these coordinates, and the others what they are on average."""
        point = np.zeros((1, self.analysis.modes))
        point[0, self.modes] = given
        population = self.analysis.population
        point = population.expected(point, self.modes)
        around = surroundings(population, point)
        populated = bool(around.populated[0])
        unit = "subunits" if self.analysis.subunits > 1 else "particles"
        words = wording.near_point(float(around.near[0]), unit, populated)
        density = gaussian_density(self.analysis.gaussians_at(point[0]), CHART.picture, self._pixel)
        surface = surface_picture(density.data, self._level, self._mean.data, "along z")
        return Place(point[0], density, surface, populated, words)

    def save(self, place: Place, path: Path) -> None:
        """Write the map at a point, on the grid of the particles."""
        density = gaussian_density(self.analysis.gaussians_at(place.point))
        write_map(path, density.data, density.pixel_size)

    @cached_property
    def _pixel(self) -> float:
        """Of maps over the molecule wherever the particles have it, but no larger than the box (Angstrom)."""
        return picture_pixel(self.analysis, CHART.picture)

    @cached_property
    def _mean(self) -> DensityMap:
        return gaussian_density(self.analysis.gaussians_at(np.zeros(self.analysis.modes)), CHART.picture, self._pixel)

    @cached_property
    def _level(self) -> float:
        return contour_level(self._mean)
