"""Ring correlation and its gradient against a ring-by-ring loop and finite differences."""

import unittest

import numpy as np
import tensorflow as tf

from gmmhet.engine.gradient.frc import frc_gradient, frc_score
from gmmhet.engine.gradient.gradient_pca import eigen_motions
from gmmhet.tests.support.scene import Scene


def _mean_frc(scene: Scene, i: int, centers: np.ndarray, weights: np.ndarray) -> float:
    """Over the full plane of frequencies within the resolution, each Friedel pair twice."""
    grid = scene.grid
    data = scene.planes[i, 0] + 1j * scene.planes[i, 1]
    model = scene.transfer(i) * scene.project(i, centers, weights)
    sums: dict[int, np.ndarray] = {}
    for plane in (0, 1):
        for iy in range(grid.size):
            for ix in range(grid.size):
                ring = int(np.rint(np.hypot(ix, iy)))
                twice = (plane == 1 and (iy == 0 or ix == 0))  # stands in plane 0 already
                if not 0 < ring <= grid.h or twice:
                    continue
                y, x = data[plane, iy, ix], model[plane, iy, ix]
                sums.setdefault(ring, np.zeros(3))
                sums[ring] += [(np.conj(y) * x).real, abs(y) ** 2, abs(x) ** 2]
    return float(np.mean([s[0] / np.sqrt(s[1] * s[2]) for s in sums.values()]))


class TestFrc(unittest.TestCase):
    def setUp(self) -> None:
        self.scene = Scene(gaussians=4)
        rng = np.random.default_rng(7)
        for i in range(self.scene.n):  # data related to the model, so that scores are not near zero
            moved = self.scene.centers + rng.normal(size=(4, 3))
            value = self.scene.transfer(i) * self.scene.project(i, moved, self.scene.weights)
            self.scene.planes[i] += np.stack([value.real, value.imag])
            # mates on the axes are equal or conjugate in real images
            self.scene.planes[i, :, 1, 0] = self.scene.planes[i, :, 0, 0]
            self.scene.planes[i, 0, 1, :, 0] = self.scene.planes[i, 0, 0, :, 0]
            self.scene.planes[i, 1, 1, :, 0] = -self.scene.planes[i, 1, 0, :, 0]
        self.centers, self.weights = (tf.constant(a, tf.float32) for a in (self.scene.centers, self.scene.weights))

    def test_score_matches_the_loop(self) -> None:
        got = frc_score(self.scene.observer, self.scene.batch, self.centers, self.weights).numpy()
        expected = [_mean_frc(self.scene, i, self.scene.centers, self.scene.weights) for i in range(self.scene.n)]
        np.testing.assert_allclose(got, expected, atol=1e-5)
        self.assertGreater(np.mean(got), 0.2)

    def test_gradient_matches_finite_differences(self) -> None:
        scene = self.scene
        score, gradient = frc_gradient(scene.observer, scene.batch, self.centers, self.weights, tf.constant(-1.0))
        np.testing.assert_allclose(score, frc_score(scene.observer, scene.batch, self.centers, self.weights), atol=1e-6)
        for i in range(scene.n):
            expected = np.empty((4, 4))
            for j in range(4):
                for a in range(4):
                    ends = []
                    for sign in (1, -1):
                        centers, weights = scene.centers.copy(), scene.weights.copy()
                        if a < 3:
                            centers[j, a] += sign * 1e-4
                        else:
                            weights[j] *= 1 + sign * 1e-4
                        ends.append(_mean_frc(scene, i, centers, weights))
                    expected[j, a] = -(ends[0] - ends[1]) / 2e-4  # the sign was -1
            np.testing.assert_allclose(gradient[i], expected, atol=2e-4 * np.abs(expected).max())

    def test_perfect_match_scores_one_with_zero_gradient(self) -> None:
        scene = self.scene
        for i in range(scene.n):
            scene.planes[i] = 3.0 * scene.image(i, np.zeros(2))
        score, gradient = frc_gradient(scene.observer, scene.batch, self.centers, self.weights, tf.constant(1.0))
        np.testing.assert_allclose(score, 1.0, atol=1e-5)
        self.assertLess(np.abs(gradient).max(), 1e-4)


class TestEigenMotions(unittest.TestCase):
    def test_finds_planted_directions_in_order(self) -> None:
        rng = np.random.default_rng(0)
        for gaussians in (20, 600):  # dense and iterative eigensolvers
            directions = np.linalg.qr(rng.normal(size=(3 * gaussians, 2)))[0].T
            covariance = 5 * np.outer(directions[0], directions[0]) + 2 * np.outer(directions[1], directions[1])
            found = eigen_motions(covariance + 0.01 * np.eye(3 * gaussians), 2)
            np.testing.assert_allclose(found.variance[:2], [5.01, 2.01], rtol=1e-6)
            for k in range(2):
                unit = found.motions[k].ravel() / np.linalg.norm(found.motions[k])
                self.assertAlmostEqual(abs(unit @ directions[k]), 1.0, places=6)
                self.assertAlmostEqual(np.sqrt((found.motions[k] ** 2).sum(-1).mean()), 1.0, places=9)


if __name__ == "__main__":
    unittest.main()
