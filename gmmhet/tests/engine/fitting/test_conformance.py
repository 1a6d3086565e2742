"""Fits to maps that other programs made. GMMHET_CONFORMANCE_DATA names their folder (default ../shared/data)."""

import json
import os
import tempfile
import unittest
from pathlib import Path

import numpy as np

from gmmhet.engine.config import FitConfig
from gmmhet.engine.fitting import fit, fit_density
from gmmhet.engine.fitting.consensus import consensus_for
from gmmhet.engine.io import read_map
from gmmhet.engine.molecule.gaussian_map import gaussian_density
from gmmhet.engine.molecule.maps import fourier_shell_correlation

DATA = Path(os.environ.get("GMMHET_CONFORMANCE_DATA", Path(__file__).parents[4] / ".." / "shared" / "data"))


@unittest.skipUnless(DATA.is_dir(), f"{DATA}: no such folder; GMMHET_CONFORMANCE_DATA names the conformance data")
class TestConformance(unittest.TestCase):
    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.output = Path(holder.name) / "model.npz"

    def test_spike_in_an_odd_box_reaches_the_asked_resolution(self):
        source = DATA / "maps" / "waving_spike_state22_91p.mrc"
        model = fit(source, FitConfig(resolution=12.0), self.output)
        self.assertEqual(model.box, 91)
        frequency, curve = fourier_shell_correlation(
            read_map(source).data, read_map(self.output.parent / "fitted.mrc").data, model.pixel_size)
        self.assertGreater(np.interp(1 / 12.0, frequency, curve), 0.9)
        self.assertGreater(curve[frequency < 1 / 13.0].min(), 0.99)
        fitted, wanted = gaussian_density(model).data.sum(0), read_map(source).data.sum(0)
        self.assertAlmostEqual((fitted * wanted).sum() / (wanted**2).sum(), 1, delta=0.01)

    def test_refined_maps_with_offset_noise_corners_and_dark_surround(self):
        """RELION's map without padding, and a hollow shell in a dark surround; half maps beside them are found."""
        for name, file, options, volume, signal in (
                ("RELION", "relion_map/run_class001.mrc", {"resolution": 24.0}, (1.9e6, 2.5e6), (11.0, 12.0)),
                ("apoferritin", "apoferritin/map.mrc", {"symmetry": "O"}, (5e5, 8e5), (12.0, 13.0))):
            source = DATA / file
            with self.subTest(name), self.assertLogs("gmmhet", "INFO") as log:
                fit(source, FitConfig(**options), self.output)
                summary = json.loads((self.output.parent / "summary.json").read_text())
                self.assertTrue(any("found beside the map" in line for line in log.output))
                self.assertGreater(summary["fsc_at_resolution"], 0.93)
                self.assertGreater(summary["correlation"], 0.95)
                self.assertGreater(summary["share_inside"], 0.98)
                self.assertTrue(signal[0] <= summary["signal_resolution"] <= signal[1], summary["signal_resolution"])
                self.assertTrue(volume[0] <= summary["molecule_volume"] <= volume[1], summary["molecule_volume"])

    def test_ribosome_map_of_13_angstrom_pixels_chooses_its_own_limit(self):
        source = DATA / "empiar10076_7" / "classD_13.1A.mrc"
        model = fit(source, FitConfig(), self.output)
        self.assertTrue(26.2 <= model.resolution <= 30.0, model.resolution)
        self.assertTrue(100 <= len(model) <= 500, len(model))
        frequency, curve = fourier_shell_correlation(
            read_map(source).data, gaussian_density(model).data, model.pixel_size)
        self.assertGreater(np.interp(1 / model.resolution, frequency, curve), 0.9)

    def test_the_same_map_on_the_grid_of_the_particles(self):
        """32 voxels of 13.1 A to 320 of 1.31 A: model and coarse map agree as they do on the map's own grid."""
        source = DATA / "empiar10076_7" / "classD_13.1A.mrc"
        consensus = consensus_for(source, 320, 1.31, FitConfig())
        model = fit_density(consensus.to_fit(source), FitConfig(), self.output, consensus.notes)
        self.assertEqual((model.box, model.pixel_size), (320, 1.31))
        self.assertTrue(26.2 <= model.resolution <= 30.0, model.resolution)
        frequency, curve = fourier_shell_correlation(
            read_map(source).data, gaussian_density(model, 32, 13.1).data, 13.1)
        self.assertGreater(curve[frequency < 0.9 / model.resolution].min(), 0.98)


if __name__ == "__main__":
    unittest.main()
