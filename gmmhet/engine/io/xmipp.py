"""Particles of Xmipp (.xmd): a STAR-like loop with Xmipp's own labels."""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.io.grouping import checked_defocus, checked_optics, distinct_rows, image_places
from gmmhet.engine.io.layout import FoundParticles, converted_particles
from gmmhet.engine.io.mrc import header_pixel_size
from gmmhet.engine.io.particles import Optics, ParticleTable, micrograph_indices
from gmmhet.engine.io.stacks import file_beside, located_stacks, open_stack
from gmmhet.engine.io.star import StarTable, read_star
from gmmhet.engine.optics.aberrations import Aberrations

__all__ = ["is_xmd", "read_xmipp"]

_ANGLES = ("angleRot", "angleTilt", "anglePsi")
_SIZES = ("samplingRate", "ctfSamplingRate")
_PLACE = ("xcoor", "ycoor")
_ACQUISITION = "acquisition_info.xmd"


def is_xmd(first: bytes) -> bool:
    """Whether a file that begins so is metadata of Xmipp."""
    return first.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"# XMIPP_STAR")


def read_xmipp(path: str | os.PathLike[str], *, root: str | os.PathLike[str] | None = None, images: bool = True,
               ) -> ParticleTable:
    """Read a particle .xmd.

    angleRot, angleTilt, anglePsi are RELION's; shiftX and shiftY its origins in pixels. Pixel size: samplingRate or
    ctfSamplingRate, here or in acquisition_info.xmd beside it, or else that of the stack. Rows with enabled -1 are left
    out.

    Args:
        root: project folder that stack names are relative to.
        images: check that the stacks are there, long enough and of the right box.
    Raises:
        InputError: one line naming the file, the row, the value and what was expected; images that are mirrored (flip).
    """
    source = Path(path)
    table = _particle_table(source)
    _refuse_mirrored(table)
    ids = np.arange(1, len(table) + 1)
    if "enabled" in table:
        ids = ids[table.integers("enabled") >= 0]
        if len(ids) == 0:
            raise InputError(f"{source}: every row has enabled -1; expected particles")
    rows = ids - 1
    names, stack_index, slice_index, bare = image_places([_plain(t) for t in table.texts("image")], source, "image")
    stacks = located_stacks(names, source, root, images)
    size = _pixel_size(table, source, stacks[stack_index[rows[0]]] if images else None)
    has_ctf = "ctfDefocusU" in table
    defocus = _defocus(table)[rows] if has_ctf else None
    if defocus is not None:
        checked_defocus(source, defocus, "ctfDefocusU")
    if "ctfModel" in table and not has_ctf:
        raise InputError(f"{source}: the CTF is in files named by ctfModel; expected it in columns ctfDefocusU ...")
    optics = _optics(table, rows, size, int(open_stack(stacks[0]).shape[-1]) if images else 0)
    micrograph = next((table.columns[c] for c in ("micrograph", "micrographId") if c in table), None)
    angles, origins = _poses(table, rows, size)
    return converted_particles(FoundParticles(
        source=source, names=names, stacks=stacks, stack_index=stack_index[rows], slice_index=slice_index[rows],
        angles=angles, origins=origins, defocus=defocus, optics=optics[0], optics_index=optics[1],
        half_set=_half_sets(table)[rows], micrograph=micrograph_indices(micrograph, len(table))[rows], located=images,
        ids=ids, bare=bare, coordinates=_coordinates(table, rows), columns=_item_ids(table, rows)))


def _coordinates(table: StarTable, rows: NDArray[np.int64]) -> NDArray[np.float64] | None:
    """[n, 2] pixels of the micrograph, NaN where the file has none."""
    if not all(c in table for c in _PLACE):
        return None
    return np.stack([table.numbers(c) for c in _PLACE], axis=1)[rows]


def _item_ids(table: StarTable, rows: NDArray[np.int64]) -> dict[str, NDArray[np.int64]] | None:
    """Numbers by which Xmipp knows its particles, where every row has one."""
    values = table.numbers("itemId")[rows] if "itemId" in table else np.array([np.nan])
    whole = np.isfinite(values).all() and (values == np.round(values)).all()
    return {"gmmhetXmippItemId": values.astype(np.int64)} if whole else None


