"""STAR files with every value kept as its text. Large plain loops are cut by numpy; what is quoted, by gemmi."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gemmi
import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.io.free_text import plain_text, without_free_text
from gmmhet.engine.io.loops import read_plain
from gmmhet.engine.io.safe_writing import replacing
from gmmhet.engine.io.texts import TextColumn, encoded_texts

__all__ = ["StarTable", "read_star", "table_from", "write_star"]

_ROWS_AT_ONCE = 1 << 15
_BEYOND_ASCII, _ESCAPED = re.compile(r"[^\x00-\x7f]"), re.compile(r"~u(0[0-9a-f]{5}|10[0-9a-f]{4})~")
_SPECIAL = (b"'", b'"', b"#", b";", b"_")
_WORDS = (b"data_", b"loop_", b"stop_", b"save_", b"global_")


@dataclass
class StarTable:
    """One loop (or one set of pairs) of a STAR file.

    Attributes:
        name: block name without ``data_``.
        columns: column name (without underscore) to the texts of its rows.
        path: where it came from, for messages.
    """

    name: str
    columns: dict[str, Sequence[str]]
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
        values = _numbers(texts)
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            raise InputError(f"{self.path}: row {bad[0] + 1}: {column} is {texts[int(bad[0])]!r}; "
                             "expected a finite number")
        return values

    def numbers(self, column: str) -> NDArray[np.float64]:
        """A column as numbers, NaN where a text is none: of columns that are of no need."""
        return _numbers(self.texts(column))

    def integers(self, column: str) -> NDArray[np.int64]:
        """A column as whole numbers (also written as 1.0). Raises InputError as floats() does."""
        values = self.floats(column)
        bad = np.flatnonzero((values != np.round(values)) | (np.abs(values) > 2.0**53))
        if len(bad):
            raise InputError(f"{self.path}: row {bad[0] + 1}: {column} is {values[bad[0]]:g}; expected a whole number")
        return values.astype(np.int64)

    def texts(self, column: str) -> Sequence[str]:
        """A column as texts. Raises InputError when it is missing."""
        if column not in self.columns:
            raise InputError(f"{self.path}: no column {column} in table data_{self.name}")
        return self.columns[column]


def _numbers(texts: Sequence[str]) -> NDArray[np.float64]:
    """NaN where a text is no number."""
    try:
        if isinstance(texts, TextColumn):
            return texts.bytes.astype(np.float64)
        return np.array(texts, dtype=np.float64)
    except ValueError:
        return np.array([_number(t) for t in texts])


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def read_star(path: str | os.PathLike[str]) -> dict[str, StarTable]:
    """Tables of a STAR file by block name ('' for an unnamed block).

    Raises:
        InputError: missing file, no STAR, or no table in it.
    """
    source = Path(path)
    if not source.is_file():
        raise InputError(f"{source}: no such file; expected a STAR file")
    try:
        data = source.read_bytes()
    except OSError as error:
        raise InputError(f"{source}: cannot be read ({error.strerror}); expected a STAR file") from None
    try:
        data = plain_text(data)
    except ValueError as error:
        raise InputError(f"{source}: not a STAR file ({error}); expected text in UTF-8") from None
    try:
        tables = _tables(data, source)
    except InputError:
        cleaned = without_free_text(data, source)
        if cleaned == data:
            raise
        tables = _tables(cleaned, source)
    if not tables:
        raise InputError(f"{source}: holds no table; expected a particle STAR file")
    return {t.name: t for t in tables}


def _tables(data: bytes, source: Path) -> list[StarTable]:
    """Raises InputError: a line that is in no table and no comment, or a row of another length than the others."""
    plain = read_plain(data, source)
    if plain is not None:
        return [StarTable(name, dict(columns), source) for name, columns in plain]
    return [t for t in (_block_table(b, source) for b in _document(data, source)) if t is not None]


def _document(data: bytes, source: Path) -> gemmi.cif.Document:
    try:
        return gemmi.cif.read_string(_BEYOND_ASCII.sub(_escaped, data.decode("utf-8", "replace")))
    except (ValueError, RuntimeError) as error:
        raise InputError(f"{source}: not a readable STAR file ({str(error).splitlines()[0]})") from None


def _block_table(block: gemmi.cif.Block, path: Path) -> StarTable | None:
    """The first loop of a block, or its pairs."""
    name = block.name.strip()
    for item in block:
        if item.loop is not None:
            width = item.loop.width()
            values = item.loop.values
            tags = [tag.lstrip("_") for tag in item.loop.tags]
            return StarTable(name, {t: [_unquoted(v) for v in values[i::width]] for i, t in enumerate(tags)}, path)
    found: list[Any] = [item.pair for item in block if item.pair is not None]
    pairs: dict[str, Sequence[str]] = {tag.lstrip("_"): [_unquoted(value)] for tag, value in found}
    return StarTable(name, pairs, path) if pairs else None


def _unquoted(text: str) -> str:
    plain = gemmi.cif.as_string(text) if text[:1] in "'\";" else text
    return plain if "~u" not in plain else _ESCAPED.sub(lambda m: chr(int(m[1], 16)), plain)


def _escaped(letter: re.Match[str]) -> str:
    """In ASCII, since CIF, which the parser is made for, knows no other letters."""
    return f"~u{ord(letter[0]):06x}~"


def write_star(path: str | os.PathLike[str], tables: Iterable[StarTable]) -> None:
    """Write tables as RELION reads them; the file appears only when whole.

    A table of optics makes it a file of RELION 3.1, and only that: RELION converts particles of older layouts, which
    have none, where no version is written.
    """
    whole = list(tables)
    with replacing(path) as temporary, open(temporary, "wb") as out:
        out.write(b"\n# version 30001\n" if any(table.name == "optics" for table in whole) else b"\n")
        for table in whole:
            out.write(f"\ndata_{table.name}\n\nloop_ \n".encode())
            out.writelines(f"_{c} #{i} \n".encode() for i, c in enumerate(table.columns, 1))
            lengths = {len(values) for values in table.columns.values()}
            if len(lengths) > 1:
                raise ValueError(f"columns of data_{table.name} have {sorted(lengths)} values")
            for start in range(0, len(table), _ROWS_AT_ONCE):
                columns = [_encoded(values, start, start + _ROWS_AT_ONCE) for values in table.columns.values()]
                out.writelines(b" ".join(row) + b"\n" for row in zip(*columns, strict=True))
            out.write(b"\n")


def _encoded(values: Sequence[str], start: int, stop: int) -> list[bytes]:
    """Texts ready to be written; those that would be taken for something else are quoted."""
    part = encoded_texts(values, start, stop)
    found: list[bytes] = part.bytes.tolist() if isinstance(part, TextColumn) else part
    if isinstance(part, TextColumn) and part.plain:
        return found
    return [v if v[:1].isalnum() and v.isalnum() else _quoted(v) for v in found]


def _quoted(text: bytes) -> bytes:
    if text.split() == [text] and not text.startswith(_SPECIAL) and not text.lower().startswith(_WORDS):
        return text
    if b"\n" in text:
        raise ValueError(f"a text with a line end cannot stand in a STAR file: {text!r}")
    quote = b"'" if b'"' in text else b'"'
    return quote + text + quote


def table_from(name: str, columns: Mapping[str, Iterable[object]]) -> StarTable:
    """A table from columns of any values; floats are written with six decimals."""
    return StarTable(name, {k: [f"{v:.6f}" if isinstance(v, float | np.floating) else str(v) for v in vs]
                            for k, vs in columns.items()})
