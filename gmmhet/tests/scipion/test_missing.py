"""A Scipion without TensorFlow lists no test in red."""

import sys
import tempfile
import unittest
from pathlib import Path

from gmmhet.tests.support.missing import skipping

MODULES = {"test_lacks": "import tensorflow.not_there", "test_works": "import unittest\n\nclass TestIt("
           "unittest.TestCase):\n    def test_it(self):\n        pass\n", "test_wrong": "import no_such_package"}


class TestMissing(unittest.TestCase):

    def test_what_lacks_an_optional_package_is_skipped_and_nothing_else(self):
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name, source in MODULES.items():
            (folder / f"{name}.py").write_text(source, encoding="utf-8")
            self.addCleanup(sys.modules.pop, name, None)
        self.addCleanup(sys.path.remove, str(folder))
        loader = unittest.TestLoader()
        result = unittest.TestResult()
        found = skipping(loader.discover(str(folder)))
        found.run(result)
        self.assertEqual(result.testsRun, 3)
        ((skipped, reason),) = result.skipped
        self.assertEqual((skipped.id(), reason), ("test_lacks.NotLoaded.test_skipped",
                                                  "needs tensorflow, which this Python does not have"))
        ((wrong, _),) = result.errors
        self.assertIn("test_wrong", wrong.id())


if __name__ == "__main__":
    unittest.main()
