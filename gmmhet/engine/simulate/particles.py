"""Particles drawn from a preset: what each is, and how it was imaged."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.conventions import euler_to_matrix
from gmmhet.engine.optics.ctf import ctf, ctf_coefficients
from gmmhet.engine.simulate.molecules import Molecule
from gmmhet.engine.simulate.presets import Preset
from gmmhet.engine.simulate.projection import frequency_grid, projection_slices
from gmmhet.engine.simulate.settings import IMAGING

__all__ = ["Particles", "clean_slices", "draw_particles"]



@dataclass(frozen=True)
class Particles:
    """n drawn particles.

    Attributes:
        state: [n] from 0. coordinates: [n, D] true coordinates of the molecule.
        angles: [n, 3] rot, tilt, psi, degrees. origins: [n, 2] rlnOriginX/YAngst.
        defocus: [n, 3] U, V (Angstrom), angle (degrees). half_set: [n] 1 or 2. micrograph: [n] from 0.
    """

    state: NDArray[np.int64]
    coordinates: NDArray[np.float64]
    angles: NDArray[np.float64]
    origins: NDArray[np.float64]
    defocus: NDArray[np.float64]
    half_set: NDArray[np.int64]
    micrograph: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.state)


def draw_particles(what: Preset, n: int, pixel_size: float, rng: np.random.Generator) -> Particles:
    """Draw n particles: states of the preset, uniform orientations, shifts up to 3 pixels, defocus per micrograph.

    All numbers are rounded to the digits that the STAR file keeps, so the file holds them exactly.
    """
    state, coordinates = what.draw(rng, n)
    tilt = np.rad2deg(np.arccos(rng.uniform(-1, 1, n)))
    angles = np.stack([rng.uniform(-180, 180, n), tilt, rng.uniform(-180, 180, n)], axis=1)
    micrograph = np.arange(n) // IMAGING.particles_per_micrograph
    count = n // IMAGING.particles_per_micrograph + 1
    low, high = IMAGING.defocus
    mean = rng.uniform(low + IMAGING.astigmatism / 2, high - IMAGING.astigmatism / 2, count)
    half = rng.uniform(0, IMAGING.astigmatism / 2, count)
    defocus = np.stack([mean + half, mean - half, rng.uniform(0, 180, count)], axis=1)[micrograph]
    return Particles(
        state, np.round(coordinates, 6), np.round(angles, 6),
        np.round(rng.uniform(-IMAGING.shift, IMAGING.shift, (n, 2)) * pixel_size, 6), np.round(defocus, 6),
        rng.permutation(np.arange(n) % 2 + 1), micrograph)


def clean_slices(
    molecule: Molecule, particles: Particles, rows: NDArray[np.int64], *, box: int, pixel_size: float,
    coordinates: NDArray[np.float64] | None = None,
) -> NDArray[np.complex64]:
    """Fourier transforms of the noise-free, CTF-modulated images of some particles.

    Args:
        rows: [b] from 0. coordinates: [b, D] instead of the particles' true ones.
    Returns:
        [b, box, box // 2 + 1], frequencies as of numpy.fft.rfft2, origin at pixel box // 2.
    """
    centers, weights = molecule.place(particles.coordinates[rows] if coordinates is None else coordinates)
    slices = projection_slices(centers, weights, molecule.sigma, euler_to_matrix(particles.angles[rows]),
                               particles.origins[rows], box=box, pixel_size=pixel_size)
    u, v, angle = particles.defocus[rows].T
    coefficients = ctf_coefficients(u, v, angle, 0.0, IMAGING.voltage, IMAGING.spherical_aberration,
                                    IMAGING.amplitude_contrast)
    slices *= ctf(coefficients, *frequency_grid(box, pixel_size)).astype(np.float32)
    return slices
