"""gmmhet reconstruct: particles along a motion to a series of maps."""

import logging
import os
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.config import ReconstructConfig
from gmmhet.engine.errors import InputError
from gmmhet.engine.io import DensityMap, write_map
from gmmhet.engine.maps import radial_power, soft_mask
from gmmhet.engine.progress import progress
from gmmhet.engine.reconstruction.curves import HalfMapCurves, compare_halves, half_map_signal, power_signal
from gmmhet.engine.reconstruction.equations import Accumulator, NormalEquations
from gmmhet.engine.reconstruction.inputs import Placed, read_mask, read_placed
from gmmhet.engine.reconstruction.noise import image_noise, with_residual_noise
from gmmhet.engine.reconstruction.results import MapResult, ResultFolder, fingerprint, number_or_none
from gmmhet.engine.reconstruction.selection import Selection, equal_bins
from gmmhet.engine.reconstruction.slices import SliceReader
from gmmhet.engine.reconstruction.solver import solve
from gmmhet.engine.symmetry import rotation_matrices

__all__ = ["half_equations", "reconstruct"]

_LOG = logging.getLogger("gmmhet")
_POINTS_AT_ONCE = 1 << 21
_WEAK_PRIOR = 0.05  # of the half maps, over the mean weight of a shell: fills what no view saw, costs 5% of the scale
_HALF_ITERATIONS, _ITERATIONS = 3, 4

_Half = tuple[NormalEquations | None, NDArray[np.float32]]


def reconstruct(particles: Path, latents: Path, config: ReconstructConfig, output: Path, *,
                root: Path | None = None) -> None:
    """Maps from the particles along a mode; see CONVENTIONS.rst for the files that are written.

    Each half-set gives a map by least squares with CTF, contrast and noise; their correlation gives the signal in each
    shell, which is the prior of the map from all particles of the bin (a Wiener filter, as far as the views are even).
    Maps are in the greyscale in which the images are s C times the projections.

    Args:
        particles: particles.star. latents: latents.star; analysis.npz beside it tells the noise, when it is there.
        root: project folder that stack names are relative to.
    Raises:
        InputError: one line naming the file, the value and what was expected.
    """
    started = time.monotonic()
    placed = read_placed(particles, latents, root)
    mask = read_mask(config, placed.particles)
    selection = _select(placed, config, latents)
    analysis = latents.parent / "analysis.npz"
    files = [particles, latents, analysis, *([config.mask] if config.mask else [])]
    folder = ResultFolder(output, fingerprint(config, placed.particles, files), resume=config.resume)
    if folder.done:
        _LOG.info("%s: %d of %d maps are there already", output, len(folder.done), len(selection))
    noise = with_residual_noise(image_noise(placed.particles), placed.particles, analysis)
    series = _Series(SliceReader(placed.particles, placed.contrast, noise), selection,
                     rotation_matrices(config.symmetry), mask, config.seed, folder)
    prepared = time.monotonic()
    for result in progress(series.maps(_threads()), "reconstruct", len(selection) - len(folder.done)):
        folder.finish_map(result)
    classes = np.zeros(len(placed.latents), np.int64)
    classes[placed.row] = selection.classes
    finished = time.monotonic()
    folder.write_tables(placed.latents, classes.tolist(), _about(config, prepared - started, finished - prepared))
    for i in sorted(folder.done):
        _log_map(folder.done[i].record)


def _select(placed: Placed, config: ReconstructConfig, latents: Path) -> Selection:
    n, modes = placed.coordinates.shape
    if config.n > n:
        raise InputError(f"--n is {config.n}; expected at most {n}, the number of particles")
    if config.mode > modes and (modes or config.n > 1):
        raise InputError(f"{latents}: no column gmmhetLatent{config.mode}, {modes} mode(s) in all; expected --mode "
                         "to be one of them" if modes else
                         f"{latents}: no column gmmhetLatent1; expected coordinates along a mode, or --n 1")
    if config.by != "bins":
        raise InputError(f"--by is {config.by!r}; expected bins")
    return equal_bins(placed.coordinates[:, config.mode - 1] if modes else None, n, config.n)


def _threads() -> int:
    given = os.environ.get("OMP_NUM_THREADS", "")
    return int(given) if given.isdigit() and int(given) > 0 else len(os.sched_getaffinity(0))


def _about(config: ReconstructConfig, preparing: float, making: float) -> dict[str, Any]:
    return {"by": config.by, "mode": config.mode, "symmetry": config.symmetry,
            "parameters": {"n": config.n, "mask": str(config.mask or "automatic"), "seed": config.seed},
            "timing": {"prepare": round(preparing, 3), "maps": round(making, 3)}}


def _log_map(record: dict[str, Any]) -> None:
    found = record["resolution_fsc143"]
    _LOG.info("%s: %d particles, %s", record["file"], record["n_particles"],
              f"{found:.1f} A (FSC 0.143)" if found else record["note"] or "half maps do not agree at any resolution")


