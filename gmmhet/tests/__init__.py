"""Tests; run by pytest, unittest, and the runner of Scipion."""

import unittest
from pathlib import Path

from gmmhet.tests.support.missing import skipping

_HERE = Path(__file__).resolve().parent


def load_tests(loader: unittest.TestLoader, standard: unittest.TestSuite, pattern: str | None) -> unittest.TestSuite:
    """What unittest and Scipion's runner list: where a package is missing that tests need, these skip aloud."""
    standard.addTests(loader.discover(str(_HERE), pattern or "test*.py", str(_HERE.parents[1])))
    return skipping(standard)
