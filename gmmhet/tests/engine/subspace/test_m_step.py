"""The M step: errors of poses, noise and contrast against closed forms; the choice of latent axes."""

import unittest
from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from gmmhet.engine.errors import InputError
from gmmhet.engine.subspace.estimator_spec import EstimatorSpec
from gmmhet.engine.subspace.likelihoods import log_likelihood_total
from gmmhet.engine.subspace.m_step import (
    bounded_step,
    normalise,
    update_contrast,
    update_noise,
    update_spread,
    updated_relevance,
)
from gmmhet.engine.subspace.passes import SubspaceEstimator
from gmmhet.engine.subspace.pose_spread import PoseSpread
from gmmhet.engine.subspace.smooth_fields import FieldBasis, smooth_basis
from gmmhet.engine.subspace.state import Posteriors, SubspaceModel, Sums
from gmmhet.tests.support.scene import Scene


def _model(n_shells: int, noise: Any = 1.0, **changed: Any) -> SubspaceModel:
    values = {"centers": np.zeros((1, 3)), "weights": np.ones(1), "variances": np.ones(1),
              "coefficients": np.zeros((1, 1)), "noise": np.full((1, n_shells), 1.0) * noise, "contrast_mean": 1.0,
              "contrast_deviation": 0.1}
    return SubspaceModel(**(values | changed))


class TestRelevance(unittest.TestCase):
    """Coefficients u ~ N(0, a of their kind) that data tell as y = u + noise of a known covariance."""

    def test_fixed_point_has_the_largest_evidence(self) -> None:
        rng = np.random.default_rng(3)
        kinds = np.repeat([0, 1], [40, 30])
        true = np.array([0.09, 2.0])[kinds]
        root = rng.normal(size=(70, 200)) / np.sqrt(200)
        noise = 0.1 * root @ root.T
        seen = rng.normal(size=70) * np.sqrt(true) + np.linalg.cholesky(noise) @ rng.normal(size=70)

        def cost(logs: np.ndarray) -> float:
            total = np.diag(np.exp(logs)[kinds]) + noise
            return float(np.linalg.slogdet(total)[1] + seen @ np.linalg.solve(total, seen))

        best = np.exp(minimize(cost, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-9}).x)
        relevance = np.ones((1, 2))
        for _ in range(200):
            covariance = np.linalg.inv(np.linalg.inv(noise) + np.diag(1 / relevance[0, kinds]))
            mode = covariance @ np.linalg.solve(noise, seen)
            relevance = updated_relevance(relevance, mode[np.newaxis], np.diag(covariance)[np.newaxis], kinds)
        np.testing.assert_allclose(relevance[0], best, rtol=1e-3)

    def test_what_the_data_do_not_ask_for_goes_to_nothing(self) -> None:
        relevance, kinds = np.ones((2, 2)), np.repeat([0, 1], 20)
        noise, rng = 0.01, np.random.default_rng(0)
        seen = 0.08 * rng.normal(size=(2, 40))  # noise, a little less than told
        seen[0, :20] += rng.normal(size=20)
        for _ in range(100):
            variances = 1 / (1 / noise + 1 / relevance[:, kinds])
            relevance = updated_relevance(relevance, variances * seen / noise, variances, kinds)
        self.assertAlmostEqual(relevance[0, 0], np.mean(seen[0, :20] ** 2) - noise, delta=1e-3)
        self.assertLess(max(relevance[0, 1], *relevance[1]), 0.1 * noise)

    def test_it_turns_with_the_modes(self) -> None:
        """u' = forward^T u of independent u has the variances (forward^2)^T a: by many draws."""
        rng, shells = np.random.default_rng(5), 4
        coefficients = rng.normal(size=(2, 3))
        z = rng.normal(size=(500, 2)) @ np.array([[1.0, 0.4], [0.0, 2.0]])
        posteriors = Posteriors(np.arange(500), z, np.zeros((500, 0)), np.ones(500), np.zeros((500, 2, 2)),
                            mean_covariance=np.zeros((2, 2)), information=np.diag([5.0, 1.0]))
        grid: Any = SimpleNamespace(resolution=10.0)
        spec: Any = SimpleNamespace(basis=FieldBasis(np.ones((1, 1)), np.vstack([np.eye(3), np.zeros((2, 3))])),
                                    observer=SimpleNamespace(grid=grid))
        model = _model(shells, coefficients=coefficients, relevance=np.array([[0.5, 1.0], [2.0, 3.0]]))
        sums = Sums(np.zeros((3, 1, 5)), np.ones((1, shells)), np.ones(1))
        turned, _, _ = normalise(spec, model, posteriors, sums)
        forward = np.linalg.lstsq(coefficients.T, turned.coefficients.T, rcond=None)[0]
        draws = rng.normal(size=(200_000, 2)) * np.sqrt([0.5, 2.0])
        np.testing.assert_allclose(turned.relevance[:, 0], (draws @ forward).var(0), rtol=0.02)
        draws *= np.sqrt([1.0 / 0.5, 3.0 / 2.0])
        np.testing.assert_allclose(turned.relevance[:, 1], (draws @ forward).var(0), rtol=0.02)


