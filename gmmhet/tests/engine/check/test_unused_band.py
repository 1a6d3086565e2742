"""The band that the refinement did not use: signal there for right poses, none for noise that was aligned to a map."""

import tempfile
import unittest
from dataclasses import replace
from pathlib import Path

import numpy as np

from gmmhet.engine.check.agreement import SlicedMap
from gmmhet.engine.check.orientation_grid import orientation_grid
from gmmhet.engine.check.orientation_posterior import ImageModel, LowResolution, Slices, posterior_of
from gmmhet.engine.check.orientations import Orientations
from gmmhet.engine.check.unused_band import UnusedBand, refined_to, unused_band
from gmmhet.engine.config import SimulateConfig
from gmmhet.engine.conventions import matrix_to_euler
from gmmhet.engine.io import DensityMap, ParticleTable, read_map, read_particles, write_stack
from gmmhet.engine.simulate import simulate

BOX, PIXEL, USED, NUMBER = 48, 6.0, 32.0, 800


def projection_matched(table: ParticleTable, density: DensityMap, resolution: float) -> ParticleTable:
    """Poses of the largest likelihood under a map, to a resolution, whatever the images show."""
    data = LowResolution.of(table, np.arange(len(table)), resolution)
    slices = Slices.of(SlicedMap(density, resolution), orientation_grid(15.0), data)
    power = float(np.mean(np.abs(data.images) ** 2))
    gain = np.sqrt(0.1 * power / float(np.mean(np.abs(slices.values) ** 2)))
    rings = data.grid.n_shells
    found = posterior_of(data, slices, ImageModel(np.full(rings, gain), np.full((1, rings), power), 0.3))
    return replace(table, angles=matrix_to_euler(slices.grid.matrices[found.log_likelihood.argmax(axis=1)]))


class TestUnusedBand(unittest.TestCase):

    @classmethod
    def setUpClass(cls) -> None:
        holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(holder.cleanup)
        cls.folder = Path(holder.name)
        simulate(SimulateConfig("hinge11", NUMBER, BOX, PIXEL, 0.3, seed=2, angle_error=1.5), cls.folder)
        cls.table, cls.map = read_particles(cls.folder / "particles.star"), read_map(cls.folder / "consensus.mrc")

    def test_right_poses_are_supported(self) -> None:
        found = unused_band(self.table, USED)
        self.assertIs(found.supported, True)
        self.assertGreater(found.deviations, 10)
        self.assertEqual(Orientations(None, found, []).warnings, [])

    def test_noise_aligned_to_a_map_is_not(self) -> None:
        """It agrees with itself in the band to which it was aligned, and not beyond."""
        path = self.folder / "noise.mrcs"
        noise = np.random.default_rng(3).standard_normal((NUMBER, BOX, BOX)).astype(np.float32)
        write_stack(path, noise.shape, PIXEL, [noise])
        found = unused_band(projection_matched(replace(self.table, stacks=(path,)), self.map, USED), USED)
        self.assertIsNot(found.supported, True)
        self.assertLess(abs(found.deviations), 4)

    def test_missing_signal_is_said_but_no_warning(self) -> None:
        found = UnusedBand(32.0, (26.2, 19.2), 800, -0.03, 0.08)
        self.assertIs(found.supported, False)
        seen = Orientations(None, found, [])
        self.assertIn("the images do not support the poses", seen.lines()[0][1])
        self.assertEqual(seen.warnings, [])

    def test_nothing_beyond_nyquist(self) -> None:
        found = unused_band(self.table, 2 * PIXEL)
        self.assertIsNone(found.supported)
        self.assertIn("cannot be determined", Orientations(None, found, []).lines()[0][1])

    def test_weak_evidence_is_no_verdict(self) -> None:
        self.assertIsNone(UnusedBand(20.0, (18.0, 14.0), 500, 0.2, 0.3).supported)
        self.assertIs(UnusedBand(20.0, (18.0, 14.0), 500, 0.1, 0.1).supported, False)
        self.assertIs(UnusedBand(20.0, (18.0, 14.0), 500, 0.4, 0.05).supported, True)

    def test_resolution_of_a_refinement(self) -> None:
        model = "data_model_general\n\n_rlnCurrentResolution {}\n"
        cases = ((model.format("11.5"), 11.5), (model.format("999"), None), ("data_other\n\n_a 1\n", None))
        for text, expected in cases:
            (self.folder / "run_model.star").write_text(text, encoding="utf-8")
            self.assertEqual(refined_to(self.folder / "run_data.star"), expected)
        self.assertIsNone(refined_to(self.folder / "particles.star"))


if __name__ == "__main__":
    unittest.main()
