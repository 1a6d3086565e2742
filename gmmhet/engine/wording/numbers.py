"""Numbers with their units, as people read them."""

import math

__all__ = ["amount", "angstrom", "counted", "degrees", "number", "percent", "plural"]


def number(value: float | None, digits: int = 3) -> str:
    """A number rounded to so many digits; an en dash where there is none."""
    if value is None or not math.isfinite(value):
        return "\N{EN DASH}"
    if value != 0 and not 1e-3 <= abs(value) < 1e7:
        return f"{value:.{digits - 1}e}"
    if abs(value) >= 1000 or value == round(value):
        return f"{value:,.0f}".replace("-", "\N{MINUS SIGN}")
    rounded = f"{value:.{max(digits - 1 - math.floor(math.log10(abs(value))), 0)}f}"
    return rounded.replace("-", "\N{MINUS SIGN}")


def angstrom(value: float | None, digits: int = 3) -> str:
    """A length with its unit, kept on one line."""
    return number(value, digits) + "\N{NO-BREAK SPACE}Å"


def degrees(value: float | None, digits: int = 3) -> str:
    """An angle with its unit, kept on one line."""
    return number(value, digits) + "\N{NO-BREAK SPACE}degrees"


def percent(share: float) -> str:
    """A share in per cent, with a decimal below 10 %."""
    return f"{100 * share:.1f}\N{NO-BREAK SPACE}%" if share < 0.0995 else f"{100 * share:.0f}\N{NO-BREAK SPACE}%"


def amount(size: float) -> str:
    """Bytes as people say them: 20 MB, 1.4 GB."""
    unit = "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 999.5:
            break
        size, unit = size / 1000, larger
    return f"{size:.3g} {unit}"


def plural(word: str, count: float) -> str:
    """A word, with an s unless there is one of it."""
    return word if count == 1 else word + "s"


def counted(count: float, word: str) -> str:
    """A count with its word: 1 mode, 3,000 particles."""
    return f"{count:,.0f} {plural(word, count)}"
