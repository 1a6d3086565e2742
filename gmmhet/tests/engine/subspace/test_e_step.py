"""Posterior and M-step gradient against dense Jacobians, explicit sums and the marginal likelihood itself."""

import unittest
from typing import Any

import numpy as np

from gmmhet.engine.subspace.e_step import posterior_step
from gmmhet.engine.subspace.sign_flips import sign_flips
from gmmhet.tests.support.scene import Dense, Scene, changed_mode, float32, opposite_draws

_POSE_SD = np.array([1.0, 1.0, *np.deg2rad([2.0, 2.0, 2.5])])
_PRECISION = np.array([[1.2, 0.3], [0.3, 0.9]])


def _planted(*, poses: int, n: int = 4, gaussians: int = 6, motion: float = 0.5, noise: float = 15.0, seed: int = 0,
             tight: float = 1.0, loose: float = 1.0) -> tuple[Scene, Dense, np.ndarray]:
    """Images of conformations and poses drawn from their priors, two optics groups; and the true t.

    tight, loose: factors of the precision of z and of the deviations of the poses that the posterior is told.
    """
    scene = Scene(n=n, gaussians=gaussians, groups=2, motion=motion, seed=seed)
    rng = np.random.default_rng(seed + 5)
    variance = rng.uniform(0.5, 2.0, (2, scene.grid.n_shells)) * np.array([[1.0], [2.0]]) * noise**2
    dense = Dense(scene, variance, poses=poses, precision=tight * _PRECISION,
                  pose_precision=(loose * _POSE_SD) ** -2, mean=1.0, deviation=0.2)
    t = np.concatenate([0.7 * rng.normal(size=(n, 2)), (rng.normal(size=(n, 5)) * _POSE_SD)[:, :poses],
                        rng.normal(1, 0.1, (n, 1))], axis=1)
    for i in range(n):
        deviation = np.sqrt(variance[scene.group[i]][scene.grid.clipped_shell])
        scene.planes[i] = t[i, -1] * scene.image(i, t[i, :2], t[i, 2:-1])
        scene.planes[i] += rng.normal(size=scene.planes[i].shape) * deviation
    return scene, dense, t


def _step(scene: Scene, dense: Dense, t: np.ndarray, *, gradient: bool = False, draws: np.ndarray | None = None,
          **changed: Any) -> Any:
    draws = np.ones(dense.poses) if draws is None else draws
    return posterior_step(scene.observer, scene.batch._replace(**changed), dense.tensors(), dense.state(t),
                          gradient=gradient, draws=float32(np.tile(draws, (scene.n, 1))))


def _reached(result: Any) -> np.ndarray:
    return np.concatenate([result.state.z, result.state.pose, result.state.contrast[:, None]], axis=1)


