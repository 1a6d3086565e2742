"""The decoder along curves against slow formulae, and whole fits of planted curves."""

import unittest

import numpy as np
import tensorflow as tf

from gmmhet.engine.latent_space.curves import Curves
from gmmhet.engine.subspace.curved_modes import CurvedCurvature, CurvedModes
from gmmhet.engine.subspace.decoder import View
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


if __name__ == "__main__":
    unittest.main()
