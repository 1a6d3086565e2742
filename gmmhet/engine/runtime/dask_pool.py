"""Work on the workers of a Dask cluster, which schedules it, and repeats what a worker that is lost had done."""

import contextlib
import itertools
import logging
import platform
import threading
import time
import traceback
import uuid
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from typing import Any, NamedTuple, TypeVar

from dask.distributed import Client, Future, get_worker, wait
from distributed.scheduler import KilledWorker, NoValidWorkerError

from gmmhet.engine.errors import InputError, storage_problem
from gmmhet.engine.progress import progress
from gmmhet.engine.runtime.messages import Message, packed
from gmmhet.engine.runtime.pool import Pool, Replicated, TreeSum, WorkersError, in_turn
from gmmhet.engine.runtime.settings import WORKERS
from gmmhet.engine.wording.run import lost_share, no_scheduler, no_workers, worker_failed

__all__ = ["DaskPool"]

_LOG = logging.getLogger("gmmhet")
_T = TypeVar("_T")
_BETWEEN_LOOKS = 0.1  # s
_one_at_a_time = threading.Lock()  # in a worker of several threads, which are for TensorFlow


class _Sent(NamedTuple):
    """A message that workers have or can get.

    Attributes:
        key: its name. future: of Dask. others: keys of the replicated objects in it, and in those.
    """

    key: str
    future: Future[Any]
    others: frozenset[str]


