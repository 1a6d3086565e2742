"""Copies of a unit with coordinates of their own, against the same molecule as one with a mode for every copy."""

import unittest
from dataclasses import replace
from typing import Any

import numpy as np

from gmmhet.engine.imaging.image_model import Observer
from gmmhet.engine.molecule.rigid_fields import rigid_fields
from gmmhet.engine.molecule.symmetry import rotation_matrices
from gmmhet.engine.subspace.decoder import View
from gmmhet.engine.subspace.estimator_spec import EstimatorSpec
from gmmhet.engine.subspace.evaluation import State
from gmmhet.engine.subspace.m_step import normalise
from gmmhet.engine.subspace.passes import SubspaceEstimator
from gmmhet.engine.subspace.pose_spread import PoseSpread
from gmmhet.engine.subspace.smooth_fields import FieldBasis, smooth_basis
from gmmhet.engine.subspace.state import Posteriors, SubspaceModel, Sums
from gmmhet.engine.subspace.subunit_decoder import SubunitModes
from gmmhet.engine.subspace.subunits import (
    SubunitModel,
    over_the_group,
    symmetric_fields,
)
from gmmhet.engine.subspace.tied_curvature import tied_curvature
from gmmhet.tests.support.scene import Dense, Scene, float32

_GROUP = rotation_matrices("C3")
_MODES = 2


def _whole(rng: np.random.Generator, scene: Scene, motion: float = 0.5) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """A unit of 4 Gaussians with two modes; the scene becomes its three copies, with six modes."""
    centers, weights = rng.normal(size=(4, 3)) * 4 + (10, 0, 0), rng.uniform(0.5, 1.5, 4) * 1e3
    sigmas = rng.uniform(2.5, 4, 4)
    position, amplitude = rng.normal(size=(_MODES, 4, 3)) * motion, rng.normal(size=(_MODES, 4)) * 0.2 * motion
    scene.centers = np.einsum("gab,jb->gja", _GROUP, centers).reshape(-1, 3)
    scene.weights, scene.sigmas = np.tile(weights, 3), np.tile(sigmas, 3)
    scene.position, scene.amplitude = np.zeros((6, 12, 3)), np.zeros((6, 12))
    for g, rotation in enumerate(_GROUP):
        own = slice(4 * g, 4 * g + 4)
        for k in range(_MODES):
            scene.position[2 * g + k, own] = position[k] @ rotation.T
            scene.amplitude[2 * g + k, own] = amplitude[k]
    scene.modes = 6
    return (centers, weights, sigmas**2, position, amplitude, _GROUP), sigmas


