"""Every option of every command: on the command line, in its class, and written once."""

import argparse
import ast
import re
import unittest
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from gmmhet.engine.commands.arguments import add_options, explanation, options_from
from gmmhet.engine.commands.command import Process
from gmmhet.engine.commands.reference import command_reference
from gmmhet.engine.commands.table import COMMANDS
from gmmhet.engine.config import AnalyzeConfig, FitConfig, ReconstructConfig, SimulateConfig
from gmmhet.engine.errors import InputError
from gmmhet.engine.options import (
    REQUIRED,
    Declared,
    Level,
    OptionsClass,
    Range,
    build,
    check_options,
    for_result,
    option,
    options_of,
    options_with_parts,
    parts_of,
    result_options,
    words,
)
from gmmhet.tests.support.option_definitions import places_of_definition

PACKAGE = Path(__file__).resolve().parents[3]
CLASSES: tuple[type[Any], ...] = (*COMMANDS.values(), Process)
#: values where any would not do: those that checks or spellings ask for
VALUES = {"symmetry": "D7", "sharpen": "-80.5", "classes": (0, 3), "fraction": 0.25, "low": -1.5, "high": 2.5,
          "at": ("-0.5,1.2", "0,0"), "start": "-1,0", "end": "1,-.5", "through": ("-2,2",), "gpu": "0,2"}
#: options that others of the same command exclude, each tried in a command of its own
APART = {"points": {"by": "kernel"}, "gradients": {"method": "gradient-pca"},
         "local_pose": {"focus": Path("focus.mrc")}, "mode": {"low": 0.5},
         "low": {"mode": 2}, "high": {"mode": 2}}

#: flags of version 0.3: scripts use them
FLAGS = {
    "simulate": "angle-error box particles pixel-size preset seed shift-error snr",
    "import": "no-images passthrough root",
    "check": "json passthrough plot root seed",
    "fit": "box mask n-gaussians pixel-size resolution seed symmetry",
    "analyze": "focus follow local-pose method model modes motion no-local-pose no-motion no-occupancy occupancy "
               "poses refine-poses resolution root scratch seed smoothness symmetry",
    "reconstruct": "by latents mask mode n points root seed sharpen symmetry",
    "map": "at cif movie points rest",
    "path": "closed from mode n no-closed rest through to trace",
    "movie": "level rate",
    "export": "class confidence expanded from half ids keep mode particles passthrough refined-poses root to "
              "unexpand with-coordinates",
    "report": "",
    "run": "by check focus follow local-pose mask method mode modes motion n n-gaussians no-check no-local-pose "
           "no-motion no-occupancy occupancy per-subunit poses refine-poses resolution root scratch seed sharpen "
           "smoothness symmetry",
}
OF_EVERY_COMMAND = "error-file gpu resume threads output"


