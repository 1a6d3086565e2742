"""Analyses of particles whose poses are in error, and of a region alone, on planted data."""

import json
import tempfile
import unittest
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from scipy.spatial.transform import Rotation
from scipy.stats import spearmanr

from gmmhet.engine.analysis import analyze
from gmmhet.engine.config import AnalyzeConfig, FitConfig, SimulateConfig
from gmmhet.engine.conventions import euler_to_matrix
from gmmhet.engine.errors import InputError
from gmmhet.engine.fitting import fit
from gmmhet.engine.io import read_particles, read_star, without_results, write_map, write_particles
from gmmhet.engine.molecule.gaussians import GaussianModel
from gmmhet.engine.reconstruction.inputs import read_placed
from gmmhet.engine.simulate import simulate

_ANGLE, _SHIFT = 4.0, 5.0  # degrees per Euler angle, Angstrom per axis


class TestPoseErrors(unittest.TestCase):
    """400 particles of the hinge, 36 px of 5 A, with orientations and shifts off by known amounts."""

    temporary: ClassVar[tempfile.TemporaryDirectory[str]]
    data: ClassVar[Path]
    out: ClassVar[Path]
    summary: ClassVar[dict[str, Any]]

    @classmethod
    def setUpClass(cls) -> None:
        cls.temporary = tempfile.TemporaryDirectory()
        cls.data = Path(cls.temporary.name) / "data"
        simulate(SimulateConfig("hinge11", 400, 36, 5.0, 0.3, seed=4, angle_error=_ANGLE, shift_error=_SHIFT), cls.data)
        fit(cls.data / "consensus.mrc", FitConfig(resolution=18.0), cls.data / "model.npz")
        cls.out = cls.data / "out"
        analyze(cls.data / "particles.star", cls.data / "model.npz", AnalyzeConfig(modes=1, poses="refine"), cls.out)
        cls.summary = json.loads((cls.out / "summary.json").read_text())

    @classmethod
    def tearDownClass(cls) -> None:
        cls.temporary.cleanup()

    def test_motion_is_found_in_spite_of_them(self) -> None:
        truth = np.genfromtxt(self.data / "truth.csv", delimiter=",", names=True)["coordinate"]
        z = np.load(self.out / "analysis.npz")["coordinates"][:, 0]
        self.assertGreater(abs(spearmanr(z, truth).statistic), 0.85)

    def test_their_size_is_estimated(self) -> None:
        found, true = self.summary["pose_errors"], self.errors("particles.star")
        self.assertAlmostEqual(found["shift_angstrom"] / true["shift"], 1.0, delta=0.15)
        self.assertAlmostEqual(found["in_plane_degrees"] / true["turn"], 1.0, delta=0.3)
        self.assertAlmostEqual(found["out_of_plane_degrees"] / true["tilt"], 1.0, delta=0.4)

    def test_refined_poses_are_nearer_the_truth_and_used_for_maps(self) -> None:
        given = self.errors("particles.star")
        star = read_star(self.out / "latents.star")["particles"]
        angles = np.stack([star.floats(f"gmmhetRefined{name}") for name in ("Rot", "Tilt", "Psi")], axis=1)
        origins = np.stack([star.floats(f"gmmhetRefinedOrigin{name}Angst") for name in "XY"], axis=1)
        refined = self.compared(angles, origins)
        self.assertLess(refined["shift"], 0.5 * given["shift"])
        self.assertLess(refined["turn"], 0.8 * given["turn"])
        self.assertLess(refined["tilt"], 0.9 * given["tilt"])
        placed = read_placed(self.data / "particles.star", self.out / "latents.star", None).particles
        np.testing.assert_allclose(placed.rotations, euler_to_matrix(angles), atol=1e-6)
        np.testing.assert_allclose(placed.origins, origins, atol=1e-6)

    def test_nothing_of_an_earlier_analysis_stays(self) -> None:
        latents = self.out / "latents.star"
        again = without_results(read_particles(latents))
        write_particles(self.data / "again.star", again)
        kept, given = (set(read_star(p)["particles"].columns) for p in (self.data / "again.star",
                                                                          self.data / "particles.star"))
        self.assertEqual(kept, given)
        self.assertIn("gmmhetRefinedRot", read_star(latents)["particles"])

    def errors(self, name: str) -> dict[str, float]:
        table = read_particles(self.data / name)
        return self.compared(table.angles, table.origins)

    def compared(self, angles: np.ndarray, origins: np.ndarray) -> dict[str, float]:
        """Root mean square errors per axis: shift (Angstrom), tilt and turn (degrees, in the frame of the view)."""
        true = read_particles(self.data / "truth" / "particles.star", images=False)
        turned = true.rotations @ np.swapaxes(euler_to_matrix(angles), 1, 2)
        vectors = np.rad2deg(Rotation.from_matrix(turned).as_rotvec())
        parts = {"shift": origins - true.origins, "tilt": vectors[:, :2], "turn": vectors[:, 2]}
        return {name: float(np.sqrt(np.mean(values**2))) for name, values in parts.items()}


class TestFocus(unittest.TestCase):
    def test_only_what_is_in_the_mask_moves(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            data = Path(name)
            simulate(SimulateConfig("hinge11", 200, 36, 5.0, 0.5, seed=2), data)
            fit(data / "consensus.mrc", FitConfig(resolution=20.0), data / "model.npz")
            x = (np.arange(36) - 18) * 5.0
            mask = np.broadcast_to(x > 12.0, (36, 36, 36)).astype(np.float32)  # the arm, and solvent
            write_map(data / "mask.mrc", mask, 5.0)
            analyze(data / "particles.star", data / "model.npz",
                    AnalyzeConfig(modes=1, poses="exact", focus=data / "mask.mrc"), data / "out")
            summary = json.loads((data / "out" / "summary.json").read_text())
            self.assertEqual((summary["n_significant_modes"], summary["local_pose"]), (1, None))
            found = np.load(data / "out" / "analysis.npz")
            moved = np.linalg.norm(found["modes_position"][0], axis=1)
            inside = GaussianModel.load(data / "model.npz").centers[:, 0] > 14.5  # beyond rounding to voxels
            outside = GaussianModel.load(data / "model.npz").centers[:, 0] < 9.5
            self.assertEqual(moved[outside].max(), 0.0)
            self.assertGreater(moved[inside].max(), 3.0)
            truth = np.genfromtxt(data / "truth.csv", delimiter=",", names=True)["coordinate"]
            self.assertGreater(abs(spearmanr(found["coordinates"][:, 0], truth).statistic), 0.9)
            write_map(data / "small.mrc", mask[:20, :20, :20], 5.0)
            write_map(data / "empty.mrc", np.zeros_like(mask), 5.0)
            corner = np.zeros_like(mask)
            corner[:2, :2, :2] = 1
            write_map(data / "corner.mrc", corner, 5.0)
            for wrong, words in (("small.mrc", "0 in every voxel"), ("corner.mrc", "0 of .* expected at least"),
                                 ("empty.mrc", "0 in every voxel")):
                with self.assertRaisesRegex(InputError, words):
                    analyze(data / "particles.star", data / "model.npz", AnalyzeConfig(focus=data / wrong), data / "no")
            self.assertFalse((data / "no").exists())  # before any image was read


if __name__ == "__main__":
    unittest.main()
