"""Maps from nested windows: planted still and moving parts, each with the noise of its own number of particles."""

import tempfile
import unittest
from dataclasses import replace
from pathlib import Path

import numpy as np

from gmmhet.engine.molecule.maps import fourier_shell_correlation
from gmmhet.engine.reconstruction.bands import bands_of
from gmmhet.engine.reconstruction.equations import NormalEquations
from gmmhet.engine.reconstruction.multiscale import (
    Estimate,
    Evidence,
    combine,
    compose,
    decompose,
    maps_apart,
)
from gmmhet.engine.reconstruction.solver import ball, convolved, solve
from gmmhet.engine.reconstruction.windows import Window

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

    def test_a_better_map_of_all_particles(self):
        """It stands in the map in bands without change, here all or the finest, and never in the half maps."""
        windows = self.nested()
        whole = (self.blurred * ball(BOX)).astype(np.float32)
        alone, with_whole = (combine(windows[:1], BOX, whole=w) for w in (None, whole))
        np.testing.assert_allclose(with_whole.density, whole, atol=0.02)
        np.testing.assert_array_equal(with_whole.halves[0], alone.halves[0])
        moved = combine(windows, BOX, whole=whole)
        plain = combine(windows, BOX)
        _, told = fourier_shell_correlation(moved.density, self.at_point, 1.0)
        _, before = fourier_shell_correlation(plain.density, self.at_point, 1.0)
        np.testing.assert_allclose(told[:8], before[:8], atol=0.01)
        self.assertLess(abs(self.error(moved.density, self.at_point, (7, 3, 0))
                            - self.error(plain.density, self.at_point, (7, 3, 0))), 0.02)

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

    def test_uneven_views_do_not_change_the_scale(self):
        """A window whose views look five times as often along some waves as along others adds what is missing: most of
        it at once, and no more than there is."""
        particles = Particles(5, 0.0)
        wide = particles.ring(10_000, self.blurred)
        axis = np.fft.fftfreq(2 * BOX)
        length = np.sqrt(axis[:, None, None] ** 2 + axis[:, None] ** 2 + np.arange(BOX + 1) ** 2 / (2 * BOX) ** 2)
        along = np.arange(BOX + 1) / (2 * BOX) / np.maximum(length, 1e-6)
        transfer = (50 * (1 + 4 * along**2)).astype(np.float32)
        asked = convolved(transfer, self.at_point)
        near = Window(100, (NormalEquations(asked, transfer),) * 2)
        found = combine([wide, near], BOX).density
        region = self.here > 0.3
        slope = float((found * self.here)[region].sum() / np.square(self.here)[region].sum())
        self.assertAlmostEqual(slope, 1, delta=0.1)
        left, asked_for = (self.error(m, self.at_point, (7, 3, 0)) for m in (found, self.blurred))
        self.assertLess(left, 0.3 * asked_for)


class TestSeries(unittest.TestCase):
    """Maps at several points of a motion, of which each is noisier than what can be believed of it alone."""

    def setUp(self):
        self.still = blob((-7, 0, 0)) + blob((-5, 3, -2))
        self.places = [(7, 6 * np.cos(a), 6 * np.sin(a)) for a in np.arange(6) * np.pi / 3]
        self.true = [self.still + blob(place) for place in self.places]
        self.moving = np.max([blob(place, 4.0) for place in self.places], axis=0) > 0.5

    def series(self, true, noise, seed=1):
        """Decomposed: a widest window for all, and one of particles of its own around every point."""
        particles = Particles(seed, noise)
        wide = particles.ring(10_000, np.mean(true, axis=0))
        windows = [[wide, particles.ring(200, density)] for density in true]
        told = [[] for _ in windows]
        evidence = sum((decompose(w, BOX, keep=kept.append) for w, kept in zip(windows, told, strict=True)),
                       Evidence({}))
        evidence = replace(evidence, apart={1: maps_apart(np.eye(len(true)), 0.02)})
        return [combine(w, BOX) for w in windows], [compose(found, evidence, BOX) for found in told]

    def error(self, maps, region):
        return float(np.sqrt(np.mean([np.square(m.density - t)[region].mean()
                                      for m, t in zip(maps, self.true, strict=True)])))

    def test_what_many_maps_show_is_believed_of_each(self):
        """The moving part comes nearer to the truth; the still part is as good as alone."""
        alone, together = self.series(self.true, noise=2.5)
        unmoved = blob((-6, 1, -1), 4.0) > 0.5
        self.assertLess(self.error(together, self.moving), 0.9 * self.error(alone, self.moving))
        self.assertLess(self.error(together, unmoved), 1.1 * self.error(alone, unmoved))

    def test_noise_alone_is_not_believed_of_many_maps(self):
        empty = [np.zeros((BOX,) * 3, np.float32)] * 6
        _, together = self.series(empty, noise=2.5, seed=2)
        for found in together:
            self.assertEqual(found.bandwidths, [])
            self.assertLess(np.square(found.density).sum(), 1e-4 * 2.5**2 / 200 * BOX**3)

    def test_one_map_is_no_evidence(self):
        """Of a single map no more is believed than without a series."""
        alone, together = self.series(self.true[:1], noise=2.5)
        np.testing.assert_allclose(together[0].density, alone[0].density, atol=1e-5)

    def test_estimates_from_files(self):
        found = []
        evidence = decompose([Particles(4, 1.0).ring(n, self.true[0]) for n in (10_000, 100)], BOX, keep=found.append)
        with tempfile.TemporaryDirectory() as folder:
            stem = Path(folder) / "point_3"
            for estimate in found:
                estimate.write(stem)
            read = [Estimate.read(stem, e.number, e.n, BOX) for e in found]
            np.testing.assert_array_equal(compose(read, evidence, BOX).density, compose(found, evidence, BOX).density)

    def test_maps_that_share_particles_count_as_fewer(self):
        """Closed forms: windows apart from each other; one particle set M times; k groups of equal windows; all
        particles in halves, of which the second change is the first's opposite."""
        for shared, part, expected in ((np.eye(5), 0.1, 5), (np.ones((5, 5)), 0.1, 1),
                                       (np.kron(np.eye(3), np.ones((2, 2))), 0.01, 3), (np.eye(2), 0.5, 1),
                                       (np.eye(4), 0.25, 3)):
            self.assertAlmostEqual(maps_apart(shared, part), expected)
        windows = [Particles(6, 1.0).ring(10_000, self.true[0]), Particles(7, 1.0).ring(1_000, self.true[1])]
        evidence = decompose(windows, BOX, keep=lambda _: None)
        plain = [band.anywhere for band in bands_of(BOX)]
        for apart, share in ((1.0, 1.0), (4.0, 0.31)):
            told = replace(evidence, apart={1: apart})
            needed = [np.min(told.needed(1, band, index)) for index, band in enumerate(bands_of(BOX))]
            self.assertLessEqual(needed[4], share * plain[4] + 1e-6)
        np.testing.assert_array_equal([replace(evidence, apart={1: 1.0}).needed(1, band, index)
                                       for index, band in enumerate(bands_of(BOX))], plain)
