"""Searches on some of the particles: which these are, what is left beside the modes, and the whole analysis."""

import csv
import json
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
from scipy.spatial.transform import Rotation
from scipy.stats import spearmanr

from gmmhet.engine.analysis import analyze
from gmmhet.engine.analysis.all_particles import decided, motion_left
from gmmhet.engine.analysis.search_sample import SearchRows, first_number, sample_order, search_rows
from gmmhet.engine.analysis.settings import SEARCH_SAMPLE
from gmmhet.engine.config import AnalyzeConfig, FitConfig, SimulateConfig
from gmmhet.engine.errors import InputError
from gmmhet.engine.fitting import fit
from gmmhet.engine.io import read_star
from gmmhet.engine.options import build, words
from gmmhet.engine.runtime.checkpoint import NO_JOURNAL
from gmmhet.engine.simulate import simulate
from gmmhet.tests.engine.analysis.test_resume import Killed, KilledAt

_PARTICLES, _SOME = 420, 200


class Table(SimpleNamespace):
    """What a sample needs of particles."""

    def __len__(self) -> int:
        return len(self.halves)


def table_of(n: int, groups: int = 3, seed: int = 0) -> Any:
    """Views of all directions; half-sets and optics groups drawn by chance."""
    rng = np.random.default_rng(seed)
    rotations = Rotation.random(n, random_state=rng).as_matrix()
    group = rng.choice(groups, n, p=np.array([6, 3, 1.0])[:groups] / np.array([6, 3, 1.0])[:groups].sum())
    return Table(halves=rng.integers(1, 3, n), optics_index=group, rotations=rotations)


class TestSample(unittest.TestCase):

    def test_every_beginning_has_its_share_of_every_stratum(self) -> None:
        table = table_of(6000)
        order = sample_order(table, 0)
        np.testing.assert_array_equal(np.sort(order), np.arange(6000))
        strata = 10 * table.halves + table.optics_index
        for number in (300, 777, 2048, 5000):
            for stratum in np.unique(strata):
                expected = number * np.mean(strata == stratum)
                got = np.sum(strata[order[:number]] == stratum)
                self.assertLess(abs(got - expected), 3 + SEARCH_SAMPLE.of_group * (expected < SEARCH_SAMPLE.of_group))

    def test_views_are_more_even_than_by_chance(self) -> None:
        """Pearson's statistic of numbers in cells of directions, seen from the front and from behind alike."""
        table, number = table_of(6000, groups=1, seed=3), 600
        views = table.rotations[:, 2] * np.sign(table.rotations[:, 2, 2:])
        angle = np.arctan2(views[:, 1], views[:, 0])
        cell = 12 * np.floor(4 * views[:, 2]).astype(int) + np.floor(6 * (angle / np.pi + 1)).astype(int) % 12
        expected = np.bincount(cell, minlength=48) * number / 6000

        def statistic(rows: np.ndarray) -> float:
            return float(np.sum((np.bincount(cell[rows], minlength=48) - expected) ** 2 / expected))

        rng = np.random.default_rng(0)
        chance = [statistic(rng.permutation(6000)[:number]) for _ in range(200)]
        for seed in range(4):
            self.assertLess(statistic(sample_order(table, seed)[:number]), np.quantile(chance, 0.005))

    def test_the_order_is_of_the_seed(self) -> None:
        table = table_of(2000)
        np.testing.assert_array_equal(sample_order(table, 1), sample_order(table, 1))
        shared = np.intersect1d(sample_order(table, 1)[:300], sample_order(table, 2)[:300])
        self.assertLess(len(shared), 120)  # 45 by chance

    def test_small_groups_are_there(self) -> None:
        table = table_of(3000)
        table.optics_index[:] = 0
        table.optics_index[:5] = 1
        rows = search_rows(table, 100, 50, 0).rows
        self.assertTrue(np.isin(np.arange(5), rows).all())

    def test_numbers(self) -> None:
        table = table_of(100_000)
        few = search_rows(table, None, 400, 0)
        self.assertEqual(few.number, first_number(400))
        np.testing.assert_array_equal(few.rows, np.sort(few.order[:few.number]))
        self.assertTrue(np.isin(few.rows, few.more().rows).all())
        self.assertTrue(search_rows(table, 0, 400, 0).all)
        self.assertTrue(search_rows(table_of(3000), None, 400, 0).all)  # they would be most of them
        self.assertTrue(search_rows(table_of(3000), 5000, 400, 0).all)
        self.assertEqual(search_rows(table_of(3000), 2500, 400, 0).number, 2500)
        self.assertTrue(SearchRows(np.arange(1000), 300).more().all)

    def test_so_many_find_a_motion(self) -> None:
        """Gradients are drawn: 1 + I along one direction, 1 across; the first principal axis of half the sample."""
        rng, directions = np.random.default_rng(5), 250
        n = first_number(directions) // 2
        cosines = []
        for _ in range(8):
            drawn = rng.normal(size=(n, directions))
            drawn[:, 0] *= np.sqrt(1 + SEARCH_SAMPLE.information)
            cosines.append(np.linalg.eigh(drawn.T @ drawn)[1][0, -1] ** 2)
        self.assertAlmostEqual(float(np.mean(cosines)), SEARCH_SAMPLE.cosine, delta=0.06)


