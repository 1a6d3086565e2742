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
from gmmhet.engine.wording import export as wording

__all__ = ["Criteria", "common_ids", "read_ids"]

_MOST_IDS = 1 << 31


@dataclass(frozen=True)
class Criteria:
    """gmmhet export. None, or nothing: no condition.

    Attributes:
        mode: from 1; low, high: stretch of its coordinate, ends included. confidence: largest posterior standard
            deviation, of the mode or (mode None) of every mode.
        classes: numbers in rlnClassNumber. ids: rows of the analysed file, from 1.
        keep: best or worst, by log-likelihood; fraction: of all particles, 0 to 1. half: 1 or 2.
        one_an_image: of the chosen rows of one image (symmetry expansion), keep the first.
    """

    mode: int | None = None
    low: float | None = None
    high: float | None = None
    confidence: float | None = None
    classes: tuple[int, ...] = ()
    ids: NDArray[np.int64] | None = None
    keep: str | None = None
    fraction: float | None = None
    half: int | None = None
    one_an_image: bool = False

    def __post_init__(self) -> None:
        if self.mode is not None and not 1 <= self.mode <= MOST_MODES:
            raise InputError(f"--mode is {self.mode}; expected 1 to {MOST_MODES}")
        stretch = self.low is not None or self.high is not None
        if stretch and self.mode is None:
            raise InputError("--from and --to belong to a mode; expected --mode")
        if self.mode is not None and not stretch and self.confidence is None:
            raise InputError(f"--mode {self.mode} alone chooses nothing; expected --from, --to or --confidence with it")
        if self.low is not None and self.high is not None and not self.low <= self.high:
            raise InputError(f"--from is {self.low:g}, --to is {self.high:g}; expected a stretch from low to high")
        if self.confidence is not None and not self.confidence > 0:
            raise InputError(f"--confidence is {self.confidence:g}; expected a positive standard deviation")
        if self.keep is not None and (self.keep not in ("best", "worst") or self.fraction is None
                                      or not 0 < self.fraction <= 1):
            raise InputError(f"--keep is {self.keep} {self.fraction}; expected best or worst, and a fraction above 0 "
                             "and at most 1")
        if self.half not in (None, 1, 2):
            raise InputError(f"--half is {self.half}; expected 1 or 2")

    def words(self) -> list[str]:
        """Each condition in words."""
        found = []
        if self.low is not None or self.high is not None:
            found.append(wording.in_range(self.mode or 1, self.low, self.high))
        if self.confidence is not None:
            found.append(wording.precise_enough(self.mode, self.confidence))
        if self.classes:
            found.append(wording.in_classes(self.classes))
        if self.ids is not None:
            found.append(wording.listed_rows(len(self.ids)))
        if self.keep is not None:
            found.append(wording.best_or_worst(self.keep, self.fraction or 1.0))
        if self.half is not None:
            found.append(wording.half_set(self.half))
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
