"""Optics of RELION's STAR files: a table of groups, or (before 3.1) columns of the particles."""

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.conventions import electron_wavelength
from gmmhet.engine.errors import InputError
from gmmhet.engine.io.grouping import checked_optics, distinct_rows, first_bad, vector
from gmmhet.engine.io.particles import Optics
from gmmhet.engine.io.star import StarTable
from gmmhet.engine.io.texts import chosen_texts
from gmmhet.engine.optics.aberrations import Aberrations, Correction, even_from_zernike, odd_from_zernike

__all__ = ["optics_groups", "optics_of_rows", "optics_of_table"]

_LOG = logging.getLogger("gmmhet")
_MATRIX = ("rlnMagMat00", "rlnMagMat01", "rlnMagMat10", "rlnMagMat11")
_PIXEL_SIZES = ("rlnImagePixelSize", "rlnMicrographPixelSize", "rlnMicrographOriginalPixelSize")
_CORRECTIONS: dict[str, Correction] = {
    "rlnCtfDataAreCtfPremultiplied": "premultiplied", "rlnCtfDataArePhaseFlipped": "flipped"}
_PER_PARTICLE = ("rlnVoltage", "rlnSphericalAberration", "rlnAmplitudeContrast", "rlnMagnification",
                 "rlnDetectorPixelSize", "rlnImagePixelSize", "rlnBeamTiltX", "rlnBeamTiltY", *_CORRECTIONS)
# RELION's matrices differ from unity by some per cent at most; one that mirrors or collapses is a mistake.
_LEAST_DETERMINANT = 0.5


def optics_of_table(optics: StarTable, table: StarTable, image_box: int,
                    ) -> tuple[tuple[Optics, ...], NDArray[np.int64]]:
    """Groups of data_optics, and which of them each particle is in.

    Args:
        image_box: pixels of the images, for files that do not tell.
    Raises:
        InputError: a value is missing or impossible, or a particle is in a group that is not there.
    """
    n = len(optics)
    if n == 0:
        raise InputError(f"{optics.path}: data_optics is empty; expected one row per optics group")
    numbers = optics.integers("rlnOpticsGroup") if "rlnOpticsGroup" in optics else np.arange(1, n + 1)
    _refuse_contradictions(optics, numbers)
    if "rlnOpticsGroup" not in table:
        if n > 1:
            raise InputError(f"{table.path}: no column rlnOpticsGroup, but data_optics has {n} groups")
        return _rows_of_table(optics, np.arange(1), image_box), np.zeros(len(table), np.int64)
    wanted = table.integers("rlnOpticsGroup")
    unknown = np.flatnonzero(~np.isin(wanted, numbers))
    if len(unknown):
        raise InputError(f"{table.path}: row {unknown[0] + 1}: rlnOpticsGroup is {wanted[unknown[0]]}; "
                         f"data_optics has {', '.join(str(x) for x in numbers)}")
    there = set(np.unique(wanted).tolist())
    used = np.array([i for i in range(n) if numbers[i] in there and numbers[i] not in numbers[:i]])
    order = np.argsort(numbers[used], kind="stable")
    place = order[np.searchsorted(numbers[used][order], wanted)].astype(np.int64)
    return _rows_of_table(optics, used, image_box), place


def _refuse_contradictions(optics: StarTable, numbers: NDArray[np.int64]) -> None:
    """Refuse groups that are in the table twice with different values; their names do not matter."""
    columns = [c for c in optics.columns if c not in ("rlnOpticsGroup", "rlnOpticsGroupName")]
    for row, number in enumerate(numbers.tolist()):
        first = int(np.argmax(numbers == number))
        other = next((c for c in columns if not _alike(optics.columns[c][first], optics.columns[c][row])), None)
        if other is not None:
            raise InputError(f"{optics.path}: optics group {number} is in data_optics twice, with {other} "
                             f"{optics.columns[other][first]} and {optics.columns[other][row]}; expected each once")


def _alike(one: str, other: str) -> bool:
    try:
        return one == other or float(one) == float(other)
    except ValueError:
        return False


def optics_groups(optics: StarTable, image_box: int) -> tuple[Optics, ...]:
    """The rows of data_optics. Raises InputError as :func:`optics_of_table`."""
    if len(optics) == 0:
        raise InputError(f"{optics.path}: data_optics is empty; expected one row per optics group")
    return _rows_of_table(optics, np.arange(len(optics)), image_box)


def _rows_of_table(optics: StarTable, rows: NDArray[np.int64], image_box: int) -> tuple[Optics, ...]:
    """Groups of some rows (from 0): of those that no particle is in nothing is looked at."""
    sizes = [c for c in _PIXEL_SIZES if c in optics]
    some = StarTable(optics.name, {c: chosen_texts(v, rows) for c, v in optics.columns.items()}, optics.path)
    return _groups(some, sizes[0] if sizes else _PIXEL_SIZES[0], None, image_box,
                   [f"data_optics row {i + 1}" for i in rows.tolist()])


