"""Parts that several sections of the page are made of."""

from html import escape

from gmmhet.engine.wording.numbers import number
from gmmhet.engine.wording.report import DRAWING

__all__ = ["cell", "one_number", "table", "viewer", "waiting"]


def viewer(kind: str, label: str, extra: str = "") -> str:
    """A picture that the scripts draw; extra: further attributes for them."""
    return (f'<div class="viewer" data-kind="{kind}" data-label="{escape(label)}" {extra}>'
            f"{waiting()}</div>")


def waiting() -> str:
    """What stands in place of a picture until it is drawn."""
    return f'<div class="waiting">{DRAWING[0]}<noscript> {DRAWING[1]}</noscript></div>'


def one_number(title: str, value: float, caption: str, unit: str = "") -> str:
    """What would be a chart of a single bar or dot. ``caption`` is HTML."""
    shown = number(value) + (f" {escape(unit)}" if unit else "")
    return (f'<figure class="chart one"><h3>{escape(title)}</h3><p class="big" title="{value!r}">{shown}</p>'
            f"<figcaption>{caption}</figcaption></figure>")


def cell(value: float | None) -> str:
    """A figure: rounded to be read, the full value beside it for whoever copies it."""
    exact = "" if value is None else repr(value)
    return f'<td class="figure" data-value="{exact}" title="{exact}">{number(value)}</td>'


def table(name: str, heads: str, rows: str, note: str) -> str:
    """A table with a note below; heads and rows are HTML."""
    return (f'<div class="scroll" tabindex="0" role="region" aria-label="{name}"><table class="{name}">'
            f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
            f'<p class="note">{note}</p>')
