"""Programs in a pseudo-terminal, and what stands on its screen in the end."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence

__all__ = ["in_terminal", "on_screen"]

_TOKEN = re.compile(r"\x1b\[(\??[\d;]*)([A-Za-z])|[\r\n]|[^\x1b\r\n]+|\x1b.")


def in_terminal(command: Sequence[str], columns: int, more: Mapping[str, str]) -> tuple[int, str]:
    """Run a program with its output in a terminal of so many columns; exit status, and all that it wrote."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR")}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True,
                          env={**environment, "TERM": "xterm", **more}) as running:
        os.close(theirs)
        written = b""
        while True:
            try:
                some = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not some:
                break
            written += some
    os.close(ours)
    return running.returncode, written.decode("utf-8")


def on_screen(written: str, columns: int) -> list[str]:
    """Lines of a terminal that is high enough: wrapped, with what was rewritten as it was last."""
    rows: list[list[str]] = [[]]
    row = column = 0
    for found in _TOKEN.finditer(written):
        text = found[0]
        if text == "\n":
            row += 1
        elif text == "\r":
            column = 0
        elif found[2] == "A":
            row = max(0, row - int(found[1] or 1))
        elif found[2] == "K":
            rows[row] = []
        elif not text.startswith("\x1b"):
            for character in text:
                if column == columns:
                    row, column = row + 1, 0
                rows += [[] for _ in range(row + 1 - len(rows))]
                line = rows[row]
                line += " " * (column + 1 - len(line))
                line[column] = character
                column += 1
        rows += [[] for _ in range(row + 1 - len(rows))]
    lines = ["".join(line).rstrip() for line in rows]
    while lines and not lines[-1]:
        lines.pop()
    return lines
