"""Atomic models as they are read from PDB and mmCIF files."""

from pathlib import Path

import gemmi

from gmmhet.engine.errors import InputError

__all__ = ["is_atomic", "read_atomic_model"]

_SUFFIXES = (".pdb", ".ent", ".cif", ".mmcif", ".pdb.gz", ".cif.gz")


def is_atomic(path: Path) -> bool:
    """Whether a file is an atomic model, by its name."""
    return path.name.lower().endswith(_SUFFIXES)


def read_atomic_model(path: Path) -> gemmi.Model:
    """The first model of a PDB or mmCIF file.

    Raises:
        InputError: missing, unreadable, or without any model.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected an atomic model (.pdb, .cif)")
    try:
        structure = gemmi.read_structure(str(path))
    except (ValueError, RuntimeError, OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a readable atomic model ({str(error).splitlines()[0]})") from None
    if not len(structure):
        raise InputError(f"{path}: holds no atoms with an occupancy; expected an atomic model")
    return structure[0]