class DaskPool(Pool):
    """The workers of a client's cluster. Within a share a worker is alone: work may itself be written for a pool.

    Args:
        close: what else is to be closed with the client, last; takes the seconds that it may take as timeout.
    """

    elsewhere = True

    def __init__(self, client: Client, close: Callable[..., object] = lambda **_: None) -> None:
        self._client, self._close = client, close
        self.note = self._count
        self._token = uuid.uuid4().hex  # other runs may have tasks on the same scheduler
        self._keys = itertools.count()
        self._kept: dict[int, _Sent] = {}  # of replicated objects, by identity
        self._seen = time.monotonic()

    @property
    def kept(self) -> int:
        """How many replicated objects the workers keep."""
        return len(self._kept)

    def wait_for(self, workers: int, seconds: float = WORKERS.patience) -> None:
        """Wait until there are so many.

        Raises:
            WorkersError: there are not, after so many seconds; no scheduler.
        """
        end = time.monotonic() + seconds
        while self._there() < workers:
            if time.monotonic() > end:
                raise WorkersError(no_workers(seconds))
            time.sleep(_BETWEEN_LOOKS)

    def map(self, work: Callable[..., _T], common: tuple[Any, ...], shares: Sequence[tuple[Any, ...]], label: str = "",
            ) -> list[_T]:
        futures = self._begun(self._sent((work, common)), shares)
        self._finished(futures, label)
        return list(self._gathered(futures))

    def total(self, work: Callable[..., _T], common: tuple[Any, ...], shares: Sequence[tuple[Any, ...]],
              label: str = "") -> _T:
        tree = TreeSum(lambda a, b: a + b, lambda some: [self._client.submit(in_turn, *some, pure=False)])
        futures = self._begun(self._sent((work, common)), shares)
        for future in futures:
            tree.add([future])
        total = tree.total()
        self._finished(futures, label)
        self._finished(total)
        result: _T = self._gathered(total)[0]
        return result

    def each(self, work: Callable[..., _T], common: tuple[Any, ...], items: Iterable[Any]) -> Iterator[_T]:
        waiting, begun = iter(items), list[Future[Any]]()
        call = self._sent((work, common))
        while True:
            room = max(0, 1 + max(1, self._present()) - len(begun))
            more = [(item,) for item in itertools.islice(waiting, room)]
            begun += self._begun(call, more) if more else []
            if not begun:
                return
            self._finished(begun[:1])
            yield self._gathered([begun.pop(0)])[0]

    def everywhere(self, work: Callable[..., _T], *arguments: Any) -> list[_T]:
        return list(self._client.run(work, *arguments).values())

    def close(self) -> None:
        self._kept.clear()
        for close in (self._client.close, self._close):
            with contextlib.suppress(TimeoutError, OSError):  # whoever does not answer is left to end by itself
                close(timeout=WORKERS.answer)

    # -- what is sent --------------------------------------------------------------------------------------------

    def _begun(self, call: _Sent, shares: Sequence[tuple[Any, ...]]) -> list[Future[Any]]:
        """Tasks of the shares of a call, in one message to the scheduler."""
        names = {call.key} | call.others
        data = [packed(share, lambda obj: self._key_of(obj, names)) for share in shares]
        messages: dict[str, Any] = {sent.key: sent.future for sent in (call, *self._kept.values()) if sent.key in names}
        keys = [f"share-{self._token}-{next(self._keys)}" for _ in shares]
        futures: list[Future[Any]] = self._client.map(_shared, data, key=keys, call=call.key, **messages)
        return futures

    def _sent(self, value: Any) -> _Sent:
        names = set[str]()
        data, key = packed(value, lambda obj: self._key_of(obj, names)), f"message_{next(self._keys)}"
        return _Sent(key, self._client.submit(Message, data, key=f"{key}-{self._token}"), frozenset(names))

    def _key_of(self, shared: Replicated, names: set[str]) -> str:
        """The key of a replicated object, which is sent where it is new; it and those within are added to the names."""
        if id(shared) not in self._kept:
            self._kept[id(shared)] = self._sent(shared)
            weakref.finalize(shared, self._kept.pop, id(shared), None).atexit = False
        sent = self._kept[id(shared)]
        names |= {sent.key} | sent.others
        return sent.key

    # -- what comes back -----------------------------------------------------------------------------------------

    def _finished(self, futures: Sequence[Future[Any]], label: str = "") -> None:
        """Wait for all of them, as long as there are workers."""
        ends = self._ends(futures)
        for _ in progress(ends, label, len(futures), self.note) if label else ends:
            pass

    def _ends(self, futures: Sequence[Future[Any]]) -> Iterator[None]:
        left = set(futures)
        while left:
            try:
                with self._client.as_current():
                    done, left = wait(left, timeout=WORKERS.look, return_when="FIRST_COMPLETED")
            except TimeoutError:
                self._present()
                continue
            except (CancelledError, OSError, RuntimeError) as error:
                raise WorkersError(no_scheduler(error)) from None
            for future in done:
                if future.status in ("error", "cancelled", "lost"):
                    self._gathered([future])
            yield from (None for _ in done)

    def _gathered(self, futures: Sequence[Future[Any]]) -> list[Any]:
        try:
            # as gather, but with an end where all that have the results are gone meanwhile
            return list(self._client.sync(self._client._gather, list(futures), callback_timeout=WORKERS.patience))
        except KilledWorker as error:
            raise WorkersError(lost_share(error.allowed_failures + 1)) from None
        except (NoValidWorkerError, TimeoutError):
            raise WorkersError(no_workers(WORKERS.patience)) from None
        except (CancelledError, OSError) as error:
            raise WorkersError(no_scheduler(error)) from None

    def _count(self) -> str:
        count = self._present()
        return f"{count} worker{'s' * (count != 1)}"

    def _present(self) -> int:
        """How many workers there are.

        Raises:
            WorkersError: none for a long time; no scheduler.
        """
        count, now = self._there(), time.monotonic()
        if count:
            self._seen = now
        elif now - self._seen > WORKERS.patience:
            raise WorkersError(no_workers(WORKERS.patience))
        return count

    def _there(self) -> int:
        if self._client.status != "running":
            raise WorkersError(no_scheduler(self._client.status))
        try:
            return len(self._client.scheduler_info(n_workers=-1)["workers"])
        except OSError as error:
            raise WorkersError(no_scheduler(error)) from None


def _shared(data: bytes, call: str, **messages: Message) -> Any:
    """On a worker: one share of a call. data: what is of this share alone. call: key of the work and its arguments."""
    with _one_at_a_time:
        try:
            work, common = messages[call].content(messages)
            return work(*common, *Message(data).content(messages))
        except Exception as error:
            raise _told(error) from None


def _told(error: Exception) -> Exception:
    """What the process that leads is to raise: one line that says where."""
    problem = storage_problem(error) if isinstance(error, OSError) else error
    place = f"{get_worker().name} on {platform.node()}"
    if isinstance(problem, InputError):
        return InputError(f"{problem} (worker {place})")
    at = traceback.extract_tb(error.__traceback__)[-1]
    return WorkersError(worker_failed(place, f"{type(error).__name__}: {error} ({at.filename}, line {at.lineno})"))
