"""Maps as refinements leave them: level of the solvent, molecule, end of the signal, half maps, quality of the fit."""

import json
import tempfile
import unittest
from pathlib import Path

import numpy as np
from scipy import ndimage

from gmmhet.engine.commands.main import main
from gmmhet.engine.config import FitConfig
from gmmhet.engine.errors import InputError
from gmmhet.engine.fitting import find_half_maps, fit
from gmmhet.engine.fitting.consensus import consensus_for
from gmmhet.engine.fitting.molecule import MapToFit, fit_molecule
from gmmhet.engine.fitting.quality import quality_of
from gmmhet.engine.fitting.spectrum import Spectrum
from gmmhet.engine.io import DensityMap, write_map
from gmmhet.engine.molecule.gaussian_map import gaussian_density
from gmmhet.engine.molecule.map_content import find_molecule
from gmmhet.engine.molecule.maps import radial_power
from gmmhet.engine.molecule.signal import HalfMaps, signal_of_map
from gmmhet.tests.support.refined_maps import Refined, filtered, post_processed, refined, shape_of

BOX, PIXEL, SIGNAL = 48, 5.0, 18.0


def refined_map(shape: str = "lobes", seed: int = 1, **options: float) -> Refined:
    return refined(shape_of(shape, BOX, PIXEL, seed), PIXEL, signal=SIGNAL, seed=seed, **options)


