"""The table of how far coordinates depend on imaging conditions, and what it says in words."""

from gmmhet.engine.report.evidence import Leak
from gmmhet.engine.report.results import Results
from gmmhet.engine.report.svg import shade
from gmmhet.engine.report.templates import Markup, render
from gmmhet.engine.wording import report_trust as wording
from gmmhet.engine.wording.numbers import percent

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


def leak_card(results: Results) -> Markup:
    """Conditions down, modes across, coloured by share; then in words what is significant, and all else on demand."""
    leaks = results.evidence.leaks
    if not leaks:
        return Markup()
    modes = sorted({leak.mode for leak in leaks})
    by_place = {(leak.mode, leak.variable): leak for leak in leaks}
    rows = [(v, [by_place.get((m, v)) for m in modes]) for v in dict.fromkeys(leak.variable for leak in leaks)]
    flagged, others = ([leak for leak in leaks if leak.flagged == wanted] for wanted in (True, False))
    return render("leaks", modes=modes, weak={m.number for m in results.modes if m.significant is False}, rows=rows,
                  flagged=flagged, others=others, colour=_colour, share=_share)


def _colour(leak: Leak) -> str:
    return shade(min(max(leak.share, 0.0) / _FULL, 1.0) ** 0.5, _SHARES)


def _share(leak: Leak) -> str:
    return percent(leak.share) if leak.share >= 0.0005 else "0"
