"""Posterior, curvature and M-step gradient against dense Jacobians and explicit sums."""

import unittest

import numpy as np
import tensorflow as tf

from gmmhet.engine.basis import FieldBasis, smooth_basis
from gmmhet.engine.curvature import curvature_sums
from gmmhet.engine.latent import ContrastPrior, posterior_step, sign_flips
from gmmhet.engine.observation import whitening
from gmmhet.tests.engine.scene import Scene

_STEP = 1e-4


class _Dense:
    """Whitened residual and Jacobian of view i by finite differences of the exact model."""

    def __init__(self, scene: Scene, noise: np.ndarray) -> None:
        self.scene = scene
        grid = scene.grid
        self.white = np.sqrt(grid.weight / noise[grid.clipped_shell])

    def model(self, i: int, z: np.ndarray, s: float) -> np.ndarray:
        return s * (self.white * self.scene.image(i, z)).ravel()

    def columns(self, i: int, z: np.ndarray, s: float) -> np.ndarray:
        """[pixels, K + 1] derivatives by z and s."""
        by_z = [(self.model(i, z + _STEP * e, s) - self.model(i, z - _STEP * e, s)) / (2 * _STEP)
                for e in np.eye(len(z))]
        return np.stack([*by_z, self.model(i, z, 1.0)], axis=1)

    def data(self, i: int) -> np.ndarray:
        return (self.white * self.scene.planes[i]).ravel()


class TestPosterior(unittest.TestCase):
    def setUp(self) -> None:
        self.scene = Scene(n=4)
        rng = np.random.default_rng(11)
        self.noise = rng.uniform(80, 400, self.scene.grid.n_shells)
        self.z = rng.normal(size=(4, 2)) * 0.3
        self.s = rng.uniform(0.8, 1.2, 4)
        truth = rng.normal(size=(4, 2)) * 0.5
        for i in range(4):
            self.scene.planes[i] = 1.1 * self.scene.image(i, truth[i]) + self.scene.planes[i] * 0.5
        self.dense = _Dense(self.scene, self.noise)
        self.prior = 1.0, 0.2
        self.white = whitening(self.scene.grid, self.noise)

    def _step(self, gradient: bool) -> object:
        prior = ContrastPrior(*(tf.constant(a, tf.float32) for a in self.prior))
        return posterior_step(self.scene.observer, self.scene.batch, self.scene.linear_modes, self.white,
                              tf.constant(self.z, tf.float32), tf.constant(self.s, tf.float32), prior,
                              gradient=gradient)

    def test_step_and_covariance_solve_the_dense_normal_equations(self) -> None:
        got = self._step(gradient=False)
        mean, deviation = self.prior
        precision = np.diag([1.0, 1.0, 1 / deviation**2])
        for i in range(4):
            columns = self.dense.columns(i, self.z[i], self.s[i])
            residual = self.dense.data(i) - self.dense.model(i, self.z[i], self.s[i])
            hessian = columns.T @ columns + precision
            offset = np.array([*self.z[i], self.s[i] - mean])
            delta = np.linalg.solve(hessian, columns.T @ residual - precision @ offset)
            inverse = np.linalg.inv(hessian)
            np.testing.assert_allclose(got.covariance[i], inverse, atol=2e-4 * np.abs(inverse).max())
            np.testing.assert_allclose(got.information[i], (columns.T @ columns)[:2, :2], rtol=2e-3)
            reached = np.array([*(got.z[i] - self.z[i]), got.contrast[i] - self.s[i]])
            along = reached @ delta / (delta @ delta)  # a step that would not help is shortened, never turned
            np.testing.assert_allclose(reached, along * delta, atol=2e-3)
            self.assertTrue(0.04 < along < 1.001, along)

    def test_objective_never_rises(self) -> None:
        mean, deviation = self.prior

        def objective(i: int, z: np.ndarray, s: float) -> float:
            residual = self.dense.data(i) - self.dense.model(i, z, s)
            return float(residual @ residual + z @ z + ((s - mean) / deviation) ** 2)

        got = self._step(gradient=False)
        for i in range(4):
            after = objective(i, got.z[i].numpy().astype(float), float(got.contrast[i]))
            self.assertLessEqual(after, objective(i, self.z[i], self.s[i]) + 1e-2)

    def test_gradient_is_the_expectation_over_the_posterior(self) -> None:
        """E[s z_k J^T r] over samples of the linearised posterior, J by finite differences of every Gaussian."""
        got = self._step(gradient=True)
        rng = np.random.default_rng(3)
        expected = np.zeros((3, self.scene.gaussians, 4))
        for i in range(4):
            t1 = np.array([*got.z[i], got.contrast[i]], dtype=float)
            columns = self.dense.columns(i, self.z[i], self.s[i])
            reached = self.dense.data(i) - self.dense.model(i, t1[:2], t1[2])
            by_gaussian = self._gaussian_jacobian(i)
            root = np.linalg.cholesky(got.covariance[i].numpy().astype(float))
            noise = rng.normal(size=(3, 4000))
            noise = np.concatenate([noise, -noise], axis=1)
            samples = t1[:, None] + root @ noise
            residuals = reached[:, None] - columns @ (samples - t1[:, None])
            factors = np.stack([samples[0] * samples[2], samples[1] * samples[2], samples[2]])  # s z_k, and s
            mean = residuals @ factors.T / samples.shape[1]  # [pixels, 3]
            expected += np.einsum("pja,pk->kja", by_gaussian, mean)
        for k in range(3):
            scale = np.abs(expected[k]).max()
            # third moments of contrast and coordinates are left out by the engine; sampling adds about one per cent
            np.testing.assert_allclose(got.gradient[k, :, :3], expected[k][:, :3], atol=0.05 * scale)

    def _gaussian_jacobian(self, i: int) -> np.ndarray:
        """[pixels, N, 4] of the whitened image at unit contrast, at the point of linearisation."""
        scene = self.scene
        centers, weights = scene.conformation(self.z[i])
        out = []
        for j in range(scene.gaussians):
            for a in range(4):
                ends = []
                for sign in (1, -1):
                    c, w = centers.copy(), weights.copy()
                    if a < 3:
                        c[j, a] += sign * _STEP
                    else:
                        w[j] += sign * 1e-2
                    value = scene.transfer(i) * scene.project(i, c, w)
                    ends.append((self.dense.white * np.stack([value.real, value.imag])).ravel())
                out.append((ends[0] - ends[1]) / (2 * _STEP if a < 3 else 2e-2))
        return np.stack(out, axis=1).reshape(-1, scene.gaussians, 4)


