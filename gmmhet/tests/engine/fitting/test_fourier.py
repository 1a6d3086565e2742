"""The Fourier side of a fit: against direct sums, numpy's transforms and finite differences."""

import unittest
from unittest import mock

import numpy as np
import tensorflow as tf

from gmmhet.engine.fitting import misfit as fitting_misfit
from gmmhet.engine.fitting.fourier import FourierTarget, fourier_target, gaussian_coefficients
from gmmhet.engine.fitting.misfit import Gaussians, Misfit, Variables
from gmmhet.engine.fitting.settings import FitSettings
from gmmhet.engine.molecule.gaussian_map import gaussian_density
from gmmhet.engine.molecule.gaussians import GaussianModel
from gmmhet.engine.molecule.symmetry import rotation_matrices


def some_gaussians(number: int, seed: int, spread: float = 12.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(number, 3)) * spread, rng.uniform(1, 3, number), rng.uniform(3, 6, number)


def closed_form(model: GaussianModel, frequency: np.ndarray) -> np.ndarray:
    """sum_j w_j / pixel^3 exp(-2 pi^2 s_j^2 |k|^2) exp(-2 pi i k.c_j); frequency [..., 3] as x, y, z."""
    square = (frequency**2).sum(-1)[..., None]
    phase = frequency @ model.centers.T
    terms = model.weights * np.exp(-2 * np.pi**2 * model.sigmas**2 * square - 2j * np.pi * phase)
    return terms.sum(-1) / model.pixel_size**3


def centred_transform(data: np.ndarray, pixel: float) -> tuple[np.ndarray, np.ndarray]:
    """Plain DFT with the origin at voxel box // 2, and its frequencies [..., 3] as x, y, z."""
    transform = np.fft.fftn(np.fft.ifftshift(data))
    axis = np.fft.fftfreq(len(data), pixel)
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    return transform, np.stack([x, y, z], axis=-1)


def misfit(target: FourierTarget, found: np.ndarray) -> float:
    """The share of whitened power that coefficients leave unexplained."""
    return float(np.sum(target.weights.astype(float) * (found - target.coefficients.astype(float)) ** 2))


class TestGaussianDensity(unittest.TestCase):
    def test_transform_is_the_closed_form_up_to_nyquist(self):
        """Also for widths of half a pixel, where sampling the Gaussians would alias."""
        for box in (16, 17):
            centers, weights, sigmas = some_gaussians(4, box)
            model = GaussianModel(centers, weights, sigmas * 0.5, box, 4.0, 10.0)
            transform, frequency = centred_transform(gaussian_density(model).data.astype(float), 4.0)
            below = (np.abs(frequency) < 0.5 / 4.0 * (1 - 1e-9)).all(-1)
            expected = closed_form(model, frequency)
            np.testing.assert_allclose(transform[below], expected[below], atol=1e-5 * np.abs(expected).max())

    def test_values_are_those_of_wide_gaussians(self):
        """Direct sum of w (2 pi s^2)^-3/2 exp(-r^2 / 2 s^2) where sampling and periodicity do not matter."""
        model = GaussianModel(np.array([[3.0, -5.0, 8.0]]), np.array([700.0]), np.array([7.0]), 32, 3.0, 10.0)
        axis = (np.arange(32) - 16) * 3.0
        z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
        square = (x - 3) ** 2 + (y + 5) ** 2 + (z - 8) ** 2
        expected = 700 * (2 * np.pi * 49) ** -1.5 * np.exp(-square / 98)
        np.testing.assert_allclose(gaussian_density(model).data, expected, atol=1e-4 * expected.max())

    def test_another_grid_keeps_the_mass(self):
        model = GaussianModel(*some_gaussians(5, 1), 32, 4.0, 10.0)
        for box, pixel in ((32, 4.0), (51, 2.5), (24, 5.0)):
            density = gaussian_density(model, box, pixel)
            self.assertEqual((density.box, density.pixel_size), (box, pixel))
            self.assertAlmostEqual(density.data.sum() * pixel**3 / model.weights.sum(), 1, 4)


