"""The section of the page about the maps from the particles."""

from gmmhet.engine.report import charts
from gmmhet.engine.report.results import MapBin, Results
from gmmhet.engine.report.scene import shown_bins
from gmmhet.engine.report.templates import Markup, render
from gmmhet.engine.wording import report_maps as wording

__all__ = ["maps_section"]


def maps_section(results: Results) -> Markup:
    """All maps, with what they are made of and their resolutions; empty where there are none."""
    bins = results.bins
    if not bins:
        return Markup()
    kind, local = charts.maps_kind(bins), any(b.local_median is not None for b in bins)
    masked, plain = (charts.bin_fsc(results.bin_curves, kind, masked=m) for m in (True, False))
    note = wording.columns_note(kind, max(b.parts for b in bins), local)
    if results.b_factor is not None:
        note += wording.b_factor_note(results.b_factor)
    if results.map_noise:
        note += f" {results.map_noise}"
    return render("maps", bins=bins, kind=kind, local=local, note=note, notes=_notes(bins), further=results.more_maps,
                  shown=shown_bins(results), curves=masked or plain,
                  rest=[charts.bin_counts(bins), *([plain] if masked else [])])


def _notes(bins: tuple[MapBin, ...]) -> list[str]:
    """What single maps do not show; what is true of several is said once."""
    numbers: dict[str, list[str]] = {}
    for b in bins:
        if b.note:
            numbers.setdefault(b.note, []).append(str(b.number))
    return [wording.note_of_maps(which, note) for note, which in numbers.items()]
