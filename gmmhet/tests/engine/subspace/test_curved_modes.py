"""The decoder along curves against slow formulae, and whole fits of planted curves."""

import unittest

import numpy as np
import tensorflow as tf

from gmmhet.engine.analysis.curve_starts import CurveKind, started
from gmmhet.engine.molecule.curves import CIRCUMFERENCE, Curves
from gmmhet.engine.subspace.curved_modes import CurvedCurvature, CurvedModes
from gmmhet.engine.subspace.decoder import View
from gmmhet.engine.subspace.em import Fit, FitOptions, fit_subspace, infer
from gmmhet.engine.subspace.estimator_spec import EstimatorSpec
from gmmhet.engine.subspace.half_set_agreement import circle_agreement
from gmmhet.engine.subspace.likelihoods import log_likelihood_total
from gmmhet.engine.subspace.passes import SubspaceEstimator
from gmmhet.engine.subspace.smooth_fields import FieldBasis, smooth_basis
from gmmhet.engine.subspace.state import SubspaceModel
from gmmhet.tests.support.scene import Scene, float32

_CURVES = Curves((False, True))


class TestDecoder(unittest.TestCase):
    """A line and a circle: 13 fields."""

    def setUp(self) -> None:
        rng = np.random.default_rng(2)
        self.scene = Scene(n=3, gaussians=5, modes=_CURVES.size, motion=0.2)
        self.z = rng.normal(size=(3, 2))
        self.decoder = CurvedModes(self.scene.linear_modes, _CURVES.periodic)
        self.view = View.of(self.decoder, self.scene.observer, self.scene.batch, float32(self.z))
        size = self.scene.grid.size
        self.cotangents = rng.normal(size=(3, 2, 2, 2, size, size))

    def image(self, i: int, z: np.ndarray) -> np.ndarray:
        value = self.scene.project(i, *self.scene.conformation(_CURVES.amounts(z)))
        return np.stack([value.real, value.imag])

    def test_jacobian_matches_finite_differences(self) -> None:
        got = self.decoder.jacobian(self.view)
        for i in range(3):
            for k, unit in enumerate(np.eye(2)):
                slope = (self.image(i, self.z[i] + 1e-4 * unit) - self.image(i, self.z[i] - 1e-4 * unit)) / 2e-4
                np.testing.assert_allclose(got[i, k], slope, atol=2e-4 * np.abs(slope).max())

    def test_mode_gradient_is_that_of_the_jacobian(self) -> None:
        """The cotangents' part: sum c_k . dJ_k for a change of the fields, J_k being linear in them."""
        nothing = float32(np.zeros((3, 5, 6)))
        got = self.decoder.mode_gradient(self.view, float32(self.cotangents), float32(self.z), nothing).numpy()
        self.assertEqual(got.shape, (_CURVES.size, 5, 5))
        rng = np.random.default_rng(3)
        change, amount = rng.normal(size=(_CURVES.size, 5, 3)), rng.normal(size=(_CURVES.size, 5))
        moved = self.scene.linear_modes._replace(position=float32(change), amplitude=float32(amount))
        along = np.sum(CurvedModes(moved, _CURVES.periodic).jacobian(self.view).numpy() * self.cotangents)
        self.assertAlmostEqual((np.sum(got[..., :3] * change) + np.sum(got[..., 3] * amount)) / along, 1.0, places=4)

    def test_own_part_of_mode_gradient(self) -> None:
        own = np.random.default_rng(4).normal(size=(3, 5, 6))
        zero = tf.zeros_like(float32(self.cotangents))
        got = self.decoder.mode_gradient(self.view, zero, float32(self.z), float32(own)).numpy()
        want = np.einsum("nm,nja->mja", _CURVES.amounts(self.z), own[..., [0, 1, 2, 5]])
        np.testing.assert_allclose(got[..., :4], want, atol=1e-4)


class TestSquares(unittest.TestCase):
    def test_they_are_those_of_draws(self) -> None:
        z, covariance = np.array([[0.7, 0.3]]), np.array([[[0.05, 0.01], [0.01, 0.02]]])
        rule = CurvedCurvature(_CURVES.size, _CURVES.periodic)
        rng = np.random.default_rng(0)
        draws = rng.multivariate_normal(z[0], covariance[0], 400_000)
        want = (_CURVES.amounts(draws) ** 2).mean(0)
        np.testing.assert_allclose(rule.squares(z, covariance)[0], [*want, 1.0], atol=0.02)


