"""A part that turns all the way round, through the commands: one coordinate on a circle, and what shows its shapes."""

import contextlib
import io
import json
import tempfile
import unittest
from pathlib import Path
from typing import Any, ClassVar

import mrcfile
import numpy as np

from gmmhet.engine.analysis import analyze
from gmmhet.engine.commands.main import main
from gmmhet.engine.config import AnalyzeConfig, FitConfig, ReconstructConfig, SimulateConfig
from gmmhet.engine.errors import InputError
from gmmhet.engine.fitting import fit
from gmmhet.engine.io import read_particles
from gmmhet.engine.io.arrays import write_arrays
from gmmhet.engine.latent_space.saved_analysis import Analysis, read_analysis
from gmmhet.engine.molecule.curves import CIRCUMFERENCE, Curves
from gmmhet.engine.molecule.gaussian_map import gaussian_density
from gmmhet.engine.reconstruction import reconstruct
from gmmhet.engine.simulate import simulate
from gmmhet.engine.subspace.half_set_agreement import circle_agreement

_PARTICLES = 300


class TestFullTurn(unittest.TestCase):
    root: ClassVar[Path]
    truth: ClassVar[np.ndarray]
    summary: ClassVar[dict[str, Any]]
    found: ClassVar[Analysis]

    @classmethod
    def setUpClass(cls) -> None:
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.root = root = Path(temporary.name)
        simulate(SimulateConfig("turning", _PARTICLES, 32, 6.0, 1.0, seed=2), root)
        fit(root / "consensus.mrc", FitConfig(resolution=24.0), root / "model.npz")
        config = AnalyzeConfig(modes=2, poses="exact", follow="no", decoder="auto", junk="keep")
        analyze(root / "particles.star", root / "model.npz", config, root / "out")
        cls.truth = np.genfromtxt(root / "truth.csv", delimiter=",", names=True)["coordinate"]
        cls.summary = json.loads((root / "out" / "summary.json").read_text())
        cls.found = read_analysis(root / "out")

    def test_it_is_one_coordinate_on_a_circle(self) -> None:
        self.assertEqual(self.summary["curves"]["kinds"], ["circle"])
        self.assertEqual(self.summary["curves"]["modes_before"], 2)
        self.assertGreater(self.summary["curves"]["heldout_gain"], -2 * self.summary["curves"]["heldout_gain_error"])
        self.assertEqual((self.summary["n_modes"], self.summary["n_significant_modes"]), (1, 1))
        self.assertIn("1 coordinate around closed curves explains held-out particles", self.summary["verdict"])
        self.assertTrue(self.summary["modes"][0]["name"]["motion"]["around"])
        self.assertIn("goes around a closed path", self.summary["verdict"])
        self.assertIsNone(self.summary["population"])  # its prior is flat: there is no normal one to be compared with
        turn = self.truth / 360 * CIRCUMFERENCE
        self.assertGreater(circle_agreement(self.found.coordinates[:, 0], turn, CIRCUMFERENCE), 0.99)

    def test_the_movie_comes_back_to_where_it_was(self) -> None:
        frames = self.summary["modes"][0]["frames"]
        first, half, last = (mrcfile.read(self.root / "out" / frames[i]["file"]) for i in (0, len(frames) // 2, -1))
        np.testing.assert_allclose(first, last, atol=1e-3 * np.abs(first).max())
        self.assertGreater(np.abs(half - first).max(), 0.3 * first.max())

    def test_shapes_are_those_of_the_true_states(self) -> None:
        """Model maps at the coordinates of particles of a state against the simulated map of it."""
        state = np.rint(self.truth / 3.6).astype(int)
        for path in sorted((self.root / "truth").glob("*.mrc"))[::3]:
            number = int("".join(c for c in path.stem if c.isdigit()))
            nearest = int(np.argmin(np.abs((state - number + 50) % 100 - 50)))
            model = self.found.gaussians_at(self.found.coordinates[nearest])
            true = mrcfile.read(path)
            self.assertGreater(np.corrcoef(gaussian_density(model).data.ravel(), true.ravel())[0, 1], 0.85, path.name)

    def test_maps_by_motion_follow_it(self) -> None:
        out = self.root / "maps"
        reconstruct(self.root / "particles.star", self.root / "out" / "latents.star",
                    ReconstructConfig(by="motion", n=3), out)
        maps = [mrcfile.read(p) for p in sorted(out.glob("map_0?.mrc"))]
        self.assertEqual(len(maps), 3)
        self.assertLess(np.corrcoef(maps[0].ravel(), maps[1].ravel())[0, 1], 0.98)

    def test_other_commands_take_it_or_say_no(self) -> None:
        page = self.root / "page.html"
        with contextlib.redirect_stderr(io.StringIO()) as said:
            main(["report", str(self.root / "out"), "-o", str(page)])
            main(["map", str(self.root / "out"), "--at", "0.5", "-o", str(self.root / "at.mrc")])
            refused = main(["composition", str(self.root / "out" / "latents.star"), "-o", str(self.root / "blocks")])
        self.assertNotEqual(refused, 0)
        self.assertIn("an analysis along curves; composition expects one along straight modes", said.getvalue())
        self.assertIn("once around is 2.51", page.read_text(encoding="utf-8"))
        self.assertIn('"amounts"', page.read_text(encoding="utf-8"))

    def test_files_that_disagree_are_refused(self) -> None:
        folder = self.root / "damaged"
        folder.mkdir()
        with np.load(self.root / "out" / "analysis.npz") as data:
            arrays = dict(data)
        arrays["curve_periodic"] = np.array([False])
        write_arrays(folder / "analysis.npz", **arrays)
        with self.assertRaisesRegex(InputError, f"8 fields; expected {Curves((False,)).size}, as many as line"):
            read_analysis(folder)

    def test_columns_hold_the_coordinate(self) -> None:
        table = read_particles(self.root / "out" / "latents.star")
        self.assertEqual(len(table), _PARTICLES)
        self.assertLessEqual(np.abs(self.found.coordinates).max(), CIRCUMFERENCE / 2 + 1e-9)


class TestOptions(unittest.TestCase):
    def test_what_curves_do_not_go_with_is_said(self) -> None:
        for other in ({"symmetry": "C3"}, {"method": "gradient-pca"}):
            with self.assertRaisesRegex(InputError, "--decoder nonlinear"):
                AnalyzeConfig(decoder="nonlinear", **other)


if __name__ == "__main__":
    unittest.main()
