"""Analyses that are killed and run again: what comes out is, to the last bit, what comes out of one that was not."""

import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar
from unittest import mock

import numpy as np

from gmmhet.engine.analysis import analyze, stage
from gmmhet.engine.analysis.subspace_method import search
from gmmhet.engine.config import AnalyzeConfig, FitConfig, SimulateConfig
from gmmhet.engine.fitting import fit
from gmmhet.engine.runtime import checkpoint
from gmmhet.engine.runtime.checkpoint import NO_JOURNAL, Journal
from gmmhet.engine.simulate import simulate
from gmmhet.engine.subspace.estimator_spec import EstimatorSpec
from gmmhet.engine.subspace.passes import SubspaceEstimator
from gmmhet.engine.subspace.pieces import PIECES
from gmmhet.engine.subspace.pose_spread import PoseSpread
from gmmhet.engine.subspace.smooth_fields import FieldBasis, smooth_basis
from gmmhet.engine.subspace.state import SubspaceModel
from gmmhet.tests.support.scene import Scene

_PARTICLES = 96


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the engine may catch it."""


class KilledAt:
    """The process dies as its ``number``-th page (from 1) is about to be written, or just was."""

    def __init__(self, number: int, *, written: bool) -> None:
        self.number, self.written, self.count = number, written, 0
        self.write = checkpoint.Page.write

    def __enter__(self) -> None:
        def write(page: checkpoint.Page, value: Any) -> None:
            self.count += page.path is not None
            if self.count < self.number or self.written:
                self.write(page, value)
            if page.path is not None and self.count == self.number:
                raise Killed

        self.patch = mock.patch.object(checkpoint.Page, "write", write)
        self.patch.start()

    def __exit__(self, *_: object) -> None:
        self.patch.stop()


class Images:
    """A scene as a cache."""

    def __init__(self, scene: Scene, halves: np.ndarray) -> None:
        self.grid, self.scene = scene.grid, scene
        self.table = SimpleNamespace(**vars(scene.cache.table), halves=halves)

    def __len__(self) -> int:
        return self.scene.n

    def read(self, rows: np.ndarray) -> np.ndarray:
        return self.scene.planes[rows]


class TestSearch(unittest.TestCase):
    """Calibration, null, half-sets, gains and the fit of all particles, with poses in error."""

    estimator: ClassVar[SubspaceEstimator]
    start: ClassVar[SubspaceModel]

    @classmethod
    def setUpClass(cls) -> None:
        scene = Scene(n=_PARTICLES, gaussians=10, modes=1, groups=2, seed=8)
        rng = np.random.default_rng(1)
        basis = FieldBasis.of(smooth_basis(scene.centers, 14.0), position=4.0, amplitude=0.3)
        field = basis.fields(0.5 * rng.normal(size=(1, basis.size)))
        scene.position, scene.amplitude = field[..., :3], field[..., 3]
        noise = np.array([[60.0], [90.0]]) * np.ones(scene.grid.n_shells)
        for i in range(_PARTICLES):
            deviation = np.sqrt(noise[scene.group[i]][scene.grid.clipped_shell])
            pose = rng.normal(size=5) * np.array([0.5, 0.5, 0.01, 0.01, 0.01])
            scene.planes[i] = scene.image(i, rng.normal(size=1), pose) + rng.normal(
                size=scene.planes[i].shape) * deviation
        images: Any = Images(scene, 1 + np.arange(_PARTICLES) // 2 % 2)
        cls.estimator = SubspaceEstimator(EstimatorSpec(images, scene.observer, basis, basis, batch_size=48))
        cls.start = SubspaceModel(scene.centers, scene.weights, scene.sigmas**2, np.zeros((1, basis.size)), noise, 1.0,
                                  0.3, PoseSpread(0.8, 0.03, 0.03))

    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name) / "checkpoint"

    def find(self, journal: Journal | None = None) -> tuple[Any, int]:
        """What search gives, as plain values, and the number of passes it made."""
        with mock.patch.object(SubspaceEstimator, "pass_over", autospec=True, side_effect=SubspaceEstimator.pass_over,
                               ) as passes:
            found = search(
                self.estimator, self.start, self.estimator.spec.cache.table.halves, AnalyzeConfig(),
                journal or self.journal())
        arrays: list[Any] = []
        tree = checkpoint._packed((found.final, found.evidence, found.reference), arrays)
        return (tree, [a.tobytes() for a in arrays]), passes.call_count

    def journal(self) -> Journal:
        return Journal(self.folder, None, PIECES, resume=True)

    def test_killed_again_and_again(self) -> None:
        """At the 2nd, 5th, 8th ... page of what was left each time, before or after it was written."""
        expected, all_passes = self.find(NO_JOURNAL)
        deaths, made = 0, 0
        for number in range(2, 60, 3):
            with mock.patch.object(SubspaceEstimator, "pass_over", autospec=True,
                                   side_effect=SubspaceEstimator.pass_over) as passes:
                try:
                    with KilledAt(number, written=bool(number % 2)):
                        search(self.estimator, self.start, self.estimator.spec.cache.table.halves, AnalyzeConfig(),
                               self.journal())
                    alive = True
                except Killed:
                    alive = False
                made += passes.call_count
            if alive:
                break
            deaths += 1
        self.assertGreaterEqual(deaths, 4)
        again, last = self.find()
        self.assertEqual(last, 0)
        self.assertEqual(again, expected)
        self.assertLess(made, 1.5 * all_passes)  # of what a killed process did, little is done again


class TestStage(unittest.TestCase):
    """The whole stage, by gradient PCA: what is kept, and what becomes of it."""

    folder: ClassVar[Path]

    @classmethod
    def setUpClass(cls) -> None:
        holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(holder.cleanup)
        cls.folder = Path(holder.name)
        simulate(SimulateConfig("hinge11", 60, 24, 7.0, 1.0), cls.folder)
        fit(cls.folder / "consensus.mrc", FitConfig(n_gaussians=12, resolution=28.0), cls.folder / "model.npz")

    def analyze(self, name: str, *, resume: bool = True, seed: int = 0) -> None:
        analyze(self.folder / "particles.star", self.folder / "model.npz",
                AnalyzeConfig(method="gradient-pca", modes=1, seed=seed, resume=resume), self.folder / name)

    def contents(self, name: str) -> dict[str, bytes]:
        with np.load(self.folder / name / "analysis.npz") as found:
            return {key: found[key].tobytes() for key in found.files}

    def test_a_killed_analysis_goes_on_and_leaves_nothing_behind(self) -> None:
        self.analyze("whole")
        with self.assertRaises(Killed), KilledAt(2, written=True):
            self.analyze("killed")
        self.assertFalse((self.folder / "killed" / "summary.json").exists())
        with mock.patch.object(stage, "score_pass", side_effect=AssertionError("done again")):
            self.analyze("killed")
        self.assertEqual(self.contents("killed"), self.contents("whole"))
        self.assertFalse((self.folder / "killed" / "checkpoint").exists())

    def test_other_parameters_and_runs_without_resume_start_anew(self) -> None:
        for number, changed in enumerate(({"seed": 1}, {"resume": False})):
            with self.assertRaises(Killed), KilledAt(2, written=True):
                self.analyze(f"changed{number}")
            with mock.patch.object(stage, "score_pass", side_effect=stage.score_pass) as scores:
                self.analyze(f"changed{number}", **changed)
            self.assertEqual(scores.call_count, 1)

    def test_what_another_version_finished_is_not_kept(self) -> None:
        with mock.patch.object(stage, "__version__", "0.0.1"):
            self.analyze("older")
        for passes in (1, 0):
            with mock.patch.object(stage, "score_pass", side_effect=stage.score_pass) as scores:
                self.analyze("older")
            self.assertEqual(scores.call_count, passes)

    def test_a_kill_after_the_last_file_is_tidied_up(self) -> None:
        with mock.patch.object(Journal, "remove", side_effect=[None, Killed]), self.assertRaises(Killed):
            self.analyze("late")
        self.assertTrue((self.folder / "late" / "checkpoint").exists())
        self.analyze("late")
        self.assertFalse((self.folder / "late" / "checkpoint").exists())


if __name__ == "__main__":
    unittest.main()
