"""Aberrations: against Zernike polynomials from their definition, and planted in images by dense formulae."""

import math
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path

import mrcfile
import numpy as np

from gmmhet.engine.conventions import electron_wavelength, euler_to_matrix
from gmmhet.engine.errors import InputError
from gmmhet.engine.imaging.half_plane import HalfPlane
from gmmhet.engine.imaging.particle_cache import build_cache
from gmmhet.engine.io import read_particles
from gmmhet.engine.io.layout import zernike_of
from gmmhet.engine.optics.aberrations import (
    Aberrations,
    cryosparc_aberrations,
    even_from_zernike,
    odd_from_zernike,
    odd_phase,
    through_magnification,
)
from gmmhet.engine.optics.ctf import ctf, ctf_coefficients
from gmmhet.engine.reconstruction.slices import SliceReader
from gmmhet.tests.support.conformance import conformance_file

# rows of the tables in Zivanov et al. 2020: (m, n), negative m for the sine
_ODD_ORDER = ((-1, 1), (1, 1), (-3, 3), (-1, 3), (1, 3), (3, 3))
_EVEN_ORDER = ((0, 0), (-2, 2), (0, 2), (2, 2), (-4, 4), (-2, 4), (0, 4), (2, 4), (4, 4))
_MATRIX = np.array([[1.012, 0.006], [-0.004, 0.991]])
_ODD = [3.0, -2.0, 60.0, 25.0, -40.0, 55.0]
_EVEN = [0.2, 4.0, -3.0, 5.0, 90.0, -60.0, 70.0, 50.0, -80.0]
_KV, _CS, _AC = 300.0, 2.7, 0.1


