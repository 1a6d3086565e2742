"""A column of texts as one array of bytes: millions of rows in little memory, read like a list of str."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

__all__ = ["MadeColumn", "TextColumn", "chosen_texts", "encoded_texts", "image_texts", "number_texts"]

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

    @property
    def plain(self) -> bool:
        """Whether all texts are of digits, letters and what stands in numbers and paths alone."""
        if self.bytes.dtype.itemsize == 0:
            return False
        letters = np.ascontiguousarray(self.bytes).view(np.uint8).reshape(len(self.bytes), -1)
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


class MadeColumn(Sequence[str]):
    """Texts that are made when they are asked for, some rows at a time, and not kept.

    Args:
        number: of rows. make: the texts of a slice of them, encoded.
    """

    def __init__(self, number: int, make: Callable[[slice], NDArray[np.bytes_]]) -> None:
        self._number, self._make = number, make

    def __len__(self) -> int:
        return self._number

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> TextColumn: ...

    def __getitem__(self, index: int | slice) -> str | TextColumn:
        if isinstance(index, slice):
            return TextColumn(self._make(index))
        place = range(self._number)[index]
        return self[place:place + 1][0]

    def __iter__(self) -> Iterator[str]:
        for start in range(0, self._number, _AT_ONCE):
            yield from self[start:start + _AT_ONCE]

    def __repr__(self) -> str:
        return f"MadeColumn({self._number} texts)"


def number_texts(values: NDArray[Any], form: str) -> MadeColumn:
    """Numbers [n] as texts, each by form % number."""
    pattern = form.encode()
    return MadeColumn(len(values), lambda part: np.array([pattern % v for v in values[part].tolist()], np.bytes_))


def image_texts(stacks: Sequence[str], stack_index: NDArray[np.int64], slice_index: NDArray[np.int64]) -> MadeColumn:
    """rlnImageName of images: number in the stack (told from 1), @, name of the stack.

    Args:
        stacks: their names. stack_index: [n] which. slice_index: [n] image in it, from 0.
    """
    names = [name.encode() for name in stacks]

    def make(part: slice) -> NDArray[np.bytes_]:
        places = zip(stack_index[part].tolist(), slice_index[part].tolist(), strict=True)
        return np.array([b"%06d@%b" % (s + 1, names[i]) for i, s in places], np.bytes_)

    return MadeColumn(len(stack_index), make)


def chosen_texts(values: Sequence[str], rows: NDArray[np.int64]) -> Sequence[str]:
    """The texts of some rows."""
    if isinstance(values, TextColumn):
        return MadeColumn(len(rows), lambda part: values.bytes[rows[part]])
    return [values[i] for i in rows.tolist()]


def encoded_texts(values: Iterable[Any], start: int, stop: int) -> TextColumn | list[bytes]:
    """Texts start..stop of a column, encoded."""
    if isinstance(values, TextColumn | MadeColumn):
        return values[start:stop]
    if isinstance(values, Sequence):
        return [str(v).encode() for v in values[start:stop]]
    raise TypeError(f"{type(values).__name__}: expected a sequence")
