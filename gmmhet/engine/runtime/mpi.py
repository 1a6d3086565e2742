"""Ranks that are processes of an MPI job."""

import itertools
import logging
import time
import traceback
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from gmmhet.engine.errors import InputError, storage_problem
from gmmhet.engine.runtime.rank_messages import Replicated, received, sent
from gmmhet.engine.runtime.ranks import Communicator, Place, RankError, summed

__all__ = ["MpiCommunicator"]

_LOG = logging.getLogger("gmmhet")
_T = TypeVar("_T")
_CALL, _STOP = 1, 2
_UNTIL_FORWARDED = 2.0  # seconds that a launcher has to pass on the last line of a rank, before all is ended
_SHORTEST_NAP, _LONGEST_NAP = 1e-5, 2e-3  # seconds between two looks: ranks that wait leave their core to others


@dataclass(frozen=True)
class _Failure:
    rank: int
    host: str
    error: str
    of_input: bool


@dataclass(frozen=True)
class _Outcome:
    """What a rank (or several) made of a call; nothing, where there was no share for it."""

    value: Any = None
    present: bool = False
    failures: tuple[_Failure, ...] = ()


class MpiCommunicator(Communicator):
    """Ranks of an mpi4py communicator. Within a call every rank is alone: work may itself be written for ranks."""

    def __init__(self, world: Any, place: Place) -> None:
        self._world = world
        self.rank, self.size = world.Get_rank(), world.Get_size()
        self.place = place
        self._calling = False
        self._keys = itertools.count()
        self._sent: dict[int, int] = {}  # of replicated objects: id to key
        self._gone: list[int] = []  # keys that the others need not keep
        self._kept: dict[int, Any] = {}  # on the others: key to copy

    # -- on rank 0 --------------------------------------------------------------------------------------------

    def distribute(self, work: Callable[..., _T], common: tuple[Any, ...], shares: Sequence[tuple[Any, ...]],
                   ) -> list[_T]:
        return list(self._call("distribute", work, common, shares))

    def total(self, work: Callable[..., _T], common: tuple[Any, ...], shares: Sequence[tuple[Any, ...]]) -> _T:
        result: _T = self._call("total", work, common, shares)
        return result

    def _call(self, kind: str, work: Callable[..., Any], common: tuple[Any, ...], shares: Sequence[tuple[Any, ...]],
              ) -> Any:
        if not 0 < len(shares) <= self.size:
            raise ValueError(f"{len(shares)} shares for {self.size} ranks")
        if len(shares) == 1 or self.rank or self._calling:
            return super().total(work, common, shares) if kind == "total" else super().distribute(work, common, shares)
        gone, self._gone = self._gone, []
        message = kind, sent((work, common, gone), self._key_of)
        self._calling = True
        for rank in range(1, self.size):
            self._world.send(sent(shares[rank]) if rank < len(shares) else None, dest=rank, tag=_CALL)
        self._world.bcast(message, root=0)
        raised: Exception | None = None
        own = _Outcome()
        try:
            own = _Outcome(work(*common, *shares[0]), True)
        except Exception as error:  # not before the others' answers are in: they cannot leave a call
            raised = error
        every = self._collected(kind, own)
        self._calling = False
        if raised is not None:
            raise raised
        if every.failures:
            _raise(every.failures[0])
        return every.value

    def finish(self, status: int) -> None:
        if self._calling:
            self._world.Abort(status or 1)
        for rank in range(1, self.size):
            self._world.send(None, dest=rank, tag=_STOP)

    def _key_of(self, shared: Replicated) -> tuple[int, bool]:
        """The key of a replicated object, and whether it is new to the others."""
        known = self._sent.get(id(shared))
        if known is not None:
            return known, False
        key = self._sent[id(shared)] = next(self._keys)
        weakref.finalize(shared, self._forget, id(shared), key)
        return key, True

    def _forget(self, identity: int, key: int) -> None:
        self._sent.pop(identity, None)
        self._gone.append(key)

    # -- on the others ----------------------------------------------------------------------------------------

    def serve(self) -> None:
        try:
            self._serve()
        except BaseException as error:  # outside of work that rank 0 hears of, which would wait for ever
            _LOG.error("%s", self._failure(error).error)
            time.sleep(_UNTIL_FORWARDED)
            self._world.Abort(1)

    def _serve(self) -> None:
        while self._called():
            share = self._world.recv(source=0, tag=_CALL)
            kind, message = self._world.bcast(None, root=0)
            outcome = _Outcome()
            try:
                work, common, gone = received(message, self._kept)
                for key in gone:
                    self._kept.pop(key, None)
                if share is not None:
                    outcome = _Outcome(work(*common, *received(share, self._kept)), True)
            except Exception as error:
                outcome = _Outcome(failures=(self._failure(error),))
            self._collected(kind, outcome)

    def _called(self) -> bool:
        """Wait for a call; False when the run is over."""
        _asleep_until(lambda: self._world.iprobe(source=0, tag=_CALL) or self._world.iprobe(source=0, tag=_STOP))
        if self._world.iprobe(source=0, tag=_STOP):
            self._world.recv(source=0, tag=_STOP)
            return False
        return True

    def _failure(self, error: BaseException) -> _Failure:
        told = storage_problem(error) if isinstance(error, OSError) else error
        if isinstance(told, InputError):
            return _Failure(self.rank, self.place.host, str(told), True)
        place = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__}: {error} ({place.filename}, line {place.lineno})"
        return _Failure(self.rank, self.place.host, text, False)

    # -- on all -------------------------------------------------------------------------------------------------

    def _collected(self, kind: str, own: _Outcome) -> _Outcome:
        """On rank 0: the outcomes of all ranks as one."""
        _asleep_until(self._world.Ibarrier().Test)
        if kind == "total":
            found = self._world.reduce(own, op=_merged, root=0)
            return own if found is None else found
        every = self._world.gather(own, root=0)
        if every is None:
            return own
        failures = itertools.chain.from_iterable(o.failures for o in every)
        return _Outcome([o.value for o in every if o.present], True, tuple(failures))


def _asleep_until(there: Callable[[], bool]) -> None:
    nap = _SHORTEST_NAP
    while not there():
        time.sleep(nap)
        nap = min(2 * nap, _LONGEST_NAP)


def _merged(a: _Outcome, b: _Outcome) -> _Outcome:
    if a.present and b.present:
        return _Outcome(summed(a.value, b.value), True, a.failures + b.failures)
    return replace(b if b.present else a, failures=a.failures + b.failures)


def _raise(failure: _Failure) -> None:
    if failure.of_input:
        raise InputError(failure.error)
    raise RankError(f"rank {failure.rank} on {failure.host}: {failure.error}")
