"""The reconstruct stage on what is nearly nothing, on bad input, and how often it reads the images."""

import json
import os
import resource
from unittest import mock

import mrcfile
import numpy as np
import pytest

from gmmhet.engine.errors import InputError
from gmmhet.engine.io import ParticleTable, read_map
from gmmhet.engine.reconstruction import SliceReader, noise, series
from gmmhet.engine.reconstruction.settings import Gridding, SeriesSettings
from gmmhet.tests.engine.reconstruction.test_reconstruction import Workspace, scale
from gmmhet.tests.support.reconstruction_data import density, transfer_function


class TestEmptyHalves(Workspace):
    def test_half_sets_that_cannot_be_compared(self):
        """All in one half-set, or nearly: odd and even images are taken, as in a file without half-sets; it is said."""
        for subsets in (np.ones(240, int), np.repeat([2, 1], [232, 8])):
            data = self.particles(subsets=subsets, noise=1.0)
            with self.assertLogs("gmmhet", "WARNING") as log:
                output = self.run_stage(data, name=f"out{subsets[-1]}{subsets[0]}")
            self.assertIn("cannot be compared: odd and even images are taken", "".join(log.output))
            record = json.loads((output / "summary.json").read_text())["maps"][0]
            self.assertEqual((record["n_half1"], record["n_half2"], record["note"]), (120, 120, None))
            data = self.particles(noise=1.0)
            text = data.write_star("particles.star").read_text()
            (data.folder / "particles.star").write_text(text.replace("rlnRandomSubset", "rlnOther"))
            latents = data.folder / "latents.star"
            latents.write_text(text.replace("rlnRandomSubset", "rlnOther"))
            other = self.run_stage(data, latents=latents, name=f"other{subsets[-1]}{subsets[0]}")
            for name in ("map_01.mrc", "map_01_half1.mrc", "map_01_half2.mrc"):
                np.testing.assert_array_equal(read_map(output / name).data, read_map(other / name).data)
        true, found = density(data.atoms[0], 24), read_map(output / "map_01.mrc").data
        self.assertGreater(np.corrcoef(found.ravel(), true.ravel())[0, 1], 0.97)
        self.assertAlmostEqual(scale(found, true), 1, delta=0.1)

    def test_one_particle_a_bin(self):
        """Finite maps that say what they are; a view is reproduced by the map of its particle."""
        data = self.particles(n=2, noise=0.1)
        output = self.run_stage(data, extra={"gmmhetLatent1": [0.0, 1.0]}, n=2)
        for number in (1, 2):
            self.assertTrue(np.isfinite(read_map(output / f"map_{number:02d}.mrc").data).all())
        records = json.loads((output / "summary.json").read_text())["maps"]
        self.assertEqual([r["note"][:22] for r in records], ["no particles in half 2", "no particles in half 1"])


    def test_one_particle(self):
        """The map of a single image reproduces its view, with each frequency as far as C^2 lets it through."""
        data = self.particles(n=1)
        data.angles, data.shifts = np.zeros((1, 3)), np.zeros((1, 2))
        data.write_images(np.stack([data._image(0)]))
        data.write_star("particles.star")
        output = self.run_stage(data)
        record = json.loads((output / "summary.json").read_text())["maps"][0]
        self.assertEqual((record["n_particles"], record["n_half1"], record["resolution_fsc143"]), (1, 1, None))
        projection = read_map(output / "map_01.mrc").data.sum(axis=0)
        passed = np.square(transfer_function(24, 3.0, data.defocus[0]))
        true = np.fft.ifft2(np.fft.fft2(density(data.atoms[0], 24).sum(axis=0)) * passed).real
        self.assertGreater(np.corrcoef(projection.ravel(), true.ravel())[0, 1], 0.9)

    def test_particles_without_contrast_say_nothing(self):
        """Where a half has contrast 0 throughout, the map is that of the other half, and the summary says so."""
        data = self.particles(n=60, noise=1.0)
        contrast = np.where(data.subsets == 1, 0.0, 1.0)
        output = self.run_stage(data, extra={"gmmhetContrast": contrast})
        record = json.loads((output / "summary.json").read_text())["maps"][0]
        self.assertEqual((record["n_particles"], record["n_half1"], record["n_half2"]), (30, 0, 30))
        self.assertIn("no particles in half 1", record["note"])
        some = np.sort(np.append(np.flatnonzero(contrast), np.flatnonzero(contrast == 0)[:10]))
        data.write_star("particles.star", order=some)
        other = self.run_stage(data, name="other", extra={"gmmhetContrast": contrast}, order=some)
        for name in ("map_01.mrc", "map_01_half1.mrc", "map_01_half2.mrc"):
            first, second = (read_map(o / name).data for o in (output, other))  # the noise is that of other images
            self.assertLessEqual(np.linalg.norm(first - second), 0.02 * np.linalg.norm(first))


