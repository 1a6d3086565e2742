"""Where the signal is, from half maps, and what that does for a map."""

import unittest

import numpy as np
from scipy.ndimage import gaussian_filter

from gmmhet.engine.reconstruction import ball, solve
from gmmhet.engine.reconstruction.envelope import _chance, signal_envelope, solve_within_envelope
from gmmhet.tests.engine.reconstruction.test_equations import direct_operator, equations_of, scattered, waves


def blob(box, radius, center):
    """[box] * 3, 1 in a ball of some voxels, else 0."""
    z, y, x = np.meshgrid(*[np.arange(box) - box // 2] * 3, indexing="ij")
    return (np.hypot(np.hypot(x - center[0], y - center[1]), z - center[2]) < radius).astype(np.float32)


class TestEnvelope(unittest.TestCase):
    def setUp(self):
        self.rng = np.random.default_rng(5)

    def noise(self, box, width=0.0):
        white = self.rng.normal(size=(box,) * 3)
        return (gaussian_filter(white, width, mode="wrap") if width else white).astype(np.float32)

    def test_the_signal_is_where_half_maps_agree(self):
        """Half maps of a body off the centre in noise of the same power: e^2 is near 1 in it, and at its floor of 1e-3
        for at least 90% of the voxels further away than three neighbourhoods."""
        for box in (40, 41):
            with self.subTest(box=box):
                body = blob(box, 8, (5, -3, 0))
                signal = body * self.noise(box)
                first, second = (signal + self.noise(box) for _ in range(2))
                found = signal_envelope(first, second, np.ones(box // 2), 2.0)
                self.assertGreater(np.square(found[blob(box, 5, (5, -3, 0)) > 0]).mean(), 0.5)
                away = (blob(box, 14, (5, -3, 0)) == 0) & (ball(box) == 1)
                self.assertGreater(np.mean(np.square(found[away]) < 1.01e-3), 0.9)
                self.assertEqual((found.max(), np.abs(found[ball(box) == 0]).max()), (1, 0))

    def test_half_maps_without_agreement(self):
        """Opposite maps, and maps of zeros, as of an empty half: there is nothing to tell, so the ball."""
        noise = self.noise(24)
        for pair in ((noise, -noise), (noise, np.zeros_like(noise)), (np.zeros_like(noise),) * 2):
            found = signal_envelope(*pair, np.full(12, 0.5), 2.0)
            np.testing.assert_array_equal(found, ball(24))

    def test_shells_that_do_not_agree_have_no_say(self):
        """Noise in shells of correlation 0 changes nothing."""
        box = 24
        wave = np.fft.rfftn(self.noise(box))
        z, y, x = np.meshgrid(np.fft.fftfreq(box, 1 / box), np.fft.fftfreq(box, 1 / box), np.arange(13), indexing="ij")
        shell = np.rint(np.sqrt(x**2 + y**2 + z**2))
        low, high = (np.fft.irfftn(wave * keep, s=(box,) * 3).astype(np.float32) for keep in (shell <= 5, shell > 5))
        curve = np.where(np.arange(1, 13) <= 5, 0.9, 0.0)
        clean = signal_envelope(low, low, curve, 3.0)
        noisy = signal_envelope(low + 5 * high, low - 5 * high, curve, 3.0)
        np.testing.assert_allclose(noisy, clean, atol=1e-3)

    def test_chance_agreement(self):
        """Deviation of the local mean of the product of independent noises, white and smooth, to 10% of many voxels."""
        for smooth in (0.0, 1.5):
            first, second = self.noise(48, smooth), self.noise(48, smooth)
            local = gaussian_filter(first * second, 2.0, mode="wrap")
            expected = _chance(first, 2.0) * first.std() * second.std()
            self.assertAlmostEqual(local.std() / expected, 1, delta=0.1)


class TestSolution(unittest.TestCase):
    def test_against_dense(self):
        """v = e u with (e T e + R) u = e b, R a convolution that wraps around the box, from the dense matrices."""
        rng = np.random.default_rng(6)
        for box in (8, 9):
            with self.subTest(box=box):
                points, values, weights = scattered(rng, 3 * box**3)
                envelope = (ball(box) * rng.uniform(0.2, 1, (box,) * 3)).astype(np.float32)
                prior = 40.0 * box * (1 + np.arange(box // 2 + 1.0)) ** 2
                frequency = np.fft.fftfreq(box, 1 / box)
                radius = np.sqrt(sum(np.square(g) for g in np.meshgrid(*[frequency] * 3, indexing="ij")))
                kernel = np.fft.ifftn(prior[np.minimum(np.rint(radius).astype(int), box // 2)]).real
                place = np.stack(np.unravel_index(np.arange(box**3), (box,) * 3))
                stationary = kernel[tuple((place[:, :, None] - place[:, None, :]) % box)]
                e = envelope.ravel().astype(float)
                operator = e[:, None] * direct_operator(points, weights, box) * e + stationary
                data = 2 * (waves(points, box).conj().T @ (weights * values)).real
                true = e * np.linalg.solve(operator, e * data)
                equations = equations_of(points, values, weights, box, tolerance=1e-4)
                found = solve(equations, prior, envelope=envelope, tolerance=1e-6, iterations=80)
                np.testing.assert_allclose(found.ravel(), true, atol=2e-3 * np.abs(true).max())

    def test_a_noisy_map_comes_closer_to_the_truth(self):
        """A small body, known signal power: the error is a third less than with the same power in all the box."""
        rng = np.random.default_rng(7)
        box = 12
        points, noise, weights = scattered(rng, 2500)
        true = blob(box, 2.5, (1, -1, 0)) * rng.normal(size=(box,) * 3)
        values = waves(points, box) @ true.ravel() + 20 * noise
        equations = equations_of(points, values.astype(np.complex64), weights, box)
        mean = equations.shell_weights()
        power = np.full(box // 2 + 1, true.var())
        plain = solve(equations, 1 / (power / 400), iterations=8)
        envelope = (0.03 + 0.97 * blob(box, 3, (1, -1, 0))) * ball(box)
        signal = power * mean / 400
        found = solve_within_envelope(equations, signal, envelope.astype(np.float32), np.ones((box,) * 3, np.float32))
        error = [np.square(m - true).sum() for m in (found, plain)]
        self.assertLess(error[0], 0.67 * error[1])
        self.assertLess(error[0], 0.5 * np.square(true).sum())


if __name__ == "__main__":
    unittest.main()
