"""Noise of images, correlation of half maps, selections."""

import tempfile
import unittest
import warnings
from pathlib import Path

import numpy as np
import scipy.fft

from gmmhet.engine.errors import InputError
from gmmhet.engine.io import read_particles
from gmmhet.engine.molecule.maps import soft_edge
from gmmhet.engine.reconstruction import equal_bins
from gmmhet.engine.reconstruction.curves import (
    HalfMapCurves,
    compare_halves,
    half_map_signal,
    phase_randomised,
    power_signal,
)
from gmmhet.engine.reconstruction.mixture import deconvolved_mixture
from gmmhet.engine.reconstruction.noise import image_noise, with_residual_noise
from gmmhet.engine.reconstruction.particle_windows import bins_between, mixture_clusters, nested_windows, points_along
from gmmhet.tests.support.reconstruction_data import ParticleSet


class TestNoise(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.data = ParticleSet(Path(temporary.name), n=300, box=25).write()
        self.table = read_particles(self.data.folder / "particles.star")
        self.rng = np.random.default_rng(0)

    def test_coloured_noise(self):
        """Known power in every ring: found to 15% (the window mixes neighbouring rings), to 5% on average."""
        ring = np.rint(np.hypot(*np.meshgrid(*[np.fft.fftfreq(25, 1 / 25)] * 2)))
        power = 4 * (1 + 0.05 * ring)
        noise = np.fft.fft2(self.rng.standard_normal((300, 25, 25))) * np.sqrt(power)
        self.data.write_images(np.fft.ifft2(noise).real)
        found = image_noise(self.table)
        self.assertEqual(found.shape, (1, 13))
        ratio = found[0, 1:] / (625 * 4 * (1 + 0.05 * np.arange(1, 13)))
        self.assertLess(np.abs(ratio - 1).max(), 0.15)
        self.assertAlmostEqual(ratio.mean(), 1, delta=0.05)

    def test_residual_noise_of_the_analysis(self):
        """Twice the variance of the real part where it reaches, the same ratio beyond; nothing without the file."""
        own = np.full((1, 13), 100.0)
        path = self.data.folder / "analysis.npz"
        self.assertIs(with_residual_noise(own, self.table, path), own)
        frequency = np.arange(7) / 75
        np.savez(path, noise_frequency=frequency, noise_variance=np.array([90, 90, 80, 70, 60, 60, 60.0]))
        found = with_residual_noise(own, self.table, path)
        np.testing.assert_allclose(found[0, :7], [180, 180, 160, 140, 120, 120, 120])
        np.testing.assert_allclose(found[0, 7:], 120)

    def test_images_without_background_do_not_divide_by_zero(self):
        """Zeros beyond a circle, as programs that mask images leave them; blank images are refused."""
        axis = np.arange(25) - 12
        images = self.data.images * (np.hypot(axis[:, None], axis) < 10)
        self.data.write_images(images)
        self.assertTrue((image_noise(self.table) > 0).all())
        self.data.write_images(0 * images)
        with self.assertRaisesRegex(InputError, "all pixels of an image have the same value"):
            image_noise(self.table)


class TestCurves(unittest.TestCase):
    def setUp(self):
        self.rng = np.random.default_rng(0)
        axis = np.arange(32) - 16
        self.radius = np.sqrt(axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2)

    def low_passed(self, cut):
        transform = scipy.fft.rfftn(self.rng.standard_normal((32,) * 3))
        full, half = np.fft.fftfreq(32, 1 / 32) ** 2, np.arange(17) ** 2
        k = np.sqrt(full[:, None, None] + full[:, None] + half)
        return scipy.fft.irfftn(transform * (k < cut)).astype(np.float32)

    def test_correlation_made_by_the_mask_is_taken_off(self):
        """Common signal to shell 7, independent noise beyond: a tight mask must not make the curve rise there."""
        signal = 8 * self.low_passed(7.5)
        halves = [signal + self.rng.standard_normal((32,) * 3).astype(np.float32) for _ in range(2)]
        mask = soft_edge(self.radius < 9, 0, 3)
        curves = compare_halves(*halves, mask, 2.0, seed=1)
        self.assertGreater(curves.masked[:6].min(), 0.9)
        self.assertLess(np.abs(curves.masked[10:15]).mean(), 0.1)
        self.assertTrue(64 / 9.5 < curves.resolution(0.5) < 64 / 6.5)  # the mask smears the step by two shells
        self.assertEqual(curves.frequency[0], 1 / 64)

    def test_masked_signal_is_recovered(self):
        """Signal inside the mask, noise everywhere: the mask raises the curve, to the value of the ratio inside."""
        mask = soft_edge(self.radius < 7, 0, 3)
        signal = 1.5 * mask * self.rng.standard_normal((32,) * 3).astype(np.float32)
        halves = [signal + self.rng.standard_normal((32,) * 3).astype(np.float32) for _ in range(2)]
        curves = compare_halves(*halves, mask, 1.0, seed=1)
        expected = 2.25 * (mask**4).sum() / (2.25 * (mask**4).sum() + (mask**2).sum())
        self.assertAlmostEqual(curves.masked[2:].mean(), expected, delta=0.06)
        self.assertLess(curves.unmasked[2:].mean(), 0.25)

    def test_randomised_phases(self):
        """Amplitudes stay, shells below the first stay; phases beyond carry nothing of the map."""
        density = self.rng.standard_normal((32,) * 3).astype(np.float32)
        other = phase_randomised(density, 5, np.random.default_rng(2))
        a, b = scipy.fft.rfftn(density), scipy.fft.rfftn(other)
        np.testing.assert_allclose(np.abs(b), np.abs(a), atol=2e-3 * np.abs(a).max())
        np.testing.assert_allclose(b[:3, :3, :3], a[:3, :3, :3], atol=1e-3)
        self.assertLess(abs(np.vdot(a[:, :, 5:], b[:, :, 5:])), 0.05 * np.vdot(a[:, :, 5:], a[:, :, 5:]).real)

    def test_full_agreement_and_none(self):
        density = self.low_passed(20)
        same = compare_halves(density, density, np.ones_like(density), 1.0, seed=0)
        np.testing.assert_allclose(same.masked, 1, atol=1e-5)
        self.assertAlmostEqual(same.resolution(0.143), 2.0)
        none = compare_halves(density, 0 * density, np.ones_like(density), 1.0, seed=0)
        self.assertIsNone(none.resolution(0.143))

    def test_signal_from_curve(self):
        """2 f / (1 - f); behind the first fall below 0.5 the weighted mean of neighbours that rise."""
        curve = np.array([0.99, 0.8, 0.9, 0.6, 0.4, 0.0, 0.3])
        found = half_map_signal(HalfMapCurves(np.arange(1, 8) / 14, curve, curve, curve, curve))
        pooled = 49 * 0.3 / (36 + 49)
        f = np.array([0.99, 0.99, 0.8, 0.9, 0.6, 0.4, pooled, pooled])
        np.testing.assert_allclose(found, 2 * f / (1 - f), rtol=1e-6)

    def test_signal_from_power(self):
        """A map of noise variance box^3 / T in Fourier space, and three times that as signal to shell 5."""
        box = 32
        noise, signal = 2.0, np.where(np.arange(17) <= 5, 6.0, 0.0)
        weights = np.full(17, box**3 / (box**3 * noise))
        found = power_signal(np.zeros((box,) * 3, np.float32), weights, box**3 * (signal + noise))
        np.testing.assert_allclose(found[:6], 3)
        np.testing.assert_allclose(found[6:], 1e-3)


class TestBins(unittest.TestCase):
    def test_equal_numbers_lowest_first(self):
        z = np.random.default_rng(0).normal(size=103)
        found = equal_bins(z, 103, 4)
        self.assertEqual(found.weights.sum(axis=1).tolist(), [26, 26, 26, 25])
        np.testing.assert_array_equal(found.weights.sum(axis=0), 1)
        self.assertTrue((found.high[:-1] < found.low[1:]).all())
        self.assertEqual((found.low[0], found.high[-1]), (z.min(), z.max()))
        np.testing.assert_array_equal(found.classes, 1 + np.argmax(found.weights, axis=0))
        self.assertAlmostEqual(found.n_effective(3, np.ones(103, bool)), 25)
        self.assertAlmostEqual(found.n_effective(3, z < found.high[3]), 24)

    def test_equal_values_and_no_coordinate(self):
        """Ties never empty a bin; without a coordinate there is one map of all."""
        self.assertEqual(equal_bins(np.zeros(7), 7, 7).weights.sum(axis=1).tolist(), [1] * 7)
        found = equal_bins(None, 5, 1)
        self.assertEqual(found.classes.tolist(), [1] * 5)
        self.assertTrue(np.isnan(found.coordinate).all())


    def test_no_bin_reaches_across_a_border(self):
        z = np.concatenate([np.linspace(-1, 0, 10), np.linspace(1, 2, 31)])
        found = bins_between(z, [0.5], [1, 3])
        self.assertEqual(found.weights.sum(axis=1).tolist(), [10, 11, 10, 10])
        self.assertEqual((found.high[0], found.low[1]), (0.0, 1.0))
        self.assertEqual(len(bins_between(z, [0.5, 3.0], [1, 1, 2])), 2)  # nothing is beyond the second


class TestClusters(unittest.TestCase):
    def test_separate_groups_in_order_along_the_mode(self):
        rng = np.random.default_rng(0)
        group = rng.integers(0, 3, 300)
        z = rng.normal(size=(300, 2)) * 0.3 + np.array([[0, 5], [4, -5], [-4, 0]])[group]
        for mode, order in ((0, [2, 0, 1]), (1, [1, 2, 0])):
            found = mixture_clusters(z, np.zeros_like(z), mode, 3, seed=0)
            np.testing.assert_array_equal(found.classes, 1 + np.argsort(order)[group])
            self.assertTrue((np.diff(found.coordinate) > 0).all())

    def test_uncertain_particles_do_not_widen_the_clusters(self):
        """Two planted groups of spread 0.2, two thirds of the particles measured badly: their shares, places and spread
        come out, and particles go where the planted mixture would put them (Bayes)."""
        rng = np.random.default_rng(1)
        n = 4000
        group = (rng.random(n) < 0.3).astype(int)
        true = np.array([-0.65, 1.5])[group] + 0.2 * rng.normal(size=n)
        error = np.where(rng.random(n) < 1 / 3, 0.1, 3.0)
        measured = true + error * rng.normal(size=n)
        variance = error**2 / (1 + error**2)
        posterior = (measured * (1 - variance))[:, None]
        found = mixture_clusters(posterior, np.sqrt(variance)[:, None], 0, 2, seed=0).classes - 1
        spread = 0.2**2 + error**2
        ratio = np.log(0.3 / 0.7) + ((measured + 0.65) ** 2 - (measured - 1.5) ** 2) / (2 * spread)
        best = np.mean((ratio > 0) == group)
        self.assertGreater(np.mean(found == group), best - 0.005)
        weights, means, covariances = deconvolved_mixture(posterior, np.sqrt(variance)[:, None], 2, seed=0)
        order = np.argsort(means[:, 0])
        np.testing.assert_allclose(weights[order], [0.7, 0.3], atol=0.04)
        np.testing.assert_allclose(means[order, 0], [-0.65, 1.5], atol=0.05)
        np.testing.assert_allclose(np.sqrt(covariances[:, 0, 0]), 0.2, rtol=0.15)

    def test_errors_of_two_coordinates_that_go_together(self):
        """Two planted groups, every particle measured well along one of two diagonals only: with whole covariances the
        groups' spread comes out, and particles go where Bayes' rule with the planted mixture puts them; with standard
        deviations alone the groups seem narrower."""
        rng = np.random.default_rng(2)
        n = 3000
        means, spread = np.array([[-0.8, 0.0], [0.8, 0.0]]), 0.2**2 * np.eye(2)
        group = (rng.random(n) < 0.4).astype(int)
        tied = rng.choice([-0.97, 0.97], n)
        error = np.stack([np.ones(n), tied, tied, np.ones(n)], axis=1).reshape(n, 2, 2)
        measured = (means[group] + 0.2 * rng.normal(size=(n, 2))
                    + np.einsum("nkl,nl->nk", np.linalg.cholesky(error), rng.normal(size=(n, 2))))
        prior = np.diag(0.6 * means[0] ** 2 + 0.4 * means[1] ** 2) + spread
        posterior = np.linalg.inv(np.linalg.inv(error) + np.linalg.inv(prior))
        z = np.einsum("nkl,nl->nk", posterior @ np.linalg.inv(error), measured)
        away = [np.einsum("nk,nkl,nl->n", measured - m, np.linalg.inv(spread + error), measured - m) for m in means]
        best = np.mean((away[0] - away[1] > 2 * np.log(0.6 / 0.4)) == (group == 1))
        self.assertGreater(np.mean(mixture_clusters(z, posterior, 0, 2, seed=0).classes - 1 == group), best - 0.01)
        along = {}  # mean variance of the components along the diagonals
        for name, known in (("whole", posterior), ("deviations", np.sqrt(np.einsum("nkk->nk", posterior)))):
            weights, _, covariances = deconvolved_mixture(z, known, 2, seed=0)
            along[name] = float(weights @ np.trace(covariances, axis1=1, axis2=2)) / 2
        self.assertAlmostEqual(along["whole"], 0.2**2, delta=0.004)
        self.assertLess(along["deviations"], 0.03)

    def test_more_clusters_than_places(self):
        """One line says so, and scikit-learn says nothing beside it."""
        for z, clusters, words in (
                (np.repeat([[0.0], [1.0]], 20, axis=0), 5, "--n is 5, but .* into 2 clusters; expected at most 2"),
                (np.zeros((20, 2)), 3, "--n is 3, but .* into 1 cluster; expected at most 1"),
                (np.zeros((1, 2)), 1, "--by is clusters, and there is 1 particle; expected at least 2")):
            with self.assertRaisesRegex(InputError, words), warnings.catch_warnings():
                warnings.simplefilter("error")
                mixture_clusters(z, np.zeros_like(z), 0, clusters, seed=0)


class TestWindows(unittest.TestCase):
    def setUp(self):
        self.rng = np.random.default_rng(4)

    def test_nearest_by_mahalanobis_distance(self):
        """Against a plain loop; uncertain particles come later than sure ones at the same place."""
        z, sd = self.rng.normal(size=(2000, 2)), self.rng.uniform(0.1, 0.5, (2000, 2))
        covariance = np.array([[0.09, 0.03], [0.03, 0.16]])
        points = np.array([[0.5, -0.5], [-1.0, 0.2]])
        found = nested_windows(z, sd, points, 0, np.ones(2, bool), covariance)
        self.assertEqual(found.sizes, (64, 160, 400, 1000))
        w = np.linalg.inv(covariance)
        for i, p in enumerate(points):
            expected = [(q - p) @ w @ (q - p) + w[0, 0] * s[0] ** 2 + w[1, 1] * s[1] ** 2
                        for q, s in zip(z, sd, strict=True)]
            np.testing.assert_array_equal(found.nearest(i), np.argsort(expected)[:1000])
            some = z[np.argsort(expected)[:64], 0]
            self.assertEqual((found.low[i], found.high[i]), (some.min(), some.max()))
        nearer = [int(np.einsum("k,kl,l", q - points[1], w, q - points[1])
                       < np.einsum("k,kl,l", q - points[0], w, q - points[0])) for q in z]
        np.testing.assert_array_equal(found.classes, 1 + np.array(nearer))

    def test_few_particles_make_one_window_and_maps_that_are_alike(self):
        z = self.rng.normal(size=(51, 1))
        found = nested_windows(z[:50], np.full((50, 1), 0.1), z[:2], 0, np.ones(2, bool))
        words = "all maps are the same, because each is made of all 50 particles; maps that differ need more than 50"
        self.assertEqual((found.sizes, found.note(1)), ((50,), words))
        self.assertEqual(found.warnings(), [words])
        found = nested_windows(z, np.full((51, 1), 0.1), z[:2], 0, np.ones(2, bool))
        self.assertEqual((found.sizes, found.note(1), found.warnings()), ((50,), None, []))

    def test_points_without_particles_are_told(self):
        z = self.rng.normal(size=(200, 1))
        points = np.array([[0.0], [30.0], [40.0]])
        found = nested_windows(z, np.zeros((200, 1)), points, 0, np.array([True, False, False]))
        self.assertIsNone(found.note(0))
        self.assertIn("no particles are at the point: the map shows the particles nearest to it", found.note(1))
        self.assertEqual([line.partition(":")[0] for line in found.warnings()],
                         ["no particles are at the points of maps 2, 3"])

    def test_memory_is_that_of_the_particles_however_many_points(self):
        z = self.rng.normal(size=(4000, 2))
        found = nested_windows(z, np.full((4000, 2), 0.1), z[:500], 0, np.ones(500, bool))
        whole = sum(v.nbytes for v in vars(found).values() if isinstance(v, np.ndarray))
        self.assertLess(whole, 4 * z.nbytes)

    def test_few_particles_have_points_of_their_own(self):
        z = np.arange(20.0)[:, None]
        np.testing.assert_allclose(points_along(z, 0, 4)[:, 0], [2, 7, 12, 17])

    def test_points_follow_a_bent_motion(self):
        """On an arc, points along the first mode lie on the arc, at the quantiles."""
        angle = np.sort(self.rng.uniform(-1, 1, 4000))
        z = np.stack([np.sin(angle), np.cos(angle)], axis=1)
        points = points_along(z, 0, 5)
        np.testing.assert_allclose(np.hypot(*points.T), 1, atol=0.01)
        np.testing.assert_allclose(points[:, 0], np.quantile(z[:, 0], [0.1, 0.3, 0.5, 0.7, 0.9]), atol=0.02)
