"""Fourier-cropped particle images: made once, memory-mapped, reused while nothing changed."""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
        InputError: an image holds NaN or infinite pixels.
    """
    data, stamp = folder / "images.npy", folder / "images.json"
    key = f"{table.fingerprint} {grid.box} {grid.pixel_size!r} {grid.h}"
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
        opened: dict[Path, Any] = {}
        for rows in progress(batches, "reading images", len(batches)):
            images = table.images(rows, opened, as_stored=True)
            cropped = images_to_planes(images, grid, table.origins[rows])
            planes[rows[0]:rows[-1] + 1] = _restored(cropped, table, rows, grid)
        planes.flush()
        del planes
    with replacing(stamp) as temporary:
        temporary.write_text(json.dumps({"key": key}))
    return ParticleCache(np.load(data, mmap_mode="r"), grid, table)


def _restored(planes: NDArray[np.float32], table: ParticleTable, rows: NDArray[np.int64], grid: HalfPlane,
              ) -> NDArray[np.float32]:
    """Planes [b, 2, 2, h + 1, h + 1] without odd aberrations and corrections for the CTF."""
    if not any(o.aberrations.alters_images for o in table.optics):
        return planes
    spectrum = table.restored(planes[:, 0] + 1j * planes[:, 1], rows, grid.kx, grid.ky)
    return np.stack([spectrum.real, spectrum.imag], axis=1)


def _batches(n: int, size: int) -> Iterator[NDArray[np.int64]]:
    for start in range(0, n, size):
        yield np.arange(start, min(n, start + size))
