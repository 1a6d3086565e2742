"""Density of particles in latent space, against naive sums and closed forms."""

import tracemalloc
import unittest

import numpy as np
from scipy.stats import chi2, multivariate_normal

from gmmhet.engine.latent_space.particle_density import Population
from gmmhet.engine.latent_space.settings import DECONVOLUTION, PARTICLE_DENSITY
from gmmhet.tests.support.planted_landscape import ring, with_posteriors


def random_covariances(n: int, modes: int, rng: np.random.Generator) -> np.ndarray:
    root = rng.normal(size=(n, modes, modes)) * 0.15
    return root @ root.transpose(0, 2, 1) + 0.01 * np.eye(modes)


class TestAgainstNaiveSums(unittest.TestCase):

    def setUp(self):
        rng = np.random.default_rng(1)
        self.z, self.m = rng.normal(size=(60, 3)), random_covariances(60, 3, rng)
        self.population = Population(self.z, self.m)
        self.total = self.m + np.diag(self.population.width**2)
        self.points = np.concatenate([rng.normal(size=(5, 3)), [[6.0, 0, 0]]])

    def naive(self, point: np.ndarray) -> float:
        return float(np.mean([multivariate_normal(z, t).pdf(point) for z, t in zip(self.z, self.total, strict=True)]))

    def test_density_is_the_mean_of_the_posteriors_relative_to_the_highest_particle(self):
        highest = max(self.naive(z) for z in self.z)
        expected = [self.naive(p) / highest for p in self.points]
        np.testing.assert_allclose(self.population.density(self.points), expected, rtol=1e-9)

    def test_near_counts_by_the_distance_in_standard_deviations(self):
        for point, found in zip(self.points, self.population.near(self.points), strict=True):
            squares = [(point - z) @ np.linalg.inv(t) @ (point - z) for z, t in zip(self.z, self.total, strict=True)]
            self.assertAlmostEqual(found, np.exp(-0.5 * np.array(squares)).sum(), delta=1e-9)

    def test_uphill_is_the_fixed_point_of_the_gradient_shortened_where_few_are_near(self):
        for point, found in zip(self.points, self.population.uphill(self.points), strict=True):
            inverse = np.linalg.inv(self.total)
            weights = np.array([multivariate_normal(z, t).pdf(point) for z, t in zip(self.z, self.total, strict=True)])
            pulled = np.einsum("i,iab,ib->a", weights, inverse, self.z)
            summit = np.linalg.solve(np.einsum("i,iab->ab", weights, inverse), pulled)
            near, fewest = self.population.near(point[None])[0], PARTICLE_DENSITY.fewest_near
            np.testing.assert_allclose(found, point + near / (near + fewest) * (summit - point), atol=1e-6)

    def test_density_along_some_modes_is_that_of_those_coordinates(self):
        some = Population(self.z[:, [0, 2]], self.m[:, [0, 2]][:, :, [0, 2]])
        np.testing.assert_allclose(self.population.along([0, 2]).density(self.points[:, [0, 2]]),
                                   some.density(self.points[:, [0, 2]]))

    def test_variances_stand_for_a_diagonal_covariance(self):
        v = np.abs(self.m[:, 0]) + 0.01
        short, whole = Population(self.z, v), Population(self.z, np.stack([np.diag(row) for row in v]))
        np.testing.assert_allclose(short.density(self.points), whole.density(self.points))
        np.testing.assert_allclose(short.along([2, 0]).density(self.points[:, [2, 0]]),
                                   whole.along([2, 0]).density(self.points[:, [2, 0]]))

    def test_of_many_covariances_no_copy_is_made(self):
        z = np.random.default_rng(5).normal(size=(200_000, 6))
        m = np.broadcast_to(0.01 * np.eye(6, dtype=np.float32), (200_000, 6, 6))  # 58 MB in double precision
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        Population(z, m)
        self.assertLess(tracemalloc.get_traced_memory()[1], 45e6)


