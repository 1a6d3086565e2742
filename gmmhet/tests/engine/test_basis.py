"""Smooth fields: prior covariance, adjoint, interpolation beyond the exact size; and the choice of latent axes."""

import types
import unittest
from typing import Any

import numpy as np

from gmmhet.engine.basis import FieldBasis, smooth_basis
from gmmhet.engine.likelihood import log_likelihood_total
from gmmhet.engine.maximise import normalise, update_contrast, update_noise
from gmmhet.engine.subspace import Ensemble, SubspaceModel
from gmmhet.tests.engine.scene import Scene


class TestSmoothBasis(unittest.TestCase):
    def test_reproduces_the_prior_covariance(self) -> None:
        centers = np.random.default_rng(0).normal(size=(60, 3)) * 20
        basis = smooth_basis(centers, 25.0, share=0.9999)
        kernel = np.exp(-0.5 * ((centers[:, None] - centers) ** 2).sum(-1) / 25.0**2)
        np.testing.assert_allclose(basis @ basis.T, kernel, atol=0.02)
        self.assertLess(basis.shape[1], 60)

    def test_interpolation_from_a_subset_reproduces_it_too(self) -> None:
        centers = np.random.default_rng(1).normal(size=(1800, 3)) * 20
        basis = smooth_basis(centers, 40.0, share=0.9999)
        rows = np.arange(0, 1800, 40)
        kernel = np.exp(-0.5 * ((centers[rows, None] - centers[rows]) ** 2).sum(-1) / 40.0**2)
        np.testing.assert_allclose(basis[rows] @ basis[rows].T, kernel, atol=0.03)

    def test_adjoint_is_the_transpose(self) -> None:
        rng = np.random.default_rng(2)
        scalar = smooth_basis(rng.normal(size=(30, 3)) * 10, 12.0)
        for position, amplitude, parts in ((4.0, 0.3, 4), (4.0, 0.0, 3), (0.0, 0.3, 1)):
            basis = FieldBasis(scalar, position, amplitude)
            self.assertEqual(basis.size, parts * scalar.shape[1])
            u, g = rng.normal(size=(2, basis.size)), rng.normal(size=(2, 30, 4))
            fields = basis.fields(u)
            np.testing.assert_allclose(np.einsum("kja,kja->k", fields, g), np.einsum("kr,kr->k", u, basis.adjoint(g)))
            self.assertEqual(bool(np.any(fields[..., :3])), position > 0)
            self.assertEqual(bool(np.any(fields[..., 3])), amplitude > 0)


class TestNormalise(unittest.TestCase):
    def setUp(self) -> None:
        rng = np.random.default_rng(3)
        centers = rng.normal(size=(25, 3)) * 15
        self.basis = FieldBasis(smooth_basis(centers, 15.0), 4.0, 0.0)
        self.estimator: Any = types.SimpleNamespace(basis=self.basis)
        n, k = 400, 3
        mixing = rng.normal(size=(k, k))
        root = rng.normal(size=(n, k, k)) * 0.3
        self.ensemble = Ensemble(np.arange(n), rng.normal(size=(n, k)) @ mixing + 0.5, np.ones(n),
                                 root @ root.transpose(0, 2, 1), np.diag([1.0, 9.0, 4.0]), np.zeros(n))
        self.model = SubspaceModel(centers, np.ones(25), rng.normal(size=(k, self.basis.size)), np.ones(4), 1.0, 0.1)

    def test_conformations_do_not_change(self) -> None:
        model, ensemble = normalise(self.estimator, self.model, self.ensemble)
        for i in (0, 17, 399):
            before = self.model.centers + self.basis.fields(self.ensemble.z[i] @ self.model.coefficients)[:, :3]
            after = model.centers + self.basis.fields(ensemble.z[i] @ model.coefficients)[:, :3]
            np.testing.assert_allclose(after, before, atol=1e-8)

    def test_unit_variance_and_diagonal_information_in_order(self) -> None:
        _, ensemble = normalise(self.estimator, self.model, self.ensemble)
        second = np.cov(ensemble.z.T, bias=True) + ensemble.covariance.mean(0)
        np.testing.assert_allclose(second, np.eye(3), atol=1e-8)
        np.testing.assert_allclose(ensemble.z.mean(0), 0, atol=1e-10)
        values = np.diag(ensemble.information)
        np.testing.assert_allclose(ensemble.information, np.diag(values), atol=1e-8 * values.max())
        self.assertTrue(np.all(np.diff(values) < 0))


class TestNoiseAndContrast(unittest.TestCase):
    def test_noise_grows_by_the_mean_squared_residual(self) -> None:
        grid = Scene().grid
        pairs = np.array([np.sum((grid.clipped_shell == s) * grid.weight) for s in range(grid.n_shells)])
        model = SubspaceModel(np.zeros((1, 3)), np.ones(1), np.zeros((1, 1)), np.full(grid.n_shells, 2.0), 1.0, 0.1)
        power = 4 * pairs * 50 * 1.5  # 50 particles whose whitened residuals have variance 1.5
        np.testing.assert_allclose(update_noise(model, power, 50, grid).noise[1:], 3.0)

    def test_contrast_spread_includes_its_uncertainty(self) -> None:
        model = SubspaceModel(np.zeros((1, 3)), np.ones(1), np.zeros((1, 1)), np.ones(4), 1.0, 0.1)
        contrast = np.random.default_rng(0).normal(-2.0, 0.3, 5000)
        ensemble = Ensemble(np.arange(5000), np.zeros((5000, 1)), contrast, contrast_variance=0.16)
        found = update_contrast(model, ensemble)
        self.assertAlmostEqual(found.contrast_mean, -2.0, delta=0.02)
        self.assertAlmostEqual(found.contrast_deviation, 0.5, delta=0.01)

    def test_total_log_likelihood_is_that_of_normal_pixels(self) -> None:
        """Residuals of variance v under noise v: the density of v is highest at the true v."""
        scene = Scene()
        grid = scene.grid
        estimator: Any = types.SimpleNamespace(observer=scene.observer)
        totals = []
        for v in (1.0, 2.0, 4.0):
            misfit = -0.5 * 4 * grid.weight.sum() * 2.0 / v  # pixels of true variance 2
            ensemble = Ensemble(np.arange(1), np.zeros((1, 1)), np.ones(1), log_likelihood=np.array([misfit]))
            model = SubspaceModel(np.zeros((1, 3)), np.ones(1), np.zeros((1, 1)), np.full(grid.n_shells, v), 1.0, 0.1)
            totals.append(log_likelihood_total(estimator, model, ensemble))
        self.assertEqual(int(np.argmax(totals)), 1)


if __name__ == "__main__":
    unittest.main()
