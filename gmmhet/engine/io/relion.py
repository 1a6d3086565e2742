"""Particle STAR files of RELION: 3.1 and later (optics groups, origins in Angstrom), and before (one table)."""

import logging
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.io.grouping import checked_defocus, image_places
from gmmhet.engine.io.particles import IMAGE_SIGN, ParticleTable, check_images, micrograph_indices
from gmmhet.engine.io.relion_optics import optics_of_rows, optics_of_table
from gmmhet.engine.io.single_images import refuse_tomography
from gmmhet.engine.io.stacks import located_stacks, open_stack
from gmmhet.engine.io.star import StarTable, read_star

__all__ = ["read_relion"]

_LOG = logging.getLogger("gmmhet")
_ANGLES = ("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi")
_COORDINATES = ("rlnCoordinateX", "rlnCoordinateY")


def read_relion(path: str | os.PathLike[str], *, root: str | os.PathLike[str] | None = None, images: bool = True,
                ) -> ParticleTable:
    """Read a particle STAR of any version of RELION.

    Args:
        root: project folder that stack names are relative to.
        images: check that the stacks are there, long enough and of the right box.
    Raises:
        InputError: one line naming the file, the row, the value and what was expected.
    """
    source = Path(path)
    tables = read_star(source)
    table = _particle_table(tables, source)
    _require_refined(tables, table, source)
    names, stack_index, slice_index, bare = image_places(table.texts("rlnImageName"), source, "rlnImageName")
    stacks = located_stacks(names, source, root, images)
    box = int(open_stack(stacks[0]).shape[-1]) if images else 0
    found = tables.get("optics")
    optics, optics_index = optics_of_rows(table, box) if found is None else optics_of_table(found, table, box)
    _warn_of_unused(table)
    n = len(table)
    has_ctf = "rlnDefocusU" in table
    defocus = _defocus(table) if has_ctf else np.zeros((n, 4))
    checked_defocus(source, defocus, "rlnDefocusU")
    result = ParticleTable(
        source=source, ids=np.arange(1, n + 1), stacks=stacks, stack_index=stack_index, slice_index=slice_index,
        angles=np.stack([table.floats(c) for c in _ANGLES], axis=1),
        origins=_origins(table, np.array([o.pixel_size for o in optics])[optics_index]),
        defocus=defocus,
        optics=optics, optics_index=optics_index, half_set=_half_sets(table),
        micrograph=micrograph_indices(table.columns.get("rlnMicrographName"), n),
        has_ctf=has_ctf, tables=tables, particle_block=table.name, located=images,
        coordinates=_coordinates(table), signs=_signs(table),
    )
    if images:
        check_images(result, bare)
    return result


def _require_refined(tables: dict[str, StarTable], table: StarTable, source: Path) -> None:
    refuse_tomography(tables, table)
    if len(table) == 0:
        raise InputError(f"{source}: no particles in data_{table.name}; expected at least one row")
    missing = [c for c in _ANGLES if c not in table]
    if missing:
        raise InputError(f"{source}: no column {missing[0]}; expected refined orientations (rlnAngleRot/Tilt/Psi)")


def _warn_of_unused(table: StarTable) -> None:
    if "rlnCtfBfactor" not in table:
        return
    values = table.numbers("rlnCtfBfactor")
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        _LOG.warning("%s: rlnCtfBfactor, which is not used, is no number in %d row(s), the first of them row %d (%s)",
                     table.path, len(bad), bad[0] + 1, table.texts("rlnCtfBfactor")[int(bad[0])])
    if (most := np.abs(values[np.isfinite(values)]).max(initial=0)) > 0:
        _LOG.warning("%s: rlnCtfBfactor, up to %g Å², is not used", table.path, most)


def _particle_table(tables: dict[str, StarTable], source: Path) -> StarTable:
    found = [t for t in tables.values() if "rlnImageName" in t]
    if not found:
        raise InputError(f"{source}: no column rlnImageName in any table; expected a particle STAR file")
    return next((t for t in found if t.name == "particles"), found[0])


def _coordinates(table: StarTable) -> NDArray[np.float64] | None:
    """[n, 2] pixels of the micrograph, NaN where the file has none."""
    if not all(c in table for c in _COORDINATES):
        return None
    return np.stack([table.numbers(c) for c in _COORDINATES], axis=1)


def _signs(table: StarTable) -> NDArray[np.int64] | None:
    if IMAGE_SIGN not in table:
        return None
    values = table.integers(IMAGE_SIGN)
    bad = np.flatnonzero(np.abs(values) != 1)
    if len(bad):
        raise InputError(f"{table.path}: row {bad[0] + 1}: {IMAGE_SIGN} is {values[bad[0]]}; expected 1 or -1")
    return values


def _origins(table: StarTable, pixel_size: NDArray[np.float64]) -> NDArray[np.float64]:
    """[n, 2] Angstrom; files before 3.1, and files of mixed origin, tell pixels."""
    columns = []
    for axis in "XY":
        angstrom, pixels = f"rlnOrigin{axis}Angst", f"rlnOrigin{axis}"
        if angstrom in table:
            columns.append(table.floats(angstrom))
        else:
            columns.append(table.floats(pixels) * pixel_size if pixels in table else np.zeros(len(table)))
    return np.stack(columns, axis=1)


def _defocus(table: StarTable) -> NDArray[np.float64]:
    u = table.floats("rlnDefocusU")
    v = table.floats("rlnDefocusV") if "rlnDefocusV" in table else u
    zero = np.zeros(len(table))
    angle = table.floats("rlnDefocusAngle") if "rlnDefocusAngle" in table else zero
    phase = table.floats("rlnPhaseShift") if "rlnPhaseShift" in table else zero
    return np.stack([u, v, angle, phase], axis=1)


def _half_sets(table: StarTable) -> NDArray[np.int64]:
    if "rlnRandomSubset" not in table:
        return np.zeros(len(table), np.int64)
    values = table.integers("rlnRandomSubset")
    bad = np.flatnonzero((values != 1) & (values != 2))
    if len(bad):
        raise InputError(f"{table.path}: row {bad[0] + 1}: rlnRandomSubset is {values[bad[0]]}; expected 1 or 2")
    return values
