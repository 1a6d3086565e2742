"""B factors: planted ones come back; what is done to a map is what the formula says."""

import contextlib
import io
import tempfile
import unittest
from pathlib import Path

import numpy as np
import pytest
import scipy.fft

from gmmhet.engine.commands.main import main
from gmmhet.engine.config import ReconstructConfig, sharpening_b
from gmmhet.engine.errors import InputError
from gmmhet.engine.io import DensityMap, read_map, write_map
from gmmhet.engine.molecule.maps import radial_power
from gmmhet.engine.reconstruction.sharpening import (
    Spectrum,
    guinier_fit,
    half_map_spectrum,
    sharpen_series,
    sharpened_map,
)

BOX, PIXEL = 48, 1.5
EDGE = BOX * PIXEL


def frequency_grid(box=BOX, edge=EDGE):
    axis = np.square(np.fft.fftfreq(box, 1 / box))
    return np.sqrt(axis[:, None, None] + axis[:, None] + axis[:box // 2 + 1]) / edge


class Volumes(unittest.TestCase):
    def setUp(self):
        self.rng = np.random.default_rng(2)
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)

    def noise(self):
        return self.rng.standard_normal((BOX,) * 3).astype(np.float32)

    def decaying(self, b_factor, height=1.0):
        """A structure whose amplitudes fall as exp(-B k^2 / 4), on the average flat without that."""
        wave = scipy.fft.rfftn(self.noise()) * np.exp(-b_factor * frequency_grid() ** 2 / 4)
        return (height * scipy.fft.irfftn(wave, s=(BOX,) * 3)).astype(np.float32)

    def series(self, densities, noise, resolutions):
        """Files and records of maps: each half has its own noise."""
        records = []
        for number, (density, resolution) in enumerate(zip(densities, resolutions, strict=True), 1):
            record = {"file": f"map_{number:02d}.mrc", "half1": f"map_{number:02d}_half1.mrc",
                      "half2": f"map_{number:02d}_half2.mrc", "resolution_fsc143": resolution}
            for key in ("file", "half1", "half2"):
                write_map(self.folder / record[key], density + noise * self.noise(), PIXEL)
            records.append(record)
        return records


class TestGuinierFit(Volumes):
    def test_noise_does_not_touch_the_spectrum(self):
        """Signal of power 4 and noise of power 9 in every half: the mean over shells is 4, to the shell's chance."""
        signal = 2 * self.noise()
        halves = [DensityMap(signal + 3 * self.noise(), PIXEL) for _ in range(2)]
        found = half_map_spectrum(*halves)
        np.testing.assert_allclose(found.frequency, np.arange(1, BOX // 2 + 1) / EDGE)
        count = np.arange(1, BOX // 2 + 1) ** 2 * 2 * np.pi  # independent complex coefficients
        self.assertLess(np.abs(found.power / BOX**3 / 4 - 1)[3:].max(), np.max(5 * 13 / 4 / np.sqrt(count[3:])))
        self.assertAlmostEqual(found.power[10:].mean() / BOX**3, 4, delta=0.15)

    def test_a_straight_line_is_found_exactly(self):
        """ln amplitude = a - B k^2 / 4 of maps of different heights and resolutions; what is outside does not count."""
        k = np.arange(1, 33) / 96
        powers = [np.exp(2 * (height - 120 * k**2 / 4)) for height in (0.0, 3.0)]
        for power, last in zip(powers, (5.0, 4.0), strict=True):
            power[k < 0.1] *= 17
            power[k > 1 / last] = 33
        fit = guinier_fit([Spectrum(k, p) for p in (*powers, powers[0] * 0)], [5.0, 4.0, None])
        self.assertAlmostEqual(fit.b_factor, 120)
        self.assertLess(fit.error, 1e-6)
        self.assertAlmostEqual(fit.finest, 4.0)

    def test_shells_without_signal_and_maps_of_few_shells_are_left_out(self):
        k = np.arange(1, 33) / 96
        power = np.exp(-60 * k**2 / 2)
        holes = power.copy()
        holes[12] = -1.0
        self.assertAlmostEqual(guinier_fit([Spectrum(k, holes)], [4.0]).b_factor, 60)
        few = guinier_fit([Spectrum(k, power), Spectrum(k, power**2)], [4.0, 96 / 13])
        self.assertAlmostEqual(few.b_factor, 60)  # 10 to 7.4 A are four shells of the second map
        self.assertIsNone(guinier_fit([Spectrum(k, power)], [12.0]))
        self.assertIsNone(guinier_fit([Spectrum(k, power)], [None]))

    def test_the_error_is_that_of_repeated_fits(self):
        k = np.arange(1, 33) / 96
        fits = [guinier_fit([Spectrum(k, np.exp(-60 * k**2 / 2 + 0.2 * self.rng.standard_normal(32)))], [3.0])
                for _ in range(200)]
        spread, told = np.std([f.b_factor for f in fits]), np.mean([f.error for f in fits])
        self.assertAlmostEqual(told / spread, 1, delta=0.2)


class TestSharpenedMap(Volumes):
    def test_amplitudes_are_raised_up_to_the_resolution_and_end_there(self):
        density = DensityMap(self.noise(), PIXEL)
        found = sharpened_map(density, 90.0, 6.0)
        ratio = np.sqrt(radial_power(found) / radial_power(density.data))
        k = np.arange(BOX // 2 + 1) / EDGE
        np.testing.assert_allclose(ratio[:12], np.exp(90 * k[:12] ** 2 / 4), rtol=0.02)  # shells have a width
        np.testing.assert_allclose(ratio[13], 0.5 * np.exp(90 * k[13] ** 2 / 4), rtol=0.1)  # 12 is at 6 A
        np.testing.assert_allclose(ratio[15:], 0, atol=1e-6)
        phases = np.angle(scipy.fft.rfftn(found)[3, 4, 5] / scipy.fft.rfftn(density.data)[3, 4, 5])
        self.assertAlmostEqual(phases, 0, delta=1e-4)

    def test_a_blurred_structure_comes_back(self):
        """B of 100 planted on a band-limited structure; sharpened by 100 it is the structure again; odd and even."""
        for box in (40, 41):
            k = frequency_grid(box, box * PIXEL)
            wave = scipy.fft.rfftn(self.rng.standard_normal((box,) * 3)) * (k * box * PIXEL < 15.4)
            sharp, blurred = (scipy.fft.irfftn(w, s=(box,) * 3) for w in (wave, wave * np.exp(-100 * k**2 / 4)))
            found = sharpened_map(DensityMap(blurred.astype(np.float32), PIXEL), 100.0, box * PIXEL / 16)
            np.testing.assert_allclose(found, sharp, atol=1e-5)


class TestSeries(Volumes):
    def test_one_planted_b_for_all_maps(self):
        """B = 80 in three maps of different height and noise: found to 6%, written, used for all of them alike."""
        densities = [self.decaying(80, height) for height in (1.0, 1.0, 2.0)]
        records = self.series(densities, 0.1, [3.6, 4.0, None])
        before = [read_map(self.folder / r["file"]).data for r in records]
        told = sharpen_series(self.folder, records, ReconstructConfig(sharpen="auto"))
        self.assertAlmostEqual(told["b_factor"], -80, delta=5)
        self.assertLess(abs(told["b_factor"] + 80), 4 * told["error"])
        self.assertEqual((told["fitted_from"], told["note"]), (10.0, None))
        self.assertEqual([r["sharpened"] for r in records], ["map_01_sharpened.mrc", "map_02_sharpened.mrc", None])
        for record, density in zip(records[:2], before[:2], strict=True):
            np.testing.assert_array_equal(read_map(self.folder / record["file"]).data, density)
            found = read_map(self.folder / record["sharpened"])
            self.assertAlmostEqual(found.pixel_size, PIXEL, places=5)
            expected = sharpened_map(DensityMap(density, PIXEL), -told["b_factor"], record["resolution_fsc143"])
            np.testing.assert_allclose(found.data, expected, atol=1e-5)

    def test_a_given_b(self):
        records = self.series([self.decaying(80)], 0.1, [4.0])
        told = sharpen_series(self.folder, records, ReconstructConfig(sharpen="-50"))
        self.assertEqual((told["b_factor"], told["error"], told["asked"]), (-50, None, "-50"))
        density = read_map(self.folder / "map_01.mrc")
        np.testing.assert_allclose(read_map(self.folder / "map_01_sharpened.mrc").data,
                                   sharpened_map(density, 50, 4.0), atol=1e-5)

    def test_never_by_default(self):
        records = self.series([self.decaying(80)], 0.1, [4.0])
        self.assertIsNone(sharpen_series(self.folder, records, ReconstructConfig()))
        self.assertEqual(len(list(self.folder.iterdir())), 3)
        self.assertIsNone(records[0]["sharpened"])

    def test_what_cannot_be_sharpened(self):
        """Words instead of maps: no resolution, a resolution in the range of shapes, rising amplitudes."""
        for b_factor, resolution, option, words in (
                (80, None, "-50", "no map has a resolution"), (80, 12.0, "auto", "beyond 10 Å"),
                (-80, 4.0, "auto", "do not fall")):
            records = self.series([self.decaying(b_factor)], 0.1, [resolution])
            with self.assertLogs("gmmhet", "WARNING"):
                told = sharpen_series(self.folder, records, ReconstructConfig(sharpen=option))
            self.assertIn(words, told["note"])
            self.assertIsNone(told["b_factor"])
            self.assertEqual([p.name for p in self.folder.glob("*_sharpened.mrc")], [])

    def test_options(self):
        self.assertEqual(sharpening_b("-80"), -80)
        for text in ("80", "0", "strong", "nan", "-inf"):
            with pytest.raises(InputError, match=f"--sharpen is '{text}'; expected none, auto or a negative B factor"):
                ReconstructConfig(sharpen=text)
        self.assertEqual(ReconstructConfig(sharpen=" auto ").sharpen, "auto")

    def test_a_negative_number_is_a_value_on_the_command_line(self):
        for value, line in (("-80", "no such file"), ("-80.5", "no such file"), ("7", "--sharpen is '7'")):
            with contextlib.redirect_stderr(io.StringIO()) as told:
                status = main(["reconstruct", "/no/such.star", "--latents", "/no/such.star", "--sharpen", value, "-o",
                               str(self.folder)])
            self.assertEqual(status, 2)
            self.assertIn(line, told.getvalue())


if __name__ == "__main__":
    unittest.main()