class TestMolecule(unittest.TestCase):
    def test_region_volume_and_level_with_and_without_padding(self) -> None:
        """Most of what is found lies within half a blur of the truth; gaps between helices are filled at this blur."""
        for shape, least in (("lobes", 0.95), ("helices", 0.75), ("shell", 0.95)):
            for padded in (False, True):
                given = refined_map(shape, padded=padded)
                found = find_molecule(given.density, SIGNAL)
                region = found.mask(BOX, PIXEL, grow=0.0, width=0.0) > 0.5
                near = ndimage.distance_transform_edt(~given.inside) * PIXEL <= 0.5 * SIGNAL
                with self.subTest(shape, padded=padded):
                    self.assertGreater((region & near).sum() / region.sum(), least)
                    self.assertGreater((region & given.inside).sum() / given.inside.sum(), 0.9)
                    if shape != "helices":
                        self.assertLess(abs(np.log(found.volume / (given.inside.sum() * PIXEL**3))), np.log(1.6))
                    cleaned = found.without_solvent(given.density).data
                    far = ndimage.distance_transform_edt(~given.inside) * PIXEL > 2 * SIGNAL
                    self.assertLess(abs(np.median(cleaned[far])), 0.03 * np.median(cleaned[given.inside]))

    def test_corners_are_no_molecule(self) -> None:
        given = refined_map(offset=0.4)
        corners = np.linalg.norm(np.argwhere(np.ones((BOX,) * 3)) - BOX // 2, axis=1).reshape((BOX,) * 3) > BOX // 2
        self.assertGreater(given.density.data[corners].max(), given.density.data[given.inside].mean())
        found = find_molecule(given.density, SIGNAL)
        self.assertLess((found.mask(BOX, PIXEL, grow=0.0, width=0.0)[corners] > 0.5).mean(), 1e-3)

    def test_a_wide_mask_bounds_and_a_close_one_outlines(self) -> None:
        given = refined_map(padded=True)
        ball = np.ones((BOX,) * 3, np.float32)
        free, bounded = find_molecule(given.density, SIGNAL), find_molecule(given.density, SIGNAL, ball)
        self.assertAlmostEqual(bounded.volume / free.volume, 1, delta=0.1)
        close = given.inside.astype(np.float32)
        outlined = find_molecule(given.density, SIGNAL, close)
        self.assertAlmostEqual(outlined.inside.sum() * outlined.grid.pixel_size**3 / (close.sum() * PIXEL**3), 1,
                               delta=0.1)

    def test_dark_maps_and_noise_hold_no_molecule(self) -> None:
        given = refined_map(padded=True)
        self.assertFalse(find_molecule(DensityMap(-given.density.data, PIXEL), SIGNAL).found)
        noise = np.random.default_rng(0).normal(size=(BOX,) * 3).astype(np.float32)
        self.assertFalse(find_molecule(DensityMap(noise, PIXEL), SIGNAL).found)


class TestSignal(unittest.TestCase):
    def test_half_maps_tell_the_end(self) -> None:
        """Planted where the half maps correlate to 0.143 within the truth; found within a quarter."""
        for shape in ("lobes", "shell"):
            given = refined_map(shape)
            end = signal_of_map(given.density, find_molecule(given.density, 20.0), given.halves)
            with self.subTest(shape):
                self.assertTrue(SIGNAL / 1.25 < end < SIGNAL * 1.25, end)

    def test_a_low_pass_filter_is_seen_where_it_cuts(self) -> None:
        given = refined_map(padded=True)
        smooth = ndimage.gaussian_filter(given.inside.astype(float), 0.5)
        cut = filtered(smooth, PIXEL, lambda k: 0.5 - 0.5 * np.tanh((k - 1 / SIGNAL) * BOX * PIXEL / 2))
        clean = DensityMap(cut.astype(np.float32), PIXEL)
        end = signal_of_map(clean, find_molecule(clean, 20.0))
        self.assertTrue(SIGNAL / 1.3 < end < SIGNAL * 1.3, end)

    def test_the_map_alone_ends_where_its_half_maps_say(self) -> None:
        """Signal equals noise where half maps correlate to 1/3, also where noise ends with a sphere; shells are 8 %."""
        for shape, padded in (("helices", False), ("helices", True), ("lobes", False), ("shell", False)):
            given = refined_map(shape, padded=padded)
            content = find_molecule(given.density, 20.0)
            alone, halves = (signal_of_map(given.density, content, h, 1 / 3) for h in (None, given.halves))
            with self.subTest(shape, padded=padded):
                self.assertTrue(1 / 1.25 < alone / halves < 1.25, (alone, halves))

    def test_a_masked_map_alone_does_not_tell(self) -> None:
        given = refined_map("lobes", padded=True)
        masked = DensityMap(given.density.data * given.inside, PIXEL)
        with self.assertLogs("gmmhet", "WARNING") as log:
            signal_of_map(masked, find_molecule(masked, 20.0))
        self.assertIn("--half-maps", log.output[0])


class TestFit(unittest.TestCase):
    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)

    def test_fits_explain_the_molecule_and_stay_inside(self) -> None:
        for shape, make in (("lobes", refined_map), ("shell", lambda s: refined_map(s, dark=0.3, padded=True))):
            given = make(shape)
            for name, density in (("refined", given.density), ("post-processed", post_processed(given))):
                model, content = fit_molecule(MapToFit(density, halves=given.halves), FitConfig())
                found = quality_of(model, gaussian_density(model), density, content)
                index = np.rint(model.centers[:, ::-1] / PIXEL).astype(int) + BOX // 2
                near = ndimage.distance_transform_edt(~given.inside) * PIXEL <= 0.5 * model.resolution
                with self.subTest(shape, map=name):
                    self.assertGreater(found.at_resolution, 0.9)
                    self.assertGreater(found.correlation, 0.97)
                    self.assertGreater(near[tuple(index.T)].mean(), 0.93)

    def write_pair(self, given: Refined) -> Path:
        for name, density in (("run_class001", given.density), ("run_half1_class001_unfil", given.halves.first),
                              ("run_half2_class001_unfil", given.halves.second)):
            write_map(self.folder / f"{name}.mrc", density.data, PIXEL)
        return self.folder / "run_class001.mrc"

    def test_half_maps_are_made_for_a_masked_map_alone(self) -> None:
        """As from particles; the fit then goes as far as the signal, not as the sharpened noise within the mask."""
        given = refined_map(padded=True)
        gap = ndimage.distance_transform_edt(~given.inside) * PIXEL
        sharp = filtered(given.density.data.astype(np.float64), PIXEL, lambda k: np.exp(100 * k**2 / 4))
        mask = 0.5 + 0.5 * np.cos(np.pi * np.clip((gap - 6) / 8, 0, 1))
        masked = DensityMap((sharp * mask).astype(np.float32), PIXEL)
        asked: list[int] = []

        def make() -> HalfMaps:
            asked.append(1)
            return given.halves

        alone, _ = fit_molecule(MapToFit(masked, make_halves=lambda: None), FitConfig(n_gaussians=60))
        made, _ = fit_molecule(MapToFit(masked, make_halves=make), FitConfig(n_gaussians=60))
        self.assertLess(alone.about["signal_resolution"], 0.8 * SIGNAL)
        self.assertTrue(0.9 * SIGNAL < made.about["signal_resolution"] < 1.5 * SIGNAL)
        self.assertEqual(len(asked), 1)
        for density, halves, resolution in ((given.density, None, None), (masked, given.halves, None),
                                            (masked, None, 20.0)):
            fit_molecule(MapToFit(density, halves=halves, make_halves=make),
                         FitConfig(n_gaussians=60, resolution=resolution))
        self.assertEqual(len(asked), 1)  # none is needed where the map, half maps or the user tell

    def test_half_maps_beside_a_map_are_used_and_others_are_refused(self) -> None:
        source = self.write_pair(refined_map())
        output = self.folder / "fit" / "model.npz"
        with self.assertLogs("gmmhet", "INFO") as log:
            self.assertEqual(main(["fit", str(source), "-o", str(output)]), 0)
        self.assertTrue(any("run_half1_class001_unfil.mrc" in line and "beside" in line for line in log.output))
        summary = json.loads((output.parent / "summary.json").read_text())
        self.assertEqual({"signal_resolution", "molecule_volume", "solvent_level", "share_inside", "correlation"}
                         - summary.keys(), set())
        halves = tuple(sorted(self.folder.glob("run_half*.mrc")))
        other = refined_map("helices", seed=5)
        write_map(self.folder / "other.mrc", other.density.data, PIXEL)
        with self.assertRaisesRegex(InputError, "half maps of another map"):
            fit(self.folder / "other.mrc", FitConfig(half_maps=(halves[0], halves[1])), output)
        with self.assertRaisesRegex(InputError, "hold the same map"):
            fit(source, FitConfig(half_maps=(halves[0], halves[0])), output)
        write_map(self.folder / "blank.mrc", np.zeros_like(other.density.data), PIXEL)
        with self.assertRaisesRegex(InputError, "blank.mrc: 0 in every voxel; expected a half map"):
            fit(source, FitConfig(half_maps=(halves[0], self.folder / "blank.mrc")), output)

    def test_half_maps_on_the_grid_of_particles(self) -> None:
        """The end of the signal stays, also where pixel sizes of header and particles differ in the last digits."""
        given = refined_map("shell")
        source = self.write_pair(given)
        own = signal_of_map(given.density, find_molecule(given.density, 20.0), given.halves)
        for box, pixel in ((BOX, PIXEL * (1 + 2e-8)), (60, 4.0)):
            consensus = consensus_for(source, box, pixel, FitConfig())
            assert consensus.halves is not None
            self.assertEqual(consensus.halves.first.box, box)
            content = find_molecule(consensus.density, 20.0)
            end = signal_of_map(consensus.density, content, consensus.halves)
            self.assertAlmostEqual(end / own, 1, delta=0.15)

    def test_names_of_half_maps(self) -> None:
        names = ("run_class001.mrc", "run_half1_class001_unfil.mrc", "run_half2_class001_unfil.mrc",
                 "P1_J5_006_volume_map_sharp.mrc", "P1_J5_006_volume_map_half_A.mrc", "P1_J5_006_volume_map_half_B.mrc",
                 "map_01.mrc", "map_01_half1.mrc", "map_01_half2.mrc", "emd_12.map", "emd_12_half_map_1.map",
                 "emd_12_half_map_2.map", "map_02.mrc", "map_02_half1.mrc", "alone.mrc")
        for name in names:
            (self.folder / name).write_bytes(b"")
        for name, first in (("run_class001.mrc", names[1]), (names[3], names[4]), ("map_01.mrc", names[7]),
                            ("emd_12.map", names[10]), ("map_02.mrc", None), ("alone.mrc", None), (names[1], None)):
            found = find_half_maps(self.folder / name)
            with self.subTest(name):
                self.assertEqual(None if found is None else found[0].name, first)

    def test_a_poor_fit_stops_in_one_line_and_leaves_no_model(self) -> None:
        given = refined_map("lobes", padded=True)
        source = self.folder / "map.mrc"
        write_map(source, given.halves.first.data, PIXEL)
        with self.assertRaisesRegex(InputError, "do not explain the map.*--half-maps.*--mask") as caught:
            fit(source, FitConfig(n_gaussians=10, resolution=10.0), self.folder / "fit" / "model.npz")
        self.assertNotIn("\n", str(caught.exception))
        self.assertFalse((self.folder / "fit" / "model.npz").exists())


class TestSpectrum(unittest.TestCase):
    def test_a_b_factor_is_taken_off(self) -> None:
        """White noise times exp(-B k^2 / 4), B = 400: power back to even within a fifth in shells of some size."""
        noise = np.random.default_rng(2).normal(size=(32, 32, 32))
        full, half = np.fft.fftfreq(32, 4.0), np.fft.rfftfreq(32, 4.0)
        square = full[:, None, None] ** 2 + full[:, None] ** 2 + half**2
        data = np.fft.irfftn(np.fft.rfftn(noise) * np.exp(-100 * square), s=noise.shape, axes=(0, 1, 2))
        density = DensityMap(data.astype(np.float32), 4.0)
        flat = radial_power(Spectrum.of(density, 8.0).flattened(density).data)[4:15]
        np.testing.assert_allclose(flat / flat.mean(), 1, atol=0.2)


if __name__ == "__main__":
    unittest.main()
