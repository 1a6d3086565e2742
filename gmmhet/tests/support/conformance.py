"""Files of other programs, when they are there."""

import os
import unittest
from pathlib import Path

__all__ = ["conformance_file"]


def conformance_file(name: str) -> Path:
    """A file of the folder named by GMMHET_CONFORMANCE_DATA; skips the test, saying so, when it is absent."""
    project = Path(__file__).resolve().parents[3]
    folder = Path(os.environ.get("GMMHET_CONFORMANCE_DATA", project.parent / "shared" / "data"))
    path = folder / name
    if not path.is_file():
        raise unittest.SkipTest(f"{path} is not there: set GMMHET_CONFORMANCE_DATA to the conformance data")
    return path
