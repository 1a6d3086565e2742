"""Frames and signs against rotations written out by hand, and against images made by relion_project."""

import unittest

import numpy as np

from gmmhet.engine.conventions import electron_wavelength, euler_to_matrix, matrix_to_euler, projected_position
from gmmhet.engine.io import open_stack, read_particles
from gmmhet.tests.support.conformance import conformance_file


def _axis_rotation(axis: int, degrees: float) -> np.ndarray:
    """Passive rotation of the coordinate axes about x, y or z."""
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    i, j = (axis + 1) % 3, (axis + 2) % 3
    m = np.eye(3)
    m[i, i], m[j, j], m[i, j], m[j, i] = c, c, s, -s
    return m


class TestEulerAngles(unittest.TestCase):
    def test_is_rotation_about_z_then_y_then_z(self) -> None:
        for rot, tilt, psi in ((10, 20, 30), (-170, 95, 60), (0, 180, 15), (40, 0, 0)):
            expected = _axis_rotation(2, psi) @ _axis_rotation(1, tilt) @ _axis_rotation(2, rot)
            np.testing.assert_allclose(euler_to_matrix([rot, tilt, psi]), expected, atol=1e-12)

    def test_inverse_gives_the_same_matrix_also_at_the_poles(self) -> None:
        rng = np.random.default_rng(0)
        angles = rng.uniform([-180, 0, -180], [180, 180, 180], (200, 3))
        angles = np.concatenate([angles, [[33, 0, 50], [-120, 180, 20], [10, 180, -170]]])
        matrices = euler_to_matrix(angles)
        np.testing.assert_allclose(euler_to_matrix(matrix_to_euler(matrices)), matrices, atol=1e-9)

    def test_wavelength_at_300_kv(self) -> None:
        self.assertAlmostEqual(electron_wavelength(300), 0.0196875, places=6)  # 1.97 pm, textbook value


class TestRelionProject(unittest.TestCase):
    """One bright voxel projected by relion_project in 24 poses and shifts."""

    def test_projected_voxel_lands_where_relion_puts_it(self) -> None:
        star = conformance_file("relion_project/relion_proj_batch.star")
        table = read_particles(star)
        volume = open_stack(star.parent / "pointmass.mrc")
        z, y, x = np.unravel_index(np.argmax(volume), volume.shape)
        point = (np.array([[x, y, z]]) - table.box // 2) * table.pixel_size
        expected = projected_position(table.rotations, point, table.origins)[:, 0] / table.pixel_size + table.box // 2
        seen = _centres_of_symmetry(table.images(np.arange(len(table))), expected)
        distance = np.abs(seen - expected).max(axis=1)
        self.assertLessEqual(distance.max(), 0.6)  # centres are found to half a pixel
        self.assertLess(np.median(distance), 0.5)
        transposed = projected_position(table.rotations.transpose(0, 2, 1), point, table.origins)[:, 0]
        wrong = np.abs(seen - transposed / table.pixel_size - table.box // 2).max(axis=1)
        self.assertGreater(np.median(wrong), 3.0)


def _centres_of_symmetry(images: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Where each image is most symmetric under inversion: twice the centre is the peak of its convolution with itself.

    The images carry a CTF, so the brightest pixel can lie on a ring around the point. The peak is known modulo the box;
    the solution nearest to ``near`` is taken (others are half a box away).
    """
    box = images.shape[-1]
    centres = []
    for image, guess in zip(images, near, strict=True):
        double = np.fft.irfft2(np.fft.rfft2(image) ** 2, s=image.shape)
        peak = np.array(np.unravel_index(np.argmax(double), double.shape)[::-1]) / 2
        centres.append(peak + box / 2 * np.round((guess - peak) / (box / 2)))
    return np.array(centres)


if __name__ == "__main__":
    unittest.main()
