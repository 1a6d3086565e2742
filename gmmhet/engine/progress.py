"""Progress: numerics tell how far they are, and whoever runs them decides how it is shown.

A command watches with a :class:`Course`, which knows the stages of the whole run and what each is expected to take.
Without one (from Python) a line goes to the log every half minute.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

__all__ = ["SECONDS_BETWEEN_LINES", "Course", "Loop", "Position", "progress", "watched_by", "watching"]

_LOG = logging.getLogger("gmmhet")
_T = TypeVar("_T")
SECONDS_BETWEEN_LINES = 30.0
#: of the time that a stage has taken already, which is left at least while it goes on
_LEAST_LEFT = 0.02


@dataclass
class Loop:
    """One loop of a stage: done of total items, the first begun at started (monotonic seconds).

    Attributes:
        first: when the first item was done, which is often slower than the others.
    """

    label: str
    total: int
    started: float
    done: int = 0
    first: float = 0.0

    def step(self) -> None:
        """An item is done."""
        self.done += 1
        self.first = self.first or time.monotonic()

    def whole(self, now: float) -> float:
        """Seconds of all items at the speed of those after the first; of one alone, its own."""
        if self.done < 2:
            return now - self.started
        return (now - self.first) / (self.done - 1) * self.total

    def left(self, now: float) -> float:
        """Seconds, by the items so far; 0 before the first is done."""
        return (now - self.started) / self.done * max(self.total - self.done, 0) if self.done else 0.0


@dataclass(frozen=True)
class Position:
    """Where a run is.

    Attributes:
        number: of the stage, from 1. count: of stages. stage: its name.
        label: of the loop within it; between two that of the last. done, total: items of that loop, 0 between two.
        share: of the whole, 0 to 1. left: seconds to the end of the whole. Both are None where it is not known what is
            to come. spent: seconds since the stage began.
    """

    number: int
    count: int
    stage: str
    label: str = ""
    done: int = 0
    total: int = 0
    share: float | None = None
    left: float | None = None
    spent: float = 0.0


class Course:
    """The stages of a run, and the seconds that each is expected to take (None: not known).

    Time left is that of the expectations; of the present stage no less than what its present loop still takes.
    """

    def __init__(self, expected: Mapping[str, float | None]) -> None:
        self.expected = dict(expected)
        self.stage = next(iter(self.expected))
        self.begun = self.entered = time.monotonic()
        self._loop: Loop | None = None
        self._label = ""
        self._shown = 0.0
        self._rules: dict[str, Callable[[float], None]] = {}

    def enter(self, stage: str) -> None:
        """Begin a stage; those before it are over."""
        self.stage, self.entered, self._loop = stage, time.monotonic(), None
        self._label = ""

    def expect(self, stage: str, seconds: float) -> None:
        """What a stage is expected to take in all."""
        self.expected[stage] = seconds

    def after(self, label: str, rule: Callable[[float], None]) -> None:
        """Call a rule, once, with the seconds of the first loop of this label when it ends: it may expect anew."""
        self._rules[label] = rule

    @contextlib.contextmanager
    def loop(self, label: str, total: int) -> Iterator[Loop]:
        """A loop of the present stage; it may stand within another one, which then goes on."""
        outer, loop = self._loop, Loop(label, total, time.monotonic())
        self._loop, self._label = loop, label
        try:
            yield loop
            if (rule := self._rules.pop(label, None)) is not None:
                rule(loop.whole(time.monotonic()))
        finally:
            self._loop = outer

    def say(self, label: str) -> None:
        """How the present loop is called from now on."""
        self._label = label

    def position(self) -> Position:
        """Where the run is now; the share never falls."""
        now, names, loop = time.monotonic(), list(self.expected), self._loop
        number = names.index(self.stage)
        spent = now - self.entered
        done, total = (0, 0) if loop is None else (loop.done, loop.total)
        place = Position(number + 1, len(names), self.stage, self._label, done, total, spent=spent)
        following = [self.expected[name] for name in names[number:]]
        if None in following:
            return place
        present, *later = (float(seconds or 0.0) for seconds in following)
        left = max(present - spent, 0.0 if loop is None else loop.left(now), _LEAST_LEFT * spent) + sum(later)
        elapsed = now - self.begun
        self._shown = max(self._shown, min(elapsed / max(elapsed + left, 1e-9), 0.99))
        return replace(place, share=self._shown, left=left)


_course: Course | None = None


def watching() -> Course | None:
    """The course that loops report to now."""
    return _course


@contextlib.contextmanager
def watched_by(course: Course) -> Iterator[Course]:
    """Loops within report to this course."""
    global _course
    before, _course = _course, course
    try:
        yield course
    finally:
        _course = before


def progress(items: Iterable[_T], label: str, total: int, note: Callable[[], str] | None = None) -> Iterator[_T]:
    """Pass items on while telling how many of ``total`` are done.

    Args:
        label: what is being done, in a few words. total: expected number of items.
        note: what else there is to say each time.
    """
    if _course is None:
        yield from _logged(items, label, total, note)
        return
    with _course.loop(label, total) as loop:
        for item in items:
            yield item
            loop.step()
            if note is not None:
                _course.say(f"{label}, {note()}")


def _logged(items: Iterable[_T], label: str, total: int, note: Callable[[], str] | None) -> Iterator[_T]:
    """Items, with a line of the log every so often."""
    loop = Loop(label, total, time.monotonic())
    shown = loop.started
    for item in items:
        yield item
        loop.step()
        now = time.monotonic()
        if now - shown >= SECONDS_BETWEEN_LINES and loop.done < total:
            shown = now
            _LOG.info("%s: %d of %d, %.0f s left%s", label, loop.done, total, loop.left(now),
                      "" if note is None else f", {note()}")
