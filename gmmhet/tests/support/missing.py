"""Test modules that cannot be loaded since a package is not there: they skip, and say so."""

import re
import unittest

__all__ = ["skipping"]

#: packages that a Scipion may do without
_OPTIONAL = re.compile(r"No module named '(tensorflow|keras|pytest)\b")


def skipping(tests: unittest.TestSuite) -> unittest.TestSuite:
    """The same tests; in place of a module that lacks an optional package, one that is skipped with the reason."""
    found = unittest.TestSuite()
    for test in tests:
        if isinstance(test, unittest.TestSuite):
            found.addTest(skipping(test))
        else:
            missing = _OPTIONAL.search(str(getattr(test, "_exception", "")))
            found.addTest(test if missing is None else _skipped(test, missing[1]))
    return found


def _skipped(failed: unittest.TestCase, package: str) -> unittest.TestCase:
    """In place of a module that could not be imported."""
    module = failed.id().removeprefix("unittest.loader._FailedTest.")

    @unittest.skip(f"needs {package}, which this Python does not have")
    def test_skipped(self: unittest.TestCase) -> None:
        """Never run."""

    kind = type("NotLoaded", (unittest.TestCase,), {"test_skipped": test_skipped, "__module__": module,
                                                    "__qualname__": "NotLoaded"})
    return kind("test_skipped")
