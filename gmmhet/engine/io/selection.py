"""Particles written back: all or some rows of a table, in the format of the file they came from or as a RELION STAR."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from gmmhet.engine.conventions import euler_to_matrix
from gmmhet.engine.errors import InputError
from gmmhet.engine.io.cryosparc_records import with_fields, write_records
from gmmhet.engine.io.particles import ParticleTable
from gmmhet.engine.io.star import StarTable, write_star
from gmmhet.engine.io.texts import chosen_texts, image_texts, number_texts

__all__ = ["write_particles", "write_selection"]

_ANGLES = ("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi")
_ORIGINS = ("rlnOriginXAngst", "rlnOriginYAngst")


def write_particles(path: str | os.PathLike[str], table: ParticleTable,
                    extra: Mapping[str, Sequence[str]] | None = None) -> None:
    """Write all rows of a table as a STAR with every column as it was read, and extra columns after them.

    Stack names are rewritten, relative to the new file, when the file goes to another folder than its source or when
    they are not relative to its folder. Names of stacks that were not looked for stay as they are.
    """
    _write_star_rows(Path(path), table, None, extra or {}, None)


def write_selection(path: str | os.PathLike[str], table: ParticleTable, rows: ArrayLike, *,
                    columns: Mapping[str, Sequence[Any]] | None = None,
                    poses: tuple[ArrayLike, ArrayLike] | None = None) -> None:
    """Write chosen rows of a table in the format of the suffix of ``path``: .star, or .cs for particles from a .cs.

    What is not told to change stays as it was read, value for value and in order; stack names in a STAR as in
    :func:`write_particles`. A STAR of particles of another program has the layout of RELION 3.1.

    Args:
        rows: [m] from 0, in the order in which they are written; may repeat.
        columns: name to m values, added after the file's own columns (or put in the place of one of the same name). In
            a .cs they become fields of numbers gmmhet/name (a name with a slash is taken as it is; of gmmhetName the
            rest, in small letters).
        poses: angles [m, 3] (rot, tilt, psi, degrees) and origins [m, 2] (Angstrom) of the chosen rows instead of the
            file's.
    Raises:
        InputError: another suffix, no rows, a .cs of particles that came from none, or the file cannot be written.
    """
    final = Path(path)
    chosen = np.asarray(rows, np.int64)
    if len(chosen) == 0:
        raise InputError(f"{final}: no particles to write; expected at least one row")
    if chosen.min() < 0 or chosen.max() >= len(table):
        raise ValueError(f"rows from {chosen.min()} to {chosen.max()} of {len(table)} particles")
    given = columns or {}
    wrong = [name for name, values in given.items() if len(values) != len(chosen)]
    if wrong:
        raise ValueError(f"column {wrong[0]} has {len(given[wrong[0]])} values for {len(chosen)} particles")
    new = None if poses is None else (np.asarray(poses[0], float), np.asarray(poses[1], float))
    if new is not None and (new[0].shape != (len(chosen), 3) or new[1].shape != (len(chosen), 2)):
        raise ValueError(f"poses of shapes {new[0].shape} and {new[1].shape} for {len(chosen)} particles")
    if final.suffix == ".cs":
        _write_cs_rows(final, table, chosen, given, new)
    elif final.suffix == ".star":
        _write_star_rows(final, table, chosen, given, new)
    else:
        raise InputError(f"{final}: cannot be written; expected a name that ends in .star or .cs")


def _write_cs_rows(final: Path, table: ParticleTable, rows: NDArray[np.int64], extra: Mapping[str, Sequence[Any]],
                   poses: tuple[NDArray[np.float64], NDArray[np.float64]] | None) -> None:
    """Rows of the file itself, so that cryoSPARC knows its particles (uid) and everything it told of them."""
    if table.records is None:
        raise InputError(f"{final}: cannot be written from {table.source}; a .cs needs particles read from a .cs, by "
                         "whose uid cryoSPARC knows them; expected a name that ends in .star")
    records = table.records[rows]
    added: dict[str, NDArray[Any]] = {}
    if poses is not None:
        if "alignments3D/pose" not in (records.dtype.names or ()):
            raise InputError(f"{final}: {table.source} has no field alignments3D/pose for new poses; expected "
                             "particles of one 3D refinement")
        size = "alignments3D/psize_A" if "alignments3D/psize_A" in (records.dtype.names or ()) else "blob/psize_A"
        inverse = np.swapaxes(euler_to_matrix(poses[0]), 1, 2)
        added["alignments3D/pose"] = Rotation.from_matrix(inverse).as_rotvec().astype(np.float32)
        added["alignments3D/shift"] = (poses[1] / records[size][:, None].astype(float)).astype(np.float32)
    for name, values in extra.items():
        field = name if "/" in name else f"gmmhet/{(name.removeprefix('gmmhet') or name).lower()}"
        added[field] = np.array([float(v) for v in values], np.float32)
    write_records(final, with_fields(records, added))


def _write_star_rows(final: Path, table: ParticleTable, rows: NDArray[np.int64] | None,
                     extra: Mapping[str, Sequence[str]],
                     poses: tuple[NDArray[np.float64], NDArray[np.float64]] | None) -> None:
    source = table.tables[table.particle_block]
    chosen = np.arange(len(table)) if rows is None else rows
    columns: dict[str, Sequence[str]] = dict(source.columns)
    if rows is not None:
        columns = {name: chosen_texts(values, chosen) for name, values in columns.items()}
    names = _stack_names(final, table)
    if names is not None:
        columns["rlnImageName"] = image_texts(names, table.stack_index[chosen], table.slice_index[chosen])
    if poses is not None:
        columns |= _pose_columns(poses, table, chosen, columns)
    for name, values in extra.items():
        if len(values) != len(chosen):
            raise ValueError(f"column {name} has {len(values)} values for {len(chosen)} particles")
        columns[name] = values
    others = [t for k, t in table.tables.items() if k != table.particle_block]
    write_star(final, [*others, StarTable(source.name, columns)])


def _stack_names(final: Path, table: ParticleTable) -> list[str] | None:
    """What the stacks are called from where the new file is, or None where the names as they are hold."""
    folder = final.resolve().parent
    if not table.located:
        return None
    texts = table.tables[table.particle_block].texts("rlnImageName")
    if folder == table.source.resolve().parent and all((folder / n).is_file() for n in _distinct(texts)):
        return None
    return [os.path.relpath(p.resolve(), folder) for p in table.stacks]


def _distinct(texts: Sequence[str]) -> set[str]:
    return {text.rpartition("@")[2] for text in texts}


def _pose_columns(poses: tuple[NDArray[np.float64], NDArray[np.float64]], table: ParticleTable,
                  rows: NDArray[np.int64], present: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    """Origins in the unit that the file tells them in."""
    angles, origins = poses
    size = np.array([o.pixel_size for o in table.optics])[table.optics_index[rows]]
    out: dict[str, Sequence[str]] = {
        name: number_texts(angles[:, k], "%.6f") for k, name in enumerate(_ANGLES)}
    for k, name in enumerate(_ORIGINS):
        in_pixels = name.removesuffix("Angst")
        if name in present or in_pixels not in present:
            out[name] = number_texts(origins[:, k], "%.6f")
        if in_pixels in present:
            out[in_pixels] = number_texts(origins[:, k] / size, "%.6f")
    return out
