"""Work over fixed shares of the particles, in this process or on workers elsewhere, with the same result.

Shares, and the order in which what they give is summed, depend on the number of particles and on the size of a batch
alone, never on who computes them: results of any number of workers are equal bit for bit, where each computes with as
many threads. One process alone decides and writes. A call is a function with its arguments, of which some are common to
all shares and some are of one share.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from gmmhet.engine.progress import progress
from gmmhet.engine.runtime.settings import SHARES

__all__ = ["Pool", "Replicated", "TreeSum", "WorkersError", "in_tree", "in_turn", "pool", "shares_of", "summed", "use"]

_T = TypeVar("_T")


class WorkersError(RuntimeError):
    """Work failed on a worker, or none is left: one line with the reason."""


class Replicated:
    """Base of objects that are sent once, and stay with the workers until the sender has no use for them."""


def shares_of(n: int, unit: int = 1, least: int = SHARES.least) -> list[slice]:
    """Contiguous shares of n items in whole units (but for the end), of nearly equal number; of none, one empty share.

    Args:
        unit: items of a batch, which are then the same in every share. least: items of a share, where there are enough.
    """
    units = -(-n // unit)
    number = max(1, min(units, n // max(least, unit), SHARES.most))
    bounds = [min(n, i * units // number * unit) for i in range(number + 1)]
    return [slice(a, b) for a, b in itertools.pairwise(bounds)]


class Pool:
    """Does all work in this process.

    Attributes:
        elsewhere: whether other processes do the work. note: what lines of progress say of them; None: nothing.
    """

    elsewhere = False
    note: Callable[[], str] | None = None

    def map(self, work: Callable[..., _T], common: tuple[Any, ...], shares: Sequence[tuple[Any, ...]], label: str = "",
            ) -> list[_T]:
        """work(*common, *share) of each share, in order.

        Args:
            label: of the progress that is shown; empty: none.
        Raises:
            InputError, WorkersError: what a worker raised; no worker is left.
        """
        return [work(*common, *share) for share in _shown(shares, label)]

    def total(self, work: Callable[..., _T], common: tuple[Any, ...], shares: Sequence[tuple[Any, ...]],
              label: str = "") -> _T:
        """The sum over the shares of what work gives, by :func:`summed`, as a tree."""
        return in_tree(work(*common, *share) for share in _shown(shares, label))

    def each(self, work: Callable[..., _T], common: tuple[Any, ...], items: Iterable[Any]) -> Iterator[_T]:
        """work(*common, item) of all items in order; only as many as there are workers for are begun ahead."""
        return (work(*common, item) for item in items)

    def everywhere(self, work: Callable[..., _T], *arguments: Any) -> list[_T]:
        """work(*arguments) in every process that works, for what it leaves there."""
        return [work(*arguments)]

    def wait_for(self, workers: int) -> None:
        """Wait until there are so many workers, where there are to be some."""

    def close(self) -> None:
        """Let the workers go."""


def _shown(shares: Sequence[_T], label: str) -> Iterable[_T]:
    return progress(shares, label, len(shares)) if label else shares


def summed(a: Any, b: Any) -> Any:
    """a + b of arrays and numbers, and of tuples of them term by term; None stays None."""
    if isinstance(a, tuple):
        return tuple(summed(x, y) for x, y in zip(a, b, strict=True))
    return None if a is None else a + b


def in_turn(first: _T, *others: _T) -> _T:
    """The sum of values, from the first on."""
    for other in others:
        first = summed(first, other)
    return first


class TreeSum:
    """Sums values that come one after the other: every ``SHARES.branches`` of them first, every so many sums next, and
    so on, so that the order of all additions depends on their number alone, and few sums are kept at a time.

    Args:
        plus: the sum of two values. sealed: what becomes of the sum of a branch.
    """

    def __init__(self, plus: Callable[[Any, Any], Any], sealed: Callable[[Any], Any] = lambda value: value) -> None:
        self._plus, self._sealed = plus, sealed
        self._levels: list[tuple[int, Any]] = []  # how many values the open branch of each level has, and their sum

    def add(self, value: Any, level: int = 0) -> None:
        """The next value."""
        if level == len(self._levels):
            self._levels.append((0, None))
        count, total = self._levels[level]
        count, total = count + 1, value if not count else self._plus(total, value)
        self._levels[level] = (count, total)
        if count == SHARES.branches:
            self._levels[level] = (0, None)
            self.add(self._sealed(total), level + 1)

    def total(self) -> Any:
        """The sum of all values, of which there must be one."""
        rest: list[Any] = []
        for count, total in self._levels:
            if count:
                rest = [self._sealed(self._plus(total, rest[0]) if rest else total)]
        return rest[0]


def in_tree(values: Iterable[_T]) -> _T:
    """The sum of values, of which there must be one, as every pool makes it."""
    tree = TreeSum(summed)
    for value in values:
        tree.add(value)
    total: _T = tree.total()
    return total


_current = Pool()


def pool() -> Pool:
    """Who does the work of this run: this process alone unless :func:`use` was called."""
    return _current


def use(other: Pool) -> None:
    """Let a pool do the work of this run."""
    global _current
    _current = other
