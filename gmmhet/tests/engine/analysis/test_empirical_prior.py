"""Coordinates under the particles' own population, against quadrature and against planted populations."""

import unittest

import numpy as np

from gmmhet.engine.analysis.empirical_prior import _Mixture, empirical_posterior
from gmmhet.engine.latent_space.likelihoods import Likelihoods


def _posteriors(truth: np.ndarray, precision: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Posteriors N(z, M) under N(0, 1) of measurements of the truth [n, K] with noise of some precision [n, K, K]."""
    covariance = np.linalg.inv(precision + np.eye(truth.shape[1]))
    noise = np.linalg.solve(np.linalg.cholesky(precision).swapaxes(1, 2), rng.normal(size=(*truth.shape, 1)))[..., 0]
    pull = np.einsum("nab,nb->na", precision, truth + noise)
    return np.einsum("nab,nb->na", covariance, pull), covariance


class TestFormulae(unittest.TestCase):
    def test_match_quadrature(self) -> None:
        rng = np.random.default_rng(0)
        root = rng.normal(size=(4, 2, 2))
        precision = root @ root.swapaxes(1, 2) + np.eye(2)
        z, covariance = _posteriors(rng.normal(size=(4, 2)), precision, rng)
        centers, shares, width = rng.normal(size=(3, 2)), np.array([0.2, 0.5, 0.3]), 0.4
        axis = np.linspace(-7, 7, 561)
        grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
        cell = (axis[1] - axis[0]) ** 2
        normal = np.exp(-0.5 * (grid**2).sum(1)) / (2 * np.pi)
        offsets = grid[:, None] - centers
        prior = np.exp(-0.5 * (offsets**2).sum(-1) / width**2) @ shares / (2 * np.pi * width**2)
        likelihoods, mixture = Likelihoods.of(z, covariance), _Mixture(centers, shares, width)
        under_normal, under_mixture = likelihoods.under_normal(), mixture.log_likelihoods(likelihoods)
        means, deviations = mixture.posterior(likelihoods)
        for i in range(4):
            pull = np.linalg.solve(covariance[i], z[i])
            likelihood = np.exp(grid @ pull - 0.5 * np.einsum("pa,ab,pb->p", grid, precision[i], grid))
            self.assertAlmostEqual(under_normal[i], np.log((likelihood * normal).sum() * cell), places=5)
            weights = likelihood * prior
            self.assertAlmostEqual(under_mixture[i], np.log(weights.sum() * cell), places=5)
            weights /= weights.sum()
            np.testing.assert_allclose(means[i], weights @ grid, atol=1e-5)
            np.testing.assert_allclose(deviations[i], np.sqrt(weights @ grid**2 - (weights @ grid) ** 2), atol=1e-5)


class TestPlanted(unittest.TestCase):
    """3,000 particles, half of them in each half-set, whose noise differs."""

    def setUp(self) -> None:
        self.rng = np.random.default_rng(1)
        self.halves = 1 + np.arange(3000) % 2

    def found(self, truth: np.ndarray, information: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        scale = self.rng.uniform(0.5, 1.5, len(truth))
        precision = information * scale[:, None, None] * np.eye(truth.shape[1])
        return *_posteriors(truth, precision, self.rng), information * scale

    def test_two_states_come_apart_as_far_as_their_images_tell(self) -> None:
        truth = self.rng.choice([-1.5, 0.6], (3000, 1), p=[2 / 7, 5 / 7])
        z, covariance, precision = self.found(truth, 4.0)
        result = empirical_posterior(z, covariance, self.halves)
        self.assertTrue(result.better)
        measured = (precision + 1) * z[:, 0] / precision  # the image alone
        logs = np.stack([-0.5 * precision * (measured - state) ** 2 + np.log(share)
                         for state, share in ((-1.5, 2 / 7), (0.6, 5 / 7))])
        known = np.tanh((logs[1] - logs[0]) / 2)
        best = -0.45 + 1.05 * known  # posterior mean of who knows both states and their shares
        ours, ideal, normal = (np.sqrt(np.mean((m - truth[:, 0]) ** 2)) for m in (result.mean[:, 0], best, z[:, 0]))
        self.assertLess(ours, 1.05 * ideal)
        self.assertLess(ours, 0.85 * normal)

    def test_a_flat_population_keeps_its_coverage(self) -> None:
        truth = self.rng.uniform(-np.sqrt(3), np.sqrt(3), (3000, 2))
        z, covariance, _ = self.found(truth, 10.0)
        result = empirical_posterior(z, covariance, self.halves)
        self.assertTrue(result.better)
        inside = np.abs(truth - result.mean) <= 2 * result.deviation
        self.assertTrue(0.93 < inside.mean() < 0.98, inside.mean())
        self.assertLess(np.mean((result.mean - truth) ** 2), np.mean((z - truth) ** 2))

    def test_a_normal_population_is_found_to_be_one(self) -> None:
        z, covariance, _ = self.found(self.rng.normal(size=(3000, 3)), 5.0)
        result = empirical_posterior(z, covariance, self.halves)
        self.assertFalse(result.better)
        self.assertLess(result.gain, max(4 * result.error, 0.02))
        self.assertLess(np.sqrt(np.mean((result.mean - z) ** 2)), 0.15)

    def test_particles_that_tell_nothing_are_where_the_others_are(self) -> None:
        truth = self.rng.choice([-1.0, 1.0], (3000, 1))
        z, covariance, _ = self.found(truth, 30.0)
        z[0], covariance[0] = 0.0, 1.0
        result = empirical_posterior(z, covariance, self.halves)
        self.assertAlmostEqual(result.mean[0, 0], float(result.mean[1:].mean()), delta=0.05)
        self.assertAlmostEqual(result.deviation[0, 0], 1.0, delta=0.1)


if __name__ == "__main__":
    unittest.main()
