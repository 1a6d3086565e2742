"""Files of named arrays (.npz) whose contents are declared: names, shapes, types, units, and when they are there."""

import os
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.io.arrays import write_arrays
from gmmhet.engine.wording.input_errors import not_finite

__all__ = ["ArrayField", "ArraySchema"]

_KINDS = {"float64": "f", "float32": "f", "int64": "iu", "bool": "b", "text": "U"}
Stored = NDArray[Any]  # of a dtype that the schema declares


class ArrayField(NamedTuple):
    """One array.

    Attributes:
        name: in the file. shape: one letter an axis, the same letter the same length in all arrays of the file; a digit
            is that length; "" is a single value.
        dtype: float64, float32 (kept in the precision it has), int64, bool or text. unit: "" for a pure number.
        meaning: in one line. when: the array is there; "" always. finite: whether NaN and infinity are refused.
    """

    name: str
    shape: str
    dtype: str
    unit: str
    meaning: str
    when: str = ""
    finite: bool = False


@dataclass(frozen=True)
class ArraySchema:
    """What a file holds.

    Attributes:
        source: what the file is, as in "expected <source>". fields: its arrays, in their order in the file.
    """

    source: str
    fields: tuple[ArrayField, ...]

    def field(self, name: str) -> ArrayField:
        """Raises KeyError where the schema has no such array."""
        return next((f for f in self.fields if f.name == name), None) or _unknown(name)

    def write(self, path: str | os.PathLike[str], arrays: Mapping[str, ArrayLike]) -> None:
        """Write a file, whole or not at all.

        Raises:
            KeyError: an array that is not declared.
            ValueError: one that is always there is missing, or one has another shape or type than declared.
            InputError: the folder cannot be written, or the disk is full.
        """
        given = {self.field(name).name: np.asarray(value) for name, value in arrays.items()}
        missing = [f.name for f in self.fields if not f.when and f.name not in given]
        if missing:
            raise ValueError(f"{path}: no {', '.join(missing)}; expected every array of {self.source}")
        for name, value in given.items():
            if value.dtype.kind not in _KINDS[self.field(name).dtype]:
                raise ValueError(f"{path}: {name} is {value.dtype}; expected {self.field(name).dtype}")
        problem = self._disagreement(given)
        if problem:
            raise ValueError(f"{path}: {problem}")
        write_arrays(path, **{f.name: given[f.name] for f in self.fields if f.name in given})

    def read(self, path: Path, names: Iterable[str], optional: Iterable[str] = ()) -> dict[str, Stored]:
        """Some arrays of a file.

        Args:
            optional: left out of the result where the file has none, or one without any number.
        Raises:
            InputError: no such file, not such a file, or arrays whose shapes disagree or that hold NaN.
        """
        if not path.is_file():
            raise InputError(f"{path}: no such file; expected {self.source}")
        found = self._stored(path, (*names,), (*optional,))
        problem = self._disagreement(found) or next(
            (not_finite(name) for name, value in found.items()
             if self.field(name).finite and not np.isfinite(value).all()), None)
        if problem:
            raise InputError(f"{path}: {problem}")
        return found

    def read_some(self, path: Path, names: Iterable[str]) -> dict[str, Stored]:
        """Those of the named arrays that are there; none where the file is missing. Raises InputError as read."""
        return self.read(path, (), names) if path.is_file() else {}

    def table(self) -> list[str]:
        """One line an array, as CONVENTIONS.rst lists them."""
        return [f"- ``{f.name}``{' [' * bool(f.shape)}{', '.join(f.shape)}{']' * bool(f.shape)}, {f.dtype}"
                f"{', ' * bool(f.unit)}{f.unit}: {f.meaning}{'; ' * bool(f.when)}{f.when}" for f in self.fields]

    def _stored(self, path: Path, names: tuple[str, ...], optional: tuple[str, ...]) -> dict[str, Stored]:
        try:
            with np.load(path, allow_pickle=False) as data:
                found = {name: self._typed(name, data[name]) for name in names}
                there = {name: self._typed(name, data[name]) for name in optional if name in data}
        except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise InputError(f"{path}: not {self.source} ({str(error).splitlines()[0]})") from None
        return found | {name: value for name, value in there.items() if value.size}

    def _typed(self, name: str, value: Stored) -> Stored:
        """float64 whatever the file has; other types as they are."""
        field = self.field(name)
        if value.dtype.kind not in _KINDS[field.dtype] + "iu" * (_KINDS[field.dtype] == "f"):
            raise ValueError(f"{name} is {value.dtype}; expected {field.dtype}")
        keep = field.dtype != "float64" and value.dtype.kind in _KINDS[field.dtype]
        return value if keep else np.asarray(value, np.float64)

    def _disagreement(self, arrays: Mapping[str, Stored]) -> str | None:
        """What is wrong with the shapes, in words."""
        sizes: dict[str, int] = {}
        for name, value in arrays.items():
            letters = self.field(name).shape
            expected = [int(c) if c.isdigit() else sizes.get(c, -1) for c in letters]
            shape = value.shape
            if len(shape) != len(letters) or any(e not in (-1, s) for e, s in zip(expected, shape, strict=True)):
                return f"{name} has shape {shape}; expected [{', '.join(letters)}] with {sizes}"
            sizes |= {c: s for c, s in zip(letters, shape, strict=True) if not c.isdigit()}
        return None


def _unknown(name: str) -> ArrayField:
    raise KeyError(f"no array {name} is declared")
