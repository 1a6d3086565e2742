"""Whether poses were fitted to the images: against a closed form, where a pose is one number that an image tells."""

import unittest

import numpy as np

from gmmhet.engine.subspace.pose_evidence import pull_on_poses
from gmmhet.engine.subspace.pose_spread import PoseEvidence, PoseSpread


class TestPull(unittest.TestCase):
    """n images, each of information H on each of five independent errors of its pose."""

    N, WIDE = 20000, 9.0  # prior variance over that of one image

    def setUp(self) -> None:
        self.rng = np.random.default_rng(0)
        self.variance = np.array([4.0, 4.0, 0.01, 0.01, 0.02])  # 1 / H

    def measured(self, step: np.ndarray) -> PoseEvidence:
        """Of steps from the given to the likeliest pose, shrunk by a wide prior as the E step shrinks them."""
        prior = self.WIDE * self.variance
        posterior = 1 / (1 / self.variance + 1 / prior)
        return pull_on_poses(step * prior / (prior + self.variance), np.tile(posterior, (self.N, 1)), prior)

    def noise(self) -> np.ndarray:
        return self.rng.standard_normal((self.N, 5)) * np.sqrt(self.variance)

    def test_exact_poses(self) -> None:
        found = self.measured(self.noise())
        np.testing.assert_allclose(found.pull, 1.0, atol=0.04)
        np.testing.assert_allclose(found.deviation, np.sqrt([4.0, 0.01, 0.02]), rtol=1e-6)
        self.assertFalse(found.fitted)
        self.assertLess((found.floor / found.deviation).max(), 0.2)  # as good as exact

    def test_independent_errors_add_their_variance(self) -> None:
        errors = self.rng.standard_normal((self.N, 5)) * np.sqrt(0.5 * self.variance)
        found = self.measured(self.noise() + errors)
        np.testing.assert_allclose(found.pull, 1.5, atol=0.06)
        self.assertFalse(found.fitted)
        np.testing.assert_array_equal(found.floor, 0)

    def test_poses_fitted_to_the_same_frequencies_get_no_prior_to_speak_of(self) -> None:
        found = self.measured(0.05 * self.noise())
        self.assertTrue(found.fitted)
        np.testing.assert_allclose(found.floor, 3.0 * found.deviation, rtol=1e-6)

    def test_poses_fitted_to_more_than_is_analysed_have_the_errors_that_this_leaves(self) -> None:
        """The refinement knows three times as much: its error has a third of the variance, and is in part noise of the
        frequencies of the analysis."""
        here, elsewhere = self.noise(), self.noise() / np.sqrt(2)  # information 1 and 2
        given = (here + 2 * elsewhere) / 3
        found = self.measured(here - given)
        self.assertTrue(found.fitted)
        posterior = 1 / (1 / self.variance[[0, 2, 4]] + 1 / found.floor**2)
        np.testing.assert_allclose(posterior, given.var(0)[[0, 2, 4]], rtol=0.06)

    def test_what_can_be_detected_falls_with_the_root_of_the_root_of_the_particles(self) -> None:
        found = self.measured(self.noise())
        few, many = found.detectable(1000), found.detectable(16000)
        self.assertAlmostEqual(few.tilt / many.tilt, 2.0, places=6)
        self.assertLess(few.tilt, found.deviation[1])

    def test_a_spread_is_widened_only_where_it_is_below(self) -> None:
        evidence = PoseEvidence(np.array([0.5, 1.2, 0.5]), np.array([2.0, 0.1, 0.1]), 1000)
        wider = evidence.at_least(PoseSpread(0.1, 0.03, 0.5))
        self.assertEqual((wider.shift, wider.tilt, wider.turn), (2.0, 0.03, 0.5))


if __name__ == "__main__":
    unittest.main()