class TestCoefficients(unittest.TestCase):
    """Gaussians' coefficients, those of their map, and the complex transform are the same thing."""

    def setUp(self) -> None:
        self.box, self.pixel, self.resolution = 20, 4.0, 13.0
        self.model = GaussianModel(*some_gaussians(5, 2), self.box, self.pixel, self.resolution)
        self.data = gaussian_density(self.model).data
        self.target = fourier_target(self.data, self.pixel, self.resolution)

    def coefficients(self, model: GaussianModel, target: FourierTarget) -> np.ndarray:
        return gaussian_coefficients(*(tf.constant(v) for v in (
            model.centers, model.weights / model.pixel_size**3, model.sigmas)), target.frequencies).numpy()

    def test_gaussians_against_their_map(self):
        found = self.coefficients(self.model, self.target)
        np.testing.assert_allclose(found, self.target.coefficients, atol=1e-5 * np.abs(found).max())

    def test_one_coefficient_by_a_direct_sum(self):
        """cos(kz z) sin(ky y) cos(kx x) summed over the Gaussians, kz = 2, ky = 1, kx = 3 over the field."""
        step = 1 / (self.box * self.pixel)
        h = [len(k) for k in self.target.frequencies]
        expected = sum(
            w / self.pixel**3 * np.exp(-2 * np.pi**2 * s**2 * 14 * step**2)
            * np.cos(2 * np.pi * 2 * step * z) * np.sin(2 * np.pi * step * y) * np.cos(2 * np.pi * 3 * step * x)
            for (x, y, z), w, s in zip(self.model.centers, self.model.weights, self.model.sigmas, strict=True))
        found = self.coefficients(self.model, self.target).reshape([2 * n for n in h])[2, h[1] + 1, 3]
        self.assertAlmostEqual(found, expected, 9)

    def test_weighted_misfit_is_that_of_the_complex_transform(self):
        """Sum over all coefficients within the resolution of |difference|^2 / (shell power x k^2), by numpy's FFT."""
        other = GaussianModel(*some_gaussians(4, 3), self.box, self.pixel, self.resolution)
        found = misfit(self.target, self.coefficients(other, self.target))
        wanted, frequency = centred_transform(self.data.astype(float), self.pixel)
        radius = np.sqrt((frequency**2).sum(-1))
        length = self.box * self.pixel
        shell = np.rint(radius * length).astype(int)
        inside = radius <= 1 / self.resolution
        power = {s: (np.abs(wanted[inside & (shell == s)]) ** 2).mean() for s in np.unique(shell[inside])}
        weight = np.zeros(wanted.shape)
        for s, value in power.items():
            weight[inside & (shell == s)] = 1 / value
        weight /= np.maximum(radius, 1 / length) ** 2
        difference = np.abs(closed_form(other, frequency) - wanted) ** 2
        expected = (weight * difference).sum() / (weight * np.abs(wanted) ** 2).sum()
        self.assertAlmostEqual(found / expected, 1, 3)

    def test_an_empty_shell_does_not_dominate(self):
        """A map without anything beyond 1/32 of 1/Angstrom: noise of single precision there weighs less than 1%."""
        axis = np.arange(32) - 16
        wave = sum(np.cos(2 * np.pi * n * axis / 32 + n) for n in (0, 1, 2))
        data = (wave[:, None, None] * wave[:, None] * wave).astype(np.float32)
        target = fourier_target(data, 2.0, 6.0)
        disturbed = target.coefficients + np.where(np.abs(target.coefficients) < 1e-2, 1e-2, 0)
        self.assertLess(misfit(target, disturbed), 0.01)


class TestMisfit(unittest.TestCase):
    """With symmetric copies and a target away from the origin."""

    def setUp(self) -> None:
        model = GaussianModel(*some_gaussians(6, 4), 20, 4.0, 13.0)
        self.target = fourier_target(gaussian_density(model).data, 4.0, 13.0)
        centers, weights, sigmas = some_gaussians(3, 5)
        self.variables = Variables(centers, 3.0, (2.0, 7.0))
        self.rotations, self.offset = rotation_matrices("D2"), np.array([4.0, -8.0, 0.0])
        self.misfit = Misfit(self.variables, self.target, self.rotations, self.offset)
        self.flat = self.variables.pack(Gaussians(centers, weights, sigmas))

    def expected(self, flat: np.ndarray) -> float:
        """In double precision, a copy of every Gaussian for each rotation."""
        given = self.variables.split(flat)
        centers = np.concatenate([given.centers @ r.T - self.offset for r in self.rotations])
        copies = [tf.constant(np.tile(v, len(self.rotations))) for v in (given.weights, given.sigmas)]
        found = gaussian_coefficients(tf.constant(centers), *copies, self.target.frequencies)
        return misfit(self.target, found.numpy())

    def test_value_and_gradient(self) -> None:
        """Against central differences."""
        value, gradient = self.misfit(self.flat)
        self.assertAlmostEqual(value / self.expected(self.flat), 1, 5)
        steps = 1e-4 * np.eye(len(self.flat))
        expected = [(self.expected(self.flat + s) - self.expected(self.flat - s)) / 2e-4 for s in steps]
        np.testing.assert_allclose(gradient, expected, atol=1e-5 * np.abs(expected).max())

    def test_shares_make_up_the_whole(self) -> None:
        whole = self.misfit(self.flat)
        self.assertEqual(len(self.misfit.shares), 1)
        with mock.patch.object(fitting_misfit, "FIT", FitSettings(share_products=2_000)):
            shares = self.misfit.shares
            self.assertGreater(len(shares), 3)
            self.assertEqual([i for s in shares for i in range(s.start, s.stop)],
                             list(range(len(self.target.frequencies[0]))))
            parts = self.misfit(self.flat)
        self.assertAlmostEqual(parts[0] / whole[0], 1, 5)
        np.testing.assert_allclose(parts[1], whole[1], atol=1e-5 * np.abs(whole[1]).max())

    def test_variables(self) -> None:
        given = self.variables.split(self.flat)
        for name, expected in zip(("centers", "weights", "sigmas"), some_gaussians(3, 5), strict=True):
            np.testing.assert_allclose(getattr(given, name), expected, rtol=1e-6)


if __name__ == "__main__":
    unittest.main()
