"""A Scipion without TensorFlow shows no test in red, whether it lists tests or runs one by name."""

import contextlib
import io
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from gmmhet.tests.support.missing import Skipping

ROOT = Path(__file__).resolve().parents[3]

#: two tests that fail, one of them for a package that is not there
LATE = ("import unittest\n\nclass TestLate(unittest.TestCase):\n    def test_it(self):\n        try:\n"
        "            import not_there\n        except ImportError:\n            pass\n        self.fail()\n"
        "    def test_other(self):\n        self.fail('wrong')\n")
#: a class that cannot be set up, one that inherits from it and can, and one that fails after it looked for a package
CLASSES = """
import importlib.util
import unittest

class TestNotSetUp(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.addClassCleanup(print, "cleaned up", cls.__name__)
        import not_there
    @classmethod
    def tearDownClass(cls):
        raise ValueError("nothing was set up")
    def test_one(self):
        pass
    def test_two(self):
        pass

class TestOfItsOwn(TestNotSetUp):
    @classmethod
    def setUpClass(cls):
        pass
    @classmethod
    def tearDownClass(cls):
        pass

class TestLooksForIt(unittest.TestCase):
    def test_it(self):
        self.assertIsNone(importlib.util.find_spec("not_there"))
        self.fail("wrong")

class TestLacksAPart(unittest.TestCase):
    def test_it(self):
        import json.not_there
"""
WORKS = "import unittest\n\nclass TestIt(unittest.TestCase):\n    def test_it(self):\n        pass\n"
MODULES = {
    "test_lacks": f"{WORKS}\nhelp_of_it = 1\nimport not_there\n", "test_works": WORKS,
    "test_wrong": "import no_such_package", "test_imports_from_it": f"from test_lacks import help_of_it\n{WORKS}",
    "test_late": LATE, "test_classes": CLASSES}
#: all modules as pytest and unittest find them: the errors, and those that are not loaded
LISTED = """
import contextlib, json, sys, unittest
sys.modules.update(dict.fromkeys(("tensorflow", "keras")))
import pytest
with contextlib.redirect_stdout(sys.stderr):
    status = pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", "gmmhet/tests"])
    listed, wrong = [unittest.defaultTestLoader.discover("gmmhet/tests", top_level_dir=".")], []
    while listed:
        if isinstance(test := listed.pop(), unittest.TestSuite):
            listed += test
        elif type(test).__name__ == "_FailedTest":
            wrong.append(test.id())
modules = {n: hasattr(m, "NotLoaded") for n, m in sys.modules.items() if n.rpartition(".")[2].startswith("test_")}
print(json.dumps([status, wrong, modules]))
"""
REASON = "needs not_there, which this Python does not have"


class TestMissing(unittest.TestCase):

    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name, source in MODULES.items():
            (self.folder / f"{name}.py").write_text(source, encoding="utf-8")
            self.addCleanup(sys.modules.pop, name, None)
        finder = Skipping("", ("not_there", "json"))
        for paths, entry in ((sys.path, str(self.folder)), (sys.meta_path, finder)):
            paths.insert(0, entry)
            self.addCleanup(paths.remove, entry)

    def ran(self, tests):
        result, said = unittest.TestResult(), io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            tests.run(result)
        return result, said.getvalue()

    def test_what_lacks_an_optional_package_is_skipped_and_nothing_else(self):
        result, said = self.ran(unittest.TestLoader().discover(str(self.folder)))
        self.assertEqual(result.testsRun, 12)
        self.assertEqual({(test.id(), reason) for test, reason in result.skipped}, {
            *((f"{module}.NotLoaded.test_skipped", REASON) for module in ("test_lacks", "test_imports_from_it")),
            *((f"test_classes.TestNotSetUp.test_{name}", REASON) for name in ("one", "two")),
            ("test_late.TestLate.test_it", REASON)})
        self.assertEqual({test.id() for test, _ in result.failures},
                         {"test_late.TestLate.test_other", "test_classes.TestLooksForIt.test_it"})
        for name in ("test_late.TestLate.test_it", "test_classes.TestNotSetUp.setUpClass", "test_lacks"):
            self.assertIn(f"SKIPPED {name}: {REASON}", said)
        self.assertIn("cleaned up TestNotSetUp", said)
        self.assertEqual({test.id().rpartition(".")[2] if "Failed" in test.id() else test.id()
                          for test, _ in result.errors}, {"test_wrong", "test_classes.TestLacksAPart.test_it"})

    def test_by_name(self):
        """As Scipion's runner starts each class."""
        for name in ("test_lacks", "test_lacks.TestIt", "test_lacks.NotLoaded", "test_imports_from_it.TestIt"):
            result, said = self.ran(unittest.TestLoader().loadTestsFromNames([name]))
            self.assertEqual((result.testsRun, len(result.skipped), result.errors), (1, 1, []), name)
            self.assertIn(REASON, said)

    def test_no_module_of_ours_is_an_error_without_tensorflow(self):
        """To pytest and to unittest; and what needs no TensorFlow is there."""
        done = subprocess.run([sys.executable, "-c", LISTED], cwd=ROOT, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        status, wrong, modules = json.loads(done.stdout)
        self.assertEqual((status, wrong), (0, []), done.stderr)
        self.assertEqual(set(modules), {".".join(path.relative_to(ROOT).with_suffix("").parts)
                                        for path in ROOT.glob("gmmhet/tests/**/test_*.py")})
        for name, skips in (("subspace.test_e_step", True), ("gradient.test_frc", True), ("io.test_star", False),
                            ("landscape.test_maps", False), ("report.test_report", False)):
            self.assertEqual(modules[f"gmmhet.tests.engine.{name}"], skips, name)


if __name__ == "__main__":
    unittest.main()
