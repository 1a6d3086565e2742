"""A series of maps at points of latent space, each from all particles: their motion is undone.

The molecule is taken to be of a few parts that move as rigid bodies (gmmhet.engine.rigid_parts). Every part gets a map
of its own from all particles, in which they are turned and moved back part by part (see
:mod:`~gmmhet.engine.reconstruction.undone`), and half maps. At a point, the maps of the parts are put where the
Gaussians say that the parts are, each within a soft mask around its own Gaussians; the heaviest part fills the
solvent.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from gmmhet.engine.density import gaussian_density
from gmmhet.engine.errors import InputError
from gmmhet.engine.gaussians import GaussianModel
from gmmhet.engine.io import DensityMap
from gmmhet.engine.maps import soft_mask
from gmmhet.engine.parallel import communicator
from gmmhet.engine.reconstruction.curves import compare_halves
from gmmhet.engine.reconstruction.equations import NormalEquations
from gmmhet.engine.reconstruction.results import MapResult
from gmmhet.engine.reconstruction.selection import Windows
from gmmhet.engine.reconstruction.series import GOES_ON, Series, at_once, near_limit
from gmmhet.engine.reconstruction.slices import SliceReader
from gmmhet.engine.reconstruction.solver import half_map
from gmmhet.engine.reconstruction.undone import Deforming, part_equations

__all__ = ["MotionSeries"]

Map = NDArray[np.float32]
_SPLINE = 3
_NO_MOVE = 0.02  # voxels at the edge of the box


@dataclass(frozen=True)
class _PartMap:
    """In the reference conformation: the map from both half-sets, those of the halves, and where the part is; [box] *
    3 each."""

    density: Map
    halves: tuple[Map, Map]
    mask: Map


@dataclass(frozen=True)
class MotionSeries(Series):
    """Attributes:
        selection: a Windows, whose points are where maps are wanted.
        deforming: how the particles move. shown: [K, N, 3] Angstrom, movements by the coordinates as maps show them.
    """

    deforming: Deforming
    shown: NDArray[np.float64]

    @property
    def steps(self) -> int:
        missing = super().steps
        return missing + (len(self.deforming.parts) if missing else 0)

    def make(self, threads: int) -> Iterator[MapResult | None]:
        """Make the maps that are missing; the parts are reconstructed once, for all of them."""
        missing = [i for i in range(len(self.selection)) if i + 1 not in self.folder.done]
        if not missing:
            return
        for half in (1, 2):
            if not len(self._particles_of(half)):
                raise InputError(f"{self.table.source}: no particle in half {half} (of contrast other than 0); "
                                 "expected both half-sets, whose agreement filters the map of each part")
        self.deforming.placements  # noqa: B018 - computed once, before threads ask for it
        size = self._first_size
        parts: list[_PartMap] = []
        while len(parts) < len(self.deforming.parts):
            part, finer = self._part(size, len(parts), threads)
            if finer and size < self.table.box:
                size, parts = self.table.box, []
                continue
            parts.append(part)
            yield None
        yield from communicator().each(self._composed, (threads, size, parts), missing)

    def _particles_of(self, half: int) -> NDArray[np.int64]:
        return np.flatnonzero((self.table.halves == half) & (self.contrast != 0))

    def _part(self, size: int, number: int, threads: int) -> tuple[_PartMap, bool]:
        """A part's maps, and whether its half maps agree up to the end of the grid."""
        every, ranks = np.arange(len(self.table)), communicator()
        shares = [(every[some],) for some in ranks.parts(len(every))]
        halves = ranks.total(self._equations, (size, number, threads), shares)
        first, second = halves.of
        assert first is not None
        assert second is not None
        with ThreadPoolExecutor(min(2, at_once(size, threads))) as pool:
            maps = tuple(pool.map(half_map, (first, second)))
        pixel, mask = self._pixel(size), self._mask(self._gaussians_of(number), size)
        curves = compare_halves(maps[0], maps[1], mask, pixel, self.seed)
        density = self._enveloped(first + second, (maps[0], maps[1]), curves, mask, threads)
        return _PartMap(density, (maps[0], maps[1]), mask), near_limit(curves) > GOES_ON

    def _equations(self, size: int, number: int, threads: int, rows: NDArray[np.int64]) -> "_Halves":
        """Of a rank's particles."""
        reader = SliceReader(self.table, self.contrast, self.noise, size)

        def half(which: int) -> NormalEquations | None:
            return part_equations(reader, self.deforming, number, np.intersect1d(rows, self._particles_of(which)))

        with ThreadPoolExecutor(min(2, at_once(size, threads))) as pool:
            first, second = pool.map(half, (1, 2))
        return _Halves((first, second))

    def _gaussians_of(self, number: int) -> GaussianModel:
        model, own = self.deforming.model, self.deforming.parts.part == number
        return GaussianModel(model.centers[own], model.weights[own], model.sigmas[own], model.box, model.pixel_size,
                             model.resolution)

    def _mask(self, model: GaussianModel, size: int) -> Map:
        density = gaussian_density(model, size, self._pixel(size))
        return soft_mask(density, max(model.resolution, 3 * self._pixel(size)))

    def _composed(self, threads: int, size: int, parts: list[_PartMap], index: int) -> MapResult:
        """The map at a point and its files."""
        windows = self.selection
        assert isinstance(windows, Windows)
        point = windows.points[index]
        centers = self.deforming.model.centers + np.tensordot(point, self.shown, 1)
        at = self.deforming.parts.place(centers[np.newaxis])
        placed = [_moved(part, at.turns[0, p], at.shifts[0, p] / self._pixel(size)) for p, part in enumerate(parts)]
        others = np.sum([part.mask for part in placed[1:]], axis=0, dtype=np.float32)
        shares = [np.maximum(placed[0].mask, np.clip(1 - others, 0, 1)), *(part.mask for part in placed[1:])]

        def together(maps: list[Map]) -> Map:
            return np.asarray(sum(share * data for share, data in zip(shares, maps, strict=True)), np.float32)

        density = together([part.density for part in placed])
        halves = [together([part.halves[half] for part in placed]) for half in (0, 1)]
        mask = (self._masks[size] if self.mask is not None else soft_mask(DensityMap(density, self._pixel(size))))
        curves = compare_halves(halves[0], halves[1], mask, self._pixel(size), self.seed + index)
        maps = {"file": density, "half1": halves[0], "half2": halves[1]}
        return self._write(index, maps, curves, threads, self._described(windows, index))

    def _described(self, windows: Windows, index: int) -> dict[str, Any]:
        counts = [len(self._particles_of(half)) for half in (1, 2)]
        note = None if windows.populated[index] else ("no particles are at the point: what is shown is where the "
                                                      "Gaussians put the parts there")
        return {"n_particles": sum(counts), "n_half1": counts[0], "n_half2": counts[1], "n_effective": sum(counts),
                "note": note, "populated": bool(windows.populated[index]), "parts": len(self.deforming.parts)}


