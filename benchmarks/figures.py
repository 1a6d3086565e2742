"""Lines of the quality table: a figure, the oracle's beside it, and what was asked for."""

from dataclasses import dataclass

import numpy as np

__all__ = ["HEADER", "NOTHING", "Figure", "Range", "at_least", "at_most"]


@dataclass(frozen=True)
class Range:
    """What a figure has to lie in; all numbers when nothing is asked."""

    low: float = -np.inf
    high: float = np.inf

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    @property
    def asks(self) -> bool:
        return self != NOTHING

    def __str__(self) -> str:
        if not self.asks:
            return "-"
        if self.low == self.high:
            return f"{self.low:g}"
        if np.isinf(self.high):
            return f">={self.low:.3g}"
        return f"<={self.high:.3g}" if np.isinf(self.low) else f"{self.low:.3g}..{self.high:.3g}"


NOTHING = Range()


def at_least(low: float) -> Range:
    return Range(low=low)


def at_most(high: float) -> Range:
    return Range(high=high)


@dataclass(frozen=True)
class Figure:
    """One line of the table; value is what floor and goal speak of."""

    name: str
    ours: str
    oracle: str
    value: float
    floor: Range = NOTHING
    goal: Range = NOTHING

    @property
    def mark(self) -> str:
        if not (self.floor.asks or self.goal.asks):
            return ""
        if np.isfinite(self.value):
            if self.goal.asks and self.value in self.goal:
                return "goal"
            if self.floor.asks and self.value in self.floor:
                return "pass"
        return "SHORT"

    def __str__(self) -> str:
        return _line(self.name, self.ours, self.oracle, f"{self.value:.3f}", str(self.floor), str(self.goal), self.mark)


def _line(name: str, *columns: str) -> str:
    return f"{name:<76} {columns[0]:>24} {columns[1]:>24} {columns[2]:>7}" + "".join(f" {c:>10}" for c in columns[3:])


HEADER = _line("figure", "ours", "oracle", "value", "floor", "goal", "")
