"""A Scipion without TensorFlow shows no test in red, whether it lists tests or runs one by name."""

import contextlib
import io
import sys
import tempfile
import unittest
from pathlib import Path

from gmmhet.tests.support.missing import Skipping

#: two tests that fail, one of them for a package that is not there
LATE = ("import unittest\n\nclass TestLate(unittest.TestCase):\n    def test_it(self):\n        try:\n"
        "            import pytest.not_there\n        except ImportError:\n            pass\n        self.fail()\n"
        "    def test_other(self):\n        self.fail('wrong')\n")
WORKS = "import unittest\n\nclass TestIt(unittest.TestCase):\n    def test_it(self):\n        pass\n"
MODULES = {
    "test_lacks": f"{WORKS}\nhelp_of_it = 1\nimport pytest.not_there\n", "test_works": WORKS,
    "test_wrong": "import no_such_package", "test_imports_from_it": f"from test_lacks import help_of_it\n{WORKS}",
    "test_late": LATE}
REASON = "needs pytest, which this Python does not have"


class TestMissing(unittest.TestCase):

    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name, source in MODULES.items():
            (self.folder / f"{name}.py").write_text(source, encoding="utf-8")
            self.addCleanup(sys.modules.pop, name, None)
        for paths, entry in ((sys.path, str(self.folder)), (sys.meta_path, Skipping(""))):
            paths.insert(0, entry)
            self.addCleanup(paths.remove, entry)

    def ran(self, tests):
        result, said = unittest.TestResult(), io.StringIO()
        with contextlib.redirect_stderr(said):
            tests.run(result)
        return result, said.getvalue()

    def test_what_lacks_an_optional_package_is_skipped_and_nothing_else(self):
        result, said = self.ran(unittest.TestLoader().discover(str(self.folder)))
        self.assertEqual(result.testsRun, 6)
        self.assertEqual({(test.id(), reason) for test, reason in result.skipped}, {
            *((f"{module}.NotLoaded.test_skipped", REASON) for module in ("test_lacks", "test_imports_from_it")),
            ("test_late.TestLate.test_it", REASON)})
        ((failed, _),) = result.failures
        self.assertEqual(failed.id(), "test_late.TestLate.test_other")
        self.assertIn(f"SKIPPED test_late.TestLate.test_it: {REASON}", said)
        ((wrong, _),) = result.errors
        self.assertIn("test_wrong", wrong.id())
        self.assertIn(f"SKIPPED test_lacks: {REASON}", said)

    def test_by_name(self):
        """As Scipion's runner starts each class."""
        for name in ("test_lacks", "test_lacks.TestIt", "test_lacks.NotLoaded", "test_imports_from_it.TestIt"):
            result, said = self.ran(unittest.TestLoader().loadTestsFromNames([name]))
            self.assertEqual((result.testsRun, len(result.skipped), result.errors), (1, 1, []), name)
            self.assertIn(REASON, said)


if __name__ == "__main__":
    unittest.main()
