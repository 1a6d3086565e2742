"""Composition by gradient PCA of amplitudes, and the gradients that are written, on particles with and without a
domain."""

import json
import tempfile
import unittest
from pathlib import Path

import h5py
import numpy as np
from scipy.stats import mannwhitneyu

from gmmhet.engine.analysis import analyze
from gmmhet.engine.config import AnalyzeConfig, FitConfig, SimulateConfig
from gmmhet.engine.errors import InputError
from gmmhet.engine.fitting import fit
from gmmhet.engine.io import read_map, read_particles
from gmmhet.engine.simulate import simulate


class TestComposition(unittest.TestCase):
    folder: Path
    truth: np.ndarray

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        simulate(SimulateConfig("twostate", 240, 24, 9.0, 1.0), cls.folder)
        fit(cls.folder / "consensus.mrc", FitConfig(n_gaussians=24, resolution=30.0), cls.folder / "model.npz")
        analyze(cls.folder / "particles.star", cls.folder / "model.npz",
                AnalyzeConfig(method="gradient-pca", gradients="amplitude", modes=1, write_gradients=True),
                cls.folder / "out")
        cls.truth = np.genfromtxt(cls.folder / "truth.csv", delimiter=",", names=True)["coordinate"]

    def test_the_planted_domain_is_the_first_component(self) -> None:
        """Its Gaussians change alike, those of the rest hardly; particles follow."""
        with np.load(self.folder / "out" / "analysis.npz") as found:
            z, change, centers = found["coordinates"][:, 0], found["modes_amplitude"][0], found["centers"]
            self.assertFalse(found["modes_position"].any())
        states = [read_map(self.folder / "truth" / f"state_{number:02d}.mrc") for number in (0, 1)]
        x, y, v = (np.rint(centers / 9.0).astype(int) + 12).T
        absent, there = (state.data[v, y, x] for state in states)
        self.assertGreater(abs(np.corrcoef(change, (there - absent) / np.maximum(there, absent))[0, 1]), 0.8)
        higher = mannwhitneyu(z[self.truth > 0.5], z[self.truth < 0.5]).statistic
        share = higher / (self.truth > 0.5).sum() / (self.truth < 0.5).sum()
        self.assertGreater(max(share, 1 - share), 0.95)  # of the pairs, one with and one without, in one order

    def test_gradients_that_are_written_tell_the_same(self) -> None:
        table = read_particles(self.folder / "particles.star")
        with h5py.File(self.folder / "out" / "gradients.h5") as file, \
                np.load(self.folder / "out" / "analysis.npz") as found:
            np.testing.assert_array_equal(file["ids"], table.ids)
            np.testing.assert_array_equal(file["half"], table.halves)
            position, amplitude = file["position"][:].astype(float), file["amplitude"][:].astype(float)
            np.testing.assert_allclose(np.linalg.norm(position, axis=2).mean(0), found["flexibility"], rtol=1e-4)
            np.testing.assert_allclose(amplitude.std(0), found["occupancy"], rtol=1e-4)
            np.testing.assert_allclose(file["score"], found["score"], rtol=1e-5)
            change = found["modes_amplitude"][0]
        first = np.linalg.svd(amplitude - amplitude.mean(0), full_matrices=False)[2][0]
        self.assertGreater(abs(first @ change) / np.linalg.norm(change), 0.9999)

    def test_it_is_told(self) -> None:
        summary = json.loads((self.folder / "out" / "summary.json").read_text())
        self.assertIn("It changes the amount of density", summary["modes"][0]["verdict"])

    def test_options_that_contradict_each_other(self) -> None:
        for options, words in (({"gradients": "amplitude"}, "expected --gradients with --method gradient-pca"),
                               ({"method": "gradient-pca", "motion": False}, "expected --gradients amplitude"),
                               ({"method": "gradient-pca", "occupancy": False}, "expected --gradients position"),
                               ({"method": "gradient-pca", "gradients": "x"}, "expected one of position, amplitude")):
            with self.subTest(words), self.assertRaisesRegex(InputError, words):
                AnalyzeConfig(**options)


if __name__ == "__main__":
    unittest.main()
