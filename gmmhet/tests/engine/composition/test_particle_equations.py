"""The equations of the particles against slow exact formulae."""

import unittest

import numpy as np

from gmmhet.engine.composition.motion import with_coordinates, without_motion
from gmmhet.engine.composition.particle_equations import (
    Conformations,
    ParticleEquations,
    Pictured,
    particle_equations,
)
from gmmhet.engine.subspace.decoder import LinearModes
from gmmhet.tests.support.scene import Dense, Scene

PARCEL = np.array([0, 1, 1, 2, 0, 2])
CONTRAST = 0.7
POSE_PRECISION = np.array([4.0, 4.0, 900.0, 900.0, 900.0])


class TestEquations(unittest.TestCase):

    def setUp(self) -> None:
        self.scene = Scene(modes=2, groups=2)
        rng = np.random.default_rng(3)
        self.noise = rng.uniform(20, 60, (2, self.scene.grid.n_shells))
        self.z = rng.normal(size=(self.scene.n, 2)) * 0.5
        self.still = self.scene.own._replace(amplitude=np.zeros((2, 6)))  # motion alone

    def _dense(self, poses: int) -> Dense:
        return Dense(self.scene, self.noise, poses=poses, precision=np.eye(2), pose_precision=POSE_PRECISION, mean=1.0,
                     deviation=1.0)

    def _pictured(self) -> Pictured:
        scene = self.scene
        return Pictured(scene.cache, scene.observer, scene.centers, scene.weights, PARCEL, self.noise, CONTRAST)

    def _parcel_images(self, dense: Dense, i: int, t: np.ndarray) -> np.ndarray:
        """[pixels, 3]: the model with the Gaussians of one parcel alone."""
        def alone(p: int) -> LinearModes:
            return self.still._replace(weights=np.where(p == PARCEL, self.still.weights, 0.0))
        return np.stack([dense.model(i, t, alone(p)) for p in range(3)], axis=1)

    def test_sums_are_those_of_the_images_of_parcels_and_of_differences_by_coordinates(self) -> None:
        scene, dense = self.scene, self._dense(0)
        at = Conformations(scene.position, self.z, np.zeros((scene.n, 0)), np.zeros(0))
        found = particle_equations(self._pictured(), at, 2)
        for i in range(scene.n):
            t = np.array([*self.z[i], CONTRAST])
            columns = np.column_stack([self._parcel_images(dense, i, t), dense.columns(i, t, self.still)[:, :2]])
            data = dense.whitened(i, scene.planes[i])
            expected = columns.T @ columns
            np.testing.assert_allclose(found.matrix[i], expected, rtol=0, atol=2e-4 * np.abs(expected).max())
            np.testing.assert_allclose(found.vector[i], columns.T @ data, rtol=0,
                                       atol=2e-4 * np.abs(columns.T @ data).max())
            self.assertAlmostEqual(float(found.power[i]) / float(data @ data), 1, places=4)

    def test_errors_of_the_pose_are_integrated_out_as_by_the_joint_covariance(self) -> None:
        scene, dense = self.scene, self._dense(5)
        pose = np.random.default_rng(4).normal(size=(scene.n, 5)) * [0.5, 0.5, 0.02, 0.02, 0.02]
        at = Conformations(np.zeros((0, 6, 3)), np.zeros((scene.n, 0)), pose, POSE_PRECISION)
        found = particle_equations(self._pictured(), at, 2)
        for i in range(scene.n):
            t = np.array([0.0, 0.0, *pose[i], CONTRAST])
            images = self._parcel_images(dense, i, t)
            turned = dense.columns(i, t, self.still)[:, 2:-1]
            # marginal over the pose: y ~ N(images g - turned pose, 1 + turned Lambda^-1 turned^T)
            cov = np.eye(len(images)) + turned @ np.diag(1 / POSE_PRECISION) @ turned.T
            inverse = np.linalg.inv(cov)
            y = dense.whitened(i, scene.planes[i])
            expected = images.T @ inverse @ images
            np.testing.assert_allclose(found.matrix[i], expected, rtol=0, atol=1e-3 * np.abs(expected).max())
            right = images.T @ inverse @ (y + turned @ pose[i])
            np.testing.assert_allclose(found.vector[i], right, rtol=0, atol=1e-3 * np.abs(right).max() + 1e-3)

    def test_coordinates_are_integrated_out_as_by_the_joint_covariance(self) -> None:
        rng = np.random.default_rng(5)
        columns, data = rng.normal(size=(40, 5)), rng.normal(size=40) * 3
        z, variances = np.array([[0.4, -0.2]]), np.array([0.5, 2.0])
        equations = ParticleEquations((columns.T @ columns)[None].astype(np.float32),
                                      (columns.T @ data)[None].astype(np.float32), z,
                                      np.array([data @ data], np.float32))
        found = without_motion(equations, variances)
        images, modes = columns[:, :3], columns[:, 3:]
        inverse = np.linalg.inv(np.eye(40) + modes @ np.diag(variances) @ modes.T)  # of y + J z given g
        both = with_coordinates(equations, variances)  # J d beside F g
        np.testing.assert_allclose(both.matrix[0], columns.T @ inverse @ columns, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(both.vector[0], columns.T @ inverse @ (data + modes @ z[0]), rtol=1e-4, atol=1e-3)
        np.testing.assert_allclose(found.matrix[0], images.T @ inverse @ images, rtol=1e-4)
        np.testing.assert_allclose(found.vector[0], images.T @ inverse @ (data + modes @ z[0]), rtol=1e-4, atol=1e-3)


if __name__ == "__main__":
    unittest.main()
