"""Curvature in the basis of smooth fields against the dense Jacobian, with and without poses to follow."""

import unittest

import numpy as np

from gmmhet.engine.subspace.curvature import curvature_sums
from gmmhet.engine.subspace.estimator_spec import EstimatorSpec
from gmmhet.engine.subspace.m_step import update_modes
from gmmhet.engine.subspace.passes import SubspaceEstimator
from gmmhet.engine.subspace.pose_spread import PoseSpread
from gmmhet.engine.subspace.smooth_fields import FieldBasis, smooth_basis
from gmmhet.engine.subspace.state import Posteriors, SubspaceModel, Sums
from gmmhet.tests.support.scene import Dense, Scene, float32

_SPREAD = PoseSpread(1.0, np.deg2rad(2.0), np.deg2rad(3.0))


def _random_state(scene: Scene, poses: int, rng: np.random.Generator) -> np.ndarray:
    deviation = _SPREAD.precision ** -0.5
    return np.column_stack([rng.normal(size=(scene.n, scene.modes)) * 0.5, (rng.normal(size=(scene.n, 5)) * deviation)[
        :, :poses], rng.uniform(0.8, 1.2, scene.n)])


def _followed(dense: Dense, i: int, t: np.ndarray) -> np.ndarray:
    """[pixels, pixels] what is left of a change once pose and contrast have followed half way; explicitly."""
    rest = dense.columns(i, t)[:, dense.scene.modes:]
    precision = dense.precision[dense.scene.modes:, dense.scene.modes:]
    return np.eye(len(rest)) - 0.5 * rest @ np.linalg.solve(rest.T @ rest + precision, rest.T)


class TestCurvatureSums(unittest.TestCase):
    def test_matches_the_dense_jacobian_of_all_components(self) -> None:
        for poses in (0, 5):
            scene = Scene(n=3, groups=2)
            scalar = smooth_basis(scene.centers, 6.0)
            rng = np.random.default_rng(1)
            t, moments = _random_state(scene, poses, rng), rng.uniform(0.5, 2, (scene.n, 3))
            noise = rng.uniform(80, 300, (2, scene.grid.n_shells))
            dense = Dense(scene, noise, poses=poses, precision=np.eye(2), pose_precision=_SPREAD.precision, mean=1.0,
                          deviation=0.2)
            point = dense.point(t, is_particle=float32([1.0, 1.0, 0.0]))
            got = curvature_sums(point, dense.tensors(), scalar, float32(moments)).numpy()
            size = 6 * scalar.shape[1]
            expected = np.zeros((3, size, size))
            for i in range(2):  # the third only fills the batch up
                by_gaussian = dense.by_gaussian(i, t[i])
                # a mode changes weights in proportion to the consensus' weight, not to that of the conformation
                by_gaussian = np.concatenate([by_gaussian, by_gaussian[..., 3:4]], axis=-1)  # the consensus' do that
                by_gaussian[..., 3] /= 1 + t[i, :2] @ scene.amplitude
                jacobian = np.einsum("pja,jr->par", by_gaussian, scalar).reshape(-1, size)
                gram = jacobian.T @ _followed(dense, i, t[i]) @ jacobian
                expected += moments[i][:, None, None] * gram
            sizes = np.sqrt(np.diagonal(expected, axis1=1, axis2=2))
            relative = (got - expected) / (sizes[:, :, None] * sizes[:, None, :])
            np.testing.assert_allclose(relative, 0, atol=5e-4)  # of float32 images; the rest cancels where poses follow


