"""The molecule at points of latent space, and maps of the result, as 8-bit volumes on one grid for looking at."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.io import read_map
from gmmhet.engine.latent_space.extent import picture_pixel
from gmmhet.engine.latent_space.saved_analysis import Analysis
from gmmhet.engine.molecule.contour import contour_level
from gmmhet.engine.molecule.first_view import first_view
from gmmhet.engine.molecule.gaussian_map import gaussian_density
from gmmhet.engine.molecule.maps import resample_map
from gmmhet.engine.view.settings import VIEW
from gmmhet.engine.wording.landscape import near_point

__all__ = ["Shape", "Shapes"]

Array = NDArray[np.float64]
_LEVEL = 127  # of 255, where the contour lies: densities up to twice its level are told apart


@dataclass(frozen=True)
class Shape:
    """A volume [z, y, x] of 8 bit, and what is known of it."""

    volume: NDArray[np.uint8]
    about: dict[str, Any]


class Shapes:
    """Shapes of an analysis; for use from several threads."""

    def __init__(self, analysis: Analysis) -> None:
        self._analysis = analysis
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[Any, ...], Shape] = OrderedDict()

    def at(self, given: dict[int, float], *, quick: bool = False) -> Shape:
        """The model at a point.

        Args:
            given: coordinates by mode, from 0; those of other modes are the mean of the particles near.
            quick: on a coarser grid.
        Raises:
            InputError: no such mode, or a coordinate that is not finite or far beyond the particles.
        """
        analysis = self._analysis
        limit = 4 * max(1.0, float(np.abs(analysis.coordinates).max()))
        for mode, value in given.items():
            if not 0 <= mode < analysis.modes or not abs(value) <= limit:
                raise InputError(f"coordinate {mode + 1} is {value:g}; expected modes 1 to {analysis.modes}, and at "
                                 f"most {limit:.3g} standard deviations")
        voxels = VIEW.quick_voxels if quick else VIEW.voxels
        key = (voxels, *sorted((k, round(v, 4)) for k, v in given.items()))
        with self._lock:
            if key not in self._kept:
                self._keep(key, self._made(given, voxels))
            self._kept.move_to_end(key)
            return self._kept[key]

    def of_file(self, path: Path) -> Shape:
        """A map of the result.

        Raises:
            InputError: it cannot be read.
        """
        status = path.stat()
        key = (str(path), status.st_mtime_ns, status.st_size)
        with self._lock:
            if key not in self._kept:
                density = read_map(path)
                level = contour_level(density)
                on_grid = resample_map(density, VIEW.voxels, self._pixel(VIEW.voxels))
                self._keep(key, Shape(_eight_bit(on_grid.data, level), self._grid(VIEW.voxels)))
            return self._kept[key]

    def resolution_of_file(self, path: Path) -> Shape:
        """A map of the local resolution, scaled from its finest to its coarsest value within the molecule.

        Raises:
            InputError: it cannot be read.
        """
        density = read_map(path)
        grid = resample_map(density, VIEW.voxels, self._pixel(VIEW.voxels)).data
        low, high = (float(v) for v in np.percentile(density.data, (1, 60)))
        high = max(high, low + 1e-3)
        scaled = np.clip((grid - low) / (high - low), 0, 1) * 255
        return Shape(scaled.astype(np.uint8), {**self._grid(VIEW.voxels), "low": low, "high": high})

    def gaussians(self) -> tuple[dict[str, Any], NDArray[np.float32]]:
        """Centres [N, 3] and displacements per unit of every field [M, N, 3], one after the other, Angstrom."""
        model, position = self._analysis.model, self._analysis.deformation.position
        about = {"count": len(model.centers), "fields": len(position), "width": float(np.median(model.sigmas))}
        return about, np.concatenate([model.centers[None], position]).astype(np.float32)

    @cached_property
    def view(self) -> list[float]:
        """The rotation, row by row, that shows most of the molecule and its motion."""
        spread = self._analysis.coordinates.std(axis=0)
        straight = self._analysis.deformation.straight().position
        found = first_view(self._analysis.model.centers, straight * spread[:, None, None])
        return [float(v) for v in found.ravel()]

    def _made(self, given: dict[int, float], voxels: int) -> Shape:
        point = np.zeros((1, self._analysis.modes))
        point[0, list(given)] = list(given.values())
        population = self._analysis.population
        point = population.expected(point, sorted(given))
        density, near, populated = population.judge(point)
        unit = "subunits" if self._analysis.subunits > 1 else "particles"
        volume = gaussian_density(self._analysis.gaussians_at(point[0]), voxels, self._pixel(voxels))
        return Shape(_eight_bit(volume.data, self._level), {
            **self._grid(voxels), "point": [round(float(v), 4) for v in point[0]],
            "amounts": [round(float(t), 5) for t in self._analysis.deformation.amounts(point[0])],
            "populated": bool(populated[0]), "near": float(near[0]), "density": float(density[0]),
            "words": near_point(float(near[0]), unit, bool(populated[0]))})

    def _keep(self, key: tuple[Any, ...], shape: Shape) -> None:
        self._kept[key] = shape
        while len(self._kept) > VIEW.kept_shapes:
            self._kept.popitem(last=False)

    def _pixel(self, voxels: int) -> float:
        return self._finest * VIEW.voxels / voxels

    @cached_property
    def _finest(self) -> float:
        return picture_pixel(self._analysis, VIEW.voxels)

    @cached_property
    def _level(self) -> float:
        origin = self._analysis.gaussians_at(np.zeros(self._analysis.modes))
        return contour_level(gaussian_density(origin, VIEW.voxels, self._finest))

    def _grid(self, voxels: int) -> dict[str, Any]:
        pixel = self._pixel(voxels)
        return {"shape": [voxels] * 3, "origin": [-(voxels // 2) * pixel] * 3, "pixel": pixel, "level": _LEVEL}


def _eight_bit(data: NDArray[np.float32], level: float) -> NDArray[np.uint8]:
    return np.asarray(np.clip(np.rint(data * (_LEVEL / level)), 0, 255), np.uint8)
