"""Conditions that particles are selected by, in words."""

from collections.abc import Sequence

__all__ = ["NO_JUNK", "best_or_worst", "half_set", "in_classes", "in_range", "in_states", "listed_rows", "no_junk",
           "nothing_left", "one_an_image", "precise_enough", "range_of", "with_blocks",
           "written"]

NO_JUNK = "no column gmmhetJunk: the analysis found no junk, so none is left out"


def in_range(mode: int, low: float | None, high: float | None) -> str:
    """Coordinate of a mode (from 1) between limits; None: no limit."""
    return (f"mode {mode}" + ("" if low is None else f" from {low:g}")) + ("" if high is None else f" to {high:g}")


def range_of(lowest: float, highest: float) -> str:
    """The coordinates that there are."""
    return f"the particles' are {lowest:.3g} to {highest:.3g}"


def precise_enough(mode: int | None, limit: float) -> str:
    """Posterior standard deviation of a mode (None: of every mode) within a limit."""
    return f"posterior standard deviation of {'every mode' if mode is None else f'mode {mode}'} at most {limit:g}"


def in_classes(numbers: Sequence[int]) -> str:
    """One of some classes."""
    return f"class {', '.join(map(str, numbers))}"


def with_blocks(present: Sequence[int], absent: Sequence[int], sure: float) -> list[str]:
    """Blocks that are there, or not, each as probable as asked for."""
    return [*(f"block {number} present (probability {sure:g} or more)" for number in present),
            *(f"block {number} absent (probability {sure:g} or more)" for number in absent)]


def in_states(numbers: Sequence[int]) -> str:
    """One of some states."""
    return f"state {', '.join(map(str, numbers))}"


def listed_rows(count: int) -> str:
    """Rows of a list."""
    return f"{count} given ids"


def best_or_worst(keep: str, fraction: float) -> str:
    """The best or worst fraction."""
    return f"the {keep} {fraction:.0%} by log-likelihood"


def half_set(number: int) -> str:
    """One half-set."""
    return f"half-set {number}"


def no_junk() -> str:
    """What the analysis did not take for junk."""
    return "no junk"


def one_an_image() -> str:
    """Of rows that share an image, the first."""
    return "one row an image"


def nothing_left(particles: int, each: Sequence[tuple[str, int]]) -> str:
    """No particle meets all conditions; each: a condition, and how many meet it."""
    counts = "; ".join(f"{words}: {count}" for words, count in each)
    return f"no particle of {particles} meets all conditions ({counts}); expected wider ones"


def written(rows: int, of: int, conditions: Sequence[str], refined: bool) -> str:
    """How many particles were written, and by which conditions."""
    return (f"{rows} of {of} particles ({', '.join(conditions) or 'all'})"
            f"{', with refined poses' if refined else ''}")
