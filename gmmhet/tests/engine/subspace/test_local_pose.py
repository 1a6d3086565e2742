"""A part with a pose of its own: the decoder against the definition, its prior against planted spreads, and an analysis
in which the whole motion is that of a rigid body."""

import json
import tempfile
import unittest
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from scipy.spatial.transform import Rotation

from gmmhet.engine.analysis import analyze
from gmmhet.engine.config import AnalyzeConfig, FitConfig, SimulateConfig
from gmmhet.engine.errors import InputError
from gmmhet.engine.fitting import fit
from gmmhet.engine.io import write_map
from gmmhet.engine.report import write_report
from gmmhet.engine.simulate import simulate
from gmmhet.engine.subspace.curvature import curvature_sums
from gmmhet.engine.subspace.decoder import LinearModes, View
from gmmhet.engine.subspace.e_step import posterior_step
from gmmhet.engine.subspace.local_pose import LOCAL_POSE, Body, LocalPoseModel, ModesAndBody
from gmmhet.engine.subspace.smooth_fields import smooth_basis
from gmmhet.engine.subspace.state import Posteriors, SubspaceModel
from gmmhet.tests.support.scene import Dense, Scene, changed_consensus, changed_mode, float32

_MODES, _INSIDE = 2, 5  # Gaussians of the part, the first ones


class BodyScene(Scene):
    """A scene whose first Gaussians are a part with a pose of its own; z of two modes, a shift and a turn."""

    def __init__(self) -> None:
        super().__init__(n=3, modes=_MODES, gaussians=9)
        self.body = Body.of(self.centers, self.weights, np.arange(9) < _INSIDE)
        self.modes = _MODES + LOCAL_POSE

    def conformation(self, z: np.ndarray, decoder: LinearModes | None = None) -> tuple[np.ndarray, np.ndarray]:
        centers, weights = super().conformation(z[:_MODES], decoder)
        turn = Rotation.from_rotvec(z[_MODES + 3:] / self.body.radius).as_matrix()
        part = self.body.middle + (centers[:_INSIDE] - self.body.middle) @ turn.T + z[_MODES:_MODES + 3]
        return np.concatenate([part, centers[_INSIDE:]]), weights

    @property
    def decoder(self) -> ModesAndBody:
        return ModesAndBody(self.linear_modes, float32(self.body.inside), float32(self.body.middle),
                            float32(self.body.radius))

    def view(self, i: int, z: np.ndarray, decoder: LinearModes | None = None) -> np.ndarray:
        value = self.project(i, *self.conformation(z, decoder), (decoder or self.own).variances)
        return np.stack([value.real, value.imag])


class TestBody(unittest.TestCase):
    def test_fields_are_small_rigid_movements(self) -> None:
        rng = np.random.default_rng(0)
        centers, weights = rng.normal(size=(30, 3)) * 10, rng.uniform(1, 2, 30)
        inside = np.arange(30) < 12
        body = Body.of(centers, weights, inside)
        fields = body.fields(centers)
        self.assertEqual(np.abs(fields[:, ~inside]).max(), 0)
        middle = np.average(centers[inside], axis=0, weights=weights[inside])
        size = np.average(((centers[inside] - middle) ** 2).sum(1), weights=weights[inside])
        self.assertAlmostEqual(body.radius, np.sqrt(size), places=10)
        shift, turn = np.array([0.3, -0.2, 0.1]), np.array([2e-4, -1e-4, 3e-4])
        moved = middle + (centers[inside] - middle) @ Rotation.from_rotvec(turn).as_matrix().T + shift
        z = np.concatenate([shift, turn * body.radius])
        np.testing.assert_allclose(np.tensordot(z, fields, 1)[inside, :3], moved - centers[inside], atol=1e-5)
        self.assertEqual(np.abs(fields[..., 3:]).max(), 0)


