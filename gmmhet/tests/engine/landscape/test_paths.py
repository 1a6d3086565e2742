"""Paths through latent space, on planted curves."""

import unittest

import numpy as np

from gmmhet.engine.errors import InputError
from gmmhet.engine.landscape.paths import path_along_mode, path_between, principal_path
from gmmhet.engine.landscape.polyline import evenly_spaced
from gmmhet.engine.latent_space.particle_density import Population
from gmmhet.tests.support.planted_landscape import arc, clusters, ring, with_posteriors


def population_on(truth: np.ndarray, seed: int = 1) -> Population:
    return Population(*with_posteriors(truth, np.random.default_rng(seed)))


def steps(path: np.ndarray) -> np.ndarray:
    return np.linalg.norm(np.diff(path, axis=0), axis=1)


class TestRing(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.population = population_on(ring(2500, np.random.default_rng(0)))

    def assert_on_ring(self, path: np.ndarray) -> None:
        self.assertLess(np.abs(np.linalg.norm(path[:, :2], axis=1) - 1.4).max(), 0.12)
        angle = np.arctan2(path[:, 1], path[:, 0])
        expected = np.stack([np.cos(2 * angle), np.sin(2 * angle)], axis=1)
        self.assertLess(np.abs(path[:, 2:] - expected).max(), 0.25)

    def test_the_particles_are_found_to_form_a_ring_and_it_is_gone_around_once(self):
        path, closed = principal_path(self.population, 24)
        self.assertTrue(closed)
        self.assert_on_ring(path)
        turns = np.diff(np.unwrap(np.arctan2(path[:, 1], path[:, 0])))
        np.testing.assert_allclose(np.rad2deg(np.abs(turns)), 15, atol=3.5)
        self.assertEqual(len(set(np.sign(turns))), 1)
        self.assertTrue(self.population.populated(path).all())
        self.assertEqual(path[:, 0].argmin(), 0)

    def test_a_way_between_two_points_goes_around_the_empty_middle(self):
        start, end = np.array([1.4, 0, 1, 0]), np.array([0, 1.4, -1, 0])
        path = path_between(self.population, np.stack([start, end]), 10)
        np.testing.assert_allclose(path[[0, -1]], [start, end], atol=1e-9)
        self.assert_on_ring(path)
        self.assertLess(np.ptp(steps(path)), 0.05 * steps(path).mean())

    def test_a_closed_way_between_two_points_returns_on_the_other_side(self):
        stops = np.array([[1.4, 0, 1, 0], [0, 1.4, -1, 0]])
        path = path_between(self.population, stops, 24, closed=True)
        self.assert_on_ring(path)
        turn = np.unwrap(np.arctan2(path[:, 1], path[:, 0]))
        self.assertAlmostEqual(abs(np.rad2deg(turn[-1] - turn[0])), 345, delta=5)

    def test_along_one_mode_the_two_sides_average(self):
        """Which is why a ring needs the trace."""
        path = path_along_mode(self.population, 0, 9)
        self.assertLess(np.abs(path[2:-2, 1]).max(), 0.2)


class TestOpenCurves(unittest.TestCase):

    def test_a_horseshoe_is_followed_from_end_to_end(self):
        population = population_on(arc(2500, np.random.default_rng(2)))
        path, closed = principal_path(population, 20)
        self.assertFalse(closed)
        radius = np.linalg.norm(path - [0, -0.3], axis=1)
        self.assertLess(np.abs(radius[1:-1] - 1.3).max(), 0.12)
        angle = np.arctan2(path[:, 0], path[:, 1] + 0.3)
        self.assertTrue((np.diff(angle) > 0).all())  # it starts low along mode 1, and never turns back
        self.assertLess(angle[0], -1.8)
        self.assertGreater(angle[-1], 1.8)

    def test_a_way_between_its_ends_does_not_take_the_short_cut(self):
        population = population_on(arc(2500, np.random.default_rng(3)))
        ends = 1.3 * np.array([[np.sin(-1.9), np.cos(1.9)], [np.sin(1.9), np.cos(1.9)]]) - [0, 0.3]
        path = path_between(population, ends, 15)
        self.assertLess(np.abs(np.linalg.norm(path - [0, -0.3], axis=1) - 1.3).max(), 0.12)

    def test_along_a_mode_the_others_follow_a_parabola(self):
        rng = np.random.default_rng(4)
        x = rng.uniform(-1.7, 1.7, 3000)
        population = population_on(np.stack([x, x**2 - 1], axis=1))
        path = path_along_mode(population, 0, 9)
        np.testing.assert_allclose(np.diff(path[:, 0]), np.diff(path[:, 0])[0])
        low, high = np.percentile(population.coordinates[:, 0], (2, 98))
        np.testing.assert_allclose(path[[0, -1], 0], [low, high])
        np.testing.assert_allclose(path[1:-1, 1], path[1:-1, 0] ** 2 - 1, atol=0.15)

    def test_a_broad_cloud_is_no_ring(self):
        rng = np.random.default_rng(5)
        for n in (300, 3000):
            with self.subTest(n):
                self.assertFalse(principal_path(population_on(rng.normal(size=(n, 2)) * [1.2, 0.6]), 5)[1])


class TestStates(unittest.TestCase):

    def test_the_bridge_between_two_states_is_taken(self):
        population = population_on(clusters(3000, np.random.default_rng(6), bridge=0.1))
        path = path_between(population, np.array([[-1.5, 0], [1.5, 0]]), 15)
        self.assertTrue(population.populated(path).all())
        self.assertLess(np.abs(path[4:-4, 1] - 1.2 * (1 - (path[4:-4, 0] / 1.5) ** 2)).max(), 0.15)

    def test_without_a_bridge_the_way_leads_through_the_empty_and_is_marked(self):
        population = population_on(clusters(2000, np.random.default_rng(7), bridge=0.0))
        path = path_between(population, np.array([[-1.5, 0], [1.5, 0]]), 13)
        populated = population.populated(path)
        self.assertTrue(populated[[0, 1, -2, -1]].all())
        self.assertFalse(populated[5:8].any())
        self.assertLess(np.abs(path[:, 1]).max(), 0.5)

    def test_a_stop_on_the_way_is_passed(self):
        population = population_on(clusters(2000, np.random.default_rng(8), bridge=0.1))
        stops = np.array([[-1.5, 0], [-1.5, -0.5], [1.5, 0]])
        path = path_between(population, stops, 40)
        self.assertLess(np.linalg.norm(path - stops[1], axis=1).min(), 0.1)


class TestFewParticles(unittest.TestCase):

    def test_three_particles(self):
        population = Population(np.array([[-1.0], [0.2], [1.0]]), np.full((3, 1, 1), 0.1))
        path, closed = principal_path(population, 3)
        self.assertFalse(closed)
        np.testing.assert_allclose(path, [[-1], [0], [1]], atol=1e-9)

    def test_one_particle_and_particles_at_one_place(self):
        for n in (1, 3, 60):
            with self.subTest(n):
                population = Population(np.zeros((n, 1)), np.ones((n, 1, 1)))
                with self.assertRaisesRegex(InputError, "at one point"):
                    principal_path(population, 4)
                way = path_between(population, np.array([[-1.0], [1.0]]), 3)
                np.testing.assert_allclose(way, [[-1], [0], [1]], atol=1e-6)


class TestSpacing(unittest.TestCase):

    def test_points_lie_at_even_distances_along_the_curve(self):
        corner = np.array([[0.0, 0], [3, 0], [3, 1]])
        np.testing.assert_allclose(evenly_spaced(corner, 5), [[0, 0], [1, 0], [2, 0], [3, 0], [3, 1]], atol=1e-12)

    def test_a_closed_curve_goes_on_to_its_first_point(self):
        square = np.array([[0.0, 0], [2, 0], [2, 2], [0, 2]])
        np.testing.assert_allclose(evenly_spaced(square, 8, closed=True),
                                   [[0, 0], [1, 0], [2, 0], [2, 1], [2, 2], [1, 2], [0, 2], [0, 1]], atol=1e-12)


if __name__ == "__main__":
    unittest.main()