class TestStep(unittest.TestCase):
    """update_modes against the same equations solved with dense Jacobians."""

    def test_solves_the_equations_of_modes_and_consensus_together(self) -> None:
        scene = Scene(n=5, groups=2, modes=2)
        rng = np.random.default_rng(6)
        scalar = smooth_basis(scene.centers, 12.0)
        basis = FieldBasis.of(scalar, position=2.0, amplitude=0.2)
        consensus = FieldBasis.of(scalar, position=1.0, amplitude=0.1, width=0.2)
        coefficients = rng.normal(size=(2, basis.size)) * 0.2
        fields = basis.fields(coefficients)
        scene.position, scene.amplitude = fields[..., :3], fields[..., 3]
        noise = rng.uniform(80, 300, (2, scene.grid.n_shells))
        relevance = np.array([[0.5, 2.0], [3.0, 0.2]])
        model = SubspaceModel(scene.centers, scene.weights, scene.sigmas**2, coefficients, noise, 1.0, 0.2, _SPREAD,
                              relevance)
        t = _random_state(scene, 5, rng)
        roots = rng.normal(size=(5, 2, 2)) * 0.3
        posteriors = Posteriors(np.arange(5), t[:, :2], t[:, 2:7], t[:, 7], roots @ roots.transpose(0, 2, 1))
        gradient = 0.4 * rng.normal(size=(3, scene.gaussians, 5)) * np.array([1, 1, 1, 10, 10])
        sums = Sums(gradient, np.zeros(noise.shape), np.array([3.0, 2.0]))
        estimator = SubspaceEstimator(EstimatorSpec(scene.cache, scene.observer, basis, consensus, batch_size=8))
        curvature = estimator.curvature(model, posteriors)
        new, remaining, promised, of_prior = update_modes(estimator.spec, model, 5, sums, curvature, damping=0.5)

        dense = Dense(scene, noise, poses=5, precision=np.eye(2), pose_precision=_SPREAD.precision, mean=1.0,
                      deviation=0.2)
        size, own = consensus.size, basis.size
        hessian = np.zeros((2 * own + size, 2 * own + size))
        for i in range(5):
            by_gaussian = dense.by_gaussian(i, t[i])
            by_consensus = np.einsum("pja,rja->pr", by_gaussian, consensus.fields(np.eye(size)))
            by_gaussian[..., 3] /= 1 + t[i, :2] @ scene.amplitude
            by_mode = np.einsum("pja,rja->pr", by_gaussian, basis.fields(np.eye(own)))
            left = _followed(dense, i, t[i])
            whole = np.hstack([t[i, 0] * by_mode, t[i, 1] * by_mode, by_consensus])
            hessian += whole.T @ left @ whole
            hessian[:2 * own, :2 * own] += np.kron(posteriors.covariance[i], by_mode.T @ left @ by_mode)
        kinds = [3 * scalar.shape[1], scalar.shape[1]]  # coefficients that displace, and that change weights
        prior = np.concatenate([np.repeat(of_mode, kinds) for of_mode in relevance])
        right = np.concatenate([np.einsum("kja,rja->kr", gradient[:2], basis.fields(np.eye(own))).ravel()
                                - coefficients.ravel() / prior,
                                np.einsum("ja,rja->r", gradient[2], consensus.fields(np.eye(size)))])
        precision = np.diag(np.append(1 / prior, np.ones(size)))
        step = np.linalg.solve(1.5 * hessian + precision, right)
        np.testing.assert_allclose((new.coefficients - coefficients).ravel(), step[:2 * own],
                                   atol=5e-3 * np.abs(step).max())
        change = consensus.fields(step[2 * own:])
        np.testing.assert_allclose(new.centers - scene.centers, change[:, :3], atol=5e-3 * np.abs(change[:, :3]).max())
        np.testing.assert_allclose(new.weights / scene.weights - 1, change[:, 3],
                                   atol=5e-3 * np.abs(change[:, 3]).max())
        np.testing.assert_allclose(np.log(new.variances / scene.sigmas**2), change[:, 4],
                                   atol=5e-3 * np.abs(change[:, 4]).max())
        self.assertAlmostEqual(remaining, np.sqrt(right @ step / len(right)), delta=1e-3 * remaining)
        whole = right @ step - 0.5 * step @ (1.5 * hessian + precision) @ step
        self.assertAlmostEqual(promised, whole / 5, delta=1e-2 * abs(whole))
        before, after = (np.sum(u.ravel() ** 2 / prior) / 2 for u in (coefficients, new.coefficients))
        self.assertAlmostEqual(of_prior, (before - after) / 5)
        variances = np.diag(np.linalg.inv(hessian + precision))[:2 * own].reshape(2, own)
        for k, kind in np.ndindex(2, 2):
            at = np.repeat([0, 1], kinds) == kind
            determined = np.sum(1 - variances[k, at] / relevance[k, kind])
            told = relevance[k, kind] * np.clip(
                np.sum(new.coefficients[k, at] ** 2) / max(determined, 0.02 * at.sum()) / relevance[k, kind], 0.1, 10)
            self.assertAlmostEqual(new.relevance[k, kind] / told, 1.0, delta=0.03)
        alone, *_ = update_modes(estimator.spec, model, 5, sums, curvature, damping=0.5, modes=False)
        np.testing.assert_array_equal(alone.coefficients, coefficients)
        np.testing.assert_array_equal(alone.relevance, relevance)
        self.assertGreater(np.abs(alone.centers - scene.centers).max(), 1e-4)


if __name__ == "__main__":
    unittest.main()
