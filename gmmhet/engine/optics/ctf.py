"""Contrast transfer function (weak phase object, RELION's sign: positive at low frequency).

C(k) = sin(pi lambda dz(k) k^2 - pi/2 Cs lambda^3 k^4 + phase shift + asin(amplitude contrast)), with
dz(k) = (U + V)/2 + (U - V)/2 cos 2(angle(k) - defocus angle): Rohou & Grigorieff 2015, eq. 2-4.
The trigonometry of the astigmatism is written as a quadratic form in (kx, ky), so one sine remains.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmhet.engine.conventions import electron_wavelength

__all__ = ["ctf", "ctf_coefficients", "evaluate_ctf"]


def ctf_coefficients(
    defocus_u: ArrayLike, defocus_v: ArrayLike, defocus_angle: ArrayLike, phase_shift: ArrayLike,
    voltage: ArrayLike, spherical_aberration: ArrayLike, amplitude_contrast: ArrayLike,
) -> NDArray[np.float64]:
    """Per-particle coefficients of the CTF phase as a polynomial in kx, ky.

    Args:
        defocus_u, defocus_v: [n] Angstrom, positive is underfocus. defocus_angle, phase_shift: [n] degrees.
        voltage: [n] kV. spherical_aberration: [n] mm. amplitude_contrast: [n] fraction.
    Returns:
        [n, 5] coefficients of k^2 (mean defocus), kx^2 - ky^2 and 2 kx ky (astigmatism), k^4, and 1; frequencies in
        1/Angstrom.
    """
    u, v = np.asarray(defocus_u, float), np.asarray(defocus_v, float)
    unique, inverse = np.unique(np.broadcast_to(np.asarray(voltage, float), u.shape), return_inverse=True)
    wavelength = np.array([electron_wavelength(x) for x in unique])[inverse]
    twice = 2 * np.deg2rad(np.asarray(defocus_angle, float))
    astigmatism = np.pi * wavelength * (u - v) / 2
    columns = [
        np.pi * wavelength * (u + v) / 2,
        astigmatism * np.cos(twice),
        astigmatism * np.sin(twice),
        -0.5 * np.pi * np.asarray(spherical_aberration, float) * 1e7 * wavelength**3,
        np.deg2rad(np.asarray(phase_shift, float)) + np.arcsin(np.asarray(amplitude_contrast, float)),
    ]
    return np.stack(np.broadcast_arrays(*columns), axis=-1)


def evaluate_ctf(coefficients: Any, kx: Any, ky: Any, *, sin: Any = np.sin) -> Any:
    """CTF from its coefficients, for numpy arrays or (sin=tf.sin) tensors.

    Args:
        coefficients: sequence of 5 arrays, each broadcastable with kx, ky; or of 9, the last four being those of
            k^4 cos 2t, k^4 sin 2t, k^4 cos 4t and k^4 sin 4t (t the angle of k).
        kx, ky: frequencies, 1/Angstrom.
    """
    mean, cosine, sine, fourth, constant, *higher = coefficients
    xx, yy = kx * kx, ky * ky
    k2, cos2, sin2 = xx + yy, xx - yy, 2 * kx * ky
    phase = (mean + fourth * k2) * k2 + cosine * cos2 + sine * sin2 + constant
    if higher:
        phase = phase + (higher[0] * k2 + higher[2] * cos2 + 2 * higher[3] * sin2) * cos2 + (
            higher[1] * k2 - higher[2] * sin2) * sin2
    return sin(phase)


def ctf(coefficients: NDArray[np.float64], kx: ArrayLike, ky: ArrayLike) -> NDArray[np.float64]:
    """CTF of n particles on a frequency grid: [n, 5] (or [n, 9]), [...], [...] to [n, ...]."""
    kx, ky = np.asarray(kx, float), np.asarray(ky, float)
    columns: Sequence[Any] = [c.reshape((-1,) + (1,) * kx.ndim) for c in np.asarray(coefficients, float).T]
    return np.asarray(evaluate_ctf(columns, kx, ky))
