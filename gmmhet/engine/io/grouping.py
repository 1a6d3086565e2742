"""Optics groups of files that tell the optics particle by particle; numbers taken from texts and lists."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError

__all__ = ["checked_optics", "distinct_rows", "first_bad", "image_places", "vector"]


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
    """Refuse values that no microscope has.

    Args:
        rows: how each row is called in messages. columns: what is told: the file's name of the column, values.
            Keys: voltage, amplitude contrast, pixel size.
    Raises:
        InputError: names the row, the value and what was expected.
    """
    expected = {"voltage": (0.0, np.inf, "a positive number of kV"),
                "amplitude contrast": (-1.0 - 1e-6, 1.0 + 1e-6, "a fraction from -1 to 1"),
                "pixel size": (0.0, np.inf, "a positive number of Angstrom")}
    for kind, (values, name) in columns.items():
        least, most, words = expected[kind]
        bad = first_bad((values > least) & (values < most))
        if bad is not None:
            raise InputError(f"{source}: {rows[bad]}: {name} is {values[bad]:g}; expected {words}")


def image_places(texts: Sequence[str], source: Path, column: str,
                 ) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64]]:
    """Stack names, and for every row which of them and which image in it (from 0), of texts index@stack.

    Raises:
        InputError: names the first row that is something else.
    """
    names: dict[str, int] = {}
    stack_index, slice_index = np.empty((2, len(texts)), np.int64)
    for row, text in enumerate(texts):
        number, at, name = text.partition("@")
        if not at:
            number, name = "1", text
        if not (number.isascii() and number.isdigit() and len(number) < 16) or int(number) < 1 or not name:
            raise InputError(f"{source}: row {row + 1}: {column} is {text!r}; expected index@stack with index from 1")
        stack_index[row] = names.setdefault(name, len(names))
        slice_index[row] = int(number) - 1
    return list(names), stack_index.astype(np.int64), slice_index.astype(np.int64)