class TestDecoder(unittest.TestCase):
    """Against images by the definition, with turns far from small, and against the dense posterior."""

    def setUp(self) -> None:
        self.scene, rng = BodyScene(), np.random.default_rng(5)
        size = np.repeat([0.5, 1.5, 0.7 * self.scene.body.radius], [_MODES, 3, 3])  # turns of 70 degrees in all
        self.z = rng.normal(size=(3, 8)) * size
        self.z[2, _MODES + 3:] = 1e-3  # where the series is taken
        self.cotangents = rng.normal(size=(3, 8, *self.scene.planes.shape[1:]))
        self.decoder = self.scene.decoder
        self.seen = View.of(self.decoder, self.scene.observer, self.scene.batch, float32(self.z))

    def test_jacobian_matches_finite_differences(self) -> None:
        got = self.decoder.jacobian(self.seen)
        for i in range(3):
            for d, unit in enumerate(np.eye(8)):
                ends = [self.scene.view(i, self.z[i] + s * unit) for s in (1e-4, -1e-4)]
                slope = (ends[0] - ends[1]) / 2e-4
                np.testing.assert_allclose(got[i, d], slope, atol=2e-4 * np.abs(slope).max())

    def gradient(self) -> np.ndarray:
        return np.asarray(self.decoder.consensus_gradient(self.seen, float32(self.cotangents[:, 0])))

    def slope(self, i: int, j: int, a: int) -> np.ndarray:
        """Change of image i by component a of Gaussian j, per unit."""
        ends = [self.scene.view(i, self.z[i], changed_consensus(self.scene.own, j, a, s)) for s in (1e-4, -1e-4)]
        return (ends[0] - ends[1]) / 2e-4

    def test_consensus_gradient_matches_finite_differences(self) -> None:
        got = self.gradient()[..., :5]
        expected = np.empty(got.shape)
        for i, j, a in np.ndindex(got.shape):
            expected[i, j, a] = np.sum(self.cotangents[i, 0] * self.slope(i, j, a))
        for a in range(5):
            np.testing.assert_allclose(got[..., a], expected[..., a], atol=2e-4 * np.abs(expected[..., a]).max())

    def test_mode_gradient_matches_finite_differences(self) -> None:
        """Chain rule through z, and cotangents of each mode pulled back to before the turn."""
        own = float32(self.gradient())
        got = self.decoder.mode_gradient(self.seen, float32(self.cotangents), float32(self.z), own).numpy()
        self.assertEqual(got.shape, (_MODES, 9, 5))
        expected = np.zeros(got.shape)
        for k, j, a in np.ndindex(_MODES, 9, 3):
            for i in range(3):
                ends = [self.scene.view(i, self.z[i], changed_mode(self.scene.own, k, j, a, s)) for s in (1e-4, -1e-4)]
                expected[k, j, a] += np.sum(self.cotangents[i, 0] * (ends[0] - ends[1])) / 2e-4
                expected[k, j, a] += np.sum(self.cotangents[i, k] * self.slope(i, j, a))
        np.testing.assert_allclose(got[..., :3], expected[..., :3], atol=2e-4 * np.abs(expected).max())

    def test_posterior_is_the_dense_one(self) -> None:
        rng = np.random.default_rng(4)
        root = rng.normal(size=(LOCAL_POSE, LOCAL_POSE))
        precision = np.eye(8)
        precision[_MODES:, _MODES:] = root @ root.T + np.eye(LOCAL_POSE)
        dense = Dense(self.scene, rng.uniform(80, 300, (1, self.scene.grid.n_shells)), poses=5, precision=precision,
                      pose_precision=np.array([1.0, 1.0, 800, 800, 400]), mean=1.0, deviation=0.2)
        t = np.column_stack([0.3 * self.z, rng.normal(size=(3, 5)) * 0.01, np.ones(3)])
        found = posterior_step(self.scene.observer, self.scene.batch, dense.tensors(self.decoder), dense.state(t),
                               gradient=True, draws=float32(rng.choice([-1.0, 1.0], (3, 5))))
        self.assertEqual(found.gradient.shape, (_MODES + 1, 9, 5))
        for i in range(3):
            covariance = np.linalg.inv(dense.hessian(i, t[i]))[:8, :8]
            size = np.sqrt(np.diag(covariance))
            np.testing.assert_allclose((found.covariance[i] - covariance) / np.outer(size, size), 0, atol=1e-3)
            # all else integrated out, the local pose too: what is known of the modes beyond their prior
            information = np.linalg.inv(covariance[:_MODES, :_MODES]) - np.eye(_MODES)
            np.testing.assert_allclose(found.information[i], information, rtol=1e-2)

    def test_curvature_lets_the_body_follow(self) -> None:
        """With following = 1, J^T Q J is the curvature with pose, contrast and body integrated out; small turns."""
        scene, rng = self.scene, np.random.default_rng(6)
        precision = np.diag([1.0, 1.0, *np.full(LOCAL_POSE, 0.3)])
        dense = Dense(scene, rng.uniform(80, 300, (1, scene.grid.n_shells)), poses=5, precision=precision,
                      pose_precision=np.array([1.0, 1.0, 800, 800, 400]), mean=1.0, deviation=0.2)
        t = np.column_stack([rng.normal(size=(3, 2)) * 0.3, np.zeros((3, 11)), np.ones(3)])
        scalar = smooth_basis(scene.centers, 6.0)
        got = curvature_sums(dense.point(t, self.decoder), dense.tensors(self.decoder), scalar, tf.ones([3, 1]),
                             1.0).numpy()[0]
        expected = np.zeros_like(got)
        for i in range(scene.n):
            by_gaussian = dense.by_gaussian(i, t[i])
            by_gaussian = np.concatenate([by_gaussian, by_gaussian[..., 3:4]], axis=-1)
            by_gaussian[..., 3] /= 1 + t[i, :_MODES] @ scene.amplitude
            jacobian = np.einsum("pja,jr->par", by_gaussian, scalar).reshape(-1, len(got))
            rest = dense.columns(i, t[i])[:, _MODES:]
            followed = np.linalg.solve(rest.T @ rest + dense.precision[_MODES:, _MODES:], rest.T @ jacobian)
            expected += jacobian.T @ jacobian - (rest.T @ jacobian).T @ followed
        size = np.sqrt(np.diag(expected))
        np.testing.assert_allclose((got - expected) / np.outer(size, size), 0, atol=2e-3)  # float32, much of it cancels


