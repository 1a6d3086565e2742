"""Blocks that the user names: masks, or the chains of an atomic model."""

from collections.abc import Sequence
from pathlib import Path

import gemmi
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gmmhet.engine.composition.settings import GIVEN
from gmmhet.engine.errors import InputError
from gmmhet.engine.molecule.gaussians import GaussianModel
from gmmhet.engine.molecule.masks import read_mask

__all__ = ["given_blocks"]

_ATOMIC = (".pdb", ".ent", ".cif", ".mmcif", ".pdb.gz", ".cif.gz")


def given_blocks(paths: Sequence[Path], model: GaussianModel) -> tuple[NDArray[np.int64], list[str]]:
    """[N] block of each Gaussian, from 1, 0 for none; and the blocks' names.

    A Gaussian belongs to the mask of the largest value, from one half on, at its centre; or to the chain of the nearest
    atom, where that is near. Coordinates of a model are those of the map: its origin is voxel box // 2.

    Raises:
        InputError: files that cannot be read, several models, or a block without a Gaussian.
    """
    atomic = [path for path in paths if path.name.lower().endswith(_ATOMIC)]
    if atomic and len(paths) > 1:
        raise InputError(f"--blocks names {len(paths)} files with {atomic[0]} among them; expected one atomic model, "
                         "or masks (.mrc) alone")
    block, names = _chains(paths[0], model) if atomic else _masks(paths, model)
    for number, name in enumerate(names, 1):
        if not (block == number).any():
            raise InputError(f"{name}: none of the {len(model)} Gaussians of the analysis is in it; expected a block "
                             "of the molecule, in the frame of the map")
    return block, names


def _masks(paths: Sequence[Path], model: GaussianModel) -> tuple[NDArray[np.int64], list[str]]:
    at = np.clip(np.rint(model.centers / model.pixel_size).astype(int) + model.box // 2, 0, model.box - 1)
    values = np.array([read_mask(path, model.box, model.pixel_size)[at[:, 2], at[:, 1], at[:, 0]] for path in paths])
    return np.where(values.max(0) > 0.5, values.argmax(0) + 1, 0), [path.name for path in paths]


def _chains(path: Path, model: GaussianModel) -> tuple[NDArray[np.int64], list[str]]:
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected an atomic model (.pdb, .cif)")
    try:
        structure = gemmi.read_structure(str(path))
    except (ValueError, RuntimeError, OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a readable atomic model ({str(error).splitlines()[0]})") from None
    points, owner, names = [], [], []
    for chain in structure[0] if len(structure) else ():
        atoms = [atom.pos.tolist() for residue in chain if not residue.is_water() for atom in residue]
        if len(atoms) >= GIVEN.atoms:
            names.append(chain.name)
            points += atoms
            owner += [len(names)] * len(atoms)
    if not names:
        raise InputError(f"{path}: no chain of {GIVEN.atoms} atoms or more; expected an atomic model")
    distance, nearest = cKDTree(np.array(points)).query(model.centers)
    block = np.where(distance < GIVEN.reach * model.resolution, np.array(owner)[nearest], 0)
    held = [number for number in range(1, len(names) + 1) if (block == number).any()]
    if not held:
        raise InputError(f"{path}: no atom near a Gaussian of the analysis; expected a model in the frame of the map, "
                         "with its origin in the middle of the box")
    number = np.zeros(len(names) + 1, np.int64)
    number[held] = np.arange(1, len(held) + 1)
    return number[block], [f"chain {names[h - 1]}" for h in held]
