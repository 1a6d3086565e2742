"""Aberrations beyond defocus, astigmatism and Cs, as polynomials of the frequency; and images freed of them.

An image is Y(k) = C(k) exp(i phi(k)) exp(2 pi i k.o) F(k) with C = sin(gamma). Aberrations that are odd in k make the
phase phi, which is taken back from the images without a loss; even ones add to gamma. With r, t the polar coordinates
of k, in 1/Angstrom:

    phi   = a1 kx + a2 ky + r^2 (a3 kx + a4 ky) + r^3 (a5 cos 3t + a6 sin 3t)
    gamma = e1 r^2 + r^2 (e2 cos 2t + e3 sin 2t) + e4 r^4 + e5 + r^4 (e6 cos 2t + e7 sin 2t + e8 cos 4t + e9 sin 4t)

(e1..e5 in the order of :mod:`optics.ctf`). A magnification matrix M has the microscope see the specimen at the
frequency M k where the image has k: F, C and phi are then taken at M k.

RELION: Zivanov, Nakane, Scheres 2020 (rlnOddZernike, rlnEvenZernike, rlnMagMat; rlnBeamTilt: Zivanov et al. 2018).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.optics.ctf import evaluate_ctf
from gmmhet.engine.optics.settings import RESTORATION

__all__ = [
    "EVEN", "ODD", "Aberrations", "Correction", "cryosparc_aberrations", "even_from_zernike", "odd_from_zernike",
    "odd_phase", "restored", "through_magnification",
]

Correction = Literal["none", "flipped", "premultiplied"]
ODD, EVEN = 6, 9
_ANGLES = 2 * np.pi * np.arange(16) / 16


@dataclass(frozen=True)
class Aberrations:
    """Of one optics group.

    Attributes:
        odd: 6 coefficients of phi. even: 9 that add to gamma. magnification: M by rows, 4 numbers.
        correction: what was done to the images already: nothing, phases flipped, or multiplied by C.
    """

    odd: tuple[float, ...] = (0.0,) * ODD
    even: tuple[float, ...] = (0.0,) * EVEN
    magnification: tuple[float, ...] = (1.0, 0.0, 0.0, 1.0)
    correction: Correction = "none"

    @property
    def matrix(self) -> NDArray[np.float64]:
        """[2, 2] M."""
        return np.reshape(self.magnification, (2, 2))

    @property
    def alters_ctf(self) -> bool:
        """Whether gamma has terms of its own, so that five coefficients do not do."""
        return any(self.even) or self.magnification != Aberrations.magnification

    @property
    def alters_images(self) -> bool:
        """Whether images have something to be taken back."""
        return any(self.odd) or self.correction != "none"


def odd_from_zernike(coefficients: Sequence[float], beam_tilt: tuple[float, float] | None, spherical_aberration: float,
                     wavelength: float) -> tuple[float, ...]:
    """RELION's antisymmetric aberrations.

    Args:
        coefficients: rlnOddZernike: of Z(-1,1), Z(1,1), Z(-3,3), Z(-1,3), Z(1,3), Z(3,3), with r in 1/Angstrom.
        beam_tilt: rlnBeamTiltX/Y in mrad, which stands in the place of the third-order coma among the coefficients.
        spherical_aberration: mm. wavelength: Angstrom.
    Returns:
        6 numbers.
    Raises:
        ValueError: terms of fifth or higher order.
    """
    z = _padded(coefficients, ODD, "odd")
    coma_y, coma_x = z[3], z[4]
    linear_y, linear_x = z[0] - 2 * coma_y, z[1] - 2 * coma_x
    cubic_y, cubic_x = 3 * coma_y, 3 * coma_x
    if beam_tilt is not None:
        scale = 2e4 * np.pi * spherical_aberration * wavelength**2  # mm to Angstrom times mrad to radian
        linear_x, linear_y = z[1], z[0]
        cubic_x, cubic_y = -scale * beam_tilt[0], -scale * beam_tilt[1]
    return tuple(float(v) for v in (linear_x, linear_y, cubic_x, cubic_y, z[5], z[2]))


def even_from_zernike(coefficients: Sequence[float]) -> tuple[float, ...]:
    """RELION's symmetric aberrations; they lessen gamma, since RELION's CTF is minus a sine.

    Args:
        coefficients: rlnEvenZernike: of Z(0,0), Z(-2,2), Z(0,2), Z(2,2), Z(-4,4), Z(-2,4), Z(0,4), Z(2,4), Z(4,4).
    Returns:
        9 numbers.
    Raises:
        ValueError: terms of sixth or higher order.
    """
    z = _padded(coefficients, EVEN, "even")
    second, cos2, sin2 = 2 * z[2] - 6 * z[6], z[3] - 3 * z[7], z[1] - 3 * z[5]
    constant = z[0] - z[2] + z[6]
    return tuple(-float(v) for v in (second, cos2, sin2, 6 * z[6], constant, 4 * z[7], 4 * z[5], z[8], z[4]))


def _padded(coefficients: Sequence[float], number: int, kind: str) -> NDArray[np.float64]:
    values = np.asarray(coefficients, np.float64)
    if np.any(values[number:] != 0):
        raise ValueError(f"{len(values)} {kind} coefficients; expected at most {number}")
    return np.concatenate([values[:number], np.zeros(max(0, number - len(values)))])


def cryosparc_aberrations(tilt: Sequence[float], trefoil: Sequence[float], tetrafoil: Sequence[float],
                          anisotropy: Sequence[float], wavelength: float) -> Aberrations:
    """cryoSPARC's aberrations, lengths in Angstrom as in its ctf/tilt_A, trefoil_A, tetra_A; anisomag is M minus one.

    With chi = -gamma - phi of Kirkland's exp(-i chi), chi has -2 pi lambda^2 r^2 (tilt.k), -2 pi/3 lambda^2 r^3
    (trefoil.(cos 3t, sin 3t)) and lambda^3 r^4 [2 pi (t1 cos 2t + t2 sin 2t) + pi/2 (t3 cos 4t + t4 sin 4t)].
    """
    coma, third = 2 * np.pi * wavelength**2, 2 * np.pi / 3 * wavelength**2
    odd = (0.0, 0.0, coma * tilt[0], coma * tilt[1], third * trefoil[0], third * trefoil[1])
    second, fourth = -2 * np.pi * wavelength**3, -np.pi / 2 * wavelength**3
    even = (0.0,) * 5 + (second * tetrafoil[0], second * tetrafoil[1], fourth * tetrafoil[2], fourth * tetrafoil[3])
    matrix = (1 + anisotropy[0], anisotropy[1], anisotropy[2], 1 + anisotropy[3])
    return Aberrations(tuple(map(float, odd)), tuple(map(float, even)), tuple(map(float, matrix)))


def through_magnification(coefficients: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coefficients of p(M k) as a polynomial of k, from those of p.

    Args:
        coefficients: [..., 6] odd or [..., 9] even. matrix: [2, 2] M.
    """
    out = np.array(coefficients, np.float64)
    circle = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)])
    for places in _degrees(out.shape[-1]):
        terms = _basis(out.shape[-1], *circle)[:, places]
        seen = _basis(out.shape[-1], *(matrix @ circle))[:, places]
        out[..., places] = coefficients[..., places] @ np.linalg.lstsq(terms, seen, rcond=None)[0].T
    return out


