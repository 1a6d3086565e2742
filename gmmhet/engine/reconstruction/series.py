"""A series of maps: half-sets, their comparison, and the map from both."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.io import DensityMap, ParticleTable, write_map
from gmmhet.engine.molecule.maps import radial_power, resample_map, soft_mask
from gmmhet.engine.reconstruction.curves import HalfMapCurves, compare_halves, half_map_signal, power_signal
from gmmhet.engine.reconstruction.envelope import signal_envelope, solve_within_envelope
from gmmhet.engine.reconstruction.equations import Accumulator, NormalEquations
from gmmhet.engine.reconstruction.local_resolution import local_resolution
from gmmhet.engine.reconstruction.particle_windows import Selection
from gmmhet.engine.reconstruction.results import (
    LocalRecord,
    MapContent,
    MapRecord,
    MapResult,
    ResultFolder,
    described_local,
    number_or_none,
)
from gmmhet.engine.reconstruction.settings import SERIES, SOLVER
from gmmhet.engine.reconstruction.slices import SliceReader
from gmmhet.engine.reconstruction.solver import half_map, solve
from gmmhet.engine.runtime.pool import Replicated, pool
from gmmhet.engine.wording import reconstruction as wording

__all__ = ["Series", "at_once", "half_equations", "near_limit"]

_POINTS_AT_ONCE = 1 << 21
_MEMORY = 1.5e9  # bytes, that half maps made at the same time may take
_BYTES_PER_CELL = 14  # of the grid of twice the box

_Half = tuple[NormalEquations | None, NDArray[np.float32]]


def half_equations(reader: SliceReader, rows: NDArray[np.int64], weights: NDArray[np.float32],
                   symmetry: NDArray[np.float64]) -> NormalEquations | None:
    """Normal equations of some particles, read in batches; None for no particles.

    Args:
        rows: [b] of the particles. weights: [b]. symmetry: [order, 3, 3]; every view also counts as that of the turned
            molecule, with 1 / order of its weight.
    """
    equations = Accumulator(reader.disc.size)
    batch = max(1, _POINTS_AT_ONCE // len(reader.disc.shell))
    for start in range(0, len(rows), batch):
        some = rows[start:start + batch]
        values, shares = reader.read(some, weights[start:start + batch] / np.float32(len(symmetry)))
        for turn in symmetry:
            equations.add(reader.points(reader.table.views[some] @ turn), values, shares)
    return equations.finish()


@dataclass(frozen=True)
class Series(Replicated):
    """What all maps of a series have in common.

    Attributes:
        table: the particles, or halves of their images. contrast: [n]. noise: [groups, box // 2 + 1].
        pixels: [n] which half of an image's Fourier pixels is used, 0 or 1; None: all. selection: who makes which map.
        symmetry: [order, 3, 3]. mask: [box] * 3 for the curves, or None: one is made for every map.
        seed: of the randomised phases. folder: where maps go.
    """

    table: ParticleTable
    contrast: NDArray[np.float64]
    noise: NDArray[np.float64]
    pixels: NDArray[np.int8] | None
    selection: Selection
    symmetry: NDArray[np.float64]
    mask: NDArray[np.float32] | None
    seed: int
    folder: ResultFolder

    @property
    def missing(self) -> list[int]:
        """Maps, from 0, that are not made yet."""
        return [i for i in range(len(self.selection)) if i + 1 not in self.folder.done]

    @property
    def steps(self) -> int:
        """What make will give."""
        return len(self.missing)

    def warnings(self) -> list[str]:
        """What there is to warn of before the maps are made, one line each."""
        return []

    def make(self, threads: int) -> Iterator[MapResult | None]:
        """Make the maps that are missing, half maps some way ahead in other threads; or each worker of the run a map.
        Gives None after other work that takes about as long.

        A large box is tried at 128 voxels first: where the half maps stop agreeing before its Nyquist frequency, the
        full size would only add noise.

        Raises:
            InputError: a map would have no particles, or images cannot be read.
        """
        missing = self.missing
        for i in missing:
            if not len(self._rows(i, 1)) and not len(self._rows(i, 2)):
                raise InputError(f"gmmhetContrast is 0 for every particle of map {i + 1}; expected the contrast of the "
                                 "images")
        if pool().elsewhere:
            yield from pool().each(self._make_one, (threads,), missing)
            return
        first = self._first_size
        waiting: deque[tuple[int, list[Future[_Half]]]] = deque()
        with ThreadPoolExecutor(at_once(first, threads)) as threaded:
            try:
                for i in missing:
                    waiting.append((i, self._submit(threaded, first, i)))
                    if len(waiting) > max(1, threads // 2):
                        yield self._finish(first, *waiting.popleft(), threads)
                while waiting:
                    yield self._finish(first, *waiting.popleft(), threads)
            finally:
                threaded.shutdown(cancel_futures=True)

    @property
    def _first_size(self) -> int:
        return SERIES.coarse if self.table.box > SERIES.coarse_above else self.table.box

    def _make_one(self, threads: int, index: int) -> MapResult:
        """A map and its files, on any worker."""
        with ThreadPoolExecutor(at_once(self._first_size, threads)) as threaded:
            halves = self._submit(threaded, self._first_size, index)
        return self._finish(self._first_size, index, halves, threads)

    def _submit(self, pool: ThreadPoolExecutor, size: int, index: int) -> list[Future[_Half]]:
        return [pool.submit(self._half, size, index, half) for half in (1, 2)]

    def _reader(self, size: int) -> SliceReader:
        return SliceReader(self.table, self.contrast, self.noise, size, self.pixels)

    def _images(self, rows: int) -> int:
        """As how many whole images some rows count."""
        return rows if self.pixels is None else -(-rows // 2)

    def _rows(self, index: int, half: int) -> NDArray[np.int64]:
        rows = self._used(half)
        return np.asarray(rows[self.selection.weights[index, rows] > 0])

    def _used(self, half: int) -> NDArray[np.int64]:
        """Particles of a half; those without contrast tell nothing."""
        return np.flatnonzero((self.table.halves == half) & (self.contrast != 0))

    def _require_halves(self, reason: str) -> None:
        """Raise InputError where a half has no particle at all; reason: what both are needed for."""
        for half in (1, 2):
            if not len(self._used(half)):
                raise InputError(f"{self.table.source}: no particle in half {half} (of contrast other than 0); "
                                 f"expected both half-sets, {reason}")

    def _half(self, size: int, index: int, half: int) -> _Half:
        """Equations of a half-set and its map, without regard to the other half."""
        rows = self._rows(index, half)
        reader = self._reader(size)
        equations = half_equations(reader, rows, self.selection.weights[index, rows], self.symmetry)
        if equations is None:
            return None, np.zeros((size,) * 3, np.float32)
        return equations, half_map(equations)

    def _finish(self, size: int, index: int, halves: list[Future[_Half]], threads: int) -> MapResult:
        (first, first_map), (second, second_map) = (half.result() for half in halves)
        halves.clear()
        both = first_map + second_map
        pixel = self._pixel(size)
        mask = self._mask_of(both, size)
        given = [e for e in (first, second) if e is not None]
        curves = (compare_halves(first_map, second_map, mask, pixel, self.seed + index) if len(given) == 2 else
                  HalfMapCurves.of_one_half(size, pixel))
        if size < self.table.box and len(given) == 2 and near_limit(curves) > SERIES.goes_on:
            del first, second, given
            with ThreadPoolExecutor(at_once(self.table.box, threads)) as threaded:
                again = self._submit(threaded, self.table.box, index)
            return self._finish(self.table.box, index, again, threads)
        total = given[0] + given[1] if len(given) == 2 else given[0]
        if len(given) == 2:
            density = self._enveloped(total, (first_map, second_map), curves, mask, threads)
        else:
            weights = total.shell_weights()
            signal = power_signal(both, weights, radial_power(both))
            density = solve(total, weights / signal, iterations=SOLVER.iterations, workers=threads)
        return self._write(index, {"file": density, "half1": first_map, "half2": second_map}, curves, threads,
                           self._particles(index))

    def _enveloped(self, total: NormalEquations, halves: tuple[NDArray[np.float32], NDArray[np.float32]],
                   curves: HalfMapCurves, mask: NDArray[np.float32], threads: int) -> NDArray[np.float32]:
        """The map of both half-sets, within the envelope of the signal that their maps agree on."""
        pixel = self._pixel(len(mask))
        width = (curves.resolution(0.143) or SERIES.unresolved * pixel) / pixel
        envelope = signal_envelope(*halves, curves.unmasked, width)
        return solve_within_envelope(total, half_map_signal(curves), envelope, mask, workers=threads)

    def _pixel(self, size: int) -> float:
        return self.table.pixel_size * self.table.box / size

    def _mask_of(self, density: NDArray[np.float32], size: int) -> NDArray[np.float32]:
        """The user's mask, or one made from the map."""
        return self._masks[size] if self.mask is not None else soft_mask(DensityMap(density, self._pixel(size)))

    @cached_property
    def _masks(self) -> dict[int, NDArray[np.float32]]:
        """The user's mask on the grids that are in use."""
        assert self.mask is not None
        full = DensityMap(self.mask, self.table.pixel_size)
        coarse = resample_map(full, SERIES.coarse, self._pixel(SERIES.coarse)).data
        return {SERIES.coarse: np.clip(coarse, 0, 1), self.table.box: self.mask}

    def _write(self, index: int, maps: dict[str, NDArray[np.float32]], curves: HalfMapCurves, threads: int,
               content: MapContent) -> MapResult:
        """Files of a map, and its entry in summary.json.

        Args:
            maps: by "file", "half1" and "half2". content: what the map is made of.
        """
        stem = f"map_{index + 1:02d}"
        names = {"file": f"{stem}.mrc", "half1": f"{stem}_half1.mrc", "half2": f"{stem}_half2.mrc"}
        for key, data in maps.items():
            write_map(self.folder.path / names[key], self._on_particle_grid(data), self.table.pixel_size)
        mean, low, high = (number_or_none(v[index]) for v in (
            self.selection.coordinate, self.selection.low, self.selection.high))
        record: MapRecord = {
            "file": names["file"], "half1": names["half1"], "half2": names["half2"], **content,
            "coordinate": mean, "low": low, "high": high, "coordinates": [], "sharpened": None,
            "resolution_fsc143": curves.resolution(0.143), "resolution_fsc500": curves.resolution(0.5),
            "finest": 2 * self._pixel(len(maps["file"])), **self._write_local(stem, maps, curves, threads)}
        return MapResult(index + 1, record, curves.frequency.tolist(), curves.columns())

    def _particles(self, index: int) -> MapContent:
        rows = [len(self._rows(index, half)) for half in (1, 2)]
        counts = [self._images(number) for number in rows]
        empty = [half for half, count in enumerate(counts, 1) if count == 0]
        note = wording.no_half(empty[0]) if empty else None
        effective = self.selection.n_effective(index, self.contrast != 0) / (1 if self.pixels is None else 2)
        return {"n_particles": self._images(sum(rows)), "n_effective": effective, "n_half1": counts[0],
                "n_half2": counts[1], "note": note}

    def _write_local(self, stem: str, maps: dict[str, NDArray[np.float32]], curves: HalfMapCurves,
                     threads: int) -> LocalRecord:
        """Local resolution, where there are two halves: its file, and its percentiles."""
        if not (maps["half1"].any() and maps["half2"].any()):
            return described_local(None, None)
        size, name = len(maps["file"]), f"{stem}_local_resolution.mrc"
        pixel = self._pixel(size)
        local = local_resolution(maps["half1"], maps["half2"], pixel, threads)
        write_map(self.folder.path / name, local.on_grid(self.table.box, self.table.pixel_size), self.table.pixel_size)
        mask = None if self.mask is None else DensityMap(self._masks[size], pixel)
        blur = curves.resolution(0.143) or 6 * pixel
        return described_local(name, local.percentiles(DensityMap(maps["file"], pixel), blur, mask))

    def _on_particle_grid(self, density: NDArray[np.float32]) -> NDArray[np.float32]:
        """A coarser map has the same Fourier coefficients, so larger voxel values."""
        size = len(density)
        if size == self.table.box:
            return density
        scaled = density * np.float32((size / self.table.box) ** 3)
        return resample_map(DensityMap(scaled, self._pixel(size)), self.table.box, self.table.pixel_size).data


def at_once(size: int, threads: int) -> int:
    """How many half maps may be made at the same time."""
    return int(np.clip(_MEMORY // (_BYTES_PER_CELL * (2 * size) ** 3), 1, threads))


def near_limit(curves: HalfMapCurves) -> float:
    """Mean correlation near the Nyquist frequency."""
    first, last = (int(share * len(curves.masked)) for share in SERIES.near_limit)
    return float(curves.masked[first:last].mean())
