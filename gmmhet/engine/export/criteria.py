"""Which particles are wanted: conditions that all have to hold."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.config import MOST_MODES
from gmmhet.engine.errors import InputError
from gmmhet.engine.options import (
    NUMBERS,
    Choice,
    Choices,
    OnForm,
    Range,
    Spelling,
    Typed,
    Where,
    check_options,
    option,
)
from gmmhet.engine.wording import export as wording

__all__ = ["Criteria", "common_ids", "read_ids"]

_MOST_IDS = 1 << 31


_KEEP = Choices([Choice("best"), Choice("worst")])
_HALVES = Choices([Choice(1), Choice(2)])


def _read_fraction(label: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{label} has the fraction {text!r}; expected a number above 0 and at most 1") from None


@dataclass(frozen=True)
class Criteria:
    """gmmhet export. None, or nothing: no condition.

    Attributes:
        ids: rows of the analysed file, from 1. keep, fraction: best or worst of all particles.
        low, high: ends included. confidence: of the mode, or (mode None) of every mode.
    """

    mode: int | None = option(
        None, "mode of the coordinates and of their standard deviation, from 1",
        check=Range(f"1 to {MOST_MODES}", low=1, high=MOST_MODES), form=OnForm(
            "Mode", when="to the motion along which to choose"))
    low: float | None = option(None, "lowest coordinate along the mode", otherwise="no limit",
                               form=OnForm("Coordinate from"), typed=Typed(flag="--from", metavar="Z"))
    high: float | None = option(None, "highest coordinate along the mode", otherwise="no limit",
                                form=OnForm("Coordinate to"), typed=Typed(flag="--to", metavar="Z"))
    confidence: float | None = option(
        None, "largest standard deviation of the coordinate along the mode; without a mode, of every one",
        otherwise="no limit", form=OnForm("Largest standard deviation", advanced=True,
                                          when="to leave out particles whose place is uncertain"),
        typed=Typed(metavar="SD"))
    classes: tuple[int, ...] = option((), "classes of gmmhet reconstruct",
                                      typed=Typed(flag="--class", metavar="N[,M]", spelling=NUMBERS))
    present: tuple[int, ...] = option((), "blocks of gmmhet composition that a particle must have",
                                      typed=Typed(metavar="N[,M]", spelling=NUMBERS))
    absent: tuple[int, ...] = option((), "blocks of gmmhet composition that a particle must lack",
                                     typed=Typed(metavar="N[,M]", spelling=NUMBERS))
    sure: float = option(0.9, "probability that a block is present, or absent, at least",
                         check=Range("at least 0.5 and at most 1", low=0.5, high=1), typed=Typed(metavar="P"))
    states: tuple[int, ...] = option((), "likeliest states of gmmhet composition",
                                     typed=Typed(flag="--state", metavar="N[,M]", spelling=NUMBERS))
    ids: NDArray[np.int64] | None = None
    keep: str | None = option(None, "best or worst of all particles by log-likelihood, junk last, and which fraction "
                              "of them", otherwise="all", check=_KEEP,
                              form=OnForm("By likelihood", nothing="all", advanced=True,
                                          when="to leave out what fits badly"))
    fraction: float = option(
        0.5, "fraction of all particles",
        form=OnForm("Fraction", advanced=True, where=Where("keep", ("best", "worst"))),
        typed=Typed(second_of="keep", metavar="FRACTION", spelling=Spelling(_read_fraction, str)))
    half: int | None = option(None, "half-set", otherwise="both", check=_HALVES,
                              form=OnForm("Half-set", nothing="both", advanced=True,
                                          when="to refine the half-sets apart"))
    no_junk: bool = option(
        False, "leave out what the analysis took for junk (gmmhetJunk above 0.5)", form=OnForm(
            "Leave junk out?", advanced=True, when="to yes for the next refinement"),
        typed=Typed(flag="--no-junk", off="--with-junk"))
    one_an_image: bool = option(
        False, "of chosen rows that share an image (symmetry expansion), only the first",
        form=OnForm("One row an image?", name="onePerImage", advanced=True),
        typed=Typed(flag="--unexpand", off="--expanded"))

    def __post_init__(self) -> None:
        check_options(self)
        stretch = self.low is not None or self.high is not None
        if stretch and self.mode is None:
            raise InputError("--from and --to belong to a mode; expected --mode")
        if self.mode is not None and not stretch and self.confidence is None:
            raise InputError(f"--mode {self.mode} alone chooses nothing; expected --from, --to or --confidence with it")
        if self.low is not None and self.high is not None and not self.low <= self.high:
            raise InputError(f"--from is {self.low:g}, --to is {self.high:g}; expected a stretch from low to high")
        if self.confidence is not None and not self.confidence > 0:
            raise InputError(f"--confidence is {self.confidence:g}; expected a positive standard deviation")
        if self.keep is not None and not 0 < self.fraction <= 1:
            raise InputError(f"--keep is {self.keep} {self.fraction}; expected best or worst, and a fraction above 0 "
                             "and at most 1")

    def words(self) -> list[str]:
        """Each condition in words."""
        found = []
        if self.low is not None or self.high is not None:
            found.append(wording.in_range(self.mode or 1, self.low, self.high))
        if self.confidence is not None:
            found.append(wording.precise_enough(self.mode, self.confidence))
        if self.classes:
            found.append(wording.in_classes(self.classes))
        if self.present or self.absent:
            found += wording.with_blocks(self.present, self.absent, self.sure)
        if self.states:
            found.append(wording.in_states(self.states))
        if self.ids is not None:
            found.append(wording.listed_rows(len(self.ids)))
        if self.keep is not None:
            found.append(wording.best_or_worst(self.keep, self.fraction))
        if self.half is not None:
            found.append(wording.half_set(self.half))
        if self.no_junk:
            found.append(wording.no_junk())
        return found + ([wording.one_an_image()] if self.one_an_image else [])


def common_ids(paths: Sequence[str | os.PathLike[str]]) -> NDArray[np.int64]:
    """Row numbers that stand in every one of some texts.

    Raises:
        InputError: as read_ids, or none stands in all.
    """
    common: NDArray[np.int64] = reduce(np.intersect1d, [read_ids(path) for path in paths])
    if len(common) == 0:
        raise InputError(f"--ids: no row number is in all of {', '.join(map(str, paths))}")
    return common


def read_ids(path: str | os.PathLike[str]) -> NDArray[np.int64]:
    """Row numbers from 1 out of a text: separated by spaces, commas or lines; # starts a comment.

    Raises:
        InputError: no such file, or something else than a row number, with its line.
    """
    source = Path(path)
    try:
        lines = source.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise InputError(f"{source}: no such file; expected a text of row numbers") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{source}: cannot be read as text ({error}); expected row numbers") from None
    found: list[int] = []
    for number, line in enumerate(lines, 1):
        for word in re.split(r"[\s,;]+", line.partition("#")[0].strip()):
            if not word:
                continue
            if not word.isascii() or not word.isdigit() or not 0 < int(word) < _MOST_IDS:
                raise InputError(f"{source}: line {number}: {word[:40]!r}; expected row numbers from 1")
            found.append(int(word))
    if not found:
        raise InputError(f"{source}: holds no row number; expected at least one")
    return np.unique(np.array(found, np.int64))
