"""Smooth fields: prior covariance, adjoint, interpolation beyond the exact size, and fields without some directions."""

import unittest

import numpy as np

from gmmhet.engine.analysis.estimators import bases, prior_sizes
from gmmhet.engine.config import AnalyzeConfig
from gmmhet.engine.molecule.rigid_fields import rigid_fields, scaling_field
from gmmhet.engine.subspace.smooth_fields import FieldBasis, smooth_basis
from gmmhet.engine.subspace.state import SubspaceModel


class TestSmoothBasis(unittest.TestCase):
    def test_reproduces_the_prior_covariance(self) -> None:
        centers = np.random.default_rng(0).normal(size=(60, 3)) * 20
        basis = smooth_basis(centers, 25.0, share=0.9999)
        kernel = np.exp(-0.5 * ((centers[:, None] - centers) ** 2).sum(-1) / 25.0**2)
        np.testing.assert_allclose(basis @ basis.T, kernel, atol=0.02)
        self.assertLess(basis.shape[1], 60)

    def test_a_basis_that_is_cut_is_told(self) -> None:
        rng = np.random.default_rng(2)
        centers = rng.normal(size=(2500, 3))
        centers *= 110 * rng.uniform(size=(2500, 1)) ** (1 / 3) / np.linalg.norm(centers, axis=1, keepdims=True)
        with self.assertLogs("gmmhet", "WARNING") as logs:
            basis, _, length = bases(centers, np.ones(2500, bool), AnalyzeConfig(), 10.0)
        kept = (basis.scalar**2).sum(1).mean()
        self.assertEqual(length, 20.0)
        self.assertIn(f"over 2500 Gaussians hold {100 * kept:.0f} %", logs.output[0])
        with self.assertNoLogs("gmmhet", "WARNING"):
            bases(centers, np.ones(2500, bool), AnalyzeConfig(), 40.0)
            longer, _, _ = bases(centers, np.ones(2500, bool), AnalyzeConfig(smoothness=80.0), 10.0)
        kernel = np.exp(-0.5 * ((centers[:40, None] - centers[:40]) ** 2).sum(-1) / 80.0**2)
        np.testing.assert_allclose(longer.scalar[:40] @ longer.scalar[:40].T, kernel, atol=0.03)

    def test_fields_are_as_fine_as_so_few_can_be(self) -> None:
        rng = np.random.default_rng(3)
        directions = rng.normal(size=(1000, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        for radius, expected in ((50, 4 / 3), (67, 5 / 3), (78, 2)):
            centers = radius * rng.uniform(size=(1000, 1)) ** (1 / 3) * directions
            with self.assertNoLogs("gmmhet", "WARNING"):
                basis, _, length = bases(centers, np.ones(1000, bool), AnalyzeConfig(), 10.0)
            self.assertAlmostEqual(length, expected * 10.0)
            self.assertGreater((basis.scalar**2).sum(1).mean(), 0.95)

    def test_interpolation_from_a_subset_reproduces_it_too(self) -> None:
        centers = np.random.default_rng(1).normal(size=(1800, 3)) * 20
        basis = smooth_basis(centers, 40.0, share=0.9999)
        rows = np.arange(0, 1800, 40)
        kernel = np.exp(-0.5 * ((centers[rows, None] - centers[rows]) ** 2).sum(-1) / 40.0**2)
        np.testing.assert_allclose(basis[rows] @ basis[rows].T, kernel, atol=0.03)


class TestPriorSizes(unittest.TestCase):

    def test_are_root_mean_squares_over_draws(self) -> None:
        rng = np.random.default_rng(4)
        centers = rng.normal(size=(40, 3)) * 15
        basis, _, _ = bases(centers, np.ones(40, bool), AnalyzeConfig(smoothness=20.0), 10.0)
        relevance = np.array([[0.25, 4.0], [9.0, 0.01]])
        model = SubspaceModel(centers, np.ones(40), np.ones(40), np.zeros((2, basis.size)), np.ones((1, 2)), 1.0, 0.1,
                              relevance=relevance)
        deviation = np.sqrt(relevance[:, basis.changes_weights.astype(int)])
        fields = basis.fields(rng.normal(size=(400, *deviation.shape)) * deviation)
        sizes = np.sqrt(np.stack([(fields[..., :3] ** 2).sum(-1), fields[..., 3] ** 2], axis=-1).mean((0, 2)))
        np.testing.assert_allclose(prior_sizes(model, AnalyzeConfig()), sizes, rtol=0.1)
        np.testing.assert_array_equal(prior_sizes(model, AnalyzeConfig(occupancy=False))[:, 1], 0.0)


class TestFieldBasis(unittest.TestCase):
    def setUp(self) -> None:
        self.rng = np.random.default_rng(2)
        self.centers = self.rng.normal(size=(30, 3)) * 10
        self.scalar = smooth_basis(self.centers, 12.0)
        self.weights = self.rng.uniform(0.5, 2, 30)

    def test_adjoint_is_the_transpose(self) -> None:
        for parts in ((4.0, 0.3, 0.5), (4.0, 0.0, 0.0), (0.0, 0.3, 0.0), (0.0, 0.0, 0.5)):
            basis = FieldBasis.of(self.scalar, position=parts[0], amplitude=parts[1], width=parts[2])
            components = np.repeat(np.array(parts) > 0, [3, 1, 1])
            self.assertEqual(basis.size, components.sum() * self.scalar.shape[1])
            u, g = self.rng.normal(size=(2, basis.size)), self.rng.normal(size=(2, 30, 5))
            fields = basis.fields(u)
            np.testing.assert_allclose(np.einsum("kja,kja->k", fields, g), np.einsum("kr,kr->k", u, basis.adjoint(g)))
            np.testing.assert_array_equal(np.any(fields, axis=(0, 1)), components)

    def test_unit_coefficients_have_the_stated_prior_size(self) -> None:
        """Variance of every component of the fields of u ~ N(0, 1), in closed form: the sum of squares of the basis."""
        basis = FieldBasis.of(self.scalar, position=4.0, amplitude=0.3, width=0.5)
        variance = (basis.fields(np.eye(basis.size)) ** 2).sum(0)
        np.testing.assert_allclose(variance, np.tile([16.0, 16.0, 16.0, 0.09, 0.25], (30, 1)), rtol=0.1)

    def test_complement_is_orthogonal_in_the_weighted_inner_product(self) -> None:
        basis = FieldBasis.of(self.scalar, position=4.0, amplitude=0.3)
        away = np.concatenate([rigid_fields(self.centers, self.weights), scaling_field(30)])
        coefficients = basis.complement(away, self.weights)
        self.assertEqual(coefficients.shape, (basis.size, basis.size - 7))
        np.testing.assert_allclose(coefficients.T @ coefficients, np.eye(basis.size - 7), atol=1e-10)
        rest = basis.mixed(coefficients)
        fields = rest.fields(self.rng.normal(size=(5, rest.size)))
        products = np.einsum("fja,j,kja->fk", away, self.weights, fields)
        sizes = np.sqrt(np.einsum("kja,j->k", fields**2, self.weights))
        np.testing.assert_allclose(products / sizes, 0, atol=1e-9)
        # what is orthogonal already stays: nothing else is lost
        np.testing.assert_allclose(rest.mixing @ rest.mixing.T + basis.mixing @ (np.eye(basis.size) - coefficients
                                   @ coefficients.T) @ basis.mixing.T, basis.mixing @ basis.mixing.T, atol=1e-9)

    def test_fields_told_twice_are_left_out_once(self) -> None:
        basis = FieldBasis.of(self.scalar, position=4.0)
        rigid = rigid_fields(self.centers, self.weights)
        twice = basis.complement(np.concatenate([rigid, 2 * rigid, np.zeros((1, 30, 5))]), self.weights)
        self.assertEqual(twice.shape[1], basis.size - 6)

    def test_coefficients_of_a_field_of_the_basis_give_it_back(self) -> None:
        basis = FieldBasis.of(self.scalar, position=4.0, amplitude=0.3)
        field = basis.fields(self.rng.normal(size=basis.size))
        again = basis.fields(basis.coefficients_of(field, self.weights))
        np.testing.assert_allclose(again, field, atol=0.02 * np.abs(field).max())

    def test_two_bases_side_by_side_keep_their_fields(self) -> None:
        first = FieldBasis.of(self.scalar, position=4.0)
        second = FieldBasis.of(smooth_basis(self.centers, 30.0), position=2.0, amplitude=0.2, width=0.1)
        for before, after in zip((first, second), FieldBasis.side_by_side(first, second), strict=True):
            u = self.rng.normal(size=before.size)
            np.testing.assert_allclose(after.fields(u), before.fields(u), atol=1e-12)
            g = self.rng.normal(size=(30, 5))
            np.testing.assert_allclose(after.adjoint(g), before.adjoint(g), atol=1e-10)


if __name__ == "__main__":
    unittest.main()
