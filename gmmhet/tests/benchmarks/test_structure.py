"""Figures of the structure, on small sources whose figures are known."""

import importlib.util
import sys
import tempfile
import unittest
from pathlib import Path

import pytest

STRUCTURE = Path(__file__).resolve().parents[3] / "benchmarks" / "structure.py"

pytestmark = pytest.mark.skipif(not STRUCTURE.is_file(), reason=f"no {STRUCTURE}: not run from the source tree")

CONFIG = '''
"""Options."""
from dataclasses import dataclass
from typing import Any

_LEAST, NAME = 0.5, "x"
MANY: tuple[int, ...] = (1, 2)


@dataclass(frozen=True)
class Config:
    """Docstrings do not count: smoothness."""

    smoothness: float = 0.0
    other: Any = None

    def __post_init__(self) -> None:
        assert self.smoothness >= 0  # in the class of fields: the same place
'''
PROTOCOL = '''
class Protocol:
    def _define(self, form, a, b, c, d, e, f, g):
        form.add("smoothness")

    def _arguments(self):
        return ["--smoothness", self.smoothness]

    def _long(self):
''' + "        pass\n" * 40
TEST = "ALLOWED = {'protocols': ()}\nFLOORS = (('config',),)\n\n\ndef test_it():\n    pass\n"


class TestStructure(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        spec = importlib.util.spec_from_file_location("benchmarks_structure", STRUCTURE)
        cls.structure = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = cls.structure  # dataclasses look for the module they are in
        spec.loader.exec_module(cls.structure)
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.addClassCleanup(sys.modules.pop, spec.name)
        cls.root = Path(folder.name)
        for name, text in (("engine/config.py", CONFIG), ("protocols/p.py", PROTOCOL), ("loose.py", "\n"),
                           ("tests/test_architecture.py", TEST)):
            path = cls.root / "gmmhet" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def test_figures_of_known_sources(self):
        found = self.structure.figures(self.root)
        self.assertEqual(found["modules"], "3")
        self.assertEqual(found["functions over 40 lines"], "1 (25.0 %)")  # 41 lines with its head
        self.assertEqual(found["functions with 8 or more parameters"], "1 (25.0 %)")  # without self
        self.assertEqual(found["uses of Any"], "2")
        self.assertEqual(found["modules under an architecture rule"], "2 of 3")
        self.assertEqual(found["numeric constants outside settings classes"], "2")
        self.assertEqual(found["tests"], "1")

    def test_places_that_define_an_option(self):
        self.assertEqual(self.structure.option_places(self.root / "gmmhet", "smoothness"), [
            "engine/config.py: Config", "protocols/p.py: Protocol._arguments", "protocols/p.py: Protocol._define"])

    def test_every_module_of_the_package_falls_under_a_rule(self):
        package = STRUCTURE.parents[1] / "gmmhet"
        self.assertEqual({m.name for m in self.structure.modules(package)} - self.structure.ruled(package), set())


if __name__ == "__main__":
    unittest.main()
