"""Shares of two states against planted ones, also where some views hide the difference."""

import unittest

import numpy as np

from gmmhet.engine.latent_space.two_states import two_states


def posteriors(truth: np.ndarray, information: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """z, M under N(0, 1), of measurements of some information (1 / variance)."""
    measured = truth + rng.normal(size=len(truth)) / np.sqrt(information)
    return information * measured / (information + 1), 1 / (information + 1)


class TestTwoStates(unittest.TestCase):

    def test_the_share_is_found_where_most_views_hide_the_state(self) -> None:
        """Of 80:20, the particles sorted by their coordinate would be far off."""
        errors, deviations = [], []
        for seed in range(5):
            rng = np.random.default_rng(seed)
            state = rng.random(1500) < 0.8
            information = np.where(rng.random(1500) < 0.6, 0.05, 12.0)
            z, variance = posteriors((state - 0.8) / 0.4, information, rng)
            found = two_states(z, variance)
            self.assertTrue(found.apart)
            errors.append(found.share - state.mean())
            deviations.append(found.error)
            self.assertGreater(abs((z > (found.low + found.high) / 2).mean() - 0.8), 0.05)  # of particles sorted
        self.assertLess(np.abs(errors).max(), 0.04)
        self.assertLess(abs(float(np.std(errors)) / float(np.mean(deviations)) - 1), 0.7)

    def test_the_error_is_that_of_counting_where_every_state_is_seen(self) -> None:
        """sqrt(p (1 - p) / n)."""
        rng = np.random.default_rng(1)
        state = rng.random(4000) < 0.3
        found = two_states(*posteriors((state - 0.3) / np.sqrt(0.21), np.full(4000, 50.0), rng))
        self.assertAlmostEqual(found.share, state.mean(), delta=0.002)
        self.assertAlmostEqual(found.error, np.sqrt(0.21 / 4000), delta=5e-4)
        self.assertAlmostEqual(found.high - found.low, 1 / np.sqrt(0.21), delta=0.03)

    def test_one_spread_is_not_two_states(self) -> None:
        for seed in range(2):
            rng = np.random.default_rng(seed)
            for truth in (rng.normal(size=1500), rng.uniform(-np.sqrt(3), np.sqrt(3), 1500)):
                self.assertFalse(two_states(*posteriors(truth, np.full(1500, 6.0), rng)).apart)

    def test_images_that_say_nothing_show_no_states(self) -> None:
        rng = np.random.default_rng(2)
        truth = rng.choice([-1.0, 1.0], 500)
        self.assertFalse(two_states(*posteriors(truth, np.full(500, 0.02), rng)).apart)


if __name__ == "__main__":
    unittest.main()
