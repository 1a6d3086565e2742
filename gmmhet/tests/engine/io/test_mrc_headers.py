"""Maps as programs leave them: axes in any order, other byte orders and modes, packed, cut, and with wrong headers."""

import bz2
import gzip
import itertools
import struct
import tempfile
import unittest
from pathlib import Path

import numpy as np

from gmmhet.engine.errors import InputError
from gmmhet.engine.io import open_stack, read_map, write_map

_N = 6


def mrc(data: np.ndarray, mode: int = 2, order: str = "<", *, axes: tuple[int, int, int] = (1, 2, 3),
        voxel: tuple[float, float, float] = (2.0, 2.0, 2.0), extended: int = 0, said: int | None = None,
        origin: tuple[float, float, float] = (0, 0, 0), start: tuple[int, int, int] = (0, 0, 0),
        group: int = 1) -> bytes:
    """An MRC file of stored data [sections, rows, columns].

    Args:
        axes: of columns, rows, sections. voxel: along x, y, z. said: length of the extended header in the header.
    """
    z, y, x = data.shape
    samples = dict(zip(axes if any(axes) else (1, 2, 3), (x, y, z), strict=True))
    counts = [samples.get(i, 1) for i in (1, 2, 3)]
    header = bytearray(1024)
    struct.pack_into(f"{order}10i", header, 0, x, y, z, mode, *start, *counts)
    struct.pack_into(f"{order}3f", header, 40, *(n * v for n, v in zip(counts, voxel, strict=True)))
    struct.pack_into(f"{order}3i", header, 64, *axes)
    struct.pack_into(f"{order}2i", header, 88, group, extended if said is None else said)
    struct.pack_into(f"{order}3f", header, 196, *origin)
    return bytes(header) + b"\7" * extended + data.tobytes()


class MapCase(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.data = np.random.default_rng(0).normal(0, 30, (_N,) * 3).round().astype(np.float32)

    def written(self, content: bytes, name: str = "map.mrc") -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path

    def check(self, content: bytes, name: str = "map.mrc") -> None:
        found = read_map(self.written(content, name))
        np.testing.assert_array_equal(found.data, self.data)
        self.assertAlmostEqual(found.pixel_size, 2.0, places=6)

    def refused(self, content: bytes, words: str) -> None:
        with self.assertRaisesRegex(InputError, words) as caught:
            read_map(self.written(content))
        self.assertNotIn("\n", str(caught.exception))
        self.assertIn("map.mrc", str(caught.exception))


class TestRead(MapCase):
    def test_every_order_of_the_axes(self) -> None:
        """The value at (x, y, z) is the same, whichever of them runs along columns, rows and sections."""
        for axes in itertools.permutations((1, 2, 3)):
            stored = self.data.transpose([3 - axis for axis in reversed(axes)])  # of sections, rows, columns
            with self.subTest(axes):
                self.check(mrc(np.ascontiguousarray(stored), axes=axes))

    def test_no_order_of_the_axes(self) -> None:
        self.check(mrc(self.data, axes=(0, 0, 0)))

    def test_modes_and_byte_orders(self) -> None:
        for mode, kind in ((0, "i1"), (1, "i2"), (2, "f4"), (12, "f2")):
            for order in "<>":
                self.check(mrc(self.data.astype(f"{order}{kind}"), mode, order))
        self.data = np.abs(self.data)
        self.check(mrc(self.data.astype("<u2"), 6))

    def test_packed(self) -> None:
        content = mrc(self.data, extended=80)
        for name in ("map.mrc.gz", "map.map.gz", "packed.mrc"):
            self.check(gzip.compress(content), name)
        self.check(bz2.compress(content), "map.mrc.bz2")
        for name, packed in (("map.mrc.gz", gzip.compress(content)[:-60]), ("map.mrc", b"\x1f\x8bno")):
            with self.assertRaisesRegex(InputError, f"{name}: cannot be unpacked by gzip"):
                read_map(self.written(packed, name))
        with self.assertRaisesRegex(InputError, "short.mrc.gz: truncated"):
            read_map(self.written(gzip.compress(content[:-8]), "short.mrc.gz"))
        with self.assertRaisesRegex(InputError, "stack.mrcs: packed by gzip; expected an unpacked"):
            open_stack(self.written(gzip.compress(content), "stack.mrcs"))

    def test_extended_headers(self) -> None:
        self.check(mrc(self.data, extended=160))
        self.check(mrc(self.data, said=160))  # which is not there
        self.check(mrc(self.data, said=-5))

    def test_bytes_after_the_data(self) -> None:
        with self.assertLogs("gmmhet", "WARNING") as log:
            self.check(mrc(self.data) + b"\0" * 40)
        self.assertIn("40 bytes more", log.output[0])

    def test_origins(self) -> None:
        """Of the corner and of the middle nothing is said; of another place it is."""
        half = -_N // 2
        with self.assertNoLogs("gmmhet", "WARNING"):
            self.check(mrc(self.data))
            self.check(mrc(self.data, origin=(half * 2.0,) * 3))
            self.check(mrc(self.data, start=(half,) * 3))
        for moved in (mrc(self.data, origin=(20.0, 0, -8)), mrc(self.data, start=(10, 0, -4))):
            with self.assertLogs("gmmhet", "WARNING") as log:
                self.check(moved)
            self.assertIn("(20.0, 0.0, -8.0) Å; this is not used", log.output[0])

    def test_cell_larger_than_the_map(self) -> None:
        content = bytearray(mrc(self.data))
        struct.pack_into("<3i3f", content, 28, 60, 60, 60, 120, 120, 120)
        self.check(bytes(content))


class TestRefused(MapCase):
    def test_sizes(self) -> None:
        self.refused(mrc(self.data)[:-4], "truncated, 1,884 bytes; expected 1,888")
        self.refused(mrc(self.data, extended=80)[:-4], "truncated")
        self.refused(mrc(self.data)[:1000], "truncated")
        self.refused(mrc(self.data[:4]), "shape .4, 6, 6.; expected a cubic map")

    def test_headers(self) -> None:
        self.refused(mrc(self.data, voxel=(2, 2, 2.5)), "voxels of 2 x 2 x 2.5 Å; expected the same size")
        self.refused(mrc(self.data, voxel=(0, 0, 0)), "voxel size 0 in the header; expected a positive number")
        self.refused(mrc(self.data, axes=(1, 1, 3)), "axis order 1 1 3 in the header")
        self.refused(mrc(self.data.astype("<c8"), 4), "complex numbers")
        self.refused(mrc(self.data, 101), "not a readable MRC file .* mode would be 6, 6, 6, 101")
        self.refused(b"PNG" * 500, "not a readable MRC file")
        with self.assertRaisesRegex(InputError, "a stack of 3D maps"):
            open_stack(self.written(mrc(self.data, group=401), "stack.mrcs"))

    def test_values(self) -> None:
        self.data[1, 2, 3] = 1e20
        self.refused(mrc(self.data), r"voxel x 3, y 2, z 1 .from 0. is 1e\+20, far beyond all others")
        self.data[1, 2, 3] = np.inf
        self.refused(mrc(self.data), "NaN or infinite")

    def test_values_that_are_none(self) -> None:
        """One voxel alone, and a narrow peak, are maps."""
        for sigma in (0.01, 0.7):
            axis = np.arange(24) - 12.0
            distance = axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2
            peak = np.exp(-distance / (2 * sigma**2)).astype(np.float32)
            write_map(self.folder / "peak.mrc", peak, 2.0)
            np.testing.assert_array_equal(read_map(self.folder / "peak.mrc").data, peak)


if __name__ == "__main__":
    unittest.main()
