"""Atomic models as maps."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.fitting.settings import MAP_FRAME
from gmmhet.engine.io.atomic_models import read_atomic_model
from gmmhet.engine.io.mrc import DensityMap

__all__ = ["Atoms", "atomic_density", "read_atoms"]


@dataclass(frozen=True)
class Atoms:
    """Atoms of a file: positions [n, 3] (Angstrom, as in the file) and electrons [n] (occupancy x atomic number)."""

    positions: NDArray[np.float64]
    electrons: NDArray[np.float64]


def read_atoms(path: Path) -> Atoms:
    """Atoms of the first model of a PDB or mmCIF file; waters are left out.

    Raises:
        InputError: missing, unreadable, or without atoms.
    """
    atoms = [(*atom.pos.tolist(), atom.occ * atom.element.atomic_number)
             for chain in read_atomic_model(path) for residue in chain if not residue.is_water() for atom in residue]
    table = np.array([row for row in atoms if row[3] > 0], np.float64).reshape(-1, 4)
    if len(table) == 0:
        raise InputError(f"{path}: holds no atoms with an occupancy; expected an atomic model")
    if not np.isfinite(table).all():
        raise InputError(f"{path}: holds coordinates that are not finite")
    return Atoms(table[:, :3], table[:, 3])


def atomic_density(atoms: Atoms, resolution: float, *, box: int | None = None, pixel_size: float | None = None,
                   ) -> DensityMap:
    """Electrons per cubic Angstrom of atoms blurred to a resolution (sigma = 0.225 resolution).

    Args:
        box, pixel_size: the grid. Default: resolution / 3, and the smallest even box around the file's origin that
            holds every atom and two resolution elements beyond.
    Raises:
        InputError: the box would be larger than 512 (molecule far from the origin).
    """
    pixel = resolution / 3 if pixel_size is None else pixel_size
    reach = float(np.abs(atoms.positions).max()) + 2 * resolution
    box = 2 * math.ceil(reach / pixel) if box is None else box
    if box > MAP_FRAME.largest_box:
        raise InputError(f"atoms lie so far from the origin that a box of {box} pixels of {pixel:.2f} Å is needed; "
                         f"expected at most {MAP_FRAME.largest_box}: move the molecule to the origin")
    sigma = MAP_FRAME.atom_blur * resolution
    axis = (np.arange(box) - box // 2) * pixel
    data = np.zeros((box, box, box), np.float32)
    half = math.ceil(4 * sigma / pixel)
    for (x, y, z), electrons in zip(atoms.positions, atoms.electrons, strict=True):
        spans, factors = [], []
        for value in (z, y, x):
            middle = round(value / pixel) + box // 2
            span = slice(max(middle - half, 0), max(min(middle + half + 1, box), 0))
            spans.append(span)
            factors.append(np.exp(-0.5 * ((axis[span] - value) / sigma) ** 2))
        scale = electrons / (2 * np.pi * sigma**2) ** 1.5
        data[spans[0], spans[1], spans[2]] += scale * (
            factors[0][:, None, None] * factors[1][:, None] * factors[2]).astype(np.float32)
    return DensityMap(data, pixel)
