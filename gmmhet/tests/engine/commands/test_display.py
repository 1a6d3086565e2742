"""What is seen while a command runs: on a terminal of 80 columns, and where there is none."""

import io
import os
import re
import subprocess
import sys
import tempfile
import threading
import unittest
from contextlib import redirect_stderr
from pathlib import Path

from gmmhet.engine.commands.display import shown
from gmmhet.engine.config import SimulateConfig
from gmmhet.engine.progress import Course, progress, watched_by
from gmmhet.engine.simulate import simulate
from gmmhet.engine.wording.numbers import amount
from gmmhet.engine.wording.run import duration, progress_line
from gmmhet.tests.support.terminal import in_terminal, on_screen

ROOT = Path(__file__).resolve().parents[4]
COLUMNS, WIDEST = 80, 120
#: five stages with two hundred loops, a line of detail for each, a long warning, and a long verdict
MANY_LOOPS = """
import logging, sys, time
from gmmhet.engine.commands import display
from gmmhet.engine.progress import Course, progress
display.SECONDS_BETWEEN_LINES = float(sys.argv[1])
course = Course(dict.fromkeys("abcde", 0.2))
log = logging.getLogger("gmmhet")
told, put = [], display._Lines.put

def counted(self, text):
    told.append(text)
    put(self, text)

display._Lines.put = counted
with display.shown(course, verbose=len(sys.argv) > 2, brief=True):
    for stage in "abcde":
        course.enter(stage)
        display.TOLD.info("stage %s", stage)
        for number in range(40):
            log.info("detail %d", number)
            for _ in progress(range(50), f"loop {number} with a name that is far too long for any line " * 3, 50):
                pass
    log.warning("a warning " + "of many words " * 20)
    display.TOLD.info("the verdict " + "of many words " * 20)
"""

#: while a line is rewritten, a table with a line that is wider than the terminal
FOUND = """
import time
from gmmhet.engine.commands import display
from gmmhet.engine.progress import Course
with display.shown(Course({"check": 1.0}), verbose=False, brief=False):
    time.sleep(0.3)
    display.say("views    few\\nposes    " + "of many words " * 9 + "\\n         /a/path/that/is/whole", indent=9)
"""


def program(*arguments: str) -> list[str]:
    return [sys.executable, "-c", MANY_LOOPS, *arguments]


ENVIRONMENT = {"PYTHONPATH": str(ROOT)}


def off_terminal(command: list[str]) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **ENVIRONMENT})
    assert not done.stdout, done.stdout
    return done.stderr.splitlines()


class TestManyLoops(unittest.TestCase):

    def test_a_terminal_shows_a_line_for_each_stage_and_none_for_loops(self) -> None:
        status, written = in_terminal(program("30"), COLUMNS, ENVIRONMENT)
        lines = on_screen(written, COLUMNS)
        self.assertEqual(status, 0, written)
        self.assertEqual([line[9:] for line in lines[:5]], [f"stage {s}" for s in "abcde"])
        self.assertLessEqual(len(lines), 20, lines)
        self.assertFalse([line for line in lines if "loop" in line or "detail" in line])
        self.assertTrue(all(len(line) <= COLUMNS for line in lines))
        self.assertIn("5 of 5 · e", written)  # the rewritten line, which is gone in the end
        self.assertEqual(" ".join(" ".join(lines).split()).count("of many words"), 40)

    def test_what_was_found_stands_on_lines_of_its_own_and_is_wrapped(self) -> None:
        _, written = in_terminal([sys.executable, "-c", FOUND], COLUMNS, ENVIRONMENT)
        self.assertIn("check · ", written)  # the line that is rewritten
        many = "of many words " * 9
        self.assertEqual(on_screen(written, COLUMNS), [
            "views    few", f"poses    {many[:70].rstrip()}", f"         {many[70:].rstrip()}",
            "         /a/path/that/is/whole"])
        done = subprocess.run([sys.executable, "-c", FOUND], capture_output=True, text=True, check=True,
                              env={**os.environ, **ENVIRONMENT})
        self.assertEqual(done.stdout.splitlines()[1], f"poses    {many}")

    def test_elsewhere_lines_are_few_and_not_long(self) -> None:
        lines = off_terminal(program("30"))
        self.assertEqual([line[9:] for line in lines[:5]], [f"stage {s}" for s in "abcde"])
        self.assertLessEqual(len(lines), 12, lines)
        self.assertLessEqual(max(map(len, lines)), WIDEST)

    def test_elsewhere_a_line_tells_of_progress_when_none_came_for_long(self) -> None:
        """Every stage goes on until there is such a line."""
        indent = "\n" + " " * 16
        waiting = f"before = len(told){indent}while len(told) == before: time.sleep(0.01){indent}break"
        command = [sys.executable, "-c", MANY_LOOPS.replace("                pass", f"                {waiting}")
                   .replace("range(40)", "range(1)"), "0.1"]
        lines = [line for line in off_terminal(command) if re.search(r"\d of 5 · . · .*% · about \d+ s left", line)]
        self.assertGreaterEqual(len(lines), 5)
        self.assertEqual({line[9] for line in lines}, set("12345"))
        self.assertLessEqual(max(map(len, lines)), WIDEST)

    def test_verbose_shows_all(self) -> None:
        self.assertEqual(sum("detail" in line for line in off_terminal(program("30", "verbose"))), 200)

    def test_a_reader_that_leaves_ends_it_quietly(self) -> None:
        code = ("from gmmhet.engine.commands.pipes import readers_may_leave\nwith readers_may_leave():\n    exec(" +
                repr(MANY_LOOPS) + ")")
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run([sys.executable, "-c", code, "30"], stderr=write, stdout=subprocess.PIPE, check=False,
                              env={**os.environ, **ENVIRONMENT})
        os.close(write)
        self.assertEqual((done.returncode, done.stdout), (141, b""))