class TestSubunitModes(unittest.TestCase):
    def setUp(self) -> None:
        rng = np.random.default_rng(4)
        self.scene = Scene(n=3, gaussians=12)
        parts, _ = _whole(rng, self.scene)
        self.modes, self.whole = SubunitModes(*(float32(a) for a in parts)), self.scene.linear_modes
        self.z = float32(rng.normal(size=(3, 6)))
        self.seen = View.of(self.whole, self.scene.observer, self.scene.batch, self.z)
        size = self.scene.grid.size
        self.cotangents = float32(rng.normal(size=(3, 6, 2, 2, size, size)))

    def same(self, got: object, expected: np.ndarray) -> None:
        expected = np.asarray(expected)
        np.testing.assert_allclose(got, expected, atol=3e-5 * np.abs(expected).max())

    def test_gaussians(self) -> None:
        for got, expected in zip(self.modes.gaussians(self.z), (self.seen.centers, self.seen.weights), strict=True):
            self.same(got, expected)
        for name in ("centers", "weights", "variances"):
            self.same(getattr(self.modes, name), getattr(self.whole, name))

    def test_jacobian_matches_finite_differences(self) -> None:
        got = self.modes.jacobian(self.seen).numpy()
        z = self.z.numpy().astype(float)
        for i in range(3):
            for d, unit in enumerate(np.eye(6)):
                ends = [self.scene.project(i, *self.scene.conformation(z[i] + s * unit), self.scene.sigmas**2)
                        for s in (1e-4, -1e-4)]
                slope = (ends[0] - ends[1]) / 2e-4
                self.same(got[i, d], np.stack([slope.real, slope.imag]))

    def turned_back(self, fields: np.ndarray, g: int) -> np.ndarray:
        """Of fields [..., 12, 5] those of copy g, turned to the first."""
        own = fields[..., 4 * g:4 * g + 4, :].copy()
        own[..., :3] = own[..., :3] @ _GROUP[g]
        return own

    def test_gradients_are_those_of_the_whole_summed_over_the_copies(self) -> None:
        own = self.modes.consensus_gradient(self.seen, self.cotangents[:, 0])
        dense = self.whole.consensus_gradient(self.seen, self.cotangents[:, 0])
        expected = sum(self.turned_back(dense.numpy(), g) for g in range(3)).sum(0)
        self.same(own.numpy().sum(0), expected)
        got = self.modes.mode_gradient(self.seen, self.cotangents, self.z, own)
        dense = self.whole.mode_gradient(self.seen, self.cotangents, self.z, dense).numpy()
        expected = sum(self.turned_back(dense[2 * g:2 * g + 2], g) for g in range(3))
        self.same(got, expected)

    def test_tied_curvature_matches_the_dense_jacobian(self) -> None:
        rng = np.random.default_rng(7)
        scalar = smooth_basis(self.scene.centers[:4], 6.0)
        amounts = rng.normal(size=(3, 3, 3))  # [n, M, G]
        t = np.column_stack([self.z.numpy() * 0.3, rng.normal(size=(3, 5)) * 0.02, rng.uniform(0.8, 1.2, 3)])
        pose_precision = np.repeat([1.0, 800.0, 400.0], [2, 2, 1])
        noise = rng.uniform(80, 300, (1, self.scene.grid.n_shells))
        dense = Dense(self.scene, noise, poses=5, precision=np.eye(6), pose_precision=pose_precision, mean=1.0,
                      deviation=0.2)
        point = dense.point(t, self.modes, is_particle=float32([1.0, 1.0, 0.0]))
        got = tied_curvature(point, dense.tensors(self.modes), self.modes, scalar, float32(amounts)).numpy()
        expected = np.zeros(got.shape)
        for i in range(2):  # the third only fills the batch up
            by_gaussian = dense.by_gaussian(i, t[i])
            by_modes = by_gaussian.copy()  # in proportion to the consensus' weight, not to that of the conformation
            by_modes[..., 3] /= 1 + t[i, :6] @ self.scene.amplitude
            columns = [np.einsum("mg,gpja,jr->pmar", shares, np.stack([self.turned_back(by, g) for g in range(3)]),
                                 scalar) for shares, by in ((amounts[i, :2], by_modes), (amounts[i, 2:], by_gaussian))]
            columns = np.concatenate(columns, axis=1).reshape(len(by_gaussian), -1)
            rest = dense.columns(i, t[i])[:, 6:]
            inner = rest.T @ rest + dense.precision[6:, 6:]
            followed = columns - 0.5 * rest @ np.linalg.solve(inner, rest.T @ columns)  # half, see curvature_sums
            expected += columns.T @ followed
        size = np.sqrt(np.diag(expected))
        np.testing.assert_allclose((got - expected) / np.outer(size, size), 0, atol=5e-4)


