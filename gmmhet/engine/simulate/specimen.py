"""What is in the field of one image, before the microscope: the molecule or junk, and its neighbours."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.conventions import euler_to_matrix
from gmmhet.engine.simulate.atoms import atom_slices
from gmmhet.engine.simulate.imperfect_images import BROKEN, ICE, NOISE, OTHER
from gmmhet.engine.simulate.molecules import Molecule
from gmmhet.engine.simulate.optical_field import OpticalField
from gmmhet.engine.simulate.particles import Particles
from gmmhet.engine.simulate.settings import JUNK_SHAPES, NEIGHBOURS

__all__ = ["Specimen", "hollow_sphere"]

_SHELL_SEED, _SHELL_WALL = 5, 0.8


@dataclass(frozen=True)
class Specimen:
    """Molecules that are imaged.

    Attributes:
        molecule: of atoms, as of :func:`gmmhet.engine.simulate.atoms.with_atoms`.
        particles: what each shows, at true poses. field: that is imaged.
    """

    molecule: Molecule
    particles: Particles
    field: OpticalField

    def wave(self, row: int, kind: int, brightness: float, rng: np.random.Generator) -> NDArray[np.complex128]:
        """Transform of the projection [size, size // 2 + 1] of what image `row` shows in its middle.

        Args:
            kind: of the image. brightness: deviation of a molecule's projection, which scales ice.
        """
        if kind == NOISE:
            return np.zeros((self.field.size, self.field.size // 2 + 1), np.complex128)
        if kind == ICE:
            return self._ice(brightness, rng)
        centers, weights = self._atoms(row)
        if kind == BROKEN:
            kept = _piece(centers, rng)
            centers, weights = centers[kept], weights[kept]
        if kind == OTHER:
            centers = hollow_sphere(self.molecule)
            weights = np.full(len(centers), weights.sum() / len(centers))
        return self._projected(centers, weights, self.particles.angles[row], self.particles.origins[row])

    def neighbour(self, rng: np.random.Generator) -> NDArray[np.complex128]:
        """Transform of another molecule, in the conformation of a random particle, at the edge of the box."""
        centers, weights = self._atoms(int(rng.integers(len(self.particles))))
        angles = np.array([rng.uniform(-180, 180), np.rad2deg(np.arccos(rng.uniform(-1, 1))), rng.uniform(-180, 180)])
        width = self.field.box * self.field.pixel_size
        distance = width * rng.uniform(NEIGHBOURS.nearest, NEIGHBOURS.farthest)
        direction = rng.uniform(-np.pi, np.pi)
        return self._projected(centers, weights, angles, distance * np.array([np.cos(direction), np.sin(direction)]))

    def _atoms(self, row: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        centers, weights = self.molecule.place(self.particles.coordinates[row:row + 1])
        return centers[0], weights[0]

    def _projected(self, centers: NDArray[np.float64], weights: NDArray[np.float64], angles: NDArray[np.float64],
                   origin: NDArray[np.float64]) -> NDArray[np.complex128]:
        return atom_slices(centers, weights, euler_to_matrix(angles), origin, box=self.field.size,
                           pixel_size=self.field.pixel_size)

    def _ice(self, brightness: float, rng: np.random.Generator) -> NDArray[np.complex128]:
        """One to three round patches of contamination near the middle, with soft edges."""
        size, box = self.field.size, self.field.box
        axis = np.arange(size) - size // 2
        patches = np.zeros((size, size))
        for _ in range(rng.integers(1, 4)):
            radius = box * rng.uniform(*JUNK_SHAPES.ice_radius)
            x, y = box / 4 * rng.uniform(-1, 1, 2)
            patches += 1 / (1 + np.exp(np.clip(np.hypot(axis[None] - x, axis[:, None] - y) - radius, -50, 50)))
        return np.asarray(np.fft.rfft2(np.fft.ifftshift(JUNK_SHAPES.ice_strength * brightness * patches)))


def _piece(centers: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.bool_]:
    """[N] the atoms on one side of a random plane, a share of them as of JUNK_SHAPES."""
    direction = rng.standard_normal(3)
    height = centers @ direction
    share = rng.uniform(JUNK_SHAPES.broken_least, JUNK_SHAPES.broken_most)
    return np.asarray(height < np.quantile(height, share))


def hollow_sphere(molecule: Molecule) -> NDArray[np.float64]:
    """[N, 3] as many atoms as the molecule has, in the wall of a hollow sphere: another molecule."""
    rng = np.random.default_rng(_SHELL_SEED)
    n = len(molecule)
    outer = JUNK_SHAPES.shell_radius * float(np.linalg.norm(molecule.centers, axis=1).max())
    direction = rng.standard_normal((n, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    radius = outer * np.cbrt(rng.uniform(_SHELL_WALL**3, 1, n))
    return np.asarray(radius[:, None] * direction)


