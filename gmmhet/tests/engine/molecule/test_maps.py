"""Maps: other grids against analytic Gaussians, spectra against full transforms, masks of known bodies."""

import unittest

import numpy as np

from gmmhet.engine.io import DensityMap
from gmmhet.engine.molecule.map_content import find_molecule
from gmmhet.engine.molecule.maps import (
    dense_region,
    fourier_shell_correlation,
    radial_power,
    resample_map,
    resolution_at,
    soft_mask,
)


def blob(box: int, pixel: float, center: tuple[float, float, float], sigma: float) -> DensityMap:
    """A Gaussian of height 1 at center (x, y, z), Angstrom from voxel box // 2."""
    axis = (np.arange(box) - box // 2) * pixel
    x, y, z = (np.exp(-0.5 * ((axis - c) / sigma) ** 2) for c in center)
    return DensityMap((z[:, None, None] * y[:, None] * x).astype(np.float32), pixel)


def radii(box: int) -> np.ndarray:
    axis = (np.arange(box) - box // 2) ** 2
    return np.sqrt(axis[:, None, None] + axis[:, None] + axis)


class TestResampleMap(unittest.TestCase):
    CENTER = (9.0, -4.0, 13.0)

    def test_gaussian_on_other_grids(self):
        """A Gaussian whose spectrum at either Nyquist is below 1e-4 is the same Gaussian on the new grid."""
        for box, pixel, new_box, new_pixel in ((64, 4.0, 49, 5.2), (63, 4.0, 100, 2.77), (49, 5.2, 64, 4.0),
                                               (32, 13.1, 80, 5.24), (31, 4.0, 31, 4.3), (40, 3.0, 31, 3.9)):
            sigma = 1.4 * max(pixel, new_pixel)
            found = resample_map(blob(box, pixel, self.CENTER, sigma), new_box, new_pixel)
            expected = blob(new_box, new_pixel, self.CENTER, sigma)
            with self.subTest(box=box, new_box=new_box):
                self.assertEqual((found.box, found.pixel_size, found.data.dtype), (new_box, new_pixel, np.float32))
                np.testing.assert_allclose(found.data, expected.data, atol=3e-4)

    def test_same_grid_changes_nothing(self):
        rng = np.random.default_rng(0)
        for box in (12, 13):
            data = rng.normal(size=(box, box, box)).astype(np.float32)
            np.testing.assert_allclose(resample_map(DensityMap(data, 2.0), box, 2.0).data, data, atol=1e-5)

    def test_finer_and_back_is_the_same(self):
        rng = np.random.default_rng(1)
        data = rng.normal(size=(15, 15, 15)).astype(np.float32)
        finer = resample_map(DensityMap(data, 3.0), 45, 1.0)
        np.testing.assert_allclose(resample_map(finer, 15, 3.0).data, data, atol=1e-5)

    def test_larger_field_is_filled_with_the_level_of_the_faces(self):
        small = blob(20, 3.0, (0, 0, 0), 5.0)
        large = resample_map(DensityMap(small.data + np.float32(0.7), 3.0), 40, 3.0)
        np.testing.assert_allclose(large.data, blob(40, 3.0, (0, 0, 0), 5.0).data + 0.7, atol=1e-3)

    def test_constant_stays_constant(self):
        constant = DensityMap(np.full((16, 16, 16), 2.5, np.float32), 3.0)
        for box, pixel in ((24, 2.0), (10, 5.0), (33, 1.7)):
            np.testing.assert_allclose(resample_map(constant, box, pixel).data, 2.5, atol=1e-5)

    def test_what_is_beyond_the_new_nyquist_is_cut(self):
        axis = np.arange(24) - 12
        wave = np.cos(2 * np.pi * 8 * axis / 24)  # period 3 voxels of 2 A; the new grid of 4 A holds periods from 8 A
        data = np.broadcast_to(wave, (24, 24, 24)).astype(np.float32)
        np.testing.assert_allclose(resample_map(DensityMap(data, 2.0), 12, 4.0).data, 0, atol=1e-5)


class TestShells(unittest.TestCase):
    def test_radial_power_against_the_full_transform(self):
        rng = np.random.default_rng(2)
        for box in (10, 11):
            data = rng.normal(size=(box, box, box))
            power = np.abs(np.fft.fftn(data)) ** 2
            frequency = np.fft.fftfreq(box, 1 / box)
            shell = np.rint(np.sqrt(sum(f**2 for f in np.meshgrid(frequency, frequency, frequency))))
            expected = [power[shell == s].mean() for s in range(box // 2 + 1)]
            np.testing.assert_allclose(radial_power(data), expected, rtol=1e-9)

    def test_correlation_against_the_full_transform(self):
        rng = np.random.default_rng(3)
        for box in (10, 11):
            first, second = rng.normal(size=(2, box, box, box))
            second = second + 0.5 * first
            a, b = np.fft.fftn(first), np.fft.fftn(second)
            axis = np.fft.fftfreq(box, 1 / box)
            shell = np.rint(np.sqrt(sum(f**2 for f in np.meshgrid(axis, axis, axis))))
            frequency, curve = fourier_shell_correlation(first, second, 2.0)
            for s in range(1, box // 2 + 1):
                x, y = a[shell == s], b[shell == s]
                expected = (x * y.conj()).sum().real / np.sqrt((np.abs(x) ** 2).sum() * (np.abs(y) ** 2).sum())
                self.assertAlmostEqual(curve[s - 1], expected, 9)
            np.testing.assert_allclose(frequency, np.arange(1, box // 2 + 1) / (2.0 * box))

    def test_closed_forms(self):
        data = np.random.default_rng(4).normal(size=(12, 12, 12))
        np.testing.assert_allclose(fourier_shell_correlation(data, 3 * data + 5, 1.0)[1], 1, atol=1e-12)
        np.testing.assert_allclose(fourier_shell_correlation(data, -data, 1.0)[1], -1, atol=1e-12)
        np.testing.assert_array_equal(fourier_shell_correlation(data, np.zeros_like(data), 1.0)[1], 0)

    def test_shapes_must_agree(self):
        with self.assertRaisesRegex(ValueError, "expected one shape"):
            fourier_shell_correlation(np.zeros((4, 4, 4)), np.zeros((5, 5, 5)), 1.0)

    def test_resolution_is_interpolated_in_frequency(self):
        frequency = np.array([0.1, 0.2, 0.3])
        self.assertAlmostEqual(resolution_at(frequency, np.array([1.0, 0.75, 0.25]), 0.5), 1 / 0.25)
        self.assertAlmostEqual(resolution_at(frequency, np.array([1.0, 1.0, 0.9]), 0.5), 1 / 0.3)
        self.assertEqual(resolution_at(frequency, np.array([0.4, 1.0, 1.0]), 0.5), np.inf)


class TestMolecule(unittest.TestCase):
    def sphere(self, radius: float, box: int = 48) -> np.ndarray:
        return (radii(box) < radius).astype(np.float32)

    def test_volume_and_region_of_a_sphere(self):
        """A sphere of 12 voxels radius, 3 A a voxel: 4/3 pi 36^3 = 195,432 A^3."""
        density = DensityMap(self.sphere(12), 3.0)
        inside = dense_region(density, 10.0)
        self.assertAlmostEqual(find_molecule(density, 10.0).extent / 195432, 1, delta=0.03)
        self.assertTrue(inside[self.sphere(11) > 0].all())
        self.assertFalse(inside[self.sphere(14) == 0].any())

    def test_domain_of_half_occupancy_is_found_in_noise(self):
        body = np.roll(self.sphere(8), -12, axis=2) + 0.5 * np.roll(self.sphere(6), 12, axis=2)
        noisy = body + np.random.default_rng(5).normal(size=body.shape) * 0.5 + 3.0
        inside = dense_region(DensityMap(noisy.astype(np.float32), 3.0), 12.0)
        self.assertTrue(inside[24, 24, 36])
        self.assertTrue(inside[24, 24, 12])
        self.assertLess((inside & (body == 0)).sum() / (body > 0).sum(), 0.6)

    def test_nothing_there_or_contrast_inverted(self):
        for data in (np.zeros((16, 16, 16)), np.full((16, 16, 16), 4.0), -self.sphere(8)):
            self.assertFalse(dense_region(DensityMap(data.astype(np.float32), 3.0), 10.0).any())

    def test_soft_mask_is_one_inside_and_zero_far_out(self):
        for box, pixel in ((48, 3.0), (96, 1.5)):
            mask = soft_mask(DensityMap((radii(box) * pixel < 30).astype(np.float32), pixel), 12.0)
            distance = radii(box) * pixel
            self.assertGreaterEqual(mask.min(), 0)
            self.assertGreater(mask[distance < 36].min(), 0.97)
            self.assertLess(mask[distance > 62].max(), 0.03)
            self.assertTrue(((mask > 0.1) & (mask < 0.9)).any())

    def test_soft_mask_of_an_empty_map_is_everything(self):
        np.testing.assert_array_equal(soft_mask(DensityMap(np.zeros((16, 16, 16), np.float32), 3.0)), 1)


if __name__ == "__main__":
    unittest.main()