def half_equations(reader: SliceReader, rows: NDArray[np.int64], weights: NDArray[np.float32],
                   symmetry: NDArray[np.float64]) -> NormalEquations | None:
    """Normal equations of some particles, read in batches; None for no particles.

    Args:
        rows: [b] of the particles. weights: [b]. symmetry: [order, 3, 3]; every view also counts as that of the turned
            molecule, with 1 / order of its weight.
    """
    equations = Accumulator(reader.disc.box)
    size = max(1, _POINTS_AT_ONCE // len(reader.disc.shell))
    for start in range(0, len(rows), size):
        some = rows[start:start + size]
        values, shares = reader.read(some, weights[start:start + size] / np.float32(len(symmetry)))
        for turn in symmetry:
            equations.add(reader.points(reader.table.rotations[some] @ turn), values, shares)
    return equations.finish()


@dataclass(frozen=True)
class _Series:
    """What all maps have in common."""

    reader: SliceReader
    selection: Selection
    symmetry: NDArray[np.float64]
    mask: NDArray[np.float32] | None
    seed: int
    folder: ResultFolder

    def maps(self, threads: int) -> Iterator[MapResult]:
        """Make the maps that are missing. Halves are made ahead in other threads, at most as many as threads."""
        missing = [i for i in range(len(self.selection)) if i + 1 not in self.folder.done]
        ahead = max(1, threads // 2)
        waiting: deque[tuple[int, list[Future[_Half]]]] = deque()
        with ThreadPoolExecutor(threads) as pool:
            try:
                for i in missing:
                    waiting.append((i, [pool.submit(self._half, i, half) for half in (1, 2)]))
                    if len(waiting) > ahead:
                        yield self._finish(*waiting.popleft(), threads)
                while waiting:
                    yield self._finish(*waiting.popleft(), threads)
            finally:
                pool.shutdown(cancel_futures=True)

    def _rows(self, index: int, half: int) -> NDArray[np.int64]:
        return np.flatnonzero((self.selection.weights[index] > 0) & (self.reader.table.halves == half))

    def _half(self, index: int, half: int) -> _Half:
        """Equations of a half-set and its map, without regard to the other half."""
        rows = self._rows(index, half)
        equations = half_equations(self.reader, rows, self.selection.weights[index, rows], self.symmetry)
        if equations is None:
            return None, np.zeros((self.reader.disc.box,) * 3, np.float32)
        weights = equations.shell_weights()
        prior = _WEAK_PRIOR * np.maximum(weights, 1e-6 * weights.max())
        return equations, solve(equations, prior, iterations=_HALF_ITERATIONS)

    def _finish(self, index: int, halves: list[Future[_Half]], threads: int) -> MapResult:
        (first, first_map), (second, second_map) = (half.result() for half in halves)
        pixel = self.reader.table.pixel_size
        mask = soft_mask(DensityMap(first_map + second_map, pixel)) if self.mask is None else self.mask
        curves = compare_halves(first_map, second_map, mask, pixel, self.seed + index)
        given = [e for e in (first, second) if e is not None]
        total = given[0] + given[1] if len(given) == 2 else given[0]
        weights = np.maximum(total.shell_weights(), 1e-6 * total.shell_weights().max())
        both = first_map + second_map
        signal = half_map_signal(curves) if len(given) == 2 else power_signal(both, weights, radial_power(both))
        density = solve(total, weights / signal, iterations=_ITERATIONS, workers=threads)
        return self._write(index, density, first_map, second_map, curves)

    def _write(self, index: int, density: NDArray[np.float32], first: NDArray[np.float32], second: NDArray[np.float32],
               curves: HalfMapCurves) -> MapResult:
        number = index + 1
        record: dict[str, Any] = {"file": f"map_{number:02d}.mrc", "half1": f"map_{number:02d}_half1.mrc",
                                  "half2": f"map_{number:02d}_half2.mrc"}
        for key, data in (("file", density), ("half1", first), ("half2", second)):
            write_map(self.folder.path / record[key], data, self.reader.table.pixel_size)
        counts = [len(self._rows(index, half)) for half in (1, 2)]
        empty = [half for half, count in enumerate(counts, 1) if count == 0]
        note = f"no particles in half {empty[0]}: its map is 0 and no resolution can be told" if empty else None
        selection = self.selection
        record |= {"n_particles": sum(counts), "n_effective": selection.n_effective(index),
                   **{k: number_or_none(getattr(selection, k)[index]) for k in ("coordinate", "low", "high")},
                   "resolution_fsc143": curves.resolution(0.143), "resolution_fsc500": curves.resolution(0.5),
                   "n_half1": counts[0], "n_half2": counts[1], "note": note}
        return MapResult(number, record, curves.frequency.tolist(), curves.unmasked.tolist(), curves.masked.tolist())
