"""Values of JSON files, checked where they are read, so that a message can name the file and the place in it."""

import json
import math
from pathlib import Path
from typing import Any

from gmmhet.engine.errors import InputError

__all__ = ["number_in", "numbers_in", "read_json", "records_in"]


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises InputError where the file is unreadable or holds something else."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not readable as JSON ({str(error).splitlines()[0]})") from None
    if not isinstance(found, dict):
        raise InputError(f"{path}: holds a {type(found).__name__}; expected a JSON object")
    return found


def number_in(record: dict[str, Any], key: str, path: Path, where: str = "") -> float | None:
    """A finite number, or None where the file has none (absent, null, NaN). Raises InputError for anything else."""
    value = record.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{path}: {where}{key} is {value!r}; expected a number")
    return float(value) if math.isfinite(value) else None


def numbers_in(record: dict[str, Any], key: str, path: Path) -> tuple[float, ...]:
    """A list of finite numbers; empty where the file has none. Raises InputError for anything else."""
    values = record.get(key)
    if values is None:
        return ()
    if not isinstance(values, list):
        raise InputError(f"{path}: {key} is {values!r}; expected a list of numbers")
    found = [number_in({key: v}, key, path) for v in values]
    return tuple(v for v in found if v is not None)


def records_in(record: dict[str, Any], key: str, path: Path) -> list[dict[str, Any]]:
    """A list of objects; empty where the file has none. Raises InputError for anything else."""
    value = record.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(v, dict) for v in value):
        raise InputError(f"{path}: {key} is no list of objects; expected one object an entry")
    return value
