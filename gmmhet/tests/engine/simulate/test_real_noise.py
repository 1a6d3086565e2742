"""Signals planted in real noise: slices against sums over atoms, residuals against known noise, the planted ratio.

Gaussian noise of the same power in each shell: its spectrum, its distribution, the same signals in it.
"""

import tempfile
import unittest
from pathlib import Path

import numpy as np

from gmmhet.engine.commands.main import main
from gmmhet.engine.config import SimulateConfig
from gmmhet.engine.conventions import euler_to_matrix
from gmmhet.engine.errors import InputError
from gmmhet.engine.io import open_stack, read_particles, write_map
from gmmhet.engine.simulate import RealNoise, simulate
from gmmhet.engine.simulate.atoms import atom_map, atom_slices
from gmmhet.engine.simulate.gaussian_noise import ShellNoise
from gmmhet.engine.simulate.real_noise import central_slices
from gmmhet.tests.support.conformance import conformance_file

BOX, PIXEL, N = 32, 6.0, 150


class TestCentralSlices(unittest.TestCase):
    def test_they_are_the_projections_of_the_map(self):
        rng = np.random.default_rng(0)
        for box in (32, 33):
            centers, weights = rng.normal(size=(40, 3)) * 20, np.ones(40)
            density = atom_map(centers, weights, box=box, pixel_size=PIXEL)
            rotation = euler_to_matrix([20.0, 70.0, -110.0])
            kx, ky = np.broadcast_arrays(np.fft.rfftfreq(box), np.fft.fftfreq(box)[:, None])
            inside = np.hypot(kx, ky) < 0.4
            grid = np.stack([kx[inside], ky[inside]], axis=1) * box
            found = central_slices(density, rotation[None], grid)[0]
            true = atom_slices(centers, weights, rotation, np.zeros(2), box=box, pixel_size=PIXEL)[inside]
            # linear interpolation on a grid twice as fine
            error = np.sqrt((np.abs(found - true)**2).sum() / (np.abs(true)**2).sum())
            self.assertLess(error, 0.06, box)


def ring_power(images):
    """[shells] mean square of Fourier coefficients in rings one wide, of all frequencies of the whole plane."""
    box = images.shape[-1]
    k = np.fft.fftfreq(box, 1 / box)
    ring = np.rint(np.hypot(k, k[:, None])).astype(int).ravel()
    return np.bincount(ring, (np.abs(np.fft.fft2(images))**2).mean(axis=0).ravel()) / np.bincount(ring)


class TestShellNoise(unittest.TestCase):
    def test_power_of_every_ring_is_that_of_the_given_noise_which_need_not_be_gaussian(self):
        rng = np.random.default_rng(0)
        for box in (24, 25):
            # sparse spots, blurred: coloured and far from normal
            spots = (rng.random((400, box, box)) < 0.02).astype(np.float32)
            given = spots + np.roll(spots, 1, axis=1) + np.roll(spots, 1, axis=2)
            given -= given.mean()
            noise = ShellNoise.like(np.split(given, 4), box, seed=1)
            found = noise.images(np.arange(400))
            # rings hold 8 frequencies or more, 400 images: 2 to 3 % each of either set; the middle one alone, 7 %
            ratio = ring_power(found)[1:] / ring_power(given)[1:]
            np.testing.assert_allclose(ratio, 1, atol=0.12)
            kurtosis = [(x**4).mean() / (x**2).mean()**2 for x in (given, found - found.mean())]
            self.assertGreater(kurtosis[0], 8)
            self.assertAlmostEqual(kurtosis[1], 3, delta=0.1)

    def test_an_image_is_the_same_whichever_others_are_made_and_another_for_another_seed(self):
        noise = ShellNoise(np.ones(18), 24, seed=3)
        some, one = noise.images(np.arange(5)), noise.images(np.array([3]))
        np.testing.assert_array_equal(some[3], one[0])
        self.assertLess(abs(np.corrcoef(some[3].ravel(), some[4].ravel())[0, 1]), 0.15)
        other = ShellNoise(np.ones(18), 24, seed=4).images(np.array([3]))
        self.assertLess(abs(np.corrcoef(other.ravel(), one.ravel())[0, 1]), 0.15)


