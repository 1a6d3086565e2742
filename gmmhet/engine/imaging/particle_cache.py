"""Fourier-cropped particle images: made once, memory-mapped, reused while nothing changed.

A folder holds images.npy, one record a particle: its values in half precision and the power of two to multiply them
by (11 bits of every value are kept, whatever the greyscale), images.crc, one 8-byte word a chunk of records: 0 until
the chunk is written, then 2^32 + its CRC-32, and images.json, what they were made from. Chunks that are missing (of a
run that was killed) or damaged are made when the cache is opened, and they alone. Files are made, replaced and mapped
under a lock on images.lock; several runs may fill the same ones, since they write the same.

Half precision, since it takes half the room and changes nothing: on 1,000 particles of a hinge at SNR 0.1 (64 px, 12
A) coordinates correlate to 0.999999998 with those from single precision and differ by 0.0003 posterior standard
deviations; the rank correlation with the truth is 0.97362 and 0.97363, processor time 90.6 and 90.0 s.
"""

import hashlib
import json
import logging
import os
import shutil
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError, storage_problem
from gmmhet.engine.imaging.half_plane import HalfPlane, images_to_planes
from gmmhet.engine.imaging.settings import PARTICLE_CACHE
from gmmhet.engine.io import ParticleTable, locked, output_folder, replacing, rows_of
from gmmhet.engine.progress import progress
from gmmhet.engine.runtime.pool import Replicated, pool
from gmmhet.engine.wording.numbers import amount

__all__ = ["ParticleCache", "build_cache", "cache_folder"]

_LOG = logging.getLogger("gmmhet")
_FORMAT = 2
_STORED = np.float16
_LARGEST_EXPONENT = 14  # of a stored value: 2^15 is the last power of two that half precision holds
_WRITTEN = 1 << 32


