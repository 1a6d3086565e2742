"""A series of maps at points of latent space, each from nested windows of particles.

First, windows around up to 16 of the points tell where the molecule moves at all; then every map is made with that.
"""

import dataclasses
import itertools
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.io import DensityMap
from gmmhet.engine.maps import soft_mask
from gmmhet.engine.parallel import communicator
from gmmhet.engine.progress import progress
from gmmhet.engine.reconstruction.curves import compare_halves
from gmmhet.engine.reconstruction.multiscale import Combined, Estimate, Evidence, Window, compose, decompose
from gmmhet.engine.reconstruction.results import SPOOL, MapResult
from gmmhet.engine.reconstruction.selection import Windows
from gmmhet.engine.reconstruction.series import COARSE_ABOVE, GOES_ON, Series, at_once, half_equations, near_limit
from gmmhet.engine.reconstruction.slices import SliceReader

__all__ = ["KernelSeries"]

_LOOKED_AT = 16  # points, at most, that tell where the molecule moves


@dataclass(frozen=True)
class KernelSeries(Series):
    """Maps around points: see :mod:`~gmmhet.engine.reconstruction.multiscale`. selection: a Windows."""

    def make(self, threads: int) -> Iterator[MapResult]:
        """Make the maps that are missing. The window of all particles is made once, for all of them."""
        missing = [i for i in range(len(self.selection)) if i + 1 not in self.folder.done]
        if not missing:
            return
        for half in (1, 2):
            if not np.any((self.table.halves == half) & (self.contrast != 0)):
                raise InputError(f"{self.table.source}: no particle in half {half} (of contrast other than 0); "
                                 "expected both half-sets, which the widths of kernels are found from")
        with tempfile.TemporaryDirectory(prefix=SPOOL, dir=self.folder.path) as spool:
            base = self._widest(threads)
            if self._size(base) > COARSE_ABOVE:
                base = base.spooled(Path(spool))
            told, evidence = self._looked_around(threads, base, Path(spool), missing)
            yield from communicator().each(self._around, (threads, base, evidence, Path(spool)),
                                           [(i, told.get(i)) for i in missing])

    def _looked_around(self, threads: int, base: Window, spool: Path, missing: list[int],
                       ) -> tuple[dict[int, dict[int, int]], Evidence]:
        """Evidence of the motion from some points, evenly taken from all, so that a resumed run has the same.

        Returns:
            by point that is missing, particles of every window whose estimate is in a file. the evidence.
        """
        number = len(self.selection)
        looked = np.unique(np.linspace(0, number - 1, min(number, _LOOKED_AT)).astype(int)).tolist()
        ranks = communicator()
        told: dict[int, dict[int, int]] = {}
        total: Evidence | None = None
        rounds = [looked[i:i + ranks.size] for i in range(0, len(looked), ranks.size)]
        for some in progress((ranks.total(self._look, (threads, base, spool), [(i, i in missing) for i in part])
                              for part in rounds), "where it moves", len(rounds)):
            found, evidence = some
            told |= dict(found)
            total = evidence if total is None else total + evidence
        assert total is not None
        return told, dataclasses.replace(total, distinct=self._distinct(looked))

    def _distinct(self, points: list[int]) -> dict[int, int]:
        """Different particles in the windows around points, by the window's number: from 1, wide ones first."""
        windows = self.selection
        assert isinstance(windows, Windows)
        used = self.contrast != 0
        seen = np.zeros((len(windows.sizes), len(self.table)), bool)
        for nearest in map(windows.nearest, points):
            for mark, size in zip(seen, windows.sizes, strict=True):
                mark[nearest[:size]] = True
        narrower = [int((mark & used).sum()) for mark, n in zip(seen, windows.sizes, strict=True) if n < len(used)]
        return dict(enumerate(reversed(narrower), 1))

    def _look(self, threads: int, base: Window, spool: Path, index: int, kept: bool,
              ) -> tuple[list[tuple[int, dict[int, int]]], Evidence]:
        """What the windows around a point agree on; what they say goes to files, where it is needed later."""
        found, evidence = self._decomposed(threads, base, index)
        if not kept:
            return [], evidence
        for estimate in found:
            estimate.write(self._stem(spool, index))
        return [(index, {estimate.number: estimate.n for estimate in found})], evidence

    @staticmethod
    def _stem(spool: Path, index: int) -> Path:
        return spool / f"point_{index + 1}"

    @staticmethod
    def _size(window: Window) -> int:
        return next(half.box for half in window.halves if half is not None)

    def _widest(self, threads: int) -> Window:
        """All particles, at the size of the grid that they need; every rank a share, on the coarse grid."""
        rows = np.arange(len(self.table))
        shares = [(rows[part],) for part in communicator().parts(len(rows))]
        size = self._first_size
        window = communicator().total(self._window, (size, threads), shares)
        if size < self.table.box:
            first, second = (self._plain(half) for half in window.halves if half is not None)
            mask = soft_mask(DensityMap(first + second, self._pixel(size)))
            if near_limit(compare_halves(first, second, mask, self._pixel(size), self.seed)) > GOES_ON:
                window = self._window(self.table.box, threads, rows)
        return window

    def _window(self, size: int, threads: int, rows: NDArray[np.int64]) -> Window:
        reader = SliceReader(self.table, self.contrast, self.noise, size)
        used = rows[self.contrast[rows] != 0]

        def half(number: int) -> Any:
            some = np.sort(used[self.table.halves[used] == number])
            return half_equations(reader, some, np.ones(len(some), np.float32), self.symmetry)

        with ThreadPoolExecutor(min(2, at_once(size, threads))) as pool:
            first, second = pool.map(half, (1, 2))
        return Window(len(used), (first, second))

    def _decomposed(self, threads: int, base: Window, index: int) -> tuple[list[Estimate], Evidence]:
        """The windows around a point, made of its particles."""
        windows = self.selection
        assert isinstance(windows, Windows)
        size = self._size(base)
        nested: list[Window] = []
        nearest = windows.nearest(index)
        with tempfile.TemporaryDirectory(prefix=SPOOL, dir=self.folder.path) as spool:
            for inner, outer in itertools.pairwise([0, *(n for n in windows.sizes if n < len(self.table))]):
                ring = self._window(size, threads, nearest[inner:outer])
                window = ring if not nested else nested[-1] + ring
                nested.append(window if size <= COARSE_ABOVE else window.spooled(Path(spool)))
            return decompose([base, *reversed(nested)], size, threads)

    def _around(self, threads: int, base: Window, evidence: Evidence, spool: Path,
                item: tuple[int, dict[int, int] | None]) -> MapResult:
        """A map and its files; item: its number, and which windows' estimates are in files, where that is so."""
        index, told = item
        windows = self.selection
        assert isinstance(windows, Windows)
        size = self._size(base)
        estimates = (self._decomposed(threads, base, index)[0] if told is None else
                     [Estimate.read(self._stem(spool, index), number, n, size) for number, n in told.items()])
        found = compose(estimates, evidence, size, threads)
        maps = {"file": found.density, "half1": found.halves[0], "half2": found.halves[1]}
        pixel = self._pixel(size)
        mask = soft_mask(DensityMap(found.density, pixel)) if self.mask is None else self._masks[size]
        curves = compare_halves(*found.halves, mask, pixel, self.seed + index)
        return self._write(index, maps, curves, threads, self._described(windows, index, found, size))

    def _described(self, windows: Windows, index: int, found: Combined, size: int) -> dict[str, Any]:
        """Of a map: particles, and how many of them every band was made of."""
        field = size * self._pixel(size)
        medians = [b.median for b in found.bandwidths]
        counts = [int(((self.table.halves == h) & (self.contrast != 0)).sum()) for h in (1, 2)]
        return {"n_particles": sum(counts), "n_half1": counts[0], "n_half2": counts[1], "note": windows.note(index),
                "populated": bool(windows.populated[index]),
                "n_effective": float(np.exp(np.mean(np.log(medians)))) if medians else 0.0,
                "bandwidth": [{"resolution": field / b.shell, "fewest": b.fewest, "median": b.median}
                              for b in found.bandwidths]}
