"""The command line of an options class: argparse from the description of the options."""

import argparse
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from gmmhet.engine.options import REQUIRED, Declared, OptionsClass, build, options_with_parts

__all__ = ["Group", "GroupOf", "add_options", "explanation", "options_from", "placeholder", "unit_words"]

T = TypeVar("T", bound=OptionsClass)
Group = argparse._ActionsContainer
GroupOf = Callable[[str, Declared], Group | None]


def unit_words(unit: str) -> str:
    """A unit in letters that every terminal has."""
    return re.sub("Å²", "square Angstrom", unit).replace("Å", "Angstrom")


def explanation(declared: Declared) -> str:
    """Help of an option: what it is, its unit, what each choice does, and the default."""
    option = declared.option
    text = unit_words(option.help)
    choices = [f"{c.value}: {unit_words(c.help)}" for c in declared.choices if c.help]
    text += f". {'; '.join(choices)}" if choices else ""
    words = unit_words(declared.default_words)
    ends = [unit_words(option.unit)] if option.unit else []
    ends += [f"default: {words}"] if words else []
    return f"{text} ({'; '.join(ends)})" if ends else text


def placeholder(declared: Declared) -> str:
    """What stands for the value in a usage line; "" for a switch."""
    if declared.kind is bool:
        return ""
    typed = declared.option.typed
    if typed.metavar or typed.positional:
        return typed.metavar or declared.name
    if declared.choices:
        return "{" + ",".join(str(c.value) for c in declared.choices) + "}"
    if typed.spelling is not None and declared.optional:
        return "N|auto"
    return {int: "N", float: "X", Path: "PATH", str: "TEXT"}[declared.kind]


def add_options(parser: argparse.ArgumentParser, options: type[OptionsClass], group_of: GroupOf | None = None) -> None:
    """Add every option of a class and of its parts. Options that are not typed leave nothing in the namespace.

    Args:
        group_of: (title of the part, option) -> the group that lists it; None: it is left out. Default: by part.
    """
    # A value such as -0.5,1.2 is no flag, as argparse thinks of all but single negative numbers.
    parser._negative_number_matcher = re.compile(r"-\.?\d")
    listed = list(options_with_parts(options))
    if group_of is None:
        groups = {title: parser.add_argument_group(title) if title else parser for title, _ in listed}
    seconds = {d.option.typed.second_of: d for _, d in listed if d.option.typed.second_of}
    for title, declared in listed:
        if declared.option.typed.second_of:
            continue
        group = groups[title] if group_of is None else group_of(title, declared)
        if group is None:
            continue
        if declared.kind is bool:
            _add_switch(group, declared)
        else:
            _add_value(group, declared, seconds.get(declared.name))


def _help(text: str) -> str:
    return text.replace("%", "%%")


def _add_switch(group: Group, declared: Declared) -> None:
    short = [declared.option.typed.short] if declared.option.typed.short else []
    text = _help(explanation(declared))
    if not declared.off:
        group.add_argument(*short, declared.flag, dest=declared.name, action="store_true", default=argparse.SUPPRESS,
                           help=text)
    elif declared.off == f"--no-{declared.flag.removeprefix('--')}":
        group.add_argument(*short, declared.flag, dest=declared.name, action=argparse.BooleanOptionalAction,
                           default=argparse.SUPPRESS, help=text)
    else:
        pair = group.add_mutually_exclusive_group()
        pair.add_argument(declared.flag, dest=declared.name, action="store_true", default=argparse.SUPPRESS, help=text)
        pair.add_argument(declared.off, dest=declared.name, action="store_false", default=argparse.SUPPRESS,
                          help=f"the opposite of {declared.flag} (default)")


def _add_value(group: Group, declared: Declared, second: Declared | None) -> None:
    typed = declared.option.typed
    text, shown = _help(explanation(declared)), placeholder(declared)
    kind = str if typed.spelling is not None or second is not None else declared.kind
    if typed.positional:
        # argparse would hand SUPPRESS itself on for a positional argument that is missing.
        group.add_argument(declared.name, type=kind, metavar=shown, help=text, nargs="?" if declared.optional else None,
                           default=declared.default if declared.optional else None)
        return
    names = [*([typed.short] if typed.short else []), declared.flag]
    more: dict[str, Any] = {"required": True} if declared.default is REQUIRED else {}
    if second is not None:
        more |= {"nargs": 2, "metavar": ("|".join(str(c.value) for c in declared.choices), placeholder(second))}
    elif declared.choices:
        more |= {"choices": [c.value for c in declared.choices]}
    else:
        more |= {"metavar": shown}
    if declared.many and typed.spelling is None:
        more |= {"action": "append"} if typed.repeat else {"nargs": "+"}
    group.add_argument(*names, dest=declared.name, type=kind, default=argparse.SUPPRESS, help=text, **more)
    for flag, value in typed.shorthands:
        group.add_argument(flag, dest=declared.name, action="store_const", const=value, default=argparse.SUPPRESS,
                           help=f"{declared.flag} {value}")


def options_from(options: type[T], namespace: argparse.Namespace) -> T:
    """The options of a class out of what was typed.

    Raises:
        InputError: as :func:`gmmhet.engine.options.build`.
    """
    given: Mapping[str, object] = vars(namespace)
    return build(options, given)
