"""Pages that are made from the code, and the pictures."""

import re
import struct
import tempfile
import unittest
import unittest.mock
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from gmmhet import __version__
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


class TestLinks(unittest.TestCase):

    def test_links_that_lead_nowhere_are_named(self):
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (folder / "more").mkdir()
        (folder / "picture.png").write_bytes(b"")
        (folder / "a.html").write_text(
            '<p id="here"><a href="#here"><a href="#gone"><a href="more/b.html#there"><a href="more/b.html#gone">'
            '<a href="c.html"><img src="picture.png"><img src="none.png"><a href="https://x.org"><a href="http://x.org">')
        (folder / "more" / "b.html").write_text('<p id="there"><a href="../a.html"><a href="../a.html#nowhere">')
        self.assertEqual(loaded("links").broken(folder), [
            "a.html: #gone", "a.html: more/b.html#gone", "a.html: c.html", "a.html: none.png", "a.html: http://x.org",
            "more/b.html: ../a.html#nowhere"])
        self.assertIn("no page", loaded("links").broken(folder / "none")[0])


class TestPictures(unittest.TestCase):

    def test_pictures_are_there_and_small(self):
        for name in ("motion.png", "maps.png"):
            data = (ROOT / "docs" / "pictures" / name).read_bytes()
            self.assertEqual(data[:8], b"\x89PNG\r\n\x1a\n")
            width, height = struct.unpack(">II", data[16:24])
            self.assertTrue(800 <= width <= 1400 and 200 <= height <= 600)
            self.assertLess(len(data), 100_000)

    def test_pages_show_what_this_version_made(self):
        """Every picture of a page is of make docs-pictures and this version, and every one that was made is shown."""
        pictures = ROOT / "docs" / "pictures"
        version, *made = (pictures / "made.txt").read_text(encoding="utf-8").split()
        self.assertEqual(version, __version__)
        pages = "\n".join(p.read_text(encoding="utf-8") for p in (ROOT / "docs").glob("*.rst"))
        shown = set(re.findall(r"pictures/([\w.]+)", pages))
        self.assertEqual(shown - set(made), set())
        self.assertEqual(set(made) - shown, {"simulate.txt"} & set(made))
        self.assertEqual([name for name in made if not (pictures / name).is_file()], [])
        self.assertLess(sum(p.stat().st_size for p in pictures.iterdir()), 1_000_000)


if __name__ == "__main__":
    unittest.main()