def _degrees(number: int) -> tuple[list[int], ...]:
    """Which coefficients belong to homogeneous polynomials of one degree."""
    return ([0, 1], [2, 3, 4, 5]) if number == ODD else ([0, 1, 2], [3, 5, 6, 7, 8])


def _basis(number: int, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """[points, number] values of the terms."""
    square, third = x * x + y * y, (x + 1j * y)**3
    if number == ODD:
        return np.stack([x, y, square * x, square * y, third.real, third.imag], axis=-1)
    twice, fourth = (x + 1j * y)**2, (x + 1j * y)**4
    return np.stack([square, twice.real, twice.imag, square**2, np.ones_like(x), square * twice.real,
                     square * twice.imag, fourth.real, fourth.imag], axis=-1)


def odd_phase(coefficients: NDArray[Any], kx: Any, ky: Any) -> NDArray[Any]:
    """phi in radians: coefficients [n, 6] at frequencies [...] (1/Angstrom) to [n, ...]."""
    a = np.asarray(coefficients).T.reshape((ODD, -1) + (1,) * np.ndim(kx))
    square = kx * kx + ky * ky
    cube_real, cube_imag = kx * (kx * kx - 3 * ky * ky), ky * (3 * kx * kx - ky * ky)
    phase = (a[0] + a[2] * square) * kx + (a[1] + a[3] * square) * ky + a[4] * cube_real + a[5] * cube_imag
    return np.asarray(phase)


def restored(spectrum: NDArray[Any], kx: Any, ky: Any, odd: NDArray[np.float64], gamma: NDArray[np.float64],
             correction: Sequence[Correction]) -> NDArray[Any]:
    """Spectra of images as they would be without odd aberrations and without corrections for the CTF.

    Args:
        spectrum: [n, ...] complex Fourier transforms at kx, ky [...]. odd: [n, 6], gamma: [n, 5 or 9] coefficients.
        correction: [n] what was done to each image.
    """
    out = spectrum * np.exp(-1j * odd_phase(odd.astype(np.float32), kx, ky)).astype(spectrum.dtype)
    for kind in ("flipped", "premultiplied"):
        rows = np.flatnonzero(np.asarray(correction) == kind)
        if len(rows):
            columns = gamma[rows].astype(np.float32).T.reshape((gamma.shape[1], -1) + (1,) * np.ndim(kx))
            transfer = evaluate_ctf(columns, kx, ky)
            factor = np.where(transfer < 0, -1, 1) if kind == "flipped" else (
                transfer / (transfer**2 + RESTORATION.least_ctf**2))
            out[rows] *= factor.astype(spectrum.real.dtype)
    return np.asarray(out)
