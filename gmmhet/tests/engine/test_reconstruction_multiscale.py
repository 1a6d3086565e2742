"""Maps from nested windows: planted still and moving parts, each with the noise of its own number of particles."""

import tempfile
import unittest
from pathlib import Path

import numpy as np

from gmmhet.engine.maps import fourier_shell_correlation
from gmmhet.engine.reconstruction.equations import NormalEquations
from gmmhet.engine.reconstruction.multiscale import Window, combine
from gmmhet.engine.reconstruction.solver import ball, solve

BOX = 48


def blob(center, width=1.6):
    axis = np.arange(BOX) - BOX // 2
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    away = (x - center[0]) ** 2 + (y - center[1]) ** 2 + (z - center[2]) ** 2
    return np.exp(-0.5 * away / width**2).astype(np.float32)


class Particles:
    """The same weight everywhere: equations of a half of n particles are T = n / 2, b = T (map + noise of 1 / T)."""

    def __init__(self, seed, noise):
        self.rng, self.noise = np.random.default_rng(seed), noise

    def ring(self, n, density):
        halves = []
        for _ in range(2):
            grains = self.rng.normal(size=(BOX,) * 3) * self.noise / np.sqrt(n / 2)
            halves.append(NormalEquations((n / 2 * (density + grains)).astype(np.float32), self.transfer(n / 2)))
        return Window(n, (halves[0], halves[1]))

    @staticmethod
    def transfer(weight):
        """The identity times a weight, on the grid of twice the box."""
        return np.full((2 * BOX, 2 * BOX, BOX + 1), weight, np.float32)


class TestCombine(unittest.TestCase):
    def setUp(self):
        self.still = blob((-7, 0, 0)) + blob((-5, 3, -2))
        self.here, self.elsewhere = blob((7, 0, 0)), blob((7, 6, 0))
        self.at_point = self.still + self.here
        self.blurred = self.still + 0.1 * self.here + 0.9 * self.elsewhere

    def nested(self, noise=1.0):
        particles = Particles(1, noise)
        near = particles.ring(100, self.at_point)
        middle = near + particles.ring(300, self.still + 0.4 * self.here + 0.6 * self.elsewhere)
        return [particles.ring(10_000, self.blurred), middle, near]

    def error(self, found, true, center):
        region = blob(center, 4.0) > 0.5
        return float(np.sqrt(np.square(found - true)[region].mean()))

    def test_each_part_is_made_of_the_particles_it_needs(self):
        """The still part is as good as from all particles, far better than from the narrow window; the moving part is
        where the narrow window has it; the map is better than that of any window alone."""
        windows = self.nested()
        found = combine(windows, BOX).density
        alone = [combine([w], BOX).density for w in windows]
        still = [self.error(m, self.at_point, (-6, 1, -1)) for m in (found, *alone)]
        moving = [self.error(m, self.at_point, (7, 3, 0)) for m in (found, *alone)]
        self.assertLess(still[0], 1.3 * still[1])
        self.assertLess(still[0], 0.4 * still[3])
        self.assertLess(moving[0], 0.4 * moving[1])
        self.assertLess(moving[0], 1.5 * min(moving[2:]))
        whole = [np.square((m - self.at_point) * ball(BOX)).sum() for m in (found, *alone)]
        self.assertLess(whole[0], 0.6 * min(whole[1:]))
        region = self.here > 0.3
        slope = float((found * self.here)[region].sum() / np.square(self.here)[region].sum())
        self.assertAlmostEqual(slope, 1, delta=0.2)
        gone = float((found * self.elsewhere).sum() / np.square(self.elsewhere).sum())
        self.assertLess(abs(gone), 0.25)

    def test_bandwidth_tells_where_few_particles_were_needed(self):
        moved = combine(self.nested(), BOX).bandwidths
        self.assertEqual(min(b.fewest for b in moved), 100)
        rigid = combine([Particles(2, 3.0).ring(n, self.still) for n in (10_000, 400, 100)], BOX).bandwidths
        self.assertEqual({b.median for b in rigid}, {10_000})

    def test_noise_alone_is_not_believed(self):
        """No molecule: nothing is left of the noise, so that half maps do not agree on it by their common filters."""
        empty = np.zeros((BOX,) * 3, np.float32)
        particles = Particles(3, 3.0)
        windows = [particles.ring(n, empty) for n in (10_000, 400, 100)]
        found = combine(windows, BOX)
        self.assertEqual(found.bandwidths, [])
        self.assertLess(np.square(found.density).sum(), 1e-3 * np.square(windows[0].halves[0].data / 5000).sum())

    def test_one_window_keeps_a_map_without_noise(self):
        """To the 5% that the weak prior costs."""
        found = combine([Particles(4, 0.0).ring(1000, self.at_point)], BOX).density
        np.testing.assert_allclose(found, self.at_point * ball(BOX), atol=0.06)

    def test_half_maps_agree_only_where_there_is_signal(self):
        """Signal that ends at half of Nyquist: the half maps' correlation ends there too, as that of the plain maps of
        all particles does, though the map is filtered."""
        windows = self.nested(noise=6.0)
        halves = combine(windows, BOX).halves
        plain = [solve(e, 0.05 * e.shell_weights(), iterations=3) for e in windows[0].halves]
        _, told = fourier_shell_correlation(*halves, 1.0)
        _, expected = fourier_shell_correlation(*plain, 1.0)
        self.assertGreater(told[:5].min(), 0.9)
        np.testing.assert_allclose(told, expected, atol=0.1)
        self.assertLess(np.abs(told[14:]).max(), 0.25)

    def test_window_with_an_empty_half(self):
        """A narrow window of one half alone adds nothing."""
        wide = self.nested()[0]
        lopsided = Window(50, (wide.halves[0], None))
        np.testing.assert_array_equal(combine([wide, lopsided], BOX).density, combine([wide], BOX).density)

    def test_windows_on_disk(self):
        """The same map, bit for bit."""
        with tempfile.TemporaryDirectory() as folder:
            spooled = [w.spooled(Path(folder)) for w in self.nested()]
            np.testing.assert_array_equal(combine(spooled, BOX).density, combine(self.nested(), BOX).density)
