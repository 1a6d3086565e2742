"""A series of motion-corrected maps at points of latent space, each from all particles.

The molecule is taken to be of a few parts that move as rigid bodies (molecule.rigid_parts). Every part gets a map
of its own from all particles, in which they are turned and moved back part by part (see
:mod:`~reconstruction.deformed_backprojection`), and half maps. At a point, the maps of the parts are put where the
Gaussians say that the parts are, each with a share that is 1 within a soft mask around its own Gaussians; the heaviest
part fills the solvent. Where masks overlap they share, and each map is given back there what was taken off the images
for the other parts, so that the sum holds all density once: sum_p a_p (v_p + sum_(q != p) G_q), sum_p a_p = 1.
"""

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform

from gmmhet.engine.io import DensityMap
from gmmhet.engine.latent_space.particle_density import listed
from gmmhet.engine.molecule.deformation import Deformation
from gmmhet.engine.molecule.gaussian_map import gaussian_density
from gmmhet.engine.molecule.gaussians import GaussianModel
from gmmhet.engine.molecule.maps import soft_mask
from gmmhet.engine.reconstruction.curves import compare_halves
from gmmhet.engine.reconstruction.deformed_backprojection import Deforming, part_equations
from gmmhet.engine.reconstruction.equations import NormalEquations
from gmmhet.engine.reconstruction.particle_windows import Windows
from gmmhet.engine.reconstruction.results import SPOOL, MapContent, MapResult
from gmmhet.engine.reconstruction.series import Series, at_once, near_limit
from gmmhet.engine.reconstruction.settings import MOTION_CORRECTION, SERIES
from gmmhet.engine.reconstruction.solver import half_map
from gmmhet.engine.runtime.pool import pool, shares_of
from gmmhet.engine.runtime.settings import SHARES
from gmmhet.engine.wording import reconstruction as wording

__all__ = ["MotionSeries"]

Map = NDArray[np.float32]


@dataclass(frozen=True)
class _PartMap:
    """In the reference conformation: the map from both half-sets, those of the halves, and where the part is; [box] *
    3 each, in files."""

    density: Map
    halves: tuple[Map, Map]
    mask: Map

    @classmethod
    def kept(cls, stem: Path, density: Map, halves: tuple[Map, Map], mask: Map) -> "_PartMap":
        """Put into files, which the workers of a run read too."""
        found = []
        for name, data in zip(("map", "half1", "half2", "mask"), (density, *halves, mask), strict=True):
            path = stem.with_name(f"{stem.name}_{name}.npy")
            np.save(path, data)
            found.append(np.load(path, mmap_mode="r"))
        return cls(found[0], (found[1], found[2]), found[3])


