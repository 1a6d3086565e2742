"""Ring correlation and its gradient against a ring-by-ring loop and finite differences."""

import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import h5py
import numpy as np
import tensorflow as tf

from gmmhet.engine.gradient import gradient_file
from gmmhet.engine.gradient.frc import frc_gradient, frc_score
from gmmhet.engine.gradient.frc_pass import Compared, score_pass
from gmmhet.engine.gradient.gradient_pca import EigenMotions, best_positions, eigen_motions
from gmmhet.engine.gradient.settings import GradientFile
from gmmhet.tests.support.scene import Scene
from gmmhet.tests.support.shared_work import Images


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


def _differences(scene: Scene, i: int, sign: float) -> np.ndarray:
    """[N, 4] derivatives of sign x score by x, y, z and the relative weight of each Gaussian."""
    expected = np.empty((scene.gaussians, 4))
    for j in range(scene.gaussians):
        for a in range(4):
            ends = []
            for step in (1e-4, -1e-4):
                centers, weights = scene.centers.copy(), scene.weights.copy()
                if a < 3:
                    centers[j, a] += step
                else:
                    weights[j] *= 1 + step
                ends.append(_mean_frc(scene, i, centers, weights))
            expected[j, a] = sign * (ends[0] - ends[1]) / 2e-4
    return expected


class Related(unittest.TestCase):
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


class TestFrc(Related):
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
            expected = _differences(scene, i, -1)
            np.testing.assert_allclose(gradient[i], expected, atol=2e-4 * np.abs(expected).max())

    def test_perfect_match_scores_one_with_zero_gradient(self) -> None:
        scene = self.scene
        for i in range(scene.n):
            scene.planes[i] = 3.0 * scene.image(i, np.zeros(2))
        score, gradient = frc_gradient(scene.observer, scene.batch, self.centers, self.weights, tf.constant(1.0))
        np.testing.assert_allclose(score, 1.0, atol=1e-5)
        self.assertLess(np.abs(gradient).max(), 1e-4)


class TestPasses(Related):
    """Over all particles, in batches that do not come out even."""

    def setUp(self) -> None:
        super().setUp()
        cache: Any = Images(self.scene)
        cache.table = SimpleNamespace(**vars(cache.table), ids=np.array([5, 2, 9]), halves=np.array([1, 2, 1]))
        self.compared = Compared(cache, self.scene.observer, self.scene.centers, self.scene.weights, -1.0)

    def test_covariances_are_those_of_the_gradients_one_by_one(self) -> None:
        gradient = frc_gradient(self.scene.observer, self.scene.batch, self.centers, self.weights, tf.constant(-1.0))[1]
        for kind, part in (("position", slice(0, 3)), ("amplitude", slice(3, 4)), ("both", slice(0, 4))):
            flat = gradient.numpy()[..., part].reshape(self.scene.n, -1).astype(float)
            found = score_pass(self.compared, batch_size=2, covariance=kind).covariance
            np.testing.assert_allclose(found, np.cov(flat.T, bias=True), atol=1e-4 * flat.var(), err_msg=kind)
        self.assertIsNone(score_pass(self.compared, batch_size=2, covariance=None).covariance)

    def test_the_file_holds_the_gradient_of_every_particle(self) -> None:
        """Against differences of scores that a loop computes."""
        path = Path(self.enterContext(tempfile.TemporaryDirectory())) / "gradients.h5"
        with mock.patch.object(gradient_file, "GRADIENT_FILE", GradientFile(chunk=12 * 4 * 2)):
            gradient_file.write_gradients(path, self.compared, batch_size=2)
        with h5py.File(path) as file:
            self.assertEqual((file["position"].chunks, file["amplitude"].chunks), ((2, 4, 3), (2, 4)))
            self.assertEqual({n: file[n].attrs["unit"] for n in ("position", "amplitude", "centers")},
                             {"position": "1/Angstrom", "amplitude": "", "centers": "Angstrom"})
            self.assertEqual(file.attrs["contrast_sign"], -1)
            for name, expected in (("ids", [5, 2, 9]), ("half", [1, 2, 1]), ("centers", self.scene.centers)):
                np.testing.assert_array_equal(file[name], expected)
            for i in range(self.scene.n):
                expected = _differences(self.scene, i, -1)
                found = np.concatenate([file["position"][i], file["amplitude"][i][:, None]], axis=1)
                np.testing.assert_allclose(found, expected, atol=2e-4 * np.abs(expected).max())
                score = -_mean_frc(self.scene, i, self.scene.centers, self.scene.weights)
                self.assertAlmostEqual(float(file["score"][i]), score, places=5)

    def test_a_planted_change_is_found_in_its_place(self) -> None:
        """Images of the Gaussians changed by so much along a direction of positions and weights."""
        rng, scene = np.random.default_rng(2), self.scene
        along = EigenMotions(rng.normal(size=(1, 4, 3)), 0.3 * rng.normal(size=(1, 4)), np.ones(1))
        places = np.array([-0.5, 0.3, 0.8])
        for i, place in enumerate(places):
            value = scene.transfer(i) * scene.project(i, scene.centers + place * along.motions[0],
                                                      scene.weights * (1 + place * along.amplitude[0]))
            scene.planes[i] = np.stack([value.real, value.imag])
        compared = Compared(self.compared.cache, scene.observer, scene.centers, scene.weights)
        found, _ = best_positions(compared, along, reach=np.array([1.2]), batch_size=2)
        np.testing.assert_allclose(found[:, 0], places, atol=0.03)  # a parabola through places 0.3 apart


class TestEigenMotions(unittest.TestCase):
    def test_amplitudes_alone_and_both(self) -> None:
        rng = np.random.default_rng(1)
        direction = rng.normal(size=50)
        direction /= np.linalg.norm(direction)
        found = eigen_motions(np.outer(direction, direction) + 0.01 * np.eye(50), 1, "amplitude")
        self.assertFalse(found.motions.any())
        self.assertAlmostEqual(abs(found.amplitude[0] @ direction) / np.sqrt(50), 1.0, places=6)
        self.assertAlmostEqual(float(found.reach(16.0)[0] * np.abs(found.amplitude).max()), 1.0)
        # gradients by positions 0.02 / Angstrom, by weights 3: the direction is g after both are made to vary equally
        gradient = np.concatenate([0.02 * rng.normal(size=(50, 3)), 3 * rng.normal(size=(50, 1))], axis=1)
        covariance = np.outer(gradient.ravel(), gradient.ravel())
        found = eigen_motions(covariance, 1, "both")
        scale = np.linalg.norm(gradient[:, :3]) / np.linalg.norm(gradient[:, 3])
        changes = np.concatenate([found.motions[0], found.amplitude[0][:, None]], axis=1)
        expected = gradient * [1, 1, 1, scale**2]
        np.testing.assert_allclose(np.abs(np.vdot(changes, expected)),
                                   np.linalg.norm(changes) * np.linalg.norm(expected), rtol=1e-9)

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
