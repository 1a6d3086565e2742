"""The table of how far coordinates depend on imaging conditions, and what it says in words."""

from html import escape

from gmmhet.engine.report.evidence import Leak
from gmmhet.engine.report.results import Results
from gmmhet.engine.report.svg import shade
from gmmhet.engine.wording import report_trust as wording
from gmmhet.engine.wording.numbers import number, percent

__all__ = ["leak_card", "leak_sentence"]

_SHARES = ("#ffffff", "#f8e6d3", "#f1c296", "#e8935c")
_FULL = 0.25  # share at which the colour is deepest
_MOST_NAMED = 3


def _counting(results: Results) -> tuple[Leak, ...]:
    """Those of modes that are shown as motion."""
    shown = {m.number for m in results.significant}
    return tuple(leak for leak in results.evidence.leaks if leak.mode in shown)


def leak_sentence(results: Results) -> str:
    """For the box at the top; empty where the analysis did not look, or no mode counts."""
    leaks = _counting(results)
    if not leaks:
        return ""
    found = sorted((leak for leak in leaks if leak.flagged), key=lambda leak: -leak.share)
    if not found:
        return wording.independence(list(dict.fromkeys(leak.variable for leak in leaks)))
    return wording.dependence([(leak.share, leak.mode, leak.variable) for leak in found[:_MOST_NAMED]],
                              len(found) > _MOST_NAMED)


def leak_card(results: Results) -> str:
    """Conditions down, modes across, coloured by share; then in words what is significant, and all else on demand."""
    leaks, text = results.evidence.leaks, wording.IMAGING
    if not leaks:
        return ""
    modes = sorted({leak.mode for leak in leaks})
    weak = {m.number for m in results.modes if m.significant is False}
    by_place = {(leak.mode, leak.variable): leak for leak in leaks}
    heads = f"<th>{text['head']}</th>" + "".join(
        f'<th class="figure{" weak" if m in weak else ""}">mode {m}</th>' for m in modes)
    rows = "".join(f"<tr><td>{escape(v)}</td>{''.join(_cell(by_place.get((m, v))) for m in modes)}</tr>"
                   for v in dict.fromkeys(leak.variable for leak in leaks))
    said, rest = (_listed([leak for leak in leaks if leak.flagged == flagged]) for flagged in (True, False))
    words = said or f"<p>{text['none']}</p>"
    more = f"<details><summary>{text['others']}</summary>{rest}</details>" if rest else ""
    table = (f'<div class="scroll"><table class="leaks"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
             "</div>")
    return (f'<div class="card"><h3>{text["title"]}</h3>{table}{words}{more}'
            f'<p class="note">{text["note"]}{text["weak"] if weak else ""}</p></div>')


def _listed(leaks: list[Leak]) -> str:
    items = "".join(f"<li>{escape(wording.mode_says(leak.mode, leak.words))}</li>" for leak in leaks)
    return f'<ul class="said">{items}</ul>' if items else ""


def _cell(leak: Leak | None) -> str:
    if leak is None:
        return f'<td class="figure">{number(None)}</td>'
    depth = min(max(leak.share, 0.0) / _FULL, 1.0) ** 0.5
    shown = percent(leak.share) if leak.share >= 0.0005 else "0"
    text = f"<strong>{shown}</strong>" if leak.flagged else shown
    tip = wording.dependence_tip(leak.p_value, leak.words)
    return (f'<td class="figure" data-value="{leak.share!r}" title="{escape(tip)}" '
            f'style="background:{shade(depth, _SHARES)}">{text}</td>')
