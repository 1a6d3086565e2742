"""gmmhet analyze --symmetry on planted data: an arm on each of three subunits, neighbours moving against each other."""

import contextlib
import io
import json
import tempfile
import unittest
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from scipy.spatial.transform import Rotation

from gmmhet.engine.analysis import analyze
from gmmhet.engine.analysis.by_subunit import Subunits, write_subunits
from gmmhet.engine.analysis.symmetry_breaking import asymmetry, places_follow_views
from gmmhet.engine.commands.main import main
from gmmhet.engine.config import AnalyzeConfig
from gmmhet.engine.conventions import euler_to_matrix, matrix_to_euler, projected_position
from gmmhet.engine.errors import InputError
from gmmhet.engine.io import StarTable, read_particles, read_star, write_map, write_stack, write_star
from gmmhet.engine.molecule.gaussians import GaussianModel
from gmmhet.engine.molecule.symmetry import rotation_matrices

_N, _BOX, _PIXEL, _SIGMA = 300, 24, 4.0, 5.0
_GROUP = rotation_matrices("C3")
_UNIT = np.array([[6.0, 0, -4], [12, 3, 0], [18, -2, 4], [24, 0, 8], [29, 2, 14]])
_SWING = np.array([[0, 0, 0], [0, 0, 0], [0, 0, 1], [-0.5, 2, 2.5], [-1, 3.5, 4]])  # Angstrom per unit of z
_CORRELATION = -0.4