class TestSpread(unittest.TestCase):
    """Errors t ~ N(0, s^2) of poses, of each of which the images tell y = t + noise of known variance."""

    def setUp(self) -> None:
        rng = np.random.default_rng(0)
        self.true = PoseSpread(2.0, np.deg2rad(3.0), np.deg2rad(1.0))
        deviation = self.true.precision ** -0.5
        self.noise = rng.uniform(0.2, 6.0, (400, 5)) * deviation**2
        self.seen = rng.normal(size=(400, 5)) * np.sqrt(deviation**2 + self.noise)

    def _posteriors(self, spread: PoseSpread) -> Posteriors:
        prior = 1 / spread.precision
        variance = 1 / (1 / prior + 1 / self.noise)
        return Posteriors(np.arange(400), np.zeros((400, 1)), variance * self.seen / self.noise, np.ones(400),
                        pose_variance=variance)

    def test_fixed_point_has_the_largest_marginal_likelihood(self) -> None:
        model = _model(4, spread=PoseSpread(0.5, np.deg2rad(10.0), np.deg2rad(5.0)))
        for _ in range(40):
            model = update_spread(model, self._posteriors(model.spread))
        for found, axes in ((model.spread.shift, [0, 1]), (model.spread.tilt, [2, 3]), (model.spread.turn, [4])):
            seen, noise = self.seen[:, axes], self.noise[:, axes]

            def cost(log_s: float, seen: np.ndarray = seen, noise: np.ndarray = noise) -> float:
                total = np.exp(2 * log_s) + noise
                return float(np.sum(np.log(total) + seen**2 / total))

            best = np.exp(minimize_scalar(cost, bracket=(np.log(found) - 1, np.log(found) + 1)).x)
            self.assertAlmostEqual(found / best, 1.0, delta=1e-4)
        for found, true in zip(model.spread.precision, self.true.precision, strict=True):
            self.assertAlmostEqual(found / true, 1.0, delta=0.3)  # 400 draws

    def test_a_step_at_most_halves_or_doubles_and_damping_shortens_it(self) -> None:
        far = PoseSpread(2.0 * 64, self.true.tilt, self.true.turn)
        once = update_spread(_model(4, spread=far), self._posteriors(far)).spread
        damped = update_spread(_model(4, spread=far), self._posteriors(far), damping=1.0).spread
        self.assertAlmostEqual(once.shift / far.shift, 0.5, places=9)
        self.assertAlmostEqual(damped.shift / far.shift, 0.5**0.5, places=9)

    def test_poses_without_error_stop_at_the_floor(self) -> None:
        self.seen[:] = 0.0
        model = _model(4, spread=self.true)
        for _ in range(30):
            model = update_spread(model, self._posteriors(model.spread))
        np.testing.assert_allclose([model.spread.shift, np.rad2deg(model.spread.tilt)], 0.02)

    def test_exact_poses_stay_exact(self) -> None:
        self.assertIsNone(update_spread(_model(4), self._posteriors(self.true)).spread)


