"""The reconstruct stage: planted maps come back from images made in another way; its files."""

import json
import tempfile
import tracemalloc
import unittest
from dataclasses import replace
from pathlib import Path
from unittest import mock

import mrcfile
import numpy as np
import pytest

from gmmhet.engine.config import ReconstructConfig
from gmmhet.engine.io import read_map, read_particles, read_star
from gmmhet.engine.molecule.maps import fourier_shell_correlation
from gmmhet.engine.molecule.symmetry import rotation_matrices
from gmmhet.engine.reconstruction import SliceReader, half_equations, halves_of_particles, reconstruct, series
from gmmhet.engine.reconstruction.settings import SERIES, SeriesSettings
from gmmhet.tests.support.reconstruction_data import ParticleSet, density, molecule


class Workspace(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)

    def particles(self, **options):
        return ParticleSet(self.folder / "in", **options).write()

    def run_stage(self, data, *, latents=None, name="out", extra=None, order=None, **config):
        """Reconstruct with a latents file of the given columns; returns the output folder."""
        if latents is None:
            latents = data.write_star("latents.star", extra, order)
        output = self.folder / name
        reconstruct(data.folder / "particles.star", latents, ReconstructConfig(**{"n": 1} | config), output)
        return output


def shell_correlation(first, second, pixel_size=1.0):
    return fourier_shell_correlation(np.asarray(first, np.float32), np.asarray(second, np.float32), pixel_size)[1]


def full_disk():
    raise OSError("disk full")


def scale(found, true):
    return float((found * true).sum() / np.square(true).sum())