class TestPosterior(unittest.TestCase):
    """One step from near the best t, where the full step is taken; without and with corrections of the pose."""

    def setUp(self) -> None:
        self.cases = []
        for poses in (0, 5):
            scene, dense, truth = _planted(poses=poses)
            rng = np.random.default_rng(1)
            near = truth + rng.normal(size=truth.shape) * np.array([0.1, 0.1, *(0.1 * _POSE_SD[:poses]), 0.02])
            self.cases.append((scene, dense, near, _step(scene, dense, near)))

    def test_step_and_covariance_solve_the_dense_normal_equations(self) -> None:
        """float32 images of some 300 pixels: 1e-3 of a standard deviation."""
        for scene, dense, t, got in self.cases:
            change = _reached(got) - t
            for i in range(scene.n):
                columns = dense.columns(i, t[i])
                inverse = np.linalg.inv(columns.T @ columns + dense.precision)
                right = columns.T @ dense.residual(i, t[i]) - dense.precision @ (t[i] - dense.center)
                deviation = np.sqrt(np.diag(inverse))
                np.testing.assert_allclose(change[i] / deviation, inverse @ right / deviation, atol=1e-3)
                np.testing.assert_allclose(got.covariance[i], inverse[:2, :2], atol=3e-4 * inverse[:2, :2].max())
                np.testing.assert_allclose(got.pose_variance[i], np.diag(inverse)[2:-1], rtol=1e-3)
                np.testing.assert_allclose(got.contrast_variance[i], inverse[-1, -1], rtol=1e-3)

    def test_information_is_the_schur_complement(self) -> None:
        for scene, dense, t, got in self.cases:
            for i in range(scene.n):
                columns = dense.columns(i, t[i])
                whole = columns.T @ columns + dense.precision
                nuisances = np.linalg.solve(whole[2:, 2:], whole[2:, :2])
                expected = columns[:, :2].T @ columns[:, :2] - whole[:2, 2:] @ nuisances
                np.testing.assert_allclose(got.information[i], expected, atol=1e-3 * expected.max())

    def test_log_likelihood_is_the_laplace_approximation(self) -> None:
        """Of order -150, as a sum of squares in float32: to 1e-3."""
        for scene, dense, t, got in self.cases:
            reached = _reached(got).astype(float)
            for i in range(scene.n):
                expected = dense.log_likelihood(i, reached[i], dense.hessian(i, t[i]))
                self.assertAlmostEqual(float(got.log_likelihood[i]), expected, delta=2e-3)

    def test_residual_power_is_what_is_expected_by_group_and_shell(self) -> None:
        """|r|^2 + L M L^T, pixel by pixel."""
        for scene, dense, t, got in self.cases:
            reached = _reached(got).astype(float)
            expected = np.zeros((2, scene.grid.n_shells))
            for i in range(scene.n):
                columns = dense.columns(i, t[i])
                spread = np.sum(columns * np.linalg.solve(dense.hessian(i, t[i]), columns.T).T, axis=1)
                power = (dense.residual(i, reached[i]) ** 2 + spread).reshape(4, *scene.grid.shell.shape).sum(0)
                np.add.at(expected[scene.group[i]], scene.grid.clipped_shell, power)
            np.testing.assert_allclose(got.residual_power, expected, rtol=2e-3, atol=1e-3)

    def test_rows_that_fill_a_batch_up_count_for_nothing(self) -> None:
        scene, dense, t, _ = self.cases[1]
        real = np.array([1.0, 1.0, 0.0, 0.0])
        got = _step(scene, dense, t, gradient=True, is_particle=float32(real))
        other = _step(scene, dense, t, gradient=True, is_particle=float32(1 - real))
        whole = _step(scene, dense, t, gradient=True)
        for name in ("residual_power", "gradient"):
            sums = getattr(got, name) + getattr(other, name)
            np.testing.assert_allclose(sums, getattr(whole, name), atol=1e-4 * np.abs(getattr(whole, name)).max())
            self.assertGreater(np.abs(getattr(got, name)).max(), 0)

    def test_turned_poses_solve_the_same_equations(self) -> None:
        """Columns at a pose that is itself corrected: turns follow the correction. Poses 2 standard deviations off."""
        scene, dense, truth = _planted(poses=5, seed=3)
        got = _step(scene, dense, truth)
        for i in range(scene.n):
            inverse = np.linalg.inv(dense.hessian(i, truth[i]))
            np.testing.assert_allclose(got.pose_variance[i], np.diag(inverse)[2:-1], rtol=1e-3)
            np.testing.assert_allclose(got.covariance[i], inverse[:2, :2], atol=3e-4 * inverse[:2, :2].max())


class TestDamping(unittest.TestCase):
    """Steps from far away: never turned, never uphill, and none longer than 1.5 in z."""

    def _fractions(self, poses: int, far_in_z: float, contrast: float = 1.0, **scenery: float,
                   ) -> tuple[np.ndarray, np.ndarray]:
        """[n] how much of the full step was made, and how long that is in z."""
        scene, dense, truth = _planted(poses=poses, n=12, noise=5.0, **scenery)
        rng = np.random.default_rng(2)
        far = truth + rng.normal(size=truth.shape) * np.array([far_in_z, far_in_z, *(3 * _POSE_SD[:poses]), 0.1])
        far[:, -1] *= contrast
        reached = _reached(_step(scene, dense, far)).astype(float)
        along, length = np.empty((2, scene.n))
        for i in range(scene.n):
            self.assertLessEqual(dense.objective(i, reached[i]), dense.objective(i, far[i]) + 1e-2)
            columns = dense.columns(i, far[i])
            right = columns.T @ dense.residual(i, far[i]) - dense.precision @ (far[i] - dense.center)
            full = np.linalg.solve(columns.T @ columns + dense.precision, right)
            change = reached[i] - far[i]
            along[i], length[i] = change @ full / (full @ full), np.linalg.norm(full[:2])
            np.testing.assert_allclose(change, along[i] * full, atol=3e-3 * np.abs(full).max())
        self.assertTrue(np.all((along > 0) & (along < 1.003)), along)
        return along, length

    def test_long_steps_are_cut(self) -> None:
        for poses in (0, 5):
            along, length = self._fractions(poses, 3.0)
            self.assertGreaterEqual(np.sum(length > 2.0), 3)
            self.assertLess((along * length).max(), 1.505)

    def test_steps_uphill_are_cut(self) -> None:
        """Images thought to be weak, so that poses 3 A and 6 degrees off and free to move go too far."""
        along, length = self._fractions(5, 0.1, contrast=0.15, motion=0.05, tight=1e3, loose=10.0)
        self.assertLess(length.max(), 1.49)
        self.assertTrue(1 <= np.sum(along < 0.6) <= 11, along)


