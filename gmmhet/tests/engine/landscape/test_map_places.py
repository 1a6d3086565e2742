"""Where maps are made, and what paths pass by, on planted particles."""

import tempfile
import unittest
from pathlib import Path

import numpy as np

from gmmhet.engine.io.points import read_points
from gmmhet.engine.landscape.map_places import curve_through, write_curve
from gmmhet.engine.landscape.path_warnings import path_warnings
from gmmhet.engine.latent_space.particle_density import Population
from gmmhet.tests.support.planted_landscape import ring, with_posteriors, write_analysis


class TestCurve(unittest.TestCase):

    def test_of_a_turn_maps_lie_around_the_ring(self) -> None:
        rng = np.random.default_rng(4)
        z, covariance = with_posteriors(ring(1500, rng)[:, :2], rng)
        found = curve_through(Population(z, covariance), 0, 2, 6)
        assert found is not None
        points, modes = found
        self.assertEqual(modes, [0, 1])
        np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1.4, atol=0.2)
        turns = np.sort(np.angle(points @ [1, 1j]))
        self.assertLess(np.diff(turns).max(), np.deg2rad(90))

    def test_independent_coordinates_keep_their_bins(self) -> None:
        rng = np.random.default_rng(5)
        for truth in (rng.normal(size=(1500, 2)),
                      np.stack([rng.uniform(-1.7, 1.7, 1500), rng.choice([-1.0, 1.0], 1500)], axis=1)):
            self.assertIsNone(curve_through(Population(*with_posteriors(truth, rng)), 0, 2, 5))

    def test_the_points_are_written(self) -> None:
        rng = np.random.default_rng(6)
        with tempfile.TemporaryDirectory() as name:
            write_analysis(Path(name) / "analysis", *with_posteriors(ring(1000, rng)[:, :2], rng))
            table = Path(name) / "points.csv"
            self.assertEqual(write_curve(Path(name), table, 1, 2, 5), [1, 2])
            self.assertEqual(read_points(table, 2).shape, (5, 2))
            self.assertEqual(write_curve(Path(name), Path(name) / "none.csv", 1, 1, 5), [])
            self.assertFalse((Path(name) / "none.csv").exists())


class TestPathWarnings(unittest.TestCase):

    def setUp(self) -> None:
        rng = np.random.default_rng(7)
        truth = np.stack([rng.choice([-1.0, 1.0], 1500), 0.3 * rng.normal(size=1500)], axis=1)
        self.population = Population(*with_posteriors(truth, rng))

    def warnings(self, points: np.ndarray) -> list[str]:
        return path_warnings(self.population, points, self.population.populated(points), "particles")

    def test_a_gap_is_named_with_its_particles(self) -> None:
        points = np.stack([np.linspace(-1, 1, 9), np.zeros(9)], axis=1)
        found = self.warnings(points)
        self.assertEqual(len(found), 1)
        self.assertRegex(found[0], r"crosses an empty gap at points [34] to [67], which holds \d ± \d+ particles")

    def test_particles_far_away_are_counted(self) -> None:
        points = np.stack([np.linspace(-1.1, -0.9, 3), np.zeros(3)], axis=1)
        self.assertRegex(self.warnings(points)[0], "^(49|5[0-3]) % of the particles lie farther")

    def test_a_path_among_the_particles_has_none(self) -> None:
        rng = np.random.default_rng(8)
        self.population = Population(*with_posteriors(rng.normal(size=(1500, 1)), rng))
        self.assertEqual(self.warnings(np.linspace(-2, 2, 7)[:, None]), [])


if __name__ == "__main__":
    unittest.main()
