"""A series of maps at points of latent space, each from nested windows of particles."""

import itertools
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.io import DensityMap
from gmmhet.engine.maps import soft_mask
from gmmhet.engine.parallel import communicator
from gmmhet.engine.reconstruction.curves import compare_halves
from gmmhet.engine.reconstruction.multiscale import Combined, Window, combine
from gmmhet.engine.reconstruction.results import MapResult
from gmmhet.engine.reconstruction.selection import Windows
from gmmhet.engine.reconstruction.series import COARSE_ABOVE, GOES_ON, Series, at_once, half_equations, near_limit
from gmmhet.engine.reconstruction.slices import SliceReader

__all__ = ["KernelSeries"]


@dataclass(frozen=True)
class KernelSeries(Series):
    """Maps around points: see :func:`~gmmhet.engine.reconstruction.multiscale.combine`. selection: a Windows."""

    def make(self, threads: int) -> Iterator[MapResult]:
        """Make the maps that are missing. The window of all particles is made once, for all of them."""
        missing = [i for i in range(len(self.selection)) if i + 1 not in self.folder.done]
        if not missing:
            return
        for half in (1, 2):
            if not np.any(self.table.halves == half):
                raise InputError(f"{self.table.source}: no particle in half {half}; expected both half-sets, which the "
                                 "widths of kernels are found from (--by bins makes maps of one)")
        base = self._widest(threads)
        yield from communicator().each(self._around, (threads, base), missing)

    def _widest(self, threads: int) -> Window:
        """All particles, at the size of the grid that they need."""
        window = self._window(self._first_size, np.arange(len(self.table)), threads)
        if self._first_size < self.table.box:
            found = combine([window], self._first_size, threads)
            mask = soft_mask(DensityMap(found.density, self._pixel(self._first_size)))
            curves = compare_halves(*found.halves, mask, self._pixel(self._first_size), self.seed)
            if near_limit(curves) > GOES_ON:
                window = self._window(self.table.box, np.arange(len(self.table)), threads)
        return window

    def _window(self, size: int, rows: NDArray[np.int64], threads: int) -> Window:
        reader = SliceReader(self.table, self.contrast, self.noise, size)

        def half(number: int) -> Any:
            some = np.sort(rows[self.table.halves[rows] == number])
            return half_equations(reader, some, np.ones(len(some), np.float32), self.symmetry)

        with ThreadPoolExecutor(min(2, at_once(size, threads))) as pool:
            first, second = pool.map(half, (1, 2))
        return Window(len(rows), (first, second))

    def _around(self, threads: int, base: Window, index: int) -> MapResult:
        """A map and its files."""
        windows = self.selection
        assert isinstance(windows, Windows)
        size = _size(base)
        nested: list[Window] = []
        with tempfile.TemporaryDirectory(prefix=".windows", dir=self.folder.path) as spool:
            for inner, outer in itertools.pairwise([0, *windows.sizes]):
                ring = self._window(size, windows.order[index, inner:outer], threads)
                window = ring if not nested else nested[-1] + ring
                nested.append(window if size <= COARSE_ABOVE else window.spooled(Path(spool)))
            found = combine([base, *reversed(nested)], size, threads)
        maps = {"file": found.density, "half1": found.halves[0], "half2": found.halves[1]}
        pixel = self._pixel(size)
        mask = soft_mask(DensityMap(found.density, pixel)) if self.mask is None else self._masks[size]
        result = self._write(index, maps, compare_halves(*found.halves, mask, pixel, self.seed + index), threads)
        return replace(result, record=result.record | self._described(found, size))

    def _described(self, found: Combined, size: int) -> dict[str, Any]:
        field = size * self._pixel(size)
        bands = [{"resolution": field / b.shell, "fewest": b.fewest, "median": b.median} for b in found.bandwidths]
        share = [b.median for b in found.bandwidths]
        halves = [int((self.table.halves == h).sum()) for h in (1, 2)]
        return {"n_particles": len(self.table), "n_half1": halves[0], "n_half2": halves[1], "bandwidth": bands,
                "n_effective": float(np.exp(np.mean(np.log(share)))) if share else 0.0}


def _size(window: Window) -> int:
    return next(half.box for half in window.halves if half is not None)
