"""The linear decoder: Gaussians of a conformation, derivatives of its images, gradients of its parameters."""

import unittest

import numpy as np

from gmmhet.engine.subspace.decoder import View
from gmmhet.tests.support.scene import Scene, changed_consensus, changed_mode, float32


class TestLinearModes(unittest.TestCase):
    def setUp(self) -> None:
        self.scene = Scene(n=3, gaussians=4)
        rng = np.random.default_rng(8)
        self.z = rng.normal(size=(3, 2))
        size = self.scene.grid.size
        self.cotangents = rng.normal(size=(3, 2, 2, 2, size, size))
        self.modes = self.scene.linear_modes
        self.seen = View.of(self.modes, self.scene.observer, self.scene.batch, float32(self.z))
        self.centers, self.weights = self.seen.centers, self.seen.weights

    def test_gaussians_are_those_of_the_conformation(self) -> None:
        for i in range(3):
            centers, weights = self.scene.conformation(self.z[i])
            np.testing.assert_allclose(self.centers[i], centers, atol=1e-5)
            np.testing.assert_allclose(self.weights[i], weights, rtol=1e-6)

    def test_jacobian_matches_finite_differences(self) -> None:
        got = self.modes.jacobian(self.seen)
        for i in range(3):
            for k, unit in enumerate(np.eye(2)):
                slope = (self.view(i, self.z[i] + 1e-4 * unit) - self.view(i, self.z[i] - 1e-4 * unit)) / 2e-4
                np.testing.assert_allclose(got[i, k], slope, atol=5e-5 * np.abs(slope).max())

    def view(self, i: int, z: np.ndarray, decoder: object = None) -> np.ndarray:
        d = decoder or self.scene.own
        value = self.scene.project(i, *self.scene.conformation(z, d), d.variances)
        return np.stack([value.real, value.imag])

    def test_consensus_gradient_matches_finite_differences(self) -> None:
        """By centres, relative weights and logarithms of squared widths, at conformations away from the consensus."""
        got = self.modes.consensus_gradient(self.seen, float32(self.cotangents[:, 0])).numpy()
        added = got[..., 5] * np.asarray(self.weights) / self.scene.weights  # of the conformation, not the consensus
        np.testing.assert_allclose(added, got[..., 3], rtol=1e-4, atol=1e-5 * np.abs(added).max())
        got = got[..., :5]
        expected = np.empty(got.shape)
        for i, j, a in np.ndindex(got.shape):
            ends = [self.view(i, self.z[i], changed_consensus(self.scene.own, j, a, s)) for s in (1e-4, -1e-4)]
            expected[i, j, a] = np.sum(self.cotangents[i, 0] * (ends[0] - ends[1])) / 2e-4
        for a in range(5):
            np.testing.assert_allclose(got[..., a], expected[..., a], atol=1e-4 * np.abs(expected[..., a]).max())

    def test_mode_gradient_has_both_parts(self) -> None:
        """Of sum(c_i * image_i) by the modes (chain rule through z), and of c_ik pulled back along mode k."""
        own = self.modes.consensus_gradient(self.seen, float32(self.cotangents[:, 1]))
        got = self.modes.mode_gradient(self.seen, float32(self.cotangents), float32(self.z), own).numpy()
        expected = np.zeros(got.shape)
        for k, j, a in np.ndindex(2, 4, 4):
            for i in range(3):
                ends = [self.view(i, self.z[i], changed_mode(self.scene.own, k, j, a, s)) for s in (1e-4, -1e-4)]
                expected[k, j, a] += np.sum(self.cotangents[i, 1] * (ends[0] - ends[1])) / 2e-4
                # a displacement of the conformation itself: what mode k does, per unit of z_k
                centers, weights = self.scene.conformation(self.z[i])
                slope = np.zeros(1)
                for sign in (1, -1):
                    c, w = centers.copy(), weights.copy()
                    if a < 3:
                        c[j, a] += sign * 1e-4
                    else:
                        w[j] += sign * 1e-4 * self.scene.weights[j]
                    value = self.scene.project(i, c, w)
                    slope = slope + sign * np.stack([value.real, value.imag])
                expected[k, j, a] += np.sum(self.cotangents[i, k] * slope) / 2e-4
        for a in range(4):
            np.testing.assert_allclose(got[..., a], expected[..., a], atol=1e-4 * np.abs(expected[..., a]).max())
        np.testing.assert_array_equal(got[..., 4], 0.0)


if __name__ == "__main__":
    unittest.main()
