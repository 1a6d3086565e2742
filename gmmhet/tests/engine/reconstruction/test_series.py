"""A series of maps: one grid and greyscale, local resolution and sharpening in its files."""

import json
import unittest
from unittest import mock

import mrcfile
import numpy as np

from gmmhet.engine.config import ReconstructConfig
from gmmhet.engine.errors import InputError
from gmmhet.engine.io import DensityMap, read_map
from gmmhet.engine.molecule.maps import low_pass, radial_power, soft_edge
from gmmhet.engine.reconstruction import half_equations, kernel_series, series
from gmmhet.engine.reconstruction.settings import Kernels, SeriesSettings
from gmmhet.tests.engine.reconstruction.test_reconstruction import Workspace
from gmmhet.tests.support.reconstruction_data import density, molecule


def read_summary(folder):
    return json.loads((folder / "summary.json").read_text())


class TestOneGreyscale(Workspace):
    def equal_states(self, by, z):
        """Two maps of one state, blurred to 12 A; where the molecule is; and the noise of their difference there, as
        the half maps tell it."""
        data = self.particles(n=len(z), noise=1.0)
        output = self.run_stage(data, extra={"gmmhetLatent1": z}, n=2, by=by)
        maps, noise = [], 0.0
        true = density(data.atoms[0], data.box)
        here = true > 0.05 * true.max()
        for record in read_summary(output)["maps"]:
            whole, *halves = (read_map(output / record[k]) for k in ("file", "half1", "half2"))
            maps.append(low_pass(whole, 12).data[here])
            half_difference = low_pass(DensityMap((halves[0].data - halves[1].data) / 2, whole.pixel_size), 12).data
            noise += float(np.var(half_difference[here]))
        return (*maps, np.sqrt(noise), [m["n_particles"] for m in read_summary(output)["maps"]])

    def test_equal_states_have_equal_densities(self):
        """Nothing differs but the noise: densities agree to what the half maps differ by, scales and offsets to
        1% of the density."""
        first, second, noise, counts = self.equal_states("bins", np.round(np.random.default_rng(4).normal(size=500), 5))
        self.assertEqual(counts, [250, 250])
        slope, offset = np.polyfit(first, second, 1)
        self.assertAlmostEqual(slope, 1, delta=0.01)
        self.assertLess(abs(offset), 0.01 * first.max())
        self.assertLess(np.std(first - second), 1.2 * noise)
        self.assertLess(noise, 0.03 * first.max())

    def test_unequal_numbers_of_particles_do_not_change_the_scale(self):
        """400 and 100 particles of one state: the filters of both maps, which noise and signal tell, take 2% at most of
        the scale, and differ by 1% of the density at most."""
        z = np.r_[np.full(400, -1.0), np.full(100, 1.0)] + 1e-3 * np.random.default_rng(4).normal(size=500)
        first, second, _, counts = self.equal_states("clusters", np.round(z, 5))
        self.assertEqual(counts, [400, 100])
        slope, offset = np.polyfit(first, second, 1)
        self.assertAlmostEqual(slope, 1, delta=0.02)
        self.assertLess(abs(offset), 0.01 * first.max())
        self.assertLess(np.std(first - second), 0.01 * first.max())

    def test_headers(self):
        data = self.particles(n=60, noise=0.5)
        output = self.run_stage(data, extra={"gmmhetLatent1": np.arange(60.0)}, n=2)
        names = sorted(p.name for p in output.glob("*.mrc"))
        self.assertEqual(names, sorted(f"map_0{i}{end}.mrc" for i in (1, 2)
                                       for end in ("", "_half1", "_half2", "_local_resolution")))
        for name in names:
            with mrcfile.open(output / name) as file:
                header = file.header
                self.assertEqual((file.data.shape, file.data.dtype), ((24,) * 3, np.float32))
                np.testing.assert_allclose(file.voxel_size.tolist(), [3.0] * 3, rtol=1e-6)
                self.assertEqual([int(header[k]) for k in ("nxstart", "nystart", "nzstart")], [0, 0, 0])
                self.assertEqual(header.origin.tolist(), (0, 0, 0))


