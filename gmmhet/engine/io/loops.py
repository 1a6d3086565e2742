"""Plain STAR files, one row a line and nothing quoted, cut into columns by numpy: a million rows in seconds.

Anything else (quotes, comments between rows, text over several lines) is left to a full parser.
"""

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.io.texts import TextColumn

__all__ = ["Columns", "read_plain"]

Columns = dict[str, TextColumn]

_CHUNK = 1 << 23  # bytes cut at a time
_WIDEST = 8  # a column may take so many times the bytes of the file before it is left to the full parser
_ENDS_ROWS = re.compile(rb"^[ \t]*(?=data_|loop_|save_|stop_|global_|[_#;'\"])", re.IGNORECASE | re.MULTILINE)
_NEW_BLOCK = re.compile(rb"data_(\S*)\Z", re.IGNORECASE)
_TAG = re.compile(rb"(_\S+)\s*(?:#.*)?\Z")
_PAIR = re.compile(rb"(_\S+)\s+([^\s'\"#;_]\S*)\Z")


class _NotPlainError(Exception):
    """The file needs a full parser."""


def read_plain(data: bytes, path: Path) -> list[tuple[str, Columns]] | None:
    """Blocks of a STAR file: name, and columns (without underscore) of its first loop or of its pairs.

    Returns:
        None where the file is not plain.
    Raises:
        InputError: a row of a loop has more or fewer values than there are columns.
    """
    try:
        return _Reader(data, path).blocks()
    except _NotPlainError:
        return None


class _Reader:
    def __init__(self, data: bytes, path: Path) -> None:
        self.data, self.path, self.at = data, path, 0

    def blocks(self) -> list[tuple[str, Columns]]:
        found: dict[str, Columns] = {}
        pairs: dict[str, Columns] = {}
        name: str | None = None
        while (line := self._line()) is not None:
            block, pair = _NEW_BLOCK.match(line), _PAIR.match(line)
            if block:
                name = _text(block[1])
                if name in found or name in pairs:
                    raise _NotPlainError
                pairs[name] = {}
            elif name is None:
                raise _NotPlainError
            elif line.lower() == b"loop_":
                columns = self._loop(name)
                found.setdefault(name, columns)
            elif pair and _text(pair[1].lstrip(b"_")) not in pairs[name]:
                pairs[name][_text(pair[1].lstrip(b"_"))] = TextColumn(np.array([pair[2]]))
            else:
                raise _NotPlainError
        blocks = {n: found.get(n) or p for n, p in pairs.items()}
        return [(n, c) for n, c in blocks.items() if c]

    def _line(self) -> bytes | None:
        """The next line that is not empty or a comment, without blanks around it."""
        while self.at < len(self.data):
            end = self.data.find(b"\n", self.at)
            end = len(self.data) if end < 0 else end
            line = self.data[self.at:end].strip()
            self.at = end + 1
            if line and not line.startswith(b"#"):
                return line
        return None

    def _loop(self, block: str) -> Columns:
        tags: list[str] = []
        before = self.at
        while tag := _TAG.match(self._line() or b""):
            before = self.at
            tags.append(_text(tag[1].lstrip(b"_")))
        if not tags or len(set(tags)) != len(tags):
            raise _NotPlainError
        end = _ENDS_ROWS.search(self.data, before)
        start, self.at = before, end.start() if end else len(self.data)
        return self._rows(block, tags, start, self.at)

    def _rows(self, block: str, tags: list[str], start: int, end: int) -> Columns:
        for mark in (b"'", b'"', b"#", b" _", b"\t_"):
            if self.data.find(mark, start, end) >= 0:
                raise _NotPlainError
        parts: list[list[NDArray[np.bytes_]]] = [[np.empty(0, "S1")] for _ in tags]
        done = 0
        while start < end:
            stop = self.data.rfind(b"\n", start, start + _CHUNK) + 1 if start + _CHUNK < end else end
            if stop <= start:
                raise _NotPlainError
            columns = self._cut(block, len(tags), done, start, stop)
            for part, column in zip(parts, columns, strict=True):
                part.append(column)
            done += len(columns[0])
            start = stop
        return {tag: TextColumn(np.concatenate(parts.pop(0))) for tag in tags}  # freed one by one: no text twice

    def _cut(self, block: str, width: int, done: int, start: int, stop: int) -> list[NDArray[np.bytes_]]:
        """Columns of whole lines; ``done`` rows stand before them."""
        text = np.frombuffer(self.data, np.uint8, stop - start, start)
        filled = np.concatenate([[False], text > ord(" "), [False]])
        edges = np.flatnonzero(filled[1:] != filled[:-1]).astype(np.int32)
        starts, lengths = edges[::2], edges[1::2] - edges[::2]
        lines = np.bincount(np.searchsorted(np.flatnonzero(text == ord("\n")), starts), minlength=1)
        lines = lines[lines > 0]
        bad = np.flatnonzero(lines != width)
        if len(bad):
            raise InputError(f"{self.path}: row {done + bad[0] + 1} of data_{block} has {lines[bad[0]]} values; "
                             f"expected {width}, one for each column")
        return [_gathered(text, starts[c::width], lengths[c::width]) for c in range(width)]


def _gathered(text: NDArray[np.uint8], starts: NDArray[np.int32], lengths: NDArray[np.int32]) -> NDArray[np.bytes_]:
    widest = int(lengths.max(initial=1))
    if widest * len(starts) > _WIDEST * len(text) + (1 << 20):
        raise _NotPlainError
    position = np.arange(widest, dtype=np.int32)
    letters = text.take(starts[:, None] + position, mode="clip")
    letters[position >= lengths[:, None]] = 0
    return np.asarray(letters.view(f"S{widest}").reshape(-1))


def _text(word: bytes) -> str:
    return word.decode("utf-8", "replace")