class TestPlanted(unittest.TestCase):
    """Images of a molecule at rest with white noise stand for real ones."""

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = Path(cls.temporary.name)
        simulate(SimulateConfig("null", particles=N, box=BOX, pixel_size=PIXEL, snr=1.0), cls.folder / "real")
        cls.noise = RealNoise.read(cls.folder / "real" / "particles.star", cls.folder / "real" / "consensus.mrc")
        assert main(["simulate", "--noise-from", str(cls.noise.table.source), "--noise-map",
                     str(cls.folder / "real" / "consensus.mrc"), "--preset", "hinge11", "--snr", "0.2", "--angle-error",
                     "1", "--seed", "5", "-o", str(cls.folder / "planted")]) == 0

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def test_residuals_are_the_noise(self):
        residuals = self.noise.residuals(np.arange(N))
        # 153,600 pixels of white noise of variance 1; interpolation leaves 0.4 % of the signal, the fit takes one
        # of 1,024 pixels
        self.assertAlmostEqual(residuals.var(dtype=np.float64), 1, delta=0.015)
        images = open_stack(self.folder / "real" / "particles.mrcs")
        signal = images - residuals
        self.assertLess(abs(np.corrcoef(signal.ravel(), residuals.ravel())[0, 1]), 0.03)
        self.assertAlmostEqual(signal.var(dtype=np.float64), 1, delta=0.03)

    def test_planted_images_are_residuals_and_a_signal_of_the_ratio(self):
        planted = open_stack(self.folder / "planted" / "particles.mrcs")
        residuals = self.noise.residuals(np.arange(N))
        signal = planted - residuals
        ratio = signal.var(axis=(1, 2)).mean() / residuals.var(axis=(1, 2)).mean()
        self.assertAlmostEqual(ratio, 0.2, delta=0.002)

    def test_tables_keep_the_real_optics_and_have_the_planted_poses(self):
        given, true = (read_particles(self.folder / "planted" / name) for name in ("particles.star",
                                                                                   "truth/particles.star"))
        real = self.noise.table
        np.testing.assert_array_equal(given.defocus, real.defocus)
        np.testing.assert_array_equal(given.half_set, real.half_set)
        self.assertGreater(np.abs(true.angles - real.angles).mean(), 20)
        self.assertAlmostEqual((given.angles - true.angles).std(), 1, delta=0.1)
        self.assertEqual([p.name for p in given.stacks], ["particles.mrcs"])
        self.assertEqual(given.stacks[0].resolve().parent, (self.folder / "planted").resolve())

    def test_gaussian_noise_bears_the_same_signals_at_the_same_poses(self):
        out = self.folder / "gaussian"
        self.assertEqual(0, main(["simulate", "--noise-from", str(self.noise.table.source), "--noise-map",
                                  str(self.folder / "real" / "consensus.mrc"), "--noise-gaussian", "--preset",
                                  "hinge11", "--snr", "0.2", "--angle-error", "1", "--seed", "5", "-o", str(out)]))
        real, gaussian = (open_stack(f / "particles.mrcs") for f in (self.folder / "planted", out))
        signal = real - self.noise.residuals(np.arange(N))
        noise = gaussian - signal
        # 150 images of at least 12 frequencies a ring: 2 to 3 % each
        np.testing.assert_allclose(ring_power(noise)[2:], ring_power(real - signal)[2:], rtol=0.15)
        self.assertLess(abs(np.corrcoef(noise.ravel(), (real - signal).ravel())[0, 1]), 0.02)
        one, other = (read_particles(f / "particles.star") for f in (self.folder / "planted", out))
        np.testing.assert_array_equal(one.angles, other.angles)
        self.assertEqual(main(["simulate", "--noise-gaussian", "-o", str(self.folder / "none")]), 2)

    def test_a_map_on_another_grid_is_refused(self):
        write_map(self.folder / "small.mrc", np.zeros((16,) * 3), PIXEL)
        with self.assertRaisesRegex(InputError, "16 px of 6 Å; expected 32 px"):
            RealNoise.read(self.noise.table.source, self.folder / "small.mrc")
        for words in (["--noise-from", "a.star"], ["--noise-map", "a.mrc"]):
            self.assertEqual(main(["simulate", *words, "-o", str(self.folder / "none")]), 2)


class TestApoferritin(unittest.TestCase):
    def test_residuals_of_real_images_hold_less_of_the_map(self):
        star, density = (conformance_file(f"apoferritin/{n}") for n in ("particles.star", "map.mrc"))
        noise = RealNoise.read(star, density)
        rows = np.arange(60)
        residuals = noise.residuals(rows)
        images = np.asarray(open_stack(noise.table.stacks[0])[:60], np.float64)
        explained = 1 - residuals.var(axis=(1, 2)) / images.var(axis=(1, 2))
        self.assertGreater(explained.mean(), 0.02)  # a molecule of 440 kDa at 3 A a pixel
        self.assertGreater((explained > 0).mean(), 0.95)


if __name__ == "__main__":
    unittest.main()
