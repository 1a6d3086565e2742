"""A refinement by RELION of realistic images, analysed: minutes to an hour, so only where GMMHET_SLOW is set."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from gmmhet.tests.support.relion import need_relion

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"


class TestRefinement(unittest.TestCase):
    def test_small_set_goes_from_images_to_a_verdict(self):
        if not os.environ.get("GMMHET_SLOW"):
            raise unittest.SkipTest("GMMHET_SLOW is not set: a refinement of 1,000 images takes minutes to an hour")
        for program in ("relion_refine", "relion_refine_mpi", "mpirun"):
            need_relion(program)
        with tempfile.TemporaryDirectory() as name:
            work = os.environ.get("GMMHET_SLOW_WORK", name)
            done = subprocess.run([sys.executable, str(BENCHMARKS / "realistic.py"), "--work", work, "--with-mask"],
                                  capture_output=True, text=True, check=False, cwd=BENCHMARKS.parent,
                                  env={**os.environ, "PYTHONPATH": str(BENCHMARKS.parent)})
        self.assertEqual(done.returncode, 0, done.stderr[-2000:])
        figures = {line[:70].strip(): line[70:].strip() for line in done.stdout.splitlines()}
        median, beyond, _ = map(float, figures[
            "pose errors: median degrees, share beyond 10 degrees, median Angstrom"].split())
        self.assertLess(median, 8)
        self.assertLess(beyond, 0.5)
        ratio = float(figures["held-out R of the bend: RELION's poses, true poses, ratio"].split()[-1])
        self.assertGreater(ratio, 0.5)


if __name__ == "__main__":
    unittest.main()
