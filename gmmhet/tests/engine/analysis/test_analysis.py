"""The analyze stage on planted data: a hinge is found, a motionless molecule has none, bad input is refused."""

import contextlib
import io
import json
import tempfile
import unittest
from pathlib import Path
from typing import Any, ClassVar

import mrcfile
import numpy as np
from scipy.stats import spearmanr

from gmmhet.engine.analysis import analyze
from gmmhet.engine.commands.main import main
from gmmhet.engine.config import AnalyzeConfig, FitConfig, SimulateConfig
from gmmhet.engine.fitting import fit
from gmmhet.engine.io import read_star
from gmmhet.engine.molecule.gaussians import GaussianModel
from gmmhet.engine.simulate import simulate
from gmmhet.tests.support.slow import slow

_PARTICLES = 400


def _made(folder: Path, preset: str, snr: float = 0.3) -> Path:
    """Simulated particles and the model of their consensus: 36 px of 5 A, analysed at 18 A."""
    simulate(SimulateConfig(preset, _PARTICLES, 36, 5.0, snr, seed=4), folder)
    fit(folder / "consensus.mrc", FitConfig(resolution=18.0), folder / "model.npz")
    return folder


class Shared(unittest.TestCase):
    temporary: ClassVar[tempfile.TemporaryDirectory[str]]
    root: ClassVar[Path]

    @classmethod
    def setUpClass(cls) -> None:
        cls.temporary = tempfile.TemporaryDirectory()
        cls.root = Path(cls.temporary.name)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.temporary.cleanup()


