"""Optics groups of files that tell the optics particle by particle; numbers taken from texts and lists."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.io.settings import UNITS
from gmmhet.engine.wording.input_errors import OTHER_UNIT

__all__ = ["checked_defocus", "checked_optics", "distinct_rows", "first_bad", "image_places", "vector"]


def distinct_rows(columns: Sequence[NDArray[Any]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows that differ in any column.

    Args:
        columns: each [n].
    Returns:
        a row of each kind, in order of first appearance, and the kind [n] of every row.
    """
    kind = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        values, inverse = np.unique(column, return_inverse=True)
        _, kind = np.unique(kind * len(values) + inverse.reshape(-1), return_inverse=True)
    _, first = np.unique(kind, return_index=True)
    order = np.argsort(first)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return first[order], rank[kind.reshape(-1)]


def first_bad(good: NDArray[np.bool_]) -> int | None:
    """Index of the first False, if there is one."""
    return None if good.all() else int(np.argmin(good))


def vector(text: str, where: str) -> list[float]:
    """Numbers of a list as RELION writes it, [1.5,2,...].

    Raises:
        InputError: not such a list; ``where`` begins the message.
    """
    inner = text.strip().removeprefix("[").removesuffix("]").strip()
    try:
        values = [float(part) for part in inner.split(",")] if inner else []
    except ValueError:
        values = [float("nan")]
    if not np.isfinite(values).all():
        raise InputError(f"{where} is {text!r}; expected numbers in brackets, separated by commas")
    return values


def checked_optics(source: Path, rows: Sequence[str], columns: dict[str, tuple[NDArray[np.float64], str]]) -> None:
    """Refuse values that no microscope has, or that are in another unit.

    Args:
        rows: how each row is called in messages. columns: what is told: the file's name of the column, values.
            Keys: voltage, spherical aberration, amplitude contrast, pixel size.
    Raises:
        InputError: names the row, the value and what was expected.
    """
    expected = {"voltage": (UNITS.voltage, "kV"),
                "spherical aberration": ((-UNITS.spherical_aberration, UNITS.spherical_aberration), "mm"),
                "amplitude contrast": ((-1.0 - 1e-6, 1.0 + 1e-6), ""),
                "pixel size": (UNITS.pixel_size, "Angstrom")}
    for kind, (values, name) in columns.items():
        (least, most), unit = expected[kind]
        bad = first_bad((values > least) & (values < most))
        if bad is None:
            continue
        words = "a fraction from -1 to 1"
        if unit:
            words = f"{unit}, from {least:g} to {most:g}"
            if kind == "spherical aberration" or values[bad] > 0:
                words += OTHER_UNIT
        raise InputError(f"{source}: {rows[bad]}: {name} is {values[bad]:g}; expected {words}")


def checked_defocus(source: Path, defocus: NDArray[np.float64], name: str) -> None:
    """Refuse a defocus that is not in Angstrom.

    Args:
        defocus: [n, 4] as of ParticleTable. name: of the column, for the message.
    Raises:
        InputError: names the median and what was expected.
    """
    size = np.abs(defocus[:, :2]).mean(axis=1)
    middle = float(np.median(size))
    least, most = UNITS.defocus
    if size.any() and not least <= middle <= most:
        raise InputError(f"{source}: {name} has a median of {middle:g} (row 1: {defocus[0, 0]:g}); expected Angstrom, "
                         f"from {least:g} to {most:g}: the values seem to be in another unit")


def image_places(texts: Sequence[str], source: Path, column: str,
                 ) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Stack names, and for every row which of them and which image in it (from 0), of texts index@stack.

    Returns:
        names; stack [n]; image [n]; whether a stack is named without a number [names], which means its only image.

    Raises:
        InputError: names the first row that is something else.
    """
    names: dict[str, int] = {}
    bare: set[int] = set()
    stack_index, slice_index = np.empty((2, len(texts)), np.int64)
    for row, text in enumerate(texts):
        number, at, name = text.partition("@")
        if not at:
            number, name = "1", text
        if not (number.isascii() and number.isdigit() and len(number) < 16) or int(number) < 1 or not name:
            raise InputError(f"{source}: row {row + 1}: {column} is {text!r}; expected index@stack with index from 1")
        stack_index[row] = names.setdefault(name, len(names))
        slice_index[row] = int(number) - 1
        if not at:
            bare.add(int(stack_index[row]))
    alone = np.zeros(len(names), bool)
    alone[list(bare)] = True
    return list(names), stack_index.astype(np.int64), slice_index.astype(np.int64), alone
