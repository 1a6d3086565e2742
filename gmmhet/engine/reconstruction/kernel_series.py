"""A series of maps at points of latent space, each from nested windows of particles.

First, windows around up to 16 of the points tell where the molecule moves at all; then every map is made with that.
What the windows say is on disk between the two, at most 16 points' at a time; maps on grids of more than 160 voxels,
for which that would be much, are made one by one.
"""

import dataclasses
import itertools
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.io import DensityMap
from gmmhet.engine.molecule.maps import soft_mask
from gmmhet.engine.reconstruction.curves import compare_halves
from gmmhet.engine.reconstruction.equations import NormalEquations
from gmmhet.engine.reconstruction.multiscale import (
    Combined,
    Estimate,
    Evidence,
    combine,
    compose,
    decompose,
    maps_apart,
)
from gmmhet.engine.reconstruction.particle_windows import Windows
from gmmhet.engine.reconstruction.results import SPOOL, MapContent, MapResult
from gmmhet.engine.reconstruction.series import Series, at_once, half_equations, near_limit
from gmmhet.engine.reconstruction.settings import KERNELS, SERIES, SERIES_EVIDENCE
from gmmhet.engine.reconstruction.windows import Window
from gmmhet.engine.runtime.pool import pool, shares_of
from gmmhet.engine.runtime.settings import SHARES
from gmmhet.engine.sampling import evenly_spread
from gmmhet.engine.wording import reconstruction as wording

__all__ = ["KernelSeries"]



