"""Parts that several sections of the page are made of."""

from html import escape

from gmmhet.engine.report.words import number

__all__ = ["cell", "table", "viewer"]


def viewer(kind: str, label: str, extra: str = "") -> str:
    """A picture that the scripts draw; extra: further attributes for them."""
    return (f'<div class="viewer" data-kind="{kind}" data-label="{escape(label)}" {extra}>'
            '<div class="waiting">Drawing …<noscript> This picture needs JavaScript.</noscript></div></div>')


def cell(value: float | None) -> str:
    """A figure: rounded to be read, the full value beside it for whoever copies it."""
    exact = "" if value is None else repr(value)
    return f'<td class="figure" data-value="{exact}" title="{exact}">{number(value)}</td>'


def table(name: str, heads: str, rows: str, note: str) -> str:
    """A table with a note below; heads and rows are HTML."""
    return (f'<div class="scroll"><table class="{name}"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
            f'</div><p class="note">{note}</p>')