class TestPasses(unittest.TestCase):
    """Of the estimator of subunits against that of the whole molecule with a mode for every copy."""

    def setUp(self) -> None:
        rng = np.random.default_rng(9)
        self.scene = scene = Scene(n=6, gaussians=12)
        self.scene.group = np.zeros(6, np.int64)
        parts = _whole(rng, scene, motion=0.15)[0]
        for i in range(6):  # particles that the model explains, so that steps are no longer than the model is linear
            scene.planes[i] = scene.image(i, rng.normal(size=6), rng.normal(size=5) * 0.01) + scene.planes[i] * 0.2
        scene.observer = Observer(scene.grid, scene.sigmas, scene.pixel**3)
        unit_scalar = smooth_basis(parts[0], 4.0)
        basis = FieldBasis.of(unit_scalar, position=1.0, amplitude=0.2)
        fields = np.concatenate([parts[3], parts[4][..., None], np.zeros((_MODES, 4, 1))], axis=-1)
        coefficients = np.stack([basis.coefficients_of(f, np.ones(4)) for f in fields])
        noise, spread = np.full((1, scene.grid.n_shells), 20.0), PoseSpread(0.5, 0.03, 0.03)
        options: Any = {"batch_size": 4, "seed": 3}
        self.units = SubspaceEstimator(EstimatorSpec(scene.cache, scene.observer, basis, basis, **options))
        self.model = SubunitModel(*parts[:3], coefficients, noise, 1.0, 0.2, spread, prior=np.eye(6), rotations=_GROUP)
        whole = FieldBasis.of(np.eye(12), position=1.0, amplitude=1.0)
        self.whole = SubspaceEstimator(EstimatorSpec(scene.cache, scene.observer, whole, whole, **options))
        dense = np.concatenate([scene.position, scene.amplitude[..., None]], axis=-1)
        self.dense = SubspaceModel(scene.centers, scene.weights, scene.sigmas**2,
                                   dense.swapaxes(1, 2).reshape(6, -1), noise, 1.0, 0.2, spread)

    def passed(self, estimator: SubspaceEstimator, model: SubspaceModel) -> tuple[Posteriors, Sums]:
        return estimator.pass_over(model, Posteriors.blank(np.arange(6), model), gradient=True, label="test")

    def test_posterior_and_gradient(self) -> None:
        (got, sums), (expected, dense) = self.passed(self.units, self.model), self.passed(self.whole, self.dense)
        for name in ("z", "pose", "contrast", "mean_covariance", "log_likelihood", "information"):
            values = getattr(expected, name)
            np.testing.assert_allclose(getattr(got, name), values, atol=2e-3 * np.abs(values).max(), err_msg=name)
        np.testing.assert_allclose(expected.mean_covariance, expected.covariance.mean(0), atol=1e-6)
        self.kept(got, expected.covariance)
        turned = dense.gradient.reshape(7, 3, 4, 5)
        turned = np.concatenate([np.einsum("gba,kgjb->kgja", _GROUP, turned[..., :3]), turned[..., 3:]], axis=-1)
        tied = [sum(turned[2 * g + k, g] for g in range(3)) for k in range(_MODES)] + [turned[6].sum(0)]
        for k in range(3):
            np.testing.assert_allclose(sums.gradient[k], tied[k], atol=5e-3 * np.abs(tied[k]).max())

    def kept(self, got: Posteriors, covariance: np.ndarray) -> None:
        """Blocks of the copies, and the covariance of the mean over copies: A M A^T with A = [1 1 1] / 3."""
        split = covariance.reshape(6, 3, _MODES, 3, _MODES)
        mean = np.kron(np.ones((1, 3)) / 3, np.eye(_MODES))
        for g in range(3):
            np.testing.assert_allclose(got.covariance[:, g], split[:, g, :, g], atol=2e-3 * covariance.max())
        np.testing.assert_allclose(got.covariance[:, 3], mean @ covariance @ mean.T, atol=2e-3 * covariance.max())

    def test_prior_ties_the_coordinates(self) -> None:
        """Against the posterior mean of linear equations solved by hand: information I and prior C."""
        prior = over_the_group(np.cov(np.random.default_rng(1).normal(size=(6, 9))) + 0.3, _GROUP)
        plain = self.passed(self.whole, self.dense)[0]
        tied = self.passed(self.units, replace(self.model, prior=prior))[0]
        information = np.linalg.inv(plain.covariance) - np.eye(6)
        expected = np.linalg.inv(information + np.linalg.inv(prior))
        self.kept(tied, expected)
        np.testing.assert_allclose(tied.mean_covariance, expected.mean(0), atol=2e-3 * np.abs(expected).max())

    def test_normalised_coordinates_of_all_copies_have_unit_variance(self) -> None:
        posteriors, sums = self.passed(self.units, self.model)
        model, turned, _ = normalise(self.units.spec, self.model, posteriors, sums)
        z = turned.z.reshape(-1, _MODES)
        blocks = turned.covariance[:, :3].mean((0, 1))
        mean = np.einsum("gkgl->kl", turned.mean_covariance.reshape(3, _MODES, 3, _MODES)) / 3
        np.testing.assert_allclose(mean, blocks, atol=1e-6)
        np.testing.assert_allclose(z.T @ z / len(z) + blocks, np.eye(_MODES), atol=1e-6)
        np.testing.assert_allclose(z.mean(0), 0, atol=1e-9)
        self.assertEqual(model.prior.shape, (6, 6))
        diagonal = np.einsum("gkgl->kl", model.prior.reshape(3, _MODES, 3, _MODES)) / 3
        np.testing.assert_allclose(diagonal, np.eye(_MODES), atol=0.05)  # but for its smallest eigenvalue
        before, after = (m.decoder(self.units.spec.basis).gaussians(float32(e.z))[0].numpy() for m, e in (
            (self.model, posteriors), (model, turned)))
        np.testing.assert_allclose(after, before, atol=1e-4)

    def test_gradients_of_all_copies_are_samples(self) -> None:
        posteriors = Posteriors.blank(np.arange(6), self.model)
        got = self.units.gradient_covariance(self.model, posteriors)
        batch = self.scene.batch
        state = State(float32(posteriors.z), float32(posteriors.pose), float32(posteriors.contrast))
        whole = Posteriors.blank(np.arange(6), self.dense)
        tensors = self.whole.spec.tensors(self.dense)
        fields = self.whole.spec.compiled.statistics(batch, tensors, state._replace(z=float32(whole.z))).numpy()
        samples = []
        for field in fields:
            for g in range(3):
                own = field[4 * g:4 * g + 4].astype(float)
                own[:, :3] = own[:, :3] @ _GROUP[g]
                samples.append(self.units.spec.basis.adjoint(own))
        np.testing.assert_allclose(got, np.cov(np.array(samples).T, bias=True), atol=1e-3 * np.abs(got).max())

    def test_fewer_and_more_modes_keep_what_is_known(self) -> None:
        prior = over_the_group(np.cov(np.random.default_rng(2).normal(size=(6, 9))), _GROUP)
        model = replace(self.model, prior=prior)
        one_mode = model.with_coefficients(model.coefficients[:1])
        np.testing.assert_array_equal(one_mode.prior, prior[::2, ::2])
        more = one_mode.with_coefficients(model.coefficients).prior
        np.testing.assert_array_equal(more[::2, ::2], prior[::2, ::2])
        np.testing.assert_array_equal(more[1::2, 1::2], np.eye(3))
        np.testing.assert_array_equal(more[::2, 1::2], 0)