class TestHinge(Shared):
    data: ClassVar[Path]
    result: ClassVar[Any]
    summary: ClassVar[dict[str, Any]]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.data = _made(cls.root / "hinge", "hinge11")
        analyze(cls.data / "particles.star", cls.data / "model.npz", AnalyzeConfig(), cls.root / "out")
        cls.result = np.load(cls.root / "out" / "analysis.npz")
        cls.summary = json.loads((cls.root / "out" / "summary.json").read_text())

    def truth(self) -> np.ndarray:
        return np.genfromtxt(self.data / "truth.csv", delimiter=",", names=True)["coordinate"]

    def test_first_mode_is_the_planted_motion(self) -> None:
        self.assertGreaterEqual(self.summary["n_significant_modes"], 1)
        self.assertGreater(abs(spearmanr(self.result["coordinates"][:, 0], self.truth()).statistic), 0.94)
        self.assertGreater(self.summary["modes"][0]["halfset_correlation"], 0.9)

    def test_uncertainties_cover_the_errors(self) -> None:
        """Errors of the least-squares calibrated coordinate over their posterior standard deviations: about 1."""
        z, t = self.result["coordinates"][:, 0], self.truth()
        slope, offset = np.polyfit(t, z, 1)
        ratio = np.std(z - slope * t - offset) / np.sqrt(np.mean(self.result["covariance"][:, 0, 0]))
        self.assertTrue(0.6 < ratio < 2.0, ratio)  # the motion is an arc: a straight mode adds some misfit

    def test_moving_gaussians_are_those_of_the_arm(self) -> None:
        """The mode's displacement is large where the two extreme true maps differ."""
        size = np.linalg.norm(self.result["modes_position"][0], axis=1)
        low, high = (mrcfile.read(self.data / "truth" / f"state_{n}.mrc") for n in ("00", "10"))
        index = np.rint(self.result["centers"] / 5.0).astype(int) + 18
        change = np.abs(high - low)[tuple(index.T[::-1])] / np.maximum(np.abs(high + low)[tuple(index.T[::-1])], 1e-3)
        self.assertGreater(spearmanr(size, change).statistic, 0.3)

    def test_contrast_and_scores(self) -> None:
        self.assertAlmostEqual(float(self.result["contrast"].mean()), 1.0, delta=0.1)
        self.assertEqual(self.summary["contrast_sign"], 1)
        self.assertGreater(self.summary["score_given"], self.summary["score_shuffled_max"])

    def test_latents_hold_every_row_unchanged(self) -> None:
        before = read_star(self.data / "particles.star")["particles"].columns
        after = read_star(self.root / "out" / "latents.star")["particles"].columns
        for name, values in before.items():
            if name != "rlnImageName":  # the stack is named from another folder
                self.assertEqual(after[name], values)
        z = np.array(after["gmmhetLatent1"], float)
        np.testing.assert_allclose(z, self.result["coordinates"][:, 0], atol=1e-6)
        np.testing.assert_allclose(np.array(after["gmmhetLatentSd1"], float),
                                   np.sqrt(self.result["covariance"][:, 0, 0]), atol=1e-6)

    def test_frames_are_maps_along_the_mode(self) -> None:
        frames = self.summary["modes"][0]["frames"]
        coordinates = [f["coordinate"] for f in frames]
        self.assertEqual(coordinates, sorted(coordinates))
        maps = [mrcfile.read(self.root / "out" / f["file"]) for f in frames]
        low, high = (mrcfile.read(self.data / "truth" / f"state_{n}.mrc") for n in ("00", "10"))
        along = [np.sum(m * (high - low)) for m in maps]  # towards one end, away from the other
        self.assertGreater(abs(spearmanr(coordinates, along).statistic), 0.95)

    @slow
    def test_inverted_images_give_the_same_coordinates(self) -> None:
        other = self.root / "inverted"
        other.mkdir()
        with mrcfile.open(self.data / "particles.mrcs") as source, mrcfile.new(other / "particles.mrcs") as target:
            target.set_data(-source.data)
        (other / "particles.star").write_text((self.data / "particles.star").read_text())
        analyze(other / "particles.star", self.data / "model.npz", AnalyzeConfig(), other / "out")
        summary = json.loads((other / "out" / "summary.json").read_text())
        self.assertEqual(summary["contrast_sign"], -1)
        self.assertIn("inverted contrast (dark particles)", summary["verdict"])
        result = np.load(other / "out" / "analysis.npz")
        self.assertAlmostEqual(float(result["contrast"].mean()), -1.0, delta=0.1)
        correlation = np.corrcoef(result["coordinates"][:, 0], self.result["coordinates"][:, 0])[0, 1]
        self.assertGreater(abs(correlation), 0.999)

    @slow
    def test_movements_and_changes_of_amplitude_can_be_left_out(self) -> None:
        there = _made(self.root / "there", "twostate")
        for data, options, silent, heard in (
                (self.data, {"occupancy": False}, "modes_amplitude", "modes_position"),
                (there, {"motion": False}, "modes_position", "modes_amplitude")):
            analyze(data / "particles.star", data / "model.npz", AnalyzeConfig(modes=1, poses="exact", **options),
                    self.root / "one")
            with np.load(self.root / "one" / "analysis.npz") as result:
                np.testing.assert_array_equal(result[silent], 0)
                self.assertGreater(np.abs(result[heard]).max(), 0.3)
                truth = np.genfromtxt(data / "truth.csv", delimiter=",", names=True)["coordinate"]
                self.assertGreater(abs(np.corrcoef(result["coordinates"][:, 0], truth)[0, 1]), 0.8)

    def test_gradient_pca_sees_it_and_makes_no_claim(self) -> None:
        """At SNR 1: at that of the other tests the figure hangs on rounding, which changes with the threads."""
        clear = _made(self.root / "clear", "hinge11", snr=1.0)
        analyze(clear / "particles.star", clear / "model.npz", AnalyzeConfig(method="gradient-pca", modes=2),
                self.root / "pca")
        result = np.load(self.root / "pca" / "analysis.npz")
        truth = np.genfromtxt(clear / "truth.csv", delimiter=",", names=True)["coordinate"]
        self.assertGreater(abs(spearmanr(result["coordinates"][:, 0], truth).statistic), 0.7)
        summary = json.loads((self.root / "pca" / "summary.json").read_text())
        self.assertIsNone(summary["modes"][0]["significant"])
        self.assertEqual(summary["n_modes"], 2)

    def test_resume_keeps_a_finished_analysis(self) -> None:
        before = (self.root / "out" / "analysis.npz").stat().st_mtime_ns
        analyze(self.data / "particles.star", self.data / "model.npz", AnalyzeConfig(resume=True), self.root / "out")
        self.assertEqual((self.root / "out" / "analysis.npz").stat().st_mtime_ns, before)


class TestNull(Shared):
    def test_a_rigid_molecule_has_no_significant_mode(self) -> None:
        data = self.root / "null"
        if not data.is_dir():
            _made(data, "null")
        analyze(data / "particles.star", data / "model.npz", AnalyzeConfig(detectable="no"), self.root / "out")
        summary = json.loads((self.root / "out" / "summary.json").read_text())
        self.assertEqual(summary["n_significant_modes"], 0)
        self.assertIn("No motion was detected", summary["verdict"])

    @slow
    def test_copies_of_images_do_not_make_a_motion(self) -> None:
        """Every row twice and no half-sets in the file: both copies are in one half."""
        data = self.root / "null"
        if not data.is_dir():
            _made(data, "null")
        text = (data / "particles.star").read_text().replace("_rlnRandomSubset", "_rlnFormerSubset")
        lines = text.splitlines()
        rows = [line for line in lines if "@particles.mrcs" in line]
        (data / "twice.star").write_text("\n".join([*lines, *rows, ""]))
        analyze(data / "twice.star", data / "model.npz", AnalyzeConfig(detectable="no"), self.root / "twice")
        summary = json.loads((self.root / "twice" / "summary.json").read_text())
        self.assertEqual((summary["n_particles"], summary["n_significant_modes"]), (2 * _PARTICLES, 0))


