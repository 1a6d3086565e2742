"""Equations of one rigid part of the molecule, from particles corrected for its motion.

A part p that in particle i is at R x + t (x in the reference conformation) gives the slice
exp(-2 pi i k.(A t)) F_p((A R)^T (kx, ky, 0)): as if the part alone had been seen from the view A R, with its image
moved. What the other parts make of the image, as far as their Gaussians tell, is taken off before.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.molecule.deformation import Deformation
from gmmhet.engine.molecule.gaussians import GaussianModel
from gmmhet.engine.molecule.rigid_parts import RigidParts, RigidPoses
from gmmhet.engine.reconstruction.equations import Accumulator, NormalEquations
from gmmhet.engine.reconstruction.settings import GRIDDING
from gmmhet.engine.reconstruction.slices import SliceReader

__all__ = ["Deforming", "part_equations"]

_POINTS_AT_ONCE = 1 << 20
_WAVES_AT_ONCE = 1 << 24  # complex numbers, 128 MiB
_PARTICLES_PLACED = 256  # conformations at once


@dataclass(frozen=True)
class Deforming:
    """Gaussians that move with the coordinates of the particles.

    Attributes:
        model: that deformation changes. coordinates: [n, K] of the particles. parts: rigid, nearly.
    """

    model: GaussianModel
    deformation: Deformation
    coordinates: NDArray[np.float64]
    parts: RigidParts

    def centers(self, coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
        """[m, N, 3] at coordinates [m, K]."""
        return self.deformation.centers(self.model.centers, coordinates)

    def weights(self, coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
        """[m, N]."""
        return self.deformation.weights(self.model.weights, coordinates)

    @cached_property
    def placements(self) -> RigidPoses:
        """The parts in the particles."""
        some = [self.parts.place(self.centers(self.coordinates[i:i + _PARTICLES_PLACED]))
                for i in range(0, len(self.coordinates), _PARTICLES_PLACED)]
        return RigidPoses(np.concatenate([p.turns for p in some]), np.concatenate([p.shifts for p in some]))


def part_equations(reader: SliceReader, deforming: Deforming, part: int, rows: NDArray[np.int64],
                   ) -> NormalEquations | None:
    """Normal equations of the map of one part in the reference conformation; None for no particles.

    Args:
        rows: [b] of the particles.
    """
    equations = Accumulator(reader.disc.size)
    table, others = reader.table, np.flatnonzero(deforming.parts.part != part)
    slices = _GaussianSlices(reader, deforming.model, others) if len(others) else None
    at = deforming.placements
    batch = max(1, _POINTS_AT_ONCE // len(reader.disc.shell))
    if slices is not None:
        batch = max(1, min(batch, _WAVES_AT_ONCE // slices.waves))
    for start in range(0, len(rows), batch):
        some = rows[start:start + batch]
        values, shares = reader.read(some, np.ones(len(some), np.float32))
        z, views = deforming.coordinates[some], table.views[some]
        if slices is not None:
            beside = slices.of(views, deforming.centers(z)[:, others], deforming.weights(z)[:, others])
            values -= shares * beside.ravel()
        moved = np.einsum("nab,nb->na", views[:, :2], at.shifts[some, part]) / table.pixel_size
        turns = np.einsum("na,am->nm", moved / table.box, reader.disc.index)
        values *= np.exp(2j * np.pi * turns).astype(np.complex64).ravel()
        equations.add(reader.points(views @ at.turns[some, part]), values, shares)
    return equations.finish()


class _GaussianSlices:
    """Central slices of Gaussians at the frequencies of a reader, as of the discrete Fourier transform of their map.

    exp(-2 pi i k.x) exp(-2 pi^2 sigma^2 k^2) is a product of a factor of kx and one of ky. Frequencies at which even
    the narrowest Gaussian is nothing are left out. k is that of the image: where it is magnified, so are
    the Gaussians.

    Attributes:
        waves: numbers that a particle takes.
    """

    def __init__(self, reader: SliceReader, model: GaussianModel, chosen: NDArray[np.int64]) -> None:
        self._size = len(reader.disc.shell)
        self._voxel = reader.table.pixel_size**3
        spread = -2 * np.pi**2 * np.square(model.sigmas[chosen])[:, None]
        frequency = reader.disc.index / np.float32(reader.table.box * reader.table.pixel_size)
        least = spread.max()  # of the narrowest
        self._seen = np.flatnonzero(least * np.square(frequency).sum(0) > np.log(GRIDDING.negligible))
        self._x, self._columns = np.unique(frequency[0, self._seen], return_inverse=True)
        self._y, self._rows = np.unique(frequency[1, self._seen], return_inverse=True)
        self._along_x, self._along_y = (np.exp(spread * np.square(k)).astype(np.float32) for k in (self._x, self._y))
        self.waves = max(1, len(chosen) * (len(self._x) + len(self._y)))

    def of(self, views: NDArray[np.float64], centers: NDArray[np.float64], weights: NDArray[np.float64],
           ) -> NDArray[np.complex64]:
        """[b, m] from views [b, 3, 3] of centres [b, N, 3] with weights [b, N]."""
        seen = centers @ np.swapaxes(views[:, :2], 1, 2)  # [b, N, 2]
        x, y = (self._waves(seen[..., axis], k) for axis, k in enumerate((self._x, self._y)))
        x *= self._along_x * (weights / self._voxel).astype(np.float32)[..., None]
        y *= self._along_y
        out = np.zeros((len(views), self._size), np.complex64)
        out[:, self._seen] = (np.swapaxes(y, 1, 2) @ x)[:, self._rows, self._columns]
        return out

    @staticmethod
    def _waves(place: NDArray[np.float64], frequency: NDArray[np.float32]) -> NDArray[np.complex64]:
        phase = (-2 * np.pi * place).astype(np.float32)[..., None] * frequency
        out = np.empty(phase.shape, np.complex64)
        out.real, out.imag = np.cos(phase), np.sin(phase)
        return out