class TestGroup(unittest.TestCase):
    def test_covariance_is_averaged_over_the_group(self) -> None:
        """Against coordinates [n, G, K] whose copies are renamed by every element; D3's elements do not commute."""
        rotations = rotation_matrices("D3")
        z = np.random.default_rng(0).normal(size=(20, 6, 2))
        expected = np.zeros((12, 12))
        for element in rotations:
            renamed = np.empty_like(z)
            for g, rotation in enumerate(rotations):
                target = int(np.argmin([np.abs(element @ rotation - r).max() for r in rotations]))
                renamed[:, target] = z[:, g]
            flat = renamed.reshape(20, 12)
            expected += flat.T @ flat / 20 / 6
        flat = z.reshape(20, 12)
        got = over_the_group(flat.T @ flat / 20, rotations)
        np.testing.assert_allclose(got, expected, atol=1e-12)
        np.testing.assert_allclose(over_the_group(got, rotations), got, atol=1e-12)

    def test_rigid_movements_that_keep_the_symmetry(self) -> None:
        """A shift along the axis and a turn about it for C3; none for D3."""
        rng = np.random.default_rng(3)
        unit = rng.normal(size=(5, 3)) * 5 + (15, 4, 2)
        for name, count in (("C3", 2), ("D3", 0), ("C1", 6)):
            group = rotation_matrices(name)
            whole = np.einsum("gab,jb->gja", group, unit).reshape(-1, 3)
            found = symmetric_fields(rigid_fields(whole, np.ones(len(whole))), group)
            self.assertEqual(len(found), count)
            if name == "C3":
                np.testing.assert_allclose(found[0, :, :3], np.tile([0, 0, 1], (5, 1)), atol=1e-9)
                np.testing.assert_allclose(found[1, :, :3], np.cross([0, 0, 1], unit), atol=1e-9)


if __name__ == "__main__":
    unittest.main()
