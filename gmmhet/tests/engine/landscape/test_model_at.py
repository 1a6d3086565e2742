"""The model and the particles at points, as called from Python."""

import tempfile
import unittest
from pathlib import Path

import numpy as np

from gmmhet.engine import InputError, density_at, map_at, open_analysis, points_along
from gmmhet.engine.molecule.gaussian_map import gaussian_density
from gmmhet.engine.molecule.gaussians import GaussianModel
from gmmhet.tests.support.planted_landscape import ring, with_posteriors, write_analysis


class TestModelAt(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        rng = np.random.default_rng(1)
        cls.arrays = write_analysis(Path(folder.name), *with_posteriors(ring(600, rng), rng))
        cls.analysis = open_analysis(Path(folder.name))

    def test_map_is_that_of_the_displaced_gaussians(self):
        a, point = self.arrays, np.array([0.7, -1.1, 0.0, 0.0])
        moved = GaussianModel(a["centers"] + np.einsum("k,knd->nd", point, a["modes_position"]),
                              a["weights"] * (1 + point @ a["modes_amplitude"]), a["sigmas"], 20, 4.0, 16.0)
        for given in (point, point[:2]):  # coordinates that are left out are 0
            found = map_at(self.analysis, given)
            np.testing.assert_allclose(found.data, gaussian_density(moved).data, rtol=1e-5, atol=1e-7)
            self.assertEqual((found.box, found.pixel_size), (20, 4.0))

    def test_map_on_another_grid_holds_the_same_density(self):
        found = map_at(self.analysis, [0.0], box=41, pixel_size=2.0)
        self.assertEqual((found.box, found.pixel_size), (41, 2.0))
        # the molecule fits into both boxes: the integral over the box is the sum of the weights
        self.assertAlmostEqual(float(found.data.sum()) * 8 / self.arrays["weights"].sum(), 1, places=3)

    def test_particles_are_on_the_ring_and_not_within(self):
        density, populated = density_at(self.analysis, [[1.4, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
        self.assertEqual(populated.tolist(), [True, False])
        self.assertGreater(density[0], 5 * density[1])

    def test_points_run_over_the_range_of_the_mode(self):
        points = points_along(self.analysis, 2, n=5)
        self.assertEqual(points.shape, (5, 4))
        np.testing.assert_allclose(points[[0, -1], 1], np.percentile(self.arrays["coordinates"][:, 1], (2, 98)))

    def test_bad_points_are_refused_in_one_line(self):
        for call, part in ((lambda: map_at(self.analysis, np.zeros(5)), "at most 4 coordinates"),
                           (lambda: map_at(self.analysis, [np.nan]), "finite"),
                           (lambda: density_at(self.analysis, [0.0, 1.0]), "for each point"),
                           (lambda: points_along(self.analysis, 5), "expected 1 to 4"),
                           (lambda: points_along(self.analysis, 1, n=1), "2 points or more")):
            with self.assertRaisesRegex(InputError, part) as caught:
                call()
            self.assertNotIn("\n", str(caught.exception))


if __name__ == "__main__":
    unittest.main()