class TestPrior(unittest.TestCase):
    def test_spread_of_noisy_local_poses_is_that_planted(self) -> None:
        """z = C (C + E)^-1 y is the posterior mean of y = true + error: the fixed point must be C, from any start."""
        rng = np.random.default_rng(1)
        axes = np.linalg.qr(rng.normal(size=(LOCAL_POSE, LOCAL_POSE)))[0]
        true = (axes * np.array([9.0, 4, 1, 0.5, 0.25, 0.1])) @ axes.T
        error = 0.5 * np.eye(LOCAL_POSE)
        y = rng.multivariate_normal(np.zeros(LOCAL_POSE), true + error, 40000)
        plain = SubspaceModel(np.zeros((1, 3)), np.ones(1), np.ones(1), np.zeros((1, 4)), np.ones((1, 2)), 1.0, 0.1)
        body = Body(np.ones(1), np.zeros(3), 10.0)
        model = LocalPoseModel.of(plain, body, np.sqrt(3.0))
        for _ in range(60):
            gain = model.local @ np.linalg.inv(model.local + error)
            covariance = model.local - gain @ model.local
            z = np.pad(y @ gain.T, [(0, 0), (1, 0)])
            spread = np.pad(covariance, [(1, 0), (1, 0)])
            model = model.with_nuisances_of(Posteriors(np.arange(len(z)), z, np.zeros((len(z), 0)), np.ones(len(z)),
                                                     mean_covariance=spread))
        found = axes.T @ model.local @ axes  # a little less than planted, most where images tell the least
        ratios = np.diag(found) / np.diag(axes.T @ true @ axes)
        self.assertTrue((ratios > 0.8).all() and (ratios < 1.05).all(), ratios)
        self.assertGreater(ratios[:3].min(), 0.95)
        np.testing.assert_allclose(found - np.diag(np.diag(found)), 0, atol=0.1)
        shift, turn = model.local_pose.shift, model.local_pose.turn
        self.assertAlmostEqual(shift, np.sqrt(np.trace(true[:3, :3])), delta=0.1)
        self.assertAlmostEqual(turn, np.sqrt(np.trace(true[3:, 3:])) / 10, delta=0.01)


