"""What grows with the number of particles: mapped files, columns on their way to a file, sums over single precision."""

import tempfile
import tracemalloc
import unittest
from pathlib import Path
from unittest import mock

import numpy as np

from gmmhet.engine.config import SimulateConfig
from gmmhet.engine.io import number_texts, read_particles, read_star, rows_of, star, write_particles
from gmmhet.engine.io.texts import MadeColumn, TextColumn, chosen_texts, image_texts
from gmmhet.engine.simulate import simulate
from gmmhet.engine.subspace.m_step import update_spread
from gmmhet.engine.subspace.pose_spread import PoseSpread
from gmmhet.engine.subspace.state import Posteriors, SubspaceModel


def resident(path: Path) -> int:
    """Kilobytes of a file that the mappings of this process hold."""
    total, ours = 0, False
    for line in Path("/proc/self/smaps").read_text(encoding="utf-8").splitlines():
        words = line.split()
        if not words[0].endswith(":"):
            ours = words[-1] == str(path)
        elif ours and words[0] == "Rss:":
            total += int(words[1])
    return total


class TestMappedRows(unittest.TestCase):
    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.path = Path(holder.name).resolve() / "values.npy"
        self.values = np.random.default_rng(0).normal(size=(2000, 512))
        np.save(self.path, self.values)
        self.rows = np.array([3, 1999, 0, 3])

    def test_rows_are_those_of_indexing(self):
        mapped = np.load(self.path, mmap_mode="r")
        for array in (self.values, mapped, mapped[:], np.asarray(mapped), mapped.reshape(2000, 8, 64)):
            np.testing.assert_array_equal(rows_of(array, self.rows), np.asarray(array)[self.rows])
        mapped = mapped[:, ::2]
        np.testing.assert_array_equal(rows_of(mapped, self.rows), self.values[self.rows][:, ::2])

    @unittest.skipUnless(Path("/proc/self/smaps").is_file(), "/proc/self/smaps is not there: not Linux")
    def test_what_was_read_is_given_back(self):
        mapped = np.load(self.path, mmap_mode="r")
        every = np.arange(len(mapped))
        kept = mapped[every]
        self.assertGreater(resident(self.path), 7000)  # of 8,000: reading through the map counts
        np.testing.assert_array_equal(rows_of(np.asarray(mapped), every), kept)
        self.assertLess(resident(self.path), 100)

    def test_private_changes_are_kept(self):
        mapped = np.load(self.path, mmap_mode="c")
        mapped[5] = 7.0
        rows_of(mapped, self.rows)
        np.testing.assert_array_equal(mapped[5], 7.0)


class TestMadeColumns(unittest.TestCase):
    def test_reads_like_a_list(self):
        values = np.array([1.5, -2.25, 1e-9, 3.0])
        column, texts = number_texts(values, "%.3f"), [f"{v:.3f}" for v in values]
        self.assertEqual((len(column), list(column), column[1], column[-1]), (4, texts, texts[1], texts[-1]))
        self.assertEqual(column[1:3], texts[1:3])
        self.assertEqual(column[4:], [])
        with self.assertRaises(IndexError):
            column[4]

    def test_none_at_all(self):
        self.assertEqual(list(number_texts(np.zeros(0), "%d")), [])

    def test_images_and_chosen_rows(self):
        column = image_texts(["a.mrcs", "b/ü.mrcs"], np.array([1, 0, 1]), np.array([0, 9, 1234566]))
        self.assertEqual(list(column), ["000001@b/ü.mrcs", "000010@a.mrcs", "1234567@b/ü.mrcs"])
        texts = TextColumn(np.array([b"x", b"yy", b"zzz"]))
        self.assertEqual(list(chosen_texts(texts, np.array([2, 0, 2]))), ["zzz", "x", "zzz"])

    def test_iterates_over_more_than_a_portion(self):
        n = (1 << 16) + 3
        self.assertEqual(list(number_texts(np.arange(n), "%d")), [str(i) for i in range(n)])


class TestWriting(unittest.TestCase):
    def test_no_column_is_ever_whole(self):
        n, columns = 20_000, 10
        values = np.random.default_rng(1).normal(size=(n, columns))
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(star, "_ROWS_AT_ONCE", 500):
            simulate(SimulateConfig("null", 10, 16, 10.0), Path(folder))
            small = read_particles(Path(folder) / "particles.star")
            path = Path(folder) / "many.star"
            lines = small.source.read_text(encoding="utf-8").splitlines()
            first = next(i for i, line in enumerate(lines) if line.startswith("000001@"))
            rows = [line for line in lines[first:] if line.strip()]
            path.write_text("\n".join([*lines[:first], *rows * (n // 10)]) + "\n", encoding="utf-8")
            table = read_particles(path)
            extra = {f"gmmhetLatent{k + 1}": number_texts(values[:, k], "%.6f") for k in range(columns)}
            tracemalloc.start()
            self.addCleanup(tracemalloc.stop)
            write_particles(Path(folder) / "out.star", table, extra)
            peak = tracemalloc.get_traced_memory()[1]
            found = read_star(Path(folder) / "out.star")["particles"]
        self.assertLess(peak, 3e6)  # as lists of str the new columns alone take 200,000 x 65 bytes
        for k in (0, columns - 1):
            np.testing.assert_allclose(found.floats(f"gmmhetLatent{k + 1}"), values[:, k], atol=5e-7)
        self.assertEqual(found.texts("rlnAngleRot")[n - 1], table.tables["particles"].texts("rlnAngleRot")[9])
        self.assertIsInstance(extra["gmmhetLatent1"], MadeColumn)


class TestHalves(unittest.TestCase):
    def test_images_take_turns_and_rows_of_one_image_stay_together(self):
        with tempfile.TemporaryDirectory() as folder:
            simulate(SimulateConfig("null", 12, 16, 10.0), Path(folder))
            table = read_particles(Path(folder) / "particles.star")
        object.__setattr__(table, "half_set", np.zeros(12, np.int64))
        object.__setattr__(table, "stacks", tuple(Path(folder) / f"{i}.mrcs" for i in range(3)))
        object.__setattr__(table, "stack_index", np.array([1, 0, 1, 0, 2, 2, 0, 1, 1, 0, 0, 2]))
        object.__setattr__(table, "slice_index", np.array([5, 0, 0, 7, 3, 3, 0, 5, 9, 7, 2, 0]))
        images = list(zip(table.stack_index.tolist(), table.slice_index.tolist(), strict=True))
        turns = {image: 1 + i % 2 for i, image in enumerate(sorted(set(images)))}
        self.assertEqual(table.halves.tolist(), [turns[image] for image in images])


class TestSinglePrecision(unittest.TestCase):
    def test_sums_over_many_particles_are_in_double(self):
        n = 400_000
        pose = np.full((n, 5), 0.3, np.float32)
        self.assertGreater(abs(float((pose**2).sum(0)[0]) / (n * 0.09) - 1), 1e-5)  # what single precision would give
        model = SubspaceModel(np.zeros((1, 3)), np.ones(1), np.ones(1), np.zeros((1, 1)), np.ones((1, 1)), 1.0, 0.1,
                              PoseSpread(0.3, 0.3, 0.3))
        posteriors = Posteriors(np.arange(n), np.zeros((n, 1)), pose, np.ones(n),
                            pose_variance=np.zeros((n, 5), np.float32))
        spread = update_spread(model, posteriors).spread
        assert spread is not None
        for value in (spread.shift, spread.tilt, spread.turn):
            self.assertAlmostEqual(value / 0.3, 1.0, delta=1e-7)


if __name__ == "__main__":
    unittest.main()
