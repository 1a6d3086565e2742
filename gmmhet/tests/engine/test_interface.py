"""The Python interface: its names are there, documented, and cost nothing until they are used."""

import inspect
import subprocess
import sys
import unittest
from pathlib import Path

import gmmhet.engine

#: of everything that takes time to load
HEAVY = ("tensorflow", "pwem", "pyworkflow", "scipy", "numpy", "h5py", "matplotlib")


def fresh(code: str) -> str:
    """What code prints in an interpreter of its own."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          cwd=Path(gmmhet.__file__).parents[1])
    return done.stdout.strip()


class TestInterface(unittest.TestCase):

    def test_every_name_is_there_and_documented(self):
        for name in gmmhet.engine.__all__:
            found = getattr(gmmhet.engine, name)
            self.assertTrue(inspect.getdoc(found), name)
            self.assertTrue(found.__module__.startswith("gmmhet.engine."), name)
            self.assertIs(found, getattr(gmmhet.engine, name))

    def test_names_are_those_that_a_type_checker_sees(self):
        source = inspect.getsource(gmmhet.engine)
        seen = {line.split(" as ")[1] for line in source.splitlines() if " as " in line and "import" in line}
        self.assertEqual(seen, set(gmmhet.engine.__all__))
        self.assertEqual(sorted(gmmhet.engine._HOMES), gmmhet.engine.__all__)
        self.assertLess(set(gmmhet.engine.__all__), set(dir(gmmhet.engine)))

    def test_importing_it_loads_nothing(self):
        loaded = fresh(f"import sys, gmmhet.engine; print([n for n in {HEAVY} if n in sys.modules])")
        self.assertEqual(loaded, "[]")

    def test_reading_needs_no_tensorflow(self):
        code = ("import sys; from gmmhet.engine import open_analysis, map_at, read_map, read_particles, write_report; "
                "print('tensorflow' in sys.modules or 'pwem' in sys.modules)")
        self.assertEqual(fresh(code), "False")

    def test_names_do_not_hide_the_folders_of_stages(self):
        code = ("from gmmhet.engine import check_particles, simulate_particles; import gmmhet.engine as e; "
                "print(e.check.__name__, e.simulate.__name__, e.check.check is check_particles)")
        self.assertEqual(fresh(code), "gmmhet.engine.check gmmhet.engine.simulate True")

    def test_other_names_are_refused(self):
        name = "analyse"
        with self.assertRaisesRegex(AttributeError, f"no attribute '{name}'"):
            getattr(gmmhet.engine, name)


if __name__ == "__main__":
    unittest.main()
