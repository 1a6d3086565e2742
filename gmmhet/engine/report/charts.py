"""The charts of the page; each returns an HTML figure."""

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.latent_space.deconvolution import deconvolved
from gmmhet.engine.report.results import TOO_FEW, Curve, MapBin, Mode, Results
from gmmhet.engine.report.settings import REPORTING
from gmmhet.engine.report.svg import Axis, Plot, shade
from gmmhet.engine.report.templates import Markup, one_number
from gmmhet.engine.wording import report_charts as wording

__all__ = [
    "GREY", "MODE_COLOURS", "along_colour", "bin_counts", "bin_fsc", "contrasts", "fit_fsc", "gains",
    "halfset_agreement", "histogram", "landscape", "maps_kind", "mode_colour", "scores", "spectrum",
]

Floats = NDArray[np.float64]

MODE_COLOURS = ("#1f5fa8", "#c8553d", "#2a8c6e", "#8457a6", "#b07d12", "#4b7f9b")
GREY = "#a9b1bb"
_ALONG = ("#24427c", "#2f86b0", "#45a679", "#c9a227", "#c8553d")
_RESOLUTIONS = (200, 100, 60, 50, 40, 30, 25, 20, 18, 16, 14, 12, 10, 9, 8, 7, 6, 5, 4.5, 4, 3.5, 3, 2.5, 2, 1.5, 1)


def mode_colour(mode: Mode) -> str:
    """A mode's colour; grey for one that is not significant."""
    return GREY if mode.significant is False else MODE_COLOURS[(mode.number - 1) % len(MODE_COLOURS)]


def along_colour(index: int, count: int) -> str:
    """Colour of map ``index`` (from 0) of a series along a mode."""
    return shade(index / max(count - 1, 1), _ALONG)


def _top(values: list[float], least: float = 0.0) -> float:
    return 1.12 * max([least, *(v for v in values if np.isfinite(v))])


def _counting_axis(label: str, count: int) -> Axis:
    """1, 2, 3 ..., every other number where there are many."""
    step, room = 1 if count <= 12 else 2, max(0.0, (4 - count) / 2)
    return Axis(label, 0.4 - room, count + 0.6 + room, [(float(i), str(i)) for i in range(1, count + 1, step)])


def _histogram(values: Floats, low: float, high: float) -> tuple[Floats, Floats]:
    """Edges and counts over low to high and a margin; as many cells as suit the number of values."""
    margin = 0.05 * max(high - low, 1e-9)
    edges = np.linspace(low - margin, high + margin, min(max(int(np.sqrt(len(values))), 8), 60) + 1)
    return edges, np.histogram(values, edges)[0].astype(np.float64)


def _edges(values: Floats, cells: int) -> Floats:
    """Cell borders over all but the farthest thousandth of the values."""
    low, high = np.percentile(values, [0.05, 99.95]) if len(values) else (-1.0, 1.0)
    return np.linspace(float(low) - 0.05, float(high) + 0.05, cells + 1)


def spectrum(results: Results) -> Markup:
    """Variance of every eigenvector, the modes coloured."""
    values = [float(v) for v in results.arrays["spectrum"][:20]]
    if not any(values):
        return Markup()
    found = sum(m.significant is True for m in results.modes)
    colours = [MODE_COLOURS[0] if i < found else GREY for i in range(len(values))]
    places = np.arange(1, len(values) + 1)
    chart = wording.SPECTRUM
    if len(values) == 1:
        return one_number(chart.title, values[0], chart.alone)
    plot = Plot(chart.title, _counting_axis(chart.x, len(values)), Axis(chart.y, 0, _top(values)))
    plot.bars(places - 0.35, places + 0.35, values, colours,
              tips=[f"eigenvector {i}: {v:.6g}" for i, v in zip(places, values, strict=True)])
    return plot.figure(chart.caption)


