"""What is said while TensorFlow is imported: a stand-in of its name writes as its libraries do, to the descriptor."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

_NOTES = ("WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\\n"
          "I0000 00:00:1.2 33 port.cc:153] oneDNN custom operations are on. You may see\\n")
_IMPORT = """
import os
from gmmhet.engine.runtime.devices import set_devices
set_devices(1, "none")
set_devices(1, "none")
try:
    import tensorflow
    print(tensorflow.__loader__.get_source("tensorflow") is not None, tensorflow.VALUE)
finally:
    os.write(2, b"oneDNN custom operations are on, afterwards\\n")
"""


class TestImport(unittest.TestCase):
    def imported(self, *lines: str) -> subprocess.CompletedProcess[str]:
        """Standard output and error of a process that imports a TensorFlow of these lines."""
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "tensorflow").mkdir()
            Path(folder, "tensorflow", "__init__.py").write_text(
                "\n".join(["import os", f'os.write(2, b"{_NOTES}")', *lines]) + "\n")
            path = os.pathsep.join([folder, str(Path(__file__).parents[4])])
            return subprocess.run([sys.executable, "-c", _IMPORT], env={**os.environ, "PYTHONPATH": path},
                                  capture_output=True, text=True, check=False)

    def test_notes_are_left_out_and_nothing_else(self) -> None:
        found = self.imported(
            'os.write(2, b"E0000 no GPU driver\\n")', "VALUE = 3", "class config:",
            "    list_physical_devices = lambda: os.write(2, b'E0000 failed call to cuInit: CUDA_ERROR_NO_DEVICE\\n')")
        self.assertEqual((found.returncode, found.stdout), (0, "True 3\n"))
        self.assertEqual(found.stderr, "E0000 no GPU driver\noneDNN custom operations are on, afterwards\n")

    def test_an_import_that_fails_shows_what_was_said(self) -> None:
        found = self.imported('os.write(2, b"libcudart is missing\\n")', "raise ImportError('no library')")
        self.assertNotEqual(found.returncode, 0)
        first, second, *rest = found.stderr.splitlines()
        self.assertEqual((first, second), ("libcudart is missing", "oneDNN custom operations are on, afterwards"))
        self.assertEqual(rest[-1], "ImportError: no library")


if __name__ == "__main__":
    unittest.main()