class TestGradientFormula(unittest.TestCase):
    """Every term of the module's text, by finite differences in float64, at the most probable t."""

    def test_gradient_is_the_sum_of_its_terms(self) -> None:
        for poses, noise in ((0, 4.0), (5, 4.0)):
            scene, dense, truth = _planted(poses=poses, gaussians=4, noise=noise)
            t = np.array([dense.best(i, truth[i]) for i in range(scene.n)])
            got = _average_gradient(scene, dense, t)
            fit, blur, cross = np.zeros((3, 3, 4, 5))
            for i in range(scene.n):
                terms = _terms(dense, i, t[i])
                for part, own in ((fit, terms[0]), (blur, terms[1])):
                    part[:2] += t[i, :2, None, None] * own[1]
                    part[2] += own[0]
                cross[:2] += terms[2]
            fit[:2, :, 4] = blur[:2, :, 4] = 0.0  # modes do not widen Gaussians
            for component in range(5):
                expected = (fit + blur + cross)[..., component]
                sizes = [np.abs(part[..., component]).max() for part in (fit, blur)]
                allowed = 1e-3 * sizes[0] + 0.01 * sizes[1]
                np.testing.assert_allclose(got[..., component], expected, atol=allowed)


def _average_gradient(scene: Scene, dense: Dense, t: np.ndarray) -> np.ndarray:
    """The mean of the gradient over all signs of the pair of poses."""
    rows = opposite_draws(dense.poses) if dense.poses else [np.zeros(0)]
    return np.mean([_step(scene, dense, t, gradient=True, draws=d).gradient for d in rows], axis=0, dtype=float)


def _by_modes(scene: Scene, own: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Derivative by the mode fields per unit of z: relative weights are of the consensus' weight."""
    out = own.copy()
    out[:, 3] /= 1 + t[:2] @ scene.amplitude
    return out


def _terms(dense: Dense, i: int, t: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """J^T r, and what its mean over pairs of poses adds, each [2, N, 5] (by the consensus; by the mode fields, per unit
    of z); -J^T L M_k [K, N, 5]."""
    columns, covariance = dense.columns(i, t), np.linalg.inv(dense.hessian(i, t))

    def fit(at: np.ndarray) -> np.ndarray:
        own = np.einsum("pja,p->ja", dense.by_gaussian(i, at), dense.residual(i, at))
        return np.stack([own, _by_modes(dense.scene, own, at)])

    blur = np.zeros((2, dense.scene.gaussians, 5))
    if dense.poses:
        root = np.linalg.cholesky(covariance[2:-1, 2:-1])
        for signs in opposite_draws(dense.poses):
            change = covariance[:, 2:-1] @ np.linalg.solve(root.T, signs)
            blur += (0.5 * fit(t + change) + 0.5 * fit(t - change) - fit(t)) / 2 ** (dense.poses - 1)
    cross = -np.einsum("pja,pk->kja", dense.by_gaussian(i, t), columns @ covariance[:, :2])
    cross[..., 3] /= 1 + t[:2] @ dense.scene.amplitude
    cross[..., 4] = 0.0
    return fit(t), blur, cross


class TestGradientOfTheMarginalLikelihood(unittest.TestCase):
    """Against differences of Laplace's marginal log-likelihood, t found anew for every changed parameter.

    Its gradient has a part of the fit, which is exact, and one of log det(L^T L + P), of which the engine keeps some:
    so it is that second part that is compared.
    """

    def test_by_the_modes(self) -> None:
        """Modes of 0.2 A per unit. What z and the contrast do to log det by way of J is left out: a tenth here."""
        scene, dense, truth = _planted(poses=5, gaussians=4, motion=0.2, noise=30.0)
        t = np.array([dense.best(i, truth[i], steps=15) for i in range(scene.n)])
        got = _average_gradient(scene, dense, t)[:2, :, :4]
        fit, determinant = np.zeros((2, 2, 4, 4))
        for k, j, a in np.ndindex(fit.shape):
            changes = [changed_mode(scene.own, k, j, a, step) for step in (1e-3, -1e-3)]
            fit[k, j, a], determinant[k, j, a] = _slopes(dense, t, changes)
        for a in (slice(0, 3), slice(3, 4)):
            error = np.linalg.norm((got - fit - determinant)[..., a]) / np.linalg.norm(determinant[..., a])
            self.assertLess(error, 0.2)


def _slopes(dense: Dense, t: np.ndarray, ends: list[Any]) -> tuple[float, float]:
    """Derivatives of the two parts of the marginal log-likelihood, between decoders +1e-3 and -1e-3 away."""
    values = np.zeros((2, 2))
    for e, decoder in enumerate(ends):
        for i in range(len(t)):
            best = dense.best(i, t[i], decoder, steps=3)
            values[e, 0] -= 0.5 * dense.objective(i, best, decoder)
            values[e, 1] -= 0.5 * np.linalg.slogdet(dense.hessian(i, best, decoder))[1]
    fit, determinant = (values[0] - values[1]) / 2e-3
    return fit, determinant


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
