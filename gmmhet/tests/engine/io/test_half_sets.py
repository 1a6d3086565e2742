"""One half-set for every image, by whatever name it is in the file, and half-sets that can be compared."""

import os
import tempfile
import unittest
from pathlib import Path

import numpy as np

from gmmhet.engine.io import ParticleTable, read_particles
from gmmhet.engine.io.half_sets import distinct_images, half_sets
from gmmhet.tests.support.star_files import particle_columns, write_images, write_particle_star


class HalfSetCase(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        write_images(self.folder / "stack.mrcs", 6)

    def table(self, **columns: list[object]) -> ParticleTable:
        known = particle_columns(6)
        n = len(next(iter(columns.values())))
        rows = [i % 6 for i in range(n)]
        return read_particles(write_particle_star(
            self.folder / "p.star", {c: [v[i] for i in rows] for c, v in known.items()} | columns))

    def together(self, table: ParticleTable, *groups: tuple[int, ...]) -> None:
        """Each of the groups of rows (from 0) is one image, of the half of its first row."""
        for rows in groups:
            self.assertEqual(len({int(table.image_index[r]) for r in rows}), 1, rows)
            self.assertEqual({int(table.halves[r]) for r in rows}, {int(table.half_set[rows[0]])}, rows)


class TestOneImage(HalfSetCase):
    def test_by_name_and_number(self) -> None:
        table = self.table(rlnImageName=[f"{i}@stack.mrcs" for i in (1, 2, 3, 4, 1, 2, 3, 4)],
                           rlnRandomSubset=[1, 1, 2, 2, 2, 1, 1, 2])
        self.together(table, (0, 4), (1, 5), (2, 6), (3, 7))
        self.assertEqual((table.half_sets.n_images, table.half_sets.in_both), (4, 2))
        self.assertIn("2 images are in both half-sets", table.half_sets.notes[0])

    def test_one_file_by_other_names(self) -> None:
        (self.folder / "sub").mkdir()
        os.symlink(self.folder / "stack.mrcs", self.folder / "link.mrcs")
        names = ["1@stack.mrcs", "1@./stack.mrcs", "1@sub/../stack.mrcs", "1@link.mrcs",
                 f"1@{self.folder}/stack.mrcs", "2@stack.mrcs"]
        table = self.table(rlnImageName=names, rlnRandomSubset=[2, 1, 2, 1, 2, 1])
        self.together(table, (0, 1, 2, 3, 4), (5,))
        self.assertEqual(table.half_sets.in_both, 1)

    def test_particles_extracted_again(self) -> None:
        """Another stack, the same micrograph (its name spelled in two ways), half a pixel away at most."""
        write_images(self.folder / "again.mrcs", 3, seed=1)
        table = self.table(
            rlnImageName=["1@stack.mrcs", "2@stack.mrcs", "3@stack.mrcs", "1@again.mrcs", "2@again.mrcs",
                          "3@again.mrcs"],
            rlnMicrographName=["m/one.mrc", "m/one.mrc", "m/two.mrc", "./m/one.mrc", "m/two.mrc", "m/one.mrc"],
            rlnCoordinateX=[100.0, 200.0, 300.0, 100.3, 200.0, 200.6], rlnCoordinateY=[50, 60, 70, 49.7, 60.0, 60],
            rlnRandomSubset=[1, 2, 1, 2, 1, 1])
        self.together(table, (0, 3), (1,), (2,), (4,), (5,))
        self.assertEqual((table.half_sets.n_images, table.half_sets.in_both), (5, 1))

    def test_coordinates_that_mean_nothing(self) -> None:
        for x, y in (([0] * 4, [0] * 4), (["None"] * 4, [1, 2, 3, 4]), (["nan", "nan", "1", "2"], [5] * 4)):
            table = self.table(rlnImageName=[f"{i}@stack.mrcs" for i in (1, 2, 3, 4)], rlnMicrographName=["m.mrc"] * 4,
                               rlnCoordinateX=x, rlnCoordinateY=y, rlnRandomSubset=[1, 2, 1, 2])
            self.assertEqual(table.half_sets.n_images, 4)
            np.testing.assert_array_equal(table.halves, [1, 2, 1, 2])

    def test_symmetry_expansion(self) -> None:
        """Rows of one image that an expansion put into different half-sets, and an expansion that did not."""
        names = [f"{i}@stack.mrcs" for i in (1, 1, 1, 2, 2, 2)]
        mixed = self.table(rlnImageName=names, rlnRandomSubset=[1, 2, 1, 2, 1, 2])
        self.together(mixed, (0, 1, 2), (3, 4, 5))
        self.assertEqual(mixed.half_sets.in_both, 2)
        alike = self.table(rlnImageName=names, rlnRandomSubset=[1, 1, 1, 2, 2, 2])
        self.assertEqual((alike.half_sets.in_both, alike.half_sets.notes), (0, []))

    def test_many_particles_by_comparing_all_pairs(self) -> None:
        rng = np.random.default_rng(0)
        n = 300
        micrograph, places = rng.integers(0, 3, n), rng.uniform(0, 12, (n, 2)).round(2)
        found = distinct_images([Path("a"), Path("b")], rng.integers(0, 2, n), np.arange(n), micrograph, places)
        near = (micrograph[:, None] == micrograph) & (
            np.linalg.norm(places[:, None] - places, axis=-1) <= 0.5)
        expected = near.astype(float)
        for _ in range(9):  # chains of images that are near each other
            expected = np.minimum(expected @ expected, 1)
        np.testing.assert_array_equal(found[:, None] == found, expected > 0)
        self.assertEqual(sorted(set(found.tolist())), list(range(found.max() + 1)))


class TestSizes(unittest.TestCase):
    def test_half_sets_that_cannot_be_compared(self) -> None:
        for first, second in ((120, 0), (0, 7), (597, 3), (81, 19)):
            given = np.repeat([1, 2], [first, second])
            found = half_sets(given, np.arange(len(given)))
            self.assertTrue(found.by_turns)
            np.testing.assert_array_equal(found.halves, 1 + np.arange(len(given)) % 2)
            self.assertIn(f"half-sets of {first} and {second} particles cannot be compared", found.notes[0])

    def test_half_sets_that_can(self) -> None:
        for first, second in ((60, 60), (75, 25), (1, 1)):
            given = np.repeat([2, 1], [first, second])
            found = half_sets(given, np.arange(len(given)))
            np.testing.assert_array_equal(found.halves, given)
            self.assertEqual(found.notes, [])

    def test_no_half_sets(self) -> None:
        found = half_sets(np.zeros(5, np.int64), np.array([0, 1, 1, 2, 3]))
        np.testing.assert_array_equal(found.halves, [1, 2, 2, 1, 2])
        self.assertEqual((found.given, found.by_turns, found.notes), ((0, 0), False, []))

    def test_half_sets_of_some(self) -> None:
        found = half_sets(np.array([1, 0, 2, 0]), np.arange(4))
        np.testing.assert_array_equal(found.halves, [1, 2, 2, 2])


if __name__ == "__main__":
    unittest.main()
