"""Sentences about results that stand outside gmmhet/engine/wording, found in the sources of the engine.

A sentence is a string, or an f-string, with five or more words in a row; a value that is filled in does not interrupt
the row, an HTML tag does. Docstrings, error messages, log lines, help of commands and options, reasons of settings and
descriptions of arrays in files may stay where they are.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

__all__ = ["Sentence", "sentences_outside_wording", "texts_of"]

ENGINE = Path(__file__).resolve().parents[2] / "engine"
_LEAST_WORDS = 5
_WORDING = ("wording", "errors")  # the second is the exception, and its messages about disks
_LOG_METHODS = frozenset(("debug", "info", "warning", "error", "exception", "critical", "log"))
_HELP_AND_SETTINGS = frozenset(("add_argument", "add_parser", "add_subparsers", "add_argument_group",
                                "ArgumentParser", "option", "required", "bookkeeping", "part", "Choice", "OnForm",
                                "Range", "setting", "ArrayField", "ArraySchema", "_refuse"))
#: class attributes and constants that are the help of a command
_HELP_NAMES = frozenset(("SUMMARY", "DESCRIPTION", "EXAMPLES"))
_FILLED_IN = "\0"
_TAG = re.compile(r"<[^<>]*>?|&[a-z]+;")
_WORD = re.compile(r"[(\"']*(?:[A-Za-z][A-Za-z'\-/]+|[aIA])[)\"',;:.?!]*")
_COMMAND = re.compile(r"#\d")
_BETWEEN_WORDS = re.compile(r"\S*\0\S*|[(\"']*[\d.,]+ ?%?[)\"',;:.?!]*|[-=+%\N{EN DASH}\N{PLUS-MINUS SIGN}]|Å[).,;:]*")


class Sentence(NamedTuple):
    """Where a sentence stands, and how it begins; ``{}`` where a value is filled in."""

    path: Path
    line: int
    text: str


def sentences_outside_wording(folders: Sequence[str] | None = None, engine: Path = ENGINE) -> list[Sentence]:
    """Sentences about results in the sources of some folders of the engine (all of them: None), wording left out.

    Args:
        folders: names of folders, or of modules without ending, in ``engine``.
    """
    every = sorted({p.stem for p in engine.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()})
    found = []
    for name in every if folders is None else folders:
        if name in _WORDING:
            continue
        for path in sorted((engine / name).rglob("*.py")) or [(engine / name).with_suffix(".py")]:
            found += [Sentence(path, line, text.replace(_FILLED_IN, "{}")) for line, text in _marked(path)
                      if _is_sentence(text)]
    return found


def texts_of(path: Path) -> list[tuple[int, str]]:
    """Line and text of every string of a source that counts here, ``{}`` where a value is filled in."""
    return [(line, text.replace(_FILLED_IN, "{}")) for line, text in _marked(path)]


def _marked(path: Path) -> list[tuple[int, str]]:
    return list(_strings(ast.parse(path.read_text(encoding="utf-8"))))


def _strings(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and text of every string that counts, with a mark for each value that is filled in."""
    if isinstance(node, ast.Raise) or _may_stay(node):
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return  # a docstring
    if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id in _HELP_NAMES for t in node.targets):
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.lineno, node.value
    elif isinstance(node, ast.JoinedStr):
        yield node.lineno, "".join(str(v.value) if isinstance(v, ast.Constant) else _FILLED_IN for v in node.values)
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                yield from _strings(part.value)
    else:
        for child in ast.iter_child_nodes(node):
            yield from _strings(child)


def _may_stay(node: ast.AST) -> bool:
    """Whether this is a call that makes an exception, writes to the log, or describes an option or a setting."""
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if isinstance(node.func, ast.Attribute) and name in _LOG_METHODS:
        return "log" in ast.unparse(node.func.value).lower()
    return name in _HELP_AND_SETTINGS or name.endswith(("Error", "Exception"))


def _is_sentence(text: str) -> bool:
    """Whether five words stand in a row, and it is no command to ChimeraX (which names models #1, #2)."""
    if _COMMAND.search(text):
        return False
    for piece in _TAG.split(text):
        count = 0
        for token in piece.replace("\N{NO-BREAK SPACE}", " ").split():
            if _WORD.fullmatch(token):
                count += 1
            elif not _BETWEEN_WORDS.fullmatch(token):
                count = 0
            if count >= _LEAST_WORDS:
                return True
    return False
