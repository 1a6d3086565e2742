"""Cropped images: what is kept of them, that they are reused, mended, gone on with and shared, and where they stop."""

import tempfile
import threading
import time
import unittest
from collections import namedtuple
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from gmmhet.engine.config import SimulateConfig
from gmmhet.engine.errors import InputError
from gmmhet.engine.imaging import particle_cache as module
from gmmhet.engine.imaging.half_plane import HalfPlane, images_to_planes
from gmmhet.engine.imaging.particle_cache import ParticleCache, build_cache, cache_folder
from gmmhet.engine.imaging.settings import CacheSizes
from gmmhet.engine.io import ParticleTable, open_stack, read_particles, write_stack
from gmmhet.engine.simulate import simulate
from gmmhet.tests.engine.io.test_safe_writing import full_disk

_N, _BOX, _PIXEL = 50, 24, 6.0
_GRID = HalfPlane(_BOX, _PIXEL, 24.0)
_ROWS = 7  # of a chunk
_RECORD = 2 + 2 * 4 * _GRID.size**2  # bytes


class CacheCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(holder.cleanup)
        cls.data = Path(holder.name)
        simulate(SimulateConfig("null", _N, _BOX, _PIXEL), cls.data)

    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name) / "cache"
        sizes = CacheSizes(chunk=_ROWS * _RECORD, pixels_at_once=3 * _BOX**2)
        self.enterContext(mock.patch.object(module, "PARTICLE_CACHE", sizes))
        self.table = read_particles(self.data / "particles.star")

    def build(self, table: ParticleTable | None = None, *, fail_at: int = _N) -> tuple[ParticleCache, list[int]]:
        """The cache, and the rows whose images were read to make it.

        Args:
            fail_at: the row whose reading kills the process.
        """
        self.seen: list[int] = []
        whole = ParticleTable.images

        def images(table: ParticleTable, rows: Any, *args: Any, **options: Any) -> Any:
            self.seen += [int(row) for row in rows]
            if fail_at in rows:
                raise KeyboardInterrupt
            return whole(table, rows, *args, **options)

        with mock.patch.object(ParticleTable, "images", images):
            return build_cache(table or self.table, _GRID, self.folder), self.seen

    def expected(self, table: ParticleTable | None = None) -> np.ndarray:
        table, rows = table or self.table, np.arange(_N)
        return images_to_planes(table.images(rows), _GRID, table.origins)


class TestContent(CacheCase):
    def assert_holds(self, cache: ParticleCache, expected: np.ndarray) -> None:
        """To half of the last of 11 bits, and to 2^-24 of the largest scaled value (2^14) where bits run out."""
        self.assertEqual(len(cache), _N)
        got = cache.read(np.arange(_N))
        self.assertEqual(got.dtype, np.float32)
        floor = np.abs(expected).max(axis=(1, 2, 3, 4), keepdims=True) * 2.0**-37
        self.assertTrue(np.all(np.abs(got - expected) <= 2.0**-11 * np.abs(expected) + floor))

    def test_values_to_eleven_bits(self) -> None:
        cache, seen = self.build()
        self.assertEqual(seen, list(range(_N)))
        self.assert_holds(cache, self.expected())
        rows = np.array([49, 0, 0, 13])
        np.testing.assert_array_equal(cache.read(rows), cache.read(np.arange(_N))[rows])

    def test_any_greyscale(self) -> None:
        """Every image of another scale, from 1e-30 to 1e30, and one of nothing but zeros."""
        stack = self.folder.parent / "scaled.mrcs"
        scales = 10.0 ** np.linspace(-30, 30, _N)
        scales[17] = 0.0
        images = np.asarray(open_stack(self.data / "particles.mrcs")) * scales[:, None, None]
        write_stack(stack, images.shape, _PIXEL, [images])
        table = replace(self.table, stacks=(stack,))
        cache, _ = self.build(table)
        self.assert_holds(cache, self.expected(table))
        self.assertFalse(cache.read(np.array([17])).any())


