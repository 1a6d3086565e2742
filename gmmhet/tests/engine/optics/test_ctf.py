"""The CTF against an implementation in polar coordinates, written from the definition."""

import unittest

import numpy as np

from gmmhet.engine.optics.ctf import ctf, ctf_coefficients


def _reference(u, v, angle, shift, kv, cs, ac, kx, ky):
    """Angles by arctan2; phase contrast and amplitude contrast written as sine and cosine terms."""
    mass, charge, planck, light = 9.1093837e-31, 1.60217663e-19, 6.62607015e-34, 2.99792458e8
    energy = charge * kv * 1e3
    wavelength = planck / np.sqrt(2 * mass * energy * (1 + energy / (2 * mass * light**2))) * 1e10
    k, theta = np.hypot(kx, ky), np.arctan2(ky, kx)
    dz = 0.5 * (u + v) + 0.5 * (u - v) * np.cos(2 * (theta - np.deg2rad(angle)))
    gamma = np.pi * wavelength * dz * k**2 - 0.5 * np.pi * cs * 1e7 * wavelength**3 * k**4 + np.deg2rad(shift)
    return np.sqrt(1 - ac**2) * np.sin(gamma) + ac * np.cos(gamma)


class TestCtf(unittest.TestCase):
    def test_matches_the_definition(self) -> None:
        rng = np.random.default_rng(1)
        kx, ky = rng.uniform(-0.1, 0.1, (2, 500))
        u, v, angle = rng.uniform(8e3, 3e4, 6), rng.uniform(8e3, 3e4, 6), rng.uniform(-90, 90, 6)
        shift, kv, cs = rng.uniform(0, 180, 6), np.repeat([200.0, 300.0], 3), rng.uniform(0.01, 2.7, 6)
        ac = rng.uniform(0.05, 0.2, 6)
        got = ctf(ctf_coefficients(u, v, angle, shift, kv, cs, ac), kx, ky)
        for i in range(6):
            expected = _reference(u[i], v[i], angle[i], shift[i], kv[i], cs[i], ac[i], kx, ky)
            # phases reach a hundred radians, and the wavelength of RELION differs from CODATA by some 1e-6
            np.testing.assert_allclose(got[i], expected, atol=5e-4)

    def test_is_the_amplitude_contrast_at_zero_frequency_and_rises(self) -> None:
        coefficients = ctf_coefficients([1.5e4], [1.5e4], [0], [0], [300], [2.7], [0.1])
        values = ctf(coefficients, np.array([0.0, 0.01]), np.zeros(2))[0]
        self.assertAlmostEqual(values[0], 0.1, places=12)
        self.assertGreater(values[1], values[0])


if __name__ == "__main__":
    unittest.main()