class TestPlantedMap(Workspace):
    def check(self, data, output, number=1, atoms=None):
        """FSC with the truth above 0.99 up to 3/4 of Nyquist (atoms of 1 pixel alias beyond), greyscale to 3%."""
        found = read_map(output / f"map_{number:02d}.mrc")
        true = density(atoms or data.atoms[0], data.box)
        curve = shell_correlation(found.data, true)
        self.assertGreater(curve[:int(0.75 * len(curve))].min(), 0.99)
        self.assertAlmostEqual(scale(found.data, true), 1, delta=0.03)
        return found

    def test_noise_free_projections(self):
        """Poses, shifts, astigmatic CTF, (z, y, x) order and greyscale; even and odd box; header and grid."""
        for box, pixel_size in ((24, 3.0), (25, 2.5)):
            with self.subTest(box=box):
                data = self.particles(box=box, pixel_size=pixel_size, noise=1e-3)
                output = self.run_stage(data, name=f"out{box}")
                found = self.check(data, output)
                self.assertEqual(found.data.shape, (box,) * 3)
                for name in ("map_01.mrc", "map_01_half1.mrc", "map_01_half2.mrc"):
                    with mrcfile.open(output / name) as header:
                        np.testing.assert_allclose(header.voxel_size.tolist(), [pixel_size] * 3, rtol=1e-5)
                        self.assertEqual(header.header.origin.tolist(), (0.0, 0.0, 0.0))

    def test_inverted_images_with_negative_contrast(self):
        data = self.particles(contrast=-1.7, noise=1e-3)
        self.check(data, self.run_stage(data, extra={"gmmhetContrast": [-1.7] * data.n}))

    def test_contrast_of_each_particle(self):
        """Images scaled by factors that the latents tell give the same map."""
        data = self.particles(noise=1e-3)
        factors = np.round(np.random.default_rng(1).uniform(0.3, 2, data.n), 4)
        data.write_images(data.images * factors[:, None, None])
        self.check(data, self.run_stage(data, extra={"gmmhetContrast": factors}))

    def test_noisy_map_is_filtered_and_curves_tell_the_truth(self):
        """The correlation with the truth that half maps predict, sqrt(2 f / (1 + f)), holds to 0.1 in the mean."""
        data = self.particles(noise=1.5, n=400)
        output = self.run_stage(data)
        true = density(data.atoms[0], data.box)
        found = read_map(output / "map_01.mrc").data
        halves = [read_map(output / f"map_01_half{h}.mrc").data for h in (1, 2)]
        table = np.genfromtxt(output / "fsc.csv", delimiter=",", names=True)
        predicted = np.sqrt(np.clip(2 * table["fsc"] / (1 + table["fsc"]), 0, 1))
        actual = shell_correlation(halves[0] + halves[1], true)
        self.assertLess(actual.min(), 0.8)
        self.assertLess(np.abs(predicted - actual).mean(), 0.1)
        error = [np.square(m - true).sum() for m in (found, (halves[0] + halves[1]) / 2)]
        self.assertLess(error[0], 0.7 * error[1])

    def test_symmetry_fills_in_views(self):
        """A C3 molecule in 20 views: with the symmetry applied they are as good as three times as many."""
        centers, weights, sigma = molecule(np.random.default_rng(7), 6)
        turns = rotation_matrices("C3")
        whole = (np.concatenate([(centers + np.array([2, 0, 0])) @ r.T for r in turns]), np.tile(weights, 3), sigma)
        data = self.particles(atoms=[whole] * 20, n=20, noise=1e-3)
        curves = [shell_correlation(read_map(self.run_stage(data, symmetry=group, name=group) / "map_01.mrc").data,
                                    density(whole, 24)) for group in ("C1", "C3")]
        self.assertGreater(curves[1][:7].min(), 0.98)
        self.assertGreater(1 - curves[0][:7].min(), 5 * (1 - curves[1][:7].min()))

    def test_coarse_maps_of_large_boxes(self):
        """A large box stays coarse where the particles tell no more, on the same grid and greyscale; else not."""
        with mock.patch.object(series, "SERIES", SeriesSettings(coarse=16, coarse_above=20)):
            blurred = molecule(np.random.default_rng(7), sigma=2.6)
            data = self.particles(atoms=[blurred] * 240, noise=4.0)
            output = self.run_stage(data, name="coarse")
            found = read_map(output / "map_01.mrc")
            record = json.loads((output / "summary.json").read_text())["maps"][0]
            self.assertAlmostEqual(record["finest"], 2 * 3.0 * 24 / 16)
            true = density(blurred, 24)
            self.assertEqual((found.box, found.pixel_size), (24, 3.0))
            self.assertGreater(np.corrcoef(found.data.ravel(), true.ravel())[0, 1], 0.97)
            self.assertAlmostEqual(scale(found.data, true), 1, delta=0.06)
            data = self.particles(noise=1e-3)
            self.check(data, self.run_stage(data, name="full"))


