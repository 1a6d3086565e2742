"""Values of JSON files and tables, checked where they are read, so that a message can name file and place."""

import csv
import json
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError

__all__ = ["Json", "column_in", "number_in", "numbers_in", "read_json", "records_in", "rows_in"]

#: an object of a JSON file
Json = dict[str, object]


def read_json(path: Path) -> Json:
    """A JSON object. Raises InputError where the file is unreadable or holds something else."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not readable as JSON ({str(error).splitlines()[0]})") from None
    if not isinstance(found, dict):
        raise InputError(f"{path}: holds a {type(found).__name__}; expected a JSON object")
    return found


def number_in(record: Json, key: str, path: Path, where: str = "") -> float | None:
    """A finite number, or None where the file has none (absent, null, NaN). Raises InputError for anything else."""
    value = record.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{path}: {where}{key} is {value!r}; expected a number")
    return float(value) if math.isfinite(value) else None


def numbers_in(record: Json, key: str, path: Path) -> tuple[float, ...]:
    """A list of finite numbers; empty where the file has none. Raises InputError for anything else."""
    values = record.get(key)
    if values is None:
        return ()
    if not isinstance(values, list):
        raise InputError(f"{path}: {key} is {values!r}; expected a list of numbers")
    found = [number_in({key: v}, key, path) for v in values]
    return tuple(v for v in found if v is not None)


def records_in(record: Json, key: str, path: Path) -> list[Json]:
    """A list of objects; empty where the file has none. Raises InputError for anything else."""
    value = record.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(v, dict) for v in value):
        raise InputError(f"{path}: {key} is no list of objects; expected one object an entry")
    return value


def rows_in(path: Path, columns: tuple[str, ...]) -> dict[str, list[str]]:
    """Columns of a table (.csv) as texts. Raises InputError where one is missing."""
    with open(path, newline="", encoding="utf-8") as handle:
        reader = csv.DictReader(handle)
        missing = [c for c in columns if c not in (reader.fieldnames or [])]
        if missing:
            raise InputError(f"{path}: no column {missing[0]}; expected {','.join(columns)}")
        rows = list(reader)
    return {c: [row[c] or "" for row in rows] for c in columns}


def column_in(path: Path, name: str, texts: list[str]) -> NDArray[np.float64]:
    """Numbers of a column; an empty cell is NaN. Raises InputError for anything else."""
    try:
        return np.array([float(t) if t.strip() else math.nan for t in texts])
    except ValueError:
        row, text = next((i, t) for i, t in enumerate(texts, 1) if not _is_number(t))
        raise InputError(f"{path}: row {row}: {name} is {text!r}; expected a number") from None


def _is_number(text: str) -> bool:
    try:
        float(text or "nan")
    except ValueError:
        return False
    return True