def _poses(table: StarTable, rows: NDArray[np.int64], size: NDArray[np.float64],
           ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    angles = np.stack([table.floats(c) for c in _ANGLES], axis=1)
    shifts = np.stack([table.floats(c) if c in table else np.zeros(len(table)) for c in ("shiftX", "shiftY")], axis=1)
    return angles[rows], (shifts * size[:, None])[rows]


def _particle_table(source: Path) -> StarTable:
    found = [t for t in read_star(source).values() if "image" in t]
    if not found:
        raise InputError(f"{source}: no column image; expected particle metadata of Xmipp")
    table = found[0]
    if len(table) == 0:
        raise InputError(f"{source}: no particles in data_{table.name}; expected at least one row")
    missing = [c for c in _ANGLES if c not in table]
    if missing:
        raise InputError(f"{source}: no column {missing[0]}; expected refined orientations (angleRot/Tilt/Psi)")
    return table


def _plain(text: str) -> str:
    """Xmipp appends the kind of a file to names that do not tell it (images.mrc:mrcs)."""
    return text.rpartition(":mrc")[0] if text.endswith((":mrc", ":mrcs")) else text


def _refuse_mirrored(table: StarTable) -> None:
    if "flip" in table:
        bad = np.flatnonzero(table.floats("flip") != 0)
        if len(bad):
            raise InputError(f"{table.path}: row {bad[0] + 1}: flip is 1, a mirrored image; expected images as they "
                             "were recorded, since a mirrored one is not a projection at its orientation")


def _pixel_size(table: StarTable, source: Path, stack: Path | None) -> NDArray[np.float64]:
    """[n] Angstrom."""
    for name in _SIZES:
        if name in table:
            return table.floats(name)
    beside = file_beside(source, _ACQUISITION)
    if beside.is_file():
        for other in read_star(beside).values():
            if _SIZES[0] in other and len(other):
                return np.full(len(table), other.floats(_SIZES[0])[0])
    size = header_pixel_size(stack) if stack is not None else None
    if size is None:
        raise InputError(f"{source}: no column {_SIZES[0]} or {_SIZES[1]}, and no {_ACQUISITION} beside it; expected "
                         "one of them, since they tell the pixel size")
    return np.full(len(table), size)


def _optics(table: StarTable, rows: NDArray[np.int64], size: NDArray[np.float64], box: int,
            ) -> tuple[tuple[Optics, ...], NDArray[np.int64]]:
    zero = np.zeros(len(table))
    has_ctf = "ctfDefocusU" in table
    names = ("ctfVoltage", "ctfSphericalAberration", "ctfQ0")
    voltage, spherical, contrast = (table.floats(c) if has_ctf else zero for c in names)
    if not has_ctf:
        voltage = voltage + 300.0  # of no effect without a defocus
    contrast = np.abs(contrast)  # Xmipp writes it with either sign
    flipped = table.floats("ctfPhaseFlipped") != 0 if "ctfPhaseFlipped" in table else zero > 0
    first, kind = distinct_rows([c[rows] for c in (voltage, spherical, contrast, size, flipped)])
    chosen = rows[first]
    checked_optics(table.path, [f"row {r + 1}" for r in chosen], {
        "voltage": (voltage[chosen], "ctfVoltage"), "pixel size": (size[chosen], "samplingRate"),
        "spherical aberration": (spherical[chosen], "ctfSphericalAberration"),
        "amplitude contrast": (contrast[chosen], "ctfQ0")})
    return tuple(Optics(f"opticsGroup{i + 1}", float(voltage[r]), float(spherical[r]), float(contrast[r]),
                        float(size[r]), box, Aberrations(correction="flipped" if flipped[r] else "none"))
                 for i, r in enumerate(chosen)), kind


def _defocus(table: StarTable) -> NDArray[np.float64]:
    u = table.floats("ctfDefocusU")
    v = table.floats("ctfDefocusV") if "ctfDefocusV" in table else u
    zero = np.zeros(len(table))
    angle, phase = (table.floats(c) if c in table else zero for c in ("ctfDefocusAngle", "ctfPhaseShift"))
    return np.stack([u, v, angle, phase], axis=1)


def _half_sets(table: StarTable) -> NDArray[np.int64]:
    if "subset" not in table:
        return np.zeros(len(table), np.int64)
    values = table.integers("subset")
    return values if np.isin(values, (1, 2)).all() else np.zeros(len(table), np.int64)
