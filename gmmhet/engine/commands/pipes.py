"""Output whose reader has gone (gmmhet check X | head): the command ends without a word about it."""

import contextlib
import os
import sys
from collections.abc import Iterator

__all__ = ["readers_may_leave"]

_GONE = 141  # what a shell reports of programs that end so (128 + SIGPIPE)


@contextlib.contextmanager
def readers_may_leave() -> Iterator[None]:
    """Ends the process quietly, with status 141, where standard output or error is a pipe that nobody reads."""
    try:
        try:
            yield
        finally:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
    except BrokenPipeError:
        _discard(sys.stdout)
        _discard(sys.stderr)
        raise SystemExit(_GONE) from None


def _discard(stream: object) -> None:
    """What is still to be written, by the interpreter at its end, goes nowhere."""
    with contextlib.suppress(AttributeError, OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())  # type: ignore[attr-defined]
        os.close(nowhere)
