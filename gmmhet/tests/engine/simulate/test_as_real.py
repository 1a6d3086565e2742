"""Images as real: each effect against a closed form or a naive reference, alone; and all of them in files."""

import csv
import json
import tempfile
import unittest
from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from gmmhet.engine.commands.main import main
from gmmhet.engine.config import SimulateConfig
from gmmhet.engine.conventions import euler_to_matrix
from gmmhet.engine.errors import InputError
from gmmhet.engine.io import open_stack, read_map, read_particles
from gmmhet.engine.simulate import Realism, draw_particles, preset, simulate
from gmmhet.engine.simulate.atoms import atom_map, atom_slices, form_factor, with_atoms
from gmmhet.engine.simulate.background import noise_amplitude, normalised, uneven_background
from gmmhet.engine.simulate.imperfect_images import KINDS, PARTICLE, draw_imperfections, with_preferred_views
from gmmhet.engine.simulate.optical_field import OpticalField
from gmmhet.engine.simulate.realistic_images import RealisticImages, measured_levels
from gmmhet.engine.simulate.refinement_maps import shell_correlation
from gmmhet.engine.simulate.specimen import Specimen, hollow_sphere

#: every effect turned off
IDEAL = Realism(padding=1, structural_snr=np.inf, noise_colour=1, ramp=0, bowl=0, neighbours=0, contrast_sd=0,
                noise_sd=0, b_factor=0, b_factor_sd=0, defocus_error=0, preferred_views=0, junk=0, normalise=False)
BOX, PIXEL = 32, 8.0


class TestAtoms(unittest.TestCase):
    def test_slices_are_the_sum_over_atoms(self):
        rng = np.random.default_rng(0)
        centers, weights = rng.normal(size=(7, 3)) * 20, rng.uniform(1, 2, 7)
        rotation, origin = euler_to_matrix([30.0, 50.0, 70.0]), np.array([5.0, -9.0])
        for box in (20, 21):
            kx, ky = np.broadcast_arrays(np.fft.rfftfreq(box, 4.0), np.fft.fftfreq(box, 4.0)[:, None])
            x, y = rotation[:2] @ centers.T - origin[:, None]
            naive = (weights * np.exp(-2j * np.pi * (kx[..., None] * x + ky[..., None] * y))).sum(axis=-1)
            naive *= form_factor(kx**2 + ky**2) / 4.0**3
            found = atom_slices(centers, weights, rotation, origin, box=box, pixel_size=4.0)
            below = (np.abs(kx) < 0.124) & (np.abs(ky) < 0.124)  # highest frequencies of even boxes are left out
            np.testing.assert_allclose(found[below], naive[below], atol=1e-4 * np.abs(naive).max())

    def test_the_map_projects_to_the_slices(self):
        rng = np.random.default_rng(1)
        centers, weights = rng.normal(size=(40, 3)) * 15, np.ones(40)
        density = atom_map(centers, weights, box=24, pixel_size=5.0)
        image = np.fft.fftshift(np.fft.irfft2(atom_slices(centers, weights, np.eye(3), np.zeros(2), box=24,
                                                          pixel_size=5.0), s=(24, 24)))
        np.testing.assert_allclose(density.sum(axis=0), image, atol=1e-4 * np.abs(image).max())

    def test_atoms_keep_the_weight_and_move_with_their_beads(self):
        whole = preset("hinge11").molecule
        atoms = with_atoms(whole)
        self.assertAlmostEqual(atoms.weights.sum(), whole.weights.sum())
        moved, at_rest = (m.place([[20.0]])[0][0] - m.place([[0.0]])[0][0] for m in (atoms, whole))
        self.assertEqual(np.abs(moved[atoms.turned_by < 0]).max(), 0)
        each = moved.reshape(len(whole), -1, 3).mean(axis=1)
        self.assertLess(np.abs(each - at_rest).max(), 2.0)  # atoms about the bead: a turn of their mean offset

    def test_protein_is_seen_against_ice(self):
        self.assertAlmostEqual(float(form_factor(np.zeros(1))[0]), 0.4)