class TestBins(Workspace):
    def setUp(self):
        super().setUp()
        self.ends = [molecule(np.random.default_rng(s)) for s in (7, 8)]
        self.z = np.round(np.random.default_rng(0).normal(size=300), 5)
        self.data = self.particles(n=300, noise=1e-3, atoms=[self.ends[int(v > np.median(self.z))] for v in self.z])

    def test_each_bin_shows_its_own_molecule(self):
        output = self.run_stage(self.data, extra={"gmmhetLatent1": self.z}, n=2)
        summary = json.loads((output / "summary.json").read_text())
        ordered = np.sort(self.z)
        for i, record in enumerate(summary["maps"]):
            members = ordered[150 * i:150 * (i + 1)]
            curve = shell_correlation(read_map(output / record["file"]).data, density(self.ends[i], 24))
            self.assertGreater(curve[:9].min(), 0.99)
            self.assertEqual((record["n_particles"], record["n_effective"]), (150, 150))
            self.assertAlmostEqual(record["coordinate"], members.mean())
            self.assertEqual((record["low"], record["high"]), (members[0], members[-1]))
        self.assertEqual((summary["by"], summary["mode"], summary["symmetry"]), ("bins", 1, "C1"))
        classes = read_star(output / "classes.star")["particles"].integers("rlnClassNumber")
        np.testing.assert_array_equal(classes, 1 + (self.z > np.median(self.z)))
        table = np.genfromtxt(output / "fsc.csv", delimiter=",", names=True)
        np.testing.assert_array_equal(table["map"], np.repeat([1, 2], 12))
        np.testing.assert_allclose(table["frequency"][:12], np.arange(1, 13) / 72, atol=1e-6)

    def test_clusters_and_windows_show_the_ends(self):
        """Two separate groups: clusters are the groups; windows around their centres hold only their own particles."""
        z = np.round(self.z * 0.1 + 3 * np.sign(self.z - np.median(self.z)), 5)
        extra = {"gmmhetLatent1": z, "gmmhetLatentSd1": [0.1] * 300}
        for by in ("clusters", "kernel"):
            output = self.run_stage(self.data, extra=extra, n=2, by=by, name=by)
            for i, record in enumerate(json.loads((output / "summary.json").read_text())["maps"]):
                curve = shell_correlation(read_map(output / record["file"]).data, density(self.ends[i], 24))
                self.assertGreater(curve[:9].min(), 0.98)
                self.assertLessEqual(record["n_effective"], record["n_particles"] + 1e-6)

    def test_joined_by_image_not_by_row(self):
        """Shuffled rows of latents.star, and a latents.star of more particles, give the same maps and classes."""
        straight = self.run_stage(self.data, extra={"gmmhetLatent1": self.z}, n=2)
        order = np.random.default_rng(3).permutation(300)
        shuffled = self.run_stage(self.data, extra={"gmmhetLatent1": self.z}, n=2, order=order, name="shuffled")
        for name in ("map_01.mrc", "map_02_half1.mrc"):
            np.testing.assert_array_equal(read_map(straight / name).data, read_map(shuffled / name).data)
        classes = read_star(shuffled / "classes.star")["particles"]
        self.assertEqual([int(t.split("@")[0]) - 1 for t in classes.texts("rlnImageName")], order.tolist())
        np.testing.assert_array_equal(classes.integers("rlnClassNumber"), 1 + (self.z > np.median(self.z))[order])
        latents = self.data.write_star("latents.star", {"gmmhetLatent1": self.z})
        self.data.write_star("particles.star", order=order[:200])
        part = self.run_stage(self.data, latents=latents, n=2, name="part")
        classes = read_star(part / "classes.star")["particles"].integers("rlnClassNumber")
        self.assertEqual(np.bincount(classes).tolist(), [100, 100, 100])
        self.assertEqual(set(np.flatnonzero(classes)), set(order[:200]))

    def test_a_damaged_checkpoint_is_told_and_not_believed(self):
        extra = {"gmmhetLatent1": self.z}
        latents = self.data.write_star("latents.star", extra)
        output = self.run_stage(self.data, latents=latents)
        for damage in ('{"key": "a", "ma', '{"maps": []}', "[]"):
            (output / "checkpoint.json").write_text(damage)
            with self.assertLogs("gmmhet", "WARNING") as told:
                self.run_stage(self.data, latents=latents, resume=True)
            self.assertIn("cannot be read; all maps are made again", told.output[0])
            self.assertTrue((output / "summary.json").is_file())

    def test_resume_keeps_finished_maps(self):
        extra = {"gmmhetLatent1": self.z}
        latents = self.data.write_star("latents.star", extra)
        made = series.Series._write
        with mock.patch.object(series.Series, "_write", autospec=True) as write:
            write.side_effect = lambda self, i, *rest: made(self, i, *rest) if i == 0 else full_disk()
            with pytest.raises(OSError, match="disk full"):
                self.run_stage(self.data, latents=latents, n=2)
        self.assertFalse((self.folder / "out/summary.json").exists())
        with mock.patch.object(series, "half_equations", side_effect=half_equations) as made_again:
            output = self.run_stage(self.data, latents=latents, n=2, resume=True)
        self.assertEqual(made_again.call_count, 2)  # the halves of the second map
        before = {p.name: p.stat().st_mtime_ns for p in output.glob("map_*.mrc")}
        (output / "map_02_half1.mrc").unlink()
        with mock.patch.object(series, "half_equations", side_effect=half_equations) as made_again:
            self.run_stage(self.data, latents=latents, n=2, resume=True)
        self.assertEqual(made_again.call_count, 2)  # the two halves of the map that was not whole
        after = {p.name: p.stat().st_mtime_ns for p in output.glob("map_*.mrc")}
        self.assertEqual({k for k in before if k.startswith("map_01")}, {k for k in after if after[k] == before.get(k)})
        with mock.patch.object(series, "half_equations", side_effect=half_equations) as made_again:
            self.run_stage(self.data, latents=latents, n=1, resume=True)
        self.assertEqual(made_again.call_count, 2)  # other parameters: nothing is kept
        with mock.patch.object(series, "half_equations", side_effect=half_equations) as made_again, \
                mock.patch("gmmhet.engine.reconstruction.results.__version__", "0.0.1"):
            self.run_stage(self.data, latents=latents, n=1, resume=True)
        self.assertEqual(made_again.call_count, 2)  # another version: nothing either
        self.assertEqual(sorted(p.name for p in output.glob("map_*")),
                         ["map_01.mrc", "map_01_half1.mrc", "map_01_half2.mrc", "map_01_local_resolution.mrc"])

    def test_repeatable_to_the_last_bit(self):
        extra = {"gmmhetLatent1": self.z}
        with mock.patch.dict("os.environ", OMP_NUM_THREADS="1"):
            one = self.run_stage(self.data, extra=extra, n=2, name="one")
        with mock.patch.dict("os.environ", OMP_NUM_THREADS="3"):
            other = self.run_stage(self.data, extra=extra, n=2, name="other")
        for name in ("map_01.mrc", "map_02_half2.mrc"):
            np.testing.assert_array_equal(read_map(one / name).data, read_map(other / name).data)
        self.assertEqual((one / "fsc.csv").read_text(), (other / "fsc.csv").read_text())