class TestPopulated(unittest.TestCase):

    def test_the_region_holds_its_share_of_new_particles(self):
        rng = np.random.default_rng(2)
        population = Population(rng.normal(size=(4000, 2)), np.zeros((4000, 2, 2)))
        share = population.populated(rng.normal(size=(4000, 2))).mean()
        self.assertGreater(share, 0.975)
        self.assertLess(share, 0.997)

    def test_its_border_is_the_circle_of_the_planted_density(self):
        rng = np.random.default_rng(3)
        population = Population(rng.normal(size=(4000, 2)), np.zeros((4000, 2, 2)))
        border = np.sqrt(chi2(2).ppf(0.99))  # 3.03
        around = np.stack([np.cos(np.arange(12)), np.sin(np.arange(12))], axis=1)
        self.assertTrue(population.populated(0.8 * border * around).all())
        self.assertFalse(population.populated(1.3 * border * around).any())

    def test_the_middle_of_a_ring_is_empty_and_the_ring_is_not(self):
        rng = np.random.default_rng(4)
        population = Population(*with_posteriors(ring(2000, rng), rng))
        self.assertFalse(population.populated(np.zeros((1, 4)))[0])
        self.assertTrue(population.populated(ring(50, rng)).all())

    def test_uncertain_particles_leave_the_gap_between_two_states_empty(self):
        """Half of the posterior means lie in the gap's middle half; images that say nothing leave all of it open."""
        rng = np.random.default_rng(5)
        measured = rng.choice([-1.0, 1.0], 1500) + 0.6 * rng.normal(size=1500)
        known = 1 / 0.6**2
        z, variance = known * measured / (known + 1), np.full((1500, 1, 1), 1 / (known + 1))
        self.assertGreater((np.abs(z) < 0.5).mean(), 0.25)
        population = Population(z[:, None], variance)
        self.assertEqual(population.populated(np.array([[0.0], [-1.0], [1.0]])).tolist(), [False, True, True])
        self.assertLess(population.near(np.zeros((1, 1)))[0], 3)
        nothing = Population(np.zeros((1500, 1)), np.full((1500, 1, 1), 1 - 1e-6))
        self.assertTrue(nothing.populated(np.array([[-1.0], [0.0], [1.0]])).all())

    def test_handfuls_of_particles_populate_nothing(self):
        for n in (1, 2):
            with self.subTest(n):
                population = Population(np.zeros((n, 2)), np.tile(np.eye(2), (n, 1, 1)))
                self.assertFalse(population.populated(np.zeros((1, 2)))[0])
                self.assertAlmostEqual(population.near(np.zeros((1, 2)))[0], n, places=6)

    def test_over_many_modes_particles_that_are_alone_still_populate_their_places(self):
        rng = np.random.default_rng(10)
        z = rng.normal(size=(2000, 8))
        population = Population(z, np.tile(0.01 * np.eye(8), (2000, 1, 1)))
        self.assertLess(np.median(population.near(z[:200])), PARTICLE_DENSITY.fewest_near)
        self.assertGreater(population.populated(z[:200]).mean(), 0.95)
        self.assertFalse(population.populated(np.full((1, 8), 3.0))[0])

    def test_many_particles_are_counted_by_some_of_them(self):
        rng = np.random.default_rng(6)
        z = rng.normal(size=(30_000, 1))
        population = Population(z, np.full((30_000, 1, 1), 0.04))
        truth = (1 / 0.96) ** 2 - 0.04 / 0.96  # variance of what was measured, less that of its errors
        within = max(float(population.deconvolved.width[0]), DECONVOLUTION.near)
        total = truth + within**2
        naive = 30_000 * within / np.sqrt(total) * np.exp(-0.5 * 0.25 / total)
        self.assertLess(abs(population.near(np.array([[0.5]]))[0] / naive - 1), 0.1)


class TestExpected(unittest.TestCase):

    def test_the_rest_follows_the_planted_regression(self):
        """Of normal coordinates with correlation 0.8 the second is on average 0.8 of the first."""
        rng = np.random.default_rng(7)
        z = rng.multivariate_normal([0, 0, 0], [[1, 0.8, 0], [0.8, 1, 0], [0, 0, 1]], 6000)
        population = Population(z, np.zeros((6000, 3, 3)))
        found = population.expected(np.array([[1.0, 9, 9], [-0.5, 9, 9]]), [0])
        np.testing.assert_array_equal(found[:, 0], [1.0, -0.5])
        np.testing.assert_allclose(found[:, 1:], [[0.8, 0], [-0.4, 0]], atol=0.08)

    def test_the_posterior_ties_what_is_not_given_to_what_is(self):
        """One particle: z_2 + M_21 / (M_11 + h^2) (t - z_1)."""
        m = np.array([[[0.5, 0.3], [0.3, 0.4]]])
        population = Population(np.array([[0.2, 1.0]]), m)
        found = population.expected(np.array([[0.8, 0.0]]), [0])
        self.assertAlmostEqual(found[0, 1], 1.0 + 0.3 / (0.5 + population.width[0] ** 2) * 0.6, places=9)

    def test_with_nothing_given_and_with_all_given_points_stay(self):
        population = Population(np.random.default_rng(8).normal(size=(50, 2)), np.zeros((50, 2, 2)))
        points = np.array([[0.3, -0.7]])
        for given in ([], [0, 1]):
            np.testing.assert_array_equal(population.expected(points, given), points)


class TestKernelWidth(unittest.TestCase):

    def test_fine_structure_asks_for_narrow_kernels(self):
        rng = np.random.default_rng(9)
        blob = Population(rng.normal(size=(1500, 2)), np.zeros((1500, 2, 2)))
        states = rng.choice(np.linspace(-1.5, 1.5, 7), (1500, 2)) + 0.03 * rng.normal(size=(1500, 2))
        fine = Population(states, np.zeros((1500, 2, 2)))
        self.assertLess(fine.width[0], 0.5 * blob.width[0])


if __name__ == "__main__":
    unittest.main()
