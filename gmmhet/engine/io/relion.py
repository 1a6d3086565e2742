"""RELION particle STAR files (3.1 and later: optics groups, origins in Angstrom)."""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.io.mrc import open_stack
from gmmhet.engine.io.particles import Optics, ParticleTable, check_images, resolve_stack
from gmmhet.engine.io.star import StarTable, read_star

__all__ = ["read_particles"]

_ANGLES = ("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi")
_CORRECTED = ("rlnCtfDataAreCtfPremultiplied", "rlnCtfDataArePhaseFlipped")


def read_particles(
    path: str | os.PathLike[str], *, root: str | os.PathLike[str] | None = None, images: bool = True,
) -> ParticleTable:
    """Read a RELION 3.1+ particle STAR.

    Args:
        root: project folder that stack names are relative to.
        images: check that the stacks are there, long enough and of the right box.
    Raises:
        InputError: one line naming the file, the row, the value and what was expected.
    """
    source = Path(path)
    tables = read_star(source)
    table, optics_table = _particle_tables(tables, source)
    if len(table) == 0:
        raise InputError(f"{source}: no particles in data_{table.name}; expected at least one row")
    missing = [c for c in _ANGLES if c not in table]
    if missing:
        raise InputError(f"{source}: no column {missing[0]}; expected refined orientations (rlnAngleRot/Tilt/Psi)")
    stacks, stack_index, slice_index = _stacks(table, source, root, images)
    first_box = int(open_stack(stacks[0]).shape[-1]) if images else 0
    optics, optics_index = _optics(optics_table, table, first_box)
    n = len(table)
    has_ctf = "rlnDefocusU" in table
    result = ParticleTable(
        source=source, ids=np.arange(1, n + 1), stacks=stacks, stack_index=stack_index, slice_index=slice_index,
        angles=np.stack([table.floats(c) for c in _ANGLES], axis=1),
        origins=_origins(table, np.array([o.pixel_size for o in optics])[optics_index]),
        defocus=_defocus(table) if has_ctf else np.zeros((n, 4)),
        optics=optics, optics_index=optics_index, half_set=_half_sets(table), micrograph=_micrographs(table),
        has_ctf=has_ctf, tables=tables, particle_block=table.name, located=images,
    )
    if images:
        _check_uniform(result)
        check_images(result)
    return result


def _origins(table: StarTable, pixel_size: NDArray[np.float64]) -> NDArray[np.float64]:
    """[n, 2] Angstrom; files of mixed origin may tell pixels."""
    columns = []
    for axis in "XY":
        angstrom, pixels = f"rlnOrigin{axis}Angst", f"rlnOrigin{axis}"
        if angstrom in table:
            columns.append(table.floats(angstrom))
        else:
            columns.append(table.floats(pixels) * pixel_size if pixels in table else np.zeros(len(table)))
    return np.stack(columns, axis=1)


def _particle_tables(tables: dict[str, StarTable], source: Path) -> tuple[StarTable, StarTable]:
    optics = tables.get("optics")
    found = [t for t in tables.values() if "rlnImageName" in t]
    if not found:
        raise InputError(f"{source}: no column rlnImageName in any table; expected a particle STAR file")
    if optics is None:
        raise InputError(f"{source}: no table data_optics; expected a STAR of RELION 3.1 or later")
    return found[0], optics


def _stacks(table: StarTable, source: Path, root: str | os.PathLike[str] | None, resolve: bool,
            ) -> tuple[tuple[Path, ...], NDArray[np.int64], NDArray[np.int64]]:
    names: dict[str, int] = {}
    stack_index, slice_index = np.empty(len(table), np.int64), np.empty(len(table), np.int64)
    for row, text in enumerate(table.texts("rlnImageName")):
        number, at, name = text.partition("@")
        if not at:
            number, name = "1", text
        if not number.isdigit() or int(number) < 1 or not name:
            raise InputError(f"{source}: row {row + 1}: rlnImageName is {text!r}; "
                             "expected index@stack with index from 1")
        stack_index[row] = names.setdefault(name, len(names))
        slice_index[row] = int(number) - 1
    paths = tuple(resolve_stack(n, source, root) if resolve else Path(root or "") / n for n in names)
    return paths, stack_index, slice_index


def _optics(optics: StarTable, table: StarTable, image_box: int) -> tuple[tuple[Optics, ...], NDArray[np.int64]]:
    n = len(optics)
    if n == 0:
        raise InputError(f"{optics.path}: data_optics is empty; expected one row per optics group")
    columns = [optics.floats(c) for c in
               ("rlnVoltage", "rlnSphericalAberration", "rlnAmplitudeContrast", "rlnImagePixelSize")]
    box = optics.integers("rlnImageSize") if "rlnImageSize" in optics else np.full(n, image_box)
    names = optics.columns.get("rlnOpticsGroupName", [f"opticsGroup{i + 1}" for i in range(n)])
    _check_optics(optics, columns)
    groups = tuple(Optics(names[i], float(columns[0][i]), float(columns[1][i]), float(columns[2][i]),
                          float(columns[3][i]), int(box[i])) for i in range(n))
    numbers = optics.integers("rlnOpticsGroup") if "rlnOpticsGroup" in optics else np.arange(1, n + 1)
    if "rlnOpticsGroup" not in table:
        if n > 1:
            raise InputError(f"{table.path}: no column rlnOpticsGroup, but data_optics has {n} groups")
        return groups, np.zeros(len(table), np.int64)
    wanted = table.integers("rlnOpticsGroup")
    position = {int(number): i for i, number in enumerate(numbers)}
    unknown = np.flatnonzero(~np.isin(wanted, numbers))
    if len(unknown):
        raise InputError(f"{table.path}: row {unknown[0] + 1}: rlnOpticsGroup is {wanted[unknown[0]]}; "
                         f"data_optics has {', '.join(str(x) for x in numbers)}")
    return groups, np.array([position[int(w)] for w in wanted], np.int64)


def _check_optics(optics: StarTable, columns: list[NDArray[np.float64]]) -> None:
    """Values that no microscope has, and data whose CTF is corrected already."""
    expected = (("rlnVoltage", columns[0] > 0, "a positive number of kV"),
                ("rlnAmplitudeContrast", np.abs(columns[2]) <= 1, "a fraction from -1 to 1"),
                ("rlnImagePixelSize", columns[3] > 0, "a positive number of Angstrom"))
    for (name, good, words) in expected:
        if not good.all():
            row = int(np.argmin(good))
            raise InputError(f"{optics.path}: data_optics row {row + 1}: {name} is {optics.texts(name)[row]}; "
                             f"expected {words}")
    for name in _CORRECTED:
        if name in optics and np.any(optics.floats(name) != 0):
            raise InputError(f"{optics.path}: data_optics says {name}; expected images whose CTF is not corrected")


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


def _micrographs(table: StarTable) -> NDArray[np.int64]:
    if "rlnMicrographName" not in table:
        return np.full(len(table), -1, np.int64)
    return np.unique(table.texts("rlnMicrographName"), return_inverse=True)[1].astype(np.int64)


def _check_uniform(table: ParticleTable) -> None:
    first = table.optics[table.optics_index[0]]
    for i in np.unique(table.optics_index):
        group = table.optics[i]
        if group.box != first.box or abs(group.pixel_size / first.pixel_size - 1) > 1e-4:
            raise InputError(
                f"{table.source}: optics group {group.name} has {group.box} px of {group.pixel_size} A, {first.name} "
                f"has {first.box} px of {first.pixel_size} A; expected one box and pixel size")
