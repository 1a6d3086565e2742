"""The density without the uncertainty of single particles, against planted plateaus, states and gaps."""

import unittest

import numpy as np

from gmmhet.engine.latent_space.deconvolution import Deconvolved, deconvolved
from gmmhet.engine.latent_space.islands import gaps_along, islands_along

N = 2000
HALF = 1 + np.arange(N) // (N // 2)


def found(truth: np.ndarray, information: float, rng: np.random.Generator) -> Deconvolved:
    """Of measurements of a truth [n, K] whose information varies by half."""
    known = information * rng.uniform(0.5, 1.5, truth.shape)
    measured = truth + rng.normal(size=truth.shape) / np.sqrt(known)
    return deconvolved(known * measured / (known + 1), 1 / (known + 1), HALF)


def region(density: Deconvolved, low: float, high: float) -> np.ndarray:
    return ((density.centers[:, 0] > low) & (density.centers[:, 0] < high)).astype(float)


class TestOneCoordinate(unittest.TestCase):

    def setUp(self) -> None:
        self.rng = np.random.default_rng(3)
        self.axis = np.linspace(-3, 3, 241)[:, None]

    def test_eleven_even_states_that_images_cannot_tell_apart_are_a_plateau(self) -> None:
        levels = np.linspace(-np.sqrt(2.5), np.sqrt(2.5), 11)
        density = found(self.rng.permutation(np.resize(levels, N))[:, None], 8.0, self.rng)
        one, other = density.of_halves(self.axis)
        self.assertGreater(np.corrcoef(one, other)[0, 1], 0.95)
        inside = np.abs(self.axis[:, 0]) < 1.2
        values = density.density(self.axis)[inside]
        self.assertLess(np.abs(values / values.mean() - 1).max(), 0.35)
        self.assertLess(density.density(np.array([[2.4]]))[0], 0.1 * values.mean())

    def test_the_gap_between_two_states_is_empty_within_its_error(self) -> None:
        state = self.rng.random(N) < 0.3
        density = found(np.where(state, 1.5, -0.65)[:, None], 6.0, self.rng)
        count, error = density.within(region(density, 0.0, 0.9))
        self.assertLess(count, 5)
        self.assertLess(error, 60)
        high, its_error = density.within(region(density, 0.9, 9.0))
        self.assertLess(abs(high - state.sum()), 4 * its_error)
        self.assertLess(its_error, 60)

    def test_particles_in_a_gap_are_counted_with_their_error(self) -> None:
        truth = np.where(self.rng.random(N) < 0.5, 1.0, -1.0)
        truth[:300] = self.rng.uniform(-0.3, 0.3, 300)
        density = found(self.rng.permutation(truth)[:, None], 12.0, self.rng)
        count, error = density.within(region(density, -0.45, 0.45))
        self.assertLess(abs(count - 300), 3 * error)
        self.assertLess(error, 60)

    def test_a_normal_distribution_stays_one(self) -> None:
        density = found(self.rng.normal(size=(N, 1)), 6.0, self.rng)
        expected = np.exp(-0.5 * self.axis[:, 0] ** 2) / np.sqrt(2 * np.pi)
        self.assertLess(np.abs(density.density(self.axis) - expected).max(), 0.12)
        self.assertAlmostEqual(float(density.density(self.axis).sum()) * 0.025, 1, delta=0.02)

    def test_the_band_covers_what_the_halves_differ_by(self) -> None:
        density = found(self.rng.normal(size=(N, 1)), 6.0, self.rng)
        one, other = density.of_halves(self.axis)
        self.assertLess((np.abs(one - other) / 2 > 3 * density.band(self.axis)).mean(), 0.05)


class TestIslands(unittest.TestCase):

    def test_two_states_are_two_islands_with_their_shares(self) -> None:
        rng = np.random.default_rng(6)
        state = rng.random(N) < 0.3
        density = found(np.where(state, 1.5, -0.65)[:, None], 10.0, rng)
        gaps = gaps_along(density)
        self.assertEqual(len(gaps), 1)
        self.assertTrue(-0.5 < gaps[0].low < 0.2 < 0.6 < gaps[0].high < 1.4)
        low, high = islands_along(density, gaps)
        self.assertLess(abs(high.share - state.mean()), 4 * high.error)
        self.assertAlmostEqual(low.share + high.share, 1, places=2)
        self.assertLess(high.width, 0.25)

    def test_what_is_spread_has_no_gap(self) -> None:
        rng = np.random.default_rng(7)
        for truth in (rng.normal(size=(N, 1)), rng.uniform(-1.7, 1.7, (N, 1))):
            density = found(truth, 10.0, rng)
            self.assertEqual(gaps_along(density), [])
            self.assertAlmostEqual(islands_along(density, [])[0].share, 1, places=6)


class TestTwoCoordinates(unittest.TestCase):

    def test_the_middle_of_a_ring_is_empty(self) -> None:
        rng = np.random.default_rng(4)
        turn = rng.uniform(0, 2 * np.pi, N)
        density = found(1.4 * np.stack([np.cos(turn), np.sin(turn)], axis=1), 8.0, rng)
        around = 1.4 * np.stack([np.cos(np.arange(12)), np.sin(np.arange(12))], axis=1)
        self.assertLess(density.density(np.zeros((1, 2)))[0], 0.02 * np.median(density.density(around)))


if __name__ == "__main__":
    unittest.main()