class TestCurvature(unittest.TestCase):
    def test_matches_the_dense_jacobian_in_the_basis(self) -> None:
        scene = Scene(n=2)
        basis = FieldBasis(smooth_basis(scene.centers, 6.0), 2.0, 0.3)
        rng = np.random.default_rng(1)
        z, s, moments = rng.normal(size=(2, 2)) * 0.5, np.array([0.9, 1.2]), rng.uniform(0.5, 2, (2, 3))
        noise = np.full(scene.grid.n_shells, 150.0)
        got = curvature_sums(scene.observer, basis, scene.batch, scene.linear_modes, whitening(scene.grid, noise),
                             *(tf.constant(a, tf.float32) for a in (z, s, moments))).numpy()
        dense, expected = _Dense(scene, noise), np.zeros((3, basis.size, basis.size))
        for i in range(2):
            columns = []
            for unit in np.eye(basis.size):
                field = basis.fields(unit)
                centers, weights = scene.conformation(z[i])
                ends = []
                for sign in (1, -1):
                    moved = centers + sign * _STEP * field[:, :3]
                    changed = weights + sign * _STEP * scene.weights * field[:, 3]
                    value = s[i] * scene.transfer(i) * scene.project(i, moved, changed)
                    ends.append((dense.white * np.stack([value.real, value.imag])).ravel())
                columns.append((ends[0] - ends[1]) / (2 * _STEP))
            jacobian = np.stack(columns, axis=1)
            expected += moments[i][:, None, None] * (jacobian.T @ jacobian)
        np.testing.assert_allclose(got, expected, atol=1e-4 * np.abs(expected).max())


class TestSignFlips(unittest.TestCase):
    def test_are_repeatable_signs_with_mates_alike(self) -> None:
        rows = np.array([5, 9])
        first, second = sign_flips(3, rows, 7).numpy(), sign_flips(3, rows[::-1], 7).numpy()
        np.testing.assert_array_equal(first, second[::-1])
        np.testing.assert_array_equal(np.abs(first), 1.0)
        np.testing.assert_array_equal(first[:, :, 0, 0], first[:, :, 1, 0])
        np.testing.assert_array_equal(first[:, :, 0, :, 0], first[:, :, 1, :, 0])
        self.assertLess(abs(first.mean()), 0.25)


if __name__ == "__main__":
    unittest.main()
