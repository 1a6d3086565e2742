"""Tests; run by pytest, unittest, and the runner of Scipion."""

import unittest
from pathlib import Path

from gmmhet.tests.support.missing import skip_what_cannot_be_loaded

_HERE = Path(__file__).resolve().parent

skip_what_cannot_be_loaded(__name__)


def load_tests(loader: unittest.TestLoader, standard: unittest.TestSuite, pattern: str | None) -> unittest.TestSuite:
    """What unittest and Scipion's runner list."""
    standard.addTests(loader.discover(str(_HERE), pattern or "test*.py", str(_HERE.parents[1])))
    return standard
