"""How one option is described: what it means, how it is typed, how it looks on a form, what it may be.

The options of a command are the fields of frozen dataclasses, and each is written once::

    @dataclass(frozen=True)
    class FitConfig:
        resolution: float | None = option(None, "finest detail of the model", unit="Å", otherwise="that of the map",
                                          check=POSITIVE, form=OnForm("Resolution"))

The command line, the forms of the protocols, their arguments, the checks and the command reference are made from it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeVar, cast

__all__ = ["PLAIN", "Check", "Content", "Level", "OnForm", "Option", "Part", "Spelling", "Typed", "Where",
           "bookkeeping", "option", "part", "required"]

T = TypeVar("T")
#: (flag as typed, value) -> the value, tidied; raises InputError. Never called with None.
Check = Callable[[str, Any], Any]


class Level(Enum):
    """Where an option is offered."""

    NORMAL = "normal"
    ADVANCED = "advanced"
    COMMAND_LINE = "command line only"


class Content(Enum):
    """What the path of an option leads to, for options that hold a path."""

    FILE = "file"
    FOLDER = "folder"
    MASK = "mask"


@dataclass(frozen=True)
class Where:
    """An option counts only where another one of the same class has a value, or one of some values."""

    option: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class OnForm:
    """How an option looks on the form of a protocol.

    Attributes:
        label: without the unit.
        name: of the parameter; "": the option's name in camel case. Projects store it, so that it never changes.
        where: the parameter is shown, and counts, only there.
        nothing: entry that stands for None in a list of choices.
        help: where it has to differ from that of the command line.
        when: in which case to change it, as the end of "Change it ...".
    """

    label: str
    name: str = ""
    advanced: bool = False
    content: Content = Content.FILE
    where: Where | None = None
    nothing: str = ""
    help: str = ""
    when: str = ""


@dataclass(frozen=True)
class Spelling:
    """A value that is typed as a text of its own form, such as ``auto`` or ``1,2``.

    Attributes:
        read: (name to use in the message, text) -> value; raises InputError.
        write: the inverse; "" where nothing is to be typed.
    """

    read: Callable[[str, str], Any]
    write: Callable[[Any], str]


@dataclass(frozen=True)
class Typed:
    """How an option is typed on the command line.

    Attributes:
        flag: "": two dashes and the option's name. short: a one-letter flag.
        positional: typed without a flag.
        off: flag of the opposite, for switches that are off by default; those that are on always have one.
        repeat: given again for each further value, instead of values side by side.
        shorthands: further flags, each with the value that it stands for.
        second_of: the option whose second value this is.
        instead_of: an option that cannot be typed with this one, and why.
        basic: in the short help, though it is on no form, or there an advanced one.
    """

    flag: str = ""
    short: str = ""
    positional: bool = False
    off: str = ""
    metavar: str = ""
    repeat: bool = False
    shorthands: tuple[tuple[str, str], ...] = ()
    spelling: Spelling | None = None
    second_of: str = ""
    instead_of: tuple[str, str] | None = None
    basic: bool = False


PLAIN = Typed()


@dataclass(frozen=True)
class Option:
    """Everything about an option but its name, type and default, which are the field's.

    Attributes:
        help: what it is, in one phrase, without unit and default.
        unit: "Å", "degrees", "pixels"; "" for a pure number or a text.
        otherwise: what is taken where the default is None.
        for_result: results depend on it.
    """

    help: str
    unit: str = ""
    otherwise: str = ""
    check: Check | None = None
    form: OnForm | None = None
    typed: Typed = PLAIN
    for_result: bool = True


@dataclass(frozen=True)
class Part:
    """Options of a class that are part of a command.

    Attributes:
        title: of their group in the help.
        without: options that the command leaves at their defaults.
    """

    options: type
    title: str
    without: tuple[str, ...] = ()


def option(default: T, help: str, *, unit: str = "", otherwise: str = "", check: Check | None = None,
           form: OnForm | None = None, typed: Typed = PLAIN) -> T:
    """A field of an options class; see :class:`Option`. Without ``form``, it is offered on the command line only."""
    return field(default=default, metadata={"option": Option(help, unit, otherwise, check, form, typed)})


def bookkeeping(default: T, help: str, *, otherwise: str = "", check: Check | None = None, form: OnForm | None = None,
                typed: Typed = PLAIN) -> T:
    """An option of how and where something is computed, on which results do not depend."""
    return field(default=default, metadata={"option": Option(help, otherwise=otherwise, check=check, form=form,
                                                             typed=typed, for_result=False)})


def required(kind: type[T], help: str, *, form: OnForm | None = None, typed: Typed = PLAIN) -> T:
    """An option without a default."""
    return cast(T, field(metadata={"option": Option(help, form=form, typed=typed)}))


def part(options: type[T], title: str, *, without: tuple[str, ...] = ()) -> T:
    """A field that holds the options of another class, typed side by side with those of this one."""
    return field(default_factory=options, metadata={"part": Part(options, title, without)})
