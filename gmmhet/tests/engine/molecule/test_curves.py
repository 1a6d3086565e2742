"""Functions along curves, against their definition."""

import unittest

import numpy as np
import tensorflow as tf
from scipy.interpolate import CubicSpline

from gmmhet.engine.molecule.curves import CIRCUMFERENCE, Circle, Curves, Line, wrapped


class TestFunctions(unittest.TestCase):
    def test_they_are_orthonormal_under_the_prior(self) -> None:
        rng = np.random.default_rng(0)
        n = 400_000
        for coordinate, z in ((Line(), rng.normal(size=n)), (Circle(), rng.uniform(-0.5, 0.5, n) * CIRCUMFERENCE)):
            t = coordinate.amounts(z)
            np.testing.assert_allclose(t.mean(0), 0.0, atol=0.01)
            np.testing.assert_allclose(t.T @ t / n, np.eye(coordinate.size), atol=0.03)

    def test_slopes_are_derivatives(self) -> None:
        z = np.random.default_rng(1).normal(size=(50, 2)) * 1.5
        curves, step = Curves((False, True)), 1e-5
        slope = (curves.amounts(z + step) - curves.amounts(z - step)) / (2 * step)
        np.testing.assert_allclose(curves.slopes(z), slope, atol=1e-5 * np.abs(slope).max())

    def test_the_first_function_of_a_line_is_its_coordinate(self) -> None:
        z = np.linspace(-4, 4, 41)
        np.testing.assert_allclose(Line().amounts(z)[:, 0], z, atol=1e-4)

    def test_lines_hold_every_natural_spline(self) -> None:
        """An interpolating spline of scipy with the same knots and natural ends, without its mean and slope of 0."""
        knots = np.array([-2.0, -1.2, -0.4, 0.4, 1.2, 2.0])
        spline = CubicSpline(knots, np.random.default_rng(2).normal(size=6), bc_type="natural")
        z = np.linspace(-2, 2, 101)
        columns = np.column_stack([Line().amounts(z), np.ones(len(z))])
        found, *_ = np.linalg.lstsq(columns, spline(z), rcond=None)
        np.testing.assert_allclose(columns @ found, spline(z), atol=1e-8)
        beyond = np.array([3.0, 4.0, 5.0])  # straight there
        t = Line().amounts(beyond)
        np.testing.assert_allclose(t[0] - 2 * t[1] + t[2], 0.0, atol=1e-6)

    def test_a_circle_closes(self) -> None:
        z = np.linspace(-1, 1, 9)
        np.testing.assert_allclose(Circle().amounts(z), Circle().amounts(z + CIRCUMFERENCE), atol=1e-9)
        np.testing.assert_allclose(wrapped(z + 3 * CIRCUMFERENCE), z, atol=1e-9)

    def test_tensors_get_the_same(self) -> None:
        z = np.random.default_rng(3).normal(size=(7, 2))
        curves = Curves.of(["circle", "line"])
        self.assertEqual(curves.kinds, ["circle", "line"])
        for name in ("amounts", "slopes"):
            here = getattr(curves, name)
            np.testing.assert_allclose(here(tf.constant(z, tf.float32), tf).numpy(), here(z), atol=2e-4)

    def test_places_are_where_the_prior_is(self) -> None:
        places = Curves((False, True)).places(24, 64)
        self.assertEqual(places.shape, (64, 2))
        self.assertLess(np.abs(places[:, 1]).max(), CIRCUMFERENCE / 2)
        np.testing.assert_allclose(places.mean(0), 0.0, atol=1e-9)


if __name__ == "__main__":
    unittest.main()
