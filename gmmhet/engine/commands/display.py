"""What a command shows while it runs: one rewritten line on a terminal; elsewhere a line now and then.

Lines of the log stand above the rewritten one. A command that is brief (``gmmhet run``) shows warnings and what is
said to :data:`TOLD`; all else goes to its own log file.
"""

import contextlib
import logging
import os
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from logging.handlers import MemoryHandler
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from gmmhet.engine.progress import SECONDS_BETWEEN_LINES, Course, watched_by
from gmmhet.engine.wording.run import progress_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

__all__ = ["TOLD", "Details", "say", "shown"]

#: of lines that a brief command shows too
TOLD = logging.getLogger("gmmhet.told")
#: "stdout": where the log goes, instead of standard error
_VARIABLE = "GMMHET_LOG"
_WIDTH = 120  # columns of a line, off a terminal
_FORMAT = logging.Formatter("%(asctime)s %(message)s", datefmt="%H:%M:%S")
_INDENT = " " * len("00:00:00 ")
_REFRESH = 4.0  # times a second
#: the terminal that has the rewritten line now
_TERMINAL: ContextVar["Console | None"] = ContextVar("terminal", default=None)


@contextlib.contextmanager
def shown(course: Course, *, verbose: bool, brief: bool, serves: bool = False) -> Iterator[None]:
    """Show the log and the progress of what runs within, on standard error (or as GMMHET_LOG says).

    Args:
        course: that loops report to. verbose: every line of the log. brief: few lines. serves: no progress.
    """
    root, stream = logging.getLogger(), sys.stdout if os.environ.get(_VARIABLE) == "stdout" else sys.stderr
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="replace")  # a terminal may not have every letter
    level = logging.DEBUG if verbose else logging.INFO
    with contextlib.ExitStack() as held:
        held.enter_context(watched_by(course))
        lines: _Lines
        if serves:
            lines = _Lines(stream, None)
        elif stream.isatty():
            lines = held.enter_context(_terminal(course, stream))
        else:
            lines = _Lines(stream, _WIDTH if brief and not verbose else None)
            held.enter_context(_now_and_then(course, lines))
        if brief and not verbose:
            lines.addFilter(lambda r: r.levelno >= logging.WARNING or r.name == TOLD.name)
        before = root.level
        root.addHandler(lines)
        root.setLevel(level)
        held.callback(root.setLevel, before)
        held.callback(root.removeHandler, lines)
        yield


def say(text: str, *, indent: int = 0) -> None:
    """Write what a command found to standard output; on a terminal above the rewritten line, wrapped to its width.

    Args:
        indent: columns before the rest of a line that is wrapped.
    """
    terminal = _TERMINAL.get()
    if terminal is None or not sys.stdout.isatty():
        print(text)
        return
    for line in text.splitlines():
        wrapped = textwrap.wrap(line, terminal.width, subsequent_indent=" " * indent, break_on_hyphens=False,
                                break_long_words=False) if len(line) > terminal.width else [line]
        terminal.print("\n".join(wrapped), markup=False, highlight=False, soft_wrap=True)


class _Lines(logging.Handler):
    """Lines on a stream; raises BrokenPipeError where nobody reads them.

    Attributes:
        last: when the last one was written (monotonic seconds). breaks: long words are cut at the width.
    """

    breaks = True

    def __init__(self, stream: TextIO, width: int | None) -> None:
        super().__init__()
        self.setFormatter(_FORMAT)
        self.stream, self.width = stream, width
        self.last = time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        self.last = time.monotonic()
        text = self.format(record)
        if self.width is not None:
            text = "\n".join(textwrap.wrap(text, self.width, subsequent_indent=_INDENT, break_on_hyphens=False,
                                           break_long_words=self.breaks) or [""])
        self.put(text)

    def put(self, text: str) -> None:
        """Write it, on a line of its own."""
        self.stream.write(text + "\n")
        self.stream.flush()


class _Above(_Lines):
    """Lines above the rewritten one of a terminal, which wraps long paths itself, so that they can be copied."""

    breaks = False

    def __init__(self, stream: TextIO, console: "Console") -> None:
        super().__init__(stream, console.width)
        self.console = console

    def put(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextlib.contextmanager
def _terminal(course: Course, stream: TextIO) -> Iterator[_Lines]:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text
    console = Console(file=stream, force_terminal=True)

    def line() -> "Text":
        return Text(progress_line(course.position(), console.width - 1), no_wrap=True, overflow="ellipsis")

    with Live(get_renderable=line, console=console, refresh_per_second=_REFRESH, transient=True,
              redirect_stdout=False, redirect_stderr=False):
        before = _TERMINAL.set(console)
        try:
            yield _Above(stream, console)
        finally:
            _TERMINAL.reset(before)


@contextlib.contextmanager
def _now_and_then(course: Course, lines: _Lines) -> Iterator[None]:
    """A line of progress whenever half a minute passed without one of any kind."""
    ended = threading.Event()

    def tell() -> None:
        wait = SECONDS_BETWEEN_LINES
        while not ended.wait(wait):
            wait = lines.last + SECONDS_BETWEEN_LINES - time.monotonic()
            if wait <= 0:
                text = progress_line(course.position(), _WIDTH - len(_INDENT))
                try:
                    lines.handle(logging.LogRecord(TOLD.name, logging.INFO, "", 0, text, None, None))
                except (BrokenPipeError, ValueError):  # nobody reads, or the stream is closed
                    return
                wait = SECONDS_BETWEEN_LINES

    thread = threading.Thread(target=tell, daemon=True, name="progress")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class Details:
    """All lines of the log, kept until it is known which file they belong to."""

    def __init__(self) -> None:
        self._kept = MemoryHandler(capacity=1 << 30, flushLevel=logging.CRITICAL + 1, flushOnClose=False)
        self._kept.setLevel(logging.INFO)
        self._file: logging.FileHandler | None = None

    def __enter__(self) -> "Details":
        logging.getLogger().addHandler(self._kept)
        return self

    def write_to(self, path: Path) -> None:
        """Put what was said, and what will be, at the end of a file."""
        self._file = logging.FileHandler(path, encoding="utf-8")
        self._file.setFormatter(_FORMAT)
        self._file.setLevel(logging.INFO)
        self._kept.setTarget(self._file)
        self._kept.flush()
        root = logging.getLogger()
        root.removeHandler(self._kept)
        root.addHandler(self._file)

    def __exit__(self, *raised: object) -> None:
        root = logging.getLogger()
        for handler in (self._kept, self._file):
            if handler is not None:
                root.removeHandler(handler)
                handler.close()
