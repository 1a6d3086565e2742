"""Pseudo-atoms that the engine has written."""

import os
from dataclasses import dataclass

import gemmi
import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError

__all__ = ["PseudoAtoms", "read_pseudo_atoms"]


@dataclass(frozen=True)
class PseudoAtoms:
    """Attributes:
        positions: [N, 3] Angstrom. values: [N] B factors, or what stands in their place. spacing: median distance of
            neighbours, Angstrom.
    """

    positions: NDArray[np.float64]
    values: NDArray[np.float64]
    spacing: float


def read_pseudo_atoms(path: str | os.PathLike[str]) -> PseudoAtoms:
    """Atoms of a PDB or mmCIF file.

    Raises:
        InputError: unreadable, or without atoms.
    """
    try:
        structure = gemmi.read_structure(str(path))
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}); expected atoms") from None
    found = [(a.pos.x, a.pos.y, a.pos.z, a.b_iso) for model in list(structure)[:1] for chain in model
             for residue in chain for a in residue]
    if not found:
        raise InputError(f"{path}: holds no atom; expected at least one")
    table = np.array(found)
    some = table[:: 1 + len(table) // 300, :3]
    distances = np.sqrt(((some[:, None] - table[None, :, :3]) ** 2).sum(-1))
    nearest = np.sort(distances, axis=1)[:, min(1, len(table) - 1)]
    return PseudoAtoms(table[:, :3], table[:, 3], float(np.median(nearest)))