class TestHalvesOfParticles(Workspace):
    """Half maps for a map that came without."""

    def test_they_hold_the_molecule_and_independent_noise(self):
        data = self.particles(n=400, noise=10.0)
        found, count = halves_of_particles(read_particles(data.folder / "particles.star"))
        true, first, second = density(data.atoms[0], data.box), found.first.data, found.second.data
        self.assertEqual(count, 400)
        for half in (first, second):
            self.assertGreater(shell_correlation(half, true)[:4].min(), 0.9)
        far = np.linalg.norm(np.indices(true.shape) - data.box // 2, axis=0) > 9
        inside = np.linalg.norm(np.indices(true.shape) - data.box // 2, axis=0) < data.box // 2 - 1
        self.assertLess(abs(np.corrcoef((first - true)[far & inside], (second - true)[far & inside])[0, 1]), 0.15)

    def test_large_sets_are_sampled_and_small_ones_are_not_enough(self):
        table = read_particles(self.particles(n=240, noise=1.0).folder / "particles.star")
        with mock.patch("gmmhet.engine.reconstruction.particle_halves.SERIES",
                        replace(SERIES, most_for_halves=60, coarse=20, coarse_above=20)):
            found, count = halves_of_particles(table, "C2")
        self.assertEqual(count, 120)
        self.assertEqual(found.first.data.shape, (24,) * 3)
        self.assertIsNone(halves_of_particles(table.some(np.arange(80))))


class TestHalfEquations(Workspace):
    def setUp(self):
        super().setUp()
        self.data = self.particles(n=60, noise=1.0)
        self.table = read_particles(self.data.folder / "particles.star")
        self.reader = SliceReader(self.table, np.ones(60), np.full((1, 13), 576.0))
        self.rows, self.still = np.arange(60), rotation_matrices("C1")

    def equations(self, rows, weights, group=None):
        group = self.still if group is None else group
        return half_equations(self.reader, rows, np.asarray(weights, np.float32), group)

    def assert_same(self, first, second):
        """To float32 rounding, which the kernel's division enlarges a few times."""
        np.testing.assert_allclose(first.data, second.data, atol=5e-5 * np.abs(second.data).max())
        np.testing.assert_allclose(first.transfer, second.transfer, atol=2e-4 * second.transfer.max())

    def test_weights_count_as_particles(self):
        """A weight of 2 is the particle twice; the weights are real numbers, so kernels fit in."""
        twice = np.concatenate([self.rows, self.rows[:20]])
        weights = np.where(self.rows < 20, 2.0, 1.0)
        self.assert_same(self.equations(self.rows, weights), self.equations(twice, np.ones(80)))

    def test_symmetry_is_the_mean_over_turned_views(self):
        group = rotation_matrices("D2")
        turned = [self.equations(self.rows, np.full(60, 0.25), np.array([turn])) for turn in group]
        self.assert_same(self.equations(self.rows, np.ones(60), group), turned[0] + turned[1] + turned[2] + turned[3])

    def test_memory_is_bounded_by_the_batch(self):
        """Peak memory of 60 and of 240 particles in batches of 8 differs by less than 2%; results do not."""
        whole = self.equations(self.rows, np.ones(60))
        peaks = []
        with mock.patch.object(series, "_POINTS_AT_ONCE", 8 * len(self.reader.disc.shell)):
            with mock.patch.object(SliceReader, "read", autospec=True, side_effect=SliceReader.read) as read:
                self.assert_same(self.equations(self.rows, np.ones(60)), whole)
            self.assertEqual(max(len(call.args[1]) for call in read.call_args_list), 8)
            for repeat in (1, 4):
                rows = np.tile(self.rows, repeat)
                tracemalloc.start()
                self.equations(rows, np.ones(len(rows)))
                peaks.append(tracemalloc.get_traced_memory()[1])
                tracemalloc.stop()
        self.assertLess(peaks[1], 1.02 * peaks[0])

    def test_halves_of_the_pixels_make_the_whole(self):
        whole = self.reader.read(self.rows, np.ones(60, np.float32))
        parts = []
        for half in (0, 1):
            reader = SliceReader(self.table, np.ones(60), np.full((1, 13), 576.0), pixels=np.full(60, half, np.int8))
            parts.append(reader.read(self.rows, np.ones(60, np.float32)))
        for every, (one, other) in zip(whole, zip(*parts, strict=True), strict=True):
            np.testing.assert_array_equal(one + other, every)
            self.assertFalse(np.any((one != 0) & (other != 0)))
            self.assertGreater(min(np.mean(one != 0), np.mean(other != 0)), 0.4)

    def test_values_are_those_of_the_image_model(self):
        """w s C y / noise and w s^2 C^2 / noise at a frequency, from a direct Fourier sum over the pixels."""
        reader = SliceReader(self.table, np.full(60, -0.8), np.full((1, 13), 50.0))
        values, weights = reader.read(np.array([5]), np.array([3.0], np.float32))
        axis = np.arange(24) - 12
        for m in (0, 17, 100):
            kx, ky = reader.disc.index[:, m] / 24
            ox, oy = self.data.shifts[5]
            wave = np.exp(-2j * np.pi * (kx * (axis + ox) + ky * (axis[:, None] + oy)))
            y = (self.data.images[5] * wave).sum()
            phase = self.ctf_phase(5, kx / 3, ky / 3)
            share = 0.5 if kx == ky == 0 else 1.0
            expected = 3 * share * -0.8 * np.sin(phase) * y / 50
            self.assertAlmostEqual(abs(values[m] - expected), 0, delta=1e-4 * abs(y))
            self.assertAlmostEqual(weights[m], 3 * share * 0.64 * np.sin(phase) ** 2 / 50, delta=1e-5)

    def ctf_phase(self, row, kx, ky):
        u, v, angle = self.data.defocus[row]
        wavelength = 0.0196875  # Angstrom, 300 kV
        k2 = kx**2 + ky**2
        local = (u + v) / 2 + (u - v) / 2 * np.cos(2 * (np.arctan2(ky, kx) - np.deg2rad(angle)))
        return np.pi * wavelength * local * k2 - np.pi / 2 * 2.7e7 * wavelength**3 * k2**2 + np.arcsin(0.1)
