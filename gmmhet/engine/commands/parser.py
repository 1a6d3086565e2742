"""The parser of the command line: help in two lengths, what was meant, completion by the shell."""

import argparse
import difflib
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import shtab

from gmmhet import __version__
from gmmhet.engine.commands.arguments import add_options, placeholder
from gmmhet.engine.commands.command import GROUPS, Command, Process
from gmmhet.engine.commands.table import COMMANDS, DESCRIPTION, EXAMPLES
from gmmhet.engine.options import REQUIRED, Declared, OptionsClass, options_with_parts
from gmmhet.engine.wording import command_line as wording

__all__ = ["command_help", "overview", "parse", "parser_of_all"]

_INDENT = "  "


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """What was typed; without a word, the overview is printed.

    Raises:
        SystemExit: 0 after help, 2 with what is wrong and what may have been meant.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    if not words:
        print(overview())
        raise SystemExit(0)
    parser = parser_of_all()
    typed, unknown = parser.parse_known_args(words)
    if unknown:
        parser.unknown(unknown, typed.command)
    return typed


class _Parser(argparse.ArgumentParser):
    """Says what may have been meant."""

    def unknown(self, words: Sequence[str], command: str) -> NoReturn:
        """Stop at words that the command does not know."""
        flags = [f for _, d in (*options_with_parts(COMMANDS[command]), *options_with_parts(Process))
                 for f in (d.flag, d.off) if f.startswith("-")]
        option = next((w for w in words if w.startswith("-")), words[0])
        self._stop(wording.unknown_option(option, command, _meant(option.partition("=")[0], flags)),
                   f"{self.prog} {command}")

    def _stop(self, message: str, program: str) -> NoReturn:
        self.exit(2, f"gmmhet: error: {message}\n{wording.more_help(program)}\n")

    def error(self, message: str) -> NoReturn:
        choice = re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message)
        if choice:
            names = re.findall(r"'(.*?)'", choice[2]) or choice[2].split(", ")
            if message.startswith("argument COMMAND"):
                message = wording.unknown_command(choice[1], _meant(choice[1], names))
            else:
                message += wording.did_you_mean(_meant(choice[1], names))
        self._stop(message, self.prog)


def _meant(word: str, names: Sequence[str]) -> str:
    """The name that is most like a word, or "" where none is."""
    found = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    return found[0] if found else ""


class _Shows(argparse.Action):
    """An option that prints a text and ends."""

    def __init__(self, option_strings: Sequence[str], dest: str, *, text: Callable[[], str], **kwargs: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, **kwargs)
        self.text = text

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace,
                 values: str | Sequence[Any] | None, option_string: str | None = None) -> None:
        print(self.text())
        parser.exit()


def parser_of_all() -> _Parser:
    """Of all commands and all their options."""
    parser = _Parser(prog="gmmhet", description=DESCRIPTION, add_help=False, usage="gmmhet COMMAND ...")
    parser.add_argument("-h", "--help", action=_Shows, text=overview, dest=argparse.SUPPRESS, default=argparse.SUPPRESS,
                        help="list the commands")
    parser.add_argument("--version", action="version", version=f"gmmhet {__version__}", help="print the version")
    shtab.add_argument_to(parser, ["--print-completion"], help=wording.COMPLETION)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command", parser_class=_Parser,
                                     prog="gmmhet")
    for command in COMMANDS.values():
        one = commands.add_parser(command.NAME, help=command.SUMMARY, description=command.SUMMARY, add_help=False,
                                  usage=_synopsis(command))
        for flags, expert in ((("-h", "--help"), False), (("--help-all",), True)):
            one.add_argument(*flags, action=_Shows, dest=argparse.SUPPRESS, default=argparse.SUPPRESS,
                             text=lambda command=command, expert=expert: command_help(command, expert=expert),
                             help="all options" if expert else "options that are needed most")
        add_options(one, command)
        add_options(one, Process)
        for action in one._actions:
            if action.type is Path:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
    return parser


def overview() -> str:
    """All commands in groups, and examples."""
    lines = ["usage: gmmhet COMMAND ...", "", DESCRIPTION]
    for group in GROUPS:
        lines += ["", f"{group}:"]
        lines += [f"{_INDENT}{c.NAME:<13}{c.SUMMARY}" for c in COMMANDS.values() if group == c.GROUP]
    return "\n".join([*lines, *_examples(EXAMPLES), "", wording.HELP_OF_COMMANDS])


def command_help(command: type[Command], *, expert: bool) -> str:
    """Help of one command: its basic options, or (expert) all, in their groups."""
    parser = argparse.ArgumentParser(prog=f"gmmhet {command.NAME}", usage=_synopsis(command), add_help=False,
                                     description=command.SUMMARY[0].upper() + command.SUMMARY[1:] + ".")
    groups: dict[str, Any] = {}
    left_out = 0

    def group(title: str, declared: Declared) -> Any:
        nonlocal left_out
        if declared.expert and not expert:
            left_out += 1
            return None
        name = "expert options" + (f": {title}" if title else "") if declared.expert else (
            "input" if declared.option.typed.positional else "basic options")
        if name not in groups:
            groups[name] = parser.add_argument_group(name)
        return groups[name]

    for shown in _in_order(command, group):
        add_options(parser, shown, group)
    text = parser.format_help().rstrip()
    more = [] if not left_out else ["", wording.more_options(left_out, command.NAME)]
    return "\n".join([text, *_examples(command.EXAMPLES), *more])


def _in_order(command: type[Command], group: Callable[[str, Declared], Any]) -> tuple[type[OptionsClass], ...]:
    """The classes of options of a command, when the groups that come first have been made."""
    found = [(title, d) for of in (command, Process) for title, d in options_with_parts(of)]
    for title, declared in sorted(found, key=lambda pair: (not pair[1].option.typed.positional, pair[1].expert)):
        if not declared.expert:
            group(title, declared)
    return command, Process


def _examples(examples: Sequence[tuple[str, str]]) -> list[str]:
    lines = ["", "examples:"] if examples else []
    for line, what in examples:
        lines += [f"{_INDENT}# {what}", f"{_INDENT}{line}"]
    return lines


def _synopsis(command: type[Command]) -> str:
    """Positional arguments and required options."""
    positional, needed = [], []
    for _, declared in options_with_parts(command):
        shown = placeholder(declared)
        if declared.option.typed.positional:
            positional.append(f"[{shown}]" if declared.optional else shown)
        elif declared.default is REQUIRED:
            needed += [declared.option.typed.short or declared.flag, shown]
    return " ".join(["gmmhet", command.NAME, *positional, *needed, "[options]"])
