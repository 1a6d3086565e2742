"""The options of a class, read from its fields."""

import inspect
import re
from collections.abc import Hashable, Iterator
from dataclasses import MISSING, Field, dataclass, fields
from functools import cache
from types import NoneType, UnionType
from typing import Any, ClassVar, Protocol, Union, get_args, get_origin, get_type_hints

from gmmhet.engine.options.checks import Choice, Choices
from gmmhet.engine.options.description import Level, OnForm, Option, Part

__all__ = ["REQUIRED", "Declared", "OptionsClass", "check_options", "flag_of", "options_of", "options_with_parts",
           "parts_of", "result_options", "sentence"]

#: default of an option that has none
REQUIRED = MISSING


class OptionsClass(Protocol):
    """An instance of a dataclass whose fields are options."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


@dataclass(frozen=True)
class Declared:
    """An option with what its field says of it.

    Attributes:
        owner: the class whose body declares it. name: of the field.
        default: REQUIRED: none. kind: int, float, str, bool or Path. optional: it may be None. many: a tuple of kind.
    """

    owner: type
    name: str
    default: object
    kind: type
    optional: bool
    many: bool
    option: Option

    @property
    def flag(self) -> str:
        """As typed; the bare name of a positional one."""
        typed = self.option.typed
        return self.name if typed.positional else typed.flag or f"--{self.name.replace('_', '-')}"

    @property
    def off(self) -> str:
        """Flag of the opposite; "" where there is none."""
        if self.option.typed.off or self.kind is not bool or self.default is False:
            return self.option.typed.off
        return f"--no-{self.flag.removeprefix('--')}"

    @property
    def level(self) -> Level:
        form = self.option.form
        return Level.COMMAND_LINE if form is None else Level.ADVANCED if form.advanced else Level.NORMAL

    @property
    def expert(self) -> bool:
        """Whether it is left out of the short help."""
        typed = self.option.typed
        return not (typed.basic or typed.positional or self.default is REQUIRED or self.level is Level.NORMAL)

    @property
    def form(self) -> OnForm:
        """Raises LookupError: the option is on no form."""
        if self.option.form is None:
            raise LookupError(f"{self.owner.__name__}.{self.name} is offered on the command line only")
        return self.option.form

    @property
    def parameter(self) -> str:
        """Name of the form's parameter."""
        return self.form.name or re.sub(r"_(.)", lambda found: found[1].upper(), self.name)

    @property
    def choices(self) -> tuple[Choice, ...]:
        check = self.option.check
        return check.choices if isinstance(check, Choices) else ()

    @property
    def default_words(self) -> str:
        """The default as a person reads it; "" where there is none, or where it is off, or nothing."""
        spelling = self.option.typed.spelling
        if self.default is None and spelling is not None:
            text = spelling.write(None)
            return f"{text}, {self.option.otherwise}" if self.option.otherwise else text
        if self.default is REQUIRED or self.default is None or self.default is False or self.default == ():
            return self.option.otherwise
        return "on" if self.default is True else f"{self.default:g}" if isinstance(self.default, float) else str(
            self.default)


def _kind(hint: object) -> tuple[type, bool, bool]:
    """(kind, may be None, many) of an annotation."""
    optional = get_origin(hint) in (Union, UnionType)
    if optional:
        (hint,) = (a for a in get_args(hint) if a is not NoneType)
    many = get_origin(hint) is tuple
    kind = get_args(hint)[0] if many else hint
    if not isinstance(kind, type):
        raise TypeError(f"{hint} is no type of an option; expected int, float, str, bool or Path, a tuple of them, or "
                        "None beside them")
    return kind, optional, many


def options_of(cls: type) -> tuple[Declared, ...]:
    """The options of a class without those of its parts: its own first, then those it inherits."""
    return _options_of(cls)


@cache
def _options_of(cls: Hashable) -> tuple[Declared, ...]:
    assert isinstance(cls, type)
    hints, order = get_type_hints(cls), cls.__mro__
    found = []
    for field in fields(cls):
        if "option" in field.metadata:
            owner = next(c for c in order if field.name in inspect.get_annotations(c))
            found.append(Declared(owner, field.name, field.default, *_kind(hints[field.name]),
                                  field.metadata["option"]))
    return tuple(sorted(found, key=lambda d: order.index(d.owner)))


def parts_of(cls: type[OptionsClass]) -> dict[str, Part]:
    """The parts of a command by the name of their field."""
    return {f.name: f.metadata["part"] for f in fields(cls) if "part" in f.metadata}


def options_with_parts(cls: type[OptionsClass]) -> Iterator[tuple[str, Declared]]:
    """(title of the part, "" for options of no part, and those that parts inherit; option) of a command, in the order
    of its fields. A name that several parts share comes once, as the first has it."""
    seen = set()
    own = {d.name: d for d in options_of(cls)}
    parts = parts_of(cls)
    names = [*(n for n, d in own.items() if d.owner is cls), *parts, *(n for n, d in own.items() if d.owner is not cls)]
    for name in names:
        part = parts.get(name)
        inside = [("", own[name])] if part is None else [
            (part.title if d.owner is part.options else "", d)
            for d in options_of(part.options) if d.name not in part.without]
        for title, declared in inside:
            if declared.name not in seen:
                seen.add(declared.name)
                yield title, declared


def sentence(text: str) -> str:
    """A phrase with a capital and a full stop; a file name at its beginning stays as it is."""
    first = text.split()[0]
    return (text[0].upper() + text[1:] if first.replace("-", "").rstrip(",;:").isalpha() else text) + "."


def flag_of(cls: type[OptionsClass], name: str) -> str:
    """The flag of an option as typed."""
    return next(d.flag for d in options_of(cls) if d.name == name)


def check_options(values: OptionsClass) -> None:
    """Check and tidy the options of a new instance one by one: to be called by ``__post_init__``.

    Raises:
        InputError: a value that its option may not have.
    """
    for declared in options_of(type(values)):
        value = getattr(values, declared.name)
        if value is not None and declared.option.check is not None:
            object.__setattr__(values, declared.name, declared.option.check(declared.flag, value))


def result_options(values: OptionsClass) -> dict[str, object]:
    """The options that results depend on, as JSON."""
    found = {d.name: getattr(values, d.name) for d in options_of(type(values)) if d.option.for_result}
    return {name: _as_json(v) for name, v in found.items()}


def _as_json(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_as_json(v) for v in value]
    return str(value) if hasattr(value, "__fspath__") else value
