"""Local resolution against planted signal and noise, and against a plain reference."""

import unittest

import numpy as np
import scipy.fft

from gmmhet.engine.io import DensityMap
from gmmhet.engine.reconstruction.local_resolution import LocalResolution, local_correlations, local_resolution


def frequencies(box):
    """[box, box, box] periods in the box, of a full transform."""
    axis = np.square(np.fft.fftfreq(box, 1 / box))
    return np.sqrt(axis[:, None, None] + axis[:, None] + axis)


def filtered(density, transfer):
    return scipy.fft.ifftn(scipy.fft.fftn(density) * transfer(frequencies(len(density)))).real


def finely(density, transfer):
    """The density times a transfer function below the Nyquist frequency, at steps of a third of a voxel."""
    box = len(density)
    axis = np.fft.fftfreq(box, 1 / box).astype(int)
    kept = np.abs(axis) < box / 2
    wave = np.zeros((3 * box,) * 3, complex)
    wave[np.ix_(*[axis[kept]] * 3)] = (scipy.fft.fftn(density) * transfer)[np.ix_(kept, kept, kept)]
    return scipy.fft.ifftn(wave).real


class Volumes(unittest.TestCase):
    def setUp(self):
        self.rng = np.random.default_rng(5)

    def noise(self, box, level=1.0):
        return (level * self.rng.standard_normal((box,) * 3)).astype(np.float32)

    def halves(self, signal, level):
        return [(signal + self.noise(len(signal), level)).astype(np.float32) for _ in range(2)]


class TestLocalCorrelations(Volumes):
    def test_against_full_grids(self):
        """Filter and window as formulae on the full grid; the window's cut at 1% leaves 0.02 at most."""
        for box in (24, 27):
            first, second = self.halves(filtered(self.noise(box), lambda k: 3 * np.exp(-(k / 6) ** 2)), 0.3)
            k = frequencies(box)
            found = list(local_correlations(first, second))
            shells = [shell for shell, _ in found]
            self.assertAlmostEqual(shells[-1], box / 2)
            self.assertTrue(6 <= shells[0] < 6.6)
            np.testing.assert_allclose(np.diff(np.log(shells)), np.log(1.1))
            for shell, correlation in found:
                place = np.log(np.maximum(k, 1e-3) / shell) / np.log(1.1)
                band = np.where(np.abs(place) < 2, np.cos(np.pi * place / 4), 0) * (k > 0)
                a, b = (finely(half, band) for half in (first, second))
                ab, aa, bb = (filtered(v, lambda k, s=shell: np.exp(-2 * (np.pi * k / s) ** 2))[::3, ::3, ::3]
                              for v in (a * b, a * a, b * b))
                np.testing.assert_allclose(correlation, ab / np.sqrt(aa * bb), atol=0.02)

    def test_noise_alone(self):
        """Chance correlates to less than 0.1 in the mean square, so never to 0.5; one level for all bands."""
        spreads = [c.std() for _, c in local_correlations(self.noise(64), self.noise(64))]
        self.assertLess(max(spreads), 0.1)
        self.assertGreater(min(spreads), 0.03)

    def test_large_maps_are_sampled_at_every_other_voxel(self):
        first, second = self.halves(filtered(self.noise(36), lambda k: 3 * np.exp(-(k / 8) ** 2)), 0.3)
        for _, correlation in local_correlations(first, second):
            self.assertEqual(correlation.shape, (18,) * 3)


class TestLocalResolution(Volumes):
    def test_signal_and_noise_are_equal_at_a_planted_resolution(self):
        """Power 9 exp(-2 (k / k0)^2) of the signal, noise of two levels left and right: the correlation is 0.5 where
        both are equal. Medians to 4%; each voxel has an error of about 7%."""
        box, k0, pixel = 64, 14.0, 1.5
        signal = filtered(self.noise(box), lambda k: 3 * np.exp(-(k / k0) ** 2))
        x = np.arange(box) - box // 2
        halves = [(signal + np.where(x < 0, 1.5, 0.5) * self.noise(box)).astype(np.float32) for _ in range(2)]
        found = local_resolution(*halves, pixel).on_grid(box, pixel)
        for level, side in ((1.5, (x > -22) & (x < -10)), (0.5, (x > 10) & (x < 22))):
            planted = box * pixel / (k0 * np.sqrt(np.log(9 / level**2) / 2))
            here = found[:, :, side]
            self.assertAlmostEqual(np.median(here) / planted, 1, delta=0.04)
            self.assertLess(np.std(here) / planted, 0.12)

    def test_a_gap_in_the_spectrum_does_not_end_the_resolution(self):
        """Signal up to shell 28, but none from 17.5 to 22.5: the band at 19.9 alone falls below 0.5, and is passed."""
        box = 64
        signal = filtered(self.noise(box), lambda k: 2.0 * (k < 28) * ((k < 17.5) | (k > 22.5)))
        halves = self.halves(signal, 0.7)
        below = [round(shell, 1) for shell, c in local_correlations(*halves) if np.median(c) < 0.5]
        self.assertEqual(below, [19.9, 32.0])
        self.assertLess(np.percentile(local_resolution(*halves, 1.0).data, 99), box / 28)

    def test_the_ends(self):
        """Two pixels where the halves are one; 1/6 of the field, or little less, where one of them is empty."""
        whole = self.noise(32)
        np.testing.assert_allclose(local_resolution(whole, whole, 2.0).data, 4.0)
        nothing = local_resolution(whole, np.zeros_like(whole), 2.0).data
        self.assertTrue((nothing > 64 / 6.6).all() and (nothing <= 64 / 6).all())

    def test_maps_too_small_for_bands(self):
        self.assertEqual(local_resolution(self.noise(8), self.noise(8), 2.0).data.shape, (8,) * 3)


class TestGrids(unittest.TestCase):
    def test_the_origin_stays_and_values_lie_between(self):
        """A ramp along every axis stays one on finer and coarser grids, odd and even: trilinear is exact for it."""
        for m, box, new in ((16, 32, 40), (16, 32, 25), (25, 25, 32)):
            edge = 60.0
            place = np.arange(m) * edge / m - box // 2 * edge / box  # from the origin of the maps
            ramp = place[:, None, None] + 2 * place[:, None] + 3 * place
            pixel = 0.7 * edge / new
            found = LocalResolution(ramp.astype(np.float32), edge, box).on_grid(new, pixel)
            axis = (np.arange(new) - new // 2) * pixel
            np.testing.assert_allclose(found, axis[:, None, None] + 2 * axis[:, None] + 3 * axis, atol=1e-4)

    def test_percentiles_are_those_of_the_molecule(self):
        """A ball of density; resolution 5 in its left half, 9 in the right, 30 around; a mask takes the left half."""
        box = 48
        x = np.arange(box) - box // 2
        radius = np.sqrt(x[:, None, None] ** 2 + x[:, None] ** 2 + x**2)
        density = DensityMap((radius < 13).astype(np.float32), 2.0)
        values = np.where(radius > 20, 30, np.where(x < 0, 5, 9)).astype(np.float32)
        local = LocalResolution(values, 96.0, box)
        low, median, high = local.percentiles(density, 8.0)
        self.assertEqual((low, high), (5, 9))
        self.assertTrue(5 <= median <= 9)
        mask = DensityMap(np.broadcast_to(x < -4, radius.shape).astype(np.float32), 2.0)
        self.assertEqual(local.percentiles(density, 8.0, mask), [5, 5, 5])
        self.assertIsNone(local.percentiles(DensityMap(np.zeros_like(density.data), 2.0), 8.0))


if __name__ == "__main__":
    unittest.main()
