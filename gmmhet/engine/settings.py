"""Settings of the method: the numbers that steer an estimate, each with its unit, its reason and what set it.

A folder of the engine declares its own in its ``settings.py``, as frozen classes; modules import one instance of each::

    @dataclass(frozen=True)
    class ModeSelection:
        \"""How many modes are significant.\"""

        deviations: float = setting(4.0, "standard errors", "one false mode in 30,000 tries of a normal gain",
                                    origin="formula")

docs/generate.py makes a page of the documentation from them.
"""

from dataclasses import field, fields
from typing import Any, NamedTuple, TypeVar

__all__ = ["Described", "described", "setting"]

T = TypeVar("T")


class Described(NamedTuple):
    """One setting: name, value, unit ("" for a pure number), reason, and origin."""

    name: str
    value: Any
    unit: str
    reason: str
    origin: str


def setting(value: T, unit: str, reason: str, *, origin: str) -> T:
    """A field of a frozen settings class.

    Args:
        value: the value, immutable.
        unit: as printed: "Å", "degrees", "particles", "of the resolution"; "" for a pure number.
        reason: in one line, what the number does and why it is of that size.
        origin: what set it: a formula, a published source, a measurement (and where it stands), "chosen, not measured".
    """
    return field(default=value, metadata={"unit": unit, "reason": reason, "origin": origin})


def described(settings: Any) -> list[Described]:
    """Every setting of an instance of a settings class, in its order."""
    return [Described(f.name, getattr(settings, f.name), f.metadata["unit"], f.metadata["reason"], f.metadata["origin"])
            for f in fields(settings)]
