"""Text in a STAR file that is in no table: RELION skips it, and no parser of CIF reads a file with it.

Skipped are lines before the first block, lines between the head of a block and its table, comments (;) among the labels
of a table, a second block of the same name, and lines after the blank line that ends the rows of a table.
"""

import logging
import re
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["plain_text", "without_free_text"]

_LOG = logging.getLogger("gmmhet")
_BOM = b"\xef\xbb\xbf"
_WIDE = (b"\xff\xfe", b"\xfe\xff")  # byte order marks of UTF-16 and UTF-32
_BLOCK = re.compile(rb"data_(\S*)", re.IGNORECASE)
_VALUE = re.compile(rb"'[^']*'(?=\s|\Z)|\"[^\"]*\"(?=\s|\Z)|#.*|\S+")


def plain_text(data: bytes) -> bytes:
    """The text of a file without its byte order mark, lines ended as anywhere else.

    Raises:
        ValueError: with what the file is, if it is no text.
    """
    if data.startswith(_WIDE):
        raise ValueError("text in UTF-16")
    data = data.removeprefix(_BOM)
    if b"\0" in data:
        raise ValueError("binary data")
    return data if b"\n" in data or b"\r" not in data else data.replace(b"\r", b"\n")


def without_free_text(data: bytes, path: Path) -> bytes:
    """A STAR file without the lines that are in no table; says how many there were."""
    found = _Lines()
    for line in data.splitlines(keepends=True):
        found.take(line)
    found.end_rows()
    if found.skipped:
        _LOG.warning("%s: %d line(s) outside of tables are skipped, the first of them %r", path, len(found.skipped),
                     found.skipped[0].decode("utf-8", "replace")[:60])
    return b"".join(found.kept)


@dataclass
class _Lines:
    """Where in a file a line is.

    Attributes:
        kept, skipped: lines so far. state: before the first block, head of a block, labels or rows of a table, or a
            block that is skipped. names: of the blocks. width: labels of the table. value: whether a value of a pair is
            to follow. even: whether every row before the first blank line is one line. blanks: indices in ``kept``
            of the blank lines among rows.
    """

    kept: list[bytes] = field(default_factory=list)
    skipped: list[bytes] = field(default_factory=list)
    state: str = "before"
    names: set[bytes] = field(default_factory=set)
    width: int = 0
    value: bool = False
    even: bool = True
    blanks: list[int] = field(default_factory=list)

    def take(self, line: bytes) -> None:
        word = line.strip()
        block = _BLOCK.match(word)
        if block:
            self.end_rows()
            self.state = "double" if block[1] in self.names else "head"
            self.names.add(block[1])
        keep = not word or word.startswith(b"#")
        if self.state in ("before", "double"):
            keep = False
        elif block:
            keep, self.value = True, False
        elif word.lower() == b"loop_":
            self.end_rows()
            keep, self.state, self.width, self.even, self.blanks = True, "labels", 0, True, []
        elif not keep:
            keep = self._of_a_block(word)
        elif not word and self.state == "rows":
            self.blanks.append(len(self.kept))
        if keep:
            self.kept.append(line)
        elif word and not (self.state == "before" and word.startswith(b"#")):
            self.skipped.append(word)

    def _of_a_block(self, word: bytes) -> bool:
        """Whether a line that is neither blank nor a comment belongs to a table."""
        if self.state == "head":
            keep = word.startswith(b"_") or self.value
            self.value = word.startswith(b"_") and len(_values(word)) == 1
            return keep
        if self.state == "labels":
            if word.startswith(b"_"):
                self.width += 1
                return True
            if word.startswith(b";"):
                return False
            self.state = "rows"
        if not self.blanks:
            self.even = self.even and len(_values(word)) == self.width
        return True

    def end_rows(self) -> None:
        """Take off what follows a blank line of a table whose rows are lines, if no row is in it."""
        while self.state == "rows" and self.even and self.blanks:
            tail = self.blanks.pop()
            after = self.kept[tail:]
            if any(len(_values(line)) == self.width for line in after):
                return
            self.skipped += [line.strip() for line in after if _values(line)]
            del self.kept[tail:]


def _values(line: bytes) -> list[bytes]:
    return [v for v in _VALUE.findall(line.strip()) if not v.startswith(b"#")]