@dataclass(frozen=True)
class MotionSeries(Series):
    """Attributes:
        selection: a Windows, whose points are where maps are wanted.
        deforming: how the particles move. shown: the deformation that maps show.
    """

    deforming: Deforming
    shown: Deformation

    def warnings(self) -> list[str]:
        assert isinstance(self.selection, Windows)
        empty = ~self.selection.populated
        return [wording.no_particles_at_points("motion", listed(empty), int(empty.sum()))] if empty.any() else []

    @property
    def steps(self) -> int:
        missing = super().steps
        return missing + (len(self.deforming.parts) if missing else 0)

    def make(self, threads: int) -> Iterator[MapResult | None]:
        """Make the maps that are missing; the parts are reconstructed once, for all of them."""
        missing = self.missing
        if not missing:
            return
        self._require_halves(wording.HALVES_FOR_PARTS)
        self.deforming.placements  # noqa: B018 - computed once, before threads ask for it
        with tempfile.TemporaryDirectory(prefix=SPOOL, dir=self.folder.path) as spool:
            size = self._first_size
            parts: list[_PartMap] = []
            while len(parts) < len(self.deforming.parts):
                part, finer = self._part(size, len(parts), threads, Path(spool))
                if finer and not parts and size < self.table.box:  # the heaviest part decides
                    size = self.table.box
                    continue
                parts.append(part)
                yield None
            yield from pool().each(self._composed, (threads, size, parts), missing)

    def _part(self, size: int, number: int, threads: int, spool: Path) -> tuple[_PartMap, bool]:
        """A part's maps, and whether its half maps agree up to the end of the grid."""
        every = np.arange(len(self.table))
        shares = [(every[some],) for some in shares_of(len(every), least=SHARES.particles_of_map)]
        halves = pool().total(self._equations, (size, number, threads), shares)
        first, second = halves.of
        assert first is not None
        assert second is not None
        with ThreadPoolExecutor(min(2, at_once(size, threads))) as threaded:
            maps = tuple(threaded.map(half_map, (first, second)))
        pixel = self._pixel(size)
        own = self._own(number, self.deforming.model.centers, self.deforming.model.weights, size)
        mask = soft_mask(own, max(self.deforming.model.resolution, 3 * pixel))
        curves = compare_halves(maps[0], maps[1], mask, pixel, self.seed)
        density = self._enveloped(first + second, (maps[0], maps[1]), curves, mask, threads)
        kept = _PartMap.kept(spool / f"part_{number + 1}", density, (maps[0], maps[1]), mask)
        return kept, near_limit(curves) > SERIES.goes_on

    def _equations(self, size: int, number: int, threads: int, rows: NDArray[np.int64]) -> "_Halves":
        """Of some particles."""
        reader = self._reader(size)

        def half(which: int) -> NormalEquations | None:
            return part_equations(reader, self.deforming, number, np.intersect1d(rows, self._used(which)))

        with ThreadPoolExecutor(min(2, at_once(size, threads))) as threaded:
            first, second = threaded.map(half, (1, 2))
        return _Halves((first, second))

    def _own(self, number: int, centers: NDArray[np.float64], weights: NDArray[np.float64], size: int) -> DensityMap:
        """The Gaussians of a part as a map, in the scale of maps of that size."""
        model, own = self.deforming.model, self.deforming.parts.part == number
        some = GaussianModel(centers[own], weights[own], model.sigmas[own], model.box, model.pixel_size,
                             model.resolution)
        return gaussian_density(some, size, self._pixel(size))

    def _composed(self, threads: int, size: int, parts: list[_PartMap], index: int) -> MapResult:
        """The map at a point and its files."""
        windows, deforming, pixel = self.selection, self.deforming, self._pixel(size)
        assert isinstance(windows, Windows)
        point = windows.points[index]
        centers = self.shown.centers(deforming.model.centers, point)
        weights = deforming.weights(point[np.newaxis])[0]
        at = deforming.parts.place(centers[np.newaxis])
        moves = [_Move(at.turns[0, p], at.shifts[0, p] / pixel) for p in range(len(parts))]
        shares = [np.clip(move.of(part.mask, order=1), 0, 1) for move, part in zip(moves, parts, strict=True)]
        total = np.sum(shares, axis=0, dtype=np.float32)
        shares = [share / np.maximum(total, 1) for share in shares]
        shares[0] += np.maximum(1 - total, 0)
        scale = np.float32((self.table.box / size) ** 3)  # of what a coarse map's voxels are, see _on_particle_grid
        own = [scale * self._own(p, centers, weights, size).data for p in range(len(parts))]
        whole = np.sum(own, axis=0, dtype=np.float32)
        given_back = sum(share * (whole - density) for share, density in zip(shares, own, strict=True))
        maps = {name: np.asarray(given_back, np.float32).copy() for name in ("file", "half1", "half2")}
        for part, move, share in zip(parts, moves, shares, strict=True):
            for total_map, data in zip(maps.values(), (part.density, *part.halves), strict=True):
                total_map += share * move.of(data)
        mask = self._mask_of(maps["file"], size)
        curves = compare_halves(maps["half1"], maps["half2"], mask, pixel, self.seed + index)
        return self._write(index, maps, curves, threads, self._described(windows, index))

    def _described(self, windows: Windows, index: int) -> MapContent:
        counts = [self._images(len(self._used(half))) for half in (1, 2)]
        note = None if windows.populated[index] else wording.no_particles_at_point("motion")
        return {"n_particles": sum(counts), "n_half1": counts[0], "n_half2": counts[1], "n_effective": sum(counts),
                "note": note, "populated": bool(windows.populated[index]), "parts": len(self.deforming.parts)}


@dataclass(frozen=True)
class _Halves:
    """Equations of both half-sets, which add up over shares."""

    of: tuple[NormalEquations | None, NormalEquations | None]

    def __add__(self, other: "_Halves") -> "_Halves":
        first, second = (b if a is None else a if b is None else a + b for a, b in zip(self.of, other.of, strict=True))
        return _Halves((first, second))


@dataclass(frozen=True)
class _Move:
    """A turn about the middle voxel, and a shift by voxels (x, y, z)."""

    turn: NDArray[np.float64]
    shift: NDArray[np.float64]

    def of(self, data: Map, order: int = MOTION_CORRECTION.spline_order) -> Map:
        """The map [box] * 3 moved, by splines."""
        middle = len(data) // 2
        reach = np.abs(self.turn - np.eye(3)).sum() * middle + np.abs(self.shift).sum()
        if reach < MOTION_CORRECTION.negligible_move:
            return np.array(data)
        back = self.turn.T[::-1, ::-1]  # in the order z, y, x
        offset = middle - back @ (middle + self.shift[::-1])
        return np.asarray(affine_transform(data, back, offset, order=order, mode="constant", output=np.float32))
