"""RELION's own programs, where they are installed (on Debian: apt-get install relion)."""

import shutil
import subprocess
import unittest
from pathlib import Path

__all__ = ["need_relion", "relion"]


def need_relion(program: str) -> str:
    """The path of a program; skips the test, saying so, where it is not installed."""
    found = shutil.which(program)
    if found is None:
        raise unittest.SkipTest(f"{program} is not installed: on Debian, apt-get install relion")
    return found


def relion(program: str, *words: object, folder: Path) -> str:
    """Run a program in a folder to its end; what it said.

    Raises:
        AssertionError: it failed; the message ends with its last lines.
    """
    done = subprocess.run([need_relion(program), *map(str, words)], cwd=folder, capture_output=True, text=True,
                          check=False, timeout=300)
    said = done.stdout + done.stderr
    if done.returncode:
        raise AssertionError(f"{program} {' '.join(map(str, words))}: status {done.returncode}\n{said[-1500:]}")
    return said
