"""STAR files with every value kept as its text, read and written through gemmi."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gemmi
import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.io.atomic import replacing

__all__ = ["StarTable", "read_star", "table_from", "write_star"]


@dataclass
class StarTable:
    """One loop (or one set of pairs) of a STAR file.

    Attributes:
        name: block name without ``data_``.
        columns: column name (without underscore) to the texts of its rows.
        path: where it came from, for messages.
    """

    name: str
    columns: dict[str, list[str]]
    path: Path = field(default_factory=Path)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))

    def __contains__(self, column: object) -> bool:
        return column in self.columns

    def floats(self, column: str) -> NDArray[np.float64]:
        """A column as numbers.

        Raises:
            InputError: the column is missing, or names the first row and value that is no finite number.
        """
        texts = self.texts(column)
        try:
            values = np.array(texts, dtype=np.float64)
        except ValueError:
            values = np.array([_number(t) for t in texts])
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            raise InputError(f"{self.path}: row {bad[0] + 1}: {column} is {texts[bad[0]]!r}; expected a finite number")
        return values

    def integers(self, column: str) -> NDArray[np.int64]:
        """A column as whole numbers (also written as 1.0). Raises InputError as floats() does."""
        values = self.floats(column)
        bad = np.flatnonzero(values != np.round(values))
        if len(bad):
            raise InputError(f"{self.path}: row {bad[0] + 1}: {column} is {values[bad[0]]}; expected a whole number")
        return values.astype(np.int64)

    def texts(self, column: str) -> list[str]:
        """A column as texts. Raises InputError when it is missing."""
        if column not in self.columns:
            raise InputError(f"{self.path}: no column {column} in table data_{self.name}")
        return self.columns[column]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _block_table(block: gemmi.cif.Block, path: Path) -> StarTable | None:
    name = block.name.strip()
    for item in block:
        if item.loop is not None:
            width = item.loop.width()
            values = item.loop.values
            columns = {tag.lstrip("_"): values[i::width] for i, tag in enumerate(item.loop.tags)}
            return StarTable(name, {k: [_unquoted(v) for v in vs] for k, vs in columns.items()}, path)
    found: list[Any] = [item.pair for item in block if item.pair is not None]
    pairs = {tag.lstrip("_"): [_unquoted(value)] for tag, value in found}
    return StarTable(name, pairs, path) if pairs else None


def _unquoted(text: str) -> str:
    return gemmi.cif.as_string(text) if text[:1] in "'\";" else text


def read_star(path: str | os.PathLike[str]) -> dict[str, StarTable]:
    """Tables of a STAR file by block name ('' for an unnamed block).

    Raises:
        InputError: missing file, no STAR, or no table in it.
    """
    source = Path(path)
    if not source.is_file():
        raise InputError(f"{source}: no such file; expected a STAR file")
    try:
        document = gemmi.cif.read_file(str(source))
    except (ValueError, RuntimeError, OSError, UnicodeDecodeError) as error:
        raise InputError(f"{source}: not a readable STAR file ({str(error).splitlines()[0]})") from None
    tables = [t for t in (_block_table(block, source) for block in document) if t is not None]
    if not tables:
        raise InputError(f"{source}: holds no table; expected a particle STAR file")
    return {t.name: t for t in tables}


def write_star(path: str | os.PathLike[str], tables: Iterable[StarTable]) -> None:
    """Write tables as RELION reads them; the file appears only when whole."""
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8") as out:
        out.write("\n# version 30001\n")
        for table in tables:
            out.write(f"\ndata_{table.name}\n\nloop_ \n")
            out.writelines(f"_{c} #{i} \n" for i, c in enumerate(table.columns, 1))
            rows = zip(*table.columns.values(), strict=True)
            out.writelines(" ".join(_quoted(str(v)) for v in row) + "\n" for row in rows)
            out.write("\n")


def _quoted(text: str) -> str:
    if text and not any(c.isspace() for c in text) and text[0] not in "'\"#;":
        return text
    return f'"{text}"'


def table_from(name: str, columns: Mapping[str, Iterable[object]]) -> StarTable:
    """A table from columns of any values; floats are written with six decimals."""
    return StarTable(name, {k: [f"{v:.6f}" if isinstance(v, float | np.floating) else str(v) for v in vs]
                            for k, vs in columns.items()})
