"""Every gmmhet command in the documents is one that the program takes; make docs also runs those of the tutorial."""

import importlib.util
import io
import re
import shlex
import sys
import tempfile
import unittest
from contextlib import redirect_stderr
from pathlib import Path

import pytest

from gmmhet.engine.commands.parser import parser_of_all

ROOT = Path(__file__).resolve().parents[3]
PAGES = ("README.rst", "docs/installation.rst", "docs/tutorial.rst", "docs/howto.rst", "docs/particles.rst",
         "docs/cases.rst", "docs/relion.rst", "docs/cryosparc.rst",
         "docs/landscape.rst", "docs/view.rst", "docs/cluster.rst")
#: a command in a block of commands, with what may start it on several ranks
_COMMAND = re.compile(r"^ {3,}(?:mpirun -np \d+ |srun [-\w=$]+ )?gmmhet ([a-z]+ .*)$", re.MULTILINE)

PAGE = """\
Run::

    gmmhet fit a.mrc -o b.npz
    gmmhet path c -o d

Text.

.. code-block:: bash

   gmmhet report r -o p.html

.. not run: no MPI here

::

    mpirun -np 2 gmmhet run a

Another::

    make demo

::

    gmmhet map x -o y
"""

pytestmark = pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason=f"no {ROOT}/docs: not run from the source tree")


def loaded(name: str):
    """A script of docs as a module."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def commands(path: Path) -> list[str]:
    """Arguments of the gmmhet commands in the blocks of a page."""
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    return [found.partition(" #")[0].strip() for found in _COMMAND.findall(text)]


class TestCommands(unittest.TestCase):

    def test_the_program_takes_every_command_of_the_documents(self):
        refused = []
        for page in PAGES:
            for command in commands(ROOT / page):
                try:
                    with redirect_stderr(io.StringIO()) as said:
                        parser_of_all().parse_args(shlex.split(command))
                except SystemExit:
                    refused.append(f"{page}: gmmhet {command}: {said.getvalue().splitlines()[-1]}")
        self.assertEqual(refused, [])

    def test_commands_are_found_on_the_pages(self):
        counts = {page: len(commands(ROOT / page)) for page in PAGES if page != "docs/installation.rst"}
        self.assertTrue(all(counts.values()), counts)
        self.assertGreater(sum(counts.values()), 30)


class TestBlocks(unittest.TestCase):
    """docs/check.py: what it runs."""

    @classmethod
    def setUpClass(cls):
        cls.check = loaded("check")

    def test_blocks_of_a_page(self):
        page = Path(self.enterContext(tempfile.TemporaryDirectory())) / "page.rst"
        page.write_text(PAGE)
        found = list(self.check.blocks(page))
        self.assertEqual([(b.line, b.text, b.reason) for b in found], [
            (3, "gmmhet fit a.mrc -o b.npz\ngmmhet path c -o d", ""), (10, "gmmhet report r -o p.html", ""),
            (16, "mpirun -np 2 gmmhet run a", "no MPI here"), (24, "gmmhet map x -o y", "")])

    def test_every_command_of_tutorial_and_how_to_is_in_a_block(self):
        for page in self.check.PAGES:
            path = ROOT / "docs" / page
            lines = [line for b in self.check.blocks(path) for line in b.text.splitlines()]
            self.assertEqual(len([line for line in lines if "gmmhet" in line]), len(commands(path)), page)

    def test_few_blocks_are_left_out_and_each_says_why(self):
        found = [b for page in self.check.PAGES for b in self.check.blocks(ROOT / "docs" / page)]
        self.assertLessEqual(sum(bool(b.reason) for b in found), 4)
        self.assertGreaterEqual(len(found), 15)

    def test_options_that_keep_runs_short_are_taken(self):
        for command in ("simulate -o a", "fit a -o b.npz", "analyze a --model b -o c", "run a b -o c",
                        "reconstruct a --latents b -o c"):
            options = parser_of_all().parse_args(self.check.engine_arguments(command.split(), "2"))
            self.assertEqual(options.threads, 2)


if __name__ == "__main__":
    unittest.main()