class TestReuse(CacheCase):
    def test_the_same_particles_are_not_read_again(self) -> None:
        first, _ = self.build()
        before = first.read(np.arange(_N))
        with self.assertLogs("gmmhet", "INFO") as log:
            again, seen = self.build()
        self.assertEqual(seen, [])
        self.assertIn("reusing", log.output[-1])
        np.testing.assert_array_equal(again.read(np.arange(_N)), before)

    def test_other_content_is_made_anew_and_readers_keep_theirs(self) -> None:
        first, _ = self.build()
        before = first.read(np.arange(_N))
        moved = replace(self.table, origins=self.table.origins + 3.0)
        second, seen = self.build(moved)
        self.assertEqual(len(seen), _N)
        self.assertGreater(np.abs(second.read(np.arange(_N)) - before).max(), 0.1 * np.abs(before).max())
        np.testing.assert_array_equal(first.read(np.arange(_N)), before)

    def test_damaged_parts_alone_are_made_again(self) -> None:
        before = self.build()[0].read(np.arange(_N))
        data = self.folder / "images.npy"
        for places in ([20], [0, 49]):
            with open(data, "r+b") as file:
                for row in places:
                    file.seek(data.stat().st_size - (_N - row) * _RECORD + _RECORD // 2)
                    byte = file.read(1)[0]
                    file.seek(-1, 1)
                    file.write(bytes([byte ^ 64]))
            with self.assertLogs("gmmhet", "WARNING") as log:
                again, seen = self.build()
            self.assertIn("damaged", log.output[0])
            chunks = sorted({row // _ROWS for row in places})
            self.assertEqual(seen, [r for c in chunks for r in range(c * _ROWS, min(_N, (c + 1) * _ROWS))])
            np.testing.assert_array_equal(again.read(np.arange(_N)), before)

    def test_truncated_or_incomplete_files_are_made_anew(self) -> None:
        before = self.build()[0].read(np.arange(_N))
        for name in ("images.npy", "images.crc", "images.json"):
            path = self.folder / name
            for damage in (lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[:-1])):
                damage(path)
                again, seen = self.build()
                self.assertEqual(len(seen), _N)
                np.testing.assert_array_equal(again.read(np.arange(_N)), before)

    def test_a_killed_writer_is_gone_on_with(self) -> None:
        with self.assertRaises(KeyboardInterrupt):
            self.build(fail_at=25)
        cache, seen = self.build()
        self.assertEqual(seen, list(range(21, _N)))  # three chunks of seven were whole
        np.testing.assert_array_equal(cache.read(np.arange(_N)), self.whole())

    def whole(self) -> np.ndarray:
        return build_cache(self.table, _GRID, self.folder.parent / "other").read(np.arange(_N))

    def test_numpy_reads_the_file(self) -> None:
        cache, _ = self.build()
        found = np.load(self.folder / "images.npy", allow_pickle=False)
        self.assertEqual((found.shape, found.dtype.names), ((_N,), ("exponent", "planes")))
        np.testing.assert_array_equal(found["planes"][3], cache.records["planes"][3])


class TestRunsAtTheSameTime(CacheCase):
    """Another run is at work in the folder while this one has just written its second chunk."""

    def build_beside(self, other: Any) -> ParticleCache:
        """What a run gets in the midst of which ``other`` is called, once."""
        write, calls = module._Store._write, []

        def interrupted(store: Any, chunk: int, data: bytes) -> None:
            write(store, chunk, data)
            calls.append(chunk)
            if len(calls) == 2:
                other()

        with mock.patch.object(module._Store, "_write", interrupted):
            return build_cache(self.table, _GRID, self.folder)

    def setUp(self) -> None:
        super().setUp()
        self.whole = build_cache(self.table, _GRID, self.folder.parent / "alone").read(np.arange(_N))

    def test_files_that_are_taken_away_are_made_again(self) -> None:
        def fresh() -> None:
            (self.folder / "images.json").unlink()
            module._Store(self.folder, self.table, _GRID).close()

        with self.assertLogs("gmmhet", "WARNING") as log:
            cache = self.build_beside(fresh)
        self.assertIn("another run has replaced", log.output[0])
        np.testing.assert_array_equal(cache.read(np.arange(_N)), self.whole)

    def test_one_that_looked_before_the_files_were_there_leaves_them(self) -> None:
        """Both find nothing; the one that comes second to the lock takes what the first has made by then."""
        usable, looks = module._Store._usable, []

        def slow(store: Any) -> bool:
            looks.append(threading.get_ident())
            found = usable(store)
            if len(looks) == 1:
                time.sleep(0.3)
            return found

        made: list[ParticleCache] = []
        with mock.patch.object(module._Store, "_usable", slow), \
                mock.patch.object(module._Store, "_create", autospec=True, side_effect=module._Store._create) as create:
            runs = [threading.Thread(target=lambda: made.append(build_cache(self.table, _GRID, self.folder)))
                    for _ in range(2)]
            for run in runs:
                run.start()
            for run in runs:
                run.join()
        self.assertEqual((create.call_count, len(made)), (1, 2))
        for cache in made:
            np.testing.assert_array_equal(cache.read(np.arange(_N)), self.whole)

    def test_runs_of_other_images_in_one_folder(self) -> None:
        moved = replace(self.table, origins=self.table.origins + 3.0)
        theirs: list[ParticleCache] = []
        cache = self.build_beside(lambda: theirs.append(build_cache(moved, _GRID, self.folder)))
        np.testing.assert_array_equal(cache.read(np.arange(_N)), self.whole)
        self.assertGreater(np.abs(theirs[0].read(np.arange(_N)) - self.whole).max(), 0.1 * np.abs(self.whole).max())

    def test_a_folder_in_the_way_is_one_line(self) -> None:
        (self.folder / "images.npy").mkdir(parents=True)
        with self.assertRaisesRegex(InputError, r"images\.npy: Is a directory; expected nothing of this name"):
            self.build()


class TestPlaces(CacheCase):
    def test_in_the_output_or_by_content_in_a_scratch_folder(self) -> None:
        out, other, scratch = Path("out"), Path("other"), Path("scratch")
        self.assertEqual(cache_folder(self.table, _GRID, out, None), out / "cache")
        shared = cache_folder(self.table, _GRID, out, scratch)
        self.assertEqual(shared.parent, scratch)
        self.assertEqual(shared, cache_folder(self.table, _GRID, other, scratch))
        for table, grid in ((replace(self.table, origins=self.table.origins + 1), _GRID),
                            (self.table, HalfPlane(_BOX, _PIXEL, 30.0))):
            self.assertNotEqual(shared, cache_folder(table, grid, out, scratch))

    def test_what_is_needed_is_told_and_too_little_room_is_an_error(self) -> None:
        with self.assertLogs("gmmhet", "INFO") as log:
            self.build()
        needed = _N * _RECORD
        self.assertIn(f"{needed / 1000:.3g} kB in {self.folder}", log.output[0])
        usage = namedtuple("usage", "total used free")
        self.folder = self.folder.parent / "other"
        with mock.patch.object(module.shutil, "disk_usage", return_value=usage(1 << 30, 0, 5000)), \
                self.assertRaisesRegex(InputError, r"other: 5 kB free, .* need .* kB; expected more room, or --scr"):
            self.build()
        self.assertEqual(self.seen, [])

    def test_full_disk_is_one_line_and_nothing_to_believe(self) -> None:
        with full_disk(4000), self.assertRaisesRegex(InputError, r"images\.npy: cannot be written \(File too large\)"):
            self.build()
        self.assertFalse((self.folder / "images.json").exists())
        cache, seen = self.build()
        self.assertEqual(len(seen), _N)
        self.assertEqual(len(cache), _N)

    def test_disk_that_fills_up_while_parts_are_written(self) -> None:
        self.build()
        (self.folder / "images.crc").write_bytes(bytes(8 * 8))
        size = (self.folder / "images.npy").stat().st_size
        with full_disk(size // 2), self.assertRaisesRegex(InputError, "cannot be written"):
            self.build()
        cache, seen = self.build()
        self.assertTrue(0 < seen[0] < _N)
        np.testing.assert_array_equal(seen, np.arange(seen[0], _N))
        self.assertEqual(len(cache), _N)


if __name__ == "__main__":
    unittest.main()