def gains(results: Results) -> Markup:
    """Held-out gain of every mode beside the null quantile."""
    gain = [np.nan if m.heldout_gain is None else m.heldout_gain for m in results.modes]
    null = [np.nan if m.null_quantile is None else m.null_quantile for m in results.modes]
    seen = [v for v in gain + null if np.isfinite(v)]
    if not any(seen):
        return Markup()
    places = np.arange(1, len(gain) + 1)
    low, chart = min(0.0, *seen), wording.GAINS
    if len(gain) == 1 and np.isfinite(gain[0]):
        return one_number(chart.title, gain[0], wording.gain_alone(results.modes[0].null_quantile))
    plot = Plot(chart.title, _counting_axis(chart.x, len(gain)), Axis(chart.y, 1.15 * low, _top(seen, 1e-3)))
    plot.bars(places - 0.3, places + 0.3, gain, [mode_colour(m) for m in results.modes],
              tips=[f"mode {m.number}: gain {m.heldout_gain}" for m in results.modes])
    if low < 0:
        plot.rule(0.0, across=True, dash="", colour="#20262e")
    for i, (place, value) in enumerate(zip(places, null, strict=True)):
        plot.line([place - 0.42, place + 0.42], [value, value], "#20262e", width=2.4,
                  label=wording.NULL_QUANTILE if i == 0 else "")
    return plot.figure(chart.caption)


def halfset_agreement(results: Results) -> Markup:
    """Correlation of the coordinates from modes of either half-set."""
    values = [np.nan if m.halfset_correlation is None else m.halfset_correlation for m in results.modes]
    if not np.nan_to_num(values).any():
        return Markup()
    places = np.arange(1, len(values) + 1)
    low = min(0.0, float(np.nanmin(values)) - 0.05)
    chart = wording.HALFSET_AGREEMENT
    if len(values) == 1:
        return one_number(chart.title, values[0], chart.alone)
    plot = Plot(chart.title, _counting_axis(chart.x, len(values)), Axis(chart.y, low, 1.05))
    for level in (REPORTING.full_agreement, REPORTING.partial_agreement):
        plot.rule(level, across=True, dash="2 4")
    plot.dots(places, values, [mode_colour(m) for m in results.modes],
              [f"mode {m.number}: {m.halfset_correlation}" for m in results.modes])
    return plot.figure(chart.caption)


def histogram(results: Results, mode: Mode, *, follows: bool = False) -> Markup:
    """Coordinates along one mode, the posterior standard deviation, and the density without it.

    Args:
        follows: a marker goes with the movie of the mode.
    """
    z = np.asarray(results.arrays["coordinates"][:, mode.number - 1], dtype=np.float64)
    low, high = (float(v) for v in np.percentile(z, [0.1, 99.9])) if len(z) else (-1.0, 1.0)
    edges, counts = _histogram(z, low, high)
    true = _true_density(results, [mode], [edges])
    top = max(float(counts.max()), 1.0, 0.0 if true is None else float((true[0] + 2 * true[1]).max()))
    colour, chart = mode_colour(mode), wording.histogram(mode.number, results.around(mode.number))
    plot = Plot(chart.title, Axis(chart.x, edges[0], edges[-1]), Axis(chart.y, 0, 1.28 * top))
    plot.bars(edges[:-1], edges[1:], counts, shade(0.55, ("#ffffff", colour)), label=wording.POSTERIOR_MEANS,
              tips=[f"{a:.2f} to {b:.2f}: {n:.0f} particles" for a, b, n in
                    zip(edges[:-1], edges[1:], counts, strict=True)])
    if true is not None:
        middles = (edges[:-1] + edges[1:]) / 2
        plot.line(middles, true[0], "#20262e", label=wording.DECONVOLVED)
        for side, label in ((-2, wording.BAND), (2, "")):
            plot.line(middles, np.maximum(true[0] + side * true[1], 0), "#6b7480", label=label, dash="2 3", width=1.2)
    if results.bins_mode == mode.number:
        _mark_borders(plot, results.bins, top)
    sd, middle = mode.median_posterior_sd, (edges[0] + edges[-1]) / 2
    resolved = sd is not None and sd <= middle - edges[0]
    if sd is not None and resolved:
        plot.span(middle - sd, middle + sd, 1.12 * top, wording.one_particle(sd))
    return plot.figure(wording.uncertainty(sd is not None, resolved, true is not None),
                       follows=mode.number if follows else None)


def _mark_borders(plot: Plot, bins: tuple[MapBin, ...], top: float) -> None:
    """Coordinates of maps at points, or borders between the intervals of maps."""
    points = any(b.at_point for b in bins)
    marks = [b.coordinate for b in bins] if points else [b.low for b in bins[1:]]
    for i, value in enumerate(sorted({v for v in marks if v is not None})):
        plot.line([value, value], [0, top], "#5b6470", dash="5 4", width=1.4,
                  label="" if i else wording.MAP_MARKS[points])


