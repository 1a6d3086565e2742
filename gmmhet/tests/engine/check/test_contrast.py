"""Sets in which some images have inverted contrast: named with their number, and not refused."""

import contextlib
import dataclasses
import io
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import numpy as np

from gmmhet.engine.check import check, check_poses, require_sane_poses
from gmmhet.engine.commands.main import main
from gmmhet.engine.config import SimulateConfig
from gmmhet.engine.io import DensityMap, read_map, read_particles, read_star, write_map, write_stack
from gmmhet.engine.simulate import simulate

_N, _BOX, _PIXEL = 120, 32, 8.0


class TestMixedSets(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(holder.cleanup)
        cls.folder = Path(holder.name)
        simulate(SimulateConfig("hinge11", _N, _BOX, _PIXEL, 0.2), cls.folder)
        cls.star, cls.map = cls.folder / "particles.star", cls.folder / "consensus.mrc"
        cls.images = read_particles(cls.star).images(np.arange(_N))

    def setUp(self) -> None:
        """Single particles of a wrong pose, the most of the time of a check, are not looked for."""
        self.enterContext(mock.patch("gmmhet.engine.check.orientations.gross_errors", return_value=None))

    def stack(self, inverted: np.ndarray) -> None:
        signs = np.where(inverted, -1, 1).astype(np.float32)
        write_stack(self.folder / "particles.mrcs", self.images.shape, _PIXEL, [signs[:, None, None] * self.images])

    def test_shares(self) -> None:
        rng = np.random.default_rng(0)
        for number in (60, 12, 100):
            inverted = rng.permutation(_N) < number
            self.stack(inverted)
            result = check(self.star, self.map)
            self.assertIsNone(result.problem)
            self.assertIn(f"the contrast is mixed, {number} of {_N} images are inverted", result.verdict)
            self.assertGreater(result.poses.given, 0.1)
            self.assertIsNone(result.poses.better)

    def test_one_sign(self) -> None:
        for inverted in (np.zeros(_N, bool), np.ones(_N, bool)):
            self.stack(inverted)
            result = check(self.star, self.map)
            self.assertEqual((result.poses.inverted, result.problem), (0, None))
            self.assertTrue(result.verdict.startswith("poses, sign of the contrast"))

    def test_a_run_goes_on(self) -> None:
        self.stack(np.arange(_N) % 2 == 0)
        with self.assertLogs("gmmhet", "WARNING") as log:
            require_sane_poses(read_particles(self.star), read_map(self.map), self.map)
        self.assertIn("mixed: 60 of 120 images are inverted", "".join(log.output))

    def test_other_faults_are_still_found(self) -> None:
        self.stack(np.arange(_N) % 2 == 0)
        table = read_particles(self.star)
        mirrored = check_poses(table, DensityMap(self.map_data()[:, :, ::-1].copy(), _PIXEL))
        self.assertRegex(mirrored.better[0].name, "mirrored_map_")
        order = np.random.default_rng(5).permutation(_N)
        other = dataclasses.replace(table, angles=table.angles[order])
        self.assertFalse(check_poses(other, read_map(self.map)).fit)

    def map_data(self) -> np.ndarray:
        return read_map(self.map).data

    def test_check_and_run_agree_on_maps(self) -> None:
        """Padded and cropped maps fit; one whose voxel size is 1 A is refused by both in the same words."""
        self.stack(np.zeros(_N, bool))
        data = self.map_data()
        write_map(self.folder / "padded.mrc", np.pad(data, 4), _PIXEL)
        write_map(self.folder / "cropped.mrc", data[3:-3, 3:-3, 3:-3], _PIXEL)
        as_given = check(self.star, self.map)
        for name in ("padded.mrc", "cropped.mrc"):
            found = check(self.star, self.folder / name)
            self.assertEqual(found.verdict, as_given.verdict)
            self.assertAlmostEqual(found.poses.given, as_given.poses.given, delta=0.01)
        write_map(self.folder / "unit.mrc", data, 1.0)
        lines = []
        for command in (["check"], ["run", "-o", str(self.folder / "job")]):
            err = io.StringIO()
            with contextlib.redirect_stderr(err), contextlib.redirect_stdout(io.StringIO()):
                status = main([command[0], str(self.star), str(self.folder / "unit.mrc"), *command[1:]])
            self.assertEqual(status, 2)
            lines.append([line for line in err.getvalue().splitlines() if line.startswith("gmmhet: error")])
        self.assertEqual(lines[0], lines[1])
        self.assertIn("unit.mrc: map with a field of view of 32 Å", lines[0][0])

    def test_values_that_are_rather_in_another_unit(self) -> None:
        self.stack(np.zeros(_N, bool))
        text = self.star.read_text()
        star = read_star(self.star)["particles"]
        radians = text
        for name in ("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"):
            for value in star.texts(name):
                radians = radians.replace(f" {value} ", f" {np.deg2rad(float(value)):.6f} ")
        metre = text.replace(" 2.7", " 0.0027")
        for changed, words in ((radians, "no Euler angle is larger than"), (metre, "is it in mm, not in metre")):
            path = self.folder / "changed.star"
            path.write_text(changed)
            self.assertIn(words, "".join(check(path).warnings))
        table = read_particles(self.star)
        nanometre = dataclasses.replace(table, defocus=table.defocus * [0.1, 0.1, 1, 1])
        self.assertEqual(check_poses(nanometre, read_map(self.map)).better[0].name, "defocus_in_nanometre")
        close = dataclasses.replace(table, defocus=table.defocus * 0 + [4000.0, 4000.0, 0, 0])
        self.assertIn("defocus_in_nanometre", check_poses(close, read_map(self.map)).readings)
        sane = "".join(check(self.star, self.map).warnings)
        for words in ("radians", "metre", "header", "correlation"):
            self.assertNotIn(words, sane)


if __name__ == "__main__":
    unittest.main()