def optics_of_rows(table: StarTable, image_box: int) -> tuple[tuple[Optics, ...], NDArray[np.int64]]:
    """Groups of particles with the same microscope settings, of a file before RELION 3.1.

    Pixel size: rlnDetectorPixelSize (micrometre) over rlnMagnification.

    Raises:
        InputError: a value is missing or impossible.
    """
    told = [c for c in _PER_PARTICLE if c in table]
    if "rlnImagePixelSize" not in told and not {"rlnMagnification", "rlnDetectorPixelSize"} <= set(told):
        raise InputError(f"{table.path}: no table data_optics, nor columns rlnMagnification and rlnDetectorPixelSize; "
                         "expected one of them, since they tell the pixel size")
    rows, kind = distinct_rows([table.floats(c) for c in told])
    few = StarTable("optics", {c: chosen_texts(table.columns[c], rows) for c in told}, table.path)
    words = [f"row {r + 1}" for r in rows]
    size = None
    if "rlnImagePixelSize" not in told:
        with np.errstate(divide="ignore", invalid="ignore"):
            size = 1e4 * few.floats("rlnDetectorPixelSize") / few.floats("rlnMagnification")
    return _groups(few, "rlnImagePixelSize", size, image_box, words), kind


def _groups(optics: StarTable, size_name: str, size: NDArray[np.float64] | None, image_box: int,
            words: Sequence[str]) -> tuple[Optics, ...]:
    """One group for each row. Args: size: pixel sizes, where they are not the column of that name."""
    n, path = len(optics), optics.path
    contrast = optics.floats("rlnAmplitudeContrast") if "rlnAmplitudeContrast" in optics else np.zeros(n)
    if "rlnAmplitudeContrast" not in optics and "rlnVoltage" in optics:
        _LOG.warning("%s: no column rlnAmplitudeContrast: 0, as RELION takes it then", path)
    voltage, aberration = optics.floats("rlnVoltage"), optics.floats("rlnSphericalAberration")
    name = size_name if size is None else "rlnDetectorPixelSize over rlnMagnification"
    sizes = optics.floats(size_name) if size is None else size
    checked_optics(path, words, {"voltage": (voltage, "rlnVoltage"), "pixel size": (sizes, name),
                                 "spherical aberration": (aberration, "rlnSphericalAberration"),
                                 "amplitude contrast": (contrast, "rlnAmplitudeContrast")})
    box = optics.integers("rlnImageSize") if "rlnImageSize" in optics else np.full(n, image_box)
    if "rlnImageSize" in optics and (bad := first_bad(box > 1)) is not None:
        raise InputError(f"{path}: {words[bad]}: rlnImageSize is {box[bad]}; expected a number of pixels")
    names = optics.columns.get("rlnOpticsGroupName", [f"opticsGroup{i + 1}" for i in range(n)])
    return tuple(Optics(names[i], float(voltage[i]), float(aberration[i]), float(contrast[i]), float(sizes[i]),
                        int(box[i]), _aberrations(optics, i, float(voltage[i]), float(aberration[i]), words[i]))
                 for i in range(n))


def _aberrations(optics: StarTable, row: int, voltage: float, spherical: float, word: str) -> Aberrations:
    where = f"{optics.path}: {word}"
    lists = {c: vector(optics.columns[c][row], f"{where}: {c}") if c in optics else [] for c in
             ("rlnOddZernike", "rlnEvenZernike")}
    tilt = [float(optics.floats(c)[row]) if c in optics else 0.0 for c in ("rlnBeamTiltX", "rlnBeamTiltY")]
    has_tilt = "rlnBeamTiltX" in optics or "rlnBeamTiltY" in optics
    try:
        odd = odd_from_zernike(lists["rlnOddZernike"], (tilt[0], tilt[1]) if has_tilt else None, spherical,
                               electron_wavelength(voltage))
        even = even_from_zernike(lists["rlnEvenZernike"])
    except ValueError as error:
        raise InputError(f"{where}: {error}, as RELION fits up to the fourth order") from None
    matrix = tuple(float(optics.floats(c)[row]) if c in optics else d
                   for c, d in zip(_MATRIX, Aberrations.magnification, strict=True))
    if not matrix[0] * matrix[3] - matrix[1] * matrix[2] > _LEAST_DETERMINANT:
        raise InputError(f"{where}: rlnMagMat is {matrix}; expected a matrix close to unity")
    done = [kind for c, kind in _CORRECTIONS.items() if c in optics and _told(optics, c)[row]]
    if len(done) > 1:
        raise InputError(f"{where}: {' and '.join(_CORRECTIONS)} are both set; expected one of them")
    return Aberrations(odd, even, matrix, done[0] if done else "none")


def _told(optics: StarTable, column: str) -> NDArray[np.bool_]:
    return np.asarray(optics.floats(column) != 0)
