"""Commands whose output nobody reads to the end: gmmhet check X | head."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from gmmhet.tests.support.star_files import particle_columns, write_images, write_particle_star


class TestClosedPipes(unittest.TestCase):
    def test_commands_end_quietly(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            write_images(Path(folder) / "stack.mrcs", 60)
            star = write_particle_star(Path(folder) / "p.star", particle_columns(60))
            for arguments in (["check", str(star)], ["check", f"{star}.none"], ["--help"]):
                with self.subTest(arguments[0]):
                    process = subprocess.Popen([sys.executable, "-m", "gmmhet.engine", *arguments],
                                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                    process.stdout.close()
                    said = process.stderr.read().decode()
                    process.stderr.close()
                    process.wait()
                    self.assertNotIn("Traceback", said)
                    self.assertNotIn("BrokenPipe", said)
                    self.assertNotIn("Exception", said)

    def test_standard_error_that_nobody_reads(self) -> None:
        process = subprocess.Popen([sys.executable, "-m", "gmmhet.engine", "check", "none.star"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stderr.close()
        self.assertEqual(process.stdout.read(), b"")
        process.stdout.close()
        self.assertIn(process.wait(), (2, 141))


if __name__ == "__main__":
    unittest.main()
