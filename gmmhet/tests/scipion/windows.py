"""A tour of the windows of a project, on a screen of its own."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

from gmmhet.tests.support.screen import screen

__all__ = ["toured"]

_SECONDS = 900  # no tour takes so long


def toured(case: unittest.TestCase, project: Any) -> tuple[str, set[str]]:
    """Open every form and viewer of a copy of the project.

    Returns:
        What the tour said, and the names of its pictures.
    Raises:
        AssertionError: something failed; carries what the tour said.
    """
    folder = Path(case.enterContext(tempfile.TemporaryDirectory()))
    copy, pictures = folder / "projects" / project.getShortName(), folder / "pictures"
    shutil.copytree(project.path, copy, symlinks=True)
    with screen() as display:
        done = subprocess.run([sys.executable, "-m", "gmmhet.tests.support.window_tour", str(copy), str(pictures)],
                              check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              env={**os.environ, "DISPLAY": display}, timeout=_SECONDS)
    if keep := os.environ.get("GMMHET_WINDOWS"):  # to look at them
        shutil.copytree(pictures, Path(keep) / project.getShortName(), dirs_exist_ok=True)
    case.assertEqual(done.returncode, 0, done.stdout)
    return done.stdout, {path.stem[3:] for path in pictures.glob("*.png")}
