"""Rows of results and of the original file: full names of stacks first, then what names have in common."""

import tempfile
import unittest
from pathlib import Path

import numpy as np

from gmmhet.engine.errors import InputError
from gmmhet.engine.export.joining import original_rows
from gmmhet.engine.io import ParticleTable, read_particles
from gmmhet.tests.support.star_files import particle_columns, write_images, write_particle_star


class JoiningCase(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def table(self, name: str, images: list[str]) -> ParticleTable:
        columns = particle_columns(len(images)) | {"rlnImageName": images}
        return read_particles(write_particle_star(self.folder / name, columns), images=False)

    def rows(self, results: list[str], original: list[str], at: str = "results.star") -> list[int]:
        return original_rows(self.table(at, results), self.table("original.star", original)).tolist()


class TestSameNamesInTwoFolders(JoiningCase):
    def setUp(self) -> None:
        super().setUp()
        self.original = [f"{i}@Extract/job{j}/mic1.mrcs" for j in (1, 2) for i in (1, 2, 3)]

    def test_full_names(self) -> None:
        for order in ([5, 1, 3], [0, 1, 2], [3, 4, 5], [2, 5]):
            self.assertEqual(self.rows([self.original[i] for i in order], self.original), order)

    def test_full_names_come_before_positions(self) -> None:
        """The same numbers in the same order, but of the stacks in the other order."""
        self.assertEqual(self.rows(self.original[3:] + self.original[:3], self.original), [3, 4, 5, 0, 1, 2])

    def test_names_relative_to_another_folder(self) -> None:
        for before, after in (("Extract", "../../Extract"), ("Extract", "/disk/project/Extract"), ("Extract/", "")):
            names = [self.original[i].replace(before, after) for i in (4, 1)]
            self.assertEqual(self.rows(names, self.original), [4, 1])

    def test_the_same_files_on_disk(self) -> None:
        for j in (1, 2):
            write_images(self.folder / f"Extract/job{j}/mic1.mrcs", 3)
            (self.folder / f"links{j}").mkdir()
            (self.folder / f"links{j}/mic1.mrcs").symlink_to(self.folder / f"Extract/job{j}/mic1.mrcs")
        self.assertEqual(self.rows(["2@links2/mic1.mrcs", "3@links1/mic1.mrcs"], self.original), [4, 2])

    def test_names_that_fit_both(self) -> None:
        with self.assertRaisesRegex(InputError, "original.star: two stacks are named mic1, and neither's folder is"):
            self.rows(["2@mic1.mrcs", "1@mic1.mrcs"], self.original)
        with self.assertRaisesRegex(InputError, "results.star: two stacks can be Extract/a.mrcs"):
            self.rows(["1@x/a.mrcs", "1@y/a.mrcs"], ["1@Extract/a.mrcs", "2@Extract/a.mrcs", "1@Extract/b.mrcs"])


class TestRenamed(JoiningCase):
    def test_one_to_one_by_position(self) -> None:
        original = [f"{i}@a.mrcs" for i in (3, 1)] + ["3@b.mrcs"]
        self.assertEqual(self.rows(["3@x/001.mrcs", "1@x/001.mrcs", "3@x/002.mrcs"], original), [0, 1, 2])

    def test_one_image_in_two_rows(self) -> None:
        original = ["1@a.mrcs", "1@a.mrcs", "2@a.mrcs"]
        self.assertEqual(self.rows(["2@a.mrcs", "1@a.mrcs", "1@a.mrcs"], original), [2, 0, 1])
        with self.assertRaisesRegex(InputError, "2 rows for image 1 of a.mrcs.*cannot be told apart"):
            self.rows(["2@a.mrcs", "1@a.mrcs"], original)

    def test_many_stacks_at_random(self) -> None:
        rng = np.random.default_rng(0)
        original = [f"{i}@Extract/job{j}/mic{k}.mrcs" for j in range(3) for k in range(4) for i in (1, 2)]
        for _ in range(10):
            order = rng.permutation(len(original))[:int(rng.integers(1, len(original)))].tolist()
            self.assertEqual(self.rows([original[i] for i in order], original), order)


if __name__ == "__main__":
    unittest.main()