def _true_density(results: Results, modes: list[Mode], edges: list[Floats]) -> tuple[Floats, Floats] | None:
    """Expected particles a cell, as far as both half-sets agree, and the standard error; None where the posteriors say
    too little, or nothing."""
    index = [m.number - 1 for m in modes]
    if results.summary.get("method") != "likelihood":
        return None
    covariance = np.asarray(results.arrays["covariance"], dtype=np.float64)[:, index][:, :, index]
    if len(covariance) < TOO_FEW or not np.isfinite(covariance).all():
        return None
    variance = np.linalg.eigvalsh(covariance)
    if variance.min() <= 1e-8 or np.median(variance[:, -1]) > REPORTING.largest_uncertainty:
        return None
    means = np.asarray(results.arrays["coordinates"][:, index], dtype=np.float64)
    if results.summary.get("followed"):  # coordinates are not counted from the mean of their prior
        middle = means.mean(0)
        means, edges = means - middle, [e - m for e, m in zip(edges, middle, strict=True)]
    density = deconvolved(means, covariance, np.asarray(results.arrays["half"], dtype=np.int64))
    middles = [(e[:-1] + e[1:]) / 2 for e in edges]
    points = np.stack(np.meshgrid(*middles, indexing="ij"), axis=-1).reshape(-1, len(edges))
    cell, shape = float(np.prod([e[1] - e[0] for e in edges])), tuple(len(m) for m in middles)
    count = cell * len(means)
    return count * density.density(points).reshape(shape), count * density.band(points).reshape(shape)


def landscape(results: Results, first: Mode, second: Mode) -> list[Markup]:
    """Density of the particles over two modes: 2D histograms, so any number of particles will do."""
    x, y = (np.asarray(results.arrays["coordinates"][:, m.number - 1], dtype=np.float64) for m in (first, second))
    cells = int(np.clip(np.sqrt(len(x)) / 1.6, 10, 48))
    edges = [_edges(x, cells), _edges(y, cells)]
    counts = np.histogramdd(np.stack([x, y], axis=-1), bins=edges)[0]
    figures = []
    true = _true_density(results, [first, second], edges)
    for sharp, values in ((False, counts), (True, None if true is None else true[0])):
        if values is not None:
            chart = wording.landscape(first.number, second.number, deconvolved=sharp)
            plot = Plot(chart.title, Axis(chart.x, edges[0][0], edges[0][-1]),
                        Axis(chart.y, edges[1][0], edges[1][-1]), height=340)
            plot.density(edges[0], edges[1], np.where(values < REPORTING.least_drawn * values.max(), 0, values))
            _mark_maps(plot, results.bins, first.number - 1, second.number - 1)
            figures.append(plot.figure(chart.caption))
    return figures


def _mark_maps(plot: Plot, bins: tuple[MapBin, ...], first: int, second: int) -> None:
    """Where the maps from the particles lie, in their order."""
    known = [b for b in bins if len(b.coordinates) > max(first, second)]
    if len(known) < 2:
        return
    x, y = ([b.coordinates[k] for b in known] for k in (first, second))
    plot.line(x, y, "#20262e", width=1.2, dash="3 3", label=wording.MAPS_ON_LANDSCAPE)
    plot.dots(x, y, [along_colour(i, len(known)) for i in range(len(known))],
              [wording.map_place_tip(b.number, a, c) for b, a, c in zip(known, x, y, strict=True)])


def scores(results: Results) -> Markup:
    """Mean ring correlation of every particle, with the level of shuffled poses."""
    score = np.asarray(results.arrays["score"], dtype=np.float64)
    score = score[np.isfinite(score)]
    given, shuffled = (results.summary.get(k) for k in ("score_given", "score_shuffled"))
    if not len(score):
        return Markup()
    shown = [*score, *(v for v in (given, shuffled) if isinstance(v, int | float))]
    edges, counts = _histogram(score, float(min(shown)), float(max(shown)))
    chart, keys = wording.SCORES, wording.SCORE_KEYS
    plot = Plot(chart.title, Axis(chart.x, edges[0], edges[-1]), Axis(chart.y, 0, 1.1 * max(counts.max(), 1)))
    plot.bars(edges[:-1], edges[1:], counts, "#9db7d5", label=keys["bars"])
    for value, label, dash in ((given, keys["given"], ""), (shuffled, keys["shuffled"], "5 4")):
        if isinstance(value, int | float):
            plot.rule(float(value), across=False, label=label, dash=dash, colour="#20262e")
    return plot.figure(chart.caption)


