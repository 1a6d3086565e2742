"""The CTF of every image, of two optics groups, and beam tilt: RELION's programs against ours."""

import tempfile
import unittest
from pathlib import Path

import numpy as np

from gmmhet.engine.conventions import electron_wavelength, euler_to_matrix
from gmmhet.engine.io import open_stack, read_map, read_particles, table_from, write_map, write_stack, write_star
from gmmhet.engine.optics.aberrations import odd_from_zernike, odd_phase
from gmmhet.engine.optics.ctf import ctf, ctf_coefficients
from gmmhet.engine.simulate import density_map, images_from_slices, projection_slices
from gmmhet.tests.support.relion import need_relion, relion

BOX, PIXEL = 48, 2.0
OPTICS = {"rlnVoltage": [300.0, 200.0], "rlnSphericalAberration": [2.7, 1.2], "rlnAmplitudeContrast": [0.1, 0.07]}


class TestCtf(unittest.TestCase):
    """A map of one voxel in the origin, of which every projection is a point: images are the CTF itself."""

    @classmethod
    def setUpClass(cls):
        need_relion("relion_project")
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = Path(cls.temporary.name)
        point = np.zeros((BOX,) * 3, np.float32)
        point[(BOX // 2,) * 3] = 1
        write_map(cls.folder / "point.mrc", point, PIXEL)
        rng, n = np.random.default_rng(0), 12
        u = rng.uniform(4000, 9000, n)
        optics = {"rlnOpticsGroup": [1, 2], "rlnOpticsGroupName": ["one", "two"], **OPTICS,
                  "rlnImagePixelSize": [PIXEL] * 2, "rlnImageSize": [BOX] * 2, "rlnImageDimensionality": [2] * 2}
        rows = {"rlnImageName": [f"{i:06d}@images.mrcs" for i in range(1, n + 1)],
                "rlnMicrographName": ["one.mrc"] * n, "rlnOpticsGroup": 1 + np.arange(n) % 2,
                "rlnAngleRot": rng.uniform(-180, 180, n), "rlnAngleTilt": rng.uniform(0, 180, n),
                "rlnAnglePsi": rng.uniform(-180, 180, n), "rlnOriginXAngst": rng.uniform(-8, 8, n),
                "rlnOriginYAngst": rng.uniform(-8, 8, n), "rlnDefocusU": u,
                "rlnDefocusV": u - rng.uniform(-900, 900, n), "rlnDefocusAngle": rng.uniform(-90, 180, n),
                "rlnPhaseShift": rng.choice([0.0, 35.0, 90.0], n)}
        write_star(cls.folder / "angles.star", [table_from("optics", optics), table_from("particles", rows)])
        relion("relion_project", "--i", "point.mrc", "--o", "images", "--ang", "angles.star", "--ctf", "--angpix",
               PIXEL, folder=cls.folder)
        cls.table = read_particles(cls.folder / "angles.star")

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def test_every_image_is_our_ctf_and_shift(self):
        images = np.asarray(open_stack(self.folder / "images.mrcs"), np.float64)
        spectra = np.fft.rfft2(np.fft.ifftshift(images, axes=(1, 2)))
        kx, ky = np.broadcast_arrays(np.fft.rfftfreq(BOX, PIXEL), np.fft.fftfreq(BOX, PIXEL)[:, None])
        inside = np.hypot(kx, ky) < 0.95 / (2 * PIXEL)
        t = self.table
        for i, group in enumerate(t.optics_index):
            voltage, cs, amplitude = (values[group] for values in OPTICS.values())
            u, v, angle, phase = t.defocus[i:i + 1].T
            ours = ctf(ctf_coefficients(u, v, angle, phase, voltage, cs, amplitude), kx, ky)[0]
            ours = ours * np.exp(2j * np.pi * (kx * t.origins[i, 0] + ky * t.origins[i, 1]))
            # images are float32: 1e-7; the wavelength's constants differ in the eighth digit
            np.testing.assert_allclose(spectra[i][inside], ours[inside], atol=2e-6)


class TestBeamTilt(unittest.TestCase):
    """relion_project leaves beam tilt out; relion_reconstruct corrects it: images with our tilt must give the map."""

    def test_reconstruction_of_tilted_images_is_right_with_our_sign_and_wrong_with_the_other(self):
        need_relion("relion_reconstruct")
        rng, n, tilt = np.random.default_rng(1), 300, (4.0, -2.5)
        centers, weights = rng.normal(size=(30, 3)) * 10, np.ones(30)
        angles = np.stack([rng.uniform(-180, 180, n), np.rad2deg(np.arccos(rng.uniform(-1, 1, n))),
                           rng.uniform(-180, 180, n)], axis=1).round(6)
        kx, ky = np.broadcast_arrays(np.fft.rfftfreq(BOX, PIXEL), np.fft.fftfreq(BOX, PIXEL)[:, None])
        waves = projection_slices(np.repeat(centers[None], n, 0), np.repeat(weights[None], n, 0), 1.5,
                                  euler_to_matrix(angles), np.zeros((n, 2)), box=BOX, pixel_size=PIXEL)
        u = rng.uniform(4000, 9000, n).round(6)
        waves = waves * ctf(ctf_coefficients(u, u, np.zeros(n), 0.0, 300.0, 2.7, 0.1), kx, ky)
        odd = odd_from_zernike([], tilt, 2.7, electron_wavelength(300.0))
        waves = waves * np.exp(1j * odd_phase(np.array([odd]), kx, ky))
        truth = density_map(centers, weights, 1.5, box=BOX, pixel_size=PIXEL)
        agreement = []
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_stack(folder / "images.mrcs", (n, BOX, BOX), PIXEL, [images_from_slices(waves, BOX)])
            for sign in (1, -1):
                optics = {"rlnOpticsGroup": [1], "rlnOpticsGroupName": ["one"], "rlnVoltage": [300.0],
                          "rlnSphericalAberration": [2.7], "rlnAmplitudeContrast": [0.1], "rlnImagePixelSize": [PIXEL],
                          "rlnImageSize": [BOX], "rlnImageDimensionality": [2], "rlnBeamTiltX": [sign * tilt[0]],
                          "rlnBeamTiltY": [sign * tilt[1]]}
                rows = {"rlnImageName": [f"{i:06d}@images.mrcs" for i in range(1, n + 1)],
                        "rlnOpticsGroup": [1] * n, "rlnAngleRot": angles[:, 0], "rlnAngleTilt": angles[:, 1],
                        "rlnAnglePsi": angles[:, 2], "rlnOriginXAngst": np.zeros(n), "rlnOriginYAngst": np.zeros(n),
                        "rlnDefocusU": u, "rlnDefocusV": u, "rlnDefocusAngle": np.zeros(n)}
                write_star(folder / "tilted.star", [table_from("optics", optics), table_from("particles", rows)])
                relion("relion_reconstruct", "--i", "tilted.star", "--o", "map.mrc", "--ctf", "--maxres", 5,
                       folder=folder)
                agreement.append(_band_correlation(read_map(folder / "map.mrc").data, truth, (5.5, 8.0)))
        assert agreement[0] > 0.99, agreement
        assert agreement[1] < 0.8, agreement


def _band_correlation(one: np.ndarray, other: np.ndarray, band: tuple[float, float]) -> float:
    """Of two maps between two resolutions, Angstrom."""
    k = np.fft.fftfreq(BOX, PIXEL)
    radius = np.sqrt(k[:, None, None]**2 + k[:, None]**2 + k**2)
    inside = (radius < 1 / band[0]) & (radius > 1 / band[1])
    a, b = (np.fft.fftn(m)[inside] for m in (one, other))
    return float((a * b.conj()).real.sum() / np.sqrt((np.abs(a)**2).sum() * (np.abs(b)**2).sum()))


if __name__ == "__main__":
    unittest.main()