class TestBoundedStep(unittest.TestCase):
    """Gaussians with fields of their own: one unknown a component."""

    def setUp(self) -> None:
        self.basis = FieldBasis.of(np.eye(6), position=1.0, amplitude=1.0, width=1.0)
        rng = np.random.default_rng(8)
        self.hessian = np.diag(rng.uniform(0.5, 2.0, 30))
        self.wanted = rng.normal(size=30) * 0.02
        self.blocks = [(slice(0, 30), self.basis)]

    def step(self, hessian: np.ndarray, largest: float = 1.5) -> np.ndarray:
        return self.basis.fields(bounded_step(hessian, hessian @ self.wanted, self.blocks, largest, 0.25))

    def test_is_the_whole_step_where_nothing_goes_far(self) -> None:
        np.testing.assert_allclose(self.step(self.hessian), self.basis.fields(self.wanted))

    def test_what_goes_too_far_stops_at_its_bound_and_the_rest_goes_on(self) -> None:
        fields = self.basis.fields(self.wanted)
        fields[2, :3], fields[4, 3], fields[5, 4] = [3.0, 0.0, 4.0], -2.0, 0.7
        self.wanted = fields.T.ravel()
        found = self.step(self.hessian)
        np.testing.assert_allclose(found[2, :3], [0.9, 0.0, 1.2], atol=1e-9)
        np.testing.assert_allclose([found[4, 3], found[5, 4]], [-0.25, 0.25])
        for at in ((2, slice(0, 3)), (4, 3), (5, 4)):
            found[at] = fields[at] = 0.0
        np.testing.assert_allclose(found, fields, atol=1e-12)

    def test_stays_in_bounds_where_everything_hangs_together(self) -> None:
        rng = np.random.default_rng(9)
        root = rng.normal(size=(30, 40))
        self.wanted = rng.normal(size=30) * 2.0
        found = self.step(root @ root.T)
        self.assertLess(np.sqrt((found[:, :3] ** 2).sum(1)).max(), 1.2 * 1.5)
        self.assertLess(np.abs(found[:, 3:]).max(), 1.2 * 0.25)
        self.assertGreater((root.T @ found.T.ravel()) @ (root.T @ self.wanted), 0.0)  # uphill still

    def test_a_domain_that_moves_as_one_goes_as_far_as_it_may(self) -> None:
        rng = np.random.default_rng(10)
        centers = rng.uniform(-40, 40, (200, 3))
        basis = FieldBasis.of(smooth_basis(centers, 16.0), position=4.0, amplitude=0.3, width=0.5)
        field, moving = np.zeros((200, 5)), centers[:, 0] > 0
        jacobian = basis.fields(np.eye(basis.size)).reshape(basis.size, -1)
        hessian = 3 * jacobian @ jacobian.T + np.eye(basis.size)
        for far in (1.3, 2.0, 5.0, 20.0):
            field[moving, 1] = far * 3.0
            wanted = basis.coefficients_of(field, np.ones(200))
            found = basis.fields(bounded_step(hessian, hessian @ wanted, [(slice(None), basis)], 3.0, 0.25))
            inner = np.abs(found[centers[:, 0] > 10, 1]) / 3.0
            self.assertTrue(0.95 < np.median(inner) < 1.3, (far, np.median(inner)))
            self.assertLess(np.median(np.abs(found[centers[:, 0] < -10, 1])) / 3.0, 0.3)


