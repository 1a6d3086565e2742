"""Help, what was meant, and completion."""

import contextlib
import io
import re
import shlex
import subprocess
import sys
import unittest

from gmmhet.engine.commands.arguments import options_from
from gmmhet.engine.commands.command import GROUPS, Process
from gmmhet.engine.commands.parser import command_help, overview, parse
from gmmhet.engine.commands.table import COMMANDS, EXAMPLES
from gmmhet.engine.options import options_with_parts


def said(*words: str) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of what the parser makes of some words."""
    out, error = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        try:
            parse(list(words))
        except SystemExit as end:
            return int(end.code or 0), out.getvalue(), error.getvalue()
    return 0, out.getvalue(), error.getvalue()


class TestHelp(unittest.TestCase):

    def test_bare_gmmhet_lists_all_commands_in_groups(self) -> None:
        status, text, error = said()
        self.assertEqual((status, error), (0, ""))
        self.assertEqual(said("--help")[1], text)
        for command in COMMANDS.values():
            self.assertIn(command.GROUP, GROUPS)
            line = rf"^  {command.NAME} +{re.escape(command.SUMMARY)}$"
            self.assertEqual(len(re.findall(line, text, re.MULTILINE)), 1)
        self.assertEqual(overview() + "\n", text)

    def test_short_help_has_the_basic_options_and_long_help_all(self) -> None:
        for name, command in COMMANDS.items():
            short, everything = said(name, "--help")[1], said(name, "--help-all")[1]
            self.assertEqual(command_help(command, expert=False) + "\n", short)
            for _, declared in (*options_with_parts(command), *options_with_parts(Process)):
                if declared.option.typed.second_of or declared.option.typed.positional:
                    continue
                with self.subTest(f"{name} {declared.name}"):
                    self.assertRegex(everything, rf"[ \n]{re.escape(declared.flag)}\b")
                    listed = re.search(rf"^  (-\w( \S+)?, )?{re.escape(declared.flag)}\b", short, re.MULTILINE)
                    self.assertEqual(listed is not None, not declared.expert)
            self.assertIn(f"gmmhet {name} --help-all", short)
            self.assertLess(short.count("\n"), 62, name)

    def test_every_example_is_understood(self) -> None:
        lines = [line for command in COMMANDS.values() for line, _ in command.EXAMPLES]
        self.assertGreaterEqual(len(lines), len(COMMANDS))
        for line in (*lines, *(line for line, _ in EXAMPLES)):
            with self.subTest(line):
                program, *words = shlex.split(line)
                self.assertEqual(program, "gmmhet")
                typed = parse(words)
                options_from(COMMANDS[typed.command], typed)

    def test_every_command_has_an_example(self) -> None:
        self.assertEqual([n for n, c in COMMANDS.items() if not c.EXAMPLES], [])


class TestWhatWasMeant(unittest.TestCase):

    def test_names_that_are_like_another(self) -> None:
        for words, message in (
            (("analyse",), "there is no command 'analyse'; did you mean analyze?"),
            (("qwertz",), "there is no command 'qwertz'\n"),
            (("run", "a", "b", "-o", "c", "--resolutoin", "3"), "no option --resolutoin; did you mean --resolution?"),
            (("run", "a", "b", "-o", "c", "--no-chek"), "run has no option --no-chek; did you mean --no-check?"),
            (("run", "a", "b", "-o", "c", "--qqq=3"), "run has no option --qqq=3\n"),
            (("fit", "a", "b", "-o", "c"), "fit does not expect 'b'\n"),
            (("run", "a", "b", "-o", "c", "--by", "kernal"), "did you mean kernel?"),
        ):
            with self.subTest(words):
                status, out, error = said(*words)
                self.assertEqual((status, out), (2, ""))
                self.assertIn(message, error)
                self.assertLessEqual(len(error.splitlines()), 2)


class TestCompletion(unittest.TestCase):

    def test_the_script_for_bash_completes_commands_options_and_choices(self) -> None:
        done = subprocess.run([sys.executable, "-m", "gmmhet.engine", "--print-completion", "bash"],
                              capture_output=True, text=True, check=True)
        trial = done.stdout + """
complete_line() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _shtab_gmmhet; echo "${COMPREPLY[@]}"; }
complete_line gmmhet an
complete_line gmmhet run --resol
complete_line gmmhet run --by k
"""
        found = subprocess.run(["bash", "-c", trial], capture_output=True, text=True, check=True).stdout.splitlines()
        self.assertEqual([line.strip() for line in found], ["analyze", "--resolution", "kernel"])


if __name__ == "__main__":
    unittest.main()
