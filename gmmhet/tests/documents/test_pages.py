"""Pages that are made from the code, and the pictures."""

import struct
import tempfile
import unittest
import unittest.mock
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from gmmhet.engine.settings import setting
from gmmhet.tests.documents.test_commands import ROOT, loaded

pytestmark = pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason=f"no {ROOT}/docs: not run from the source tree")


@dataclass(frozen=True)
class Windows:
    """Windows of particles around a point."""

    fewest: int = setting(50, "particles", "noise of fewer *hides* what moves", origin="chosen, not measured")
    widths: tuple[float, ...] = setting((0.5, 2.0), "", "tried widths", origin="Habbema_1974")


class TestSettingsPage(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.generate = loaded("generate")

    def test_a_row_for_each_setting_with_markup_taken_literally(self):
        table = self.generate._settings_table(Windows())
        self.assertIn("Windows of particles around a point.", table)
        row = ["   * - ``fewest``", "     - ``50``", "     - particles", "     - noise of fewer \\*hides\\* what moves",
               "     - chosen, not measured"]
        self.assertIn("\n".join(row), table)
        self.assertIn("     - ``0.5``, ``2``", table)
        self.assertIn("Habbema\\_1974", table)

    def test_each_instance_that_a_module_defines_once(self):
        module = ModuleType(Windows.__module__)
        module.A = module.B = Windows()
        module.other, module.Windows = 3, Windows
        self.assertEqual(list(self.generate._instances(module)), [module.A])

    def test_the_page_has_every_settings_module_of_the_engine(self):
        page = self.generate.settings_page()
        for path in (ROOT / "gmmhet" / "engine").glob("*/settings.py"):
            self.assertIn(f"\n{path.parent.name}\n-", page)

    def test_files_that_do_not_change_are_left_alone(self):
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        pages = ("settings_page", "commands_page", "protocols_page")
        for name in pages:
            self.enterContext(unittest.mock.patch.object(self.generate, name, lambda name=name: name))
        self.generate.write_pages(folder)
        before = {p.name: p.stat().st_mtime_ns for p in folder.iterdir()}
        self.generate.write_pages(folder)
        self.assertEqual(before, {p.name: p.stat().st_mtime_ns for p in folder.iterdir()})
        self.assertEqual(sorted(before), ["commands.rst", "protocols.rst", "settings.rst"])


class TestPictures(unittest.TestCase):

    def test_pictures_are_there_and_small(self):
        for name in ("motion.png", "maps.png"):
            data = (ROOT / "docs" / "pictures" / name).read_bytes()
            self.assertEqual(data[:8], b"\x89PNG\r\n\x1a\n")
            width, height = struct.unpack(">II", data[16:24])
            self.assertTrue(800 <= width <= 1400 and 200 <= height <= 600)
            self.assertLess(len(data), 100_000)


if __name__ == "__main__":
    unittest.main()