def parser_of(options: type[OptionsClass]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    add_options(parser, options)
    return parser


def typed(options: type[Any], line: list[str]) -> Any:
    return options_from(options, parser_of(options).parse_args(line))


def required(options: type[Any]) -> dict[str, Any]:
    return {d.name: Path(f"{d.name}.x") for d in options_of(options) if d.default is REQUIRED}


def other_value(declared: Declared) -> Any:
    """A value that is not the default."""
    if declared.name in VALUES:
        return VALUES[declared.name]
    if declared.choices:
        return next(c.value for c in declared.choices if c.value != declared.default)
    value = {bool: declared.default is not True, int: 7, float: 3.25, str: "text",
             Path: Path("a b.x")}[declared.kind]
    check = declared.option.check
    if isinstance(check, Range) and value > check.high:
        value = declared.kind((max(check.low, check.above, 0) + 3 * check.high) / 4)
    return (value, value) if declared.many else value


def instances(options: type[Any]) -> Iterator[tuple[str, Any]]:
    """The command with each option at a value that is not its default, one after the other."""
    plain = options(**required(options))
    for declared in options_of(options):
        yield declared.name, replace(plain, **{declared.name: other_value(declared)})
    for name, part in parts_of(options).items():
        for declared in options_of(part.options):
            if declared.name not in part.without:
                there = {f.name for f in fields(part.options)}
                more = {k: v for k, v in APART.get(declared.name, {}).items() if k in there}
                if declared.name == "fraction":
                    more = {"keep": "best"}
                yield declared.name, replace(plain, **{name: part.options(**more | {
                    declared.name: other_value(declared)})})


class TestCommandLine(unittest.TestCase):

    def test_every_option_is_there_with_its_default(self) -> None:
        for options in CLASSES:
            parser = parser_of(options)
            there = {flag for action in parser._actions for flag in action.option_strings or [action.dest]}
            plain = options(**required(options))
            line = words(plain)
            for _, declared in options_with_parts(options):
                if not declared.option.typed.second_of:
                    self.assertIn(declared.flag, there)
            needed = [w for d in options_of(options) if d.default is REQUIRED
                      for w in ([f"{d.name}.x"] if d.option.typed.positional else [d.flag, f"{d.name}.x"])]
            self.assertEqual(typed(options, needed), plain, options)
            self.assertEqual(typed(options, line), plain, options)

    def test_the_flags_of_earlier_versions_are_there(self) -> None:
        for name, flags in FLAGS.items():
            there = {flag for options in (COMMANDS[name], Process) for action in parser_of(options)._actions
                     for flag in action.option_strings}
            expected = {f"--{flag}" for flag in f"{flags} {OF_EVERY_COMMAND}".split()}
            if name != "check":  # which writes to standard output
                expected |= {"-o"}
            else:
                expected -= {"--output"}
            self.assertEqual(expected - there, set(), name)

    def test_nothing_else_is_there(self) -> None:
        for options in CLASSES:
            known = {"help"} | {d.name for _, d in options_with_parts(options)}
            self.assertEqual({a.dest for a in parser_of(options)._actions} - known, set())

    def test_every_value_comes_back_from_the_words(self) -> None:
        tried = 0
        for options in CLASSES:
            for name, instance in instances(options):
                with self.subTest(f"{options.__name__}.{name}"):
                    self.assertNotEqual(instance, options(**required(options)))
                    back = typed(options, words(instance))
                    # A run gives an option that stages share to each of them.
                    self.assertEqual(words(back), words(instance))
                    if len(parts_of(options)) < 2:
                        self.assertEqual(back, instance)
                    tried += 1
        self.assertGreater(tried, 100)

    def test_a_run_gives_what_stages_share_to_each(self) -> None:
        run = typed(COMMANDS["run"], ["p.star", "m.mrc", "-o", "out", "--resolution", "8", "--seed", "3", "--resume",
                                      "--symmetry", "d2", "--mask", "m.mrc"])
        self.assertEqual((run.fit.resolution, run.analyze.resolution), (8.0, 8.0))
        self.assertEqual((run.fit.seed, run.analyze.seed, run.reconstruct.seed), (3, 3, 3))
        self.assertTrue(run.analyze.resume and run.reconstruct.resume)
        self.assertEqual((run.fit.symmetry, run.analyze.symmetry, run.reconstruct.symmetry), ("D2", "C1", "C1"))
        self.assertEqual((run.fit.mask, run.reconstruct.mask), (Path("m.mrc"), None))

    def test_texts_that_cannot_be_read(self) -> None:
        for message, line in (
            ("--modes is 'many'; expected a whole number from 1, or auto", ["analyze", "--modes", "many"]),
            ("--class is 'x'; expected numbers from 0, separated by commas", ["export", "--class", "x"]),
            ("--keep has the fraction 'half'; expected a number above 0", ["export", "--keep", "best", "half"]),
            ("--keep is 'some'; expected best or worst", ["export", "--keep", "some", "0.5"]),
            ("--n is 4 and --points is p.csv; expected one of them: the table has the points",
             ["reconstruct", "--by", "kernel", "--n", "4", "--points", "p.csv"]),
        ):
            command = COMMANDS[line[0]]
            given = vars(parser_of(command).parse_args(
                words(command(**required(command)), leave_out=["n", "keep"]) + line[1:]))
            with self.subTest(message), self.assertRaisesRegex(InputError, message):
                build(command, given)

    def test_words_of_a_shorthand_and_of_an_opposite(self) -> None:
        config = build(AnalyzeConfig, vars(parser_of(AnalyzeConfig).parse_args(["--refine-poses", "--no-motion"])))
        self.assertEqual((config.poses, config.motion), ("refine", False))
        criteria = typed(COMMANDS["export"], ["r", "-o", "o.star", "--expanded"]).criteria
        self.assertFalse(criteria.one_an_image)
        with self.assertRaises(SystemExit):
            typed(COMMANDS["export"], ["r", "-o", "o.star", "--expanded", "--unexpand"])


class TestDescriptions(unittest.TestCase):

    def test_names_that_mean_two_things_are_in_no_command(self) -> None:
        """But for those that several stages of a run take, which has them under one flag."""
        for options in CLASSES:
            named: dict[str, set[str]] = {}
            parts = [(p.options, p.without) for p in parts_of(options).values()]
            for holder, without in [(options, ()), *parts]:
                for declared in options_of(holder):
                    if declared.name not in without:
                        named.setdefault(declared.name, set()).add(declared.flag)
            self.assertEqual({}, {n: f for n, f in named.items() if len(f) > 1})

    def test_help_says_what_unit_and_default_once(self) -> None:
        for options in CLASSES:
            for _, declared in options_with_parts(options):
                text = explanation(declared)
                with self.subTest(f"{options.__name__}.{declared.name}"):
                    self.assertGreater(len(declared.option.help), 3)
                    self.assertNotRegex(text, r"Å|%\(|[^.]\.$")
                    self.assertLessEqual(text.count("default:"), 1)
                    if declared.default not in (REQUIRED, None, False, ()):
                        self.assertIn("default:", text)

    def test_fields_of_options_classes_are_options(self) -> None:
        for config in (SimulateConfig, FitConfig, AnalyzeConfig, ReconstructConfig, *CLASSES):
            described = {d.name for d in options_of(config)} | set(parts_of(config))
            self.assertEqual({f.name for f in fields(config)}, described, config)

    def test_every_option_is_written_once(self) -> None:
        places = places_of_definition()
        self.assertGreater(len(places), 100)
        self.assertEqual({}, {name: found for name, found in places.items() if len(found) != 1})

    def test_flags_are_written_out_in_no_protocol(self) -> None:
        """Their arguments come from the options, so that a renamed option is renamed in one place."""
        known = {d.flag for options in CLASSES for _, d in options_with_parts(options)}
        found = [f"{path.name}:{node.lineno} {node.value}"
                 for path in (*(PACKAGE / "protocols").glob("*.py"), PACKAGE / "plugin.py")
                 for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
                 if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("--")
                 and node.value in known]
        self.assertEqual([], found)

    def test_the_reference_has_every_option_once_in_each_command(self) -> None:
        _, *sections = command_reference().split("\n.. _gmmhet-")
        self.assertEqual([s.partition(":")[0] for s in sections], list(COMMANDS))
        last, of_all = sections.pop().split("Options of every command")
        for section, command in zip([*sections, last], COMMANDS.values(), strict=True):
            for _, declared in options_with_parts(command):
                if declared.option.typed.positional or declared.option.typed.second_of:
                    continue
                with self.subTest(f"{command.NAME} {declared.flag}"):
                    self.assertEqual(len(re.findall(rf"\* - .*``{declared.flag}``", section)), 1)
        for declared in options_of(Process):
            self.assertIn(f"``{declared.flag}``", of_all)


class TestChecks(unittest.TestCase):

    def test_single_values(self) -> None:
        for message, make in (
            ("--resolution is -1; expected a positive number", lambda: FitConfig(resolution=-1)),
            ("--resolution is inf; expected a positive number", lambda: FitConfig(resolution=float("inf"))),
            ("--resolution is nan; expected a positive number", lambda: FitConfig(resolution=float("nan"))),
            ("--seed is -1; expected 0 or more", lambda: FitConfig(seed=-1)),
            ("--angle-error is -1; expected 0 or a positive number", lambda: SimulateConfig(angle_error=-1)),
            ("--preset is 'x'; expected one of hinge11, null", lambda: SimulateConfig(preset="x")),
            ("--method is 'x'; expected likelihood or gradient-pca", lambda: AnalyzeConfig(method="x")),
            ("--modes is 33; expected at most 32", lambda: AnalyzeConfig(modes=33)),
            ("--modes is 0; expected a positive number", lambda: AnalyzeConfig(modes=0)),
            ("--symmetry is 'Q4'; expected Cn, Dn, T, O or I", lambda: ReconstructConfig(symmetry="Q4")),
            ("--sharpen is '80'; expected none, auto or a negative B", lambda: ReconstructConfig(sharpen="80")),
            ("--n is 0; expected a positive number", lambda: ReconstructConfig(n=0)),
        ):
            with self.subTest(message), self.assertRaisesRegex(InputError, message.replace("'x'", ".x.")):
                make()

    def test_values_are_tidied(self) -> None:
        self.assertEqual(FitConfig(symmetry=" d7 ").symmetry, "D7")
        self.assertEqual(ReconstructConfig(sharpen=" ").sharpen, "none")

    def test_options_of_the_job_are_not_of_the_result(self) -> None:
        config = AnalyzeConfig(focus=Path("f.mrc"), resume=True, scratch=Path("s"))
        found = result_options(config)
        self.assertEqual(set(found), {f.name for f in fields(AnalyzeConfig)} - {"resume", "scratch"})
        self.assertEqual(found["focus"], "f.mrc")
        line = ["p.star", *words(config), "-o", "x"]
        self.assertEqual(for_result(COMMANDS["analyze"], line), ["p.star", *words(AnalyzeConfig(
            focus=Path("f.mrc"))), "-o", "x"])

    def test_an_option_of_a_class_of_ones_own(self) -> None:
        """As CONTRIBUTING has it: a field is all that a new option takes."""
        @dataclass(frozen=True)
        class Toy:
            dose: float = option(1.5, "dose", unit="e/Å²", check=Range("0 to 9", low=0, high=9))

            def __post_init__(self) -> None:
                check_options(self)

        self.assertEqual(typed(Toy, ["--dose", "2"]), Toy(2.0))
        self.assertEqual(words(Toy(2.0)), ["--dose", "2.0"])
        (declared,) = options_of(Toy)
        self.assertEqual(explanation(declared), "dose (e/square Angstrom; default: 1.5)")
        self.assertEqual(declared.level, Level.COMMAND_LINE)
        with self.assertRaisesRegex(InputError, "--dose is 9.5; expected 0 to 9"):
            typed(Toy, ["--dose", "9.5"])


if __name__ == "__main__":
    unittest.main()
