"""Projector and its derivatives against the definition and finite differences; odd and even boxes."""

import unittest

import numpy as np
import tensorflow as tf

from gmmhet.engine.imaging.half_plane import HalfPlane, images_to_planes
from gmmhet.tests.support.scene import Scene


def _f32(value: np.ndarray) -> tf.Tensor:
    return tf.constant(value, tf.float32)


class TestProjector(unittest.TestCase):
    def test_matches_the_sum_over_gaussians(self) -> None:
        for box in (24, 25):
            scene = Scene(box=box)
            factors = scene.observer.factors(scene.batch, _f32(scene.centers))
            got = scene.observer.projector.project(factors, _f32(scene.weights)).numpy()
            for i in range(scene.n):
                expected = scene.project(i, scene.centers, scene.weights)
                # float32 phases: 2 pi k x up to 10, rounded to 1e-6 each
                np.testing.assert_allclose(got[i, 0] + 1j * got[i, 1], expected, atol=2e-5 * np.abs(expected).max())

    def test_jacobian_matches_finite_differences(self) -> None:
        scene = Scene()
        z, step = np.array([0.3, -0.5]), 1e-4
        centers, weights = scene.conformation(z)
        batch, modes = scene.batch, scene.linear_modes
        factors = scene.observer.factors(batch, _f32(np.tile(centers, (scene.n, 1, 1))))
        got = scene.observer.jacobian(batch, factors, _f32(np.tile(weights, (scene.n, 1))), modes.position,
                                      modes.weights * modes.amplitude).numpy()
        for i in range(scene.n):
            for k in range(scene.modes):
                ahead, behind = z + step * np.eye(2)[k], z - step * np.eye(2)[k]
                slope = (scene.project(i, *scene.conformation(ahead)) - scene.project(i, *scene.conformation(behind)))
                slope = slope / (2 * step)
                np.testing.assert_allclose(got[i, k, 0] + 1j * got[i, k, 1], slope, atol=5e-5 * np.abs(slope).max())

    def test_pullback_is_the_adjoint_of_finite_differences(self) -> None:
        scene = Scene(gaussians=4)
        rng = np.random.default_rng(5)
        cotangent = rng.normal(size=(scene.n, 1, 2, 2, scene.grid.size, scene.grid.size))
        factors = scene.observer.factors(scene.batch, _f32(scene.centers))
        got = scene.observer.pullback(scene.batch, factors, _f32(scene.weights), _f32(cotangent)).numpy()[:, 0]
        weighting = cotangent[:, 0, 0] - 1j * cotangent[:, 0, 1]
        for i in range(scene.n):
            expected = np.empty((4, 4))
            for j in range(4):
                for a in range(4):
                    values = []
                    for sign in (1, -1):
                        centers, weights = scene.centers.copy(), scene.weights.copy()
                        if a < 3:
                            centers[j, a] += sign * 1e-4
                        else:
                            weights[j] += sign * 1e-2
                        values.append(np.sum((scene.project(i, centers, weights) * weighting[i]).real))
                    expected[j, a] = (values[0] - values[1]) / (2e-4 if a < 3 else 2e-2)
            np.testing.assert_allclose(got[i, :, :3], expected[:, :3], atol=1e-4 * np.abs(expected[:, :3]).max())
            np.testing.assert_allclose(got[i, :, 3], expected[:, 3], atol=1e-4 * np.abs(expected[:, 3]).max())


class TestHalfPlane(unittest.TestCase):
    def test_planes_are_the_discrete_fourier_sum(self) -> None:
        rng = np.random.default_rng(2)
        for box in (14, 15):
            grid = HalfPlane(box, 2.0, 7.0)
            image = rng.normal(size=(1, box, box)).astype(np.float32)
            got = images_to_planes(image, grid, np.array([[3.0, -1.5]]))[0]
            y, x = (np.indices((box, box)) - box // 2) * 2.0
            for plane, sign in ((0, 1), (1, -1)):
                for iy in range(grid.size):
                    for ix in range(grid.size):
                        kx, ky = ix / (2.0 * box), sign * iy / (2.0 * box)
                        # the particle sits at minus the origin, so positions are counted from there
                        expected = np.sum(image[0] * np.exp(-2j * np.pi * (kx * (x + 3.0) + ky * (y - 1.5))))
                        self.assertAlmostEqual(got[0, plane, iy, ix] + 1j * got[1, plane, iy, ix], expected, places=3)

    def test_every_frequency_pair_counts_once(self) -> None:
        for box, pixel, resolution in ((16, 2.0, 6.0), (17, 2.0, 5.0), (64, 4.0, 8.0)):
            grid = HalfPlane(box, pixel, resolution)
            n = np.arange(-grid.h, grid.h + 1)
            radius = np.rint(np.hypot(n[:, None], n))
            self.assertEqual(2 * 2 * grid.weight.sum(), np.sum((radius > 0) & (radius <= grid.h)))
            self.assertLess(grid.h, box / 2)


if __name__ == "__main__":
    unittest.main()
