"""The section of the page about the maps from the particles."""

from html import escape

from gmmhet.engine.report import charts
from gmmhet.engine.report.elements import cell, table, viewer
from gmmhet.engine.report.results import MapBin, Results
from gmmhet.engine.report.scene import shown_bins
from gmmhet.engine.report.words import number

__all__ = ["maps_section"]

_MOTION = ("Density is the particles' own; where each part of the molecule is put at a point, and how it moves in "
           "every particle, are what the Gaussians say, alike for both half-maps. What does not move as they say is "
           "blurred, and parts are taken to be rigid. Compare with maps at points made of the particles near them "
           "(--by kernel).")
_HALVES = {"stretch": "halves of the particles of each map", "motion": "halves of all particles, moved alike",
           "kernel": "halves of all particles, with the same filters: what repeats, not how far motion is still "
                     "blurred"}
_TITLES = {"stretch": "One map from each stretch of the motion",
           "kernel": "One map at each of several points of the motion",
           "motion": "All particles, with their motion undone, at several points of it"}
_KERNELS = ("Resolutions, local ones too, tell what repeats between the half-maps, and both of these hold the map of "
            "all particles. Where the particles near the point did not agree on a sharper shape, a part that moves is "
            "as blurred as all particles make it, and the figures are those of the blurred shape. Compare with maps of "
            "stretches (--by bins).")


def maps_section(results: Results) -> str:
    """All maps, with what they are made of and how far they reach; empty where there are none."""
    if not results.bins:
        return ""
    kind = _kind(results.bins)
    masked, plain = (charts.bin_fsc(results.bin_curves, _HALVES[kind], masked=m) for m in (True, False))
    told = f'<div class="card"><h3>The maps</h3>{_bin_table(results)}</div>'
    rest = charts.bin_counts(results.bins) + (plain if masked else "")
    if len(results.bins) == 1:
        picture = viewer("movie", "The map of all particles", 'data-series="maps" data-plain="1"')
        single = f'<div class="card"><h3>One map of all particles</h3>{picture}</div>'
        return f'<div class="pair">{single}<div class="stack">{told}{masked or plain}</div></div>'
    if not shown_bins(results):
        return ("<p>The folder holds maps along a direction that is not a significant mode. Differences between them "
                f'cannot be told from noise, so they are not shown in motion.</p>{told}<div class="charts below">'
                f"{masked or plain}{rest}</div>")
    note = ("Every map is made from the particles' own pixels, all at one threshold and one grey scale. If the motion "
            "is real, these maps move as the model above does.")
    pictures = viewer("movie", "Movie of the maps from the particles", 'data-series="maps" data-plain="1"')
    movie = f'<div class="card"><h3>{_TITLES[kind]}</h3>{pictures}<p class="note">{note}</p></div>'
    return (f'<div class="pair">{movie}<div class="stack">{told}{masked or plain}</div></div>'
            f'<div class="charts below">{rest}</div>')


def _kind(bins: tuple[MapBin, ...]) -> str:
    """What the maps are made of: stretches of a mode, kernels around points, or all particles, their motion undone."""
    return "kernel" if any(b.kernel for b in bins) else "motion" if any(b.parts for b in bins) else "stretch"


def _bin_table(results: Results) -> str:
    local = any(b.local_median is not None for b in results.bins)
    heads = "<th>map</th>" + "".join(f'<th class="figure">{h}</th>' for h in (
        "from", "to", "particles", "effective", "Å at FSC 0.5", "Å at FSC 0.143", *(["Å local"] if local else [])))
    rows = []
    for i, b in enumerate(results.bins, 1):
        figures = (b.low, b.high, b.n_particles, b.n_effective, b.resolution_fsc500, b.resolution_fsc143)
        cells = "".join(cell(v) for v in figures) + (_local_cell(b) if local else "")
        rows.append(f"<tr><td>{i}</td>{cells}</tr>")
    note = ("From and to: the stretch of the coordinate (standard deviations). Effective: the number of fully weighted "
            "particles that would carry the same information.")
    kind = _kind(results.bins)
    if kind == "motion":
        count = max(b.parts for b in results.bins)
        note = (f"Every map is of all particles, whose {count} part{'s'[:count != 1]} that move as rigid bodies were "
                "put back. From and to: the stretch of the coordinate (standard deviations) of the particles nearest "
                "to the point.")
    if kind == "kernel":
        note = ("From and to: the stretch of the coordinate (standard deviations) of the particles nearest to the "
                "point that the map stands for. Effective: how many particles the map is made of, the mean over bands "
                "of frequencies; parts that stand still are made of more, parts that move of fewer.")
    if local:
        note += (" Local: where the half maps around a point cease to agree (correlation 0.5), as the median over the "
                 "molecule; below, where its best tenth ends and its worst begins.")
    if results.b_factor is not None:
        note += (f" Maps sharpened by a B factor of {number(results.b_factor)}\N{NO-BREAK SPACE}Å² stand beside them "
                 "in the folder; the page shows them unsharpened.")
    more = [f"<b>{escape(text)}</b>" for text in _notes(results.bins)] + [
        text for text in ({"kernel": _KERNELS, "motion": _MOTION}.get(kind),) if text]
    return table("bins", heads, "".join(rows), note) + "".join(f'<p class="note">{text}</p>' for text in more)


def _notes(bins: tuple[MapBin, ...]) -> list[str]:
    """What single maps do not show; what is true of several is said once."""
    numbers: dict[str, list[str]] = {}
    for b in bins:
        if b.note:
            numbers.setdefault(b.note, []).append(str(b.number))
    return [f"Map{'s'[:len(which) > 1]} {', '.join(which)}: {note}." for note, which in numbers.items()]


def _local_cell(found: MapBin) -> str:
    """Median, and the percentiles smaller below it."""
    if found.local_median is None:
        return cell(None)
    exact = repr(found.local_median)
    return (f'<td class="figure" data-value="{exact}" title="{exact}">{number(found.local_median)} '
            f"<br><small>{number(found.local_10)} to {number(found.local_90)}</small></td>")
