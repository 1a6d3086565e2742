"""The table of what else the coordinates follow, and what it says in words."""

from html import escape

from gmmhet.engine.report.evidence import Leak
from gmmhet.engine.report.results import Results
from gmmhet.engine.report.svg import shade
from gmmhet.engine.report.words import number

__all__ = ["leak_card", "leak_sentence"]

_SHARES = ("#ffffff", "#f8e6d3", "#f1c296", "#e8935c")
_FULL = 0.25  # share at which the colour is deepest
_NOTE = ("Share of a coordinate's variance that goes with each, beyond what noise gives; bold where it is real (less "
         "than "
         "one chance in a hundred of any false alarm in the whole table) and at least 1 %. A motion of the molecule "
         "has no "
         "reason to follow how it was imaged, though views and places on the grid can select conformations. Hold the "
         "pointer over a figure for its p value.")
_WEAK = " Modes in italics are not significant."


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
        names = list(dict.fromkeys(leak.variable for leak in leaks))
        listed = ", ".join(names[:-1]) + f" or {names[-1]}" if len(names) > 1 else names[0]
        return f"No mode follows {listed}."
    told = "; ".join(f"{_percent(leak.share)} of mode {leak.mode} follows the {leak.variable}" for leak in found[:3])
    return f"{told}{' and more' if len(found) > 3 else ''}. See below before calling it motion."


def leak_card(results: Results) -> str:
    """Variables down, modes across, coloured by share; then in words what was flagged, and all else on demand."""
    leaks = results.evidence.leaks
    if not leaks:
        return ""
    modes = sorted({leak.mode for leak in leaks})
    weak = {m.number for m in results.modes if m.significant is False}
    by_place = {(leak.mode, leak.variable): leak for leak in leaks}
    heads = "<th>share that follows</th>" + "".join(
        f'<th class="figure{" weak" if m in weak else ""}">mode {m}</th>' for m in modes)
    rows = "".join(f"<tr><td>{escape(v)}</td>{''.join(_cell(by_place.get((m, v))) for m in modes)}</tr>"
                   for v in dict.fromkeys(leak.variable for leak in leaks))
    flagged = [leak for leak in leaks if leak.flagged]
    said = "".join(f"<li>Mode {leak.mode}: {escape(leak.words)}.</li>" for leak in flagged)
    rest = "".join(f"<li>Mode {leak.mode}: {escape(leak.words)}.</li>" for leak in leaks if not leak.flagged)
    words = f'<ul class="said">{said}</ul>' if said else "<p>No coordinate follows any of these.</p>"
    more = f'<details><summary>All others in words</summary><ul class="said">{rest}</ul></details>' if rest else ""
    table = (f'<div class="scroll"><table class="leaks"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
             "</div>")
    return (f'<div class="card"><h3>What else the coordinates follow</h3>{table}{words}{more}'
            f'<p class="note">{_NOTE}{_WEAK if weak else ""}</p></div>')


def _cell(leak: Leak | None) -> str:
    if leak is None:
        return f'<td class="figure">{number(None)}</td>'
    depth = min(max(leak.share, 0.0) / _FULL, 1.0) ** 0.5
    shown = _percent(leak.share) if leak.share >= 0.0005 else "0"
    tip = f"p = {number(leak.p_value, 2)}: {leak.words}"
    text = f"<strong>{shown}</strong>" if leak.flagged else shown
    return (f'<td class="figure" data-value="{leak.share!r}" title="{escape(tip)}" '
            f'style="background:{shade(depth, _SHARES)}">{text}</td>')


def _percent(share: float) -> str:
    return f"{100 * share:.1f}\N{NO-BREAK SPACE}%" if share < 0.0995 else f"{100 * share:.0f}\N{NO-BREAK SPACE}%"