def contrasts(results: Results) -> Markup:
    """Contrast of every particle."""
    contrast = np.asarray(results.arrays["contrast"], dtype=np.float64)
    contrast = contrast[np.isfinite(contrast)]
    if not len(contrast):
        return Markup()
    low, high = (float(v) for v in np.percentile(contrast, [0.5, 99.5]))
    edges, counts = _histogram(contrast, min(low, 0.0), max(high, 0.0))
    chart = wording.CONTRASTS
    plot = Plot(chart.title, Axis(chart.x, edges[0], edges[-1]), Axis(chart.y, 0, 1.1 * max(counts.max(), 1)))
    plot.bars(edges[:-1], edges[1:], counts, "#9db7d5")
    plot.rule(0.0, across=False, dash="")
    return plot.figure(chart.caption)


def maps_kind(bins: tuple[MapBin, ...]) -> str:
    """Kind of the maps: "interval", "kernel" or "motion" (see gmmhet.engine.wording.report_maps)."""
    return "kernel" if any(b.kernel for b in bins) else "motion" if any(b.parts for b in bins) else "interval"


def bin_counts(bins: tuple[MapBin, ...]) -> Markup:
    """Particles behind every map; the effective number where maps are of nested windows, all made of all particles."""
    kind = maps_kind(bins)
    counts = [b.n_effective if kind == "kernel" else b.n_particles for b in bins]
    values = [np.nan if v is None else v for v in counts]
    places = np.arange(1, len(values) + 1)
    chart = wording.particles_per_map(kind)
    plot = Plot(chart.title, _counting_axis(chart.x, len(values)), Axis(chart.y, 0, _top(values, 1.0)))
    tips = [wording.map_count_tip(b.number, v, b.coordinate if b.at_point else None, (b.low, b.high))
            for b, v in zip(bins, counts, strict=True)]
    plot.bars(places - 0.38, places + 0.38, values, [along_colour(i, len(bins)) for i in range(len(bins))], tips=tips)
    if len(bins) <= 12:
        for place, value in zip(places, values, strict=True):
            if np.isfinite(value):
                plot.text(float(place), value, f"{value:,.0f}")
    return plot.figure(chart.caption)


def _fsc_axis(curves: tuple[Curve, ...]) -> Axis:
    """Resolution ticks, linear in frequency, far enough apart to be read."""
    high = max((float(np.nanmax(c.frequency)) for c in curves if len(c.frequency)), default=0.1)
    ticks: list[tuple[float, str]] = []
    for resolution in _RESOLUTIONS:
        if 1 / resolution <= high and (not ticks or 1 / resolution - ticks[-1][0] > 0.11 * high):
            ticks.append((1 / resolution, f"{resolution:g}"))
    return Axis(wording.FIT_FSC.x, 0.0, high, ticks)


def _fsc_plot(title: str, curves: tuple[Curve, ...]) -> Plot:
    low = min(-0.05, *(float(np.nanmin(c.values)) for c in curves if np.isfinite(c.values).any()))
    plot = Plot(title, _fsc_axis(curves), Axis(wording.FIT_FSC.y, max(low, -0.5), 1.05))
    for level in (0.5, 0.143):
        plot.rule(level, across=True, dash="2 4")
        plot.text(0.0, level, f" {level}", anchor="start", lift=4)
    return plot


def fit_fsc(results: Results, curve: Curve) -> Markup:
    """The Gaussian model against the map it was fitted to."""
    plot = _fsc_plot(wording.FIT_FSC.title, (curve,))
    plot.line(curve.frequency, curve.values, MODE_COLOURS[0])
    plot.rule(1 / results.resolution, across=False, label=wording.analysis_resolution(results.resolution))
    return plot.figure(wording.FIT_FSC.caption)


def bin_fsc(curves: tuple[Curve, ...], kind: str, *, masked: bool) -> Markup:
    """Half-map FSC of every map that has two halves; kind: as ``maps_kind`` gives it."""
    shown = {i: Curve(c.name, c.frequency, v) for i, c in enumerate(curves)
             if (v := c.masked if masked else c.values) is not None and np.nan_to_num(v).any()}
    if not shown:
        return Markup()
    chart = wording.half_map_fsc(kind, masked=masked)
    plot = _fsc_plot(chart.title, tuple(shown.values()))
    for i, curve in shown.items():
        plot.line(curve.frequency, curve.values, along_colour(i, len(curves)), label=f"map {curve.name}")
    return plot.figure(chart.caption)
