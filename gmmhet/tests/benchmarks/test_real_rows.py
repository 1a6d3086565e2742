"""Rows of the real set of the quality table: which images count, what is said where the real images are not there."""

import os
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"

pytestmark = pytest.mark.skipif(not BENCHMARKS.is_dir(), reason=f"no {BENCHMARKS}: not run from the source tree")

real_rows = real_noise_rows = stages = None


def setUpModule():
    """Programs beside the package find each other by their folder."""
    global real_rows, real_noise_rows, stages
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import real_noise_rows
        import real_rows
        import stages
    finally:
        sys.path.remove(str(BENCHMARKS))


class TestWhatIsThere(unittest.TestCase):
    def test_rows_in_real_noise_say_that_the_images_are_not_there(self):
        with tempfile.TemporaryDirectory() as name, mock.patch.dict(os.environ, GMMHET_CONFORMANCE_DATA=name):
            work = stages.Bench(Path(name) / "work", 10)
            for row in real_noise_rows.ROWS.values():
                with pytest.raises(stages.StageError, match=r"skipped: .*particles\.star is not there"):
                    row(work, 0)
            assert not (Path(name) / "work").exists()


class TestResults(unittest.TestCase):
    def test_junk_counts_in_no_figure_of_the_motion(self):
        """A coordinate that follows the angle, but in every fourth image, which shows something else."""
        with tempfile.TemporaryDirectory() as name:
            folder, n = Path(name), 400
            (folder / "truth").mkdir()
            angles = np.tile(np.linspace(-25, 25, 11), 40)[:n]
            junk = np.arange(n) % 4 == 0
            kinds = np.where(junk, "ice", "particle")
            (folder / "truth.csv").write_text("id,state,coordinate\n" + "".join(
                f"{i + 1},0,{a}\n" for i, a in enumerate(angles)))
            (folder / "truth" / "images.csv").write_text("id,kind\n" + "".join(
                f"{i + 1},{k}\n" for i, k in enumerate(kinds)))
            found = mock.Mock(spec=stages.Analysis)
            found.latents.return_value = np.where(junk, 50.0, angles / 16)[:, None]
            found.entry.return_value = 1
            found.column.side_effect = lambda column: {
                "gmmhetLatent1": np.where(junk, 50.0, angles / 16), "gmmhetLatentSd1": np.full(n, 0.1)}[column]
            data = stages.DataSet(folder, mock.Mock(), 0)
            result = real_rows._Result(data, found, real_rows._good(data))
            assert result.good.sum() == 300
            self.assertAlmostEqual(result.correlation(0), 1)
            self.assertGreater(result.rank(), 0.995)  # the 11 angles are ties, their estimates are not
            self.assertEqual(result.covered(), 1)
            (folder / "truth" / "images.csv").unlink()  # of an ideal simulation: all show the molecule
            assert real_rows._good(data).all()


if __name__ == "__main__":
    unittest.main()