@dataclass(frozen=True)
class KernelSeries(Series):
    """Maps around points: see :mod:`~gmmhet.engine.reconstruction.multiscale`. selection: a Windows."""

    def make(self, threads: int) -> Iterator[MapResult | None]:
        """Make the maps that are missing. The window of all particles is made once, for all of them."""
        missing = self.missing
        if not missing:
            return
        self._require_halves(wording.HALVES_FOR_KERNELS)
        with tempfile.TemporaryDirectory(prefix=SPOOL, dir=self.folder.path) as spool:
            base = self._widest(threads)
            if pool().elsewhere or self._size(base) > SERIES.coarse_above:
                base = base.spooled(Path(spool))
            evidence, kept = Evidence({}), dict[int, dict[int, int]]()
            looked_at = [] if self._size(base) > SERIES.coarse_above else [(i, i in missing) for i in self._looks]
            for found, more in pool().each(self._look, (threads, base, Path(spool)), looked_at):
                kept |= dict(found)
                evidence += more
                yield None
            yield from (None for _ in self._looks[len(looked_at):])
            evidence = dataclasses.replace(evidence, apart=self._apart)
            common = threads, base, self._whole(base, threads), evidence, Path(spool)
            for i, result in zip(missing, pool().each(self._around, common, [(i, kept.get(i)) for i in missing]),
                                 strict=True):
                self._forget(Path(spool), i)  # not before the result is here: a worker that is lost reads them again
                yield result

    def warnings(self) -> list[str]:
        assert isinstance(self.selection, Windows)
        return self.selection.warnings()

    @property
    def steps(self) -> int:
        missing = super().steps
        return missing + (len(self._looks) if missing else 0)

    @cached_property
    def _looked_at(self) -> list[int]:
        """Points that tell where the molecule moves, evenly taken from all, so that a resumed run has the same."""
        return [int(i) for i in evenly_spread(len(self.selection), KERNELS.points_looked_at)]

    @property
    def _looks(self) -> list[int]:
        """The points looked at; none where they would not help."""
        return [] if max(self._apart.values(), default=0.0) < SERIES_EVIDENCE.fewest_apart else self._looked_at

    @cached_property
    def _apart(self) -> dict[int, float]:
        """As how many maps the windows around the points looked at count, by number: from 1, wide ones first."""
        windows, n = self.selection, len(self.table)
        assert isinstance(windows, Windows)
        order = [windows.nearest(i) for i in self._looked_at]
        found = {}
        for number, size in enumerate(reversed([size for size in windows.sizes if size < n]), 1):
            members = np.zeros((len(order), n), np.float32)
            for row, nearest in zip(members, order, strict=True):
                row[nearest[:size]] = 1
            found[number] = maps_apart(members @ members.T / size, size / n)
        return found

    def _look(self, threads: int, base: Window, spool: Path, item: tuple[int, bool],
              ) -> tuple[list[tuple[int, dict[int, int]]], Evidence]:
        """What the windows around a point agree on. item: its number, and whether what they say is to go to files."""
        index, kept = item
        found: dict[int, int] = {}

        def keep(estimate: Estimate) -> None:
            if kept:
                estimate.write(self._stem(spool, index))
                found[estimate.number] = estimate.n
        evidence = decompose(self._windows(threads, base, index, spool), self._size(base), threads, keep=keep)
        return [(index, found)] if kept else [], evidence

    @staticmethod
    def _stem(spool: Path, index: int) -> Path:
        return spool / f"point_{index + 1}"

    def _forget(self, spool: Path, index: int) -> None:
        """Files of a point whose map is made."""
        for path in spool.glob(f"{self._stem(spool, index).name}_*"):
            path.unlink()

    @staticmethod
    def _size(window: Window) -> int:
        return next(half.box for half in window.halves if half is not None)

    def _widest(self, threads: int) -> Window:
        """All particles, at the size of the grid that they need."""
        rows = np.arange(len(self.table))
        shares = [(rows[part],) for part in shares_of(len(rows), least=SHARES.particles_of_map)]
        size = self._first_size
        window = pool().total(self._window, (size, threads), shares)
        if size < self.table.box:
            first, second = window.maps
            mask = soft_mask(DensityMap(first + second, self._pixel(size)))
            if near_limit(compare_halves(first, second, mask, self._pixel(size), self.seed)) > SERIES.goes_on:
                window = pool().total(self._window, (self.table.box, threads), shares)
        return window

    def _window(self, size: int, threads: int, rows: NDArray[np.int64]) -> Window:
        reader = self._reader(size)
        used = rows[self.contrast[rows] != 0]

        def half(number: int) -> NormalEquations | None:
            some = np.sort(used[self.table.halves[used] == number])
            return half_equations(reader, some, np.ones(len(some), np.float32), self.symmetry)

        with ThreadPoolExecutor(min(2, at_once(size, threads))) as threaded:
            first, second = threaded.map(half, (1, 2))
        return Window(len(used), (first, second))

    def _windows(self, threads: int, base: Window, index: int, folder: Path) -> Iterator[Window]:
        """Around a point, wide ones first; made of its particles, narrow ones first."""
        windows = self.selection
        assert isinstance(windows, Windows)
        size = self._size(base)
        nested: list[Window] = []
        nearest = windows.nearest(index)
        with tempfile.TemporaryDirectory(dir=folder) as spool:
            for inner, outer in itertools.pairwise([0, *(n for n in windows.sizes if n < len(self.table))]):
                ring = self._window(size, threads, nearest[inner:outer])
                window = ring if not nested else nested[-1] + ring
                nested.append(window if size <= SERIES.coarse_above else window.spooled(Path(spool)))
            yield base
            while nested:
                yield nested.pop()

    def _whole(self, base: Window, threads: int) -> NDArray[np.float32]:
        """The map of all particles, as bins are made."""
        size, (first, second) = self._size(base), base.maps
        mask = self._mask_of(first + second, size)
        curves = compare_halves(first, second, mask, self._pixel(size), self.seed)
        equations = [half for half in base.halves if half is not None]
        return self._enveloped(equations[0] + equations[1], (first, second), curves, mask, threads)

    def _around(self, threads: int, base: Window, whole: NDArray[np.float32], evidence: Evidence, spool: Path,
                item: tuple[int, dict[int, int] | None]) -> MapResult:
        """A map and its files; item: its number, and which windows' estimates are in files, where that is so."""
        index, kept = item
        windows = self.selection
        assert isinstance(windows, Windows)
        size, stem = self._size(base), self._stem(spool, index)
        if not evidence.agreements:
            found = combine(self._windows(threads, base, index, spool), size, threads, whole)
        else:
            if kept is None:
                kept = dict(self._look(threads, base, spool, (index, True))[0])[index]
            found = compose([Estimate.read(stem, number, n, size) for number, n in kept.items()], evidence, size,
                            threads, whole)
        maps = {"file": found.density, "half1": found.halves[0], "half2": found.halves[1]}
        curves = compare_halves(*found.halves, self._mask_of(found.density, size), self._pixel(size), self.seed + index)
        return self._write(index, maps, curves, threads, self._described(windows, index, found, size))

    def _described(self, windows: Windows, index: int, found: Combined, size: int) -> MapContent:
        """Of a map: particles, and how many of them every band was made of."""
        field = size * self._pixel(size)
        medians = [b.median for b in found.bandwidths]
        counts = [self._images(len(self._used(half))) for half in (1, 2)]
        return {"n_particles": sum(counts), "n_half1": counts[0], "n_half2": counts[1], "note": windows.note(index),
                "populated": bool(windows.populated[index]),
                "n_effective": float(np.exp(np.mean(np.log(medians)))) if medians else 0.0,
                "bandwidth": [{"resolution": field / b.shell, "fewest": b.fewest, "median": b.median}
                              for b in found.bandwidths]}
