"""From where particles are seen: preferred views, and views in one asymmetric unit."""

import unittest

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.check.findings import view_lines
from gmmhet.engine.check.unit import asymmetric_unit_of
from gmmhet.engine.check.views import check_views
from gmmhet.engine.conventions import euler_to_matrix
from gmmhet.engine.molecule.symmetry import asymmetric_unit


def random_angles(n: int, seed: int = 0) -> NDArray[np.float64]:
    """[n, 3] rot, tilt, psi (degrees) of orientations drawn evenly from all."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.uniform(-180, 180, n), np.rad2deg(np.arccos(rng.uniform(-1, 1, n))),
                     rng.uniform(-180, 180, n)], axis=1)


class TestViews(unittest.TestCase):
    def test_views_in_one_asymmetric_unit(self) -> None:
        """Even views cut to a unit: the group is named, and none of their copies are missing; a cap is no unit."""
        views = np.random.default_rng(3).normal(size=(24000, 3))
        views /= np.linalg.norm(views, axis=1)[:, None]
        for group in ("C2", "C4", "D2", "T", "O"):
            some = views[asymmetric_unit(views, group)][:3000]
            with self.subTest(group):
                self.assertEqual(asymmetric_unit_of(some), group)
        tilted = random_angles(24000)
        held = asymmetric_unit(euler_to_matrix(tilted)[:, 2], "O")
        found = check_views(euler_to_matrix(tilted[held]))
        self.assertEqual((found.unit, found.warnings), ("O", []))
        self.assertGreater(found.least, 0.5)
        self.assertTrue(any("asymmetric unit of O" in line for line in view_lines(found)))
        self.assertIn("few views", check_views(euler_to_matrix(tilted[held]), "C1").warnings[0])
        self.assertIsNone(asymmetric_unit_of(views[views[:, 2] > 0.95]))
        self.assertIsNone(asymmetric_unit_of(views[:3000]))

    def test_views(self) -> None:
        """Even ones; all from one side; and a belt of side views, which sees every direction."""
        even = check_views(euler_to_matrix(random_angles(5000)))
        self.assertLess(even.crowded, 0.16)
        self.assertGreater(even.least, 0.75)
        self.assertEqual(even.warnings, [])
        one_side = random_angles(500)
        one_side[:, 1] = np.random.default_rng(2).uniform(0, 10, 500)
        found = check_views(euler_to_matrix(one_side))
        self.assertEqual(found.crowded, 1.0)
        self.assertGreater(found.poor, 0.5)
        self.assertIn("few views", found.warnings[0])
        belt = random_angles(2000)
        belt[:, 1] = 90
        self.assertEqual(check_views(euler_to_matrix(belt)).poor, 0)

    def test_even_views_of_any_symmetry_are_enough_and_preferred_ones_are_named(self) -> None:
        """Even in an asymmetric unit: no warning, by chance in one set of 100 at most. Within 6 degrees of an axis of
        four or fewer copies of a great circle: directions near the axis are missing."""
        for group in ("C1", "C3", "C17", "D2", "D14", "T", "O", "I"):
            for count in (200, 2000):
                angles = random_angles(count)
                preferred = angles.copy()
                preferred[:, 1] = 6 * np.sqrt(np.random.default_rng(count).uniform(0, 1, count))
                rotations = euler_to_matrix(angles)
                unit = asymmetric_unit(rotations[:, 2], group)
                with self.subTest(group, count=count):
                    self.assertEqual(check_views(rotations, group).warnings, [])
                    self.assertEqual(check_views(rotations[unit], group).warnings, [])
                    if group != "I":  # 15 great circles of 22 degrees leave no direction out
                        self.assertIn("few views", check_views(euler_to_matrix(preferred), group).warnings[0])

    def test_few_even_views_are_not_called_uneven(self) -> None:
        """Of 300 directions some are seen by few of 60 particles by chance alone."""
        for seed in range(10):
            views = np.random.default_rng(seed).normal(size=(60, 3, 3))
            self.assertEqual(check_views(np.linalg.qr(views)[0], "C1").warnings, [])

    def test_place_of_a_view_on_the_map_of_views(self) -> None:
        """rot 116, tilt 20: first row of tilt (0 to 34 degrees), column (116 + 180) / 7.5 = 39.5."""
        angles = np.tile([116.0, 20.0, 33.0], (10, 1))
        histogram = check_views(euler_to_matrix(angles)).histogram
        row, column = np.unravel_index(histogram.argmax(), histogram.shape)
        self.assertEqual((int(row), int(column)), (0, 39))


if __name__ == "__main__":
    unittest.main()