class TestCoordinates(Workspace):
    def test_means_of_the_particles_along_every_mode(self):
        rng = np.random.default_rng(0)
        z = np.round(rng.normal(size=(2, 60)), 5)
        data = self.particles(n=60, noise=0.5)
        extra = {"gmmhetLatent1": z[0], "gmmhetLatent2": z[1]}
        output = self.run_stage(data, extra=extra, n=3, mode=2)
        order = np.argsort(z[1])
        for number, record in enumerate(read_summary(output)["maps"]):
            np.testing.assert_allclose(record["coordinates"], z[:, order[20 * number:20 * number + 20]].mean(axis=1))
            self.assertAlmostEqual(record["coordinates"][1], record["coordinate"])
        windows = read_summary(self.run_stage(data, extra=extra, n=3, mode=2, by="kernel", name="windows"))["maps"]
        for record in windows:
            self.assertAlmostEqual(record["coordinates"][1], record["coordinate"], places=5)

    def test_points_of_a_table(self):
        """Maps around given points; the table's coordinates are those of the maps."""
        rng = np.random.default_rng(0)
        data = self.particles(n=60, noise=0.5)
        (self.folder / "points.csv").write_text("latent1,latent2,density\n0.5,-1,0.2\n-0.25,0,0.4\n")
        extra = {f"gmmhetLatent{k}": np.round(rng.normal(size=60), 5) for k in (1, 2)}
        output = self.run_stage(data, extra=extra, n=5, by="kernel", points=self.folder / "points.csv")
        maps = read_summary(output)["maps"]
        self.assertEqual([m["coordinates"] for m in maps], [[0.5, -1.0], [-0.25, 0.0]])
        self.assertEqual([m["n_particles"] for m in maps], [60, 60])
        self.assertEqual(read_summary(output)["parameters"]["n"], 2)
        with self.assertRaisesRegex(InputError, "expected --by kernel"):
            ReconstructConfig(points=self.folder / "points.csv")

    def test_kernels_of_a_large_box_go_through_files(self):
        """Windows of a large box are on disk while a map is made; the maps are the same, and nothing stays."""
        data = self.particles(n=60, noise=0.5)
        extra = {"gmmhetLatent1": np.arange(60.0)}
        expected = self.run_stage(data, extra=extra, n=2, by="kernel")
        with mock.patch.object(kernel_series, "SERIES", SeriesSettings(coarse_above=10)):
            found = self.run_stage(data, extra=extra, n=2, by="kernel", name="spooled")
        np.testing.assert_array_equal(read_map(found / "map_02.mrc").data, read_map(expected / "map_02.mrc").data)
        self.assertEqual(sorted(p.name for p in found.iterdir()), sorted(p.name for p in expected.iterdir()))

    def test_kernels_of_a_resumed_run(self):
        """What the points tell of each other is found again: the same map, bit for bit, of points that are looked at
        first and of others."""
        data = self.particles(n=200, noise=0.5)
        extra = {"gmmhetLatent1": np.arange(200.0)}
        with mock.patch.object(kernel_series, "KERNELS", Kernels(points_looked_at=3)):
            output = self.run_stage(data, extra=extra, n=4, by="kernel")
            expected = {name: read_map(output / name).data for name in ("map_02.mrc", "map_03.mrc")}
            for name in expected:
                (output / name).unlink()
            self.run_stage(data, extra=extra, n=4, by="kernel", resume=True)
        for name, before in expected.items():
            np.testing.assert_array_equal(read_map(output / name).data, before)
        self.assertEqual(list(output.glob(".windows*")), [])

    def test_a_point_three_times_tells_no_more_than_once(self):
        data = self.particles(n=200, noise=3.0)
        extra = {"gmmhetLatent1": np.arange(200.0)}
        maps = []
        for times in (1, 3):
            (self.folder / "points.csv").write_text("latent1\n" + "60\n" * times)
            output = self.run_stage(data, extra=extra, by="kernel", points=self.folder / "points.csv")
            maps.append(read_map(output / "map_01.mrc").data)
        np.testing.assert_allclose(maps[1], maps[0], atol=1e-5 * maps[0].max())

    def test_what_a_killed_run_left_is_removed(self):
        (self.folder / "out" / ".windowsabc").mkdir(parents=True)
        output = self.run_stage(self.particles(n=20, noise=0.5))
        self.assertEqual(list(output.glob(".windows*")), [])

    def test_kernels_leave_particles_without_contrast_out(self):
        data = self.particles(n=60, noise=0.5)
        extra = {"gmmhetLatent1": np.arange(60.0), "gmmhetContrast": np.where(np.arange(60) < 40, 1.0, 0.0)}
        record = read_summary(self.run_stage(data, extra=extra, n=2, by="kernel"))["maps"][1]
        self.assertEqual((record["n_particles"], record["n_half1"], record["n_half2"]), (40, 20, 20))
        self.assertTrue(np.isfinite(read_map(self.folder / "out" / record["file"]).data).all())

    def test_kernels_start_coarse(self):
        """A box that is tried small first, and is not resolved beyond: the coarse grid is told."""
        data = self.particles(n=60, noise=30.0)
        with mock.patch.object(series, "SERIES", SeriesSettings(coarse=16, coarse_above=20)):
            output = self.run_stage(data, extra={"gmmhetLatent1": np.arange(60.0)}, n=2, by="kernel")
        record = read_summary(output)["maps"][0]
        self.assertAlmostEqual(record["finest"], 2 * 3.0 * 24 / 16)
        self.assertEqual(read_map(output / record["file"]).box, 24)

    def test_kernels_need_both_halves(self):
        data = self.particles(n=20, noise=0.5)
        extra = {"gmmhetLatent1": np.arange(20.0), "gmmhetContrast": np.where(data.subsets == 2, 0.0, 1.0)}
        with self.assertRaisesRegex(InputError, "no particle in half 2 .*; expected both half-sets"):
            self.run_stage(data, extra=extra, n=2, by="kernel")

    def test_none_without_modes(self):
        output = self.run_stage(self.particles(n=20, noise=0.5))
        self.assertEqual(read_summary(output)["maps"][0]["coordinates"], [])


