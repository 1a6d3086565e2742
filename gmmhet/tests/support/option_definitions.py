"""Where the sources define the options of the commands, read from the sources alone."""

import ast
from collections.abc import Iterator
from pathlib import Path

from gmmhet.engine.commands.command import Process
from gmmhet.engine.commands.table import COMMANDS
from gmmhet.engine.options import Level, options_of, parts_of

__all__ = ["places_of_definition"]

_PACKAGE = Path(__file__).resolve().parents[2]
_FIELDS = ("bookkeeping", "option", "required")


def places_of_definition() -> dict[str, list[str]]:
    """The places (file:line) that define each option, by command and flag, such as "analyze --smoothness".

    A place is a field of an options class, a flag that argparse is given by hand, or a parameter that a form is given
    by hand. Options of every process have no command in their key.
    """
    by_field: dict[tuple[str, str], list[str]] = {}
    by_word: dict[str, list[str]] = {}
    for path in sorted((_PACKAGE / "engine").rglob("*.py")) + sorted((_PACKAGE / "protocols").rglob("*.py")):
        for found, names, line in _definitions(ast.parse(path.read_text(encoding="utf-8"))):
            place = f"{path.relative_to(_PACKAGE.parent)}:{line}"
            for name in names:
                if found:
                    by_field.setdefault((found, name), []).append(place)
                else:
                    by_word.setdefault(name, []).append(place)
    places: dict[str, list[str]] = {}
    for command, options in [*COMMANDS.items(), ("", Process)]:
        of_parts = [d for p in parts_of(options).values() for d in options_of(p.options) if d.name not in p.without]
        for declared in (*options_of(options), *of_parts):
            words = [declared.flag] + ([declared.parameter] if declared.level is not Level.COMMAND_LINE else [])
            # A run takes an option of several stages once, and gives it to each: every stage has its own definition.
            key = f"{command} {declared.flag}".strip() + (f" of {declared.owner.__name__}" if command == "run" else "")
            places[key] = sorted({*by_field.get((declared.owner.__name__, declared.name), ()), *places.get(key, ()),
                                  *(p for w in words for p in by_word.get(w, ()))})
    return places


def _definitions(tree: ast.Module) -> Iterator[tuple[str, list[str], int]]:
    """(class or "", names, line) of fields that are options, and of flags and parameters that are written out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for field in node.body:
                if (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
                        and isinstance(field.value, ast.Call) and isinstance(field.value.func, ast.Name)
                        and field.value.func.id in _FIELDS):
                    yield node.name, [field.target.id], field.lineno
        elif (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
              and node.func.attr in ("add_argument", "addParam", "addHidden")):
            names = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            yield "", names, node.lineno
