"""Corrections of poses, noise of optics groups, and derivatives by the widths, against the definition."""

import unittest

import numpy as np
from scipy.spatial.transform import Rotation

from gmmhet.engine.imaging.half_plane import images_to_planes
from gmmhet.engine.imaging.image_model import batches, rotation_matrix, whitening
from gmmhet.tests.support.scene import Scene, changed_consensus, float32


class TestRotationMatrix(unittest.TestCase):
    def test_matches_scipy(self) -> None:
        """From none over 1e-6 and a few degrees to beyond half a turn."""
        rng = np.random.default_rng(0)
        vectors = rng.normal(size=(6, 3)) * np.array([0.0, 1e-6, 1e-3, 0.05, 1.0, 3.0])[:, None]
        np.testing.assert_allclose(rotation_matrix(float32(vectors)), Rotation.from_rotvec(vectors).as_matrix(),
                                   atol=1e-6)


class TestPoses(unittest.TestCase):
    def setUp(self) -> None:
        self.scene = Scene(n=3)
        rng = np.random.default_rng(4)
        self.z = rng.normal(size=(3, 2)) * 0.5
        self.pose = np.hstack([rng.normal(size=(3, 2)) * 2, rng.normal(size=(3, 3)) * 0.1])

    def test_posed_images_fit_the_posed_projection(self) -> None:
        """An image of a shifted and turned particle, once posed, is that of the particle seen from the posed view."""
        scene = self.scene
        for i in range(3):
            scene.planes[i] = scene.image(i, self.z[i], self.pose[i])
        posed = scene.observer.posed(scene.batch, float32(self.pose))
        turns = Rotation.from_rotvec(self.pose[:, 2:]).as_matrix()
        np.testing.assert_allclose(posed.rotations, turns @ scene.rotations, atol=2e-6)
        for i in range(3):
            only_turned = scene.image(i, self.z[i], np.array([0, 0, *self.pose[i, 2:]]))
            np.testing.assert_allclose(posed.planes[i], only_turned, atol=2e-5 * np.abs(only_turned).max())

    def test_shift_is_added_to_the_origin(self) -> None:
        """Posing images cropped about one origin gives those cropped about origin + shift."""
        scene = self.scene
        rng = np.random.default_rng(1)
        images = rng.normal(size=(3, 24, 24)).astype(np.float32)
        origins = rng.normal(size=(3, 2)) * 4
        scene.planes = images_to_planes(images, scene.grid, origins)
        posed = scene.observer.posed(scene.batch, float32(self.pose))
        np.testing.assert_allclose(posed.planes, images_to_planes(images, scene.grid, origins + self.pose[:, :2]),
                                   atol=1e-3)

    def test_no_corrections_change_nothing(self) -> None:
        batch = self.scene.batch
        self.assertIs(self.scene.observer.posed(batch, float32(np.zeros((3, 0)))), batch)

    def test_pose_columns_match_finite_differences(self) -> None:
        scene, step = self.scene, 1e-4
        observer, batch, modes = scene.observer, scene.batch, scene.linear_modes
        centers, weights = modes.gaussians(float32(self.z))
        factors, transfer = observer.factors(batch, centers), observer.transfer(batch, float32(1.0))
        base = transfer * observer.projector.project(factors, weights)
        got = observer.pose_columns(batch, factors, centers, weights, transfer, base).numpy()
        for i in range(3):
            for a, unit in enumerate(np.eye(5)):
                slope = (scene.image(i, self.z[i], step * unit) - scene.image(i, self.z[i], -step * unit)) / (2 * step)
                np.testing.assert_allclose(got[i, a], slope, atol=5e-5 * np.abs(slope).max())


class TestWidths(unittest.TestCase):
    def test_images_of_given_variances(self) -> None:
        """Other squared widths than those the observer was made with."""
        scene = Scene()
        variances = scene.sigmas**2 * np.linspace(0.5, 2.0, scene.gaussians)
        factors = scene.observer.factors(scene.batch, float32(scene.centers), float32(variances))
        got = scene.observer.projector.project(factors, float32(scene.weights)).numpy()
        for i in range(scene.n):
            expected = scene.project(i, scene.centers, scene.weights, variances)
            np.testing.assert_allclose(got[i, 0] + 1j * got[i, 1], expected, atol=2e-5 * np.abs(expected).max())

    def test_pullback_by_variances_matches_finite_differences(self) -> None:
        scene = Scene(gaussians=4)
        cotangent = np.random.default_rng(5).normal(size=(scene.n, 2, 2, scene.grid.size, scene.grid.size))
        factors = scene.observer.factors(scene.batch, float32(scene.centers))
        got = scene.observer.pullback(scene.batch, factors, float32(scene.weights), float32(cotangent[:, np.newaxis]),
                                      widths=True).numpy()[:, 0, :, 4]
        for i in range(scene.n):
            expected = []
            for j in range(4):
                ends = []
                for sign in (1, -1):
                    d = changed_consensus(scene.own, j, 4, sign * 1e-4)
                    value = scene.project(i, d.centers, d.weights, d.variances)
                    ends.append(np.sum(cotangent[i] * np.stack([value.real, value.imag])))
                expected.append((ends[0] - ends[1]) / 2e-4 / scene.sigmas[j] ** 2)  # the step was of the logarithm
            np.testing.assert_allclose(got[i], expected, atol=1e-4 * np.abs(expected).max())


class TestGroups(unittest.TestCase):
    def test_each_particle_is_whitened_by_its_group(self) -> None:
        scene = Scene(n=3, groups=2)
        noise = np.random.default_rng(0).uniform(10, 50, (2, scene.grid.n_shells))
        got = scene.observer.transfer(scene.batch, whitening(scene.grid, noise)).numpy()
        for i, group in enumerate((0, 1, 0)):
            white = np.sqrt(scene.grid.weight / noise[group][scene.grid.clipped_shell])
            np.testing.assert_allclose(got[i, 0], scene.transfer(i) * white, atol=2e-6 * white.max())

    def test_batches_are_filled_up_with_rows_that_do_not_count(self) -> None:
        scene = Scene(n=5, groups=2)
        found = list(batches(scene.cache, np.array([4, 1, 2]), 2))
        self.assertEqual([list(rows) for rows, _ in found], [[4, 1], [2]])
        for (rows, batch), real in zip(found, ([1, 1], [1, 0]), strict=True):
            self.assertEqual(batch.is_particle.numpy().tolist(), real)
            for place, row in enumerate(rows):
                self.assertEqual(int(batch.group[place]), scene.group[row])
                np.testing.assert_allclose(batch.planes[place], scene.planes[row], rtol=1e-6)
                np.testing.assert_allclose(batch.ctf[place], scene.ctf[row], rtol=1e-6)


if __name__ == "__main__":
    unittest.main()
