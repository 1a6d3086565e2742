"""Options as words of a command line, and back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import TypeVar

from gmmhet.engine.errors import InputError
from gmmhet.engine.options.declared import Declared, OptionsClass, options_of, parts_of

__all__ = ["build", "for_result", "words"]

T = TypeVar("T", bound=OptionsClass)


def build(cls: type[T], given: Mapping[str, object]) -> T:
    """An instance from what was typed, by name of the option; the others have their defaults.

    Raises:
        InputError: a text that cannot be read, two options that exclude each other, or a value that is not allowed.
    """
    values: dict[str, object] = {}
    options = options_of(cls)
    second = {d.option.typed.second_of: d for d in options if d.option.typed.second_of}
    for declared in options:
        if declared.name not in given:
            continue
        _check_alone(declared, options, given)
        typed = given[declared.name]
        if declared.name in second and isinstance(typed, list):
            typed, other = typed
            values[second[declared.name].name] = _read(second[declared.name], other, declared.flag)
        values[declared.name] = _read(declared, typed, declared.flag)
    for name, part in parts_of(cls).items():
        values[name] = build(part.options, {k: v for k, v in given.items() if k not in part.without})
    return cls(**values)


def _check_alone(declared: Declared, options: Sequence[Declared], given: Mapping[str, object]) -> None:
    name, reason = declared.option.typed.instead_of or ("", "")
    if name in given:
        other = next(d for d in options if d.name == name)
        raise InputError(f"{other.flag} is {given[name]} and {declared.flag} is {given[declared.name]}; expected one "
                         f"of them: {reason}")


def _read(declared: Declared, typed: object, label: str) -> object:
    spelling = declared.option.typed.spelling
    if spelling is not None:
        return spelling.read(label, str(typed))
    return tuple(typed) if isinstance(typed, list) else typed


def words(values: OptionsClass, *, leave_out: Iterable[str] = ()) -> list[str]:
    """What has to be typed to get an instance: every option with its value, defaults too; positional ones first.

    Args:
        leave_out: names of options that are not typed.
    """
    positional: list[str] = []
    found: list[str] = []
    done = set(leave_out)
    for holder, declared in _held(values):
        if declared.name in done:
            continue
        done.add(declared.name)
        value = getattr(holder, declared.name)
        if declared.option.typed.positional:
            positional += [] if value is None else [str(value)]
        elif not _replaced(holder, declared):
            found += _typed(declared, value, holder)
    return positional + found


def _held(values: OptionsClass) -> list[tuple[OptionsClass, Declared]]:
    """Options of an instance and of its parts, with the instance that holds each."""
    found = [(values, d) for d in options_of(type(values))]
    parts = parts_of(type(values))
    for name in (f.name for f in fields(values) if f.name in parts):
        holder = getattr(values, name)
        found += [(holder, d) for d in options_of(type(holder)) if d.name not in parts[name].without]
    return found


def _replaced(holder: OptionsClass, declared: Declared) -> bool:
    """Another option stands in its place, or it is typed with another."""
    typed = declared.option.typed
    return bool(typed.second_of) or any(
        (d.option.typed.instead_of or ("",))[0] == declared.name and getattr(holder, d.name) is not None
        for d in options_of(type(holder)))


def _typed(declared: Declared, value: object, holder: OptionsClass) -> list[str]:
    spelling, flag = declared.option.typed.spelling, declared.flag
    if spelling is not None:
        value = spelling.write(value) or None
    if value is None or value == ():
        return []
    if declared.kind is bool:
        return [flag] if value else [declared.off] if declared.off else []
    if isinstance(value, tuple):
        return [w for v in value for w in (flag, str(v))] if declared.option.typed.repeat else [flag, *map(str, value)]
    seconds = [str(getattr(holder, d.name)) for d in options_of(type(holder))
               if d.option.typed.second_of == declared.name]
    if str(value).startswith("-"):  # which would be taken for a flag
        return [f"{flag}={value}", *seconds]
    return [flag, str(value), *seconds]


def for_result(cls: type[OptionsClass], typed: Sequence[str]) -> list[str]:
    """Words that results depend on, out of those that :func:`words` gave."""
    kept = list(typed)
    for declared in (d for d in _all_options(cls) if not d.option.for_result):
        while declared.flag in kept:
            place = kept.index(declared.flag)
            del kept[place:place + (1 if declared.kind is bool else 2)]
        kept = [word for word in kept if not word.startswith(f"{declared.flag}=")]
    return kept


def _all_options(cls: type[OptionsClass]) -> list[Declared]:
    return [*options_of(cls), *(d for p in parts_of(cls).values() for d in options_of(p.options))]