def _zernike(m, n, x, y):
    """Z_n^m at r, t of (x, y): the sum of factorials times a cosine or sine."""
    r, t, a = np.hypot(x, y), np.arctan2(y, x), abs(m)
    radial = sum((-1)**k * math.factorial(n - k) / (math.factorial(k) * math.factorial((n + a) // 2 - k)
                 * math.factorial((n - a) // 2 - k)) * r**(n - 2 * k) for k in range((n - a) // 2 + 1))
    return radial * (np.cos(a * t) if m >= 0 else np.sin(a * t))


def _gamma(u, v, angle, x, y):
    """Phase of the CTF without aberrations, from its definition in polar coordinates."""
    wavelength, k2 = electron_wavelength(_KV), x**2 + y**2
    dz = (u + v) / 2 + (u - v) / 2 * np.cos(2 * (np.arctan2(y, x) - np.deg2rad(angle)))
    return np.pi * wavelength * dz * k2 - np.pi / 2 * _CS * 1e7 * wavelength**3 * k2**2 + np.arcsin(_AC)


class TestDefinitions(unittest.TestCase):
    def setUp(self) -> None:
        self.x, self.y = np.random.default_rng(0).uniform(-0.25, 0.25, (2, 60))

    def test_odd_zernike(self) -> None:
        expected = sum(c * _zernike(m, n, self.x, self.y) for c, (m, n) in zip(_ODD, _ODD_ORDER, strict=True))
        got = odd_phase(np.array([odd_from_zernike(_ODD, None, _CS, 0.02)]), self.x, self.y)[0]
        np.testing.assert_allclose(got, expected, atol=1e-12)

    def test_beam_tilt_stands_for_the_coma(self) -> None:
        """RELION's phase of a beam tilt is -2 pi Cs lambda^2 r^2 (tilt.k), whatever the coefficients say of coma."""
        tilt, wavelength = (0.4, -0.7), electron_wavelength(_KV)
        without_coma = [_ODD[0], _ODD[1], _ODD[2], 0.0, 0.0, _ODD[5]]
        expected = sum(c * _zernike(m, n, self.x, self.y) for c, (m, n) in zip(without_coma, _ODD_ORDER, strict=True))
        expected -= 2 * np.pi * _CS * 1e7 * wavelength**2 * (self.x**2 + self.y**2) * 1e-3 * (
            tilt[0] * self.x + tilt[1] * self.y)
        got = odd_phase(np.array([odd_from_zernike(_ODD, tilt, _CS, wavelength)]), self.x, self.y)[0]
        np.testing.assert_allclose(got, expected, atol=1e-10)

    def test_even_zernike_lessens_gamma(self) -> None:
        """RELION: CTF = -sin(gamma_R + sum c Z) with gamma_R = -gamma."""
        offset = sum(c * _zernike(m, n, self.x, self.y) for c, (m, n) in zip(_EVEN, _EVEN_ORDER, strict=True))
        expected = -np.sin(-_gamma(9e3, 8e3, 30.0, self.x, self.y) + offset)
        np.testing.assert_allclose(self._ctf(even_from_zernike(_EVEN)), expected, atol=1e-6)

    def _ctf(self, even, matrix=None):
        plain = ctf_coefficients([9e3], [8e3], [30.0], [0.0], [_KV], [_CS], [_AC])
        columns = np.concatenate([plain, np.zeros((1, 4))], axis=1) + np.array(even)
        return ctf(columns if matrix is None else through_magnification(columns, matrix), self.x, self.y)[0]

    def test_magnification_moves_the_frequencies(self) -> None:
        x, y = _MATRIX @ np.stack([self.x, self.y])
        even = even_from_zernike(_EVEN)
        offset = sum(c * _zernike(m, n, x, y) for c, (m, n) in zip(_EVEN, _EVEN_ORDER, strict=True))
        np.testing.assert_allclose(self._ctf(even, _MATRIX), np.sin(_gamma(9e3, 8e3, 30.0, x, y) - offset), atol=1e-6)
        odd = np.array([odd_from_zernike(_ODD, None, _CS, 0.02)])
        np.testing.assert_allclose(odd_phase(through_magnification(odd, _MATRIX), self.x, self.y), odd_phase(odd, x, y),
                                   atol=1e-10)

    def test_cryosparc(self) -> None:
        """exp(-i chi) of Kirkland with chi = -gamma - phi."""
        tilt, trefoil, tetrafoil = (900.0, -400.0), (700.0, 300.0), (2e4, -1e4, 3e4, 4e4)
        got = cryosparc_aberrations(tilt, trefoil, tetrafoil, (0.01, 0.002, -0.003, -0.02), wavelength := 0.0197)
        r, t = np.hypot(self.x, self.y), np.arctan2(self.y, self.x)
        chi_odd = -2 * np.pi * wavelength**2 * r**2 * (tilt[0] * self.x + tilt[1] * self.y) - (
            2 * np.pi / 3 * wavelength**2 * r**3 * (trefoil[0] * np.cos(3 * t) + trefoil[1] * np.sin(3 * t)))
        np.testing.assert_allclose(odd_phase(np.array([got.odd]), self.x, self.y)[0], -chi_odd, atol=1e-10)
        chi_even = wavelength**3 * r**4 * (
            2 * np.pi * (tetrafoil[0] * np.cos(2 * t) + tetrafoil[1] * np.sin(2 * t))
            + np.pi / 2 * (tetrafoil[2] * np.cos(4 * t) + tetrafoil[3] * np.sin(4 * t)))
        np.testing.assert_allclose(self._ctf(got.even), np.sin(_gamma(9e3, 8e3, 30.0, self.x, self.y) - chi_even),
                                   atol=1e-6)
        np.testing.assert_allclose(got.matrix, [[1.01, 0.002], [-0.003, 0.98]])

    def test_back_to_zernike(self) -> None:
        odd, even = zernike_of(Aberrations(odd_from_zernike(_ODD, None, _CS, 0.02), even_from_zernike(_EVEN)))
        np.testing.assert_allclose(odd, _ODD)
        np.testing.assert_allclose(even, _EVEN)


class TestRealFiles(unittest.TestCase):
    def test_groups_of_a_ctf_refinement(self) -> None:
        """Six groups with beam tilts, and coefficients in which RELION has put their coma to zero."""
        table = read_particles(conformance_file("metadata/relion31.6opticsgroups.star"), images=False)
        first = table.optics[0]
        scale = 2e4 * np.pi * first.spherical_aberration * electron_wavelength(first.voltage)**2
        np.testing.assert_allclose(first.aberrations.odd[2:4], [-scale * 0.657334, -scale * 0.884982])
        np.testing.assert_allclose(first.aberrations.odd[5], 2.54522458134)  # rlnOddZernike of Z(-3, 3)
        self.assertEqual(table.ctf_coefficients.shape, (139, 9))
        self.assertEqual(len({o.aberrations.magnification for o in table.optics}), 6)


class TestPlanted(unittest.TestCase):
    """Images of a few points, made frequency by frequency with everything in them; the STAR tells it."""

    box, pixel, n = 32, 2.0, 4

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        rng = np.random.default_rng(5)
        self.angles, self.origins = rng.uniform(0, 180, (self.n, 3)), rng.uniform(-3, 3, (self.n, 2))
        self.u = rng.uniform(7e3, 9e3, self.n)
        self.points, self.weights, self.sigma = rng.normal(size=(5, 3)) * 6, rng.uniform(1, 2, 5) * 100, 2.2

    def projection(self, i, x, y):
        """Fourier transform of the projection at frequencies x, y of the microscope's image plane."""
        seen = self.points @ euler_to_matrix(self.angles[i])[:2].T
        waves = np.exp(-2j * np.pi * (np.multiply.outer(x, seen[:, 0]) + np.multiply.outer(y, seen[:, 1])))
        return np.exp(-2 * np.pi**2 * self.sigma**2 * (x**2 + y**2)) * (waves @ self.weights) / self.pixel**2

    def planted(self, i, kx, ky, *, matrix, odd, even, power=1, phases=True):
        """Transform about pixel box // 2 of image i: everything at M k but the shift, which is of the image."""
        x, y = np.tensordot(matrix, np.stack([kx, ky]), 1)
        phi = sum(c * _zernike(m, n, x, y) for c, (m, n) in zip(odd, _ODD_ORDER, strict=True)) * phases
        offset = sum(c * _zernike(m, n, x, y) for c, (m, n) in zip(even, _EVEN_ORDER, strict=True))
        transfer = np.sin(_gamma(self.u[i], self.u[i] - 300, 20.0, x, y) - offset)
        transfer = np.abs(transfer) if power == 0 else transfer**power
        shift = np.exp(2j * np.pi * (kx * self.origins[i, 0] + ky * self.origins[i, 1]))
        return transfer * shift * np.exp(1j * phi) * self.projection(i, x, y)

    def write(self, names=(), values=(), **plant):
        kx, ky = np.meshgrid(np.fft.fftfreq(self.box, self.pixel), np.fft.fftfreq(self.box, self.pixel))
        images = []
        for i in range(self.n):
            spectrum = self.planted(i, kx, ky, **plant)
            images.append(np.fft.fftshift(np.fft.ifft2(spectrum)).real)
        with mrcfile.new(self.folder / "images.mrcs", overwrite=True) as out:
            out.set_data(np.array(images, np.float32))
        header = "".join(f"_{n}\n" for n in ("rlnOpticsGroup", "rlnVoltage", "rlnSphericalAberration",
                                             "rlnAmplitudeContrast", "rlnImagePixelSize", *names))
        rows = "\n".join(f"{i + 1}@images.mrcs " + " ".join(f"{v:.9f}" for v in (
            *self.angles[i], *self.origins[i], self.u[i], self.u[i] - 300, 20.0)) for i in range(self.n))
        columns = ("rlnImageName", "rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi", "rlnOriginXAngst", "rlnOriginYAngst",
                   "rlnDefocusU", "rlnDefocusV", "rlnDefocusAngle")
        path = self.folder / "particles.star"
        path.write_text(f"data_optics\n\nloop_\n{header}1 {_KV} {_CS} {_AC} {self.pixel} {' '.join(values)}\n\n"
                        "data_particles\n\nloop_\n" + "".join(f"_{c}\n" for c in columns) + rows + "\n")
        return read_particles(path)

    def all_planted(self):
        """Beam tilt as RELION would write it, trefoil, even aberrations, a magnification matrix."""
        tilt = (3.0, -2.0)
        scale = 2e4 * np.pi * _CS * electron_wavelength(_KV)**2
        told = [_ODD[0], _ODD[1], _ODD[2], 0.0, 0.0, _ODD[5]]
        # what RELION makes of it: its coma is -scale tilt r^2 x, and Z(1, 3) = (3 r^2 - 2) x
        true = list(told)
        for axis, (linear, cubic) in enumerate(((1, 4), (0, 3))):
            true[cubic] = -scale * tilt[axis] / 3
            true[linear] += 2 * true[cubic]
        names = ("rlnBeamTiltX", "rlnBeamTiltY", "rlnOddZernike", "rlnEvenZernike", "rlnMagMat00", "rlnMagMat01",
                 "rlnMagMat10", "rlnMagMat11")
        values = (*map(str, tilt), f"[{','.join(map(str, told))}]", f"[{','.join(map(str, _EVEN))}]",
                  *(str(v) for v in _MATRIX.ravel()))
        return self.write(names, values, matrix=_MATRIX, odd=true, even=_EVEN), true

    def test_cropped_images_are_ctf_times_projection(self) -> None:
        table, _ = self.all_planted()
        grid = HalfPlane(self.box, self.pixel, 6.0)
        cache = build_cache(table, grid, self.folder / "cache")
        transfer = ctf(table.ctf_coefficients, grid.kx, grid.ky)
        flat = np.stack([grid.kx, grid.ky, np.zeros_like(grid.kx)])
        for i in range(self.n):
            model = np.einsum("ba,b...->a...", table.views[i], flat)  # views^T k: where the slice lies in the map
            waves = np.exp(-2j * np.pi * np.einsum("a...,ja->...j", model, self.points)) @ self.weights
            envelope = np.exp(-2 * np.pi**2 * self.sigma**2 * (model**2).sum(axis=0))
            expected = transfer[i] * envelope * waves / self.pixel**2
            planes = cache.read(np.array([i]))[0]
            got = planes[0] + 1j * planes[1]  # kept to 11 bits
            np.testing.assert_allclose(got, expected, rtol=2.0**-11, atol=2e-4 * np.abs(expected).max())

    def test_they_would_not_be_without_the_correction(self) -> None:
        """What is planted is large enough to be seen: the test above cannot pass by chance."""
        table, _ = self.all_planted()
        stored, clean = table.images(np.arange(self.n), as_stored=True), table.images(np.arange(self.n))
        self.assertGreater(np.linalg.norm(stored - clean) / np.linalg.norm(clean), 0.2)

    def test_images_are_freed_of_phases(self) -> None:
        table, true = self.all_planted()
        kx, ky = np.meshgrid(np.fft.fftfreq(self.box, self.pixel), np.fft.fftfreq(self.box, self.pixel))
        got = table.images(np.arange(self.n))
        for i in range(self.n):
            spectrum = self.planted(i, kx, ky, matrix=_MATRIX, odd=true, even=_EVEN, phases=False)
            expected = np.fft.fftshift(np.fft.ifft2(spectrum)).real
            np.testing.assert_allclose(got[i], expected, atol=2e-3 * np.abs(expected).max())

    def test_slices_for_reconstruction(self) -> None:
        table, _ = self.all_planted()
        reader = SliceReader(table, np.ones(self.n), np.ones((1, self.box // 2 + 1)))
        rows = np.arange(self.n)
        values, shares = (a.reshape(self.n, -1) for a in reader.read(rows, np.ones(self.n, np.float32)))
        points = reader.points(table.views[rows]).reshape(3, self.n, -1) / (2 * np.pi * self.pixel)
        self.assertLessEqual(np.linalg.norm(points, axis=0).max() * 2 * self.pixel, 1 + 1e-6)
        for i in range(self.n):
            waves = np.exp(-2j * np.pi * (points[:, i].T @ self.points.T)) @ self.weights
            density = np.exp(-2 * np.pi**2 * self.sigma**2 * (points[:, i]**2).sum(axis=0)) * waves / self.pixel**2
            np.testing.assert_allclose(values[i], shares[i] * density, atol=1e-3 * np.abs(values).max())

    def test_corrected_images_are_restored(self) -> None:
        """C F of images that hold C^2 F or |C| F; the first but near the zeros of C, as the aberrations module says."""
        kx, ky = np.meshgrid(np.fft.fftfreq(self.box, self.pixel), np.fft.fftfreq(self.box, self.pixel))
        plain = {"matrix": np.eye(2), "odd": [0.0] * 6, "even": [0.0] * 9}
        for name, power in (("rlnCtfDataAreCtfPremultiplied", 2), ("rlnCtfDataArePhaseFlipped", 0)):
            table = self.write((name,), ("1",), power=power, **plain)
            got = np.fft.fft2(np.fft.ifftshift(table.images(np.arange(self.n)), axes=(1, 2)))
            for i in range(self.n):
                expected = self.planted(i, kx, ky, **plain)
                transfer = np.sin(_gamma(self.u[i], self.u[i] - 300, 20.0, kx, ky))
                known = transfer**2 / (transfer**2 + 0.05**2) if power == 2 else 1.0
                inside = np.maximum(abs(kx), abs(ky)) < 0.99 * np.abs(kx).max()  # the last frequency has no mate
                np.testing.assert_allclose((got[i] - known * expected)[inside], 0, atol=2e-3 * np.abs(expected).max())

    def test_other_groups_for_the_same_images_are_other_content(self) -> None:
        """Two groups that differ in what was done to their images alone; a particle goes from one to the other."""
        plain = {"matrix": np.eye(2), "odd": [0.0] * 6, "even": [0.0] * 9}
        table = self.write(("rlnCtfDataAreCtfPremultiplied",), ("1",), power=2, **plain)
        group, = table.optics
        groups = (group, replace(group, aberrations=replace(group.aberrations, correction="none")))
        prints = {replace(table, optics=groups, optics_index=np.array(index)).fingerprint
                  for index in ([0, 0, 1, 1], [0, 1, 0, 1], [1, 1, 0, 0])}
        self.assertEqual(len(prints), 3)

    def test_too_high_an_order(self) -> None:
        with self.assertRaisesRegex(InputError, "row 1.*7 odd coefficients; expected at most 6"):
            self.write(("rlnOddZernike",), ("[0,0,0,0,0,0,1]",), matrix=np.eye(2), odd=[0.0] * 6, even=[0.0] * 9)
        for value, words in (("[1,two]", "expected numbers in brackets"), ("[nan]", "expected numbers in brackets")):
            with self.assertRaisesRegex(InputError, words):
                self.write(("rlnEvenZernike",), (value,), matrix=np.eye(2), odd=[0.0] * 6, even=[0.0] * 9)


if __name__ == "__main__":
    unittest.main()
