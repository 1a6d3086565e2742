"""Fourier-cropped particle images: made once, memory-mapped, reused while nothing changed."""

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.fourier import HalfPlane, images_to_planes
from gmmhet.engine.io import ParticleTable, replacing
from gmmhet.engine.progress import progress

__all__ = ["ParticleCache", "build_cache"]

_LOG = logging.getLogger("gmmhet")
_BATCH_PIXELS = 1 << 22


@dataclass(frozen=True)
class ParticleCache:
    """Cropped, centred images of a particle table.

    Attributes:
        planes: [n, 2, 2, h + 1, h + 1] float32, memory-mapped; see :mod:`gmmhet.engine.fourier`.
        grid: their frequencies.
        table: the particles, in the same order.
    """

    planes: NDArray[np.float32]
    grid: HalfPlane
    table: ParticleTable

    def __len__(self) -> int:
        return len(self.table)


def build_cache(table: ParticleTable, grid: HalfPlane, folder: Path) -> ParticleCache:
    """Make the cache of a particle table in a folder, or reuse the one that is there.

    Raises:
        InputError: an image holds NaN or infinite pixels; the message names its row and stack.
    """
    data, stamp = folder / "images.npy", folder / "images.json"
    key = _key(table, grid)
    if data.is_file() and stamp.is_file() and json.loads(stamp.read_text())["key"] == key:
        _LOG.info("reusing the cropped images in %s", folder)
        return ParticleCache(np.load(data, mmap_mode="r"), grid, table)
    folder.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    shape = (len(table), 2, 2, grid.size, grid.size)
    with replacing(data) as temporary:
        planes: Any = np.lib.format.open_memmap(  # type: ignore[no-untyped-call]
            temporary, mode="w+", dtype=np.float32, shape=shape)
        batches = list(_batches(len(table), max(1, _BATCH_PIXELS // table.box**2)))
        opened: dict[Path, NDArray[np.float32]] = {}
        for rows in progress(batches, "reading images", len(batches)):
            images = table.images(rows, opened)
            _check_finite(images, rows, table)
            planes[rows[0]:rows[-1] + 1] = images_to_planes(images, grid, table.origins[rows])
        planes.flush()
        del planes
    with replacing(stamp) as temporary:
        temporary.write_text(json.dumps({"key": key}))
    return ParticleCache(np.load(data, mmap_mode="r"), grid, table)


def _batches(n: int, size: int) -> Iterator[NDArray[np.int64]]:
    for start in range(0, n, size):
        yield np.arange(start, min(n, start + size))


def _check_finite(images: NDArray[np.float32], rows: NDArray[np.int64], table: ParticleTable) -> None:
    sums = images.sum(axis=(1, 2), dtype=np.float64)
    bad = np.flatnonzero(~np.isfinite(sums))
    if len(bad):
        row = rows[bad[0]]
        raise InputError(f"{table.source}: row {table.ids[row]}: image {table.slice_index[row] + 1} of "
                         f"{table.stacks[table.stack_index[row]]} holds NaN or infinite pixels; expected finite values")


def _key(table: ParticleTable, grid: HalfPlane) -> str:
    """What the cache depends on: the stacks as they are on disk, which images, their origins, the crop."""
    digest = hashlib.sha256()
    for path in table.stacks:
        status = path.stat()
        digest.update(f"{path.resolve()} {status.st_size} {status.st_mtime_ns}\n".encode())
    for array in (table.stack_index, table.slice_index, table.origins):
        digest.update(np.ascontiguousarray(array).tobytes())
    digest.update(f"{grid.box} {grid.pixel_size!r} {grid.h}".encode())
    return digest.hexdigest()