def _images(rotations: np.ndarray, coordinates: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """[n, y, x] sums along z of the voxels of unit Gaussians, in real space."""
    axis = (np.arange(_BOX) - _BOX // 2) * _PIXEL
    units = _UNIT + coordinates[..., None, None] * _SWING  # [n, G, 5, 3]
    seen = np.einsum("nab,gbc,ngjc->ngja", rotations, _GROUP, units).reshape(len(rotations), -1, 3)
    x, y = (np.exp(-0.5 * ((axis - seen[..., a, None]) / _SIGMA) ** 2) / np.sqrt(2 * np.pi) / _SIGMA for a in (0, 1))
    clean = np.einsum("njy,njx->nyx", y, x) / _PIXEL * 1e3
    return (clean + noise * clean.std()).astype(np.float32)


def _made(folder: Path) -> np.ndarray:
    """particles.mrcs, particles.star and model.npz; returns the planted coordinates [n, 3]."""
    rng = np.random.default_rng(12)
    covariance = np.full((3, 3), _CORRELATION) + (1 - _CORRELATION) * np.eye(3)
    truth = rng.multivariate_normal(np.zeros(3), covariance, size=_N)
    rotations = Rotation.random(_N, random_state=3).as_matrix()
    images = _images(rotations, truth, rng.normal(size=(_N, _BOX, _BOX)) * 1.0)
    write_stack(folder / "particles.mrcs", images.shape, _PIXEL, [images])
    angles = matrix_to_euler(rotations)
    optics = {"rlnOpticsGroup": "1", "rlnOpticsGroupName": "all", "rlnVoltage": "300", "rlnSphericalAberration": "2.7",
              "rlnAmplitudeContrast": "0.1", "rlnImagePixelSize": f"{_PIXEL}", "rlnImageSize": f"{_BOX}",
              "rlnImageDimensionality": "2"}
    columns: dict[str, Any] = {"rlnImageName": [f"{i + 1:06d}@particles.mrcs" for i in range(_N)],
                               "rlnOpticsGroup": ["1"] * _N}
    for a, name in enumerate(("Rot", "Tilt", "Psi")):
        columns[f"rlnAngle{name}"] = [f"{v:.6f}" for v in angles[:, a]]
    write_star(folder / "particles.star", [StarTable("optics", {k: [v] for k, v in optics.items()}),
                                           StarTable("particles", columns)])
    GaussianModel(_UNIT, np.full(5, 1e3), np.full(5, _SIGMA), _BOX, _PIXEL, 14.0, "C3").save(folder / "model.npz")
    return truth


class TestPlantedRing(unittest.TestCase):
    temporary: ClassVar[tempfile.TemporaryDirectory[str]]
    folder: ClassVar[Path]
    truth: ClassVar[np.ndarray]

    @classmethod
    def setUpClass(cls) -> None:
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = Path(cls.temporary.name)
        cls.truth = _made(cls.folder)
        analyze(cls.folder / "particles.star", cls.folder / "model.npz",
                AnalyzeConfig(symmetry="c3", modes=1, poses="exact"), cls.folder / "out")
        cls.found = np.load(cls.folder / "out" / "subunits.npz")
        cls.summary = json.loads((cls.folder / "out" / "summary.json").read_text())

    @classmethod
    def tearDownClass(cls) -> None:
        cls.temporary.cleanup()

    def sign(self) -> float:
        return float(np.sign(np.sum(self.found["coordinates"][..., 0] * self.truth)))

    def test_every_subunit_follows_its_own_truth(self) -> None:
        z = self.found["coordinates"][..., 0]
        table = np.corrcoef(z.T, self.truth.T)[:3, 3:] * self.sign()
        for g in range(3):
            self.assertGreater(table[g, g], 0.9)
            self.assertLess(max(table[g, h] for h in range(3) if h != g), 0.0)

    def test_errors_are_those_of_the_posterior(self) -> None:
        off = self.sign() * self.found["coordinates"][..., 0] - self.truth
        ratio = off.std() / np.sqrt((self.found["deviations"] ** 2).mean())
        self.assertTrue(0.7 < ratio < 1.4, ratio)

    def test_correlation_between_subunits(self) -> None:
        correlation = self.found["correlation"][0]
        np.testing.assert_allclose(np.diag(correlation), 1.0, atol=1e-9)
        np.testing.assert_allclose(correlation[~np.eye(3, dtype=bool)], _CORRELATION, atol=0.12)
        entry = self.summary["symmetry"]
        self.assertEqual((entry["group"], entry["subunits"]), ("C3", 3))
        np.testing.assert_allclose(entry["correlation"][0], correlation)
        self.assertIn("subunits move in opposite directions", entry["words"])

    def test_symmetry_is_not_called_broken(self) -> None:
        self.assertGreater(self.summary["symmetry"]["broken"]["p_value"], 1e-3)
        self.assertIn("No difference between the subunits was detected", self.summary["symmetry"]["broken"]["words"])

    def test_particles_have_the_mean_of_their_subunits(self) -> None:
        star = read_star(self.folder / "out" / "latents.star")["particles"]
        self.assertEqual(len(star), _N)
        np.testing.assert_allclose(star.floats("gmmhetLatent1"), self.found["coordinates"][..., 0].mean(1), atol=1e-5)
        arrays = np.load(self.folder / "out" / "analysis.npz")
        self.assertEqual(arrays["modes_position"].shape, (1, 15, 3))
        own, turned = arrays["modes_position"][0, :5], arrays["modes_position"][0, 5:10]
        np.testing.assert_allclose(turned, own @ _GROUP[1].T, atol=1e-9)

    def test_expanded_rows_put_every_subunit_where_the_first_is(self) -> None:
        plain = read_particles(self.folder / "particles.star")
        expanded = read_particles(self.folder / "out" / "subunits.star")
        self.assertEqual(len(expanded), 3 * _N)
        for i in (0, 7, 299):
            for g in range(3):
                there = projected_position(plain.rotations[i:i + 1], _UNIT @ _GROUP[g].T, plain.origins[i:i + 1])
                row = slice(3 * i + g, 3 * i + g + 1)
                here = projected_position(expanded.rotations[row], _UNIT, expanded.origins[row])
                np.testing.assert_allclose(here, there, atol=1e-3)
        star = expanded.tables["particles"]
        np.testing.assert_allclose(star.floats("gmmhetLatent1"), self.found["coordinates"][..., 0].ravel(), atol=1e-5)
        np.testing.assert_array_equal(star.integers("gmmhetSubunit"), np.tile([1, 2, 3], _N))
        np.testing.assert_array_equal(expanded.slice_index, np.repeat(np.arange(_N), 3))

    def test_corrected_poses_are_expanded_too(self) -> None:
        plain = read_particles(self.folder / "particles.star")
        pose = np.random.default_rng(5).normal(size=(_N, 5)) * (2, 2, 0.1, 0.1, 0.1)
        z = self.found["coordinates"]
        subunits = Subunits("C3", _GROUP, z, z, np.ones((1, 3, 3)), np.ones(_N), asymmetry(z, z))
        (self.folder / "corrected").mkdir()
        write_subunits(self.folder / "corrected", plain, subunits, pose)
        star = read_star(self.folder / "corrected" / "subunits.star")["particles"]
        angles = np.stack([star.floats(f"gmmhetRefined{name}") for name in ("Rot", "Tilt", "Psi")], axis=1)
        origins = np.stack([star.floats(f"gmmhetRefinedOrigin{name}Angst") for name in "XY"], axis=1)
        turned = Rotation.from_rotvec(pose[:, 2:]).as_matrix() @ plain.rotations
        for i, g in ((0, 1), (7, 2), (299, 0)):
            there = projected_position(turned[i:i + 1], _UNIT @ _GROUP[g].T, plain.origins[i:i + 1] + pose[i, :2])
            row = slice(3 * i + g, 3 * i + g + 1)
            here = projected_position(euler_to_matrix(angles[row]), _UNIT, origins[row])
            np.testing.assert_allclose(here, there, atol=1e-3)

    def test_model_of_another_symmetry(self) -> None:
        with self.assertRaisesRegex(InputError, "a model of symmetry C3; --symmetry D7 expects"):
            analyze(self.folder / "particles.star", self.folder / "model.npz", AnalyzeConfig(symmetry="D7"),
                    self.folder / "other")

    def test_focus_on_the_arm_of_one_subunit_is_that_of_all(self) -> None:
        voxels = np.rint(_UNIT[1:] @ _GROUP[1].T / _PIXEL).astype(int) + _BOX // 2
        mask = np.zeros((_BOX,) * 3, np.float32)
        mask[tuple(voxels[:, ::-1].T)] = 1.0
        write_map(self.folder / "mask.mrc", mask, _PIXEL)
        analyze(self.folder / "particles.star", self.folder / "model.npz",
                AnalyzeConfig(symmetry="C3", modes=1, poses="exact", focus=self.folder / "mask.mrc"),
                self.folder / "focused")
        with np.load(self.folder / "focused" / "analysis.npz") as found:
            moved = np.linalg.norm(found["modes_position"][0], axis=1).reshape(3, 5)
        np.testing.assert_array_equal(moved[:, 0], 0.0)
        self.assertGreater(moved[:, 4].min(), 3.0)
        with np.load(self.folder / "focused" / "subunits.npz") as found:
            z = found["coordinates"][..., 0]
        for g in range(3):
            self.assertGreater(abs(np.corrcoef(z[:, g], self.truth[:, g])[0, 1]), 0.9)

    def test_options_that_exclude_each_other(self) -> None:
        for words in (["--method", "gradient-pca"], ["--local-pose", "--focus", "mask.mrc"]):
            particles, model, out = (str(self.folder / name) for name in ("particles.star", "model.npz", "no"))
            with contextlib.redirect_stderr(io.StringIO()) as error:
                status = main(["analyze", particles, "--model", model, "--symmetry", "C3", *words, "-o", out])
            self.assertEqual(status, 2)
            self.assertIn(f"--symmetry C3 and {words[0]}", error.getvalue())


class TestAsymmetry(unittest.TestCase):
    """Posterior means and deviations of coordinates that were drawn from known laws."""

    def found(self, seed: int, *, mean: float = 0.0, spread: float = 1.0, n: int = 400) -> Any:
        rng = np.random.default_rng(seed)
        truth = rng.normal(size=(n, 4, 1))
        truth[:, 2] = truth[:, 2] * spread + mean
        seen = truth + rng.normal(size=truth.shape) * 0.7  # noise of variance 0.49, prior of variance 1
        return asymmetry(seen / 1.49, np.full(truth.shape, np.sqrt(0.49 / 1.49)))

    def test_level(self) -> None:
        """Of subunits that are alike one in ten is below 0.1; 60 draws: 6 +- 2.3."""
        below = sum(self.found(seed).p_value < 0.1 for seed in range(60))
        self.assertTrue(1 <= below <= 13, below)

    def test_one_subunit_is_different(self) -> None:
        shifted, wider = self.found(1, mean=0.7), self.found(2, spread=2.0)
        for found, words in ((shifted, "its mean differs"), (wider, "its standard deviation is")):
            self.assertLess(found.p_value, 1e-4)
            self.assertIn("The symmetry is broken", found.words())
            self.assertIn("subunit 3 along mode 1", found.words())
            self.assertIn(words, found.words())

    def test_nothing_is_said_without_a_mode(self) -> None:
        found = asymmetry(np.zeros((400, 4, 0)), np.zeros((400, 4, 0)))
        self.assertTrue(np.isnan(found.p_value))
        self.assertIn("No mode of the subunits is significant", found.words())

    def test_places_that_follow_views_are_not_compared(self) -> None:
        """Views in one asymmetric unit of several shapes, or anywhere."""
        rng = np.random.default_rng(4)
        for group in ("C2", "C7", "D7", "O"):
            rotations = rotation_matrices(group)
            for n in (300, 3000):
                views = Rotation.random(n, random_state=n).as_matrix()[:, 2]
                preferred = views + np.array([0, 0, 4 * (group == "C7")])
                for some in (views, preferred / np.linalg.norm(preferred, axis=1, keepdims=True)):
                    with self.subTest(group=group, n=n):
                        self.assertFalse(places_follow_views(some, rotations))
                        # of all copies the one nearest to some direction, as refinements do it, and by another rule
                        for towards in ([0.1, -0.7, 0.7], [-0.8, 0.3, 0.2]):
                            copies = np.einsum("gij,nj->ngi", rotations, some)
                            one = copies[np.arange(n), (copies @ towards).argmax(1)]
                            self.assertTrue(places_follow_views(one, rotations))
                            wrong = np.where(rng.random((n, 1)) < 0.1, some, one)  # a tenth of the poses is any
                            self.assertTrue(places_follow_views(wrong, rotations))

    def test_nothing_is_claimed_of_them(self) -> None:
        found = self.found(1, mean=0.7).not_comparable()
        self.assertTrue(np.isnan(found.p_value))
        self.assertIn("cannot be seen in these data", found.words())
        self.assertIs(found.entry()["places_follow_views"], True)

    def test_too_few_particles_to_tell(self) -> None:
        found = self.found(0, n=10)
        self.assertTrue(np.isnan(found.p_value))
        self.assertIn("too few particles to test whether the subunits differ", found.words())


if __name__ == "__main__":
    unittest.main()
