"""A column of texts as one array of bytes: millions of rows in little memory, read like a list of str."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

__all__ = ["TextColumn", "byte_texts", "chosen_texts"]

_AT_ONCE = 1 << 16
_LETTERS = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-./@_,=:%"
_PLAIN_FIRST = np.isin(np.arange(256), np.frombuffer(b"0123456789-+./", np.uint8))
_PLAIN = np.isin(np.arange(256), np.frombuffer(_LETTERS + b"\0", np.uint8))


class TextColumn(Sequence[str]):
    """Texts of a file as they stand in it; equal to any sequence of the same str.

    Attributes:
        bytes: [n] fixed-width bytes, UTF-8.
    """

    def __init__(self, values: NDArray[np.bytes_]) -> None:
        self.bytes = values

    def plain(self, start: int, stop: int) -> bool:
        """Whether texts start..stop are of digits, letters and what stands in numbers and paths alone."""
        found = self.bytes[start:stop]
        if found.dtype.itemsize == 0:
            return False
        letters = np.ascontiguousarray(found).view(np.uint8).reshape(len(found), -1)
        return bool(_PLAIN_FIRST[letters[:, 0]].all() and _PLAIN[letters].all())

    def __len__(self) -> int:
        return len(self.bytes)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> "TextColumn": ...

    def __getitem__(self, index: int | slice) -> "str | TextColumn":
        if isinstance(index, slice):
            return TextColumn(self.bytes[index])
        return bytes(self.bytes[index]).decode("utf-8", "replace")

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self.bytes), _AT_ONCE):
            for value in self.bytes[start:start + _AT_ONCE].tolist():
                yield value.decode("utf-8", "replace")

    def __eq__(self, other: object) -> bool:
        if isinstance(other, TextColumn):
            return np.array_equal(self.bytes, other.bytes)
        return isinstance(other, Sequence) and len(self) == len(other) and all(
            a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # compared by value

    def __repr__(self) -> str:
        return f"TextColumn({len(self)} texts)"


def chosen_texts(values: Sequence[str], rows: NDArray[np.int64]) -> Sequence[str]:
    """The texts of some rows."""
    return TextColumn(values.bytes[rows]) if isinstance(values, TextColumn) else [values[i] for i in rows.tolist()]


def byte_texts(values: Iterable[Any], start: int, stop: int) -> list[bytes]:
    """Texts start..stop of a column, encoded."""
    if isinstance(values, TextColumn):
        return list(values.bytes[start:stop].tolist())
    if isinstance(values, Sequence):
        return [str(v).encode() for v in values[start:stop]]
    raise TypeError(f"{type(values).__name__}: expected a sequence")
