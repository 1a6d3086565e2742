"""What a value may be, and values that are typed as texts of their own form."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gmmhet.engine.errors import InputError
from gmmhet.engine.options.description import Spelling

__all__ = ["COUNT", "COUNT_AUTO_OR_ALL", "COUNT_OR_AUTO", "NOT_NEGATIVE", "NUMBERS", "POSITIVE", "SEED", "Choice",
           "Choices", "Range", "count_auto_or_all", "count_or_auto", "numbers", "point_group"]


@dataclass(frozen=True)
class Range:
    """Numbers between two ends.

    Attributes:
        above, low: lower end, excluded or included. high: upper end, included; infinity is never in.
        says: what is expected, in the message; of a number that is too high, says_high.
    """

    says: str
    above: float = -math.inf
    low: float = -math.inf
    high: float = math.inf
    says_high: str = ""

    def __call__(self, flag: str, value: float) -> float:
        if not (self.above < value < math.inf and value >= self.low):
            raise InputError(f"{flag} is {value}; expected {self.says}")
        if value > self.high:
            raise InputError(f"{flag} is {value}; expected {self.says_high or self.says}")
        return value


POSITIVE = Range("a positive number", above=0)
NOT_NEGATIVE = Range("0 or a positive number", low=0)
SEED = Range("0 or more", low=0)
COUNT = Range("1 or more", low=1)


class Choice(NamedTuple):
    """A value that may be chosen, its name on a form, what it does, and whether forms offer it."""

    value: str | int
    label: str = ""
    help: str = ""
    on_form: bool = True

    @property
    def entry(self) -> str:
        """In the list of a form."""
        return self.label or str(self.value)


class Choices:
    """One of some values."""

    def __init__(self, choices: Sequence[Choice]) -> None:
        self.choices = tuple(choices)

    @property
    def values(self) -> tuple[str | int, ...]:
        return tuple(c.value for c in self.choices)

    def __call__(self, flag: str, value: str | int) -> str | int:
        if value not in self.values:
            names = [str(v) for v in self.values]
            expected = " or ".join(names) if len(names) == 2 else f"one of {', '.join(names)}"
            raise InputError(f"{flag} is {value!r}; expected {expected}")
        return value


def point_group(flag: str, symmetry: str) -> str:
    """The point group in capitals: C1.., D1.., T, O or I.

    Raises:
        InputError: no such group.
    """
    group = symmetry.strip().upper()
    if not re.fullmatch(r"[CD][1-9]\d*|T|O|I", group):
        raise InputError(f"{flag} is {symmetry!r}; expected Cn, Dn, T, O or I")
    return group


def count_or_auto(label: str, text: str) -> int | None:
    """A number from 1; None for auto or nothing.

    Raises:
        InputError: anything else; the message names it by its label.
    """
    text = text.strip() or "auto"
    if text == "auto":
        return None
    if not text.isdigit() or int(text) < 1:
        raise InputError(f"{label} is {text!r}; expected a whole number from 1, or auto")
    return int(text)


def count_auto_or_all(label: str, text: str) -> int | None:
    """A number from 1; 0 for all; None for auto or nothing.

    Raises:
        InputError: anything else; the message names it by its label.
    """
    text = text.strip() or "auto"
    if text in ("auto", "all"):
        return None if text == "auto" else 0
    if not text.isdigit() or int(text) < 1:
        raise InputError(f"{label} is {text!r}; expected a whole number from 1, auto or all")
    return int(text)


def numbers(label: str, text: str) -> tuple[int, ...]:
    """Numbers from 0 with commas between.

    Raises:
        InputError: anything else.
    """
    words = text.replace(",", " ").split()
    if not words or not all(w.isascii() and w.isdigit() for w in words):
        raise InputError(f"{label} is {text!r}; expected numbers from 0, separated by commas")
    return tuple(int(w) for w in words)


def _write_count(count: int | None) -> str:
    return "auto" if count is None else str(count)


def _write_numbers(values: Sequence[int]) -> str:
    return ",".join(map(str, values))


def _write_count_or_all(count: int | None) -> str:
    return "all" if count == 0 else _write_count(count)


COUNT_AUTO_OR_ALL = Spelling(count_auto_or_all, _write_count_or_all)
COUNT_OR_AUTO = Spelling(count_or_auto, _write_count)
NUMBERS = Spelling(numbers, _write_numbers)