@dataclass(frozen=True)
class ParticleCache:
    """Cropped, centred images of a particle table.

    Attributes:
        records: [n] memory-mapped, fields ``planes`` [2, 2, h + 1, h + 1] (see :mod:`imaging.half_plane`) and
            ``exponent``: the values are planes * 2^exponent.
        grid: their frequencies. table: the particles, in the same order.
        chosen: the records that belong to the table, where it holds some of the particles; None: all.
    """

    records: NDArray[Any]
    grid: HalfPlane
    table: ParticleTable
    chosen: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.table)

    def read(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """[b, 2, 2, h + 1, h + 1] values of some rows (from 0)."""
        records = rows_of(self.records, rows if self.chosen is None else self.chosen[rows])
        scale = np.exp2(records["exponent"].astype(np.float32))
        return np.asarray(records["planes"].astype(np.float32) * scale[:, None, None, None, None])


def cache_folder(table: ParticleTable, grid: HalfPlane, output: Path, scratch: Path | None) -> Path:
    """Where the cropped images of a run lie: in its output, or under a name that tells their content in a folder for
    big temporary files, where every run finds them."""
    if scratch is None:
        return output / "cache"
    return scratch / f"gmmhet-images-{hashlib.sha256(_key(table, grid).encode()).hexdigest()[:16]}"


def build_cache(table: ParticleTable, grid: HalfPlane, folder: Path) -> ParticleCache:
    """Make the cache of a particle table in a folder, or reuse (and mend) the one that is there.

    Raises:
        InputError: an image holds NaN or infinite pixels; the folder cannot be written, or lacks the room, or another
            run with other images works in it.
    """
    output_folder(folder)
    for _ in range(PARTICLE_CACHE.attempts):
        with closing(_Store(folder, table, grid)) as store:
            missing = store.missing()
            if missing:
                store.require_room()
                store.make(missing)
            else:
                _LOG.info("reusing the cropped images in %s", folder)
            records = store.mapped()
        if records is not None:
            return ParticleCache(records, grid, table)
        _LOG.warning("%s: another run has replaced the cropped images; what is missing is made again", folder)
    raise InputError(f"{folder}: another run keeps replacing the cropped images; expected a folder for this run alone")


def _key(table: ParticleTable, grid: HalfPlane) -> str:
    """All that the content depends on."""
    return f"{_FORMAT} {np.dtype(_STORED)} {table.fingerprint} {grid.box} {grid.pixel_size!r} {grid.h}"


class _Store:
    """The files of a cache: records, and the checksums of their chunks; held open, so that all that is read and written
    is of the same files, whatever takes their names."""

    def __init__(self, folder: Path, table: ParticleTable, grid: HalfPlane) -> None:
        self.table, self.grid = table, grid
        self.data, self.sums, self._stamp = (folder / f"images.{suffix}" for suffix in ("npy", "crc", "json"))
        self.record = np.dtype([("exponent", "<i2"), ("planes", np.dtype(_STORED), (2, 2, grid.size, grid.size))])
        self.rows = max(1, PARTICLE_CACHE.chunk // self.record.itemsize)  # of a chunk
        self.chunks = -(-len(table) // self.rows)
        self._lock = folder / "images.lock"
        with locked(self._lock):
            if not self._usable():
                self._create()
            self._held = [os.open(path, os.O_RDWR) for path in (self.data, self.sums)]

    def close(self) -> None:
        """Let the files go."""
        for handle in self._held:
            os.close(handle)

    @property
    def size(self) -> int:
        """Bytes of all records."""
        return len(self.table) * self.record.itemsize

    def _usable(self) -> bool:
        """Whether the files are those of this content, and of the right size; not whether all of them is written."""
        try:
            about = json.loads(self._stamp.read_text(encoding="utf-8"))
            return bool(about["key"] == _key(self.table, self.grid) and about["chunk"] == self.rows
                        and self.sums.stat().st_size == 8 * self.chunks
                        and self.data.stat().st_size == about["start"] + self.size)
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def _create(self) -> None:
        try:
            for path in (self._stamp, self.sums, self.data):  # removed, not emptied: others may have them open
                path.unlink(missing_ok=True)
        except OSError as error:
            raise storage_problem(error, path) or InputError(
                f"{path}: {error.strerror}; expected nothing of this name but what gmmhet writes") from None
        try:
            with open(self.data, "wb") as out:
                np.lib.format.write_array_header_1_0(out, {  # type: ignore[no-untyped-call]
                    "descr": np.lib.format.dtype_to_descr(self.record),  # type: ignore[no-untyped-call]
                    "fortran_order": False, "shape": (len(self.table),)})
                start = out.tell()
                out.truncate(start + self.size)
            self.sums.write_bytes(bytes(8 * self.chunks))
        except OSError as error:
            self.data.unlink(missing_ok=True)
            raise storage_problem(error, self.data) or error from None
        about = {"key": _key(self.table, self.grid), "chunk": self.rows, "start": start}
        with replacing(self._stamp) as temporary:
            temporary.write_text(json.dumps(about), encoding="utf-8")

    def _span(self, chunk: int) -> tuple[int, int]:
        """First row of a chunk, and that after its last."""
        return chunk * self.rows, min(len(self.table), (chunk + 1) * self.rows)

    def _place(self, row: int) -> int:
        """Byte at which a row starts."""
        return os.fstat(self._held[0]).st_size - self.size + row * self.record.itemsize

    def missing(self) -> list[int]:
        """Chunks that are not written yet, or not as they were written. Reads the whole file."""
        words = self._checksums()
        damaged = []
        for chunk in np.flatnonzero(words):
            first, end = self._span(chunk)
            if words[chunk] != _WRITTEN + zlib.crc32(
                    os.pread(self._held[0], (end - first) * self.record.itemsize, self._place(first))):
                damaged.append(int(chunk))
        if damaged:
            _LOG.warning("%s: damaged; %d of %d parts are made again", self.data, len(damaged), self.chunks)
        return sorted([*damaged, *(int(c) for c in np.flatnonzero(words == 0))])

    def _checksums(self) -> NDArray[np.uint64]:
        return np.frombuffer(os.pread(self._held[1], 8 * self.chunks, 0), "<u8")

    def mapped(self) -> NDArray[Any] | None:
        """The records, memory-mapped; None where another run took the place of the files, or chunks are missing."""
        with locked(self._lock):
            if not self._usable() or not self._checksums().all() or not all(
                    os.path.samestat(path.stat(), os.fstat(handle))
                    for path, handle in zip((self.data, self.sums), self._held, strict=True)):
                return None
            records: NDArray[Any] = np.load(self.data, mmap_mode="r")
            return records

    def require_room(self) -> None:
        """Tell how much is needed, and stop where that is not there.

        Raises:
            InputError: the disk has less.
        """
        needed = self.size - min(self.size, os.fstat(self._held[0]).st_blocks * 512)
        free = shutil.disk_usage(self.data.parent).free
        _LOG.info("cropped images: %s in %s (free: %s)", amount(self.size), self.data.parent, amount(free))
        if needed > free:
            raise InputError(f"{self.data.parent}: {amount(free)} free, the cropped images need {amount(needed)}; "
                             "expected more room, or --scratch with a folder on another disk")

    def make(self, chunks: list[int]) -> None:
        """Crop the images of some chunks, on all workers, and write them, each with its checksum.

        Raises:
            InputError: an image that cannot be used; a full disk.
        """
        try:
            self._make(chunks)
        except OSError as error:
            raise storage_problem(error, None if error.filename else self.data) or error from None

    def _make(self, chunks: list[int]) -> None:
        steps = [(chunk, rows) for chunk in chunks for rows in self._batches(chunk)]
        records = np.empty(0, self.record)
        found = pool().each(_Cropper(self.table, self.grid), (), (rows for _, rows in steps))
        for (chunk, rows), planes in progress(zip(steps, found, strict=True), "reading images", len(steps),
                                        pool().note):
            first, end = self._span(chunk)
            if rows[0] == first:
                records = np.empty(end - first, self.record)
            records[rows[0] - first:rows[-1] + 1 - first] = self._recorded(planes)
            if rows[-1] + 1 == end:
                self._write(chunk, records.tobytes())

    def _batches(self, chunk: int) -> Iterator[NDArray[np.int64]]:
        first, end = self._span(chunk)
        size = max(1, PARTICLE_CACHE.pixels_at_once // self.table.box**2)
        for start in range(first, end, size):
            yield np.arange(start, min(end, start + size))

    def _recorded(self, planes: NDArray[np.float32]) -> NDArray[Any]:
        """Records of planes [b, 2, 2, h + 1, h + 1], each scaled to use the range of half precision."""
        largest = np.abs(planes).max(axis=(1, 2, 3, 4))
        exponent = np.where(largest > 0, np.frexp(largest)[1] - _LARGEST_EXPONENT, 0)
        records = np.empty(len(planes), self.record)
        records["exponent"] = exponent
        records["planes"] = np.ldexp(planes, -exponent[:, None, None, None, None])
        return records

    def _write(self, chunk: int, data: bytes) -> None:
        """The data first: a checksum without them would be found wrong, they without it are made again."""
        records, sums = self._held
        _put(records, data, self._place(self._span(chunk)[0]))
        os.fsync(records)  # a disk that is full or broken tells now
        _put(sums, (_WRITTEN + zlib.crc32(data)).to_bytes(8, "little"), 8 * chunk)


class _Cropper(Replicated):
    """Reads images and crops them; keeps stacks open."""

    def __init__(self, table: ParticleTable, grid: HalfPlane) -> None:
        self.table, self.grid = table, grid
        self._opened: dict[Path, Any] = {}

    def __call__(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Planes [b, 2, 2, h + 1, h + 1] of some rows (from 0)."""
        images = self.table.images(rows, self._opened, as_stored=True)
        return _restored(images_to_planes(images, self.grid, self.table.origins[rows]), self.table, rows, self.grid)


def _restored(planes: NDArray[np.float32], table: ParticleTable, rows: NDArray[np.int64], grid: HalfPlane,
              ) -> NDArray[np.float32]:
    """Planes [b, 2, 2, h + 1, h + 1] without odd aberrations and corrections for the CTF."""
    if not any(o.aberrations.alters_images for o in table.optics):
        return planes
    spectrum = table.restored(planes[:, 0] + 1j * planes[:, 1], rows, grid.kx, grid.ky)
    return np.stack([spectrum.real, spectrum.imag], axis=1)


def _put(handle: int, data: bytes, place: int) -> None:
    """Write all of it, which a system may do in parts."""
    left = memoryview(data)
    while left:
        written = os.pwrite(handle, left, place)
        left, place = left[written:], place + written
