"""Atoms in ice: projections and maps from scattering factors, by non-uniform Fourier transforms.

F(k) = f(|k|) / p^3 sum_j w_j exp(-2 pi i k.x_j), p the pixel size. f is the electron scattering factor of carbon (five
Gaussians: Peng, Ren, Dudarev & Whelan 1996) less the solvent that an atom displaces, a wider Gaussian, and is 1 for the
solvent-free atom at k = 0: at low frequency protein is seen against ice, at high frequency it is not.
"""

from dataclasses import replace

import finufft
import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.simulate.molecules import Molecule
from gmmhet.engine.simulate.settings import ATOMS

__all__ = ["atom_map", "atom_slices", "form_factor", "with_atoms"]

_SEED = 1996
_TOLERANCE = 1e-5
# a (Angstrom) and b (square Angstrom) of carbon: f(s) = sum a exp(-b s^2), s = k / 2
_CARBON_A = np.array([0.0893, 0.2563, 0.7570, 1.0487, 0.3575])
_CARBON_B = np.array([0.2465, 1.7100, 6.4094, 18.6113, 50.2523])


def with_atoms(molecule: Molecule) -> Molecule:
    """The molecule with several atoms about every bead, which share its weight and move with it."""
    rng = np.random.default_rng(_SEED)
    count = ATOMS.per_residue
    beads = np.repeat(np.arange(len(molecule)), count)
    centers = molecule.centers[beads] + ATOMS.spread * molecule.sigma * rng.standard_normal((len(beads), 3))
    return replace(molecule, centers=centers, weights=molecule.weights[beads] / count,
                   turned_by=molecule.turned_by[beads], scaled_by=molecule.scaled_by[beads])


def form_factor(k2: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of an atom in ice, at squared frequencies (1/square Angstrom); 1 - ATOMS.solvent_share at 0."""
    atom = (_CARBON_A * np.exp(-_CARBON_B * k2[..., None] / 4)).sum(axis=-1) / _CARBON_A.sum()
    solvent = ATOMS.solvent_share * np.exp(-2 * np.pi**2 * ATOMS.solvent_width**2 * k2)
    return np.asarray(atom - solvent)


def atom_slices(centers: NDArray[np.float64], weights: NDArray[np.float64], rotation: NDArray[np.float64],
                origin: NDArray[np.float64], *, box: int, pixel_size: float) -> NDArray[np.complex128]:
    """Discrete Fourier transform of one projection, origin at pixel box // 2, without CTF.

    Args:
        centers: [N, 3] xyz, Angstrom. weights: [N]. rotation: [3, 3] A. origin: [2] rlnOriginX/YAngst.
    Returns:
        [box, box // 2 + 1], frequencies as of numpy.fft.rfft2; 0 at the highest frequency of even boxes.
    """
    x, y = (rotation[:2] @ centers.T - origin[:, None]) * (2 * np.pi / (box * pixel_size))
    modes = finufft.nufft2d1(y, x, weights.astype(np.complex128), (box | 1, box | 1), eps=_TOLERANCE, isign=-1,
                             nthreads=1)
    half = _half(modes, box)
    kx, ky = np.fft.rfftfreq(box, pixel_size), np.fft.fftfreq(box, pixel_size)[:, None]
    return np.asarray(half * form_factor(kx**2 + ky**2) / pixel_size**3)


def atom_map(centers: NDArray[np.float64], weights: NDArray[np.float64], *, box: int, pixel_size: float,
             ) -> NDArray[np.float32]:
    """The map [box, box, box] (z, y, x) of N atoms, of which :func:`atom_slices` are the central slices."""
    x, y, z = np.ascontiguousarray(centers.T) * (2 * np.pi / (box * pixel_size))
    modes = finufft.nufft3d1(z, y, x, weights.astype(np.complex128), (box | 1,) * 3, eps=_TOLERANCE, isign=-1,
                             nthreads=1)
    half = _half(modes, box)
    k = np.fft.fftfreq(box, pixel_size)
    k2 = k[:, None, None]**2 + k[:, None]**2 + np.fft.rfftfreq(box, pixel_size)**2
    density = np.fft.irfftn(half * form_factor(k2) / pixel_size**3, s=(box,) * 3, axes=(0, 1, 2))
    return np.fft.fftshift(density).astype(np.float32)


def _half(modes: NDArray[np.complex128], box: int) -> NDArray[np.complex128]:
    """From all frequencies -box // 2 .. box // 2, 0 in the middle, to those of numpy.fft.rfftn."""
    middle, last = box // 2, box // 2 + 1
    full = np.rint(np.fft.fftfreq(box, 1 / box)).astype(np.int64) + middle
    out = modes[np.ix_(*(full,) * (modes.ndim - 1), np.arange(middle, middle + last))]
    if box % 2 == 0:
        for axis in range(out.ndim):
            np.moveaxis(out, axis, 0)[box // 2] = 0
    return np.asarray(out)