class TestPasses(Workspace):
    """How often images are read: a sample for the noise, and then each image once for maps of distinct particles."""

    def reads(self, data, **options):
        """[n] how often each image was read after the sample, and how many reads the sample took."""
        taken = []
        images = ParticleTable.images

        def counted(table, rows, *rest, **more):
            taken.append(np.asarray(rows))
            return images(table, rows, *rest, **more)

        fewer = mock.patch.object(noise, "GRIDDING", Gridding(noise_images=7))
        with mock.patch.object(ParticleTable, "images", counted), fewer:
            self.run_stage(data, **options)
        return np.bincount(np.concatenate(taken[1:]), minlength=data.n), len(taken[0])

    def test_each_image_once(self):
        data = self.particles(n=40, noise=1.0)
        z = {"gmmhetLatent1": np.arange(40.0)}
        for n in (1, 4):
            counts, sample = self.reads(data, extra=z, n=n, name=f"out{n}")
            self.assertEqual((counts.tolist(), sample), ([1] * 40, 7))

    def test_twice_where_the_coarse_map_asks_for_the_full_one(self):
        data = self.particles(noise=1e-3)
        with mock.patch.object(series, "SERIES", SeriesSettings(coarse=16, coarse_above=20)):
            counts, _ = self.reads(data)
        self.assertEqual(counts.tolist(), [2] * data.n)


class TestBadInput(Workspace):
    def fails(self, data, message, **options):
        with pytest.raises(InputError, match=message) as caught:
            self.run_stage(data, **options)
        self.assertNotIn("\n", str(caught.value))
        self.assertFalse((self.folder / "out" / "summary.json").exists())

    def test_latents_that_do_not_fit(self):
        data = self.particles(n=6)
        z = {"gmmhetLatent1": np.arange(6.0)}
        self.fails(data, "no row for 000003@stack.mrcs .row 3 of .*all its 6 particles, found 5 rows", extra=z,
                   order=np.array([0, 1, 3, 4, 5]))
        self.fails(data, "--n is 7; expected at most 6", extra=z, n=7)
        self.fails(data, "no column gmmhetLatent2; expected --mode from 1 to 1", extra=z, mode=2)
        self.fails(data, "no column gmmhetLatent1; expected coordinates", n=2)
        self.fails(data, "row 2: gmmhetLatent1 is 'nan'", extra={"gmmhetLatent1": [0, "nan", 1, 2, 3, 4]}, n=2)
        self.fails(data, "gmmhetContrast is 0 for every particle", extra={"gmmhetContrast": [0] * 6})

    def test_images_that_are_not_finite(self):
        data = self.particles(n=6)
        pixels = np.memmap(data.folder / "stack.mrcs", np.float32, "r+", offset=1024)
        pixels[4 * 24**2 + 100] = np.nan
        pixels.flush()
        self.fails(data, "row 5: image 5 of .*stack.mrcs holds NaN")

    def test_images_without_anything(self):
        data = self.particles(n=6)
        data.write_images(np.full((6, 24, 24), 3.0))
        self.fails(data, "stack.mrcs: all pixels of an image have the same value .6 images looked at, the first")

    def test_no_rows(self):
        data = self.particles(n=3)
        latents = data.write_star("latents.star")
        data.write_star("particles.star", order=[])
        self.fails(data, "particles.star: no particles in data_particles; expected at least one", latents=latents)
        data.write_star("particles.star")
        self.fails(data, "latents.star: no particles in data_particles", order=[])

    def test_a_map_of_particles_without_contrast(self):
        data = self.particles(n=6)
        columns = {"gmmhetLatent1": np.arange(6.0), "gmmhetContrast": [1, 1, 1, 0, 0, 0]}
        self.fails(data, "gmmhetContrast is 0 for every particle of map 2", extra=columns, n=2)
        self.assertEqual(list((self.folder / "out").iterdir()), [])

    def test_a_stack_that_loses_its_end_while_it_is_read(self):
        """Found at the next batch, in one line; nothing is left behind."""
        data = self.particles(n=60, noise=1.0)
        stack = data.folder / "stack.mrcs"
        read = SliceReader.read

        def cut_afterwards(reader, *arguments):
            found = read(reader, *arguments)
            os.truncate(stack, 1024 + 50 * 24**2 * 4)
            return found

        with mock.patch.object(series, "_POINTS_AT_ONCE", 2000), mock.patch.object(SliceReader, "read", cut_afterwards):
            self.fails(data, "stack.mrcs: .*truncated")
        self.assertEqual(list((self.folder / "out").iterdir()), [])

    def test_results_that_cannot_be_written(self):
        """A folder below a file, and a disk that fills up (a limit on the size of files) at each of the files."""
        data = self.particles(n=6, noise=1.0)
        self.fails(data, "in/stack.mrcs/out: cannot be written", name="in/stack.mrcs/out")
        latents = data.write_star("latents.star")
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        for size, message in ((40_000, "out/map_01.mrc: cannot be written"), (100, "out/.*: cannot be written")):
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
            try:
                self.fails(data, message, latents=latents)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            self.assertEqual(list((self.folder / "out").iterdir()), [])

    def test_masks(self):
        data = self.particles(n=6)
        for name, box, pixel, value, message in (
                ("a.mrc", 20, 1.2, 1.0, "20 voxels of 1.2 Å.*, particles of 72 Å"),
                ("b.mrc", 24, 2.0, 1.0, "24 voxels of 2 Å.*expected a voxel size of 3 Å"),
                ("c.mrc", 24, 3.0, 0.0, "0 in every voxel")):
            path = self.folder / name
            values = np.zeros((box,) * 3, np.float32)
            values[8:12, 8:12, 8:12] = value
            with mrcfile.new(path) as out:
                out.set_data(values)
                out.voxel_size = pixel
            self.fails(data, message, mask=path)
