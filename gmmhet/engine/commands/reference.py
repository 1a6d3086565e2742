"""The command reference as reStructuredText, from the description of the options.

    python -m gmmhet.engine.commands.reference > commands.rst
"""

import sys
from collections.abc import Iterator, Sequence

from gmmhet.engine.commands.arguments import placeholder
from gmmhet.engine.commands.command import Command, Process
from gmmhet.engine.commands.table import COMMANDS, DESCRIPTION
from gmmhet.engine.options import REQUIRED, Declared, options_of, options_with_parts, sentence
from gmmhet.engine.wording.run import EXIT_STATUS

__all__ = ["command_reference", "escaped", "list_table"]


def command_reference() -> str:
    """A section for each command: synopsis, positional arguments, and tables of options."""
    lines = [*_title("Command reference", "="), DESCRIPTION, "",
             EXIT_STATUS, ""]
    for command in COMMANDS.values():
        lines += _section(command)
    lines += [*_title("Options of every command", "-"), *_table(options_of(Process))]
    return "\n".join(lines).rstrip() + "\n"


def _title(text: str, mark: str) -> list[str]:
    return [text, mark * len(text), ""]


def _section(command: type[Command]) -> Iterator[str]:
    yield from ("", f".. _gmmhet-{command.NAME}:", "", *_title(f"gmmhet {command.NAME}", "-"))
    yield from (sentence(command.SUMMARY), "", "::", "", f"    {_synopsis(command)}", "")
    tables: dict[str, list[Declared]] = {}
    for title, declared in options_with_parts(command):
        tables.setdefault(title, []).append(declared)
    for title, listed in sorted(tables.items(), key=lambda item: item[0] != ""):
        if title:
            yield from (f"**{sentence(title)}**", "")
        yield from _table(listed)


def _synopsis(command: type[Command]) -> str:
    """Positional arguments and required options."""
    positional, needed = [], []
    for _, declared in options_with_parts(command):
        if declared.option.typed.positional:
            positional.append(f"[{placeholder(declared)}]" if declared.optional else placeholder(declared))
        elif declared.default is REQUIRED:
            needed += [declared.option.typed.short or declared.flag, placeholder(declared)]
    return " ".join(["gmmhet", command.NAME, *positional, *needed, "[options]"])


def _table(options: Sequence[Declared]) -> list[str]:
    seconds = {d.option.typed.second_of: d for d in options if d.option.typed.second_of}
    rows = [[_name(d, seconds.get(d.name)), d.option.unit, _default(d), _meaning(d)]
            for d in sorted(options, key=lambda d: (not d.option.typed.positional, d.default is not REQUIRED))
            if not d.option.typed.second_of]
    return list_table(["Option", "Unit", "Default", "Meaning"], rows, [28, 10, 20, 42])


def list_table(header: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int]) -> list[str]:
    """Lines of a list-table; a line break in a cell begins a new paragraph of it."""
    lines = [".. list-table::", "   :header-rows: 1", f"   :widths: {' '.join(map(str, widths))}", ""]
    for row in [header, *rows]:
        for column, cell in enumerate(row):
            first, *further = cell.split("\n")
            lines.append(f"   {'*' if column == 0 else ' '} - {first}".rstrip())
            for line in further:
                lines += ["", f"       {line}"]
            lines += [""] if further else []
    return [*lines, ""]


def _name(declared: Declared, second: Declared | None) -> str:
    typed = declared.option.typed
    if typed.positional:
        return f"``{placeholder(declared)}``"
    names = [n for n in (typed.short, declared.flag, declared.off, *(f for f, _ in typed.shorthands)) if n]
    shown = placeholder(declared)
    if second is not None:
        shown = f"{'|'.join(str(c.value) for c in declared.choices)} {placeholder(second)}"
    value = f" ``{shown}``" if second is not None or (shown and not declared.choices) else ""
    return ", ".join(f"``{n}``" for n in names) + value


def _default(declared: Declared) -> str:
    if declared.default is REQUIRED:
        return "required"
    return escaped(declared.default_words) or "off" * (declared.kind is bool)


def _meaning(declared: Declared) -> str:
    text = escaped(declared.option.help)
    lines = [sentence(text)]
    for choice in declared.choices:
        lines.append(f"``{choice.value}``" + (f": {escaped(choice.help)}." if choice.help else ""))
    lines += [f"``{flag}`` is ``{declared.flag} {value}``." for flag, value in declared.option.typed.shorthands]
    return "\n".join(lines)


def escaped(text: str) -> str:
    """Characters that mean something in reStructuredText."""
    for character in "\\*`_|":
        text = text.replace(character, f"\\{character}")
    return text


if __name__ == "__main__":
    sys.stdout.write(command_reference())