@dataclass(frozen=True)
class _Halves:
    """Equations of both half-sets, which add up over ranks."""

    of: tuple[NormalEquations | None, NormalEquations | None]

    def __add__(self, other: "_Halves") -> "_Halves":
        first, second = (b if a is None else a if b is None else a + b for a, b in zip(self.of, other.of, strict=True))
        return _Halves((first, second))


def _moved(part: _PartMap, turn: NDArray[np.float64], shift: NDArray[np.float64]) -> _PartMap:
    """A part turned about the middle voxel and shifted by voxels (x, y, z), by splines."""
    box = len(part.mask)
    reach = np.abs(turn - np.eye(3)).sum() * box / 2 + np.abs(shift).sum()
    if reach < _NO_MOVE:
        return part
    axis = np.arange(box, dtype=np.float64) - box // 2
    back = turn.T[::-1, ::-1]  # in the order z, y, x
    start = -back @ shift[::-1]
    grid = (back[:, 0, None, None, None] * axis[:, None, None] + back[:, 1, None, None, None] * axis[:, None]
            + back[:, 2, None, None, None] * axis + (start + box // 2)[:, None, None, None])

    def moved(data: Map, order: int) -> Map:
        return np.asarray(map_coordinates(data, grid, order=order, mode="constant", output=np.float32))

    return _PartMap(moved(part.density, _SPLINE), (moved(part.halves[0], _SPLINE), moved(part.halves[1], _SPLINE)),
                    np.clip(moved(part.mask, 1), 0, 1))
