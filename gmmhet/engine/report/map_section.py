"""The section of the page about the maps from the particles."""

from html import escape

from gmmhet.engine.report import charts
from gmmhet.engine.report.elements import cell, table, viewer
from gmmhet.engine.report.results import MapBin, Results
from gmmhet.engine.report.scene import shown_bins
from gmmhet.engine.wording import report_maps as wording
from gmmhet.engine.wording.numbers import number

__all__ = ["maps_section"]


def maps_section(results: Results) -> str:
    """All maps, with what they are made of and their resolutions; empty where there are none."""
    if not results.bins:
        return ""
    kind = charts.maps_kind(results.bins)
    masked, plain = (charts.bin_fsc(results.bin_curves, kind, masked=m) for m in (True, False))
    listed = f'<div class="card"><h3>{wording.TABLE}</h3>{_bin_table(results)}</div>'
    rest = charts.bin_counts(results.bins) + (plain if masked else "")
    if len(results.bins) == 1:
        title, label = wording.ONE_MAP
        picture = viewer("movie", label, 'data-series="maps" data-plain="1"')
        single = f'<div class="card"><h3>{title}</h3>{picture}</div>'
        return f'<div class="pair">{single}<div class="stack">{listed}{masked or plain}</div></div>'
    if not shown_bins(results):
        return f'<p>{wording.not_shown()}</p>{listed}<div class="charts below">{masked or plain}{rest}</div>'
    pictures = viewer("movie", wording.MOVIE, 'data-series="maps" data-plain="1"')
    movie = (f'<div class="card"><h3>{wording.KIND_TITLES[kind]}</h3>{pictures}'
             f'<p class="note">{wording.movie_note()}</p></div>')
    return (f'<div class="pair">{movie}<div class="stack">{listed}{masked or plain}</div></div>'
            f'<div class="charts below">{rest}</div>')


def _bin_table(results: Results) -> str:
    bins, kind = results.bins, charts.maps_kind(results.bins)
    local = any(b.local_median is not None for b in bins)
    heads = "<th>map</th>" + "".join(f'<th class="figure">{h}</th>' for h in (
        *wording.COLUMNS, *([wording.LOCAL_COLUMN] if local else [])))
    rows = []
    for i, b in enumerate(bins, 1):
        figures = (b.low, b.high, b.n_particles, b.n_effective, b.resolution_fsc500, b.resolution_fsc143)
        cells = "".join(cell(v) for v in figures) + (_local_cell(b) if local else "")
        rows.append(f"<tr><td>{i}</td>{cells}</tr>")
    note = wording.columns_note(kind, max(b.parts for b in bins), local)
    if results.b_factor is not None:
        note += wording.b_factor_note(results.b_factor)
    if results.map_noise:
        note += f" {escape(results.map_noise)}"
    more = [f"<b>{escape(text)}</b>" for text in _notes(bins)] + [t for t in [wording.KIND_NOTES[kind]] if t]
    more += [wording.more_maps(results.more_maps)] if results.more_maps else []
    return table("bins", heads, "".join(rows), note) + "".join(f'<p class="note">{text}</p>' for text in more)


def _notes(bins: tuple[MapBin, ...]) -> list[str]:
    """What single maps do not show; what is true of several is said once."""
    numbers: dict[str, list[str]] = {}
    for b in bins:
        if b.note:
            numbers.setdefault(b.note, []).append(str(b.number))
    return [wording.note_of_maps(which, note) for note, which in numbers.items()]


def _local_cell(found: MapBin) -> str:
    """Median, and the percentiles smaller below it."""
    if found.local_median is None:
        return cell(None)
    exact = repr(found.local_median)
    return (f'<td class="figure" data-value="{exact}" title="{exact}">{number(found.local_median)} '
            f"<br><small>{wording.local_range(found.local_10, found.local_90)}</small></td>")