class Gradients:
    """Stands for an estimator: gradients of n particles whose covariance is H + I H u u^T H, u^T H u = 1."""

    def __init__(self, n: int, information: float, seed: int) -> None:
        rng, size = np.random.default_rng(seed), 40
        basis = np.linalg.qr(rng.normal(size=(size, size)))[0]
        self.curvature = basis * np.exp(rng.uniform(-2, 2, size)) @ basis.T
        along = rng.normal(size=size)
        along = self.curvature @ along / np.sqrt(along @ self.curvature @ along)
        root = np.linalg.cholesky(self.curvature)
        self.gradients = rng.normal(size=(n, size)) @ root.T
        self.gradients += np.sqrt(information) * rng.normal(size=(n, 1)) * along
        self.spec = SimpleNamespace(directions=np.eye(size))

    def gradient_covariance(self, model: object, some: Any) -> np.ndarray:
        return np.cov(self.gradients[some.rows].T, bias=True)

    def still_curvature(self, model: object, some: Any, *, sample: int) -> np.ndarray:
        return self.curvature

    def found(self, gain: float = 0.0, error: float = 0.005) -> Any:
        rows = np.arange(len(self.gradients))
        particles = SimpleNamespace(rows=rows, at=lambda chosen: SimpleNamespace(rows=rows[chosen]), z=rows[:, None])
        evidence = SimpleNamespace(significant=1, gain=np.array([3.0, gain]), error=np.array([0.1, error]), null=0.0)
        return SimpleNamespace(estimator=self, final=SimpleNamespace(model=None, posteriors=particles),
                               evidence=evidence)


class TestMotionLeft(unittest.TestCase):

    def test_planted_information_is_found(self) -> None:
        halves = np.arange(8000) % 2 + 1
        for information in (0.5, 1.0, 3.0):
            left = motion_left(Gradients(8000, information, 2).found(), halves)
            # the direction that a half-set tells has a squared cosine below 1
            ratio = 40 / 4000
            cosine = (1 - ratio / information**2) / (1 + ratio / information)
            self.assertLess(abs(left.information - cosine * information), 4 * left.error + 0.02)
            self.assertGreater(left.gain, 4 * left.gain_error)

    def test_noise_is_none(self) -> None:
        halves = np.arange(8000) % 2 + 1
        for seed in range(5):
            left = motion_left(Gradients(8000, 0.0, seed).found(), halves)
            self.assertLess(abs(left.information), 5 * left.error)

    def test_what_decides(self) -> None:
        halves = np.arange(8000) % 2 + 1
        still, moving = Gradients(8000, 0.0, 1), Gradients(8000, 1.5, 1)
        self.assertTrue(decided(still.found(-0.01), 2000, halves, NO_JOURNAL))
        self.assertFalse(decided(moving.found(-0.01), 2000, halves, NO_JOURNAL))
        self.assertFalse(decided(still.found(0.015), 2000, halves, NO_JOURNAL))


class TestOption(unittest.TestCase):

    def test_words(self) -> None:
        for text, value in (("auto", None), ("all", 0), ("2000", 2000)):
            config = build(AnalyzeConfig, {"search_particles": text})
            self.assertEqual(config.search_particles, value)
            self.assertIn(text, words(config))

    def test_refused(self) -> None:
        for text in ("some", "0", "-4", "1.5"):
            with self.assertRaisesRegex(InputError, f"--search-particles is '?{text}'?; expected"):
                build(AnalyzeConfig, {"search_particles": text})
        with self.assertRaisesRegex(InputError, "--search-particles is 49; expected at least 50"):
            search_rows(table_of(3000), 49, 100, 0)
        with self.assertRaisesRegex(InputError, "--method gradient-pca and --search-particles"):
            AnalyzeConfig(method="gradient-pca", search_particles=100)


class TestAnalysis(unittest.TestCase):
    """A whole analysis of a hinge on half of the particles, killed on the way and gone on with."""

    folder: ClassVar[Path]

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        simulate(SimulateConfig("hinge11", _PARTICLES, 24, 9.0, 1.0), cls.folder)
        fit(cls.folder / "consensus.mrc", FitConfig(n_gaussians=14, resolution=30.0), cls.folder / "model.npz")

    def analyze(self, name: str) -> Path:
        config = AnalyzeConfig(poses="exact", occupancy=False, follow="no", junk="keep", cross_coordinates="no",
                               search_particles=_SOME, resume=True)
        analyze(self.folder / "particles.star", self.folder / "model.npz", config, self.folder / name)
        return self.folder / name

    def test_all_are_placed_and_a_killed_search_goes_on(self) -> None:
        with self.assertLogs("gmmhet", "INFO") as logs:
            whole = self.analyze("whole")
        self.assertIn("modes are searched on 200 of 420 particles, as given", "\n".join(logs.output))
        summary = json.loads((whole / "summary.json").read_text())
        self.assertEqual(summary["n_significant_modes"], 1)
        self.assertEqual(summary["settings"]["particles_searched"], _SOME)
        with open(self.folder / "truth.csv", newline="") as file:
            truth = np.array([float(row["coordinate"]) for row in csv.DictReader(file)])
        z = read_star(whole / "latents.star")["particles"].floats("gmmhetLatent1")
        self.assertEqual(len(z), _PARTICLES)
        self.assertGreater(abs(spearmanr(z, truth)[0]), 0.9)
        with self.assertRaises(Killed), KilledAt(12, written=True):
            self.analyze("killed")
        self.analyze("killed")
        with np.load(whole / "analysis.npz") as one, np.load(self.folder / "killed" / "analysis.npz") as other:
            self.assertEqual({k: one[k].tobytes() for k in one.files}, {k: other[k].tobytes() for k in other.files})


if __name__ == "__main__":
    unittest.main()