class TestNormalise(unittest.TestCase):
    def setUp(self) -> None:
        rng = np.random.default_rng(3)
        self.scene = Scene(gaussians=25)
        scalar = smooth_basis(self.scene.centers, 15.0)
        basis = FieldBasis.of(scalar, position=4.0, amplitude=0.02)
        self.estimator = SubspaceEstimator(EstimatorSpec(self.scene.cache, self.scene.observer, basis, basis, 2))
        n, k = 400, 3
        mixing = rng.normal(size=(k, k))
        root = rng.normal(size=(n, k, k)) * 0.3
        information = np.array([[1.0, 0.5, 0.0], [0.5, 9.0, 1.0], [0.0, 1.0, 4.0]])
        covariance = root @ root.transpose(0, 2, 1)
        self.posteriors = Posteriors(np.arange(n), rng.normal(size=(n, k)) @ mixing + 0.5, np.zeros((n, 0)), np.ones(n),
                                 covariance, mean_covariance=covariance.mean(0), information=information)
        self.model = _model(4, centers=self.scene.centers, weights=self.scene.weights, variances=self.scene.sigmas**2,
                            coefficients=rng.normal(size=(k, basis.size)))
        gradient = rng.normal(size=(k + 1, 25, 5))
        self.sums = Sums(gradient, np.zeros((1, 4)), np.array([400.0]))
        self.after = normalise(self.estimator.spec, self.model, self.posteriors, self.sums)

    def _conformation(self, model: SubspaceModel, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        field = self.estimator.spec.basis.fields(z @ model.coefficients)
        return model.centers + field[:, :3], model.weights * (1 + field[:, 3])

    def test_conformations_do_not_change(self) -> None:
        model, posteriors, _ = self.after
        for i in (0, 17, 399):
            before = self._conformation(self.model, self.posteriors.z[i])
            after = self._conformation(model, posteriors.z[i])
            np.testing.assert_allclose(after[0], before[0], atol=1e-8)
            # a change of weights times another: amplitudes of a few per cent
            np.testing.assert_allclose(after[1] / before[1], 1, atol=0.01)

    def test_unit_variance_and_diagonal_information_in_order(self) -> None:
        _, posteriors, _ = self.after
        second = np.cov(posteriors.z.T, bias=True) + posteriors.covariance.mean(0)
        np.testing.assert_allclose(second, np.eye(3), atol=1e-8)
        np.testing.assert_allclose(posteriors.mean_covariance, posteriors.covariance.mean(0), atol=1e-8)
        np.testing.assert_allclose(posteriors.z.mean(0), 0, atol=1e-10)
        values = np.diag(posteriors.information)
        np.testing.assert_allclose(posteriors.information, np.diag(values), atol=1e-8 * values.max())
        self.assertTrue(np.all(np.diff(values) < 0))

    def test_covariance_and_information_turn_with_the_axes(self) -> None:
        """Information about every conformation: tr(M I) of a particle does not depend on the axes."""
        _, posteriors, _ = self.after
        for i in (0, 17):
            before = np.trace(self.posteriors.covariance[i] @ self.posteriors.information)
            self.assertAlmostEqual(np.trace(posteriors.covariance[i] @ posteriors.information) / before, 1.0, places=9)

    def test_derivatives_along_the_same_change_stay_the_same(self) -> None:
        """A small change of the new modes and consensus, written as one of the old: the likelihood gains the same."""
        _, posteriors, sums = self.after
        rng = np.random.default_rng(4)
        change = rng.normal(size=(4, 25, 5))  # of the new modes, and of the consensus
        design = np.column_stack([self.posteriors.z, np.ones(400)])  # fields of particle i: design_i times changes
        new = np.column_stack([posteriors.z, np.ones(400)])
        old = np.linalg.lstsq(design, new @ change.reshape(4, -1), rcond=None)[0].reshape(change.shape)
        np.testing.assert_allclose(np.tensordot(design, old, 1), np.tensordot(new, change, 1), atol=1e-8)
        self.assertAlmostEqual(np.sum(sums.gradient * change) / np.sum(self.sums.gradient * old), 1.0, places=8)

    def test_a_positive_sum_of_coefficients_fixes_the_sign(self) -> None:
        self.assertTrue(np.all(self.after[0].coefficients.sum(1) > 0))


class TestNoiseAndContrast(unittest.TestCase):
    def test_noise_grows_by_the_mean_squared_residual_of_its_group(self) -> None:
        grid = Scene().grid
        pairs = np.array([np.sum((grid.clipped_shell == s) * grid.weight) for s in range(grid.n_shells)])
        model = _model(grid.n_shells, noise=np.array([[2.0], [5.0], [7.0]]))
        # 50 and 20 particles whose whitened residuals have variances 1.5 and 0.8, and a group without any
        power = 4 * pairs * np.array([[50 * 1.5], [20 * 0.8], [0.0]])
        noise = update_noise(model, Sums(np.zeros(0), power, np.array([50.0, 20.0, 0.0])), grid).noise
        np.testing.assert_allclose(noise[:, 1:], np.tile([[3.0], [4.0], [7.0]], grid.n_shells - 1))

    def test_contrast_spread_includes_its_uncertainty(self) -> None:
        contrast = np.random.default_rng(0).normal(-2.0, 0.3, 5000)
        posteriors = Posteriors(np.arange(5000), np.zeros((5000, 1)), np.zeros((5000, 0)), contrast,
                                contrast_variance=0.16)
        found = update_contrast(_model(4), posteriors)
        self.assertAlmostEqual(found.contrast_mean, -2.0, delta=0.02)
        self.assertAlmostEqual(found.contrast_deviation, 0.5, delta=0.01)

    def test_total_log_likelihood_is_that_of_normal_pixels(self) -> None:
        """Residuals of variances 2 and 6 in two groups under noise v: the density of v is highest at the true v."""
        scene = Scene(n=2, groups=2)
        grid = scene.grid
        estimator: Any = SimpleNamespace(spec=SimpleNamespace(observer=scene.observer, cache=scene.cache))
        totals = {}
        for v in ((1.0, 6.0), (2.0, 3.0), (2.0, 6.0), (4.0, 6.0), (2.0, 12.0), (6.0, 2.0)):
            misfit = -0.5 * 4 * grid.weight.sum() * np.array([2.0, 6.0]) / v
            posteriors = Posteriors(np.arange(2), np.zeros((2, 1)), np.zeros((2, 0)), np.ones(2), log_likelihood=misfit)
            totals[v] = log_likelihood_total(estimator, _model(grid.n_shells, noise=np.array(v)[:, None]), posteriors)
        self.assertEqual(max(totals, key=lambda v: totals[v]), (2.0, 6.0))

    def test_a_likelihood_that_is_no_number_ends_with_the_row(self) -> None:
        scene = Scene(n=2)
        cache = scene.cache
        cache.table.source, cache.table.ids = "particles.star", np.array([1, 2])
        estimator: Any = SimpleNamespace(spec=SimpleNamespace(observer=scene.observer, cache=cache))
        posteriors = Posteriors(np.arange(2), np.zeros((2, 1)), np.zeros((2, 0)), np.ones(2),
                            log_likelihood=np.array([-3.0, np.nan]))
        with self.assertRaisesRegex(InputError, "particles.star: .* row 2 is no number"):
            log_likelihood_total(estimator, _model(scene.grid.n_shells), posteriors)


if __name__ == "__main__":
    unittest.main()
