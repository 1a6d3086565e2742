"""Options of the engine on the forms of the protocols: parameters, values and checks, all from their description."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pyworkflow.object import Object
from pyworkflow.protocol import Protocol
from pyworkflow.protocol.constants import LEVEL_ADVANCED, LEVEL_NORMAL
from pyworkflow.protocol.params import (
    BooleanParam,
    EnumParam,
    FileParam,
    FloatParam,
    FolderParam,
    Form,
    IntParam,
    PointerParam,
    StringParam,
)

from gmmhet.engine.options import POSITIVE, REQUIRED, Content, Declared, Level, OptionsClass, options_of, sentence
from gmmhet.engine.options.checks import Choice

__all__ = ["add_params", "options_from_form", "options_on_form", "values_on_form"]

T = TypeVar("T", bound=OptionsClass)
_PATHS = {Content.FILE: FileParam, Content.FOLDER: FolderParam, Content.MASK: PointerParam}
_KINDS = {bool: BooleanParam, int: IntParam, float: FloatParam, str: StringParam}


def options_on_form(options: type[OptionsClass], names: Iterable[str] = ()) -> tuple[Declared, ...]:
    """The options of a class that forms show; with names, of these alone, in their order."""
    shown = {d.name: d for d in options_of(options) if d.level is not Level.COMMAND_LINE}
    return tuple(shown[name] for name in names) or tuple(shown.values())


def add_params(form: Form, options: type[OptionsClass], names: Iterable[str] = ()) -> None:
    """Add the options of a class to a form, or those of these names."""
    for declared in options_on_form(options, names):
        kind, arguments = _param(declared)
        if declared.form.where is not None:
            arguments["condition"] = _condition(options, declared)
        unit = f" ({declared.option.unit})" if declared.option.unit else ""
        form.addParam(declared.parameter, kind, label=declared.form.label + unit, help=_help(declared),
                      expertLevel=LEVEL_ADVANCED if declared.level is Level.ADVANCED else LEVEL_NORMAL, **arguments)


def _param(declared: Declared) -> tuple[type, dict[str, Any]]:
    """Kind of the parameter, and what it needs."""
    spelling = declared.option.typed.spelling
    if declared.choices:
        entries = _entries(declared)
        default = next(i for i, c in enumerate(entries) if c.value == (declared.default or ""))
        return EnumParam, {"choices": [c.entry for c in entries], "default": default}
    if spelling is not None and declared.optional:
        return StringParam, {"default": spelling.write(declared.default)}
    if declared.kind is Path:
        content = declared.form.content
        arguments = {"pointerClass": "VolumeMask"} if content is Content.MASK else {}
        return _PATHS[content], {**arguments, **({"important": True} if declared.default is REQUIRED else
                                                 {"allowsNull": True})}
    return _KINDS[declared.kind], {"allowsNull": True} if declared.default is None else {"default": declared.default}


def _entries(declared: Declared) -> tuple[Choice, ...]:
    """The choices of a list, with the one that stands for None, if any, first."""
    nothing = (Choice("", declared.form.nothing),) if declared.optional else ()
    return nothing + tuple(c for c in declared.choices if c.on_form)


def _condition(options: type[OptionsClass], declared: Declared) -> str:
    where = declared.form.where
    if where is None:
        return "True"
    (other,) = options_on_form(options, [where.option])
    if not where.values:
        return f"{other.parameter} is not None"
    values = [c.value for c in _entries(other)]
    return " or ".join(f"{other.parameter}=={values.index(v)}" for v in where.values)


def _help(declared: Declared) -> str:
    """The words of the command line as sentences, a line for each choice, default, unit, and when to change it."""
    lines = [sentence(declared.form.help or declared.option.help)]
    lines += [f"{c.entry}: {c.help}." for c in declared.choices if c.help and c.on_form]
    if declared.option.otherwise and not declared.form.nothing and not declared.form.help:
        empty = "auto" if declared.option.typed.spelling is not None else "Empty"
        lines.append(f"{empty} (default): {declared.option.otherwise}.")
    elif (declared.kind is bool or not declared.form.help) and (default := _default(declared)):
        lines.append(f"Default: {default}.")
    if declared.option.unit:
        lines.append(f"Unit: {declared.option.unit}.")
    if declared.form.when:
        lines.append(f"Change it {declared.form.when}.")
    return "\n".join(lines)


def _default(declared: Declared) -> str:
    """The default as the form shows it; "" where there is none."""
    if declared.choices:
        return next(c.entry for c in _entries(declared) if c.value == (declared.default or ""))
    if declared.kind is bool:
        return "yes" if declared.default is True else "no"
    return "" if declared.default is REQUIRED else declared.default_words


def values_on_form(protocol: Protocol, options: type[OptionsClass], names: Iterable[str] = ()) -> dict[str, object]:
    """What the user has entered, by name of the option; not what is left at its default by an empty field, or does not
    count as another option is.

    Raises:
        InputError: a text that cannot be read; it is named by its label.
    """
    values: dict[str, object] = {}
    for declared in options_on_form(options, names):
        value = _value(declared, getattr(protocol, declared.parameter))
        if value is not None:
            values[declared.name] = value
    counts = {d.name for d in options_on_form(options, names) if _counts(d, values)}
    return {name: value for name, value in values.items() if name in counts}


def _counts(declared: Declared, values: Mapping[str, object]) -> bool:
    where = declared.form.where
    if where is None:
        return True
    return where.option in values and (not where.values or values[where.option] in where.values)


def _value(declared: Declared, held: Object) -> object:
    """The value of an option in the parameter's object; None: the default."""
    value = held.get()
    if declared.choices:
        return _entries(declared)[value].value or None
    if isinstance(value, str):
        value = value.strip() or None
    if value is None or (declared.optional and declared.option.check is POSITIVE and value == 0):
        return None
    spelling = declared.option.typed.spelling
    if spelling is not None and declared.optional:
        return spelling.read(declared.form.label, value)
    if declared.kind is Path:
        path = Path(value.getFileName() if declared.form.content is Content.MASK else value)
        return (path,) if declared.many else path
    return value


def options_from_form(protocol: Protocol, options: type[T], names: Iterable[str] = (), **more: object) -> T:
    """The options of a class as the form has them.

    Args:
        names: of those that are on this form; none: all that are on any. more: of those that are on no form.

    Raises:
        InputError: a value, or values together, that are not allowed.
    """
    return options(**values_on_form(protocol, options, names), **more)
