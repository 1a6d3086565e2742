"""Orientations that are found for particles whose given one is wrong, against those the images were made with."""

import tempfile
import unittest
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from gmmhet.engine.check.agreement import SlicedMap
from gmmhet.engine.check.local_search import local_search
from gmmhet.engine.check.orientation_grid import angles_between
from gmmhet.engine.check.orientation_posterior import ImageModel, LowResolution
from gmmhet.engine.check.reorient import reorient
from gmmhet.engine.config import SimulateConfig
from gmmhet.engine.conventions import matrix_to_euler
from gmmhet.engine.errors import InputError
from gmmhet.engine.io import read_map, read_particles, read_star, write_selection
from gmmhet.engine.simulate import simulate
from gmmhet.engine.wording import reorient as wording


class TestReorient(unittest.TestCase):
    """A fifth of the particles of a set given random orientations, a few of them pure noise as well."""

    @classmethod
    def setUpClass(cls) -> None:
        holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(holder.cleanup)
        cls.folder = Path(holder.name)
        simulate(SimulateConfig("null", 150, 32, 8.0, 0.15, seed=3), cls.folder)
        cls.true = read_particles(cls.folder / "particles.star")
        rng = np.random.default_rng(5)
        cls.bad = rng.permutation(len(cls.true)) < 30
        views = np.where(cls.bad[:, None, None], Rotation.random(150, rng).as_matrix(), cls.true.rotations)
        write_selection(cls.folder / "given.star", cls.true, np.arange(150),
                        poses=(matrix_to_euler(views), cls.true.origins))
        with cls().assertLogs("gmmhet", "INFO") as logs:
            cls.found = reorient(cls.folder / "given.star", cls.folder / "consensus.mrc", cls.folder / "found.star")
        cls.said = [record.getMessage() for record in logs.records]
        cls.off = angles_between(views, cls.true.rotations, "C1") > 10

    def test_wrong_ones_are_told(self) -> None:
        self.assertGreater(float(np.mean(self.found.given_wrong[self.off][:, None] >
                                         self.found.given_wrong[~self.off])), 0.98)
        self.assertAlmostEqual(float(self.found.given_wrong.mean()), float(self.off.mean()), delta=0.04)

    def test_most_are_found_anew_and_others_stay(self) -> None:
        now = angles_between(self.found.views, self.true.rotations, "C1")
        self.assertLessEqual(int((self.found.found & ~self.off).sum()), 3)
        right = self.found.found & (now < 10)
        self.assertGreater(int(right.sum()), 0.75 * self.off.sum())
        self.assertLess(float(np.median(now[right])), 5)
        wrong_again = int((self.found.found & ~right).sum())
        self.assertAlmostEqual(float(self.found.wrong[self.found.found].sum()), wrong_again, delta=4)

    def test_what_is_written(self) -> None:
        written, given = (read_particles(self.folder / name) for name in ("found.star", "given.star"))
        stays = ~self.found.found
        np.testing.assert_allclose(written.angles[stays], given.angles[stays], atol=1e-5)
        np.testing.assert_allclose(written.origins[stays], given.origins[stays], atol=1e-5)
        np.testing.assert_allclose(angles_between(written.rotations, self.found.views, "C1"), 0, atol=1e-2)
        columns = read_star(self.folder / "found.star")["particles"]
        np.testing.assert_allclose(columns.floats("gmmhetWrongPose"), self.found.wrong, atol=1e-4)
        np.testing.assert_array_equal(columns.integers("gmmhetReoriented"), self.found.found)

    def test_what_is_said(self) -> None:
        self.assertRegex(self.said[0], r"^about (1[6-9]|2[0-4])% of the given orientations are off by more than 10 ")
        self.assertRegex(self.said[1], r"^\d+ of them have a likelier orientation elsewhere, and get it")
        self.assertIn("half maps with these particles are no longer independent", self.said[2])

    def test_poses_that_do_not_fit_at_all_are_no_start(self) -> None:
        table = self.true
        views = Rotation.random(len(table), 7).as_matrix()
        write_selection(self.folder / "random.star", table, np.arange(len(table)),
                        poses=(matrix_to_euler(views), table.origins))
        with self.assertRaisesRegex(InputError, "random.star"):
            reorient(self.folder / "random.star", self.folder / "consensus.mrc", self.folder / "none.star")
        self.assertFalse((self.folder / "none.star").exists())


class TestLocalSearch(unittest.TestCase):

    def test_exact_projections_are_found_again(self) -> None:
        """Projections without noise, from a start that is six degrees and three Angstrom off."""
        with tempfile.TemporaryDirectory() as folder:
            simulate(SimulateConfig("null", 20, 32, 8.0, 0.15, seed=2), Path(folder))
            table, density = read_particles(Path(folder) / "particles.star"), read_map(Path(folder) / "consensus.mrc")
            data = LowResolution.of(table, np.arange(20), 18.0)
        sliced, rng = SlicedMap(density, 18.0), np.random.default_rng(1)
        kx, ky = data.frequencies
        moves = rng.normal(size=(20, 2)) * 2
        shown = data.transfer * sliced.at(table.rotations, kx, ky) * np.exp(2j * np.pi * (moves @ np.stack([kx, ky])))
        data = replace(data, images=shown.astype(np.complex64))
        noise = np.full((data.n_groups, data.grid.n_shells), 1e-4 * float(np.mean(np.abs(shown) ** 2)))
        model = ImageModel(np.ones(data.grid.n_shells), noise, 0.2)
        axis = rng.normal(size=(20, 3))
        start = Rotation.from_rotvec(6 * axis / np.linalg.norm(axis, axis=1, keepdims=True), degrees=True).as_matrix()
        views, shifts = local_search(data, sliced, model, start @ table.rotations, np.zeros((20, 2)), step=3.75,
                                     shift_step=3.0)
        self.assertLess(float(np.median(angles_between(views, table.rotations, "C1"))), 0.6)
        self.assertLess(float(np.median(np.linalg.norm(shifts - moves, axis=1))), 0.5)


class TestWording(unittest.TestCase):

    def test_what_stays_unsure_is_said(self) -> None:
        given, wrong = np.array([0.9, 0.8, 0.1]), np.array([0.2, 0.8, 0.1])
        lines = wording.findings(given, wrong, np.array([True, False, False]), 12.0)
        self.assertIn("1 have no orientation that is surely better", lines[-1])
        self.assertEqual(len(wording.findings(np.array([0.1]), np.array([0.1]), np.array([False]), 12.0)), 1)


if __name__ == "__main__":
    unittest.main()
