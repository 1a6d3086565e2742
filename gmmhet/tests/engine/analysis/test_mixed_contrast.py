"""Half of the images of a set are inverted: the mean over all says nothing, each of them does."""

import json
import tempfile
import unittest
from pathlib import Path

import mrcfile
import numpy as np
from scipy.stats import spearmanr

from gmmhet.engine.analysis import analyze
from gmmhet.engine.config import AnalyzeConfig, FitConfig, SimulateConfig
from gmmhet.engine.fitting import fit
from gmmhet.engine.io import read_particles, read_star
from gmmhet.engine.simulate import simulate

_PARTICLES = 300


class TestMixedContrast(unittest.TestCase):
    def test_images_of_either_contrast_follow_the_planted_motion(self) -> None:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        simulate(SimulateConfig("hinge11", _PARTICLES, 32, 8.0, 0.5, seed=4), folder)
        fit(folder / "consensus.mrc", FitConfig(resolution=24.0), folder / "model.npz")
        signs = np.where(np.random.default_rng(0).permutation(_PARTICLES) < _PARTICLES // 2, -1, 1)
        with mrcfile.open(folder / "particles.mrcs", "r+") as stack:
            stack.set_data(stack.data * signs[:, None, None].astype(np.float32))
        out = folder / "out"
        with self.assertLogs("gmmhet", "WARNING") as log:
            analyze(folder / "particles.star", folder / "model.npz",
                    AnalyzeConfig(modes=1, follow="no", poses="exact"), out)
        table = read_star(out / "latents.star")["particles"]
        found = table.integers("gmmhetImageSign")
        self.assertGreater((found == signs).mean(), 0.99)
        np.testing.assert_array_equal(read_particles(out / "latents.star").signs, found)
        words = f"The contrast is mixed: {(found < 0).sum()} of {_PARTICLES} images are inverted"
        summary = json.loads((out / "summary.json").read_text())
        self.assertIn(words, "".join(log.output))
        self.assertIn(words, summary["verdict"])
        self.assertEqual(summary["contrast_sign"], 1)
        self.assertGreater(summary["score_given"], 2 * summary["score_shuffled_max"])
        result = np.load(out / "analysis.npz")
        self.assertAlmostEqual(float(result["contrast"].mean()), 1.0, delta=0.15)
        truth = np.genfromtxt(folder / "truth.csv", delimiter=",", names=True)["coordinate"]
        self.assertGreater(abs(spearmanr(result["coordinates"][:, 0], truth).statistic), 0.9)


if __name__ == "__main__":
    unittest.main()