class TestWholeFit(unittest.TestCase):
    """A part that turns by any angle, and one that moves along a straight line."""

    def scene_of(self, amounts: np.ndarray, position: np.ndarray, seed: int) -> tuple[SubspaceEstimator, SubspaceModel]:
        scene = Scene(n=len(amounts), gaussians=16, modes=position.shape[0], seed=8)
        scene.position, scene.amplitude = position, np.zeros(position.shape[:2])
        rng, noise = np.random.default_rng(seed), np.full((1, scene.grid.n_shells), 60.0)
        for i, t in enumerate(amounts):
            deviation = np.sqrt(noise[0][scene.grid.clipped_shell])
            scene.planes[i] = scene.image(i, t) + rng.normal(size=scene.planes[i].shape) * deviation
        scalar = smooth_basis(scene.centers, 10.0)
        largest = scalar[np.abs(scalar).argmax(0), np.arange(scalar.shape[1])]
        basis = FieldBasis.of(scalar * np.sign(largest), position=4.0, amplitude=0.3)  # the same on every processor
        estimator = SubspaceEstimator(EstimatorSpec(scene.cache, scene.observer, basis, basis, batch_size=48))
        model = SubspaceModel(scene.centers, scene.weights, scene.sigmas**2, np.zeros((1, basis.size)), noise, 1.0, 0.1)
        return estimator, model

    def straight(self, estimator: SubspaceEstimator, model: SubspaceModel, modes: int, n: int) -> tuple[Fit, float]:
        still = infer(estimator, model, np.arange(n), steps=2)
        reference = log_likelihood_total(estimator, model, still)
        return fit_subspace(estimator, model, still, modes, FitOptions(reference, passes=12)), reference

    def along(self, kind: CurveKind, estimator: SubspaceEstimator, straight: Fit, reference: float) -> Fit:
        start = started(kind, straight.model, straight.posteriors.z)
        warm = straight.posteriors.with_modes_of(start)
        warm.z[:] = start.starts[estimator.best_coordinates(start, warm, start.starts)]
        return fit_subspace(estimator, start, warm, 1, FitOptions(reference, passes=12, warm=warm))

    def test_a_full_turn_is_one_coordinate_on_a_circle(self) -> None:
        n, rng = 200, np.random.default_rng(5)
        angle = rng.uniform(0, 2 * np.pi, n)
        centers = Scene(n=1, gaussians=16, modes=2, seed=8).centers
        arm = np.where(centers[:, :1] > 0, 5.0, 0.0)  # of the part at x > 0
        position = np.stack([arm * [0.0, 1.0, 0.0], arm * [0.0, 0.0, 1.0]])
        estimator, model = self.scene_of(np.column_stack([np.cos(angle), np.sin(angle)]), position, 6)
        straight, reference = self.straight(estimator, model, 2, n)
        found = self.along(CurveKind("a circle", ("circle",)), estimator, straight, reference)
        z = found.posteriors.z[:, 0]
        self.assertGreater(circle_agreement(z, angle / (2 * np.pi) * CIRCUMFERENCE, CIRCUMFERENCE), 0.94)
        gain = found.history[-1]["log_likelihood"] - straight.history[-1]["log_likelihood"]
        self.assertGreater(gain, 0.3)  # one coordinate, and a prior that is where the particles are
        decoder = found.model.decoder(estimator.spec.basis)
        centers_found = decoder.gaussians(float32(found.posteriors.z))[0].numpy()
        true = centers + np.tensordot(np.column_stack([np.cos(angle), np.sin(angle)]), position, 1)
        self.assertLess(np.sqrt(((centers_found - true) ** 2).sum(-1).mean()), 1.5)

    def test_a_straight_line_stays_straight(self) -> None:
        n, rng = 200, np.random.default_rng(7)
        z = rng.normal(size=n)
        centers = Scene(n=1, gaussians=16, modes=1, seed=8).centers
        position = np.where(centers[:, :1] > 0, 2.0, 0.0)[None] * np.array([0.0, 1.0, 0.0])
        estimator, model = self.scene_of(z[:, None], position, 8)
        straight, reference = self.straight(estimator, model, 1, n)
        found = self.along(CurveKind("a line", ("line",)), estimator, straight, reference)
        self.assertGreater(abs(np.corrcoef(found.posteriors.z[:, 0], z)[0, 1]), 0.95)
        fields = estimator.spec.basis.fields(found.model.coefficients)
        sizes = np.sqrt((fields[..., :3] ** 2).sum((1, 2)))
        self.assertLess(sizes[1:].max(), 0.35 * sizes[0])


if __name__ == "__main__":
    unittest.main()