class TestBadInput(Shared):
    """Exit status 2, one line, nothing left under a final name."""

    data: ClassVar[Path]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.data = cls.root / "data"
        simulate(SimulateConfig("null", 60, 36, 5.0, 0.3), cls.data)
        model = GaussianModel(np.array([[0.0, 0, 0], [9, 0, 0]]), np.ones(2), np.full(2, 6.0), 36, 5.0, 18.0)
        model.save(cls.data / "model.npz")
        GaussianModel(model.centers, model.weights, model.sigmas, 48, 5.0, 18.0).save(cls.data / "other.npz")

    def refused(self, *arguments: Any, words: tuple[str, ...], output: Path) -> None:
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            status = main([str(a) for a in arguments] + ["-o", str(output)])
        lines = [line for line in said.getvalue().splitlines() if line.startswith("gmmhet: error:")]
        self.assertEqual((status, len(lines)), (2, 1), said.getvalue())
        for word in words:
            self.assertIn(word, lines[0])
        for name in ("summary.json", "latents.star", "analysis.npz", "model.npz"):
            self.assertFalse((output / name).exists())

    def analyze(self, star: Path | str, model: str = "model.npz") -> tuple[Any, ...]:
        return "analyze", self.data / star, "--model", self.data / model

    def test_model_of_another_box(self) -> None:
        self.refused(*self.analyze("particles.star", "other.npz"), words=("48 px", "36 px"), output=self.root / "a")

    def test_nan_image(self) -> None:
        with mrcfile.open(self.data / "particles.mrcs") as source, mrcfile.new(self.data / "nan.mrcs") as target:
            images = source.data.copy()
            images[7, 3, 4] = np.nan
            target.set_data(images)
        text = (self.data / "particles.star").read_text()
        (self.data / "nan.star").write_text(text.replace("@particles.mrcs", "@nan.mrcs"))
        self.refused(*self.analyze("nan.star"), words=("row 8", "image 8", "NaN"), output=self.root / "b")

    def test_blank_images(self) -> None:
        with mrcfile.new(self.data / "blank.mrcs") as target:
            target.set_data(np.full((60, 36, 36), 1.5, np.float32))
        text = (self.data / "particles.star").read_text()
        (self.data / "blank.star").write_text(text.replace("@particles.mrcs", "@blank.mrcs"))
        self.refused(*self.analyze("blank.star"), words=("blank.mrcs", "the same value (60 images"),
                     output=self.root / "blank")

    def test_missing_model_and_particles(self) -> None:
        self.refused(*self.analyze("particles.star", "none.npz"), words=("none.npz", "no such file"),
                     output=self.root / "c")
        self.refused(*self.analyze("none.star"), words=("none.star", "no such file"), output=self.root / "c")

    def test_model_that_is_none(self) -> None:
        (self.data / "text.npz").write_bytes(b"PK\x03\x04 not a zip")
        self.refused(*self.analyze("particles.star", "text.npz"), words=("text.npz", "Gaussian model"),
                     output=self.root / "d")

    def test_unwritable_folder(self) -> None:
        self.refused(*self.analyze("particles.star"), words=("cannot be written",),
                     output=self.data / "model.npz" / "in")

    def test_options_that_make_no_sense(self) -> None:
        for extra, word in ((("--modes", "none"), "whole number"), (("--resolution", "-3"), "positive"),
                            (("--resolution", "inf"), "positive"),
                            (("--no-motion", "--no-occupancy"), "nothing to analyse"), (("--seed", "-1"), "0 or more"),
                            (("--modes", "33"), "at most 32"), (("--modes", "20"), "degrees of freedom")):
            self.refused(*self.analyze("particles.star"), *extra, words=(word,), output=self.root / "e")
        self.refused("fit", self.data / "consensus.mrc", "--symmetry", "Q7", words=("Q7", "Cn, Dn"),
                     output=self.root / "f.npz")


if __name__ == "__main__":
    unittest.main()
