"""Several processes under MPI: rank 0 runs the program, the others do their share of every pass over the particles.

Rank 0 alone decides and writes; the others wait for calls, so nothing has to be computed twice, and no two ranks can
come to different decisions. A call is a function with its arguments, of which some go to all ranks and some are one
rank's share; what the ranks found comes back to rank 0 in their order, or summed pairwise, the same way every time.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

__all__ = ["Communicator", "Place", "RankError", "communicator", "summed", "use"]

_T = TypeVar("_T")


class RankError(RuntimeError):
    """Work failed on another rank: one line with its number, its host and the error."""


@dataclass(frozen=True)
class Place:
    """Where a rank is.

    Attributes:
        host: name of its machine. number: among the ranks of the machine, from 0.
        threads: its share of the processor; None: of one process alone, which may take all.
    """

    host: str = ""
    number: int = 0
    threads: int | None = None


class Communicator:
    """The ranks of a run; this one is alone.

    Attributes:
        rank: of this process, from 0. size: how many there are. place: where this one is.
    """

    rank = 0
    size = 1
    place = Place()

    def parts(self, n: int, unit: int = 1) -> list[slice]:
        """Contiguous shares of n items, at most one a rank, of nearly equal numbers of whole units (but for the end).

        They depend on n, unit and size alone, so that a run can be repeated; units are batches, which are then the same
        whatever the number of ranks.
        """
        units = -(-n // unit)
        number = min(self.size, max(units, 1))
        bounds = [min(n, i * units // number * unit) for i in range(number + 1)]
        return [slice(a, b) for a, b in itertools.pairwise(bounds)]

    def distribute(self, work: Callable[..., _T], common: tuple[Any, ...], shares: Sequence[tuple[Any, ...]],
                   ) -> list[_T]:
        """work(*common, *share) of each share, one a rank; the results in order.

        Raises:
            InputError, RankError: what a rank raised.
        """
        return [work(*common, *share) for share in shares]

    def total(self, work: Callable[..., _T], common: tuple[Any, ...], shares: Sequence[tuple[Any, ...]]) -> _T:
        """The sum over the shares of what work gives: an array or a number, or a tuple of these (or of None)."""
        first, *others = self.distribute(work, common, shares)
        for other in others:
            first = summed(first, other)
        return first

    def each(self, work: Callable[..., _T], common: tuple[Any, ...], items: Iterable[Any]) -> Iterator[_T]:
        """work(*common, item) of all items in order, as many at a time as there are ranks."""
        waiting = iter(items)
        while some := list(itertools.islice(waiting, self.size)):
            yield from self.distribute(work, common, [(item,) for item in some])

    def serve(self) -> None:
        """On ranks but the first: do what that one calls for, until it lets go."""

    def finish(self, status: int) -> None:
        """Let the other ranks go; in the middle of a call, which they cannot leave, end them."""


def summed(a: Any, b: Any) -> Any:
    """a + b of arrays and numbers, and of tuples of them term by term; None stays None."""
    if isinstance(a, tuple):
        return tuple(summed(x, y) for x, y in zip(a, b, strict=True))
    return None if a is None else a + b


_current = Communicator()


def communicator() -> Communicator:
    """The ranks of this run; one alone unless :func:`use` was called."""
    return _current


def use(ranks: Communicator) -> None:
    """Make these the ranks of this run."""
    global _current
    _current = ranks
