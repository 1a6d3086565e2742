"""Parts that several sections of the page are made of."""

from html import escape

from gmmhet.engine.wording.numbers import number
from gmmhet.engine.wording.report import DRAWING

__all__ = ["cell", "table", "viewer", "waiting"]


def viewer(kind: str, label: str, extra: str = "") -> str:
    """A picture that the scripts draw; extra: further attributes for them."""
    return (f'<div class="viewer" data-kind="{kind}" data-label="{escape(label)}" {extra}>'
            f"{waiting()}</div>")


def waiting() -> str:
    """What stands in place of a picture until it is drawn."""
    return f'<div class="waiting">{DRAWING[0]}<noscript> {DRAWING[1]}</noscript></div>'


def cell(value: float | None) -> str:
    """A figure: rounded to be read, the full value beside it for whoever copies it."""
    exact = "" if value is None else repr(value)
    return f'<td class="figure" data-value="{exact}" title="{exact}">{number(value)}</td>'


def table(name: str, heads: str, rows: str, note: str) -> str:
    """A table with a note below; heads and rows are HTML."""
    return (f'<div class="scroll"><table class="{name}"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
            f'</div><p class="note">{note}</p>')