class TestLocalResolutionFiles(Workspace):
    def two_parts(self):
        """A molecule of two parts, 10 voxels apart; one of them is there in every other particle, at random places."""
        rng = np.random.default_rng(1)
        still, loose = (molecule(np.random.default_rng(s), 10, radius=3.0, sigma=0.8) for s in (7, 8))
        atoms = []
        for _ in range(300):
            moved = loose[0] + [12, 0, 0] + rng.normal(size=3) * 1.2
            atoms.append((np.concatenate([still[0] - [8, 0, 0], moved]), np.r_[still[1], loose[1]], 0.8))
        return self.particles(box=48, atoms=atoms, n=300, noise=0.3)

    def test_a_part_that_moves_about_has_a_lower_resolution(self):
        output = self.run_stage(self.two_parts())
        found = read_map(output / "map_01_local_resolution.mrc")
        self.assertEqual((found.box, found.pixel_size), (48, 3.0))
        x = np.arange(48) - 24
        ball = x[:, None, None] ** 2 + x[:, None] ** 2
        still, loose = (np.median(found.data[ball + (x - place) ** 2 < 9]) for place in (-8, 12))
        self.assertLess(still, 0.75 * loose)
        record = read_summary(output)["maps"][0]
        self.assertEqual(record["local_resolution"], "map_01_local_resolution.mrc")
        self.assertTrue(2 * 3.0 <= record["local_resolution_10"] <= record["local_resolution_median"]
                        <= record["local_resolution_90"] <= 144 / 6)
        self.assertAlmostEqual(record["local_resolution_10"] / still, 1, delta=0.15)

    def test_percentiles_are_taken_within_the_users_mask(self):
        data = self.two_parts()
        x = np.arange(48) - 24
        mask = soft_edge(np.broadcast_to(x > 5, (48,) * 3) & (np.hypot(x[:, None, None], x[:, None]) < 9), 0, 3)
        path = self.folder / "mask.mrc"
        with mrcfile.new(path) as out:
            out.set_data(mask)
            out.voxel_size = 3.0
        whole, part = (read_summary(self.run_stage(data, mask=m, name=str(bool(m))))["maps"][0] for m in (None, path))
        self.assertGreater(part["local_resolution_10"], 1.2 * whole["local_resolution_10"])

    def test_coarse_maps_of_large_boxes(self):
        with mock.patch.object(series, "SERIES", SeriesSettings(coarse=16, coarse_above=20)):
            blurred = molecule(np.random.default_rng(7), sigma=2.6)
            output = self.run_stage(self.particles(atoms=[blurred] * 240, noise=4.0))
        self.assertEqual(read_summary(output)["maps"][0]["finest"], 9.0)
        found = read_map(output / "map_01_local_resolution.mrc")
        self.assertEqual((found.box, found.pixel_size), (24, 3.0))
        self.assertGreaterEqual(found.data.min(), 9.0)
        self.assertLess(np.argmin(found.data[12, 12]) - 12, 6)

    def test_one_half_tells_none(self):
        data = self.particles(noise=1.0)
        output = self.run_stage(data, extra={"gmmhetContrast": np.where(data.subsets == 1, 0.0, 1.0)})
        record = read_summary(output)["maps"][0]
        self.assertEqual([record[f"local_resolution{k}"] for k in ("", "_10", "_median", "_90")], [None] * 4)
        self.assertFalse((output / "map_01_local_resolution.mrc").exists())

    def test_curves_within_the_mask(self):
        """Corrected = (uncorrected - randomised) / (1 - randomised) two shells after phases begin to be random."""
        output = self.run_stage(self.particles(noise=1.5, n=400))
        table = np.genfromtxt(output / "fsc.csv", delimiter=",", names=True)
        chance, raw, masked = (table[k] for k in ("fsc_randomised", "fsc_masked_uncorrected", "fsc_masked"))
        start = int(np.flatnonzero(np.isfinite(chance))[0])
        self.assertEqual(start, np.flatnonzero(table["fsc"] < 0.8)[0])
        np.testing.assert_allclose(masked[:start + 2], raw[:start + 2])
        expected = np.clip((raw - chance) / (1 - chance), -1, 1)
        np.testing.assert_allclose(masked[start + 2:], expected[start + 2:], atol=5e-5)
        self.assertGreater(len(masked), start + 2)