class TestWholeRun(unittest.TestCase):
    """gmmhet run as a program, of seven particles."""

    @classmethod
    def setUpClass(cls) -> None:
        holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(holder.cleanup)
        cls.folder = Path(holder.name)
        simulate(SimulateConfig("null", 7, 32, 8.0), cls.folder / "data")

    def command(self, name: str) -> list[str]:
        return [sys.executable, "-m", "gmmhet.engine", "run", str(self.folder / "data/particles.star"),
                str(self.folder / "data/consensus.mrc"), "--n-gaussians", "30", "--resolution", "32", "--threads", "1",
                "-o", str(self.folder / name)]

    def check(self, lines: list[str], name: str) -> None:
        text = " ".join(" ".join(line[9:] if re.match(r"\d\d:\d\d:\d\d ", line) else line.strip() for line in lines)
                        .split())
        for number, stage in enumerate(("check", "model", "motion", "composition", "maps", "report"), 1):
            self.assertIn(f"{number} of 6 · {stage}", text)
        self.assertRegex(text, r"7 particles will take .* on this machine, up to .* of memory and .* of disk \(.* free")
        self.assertIn("7 particles cannot support a motion", text)
        joined = text.replace(" ", "")  # a path may be wrapped
        self.assertIn(f"Open{self.folder / name}/report.html", joined)
        self.assertIn("Next:gmmhet", joined)
        details = (self.folder / name / "run.log").read_text(encoding="utf-8")
        self.assertIn("Gaussians", details)
        self.assertIn("Rates(", details)

    def test_in_a_terminal_and_off_it(self) -> None:
        status, written = in_terminal(self.command("terminal"), COLUMNS, ENVIRONMENT)
        lines = on_screen(written, COLUMNS)
        self.assertEqual(status, 0, written)
        self.assertLessEqual(len(lines), 30, lines)
        self.check(lines, "terminal")
        lines = off_terminal(self.command("elsewhere"))
        self.assertLessEqual(len(lines), 60, lines)
        self.assertLessEqual(max(map(len, lines)), WIDEST)
        self.check(lines, "elsewhere")


class TestCourse(unittest.TestCase):

    def test_share_and_time_left_follow_the_expectations(self) -> None:
        course = Course({"first": 10.0, "second": 30.0})
        course.begun = course.entered = course.begun - 5.0
        found = course.position()
        self.assertAlmostEqual(found.left or 0, 35.0, delta=0.2)
        self.assertAlmostEqual(found.share or 0, 5 / 40, delta=0.01)
        course.enter("second")
        course.expect("second", 5.0)
        self.assertAlmostEqual(course.position().share or 0, 0.5, delta=0.02)
        course.expect("second", 500.0)
        self.assertAlmostEqual(course.position().share or 0, 0.5, delta=0.02)  # it never falls

    def test_a_stage_takes_no_less_than_its_loop_says(self) -> None:
        course = Course({"only": 0.0})
        with watched_by(course):
            for number in progress(range(4), "steps", 4):
                if number == 2:
                    course._loop.started -= 8.0  # type: ignore[union-attr]
                    self.assertAlmostEqual(course.position().left or 0, 8.0, delta=0.5)
                    self.assertEqual((course.position().label, course.position().done), ("steps", 2))
        self.assertEqual((course.position().label, course.position().total), ("steps", 0))

    def test_nothing_is_said_of_what_is_not_known(self) -> None:
        course = Course({"a": None, "b": 1.0})
        self.assertEqual((course.position().share, course.position().left), (None, None))
        course.enter("b")
        self.assertIsNotNone(course.position().share)

    def test_a_rule_gets_the_time_of_its_loop_once(self) -> None:
        course, times = Course({"a": 1.0}), []
        course.after("pass", times.append)
        with watched_by(course):
            for _ in range(2):
                self.assertEqual(list(progress("xyz", "pass", 3)), ["x", "y", "z"])
        self.assertEqual(len(times), 1)
        self.assertLess(times[0], 1.0)


class TestServer(unittest.TestCase):

    def test_a_command_that_runs_until_it_is_ended_shows_no_progress(self) -> None:
        for serves in (False, True):
            with redirect_stderr(io.StringIO()), shown(Course({"view": None}), verbose=False, brief=False,
                                                       serves=serves):
                names = [thread.name for thread in threading.enumerate()]
            self.assertEqual("progress" in names, not serves)


class TestWords(unittest.TestCase):

    def test_a_line_fits_its_width(self) -> None:
        course = Course(dict.fromkeys(("check", "model", "motion", "maps", "report"), 60.0))
        course.enter("motion")
        with course.loop("half-set 2, 4 modes, 21.33 Å", 40):
            for width in (120, 79, 50, 30, 10):
                self.assertLessEqual(len(progress_line(course.position(), width)), width)
            self.assertRegex(progress_line(course.position(), 79),
                             r"^3 of 5 · motion · half-set 2, 4 modes, 21.33 Å · \d+ % · about 3 min left$")
            self.assertRegex(progress_line(course.position(), 50), r"^3 of 5 · motion · .*… · \d+ % · about 3 min")

    def test_times_and_amounts(self) -> None:
        self.assertEqual([duration(s) for s in (0.2, 40, 99.4, 100, 5990, 7800)],
                         ["1 s", "40 s", "99 s", "2 min", "1 h 40 min", "2 h 10 min"])
        self.assertEqual([amount(b) for b in (2e4, 1.44e9, 3.21e12)], ["20 kB", "1.44 GB", "3.21 TB"])


if __name__ == "__main__":
    unittest.main()