class TestOpticalField(unittest.TestCase):
    def test_delocalised_energy_leaves_the_box_and_does_not_come_back(self):
        """A point's image by the CTF has energy 1 / 2 of the point's in the field (mean of sin^2), at distances up to
        defocus x wavelength x frequency = 98 A; of a box of 64 A half-width part of it is lost, and with a field of the
        box alone (padding 1) all of it stays, folded back."""
        defocus = np.array([40000.0, 40000.0, 0.0])
        energy = {}
        for padding in (1.0, 4.0):
            field = OpticalField.around(32, 4.0, padding)
            wave = np.ones((field.size, field.size // 2 + 1), complex)
            energy[padding] = float((field.image(wave * field.transfer(defocus, 0.0))**2).sum())
            full = field.mean_square(field.transfer(defocus, 0.0))
            if padding == 1:
                self.assertAlmostEqual(energy[padding], full, places=9)  # Parseval
            else:
                self.assertLess(energy[padding], 0.8 * full)
        wide = OpticalField(200, 256, 4.0)  # a box that holds all of it
        wave = np.ones((256, 129), complex) * wide.transfer(defocus, 0.0)
        self.assertAlmostEqual(float((wide.image(wave)**2).sum()) / wide.mean_square(wide.transfer(defocus, 0.0)), 1,
                               delta=0.02)

    def test_a_neighbour_outside_the_box_reaches_into_it_by_its_fringes(self):
        field = OpticalField.around(32, 4.0, 2.0)
        kx, _ = field.frequencies
        wave = np.exp(-2j * np.pi * kx * 80.0) * np.ones((field.size, 1))  # 16 A beyond the edge
        self.assertLess(np.abs(field.image(wave)).max(), 0.02)
        defocused = field.image(wave * field.transfer(np.array([40000.0, 40000.0, 0.0]), 0.0))
        self.assertGreater(np.abs(defocused[:, 16:]).max(), 5 * np.abs(field.image(wave)).max())

    def test_envelope_and_white_noise(self):
        field = OpticalField.around(33, 3.0, 2.0)
        self.assertEqual(field.size % 2, 1)
        rng = np.random.default_rng(0)
        defocus = np.array([20000.0, 20000.0, 0.0])
        ratio = field.transfer(defocus, 90.0) / field.transfer(defocus, 0.0)
        np.testing.assert_allclose(ratio[0, 10], np.exp(-90 * field.frequencies[0][10]**2 / 4), rtol=1e-9)
        factor = field.transfer(defocus, 50.0)
        images = np.stack([field.image(field.white_noise(rng) * factor) for _ in range(200)])
        # 217,800 correlated pixels: 1 % is three standard deviations
        self.assertAlmostEqual(images.var() / field.mean_square(factor), 1, delta=0.02)


class TestBackground(unittest.TestCase):
    def test_power_of_coloured_noise(self):
        self.assertAlmostEqual(float(noise_amplitude(np.zeros(1), 20.0)[0]**2), 20)
        self.assertAlmostEqual(float(noise_amplitude(np.array([100.0]), 20.0)[0]**2), 1, places=4)
        np.testing.assert_array_equal(noise_amplitude(np.linspace(0, 1, 5), 1.0), 1)
        # what was measured in the corners of EMPIAR-10146, at 1/48, 1/24 and 1/16 A
        measured = noise_amplitude(np.array([48.0, 24.0, 16.0])**-2, 20.0)**2
        np.testing.assert_allclose(measured, [6.5, 2.4, 1.4], rtol=0.25)

    def test_background_has_the_deviations_that_were_asked_for(self):
        many = np.stack([uneven_background(np.random.default_rng(i), 21, 0.2, 0.0) for i in range(4000)])
        self.assertAlmostEqual(many[:, 10, 0].std(), 0.2 / np.sqrt(2) * 10 / 10.5, delta=0.008)
        bowls = np.stack([uneven_background(np.random.default_rng(i), 21, 0.0, 0.3) for i in range(4000)])
        self.assertAlmostEqual(bowls[:, 10, 0].std(), 0.3 * (10 / 10.5)**2, delta=0.015)

    def test_normalised_background_has_mean_zero_and_deviation_one_and_no_slope(self):
        rng = np.random.default_rng(3)
        for box in (32, 33):
            y, x = np.mgrid[:box, :box] - box // 2
            image = 7 + 0.1 * x - 0.3 * y + 2 * rng.standard_normal((box, box)) + 50 * (np.hypot(x, y) < 5)
            out, factor = normalised(image)
            outside = np.hypot(x, y) > 0.375 * box
            self.assertAlmostEqual(out[outside].mean(), 0, places=9)
            self.assertAlmostEqual(out[outside].std(), 1, places=9)
            self.assertAlmostEqual((out * x)[outside].sum(), 0, places=6)
            self.assertAlmostEqual(factor, 0.5, delta=0.03)
            self.assertAlmostEqual(out[np.hypot(x, y) < 5].mean(), 25, delta=1.5)


class TestImperfections(unittest.TestCase):
    def setUp(self):
        self.particles = draw_particles(preset("hinge11"), 4000, PIXEL, np.random.default_rng(0))

    def test_shares_of_kinds(self):
        found = draw_imperfections(Realism(junk=0.1), self.particles, BOX, 0)
        self.assertEqual(np.bincount(found.kind).tolist(), [3600, 100, 100, 100, 100])
        self.assertEqual(draw_imperfections(Realism(junk=0), self.particles, BOX, 0).kind.max(), PARTICLE)

    def test_spreads(self):
        found = draw_imperfections(Realism(), self.particles, BOX, 0)
        for values in (found.contrast, found.noise_level):
            self.assertAlmostEqual(values.mean(), 1, delta=0.02)  # four standard errors
            self.assertAlmostEqual(values.std(), 0.3, delta=0.02)
            self.assertGreater(values.min(), 0)
        self.assertAlmostEqual(found.defocus_error.std(), 200, delta=10)
        self.assertAlmostEqual(found.neighbours.mean(), 0.3, delta=0.04)
        self.assertLess(abs(np.corrcoef(found.contrast, found.noise_level)[0, 1]), 0.06)
        same = found.b_factor.reshape(-1, 50)
        np.testing.assert_array_equal(same, same[:, :1] * np.ones(50))

    def test_a_switch_leaves_the_other_numbers_alone(self):
        all_on = draw_imperfections(Realism(), self.particles, BOX, 0)
        without = draw_imperfections(Realism(junk=0, contrast_sd=0), self.particles, BOX, 0)
        np.testing.assert_array_equal(all_on.defocus_error, without.defocus_error)
        np.testing.assert_array_equal(all_on.noise_level, without.noise_level)

    def test_preferred_views_lie_about_one_axis_and_its_opposite(self):
        preferred = np.arange(4000) < 2000
        turned = with_preferred_views(self.particles, preferred, 0)
        np.testing.assert_array_equal(turned.angles[2000:], self.particles.angles[2000:])
        views = euler_to_matrix(turned.angles)[:, 2]
        values, axes = np.linalg.eigh(views[:2000].T @ views[:2000] / 2000)
        along = views[:2000] @ axes[:, 2]
        # von Mises-Fisher, kappa 10: mean cosine coth kappa - 1 / kappa = 0.9
        self.assertAlmostEqual(np.abs(along).mean(), 0.9, delta=0.01)
        self.assertAlmostEqual((along > 0).mean(), 0.5, delta=0.05)
        self.assertAlmostEqual(values[0] / values[1], 1, delta=0.1)
        others = views[2000:].T @ views[2000:] / 2000
        self.assertLess(np.abs(others - np.eye(3) / 3).max(), 0.03)


class TestImages(unittest.TestCase):
    def made(self, realism: Realism, n: int = 120, snr: float = 0.1):
        """Images [n], their factors, the specimen, what was drawn and the levels."""
        what = preset("hinge11")
        particles = draw_particles(what, n, PIXEL, np.random.default_rng(0))
        specimen = Specimen(with_atoms(what.molecule), particles, OpticalField.around(BOX, PIXEL, realism.padding))
        found = draw_imperfections(realism, particles, BOX, 0)
        levels = measured_levels(specimen, found, realism, snr)
        maker = RealisticImages(specimen, found, realism, levels, 0)
        images, factors = zip(*(maker.image(i) for i in range(n)), strict=True)
        return np.stack(images), np.array(factors), specimen, found, levels

    def clean(self, specimen: Specimen, found) -> np.ndarray:
        field = specimen.field
        return np.stack([field.image(specimen.wave(i, PARTICLE, 0.0, np.random.default_rng(0)) * field.transfer(
            specimen.particles.defocus[i], float(found.b_factor[i]))) for i in range(len(specimen.particles))])

    def test_signal_to_noise_ratio_without_effects(self):
        images, factors, specimen, found, _ = self.made(IDEAL)
        clean = factors[0] * self.clean(specimen, found)
        noise = images - clean
        self.assertAlmostEqual(noise.var(), 1, delta=0.016)  # 122,880 pixels: four standard errors
        self.assertAlmostEqual(clean.var(axis=(1, 2)).mean() / noise.var(), 0.1, delta=0.002)

    def test_signal_to_noise_ratios_with_structural_noise(self):
        realism = replace(IDEAL, structural_snr=1.4, padding=2)
        images, factors, specimen, found, levels = self.made(realism)
        clean = self.clean(specimen, found)
        noise = images / factors[0] - clean
        self.assertAlmostEqual(clean.var(axis=(1, 2)).mean() / noise.var(), 0.1, delta=0.004)
        self.assertAlmostEqual(levels.projection / levels.structural, 1.4)
        self.assertAlmostEqual(noise.var() / (levels.structural_imaged + levels.detector), 1, delta=0.02)

    def test_structural_noise_bears_the_ctf_and_detector_noise_its_colour(self):
        realism = replace(IDEAL, structural_snr=1.4, padding=1, noise_colour=20.0)
        images, factors, specimen, found, levels = self.made(realism, n=200)
        noise = images / factors[0] - self.clean(specimen, found)
        power = (np.abs(np.fft.rfft2(noise))**2).mean(axis=0) / BOX**2
        field = specimen.field
        kx, ky = field.frequencies
        colour = noise_amplitude(kx**2 + ky**2, 20.0)**2
        colour /= field.mean_square(np.sqrt(colour))
        passed = np.mean([field.transfer(d, 0.0)**2 for d in specimen.particles.defocus], axis=0)
        expected = levels.structural * passed + levels.detector * colour
        ratio = (power / expected)[1:16, 1:16]  # 200 images: each of 225 frequencies to 7 %
        self.assertAlmostEqual(ratio.mean(), 1, delta=0.02)
        self.assertLess(np.abs(ratio - 1).max(), 0.32)

    def test_contrast_scales_the_signal_and_noise_level_the_noise(self):
        images, factors, specimen, found, _ = self.made(replace(IDEAL, contrast_sd=0.3, noise_sd=0.3), snr=2.0)
        clean = factors[0] * self.clean(specimen, found)
        contrast = (images * clean).sum(axis=(1, 2)) / (clean**2).sum(axis=(1, 2))
        self.assertGreater(np.corrcoef(contrast, found.contrast)[0, 1], 0.98)
        level = (images - contrast[:, None, None] * clean).std(axis=(1, 2))
        self.assertGreater(np.corrcoef(level, found.noise_level)[0, 1], 0.98)

    def test_kinds_show_what_they_should(self):
        realism = replace(IDEAL, junk=0.4)
        images, factors, specimen, found, _ = self.made(realism, snr=50.0)
        energy = (images / factors[0])**2
        mean = {name: energy[found.kind == i].mean() for i, name in enumerate(KINDS)}
        self.assertLess(mean["noise"], 0.1 * mean["particle"])
        self.assertLess(mean["broken"], mean["particle"])
        self.assertGreater(mean["ice"], mean["particle"])
        centers = hollow_sphere(specimen.molecule)
        radius = np.linalg.norm(centers, axis=1)
        self.assertGreater(radius.min(), 0.79 * radius.max())

    def test_too_much_structural_noise_is_refused(self):
        with self.assertRaisesRegex(InputError, "expected --snr below"):
            self.made(replace(IDEAL, structural_snr=0.1), snr=1.0)


class TestSwitches(unittest.TestCase):
    def test_values_out_of_range_are_named(self):
        for name, value in (("junk", 1.5), ("preferred_views", -0.1), ("structural_snr", 0.0), ("padding", 0.5),
                            ("noise_colour", np.inf), ("contrast_sd", -1.0), ("defocus_error", np.nan)):
            with self.subTest(name), self.assertRaisesRegex(InputError, f"--{name.replace('_', '-')} is"):
                Realism(**{name: value})


class TestFiles(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = Path(cls.temporary.name)
        cls.words = ["simulate", "--as-real", "--particles", "240", "--box", str(BOX), "--pixel-size", str(PIXEL),
                     "--snr", "0.5", "--structural-snr", "4", "--angle-error", "1", "-o"]
        assert main([*cls.words, str(cls.folder)]) == 0
        cls.table = list(csv.DictReader((cls.folder / "truth" / "images.csv").open()))

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def test_truth_of_every_image(self):
        kinds = [row["kind"] for row in self.table]
        self.assertEqual({k: kinds.count(k) for k in KINDS}, {"particle": 216, "noise": 6, "broken": 6, "other": 6,
                                                              "ice": 6})
        given, true = (read_particles(self.folder / n) for n in ("particles.star", "truth/particles.star"))
        errors = [float(row["defocus_error"]) for row in self.table]
        np.testing.assert_allclose(given.defocus[:, 0] - true.defocus[:, 0], errors, atol=2e-3)
        np.testing.assert_allclose(true.angles, [[float(row[k]) for k in ("rot", "tilt", "psi")] for row in self.table],
                                   atol=1e-3)
        self.assertAlmostEqual((given.angles - true.angles).std(), 1, delta=0.1)
        about = json.loads((self.folder / "truth" / "as_real.json").read_text())
        self.assertEqual(set(about["realism"]), {f.name for f in fields(Realism)})

    def test_images_are_normalised(self):
        y, x = np.mgrid[:BOX, :BOX] - BOX // 2
        outside = open_stack(self.folder / "particles.mrcs")[:, np.hypot(x, y) > 0.375 * BOX]
        np.testing.assert_allclose(outside.mean(axis=1), 0, atol=1e-5)
        np.testing.assert_allclose(outside.std(axis=1), 1, atol=1e-5)

    def test_consensus_is_the_mean_of_the_true_maps_on_one_greyscale(self):
        truth = np.mean([read_map(p).data for p in sorted((self.folder / "truth").glob("state_*.mrc"))], axis=0)
        consensus = read_map(self.folder / "consensus.mrc").data.astype(float)
        fsc = shell_correlation(consensus, truth.astype(float))
        self.assertGreater(fsc[2:7].min(), 0.9)  # to 37 A
        k = np.fft.fftfreq(BOX, 1 / BOX)
        low = np.sqrt(k[:, None, None]**2 + k[:, None]**2 + k**2)
        a, b = (np.fft.fftn(m)[(low > 1) & (low < 6)] for m in (consensus, truth))
        slope = (a * b.conj()).real.sum() / (np.abs(b)**2).sum()
        self.assertAlmostEqual(slope, 0.9, delta=0.12)  # junk, a tenth, adds next to nothing

    def test_maps_of_the_refinement(self):
        maps = {p.stem: read_map(p).data for p in (self.folder / "refinement").glob("*.mrc")}
        self.assertEqual(set(maps), {"run_class001", "run_half1_class001_unfil", "run_half2_class001_unfil", "mask",
                                     "postprocess", "postprocess_masked"})
        np.testing.assert_allclose(maps["postprocess_masked"], maps["postprocess"] * maps["mask"], atol=1e-5)
        self.assertTrue(0.02 < maps["mask"].mean() < 0.3)
        inside, outside = (maps["run_class001"][m].mean() for m in (maps["mask"] > 0.99, maps["mask"] == 0))
        self.assertGreater(inside, 10 * abs(outside))

    def test_an_image_is_the_same_whichever_others_are_made(self):
        what = preset("hinge11")
        particles = draw_particles(what, 240, PIXEL, np.random.default_rng(0))
        realism = Realism(structural_snr=4)
        found = draw_imperfections(realism, particles, BOX, 0)
        turned = with_preferred_views(particles, found.preferred, 0)
        specimen = Specimen(with_atoms(what.molecule), turned, OpticalField.around(BOX, PIXEL, realism.padding))
        maker = RealisticImages(specimen, found, realism, measured_levels(specimen, found, realism, 0.5), 0)
        stack = open_stack(self.folder / "particles.mrcs")
        for row in (17, 3):
            np.testing.assert_allclose(maker.image(row)[0], stack[row], atol=1e-5)

    def test_a_switch_without_as_real_is_refused(self):
        with tempfile.TemporaryDirectory() as name:
            self.assertEqual(main(["simulate", "--junk", "0.2", "-o", name]), 2)
            with self.assertRaisesRegex(InputError, "--junk is 2"):
                simulate(SimulateConfig(), Path(name), realism=Realism(junk=2))


if __name__ == "__main__":
    unittest.main()