class TestSharpeningFiles(Workspace):
    def test_sharpened_maps_are_added_without_making_the_maps_again(self):
        data = self.particles(pixel_size=1.5, noise=0.5, n=200, box=32)
        latents = data.write_star("latents.star")
        output = self.run_stage(data, latents=latents)
        self.assertIsNone(read_summary(output)["sharpening"])
        with mock.patch.object(series, "half_equations", side_effect=half_equations) as made:
            self.run_stage(data, latents=latents, resume=True, sharpen="auto")
        self.assertEqual(made.call_count, 0)
        summary = read_summary(output)
        power = radial_power(density(data.atoms[0], 32))
        k = np.arange(17) / 48
        inside = (k > 0.1) & (k < 1 / summary["maps"][0]["resolution_fsc143"])
        planted = -4 * np.polyfit(k[inside] ** 2, 0.5 * np.log(power[inside]), 1)[0]
        self.assertAlmostEqual(planted, 8 * np.pi**2 * 1.5**2, delta=40)  # of atoms one voxel wide, and their places
        self.assertAlmostEqual(summary["sharpening"]["b_factor"], -planted, delta=20)
        self.assertEqual(summary["maps"][0]["sharpened"], "map_01_sharpened.mrc")
        sharp, plain = (read_map(output / f"map_01{end}.mrc").data for end in ("_sharpened", ""))
        self.assertGreater(sharp.max(), 1.2 * plain.max())
        self.run_stage(data, latents=latents, resume=True)
        self.assertFalse((output / "map_01_sharpened.mrc").exists())


if __name__ == "__main__":
    unittest.main()
