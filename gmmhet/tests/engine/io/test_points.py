"""Tables of points of latent space."""

import tempfile
import unittest
from pathlib import Path

import numpy as np

from gmmhet.engine.errors import InputError
from gmmhet.engine.io.points import read_points, write_points


class TestPoints(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "points.csv"

    def read(self, text: str, modes: int = 2):
        self.path.write_text(text, encoding="utf-8")
        return read_points(self.path, modes)

    def test_what_is_written_stands_in_the_file_and_is_read_back(self):
        points = np.array([[0.5, -1.25], [2.0, 1e-3]])
        write_points(self.path, points, [1.0, 0.012345], [True, False])
        self.assertEqual(self.path.read_text(), "latent1,latent2,density,populated\n0.500000,-1.250000,1,yes\n"
                         "2.000000,0.001000,0.01235,no\n")
        np.testing.assert_array_equal(read_points(self.path, 2), points)

    def test_a_spreadsheet_s_table_with_other_columns_in_any_order(self):
        found = self.read("\ufeffname,latent2, latent1 ,note\r\n\r\nopen, 2 ,1,\"a, b\"\r\n# the other\r\n"
                          "closed,-2,-1,\r\n")
        np.testing.assert_array_equal(found, [[1, 2], [-1, -2]])

    def test_modes_without_a_column_are_at_the_mean(self):
        np.testing.assert_array_equal(self.read("latent1\n0.5\n", modes=3), [[0.5, 0, 0]])

    def test_bad_tables_are_told_in_one_line(self):
        for text, told in (
            ("", "is empty"), ("x,y\n1,2\n", "expected latent1"), ("latent2\n1\n", "each once"),
            ("latent1,latent1\n1,1\n", "each once"),
            ("latent1,latent2,latent3\n1,2,3\n", "latent3; expected at most latent2"),
            ("latent1\n", "0 points"), ("latent1,latent2\n1,2\n1\n", "line 3: 1 values; expected 2"),
            ("latent1\nabc\n", "line 2: latent1 is 'abc'"), ("latent1\nnan\n", "latent1 is 'nan'"),
            ("latent1,latent2\n1,\n", "latent2 is ''"),
        ):
            with self.subTest(text), self.assertRaisesRegex(InputError, told) as caught:
                self.read(text)
            self.assertNotIn("\n", str(caught.exception))

    def test_files_that_are_no_tables(self):
        with self.assertRaisesRegex(InputError, "no such file"):
            read_points(self.path, 2)
        self.path.write_bytes(b"latent1\n\xff\xfe\n")
        with self.assertRaisesRegex(InputError, "cannot be read"):
            read_points(self.path, 2)


if __name__ == "__main__":
    unittest.main()
