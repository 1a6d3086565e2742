"""Progress: a bar on a terminal, a log line every so often elsewhere."""

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

__all__ = ["progress"]

_LOG = logging.getLogger("gmmhet")
_T = TypeVar("_T")
_SECONDS_BETWEEN_LINES = 10.0


def progress(items: Iterable[_T], label: str, total: int) -> Iterator[_T]:
    """Pass items on while showing how many of ``total`` are done and the time left."""
    started = shown = time.monotonic()
    terminal = sys.stderr.isatty() and _LOG.isEnabledFor(logging.INFO)  # not of every rank of an MPI job
    done = 0
    for item in items:
        yield item
        done += 1
        now = time.monotonic()
        if now - shown < (0.1 if terminal else _SECONDS_BETWEEN_LINES) and done < total:
            continue
        shown = now
        left = (now - started) / done * (total - done)
        if terminal:
            filled = 30 * done // max(total, 1)
            end = "\n" if done >= total else ""
            bar = "#" * filled + "." * (30 - filled)
            sys.stderr.write(f"\r{label:<24} [{bar}] {done}/{total} {left:4.0f} s left {end}")
            sys.stderr.flush()
        elif done < total or now - started > _SECONDS_BETWEEN_LINES:
            _LOG.info("%s: %d of %d, %.0f s left", label, done, total, left)