def _molecule(folder: Path, config: SimulateConfig) -> None:
    """particles.star, model.npz, and mask.mrc around the arm that turns in a hinge."""
    simulate(config, folder)
    fit(folder / "consensus.mrc", FitConfig(resolution=18.0), folder / "model.npz")
    x = (np.arange(36) - 18) * 5.0
    write_map(folder / "mask.mrc", np.broadcast_to(x > 12.0, (36, 36, 36)).astype(np.float32), 5.0)


class TestAnalysis(unittest.TestCase):
    def test_an_arm_that_turns_is_a_body_and_no_mode(self) -> None:
        """The hinge's arm turns about a fixed axis. --focus alone finds a mode (test_analysis_poses); with a local pose
        nothing is left."""
        with tempfile.TemporaryDirectory() as name:
            data = Path(name)
            _molecule(data, SimulateConfig("hinge11", 500, 36, 5.0, 0.5, seed=2))
            analyze(data / "particles.star", data / "model.npz",
                    AnalyzeConfig(modes=1, focus=data / "mask.mrc", local_pose=True), data / "out")
            summary = json.loads((data / "out" / "summary.json").read_text())
            self.assertEqual(summary["n_significant_modes"], 0)
            truth = np.genfromtxt(data / "truth.csv", delimiter=",", names=True)["coordinate"]
            with np.load(data / "out" / "analysis.npz") as found:
                pose, deviations = found["local_pose"], found["local_pose_deviations"]
                self.assertEqual(found["coordinates"].shape, (500, 1))
            self.assertEqual((pose.shape, deviations.shape), ((500, 6), (500, 6)))
            turn = np.linalg.svd(pose[:, 3:] - pose[:, 3:].mean(0), full_matrices=False)
            along = turn[0][:, 0] * turn[1][0]
            self.assertGreater(abs(np.corrcoef(along, truth)[0, 1]), 0.9)
            slope = abs(np.polyfit(truth, np.rad2deg(along), 1)[0])  # posterior means shrink towards zero
            self.assertTrue(0.6 < slope < 1.15, slope)
            told = summary["local_pose"]
            self.assertTrue(0.8 < told["turn_degrees"] / truth.std() < 1.3, (told, truth.std()))
            self.assertTrue(told["significant"])
            self.assertGreater(told["heldout_gain"], 5)
            self.assertIn("other than that of the part in focus", summary["verdict"])
            write_report(data / "out", data / "report.html")
            page = (data / "report.html").read_text()
            self.assertIn(told["words"], page)
            self.assertIn("The part in focus moves as a rigid body</h1>", page)

    def test_a_part_at_rest_is_not_said_to_move(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            data = Path(name)
            _molecule(data, SimulateConfig("null", 300, 36, 5.0, 0.5, seed=3))
            options: dict[str, Any] = {"modes": 1, "focus": data / "mask.mrc", "local_pose": True}
            analyze(data / "particles.star", data / "model.npz", AnalyzeConfig(**options), data / "out")
            summary = json.loads((data / "out" / "summary.json").read_text())
            self.assertFalse(summary["local_pose"]["significant"])
            self.assertIn("is not significant", summary["local_pose"]["words"])
            self.assertEqual(summary["n_significant_modes"], 0)
            write_map(data / "all.mrc", np.ones((36, 36, 36), np.float32), 5.0)
            with self.assertRaisesRegex(InputError, "expects a part of the molecule"):
                analyze(data / "particles.star", data / "model.npz",
                        AnalyzeConfig(**(options | {"focus": data / "all.mrc"})), data / "no")

    def test_a_local_pose_needs_a_focus_and_the_whole(self) -> None:
        with self.assertRaisesRegex(InputError, "without --focus"):
            AnalyzeConfig(local_pose=True)
        with self.assertRaisesRegex(InputError, "without local poses"):
            AnalyzeConfig(local_pose=True, focus=Path("mask.mrc"), symmetry="C2")


if __name__ == "__main__":
    unittest.main()
