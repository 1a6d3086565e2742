"""Orientations that are grossly wrong: the posterior against its definition, planted shares against what is found."""

import tempfile
import unittest
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import integrate
from scipy.spatial.transform import Rotation

from gmmhet.engine.check.agreement import SlicedMap
from gmmhet.engine.check.orientation_grid import angles_between, near, orientation_grid
from gmmhet.engine.check.orientation_posterior import ImageModel, LowResolution, Slices, posterior_of, shift_waves
from gmmhet.engine.check.orientations import Orientations
from gmmhet.engine.check.wrong_poses import GrossErrors, Interval, gross_errors
from gmmhet.engine.config import SimulateConfig
from gmmhet.engine.conventions import matrix_to_euler
from gmmhet.engine.io import read_map, read_particles
from gmmhet.engine.simulate import simulate

RESOLUTION = 24.0


class TestGrid(unittest.TestCase):

    def test_orientations_are_even(self) -> None:
        """Each orientation has about as many neighbours as an even spread gives: (a - sin a) / pi of all within a."""
        grid = orientation_grid(15.0)
        matrices = grid.matrices
        self.assertEqual(len(matrices), 4 * len(grid.quarter))
        views = Rotation.random(200, 1).as_matrix()
        share = near(views, matrices, 25.0, "C1").mean(axis=1)
        angle = np.deg2rad(25.0)
        self.assertAlmostEqual(float(share.mean()), float((angle - np.sin(angle)) / np.pi), delta=5e-4)
        self.assertGreater(float(share.min()), 0.3 * float(share.mean()))

    def test_symmetric_copies_are_near(self) -> None:
        views = Rotation.random(5, 2).as_matrix()
        turned = views @ Rotation.from_euler("z", 180, degrees=True).as_matrix()
        np.testing.assert_allclose(angles_between(views, turned, "C2"), 0, atol=1e-5)
        np.testing.assert_allclose(angles_between(views, turned, "C1"), 180, atol=1e-5)
        self.assertTrue(near(views[:1], turned[:1], 1.0, "C2").all())
        self.assertFalse(near(views[:1], turned[:1], 1.0, "C1").any())


class Simulated(unittest.TestCase):

    @classmethod
    def setUpClass(cls) -> None:
        holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(holder.cleanup)
        folder = Path(holder.name)
        simulate(SimulateConfig("hinge11", 120, 32, 8.0, 0.15, seed=8), folder)
        cls.table, cls.map = read_particles(folder / "particles.star"), read_map(folder / "consensus.mrc")
        cls.rows = np.arange(len(cls.table))


class TestPosterior(Simulated):

    def setUp(self) -> None:
        self.data = LowResolution.of(self.table, np.arange(3), RESOLUTION)
        self.sliced = SlicedMap(self.map, RESOLUTION)
        self.slices = Slices.of(self.sliced, orientation_grid(30.0), self.data)

    def test_three_quarters_follow_from_one(self) -> None:
        grid = self.slices.grid
        some = np.linspace(0, 4 * len(grid.quarter) - 1, 12).astype(np.int64)
        direct = self.sliced.at(grid.matrices[some], *self.data.frequencies)
        found = grid.slices(self.slices.values, some)
        np.testing.assert_allclose(found, direct, atol=5e-3 * np.abs(direct).max())

    def test_likelihood_is_that_of_its_definition(self) -> None:
        """Mean over shifts of the integral over contrasts, by quadrature; images that are the molecule's negative count
        as not showing it."""
        rings = self.data.grid.n_shells
        power = np.abs(self.data.images).astype(np.float64) ** 2
        noise = self.data.by_ring(power)[:1].mean() / self.data.by_ring(np.ones((1, power.shape[1]))).sum() * rings
        model = ImageModel(np.full(rings, 0.9), np.full((1, rings), noise), 0.4)
        found = posterior_of(self.data, self.slices, model).log_likelihood
        grid, weight = self.slices.grid, 2 * self.data.pairs.astype(np.float64) / noise
        for image, orientation in ((0, 5), (1, len(grid.quarter) + 7), (2, 2 * len(grid.quarter) + 3), (0, -1)):
            model_image = 0.9 * self.data.transfer[image] * self.sliced.at(
                grid.matrices[[orientation]], *self.data.frequencies)[0]
            p = float(weight @ np.abs(model_image) ** 2)
            total = 0.0
            for wave in shift_waves(self.data):
                b = float(weight @ ((self.data.images[image] * wave).conj() * model_image).real)
                if b < -1 / 0.16:
                    total += np.exp(-0.5 / 0.16) / np.sqrt(1 + 0.16 * p)
                    continue
                total += integrate.quad(lambda a, b=b, p=p: np.exp(a * b - a**2 * p / 2 - (a - 1)**2 / 0.32) / (
                    0.4 * np.sqrt(2 * np.pi)), -6, 8, limit=200)[0]
            expected = np.log(total / len(shift_waves(self.data)))
            self.assertAlmostEqual(float(found[image, orientation]), expected, delta=0.02 * max(1, abs(expected)))


class TestPlantedShares(Simulated):

    def found(self, share: float) -> tuple[GrossErrors, np.ndarray]:
        rng = np.random.default_rng(4)
        bad = rng.permutation(len(self.table)) < round(share * len(self.table))
        other = np.where(bad[:, None, None], Rotation.random(len(bad), rng).as_matrix(), self.table.rotations)
        return gross_errors(replace(self.table, angles=matrix_to_euler(other)), self.rows, self.map), bad

    def test_right_poses(self) -> None:
        found, _ = self.found(0.0)
        assert found.wrong is not None
        self.assertLess(found.wrong.share, 0.05)
        self.assertEqual(Orientations(found, None, []).warnings, [])

    def test_random_poses(self) -> None:
        found, bad = self.found(0.35)
        assert found.wrong is not None
        self.assertAlmostEqual(found.wrong.share, 0.35, delta=0.05)
        self.assertTrue(found.wrong.low < 0.35 < found.wrong.high)
        self.assertGreater(float(np.mean(found.probability[bad][:, None] > found.probability[~bad])), 0.95)
        self.assertIn("of the poses appear to be off by more than 10", Orientations(found, None, []).warnings[0])


class TestWords(unittest.TestCase):

    def test_what_cannot_be_determined_is_no_warning(self) -> None:
        found = GrossErrors(np.arange(60), 20.0, np.zeros(60), None, None, 1.0, 0.8, (0.4, 0.2))
        seen = Orientations(found, None, [])
        self.assertEqual(seen.warnings, [])
        self.assertIn("cannot be determined", seen.lines()[0][1])
        self.assertIsNone(seen.plain()["wrong_poses"]["share"])

    def test_images_without_a_molecule(self) -> None:
        found = GrossErrors(np.arange(60), 20.0, np.zeros(60), Interval(0.02, 0.0, 0.06), Interval(0.12, 0.08, 0.17),
                            1.0, 0.1, (0.0, 0.2))
        warnings = Orientations(found, None, []).warnings
        self.assertEqual(len(warnings), 1)
        self.assertIn("12% (8% to 17%) of the images appear to show no molecule", warnings[0])


if __name__ == "__main__":
    unittest.main()
