"""Projections and maps of pseudo-atoms against closed forms evaluated the slow way."""

import unittest

import numpy as np

from gmmhet.engine.conventions import euler_to_matrix
from gmmhet.engine.optics.ctf import ctf, ctf_coefficients
from gmmhet.engine.simulate import (
    clean_slices,
    density_map,
    draw_particles,
    frequency_grid,
    images_from_slices,
    preset,
    projection_slices,
)


def _atoms(n: int, spread: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(0, spread, (n, 3)), rng.uniform(0.5, 2, n)


class TestProjection(unittest.TestCase):
    def test_slices_equal_the_closed_form_at_every_frequency(self):
        centers, weights = _atoms(30, 20.0, 1)
        angles, origins, sigma, pixel = np.array([[30.0, 70.0, -110.0]]), np.array([[4.0, -7.5]]), 3.0, 3.5
        matrix = euler_to_matrix(angles)
        for box in (24, 25):
            slices = projection_slices(centers[None], weights[None], sigma, matrix, origins, box=box, pixel_size=pixel)
            position = (centers @ matrix[0].T)[:, :2] - origins[0]
            expected = np.zeros((box, box // 2 + 1), complex)
            for row, ky in enumerate(np.fft.fftfreq(box, pixel)):
                for column, kx in enumerate(np.fft.rfftfreq(box, pixel)):
                    phase = np.exp(-2j * np.pi * (kx * position[:, 0] + ky * position[:, 1]))
                    envelope = np.exp(-2 * np.pi**2 * sigma**2 * (kx**2 + ky**2))
                    expected[row, column] = envelope * (weights * phase).sum() / pixel**3
            np.testing.assert_allclose(slices[0], expected, atol=2e-6 * abs(expected).max())

    def test_image_samples_the_projected_gaussians(self):
        """Wide Gaussians (sigma 2 pixels) hold nothing beyond Nyquist: band limit and samples agree."""
        centers, weights = _atoms(12, 12.0, 2)
        angles, origins, sigma, pixel = np.array([[10.0, 40.0, 75.0]]), np.array([[6.0, -9.0]]), 8.0, 4.0
        matrix = euler_to_matrix(angles)
        for box in (40, 41):
            slices = projection_slices(centers[None], weights[None], sigma, matrix, origins, box=box, pixel_size=pixel)
            image = images_from_slices(slices, box)[0]
            axis = (np.arange(box) - box // 2) * pixel
            position = (centers @ matrix[0].T)[:, :2] - origins[0]  # the particle sits at minus its origin
            distance2 = ((axis[None, None, :] - position[:, 0, None, None]) ** 2
                         + (axis[None, :, None] - position[:, 1, None, None]) ** 2)
            gaussians = np.exp(-distance2 / (2 * sigma**2)) / (2 * np.pi * sigma**2)
            expected = np.tensordot(weights, gaussians, 1) / pixel
            np.testing.assert_allclose(image, expected, atol=1e-5 * expected.max())

    def test_projection_is_the_plain_sum_of_the_map_along_z(self):
        what = preset("hinge11")
        centers, weights = what.molecule.place(what.states[8:9])
        for box in (36, 37):
            grid = {"box": box, "pixel_size": 4.0}
            density = density_map(centers[0], weights[0], what.molecule.sigma, **grid)
            slices = projection_slices(centers, weights, what.molecule.sigma, np.eye(3)[None], np.zeros((1, 2)), **grid)
            image = images_from_slices(slices, box)[0]
            np.testing.assert_allclose(image, density.sum(axis=0), atol=1e-5 * image.max())

    def test_map_samples_the_gaussians(self):
        centers, weights = _atoms(9, 6.0, 3)
        sigma, pixel = 8.0, 4.0
        for box in (30, 31):
            axis = (np.arange(box) - box // 2) * pixel
            z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
            expected = sum(w * np.exp(-((x - c[0]) ** 2 + (y - c[1]) ** 2 + (z - c[2]) ** 2) / (2 * sigma**2))
                           for c, w in zip(centers, weights, strict=True)) / (2 * np.pi * sigma**2) ** 1.5
            density = density_map(centers, weights, sigma, box=box, pixel_size=pixel)
            np.testing.assert_allclose(density, expected, atol=1e-5 * expected.max())

    def test_map_of_more_atoms_than_are_taken_at_once_is_the_sum_of_its_parts(self):
        centers, weights = _atoms(5000, 15.0, 4)
        grid = {"box": 16, "pixel_size": 8.0}
        whole = density_map(centers, weights, 4.0, **grid)
        parts = sum(density_map(centers[i::5], weights[i::5], 4.0, **grid) for i in range(5))
        np.testing.assert_allclose(whole, parts, atol=1e-5 * whole.max())

    def test_ctf_multiplies_the_projection(self):
        what = preset("hinge11")
        particles = draw_particles(what, 3, 4.0, np.random.default_rng(2))
        rows = np.array([2, 0])
        modulated = clean_slices(what.molecule, particles, rows, box=36, pixel_size=4.0)
        centers, weights = what.molecule.place(particles.coordinates[rows])
        plain = projection_slices(centers, weights, what.molecule.sigma, euler_to_matrix(particles.angles[rows]),
                                  particles.origins[rows], box=36, pixel_size=4.0)
        u, v, angle = particles.defocus[rows].T
        factor = ctf(ctf_coefficients(u, v, angle, 0.0, 300.0, 2.7, 0.1), *frequency_grid(36, 4.0))
        np.testing.assert_allclose(modulated, plain * factor, atol=1e-5 * abs(plain).max())


if __name__ == "__main__":
    unittest.main()
