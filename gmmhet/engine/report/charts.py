"""The charts of the page; each returns an HTML figure."""

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.report.density import deconvolved_density
from gmmhet.engine.report.results import TOO_FEW, Curve, MapBin, Mode, Results
from gmmhet.engine.report.svg import Axis, Plot, shade
from gmmhet.engine.report.words import angstrom, number

__all__ = [
    "GREY", "MODE_COLOURS", "along_colour", "bin_counts", "bin_fsc", "contrasts", "fit_fsc", "gains",
    "halfset_agreement", "histogram", "landscape", "mode_colour", "scores", "spectrum",
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


def spectrum(results: Results) -> str:
    """Variance of every eigenvector, the modes coloured."""
    values = [float(v) for v in results.arrays["spectrum"][:20]]
    if not any(values):
        return ""
    found = sum(m.significant is True for m in results.modes)
    colours = [MODE_COLOURS[0] if i < found else GREY for i in range(len(values))]
    places = np.arange(1, len(values) + 1)
    plot = Plot("Mode spectrum", _counting_axis("eigenvector", len(values)),
                Axis("variance explained", 0, _top(values)))
    plot.bars(places - 0.35, places + 0.35, values, colours,
              tips=[f"eigenvector {i}: {v:.6g}" for i, v in zip(places, values, strict=True)])
    return plot.figure("Spread of the particles along each direction of change, largest first. A few bars that stand "
                       "above a flat tail are motion; a smooth slope without a step is noise. As many bars are blue as "
                       "there are significant modes.")


def gains(results: Results) -> str:
    """Held-out gain of every mode beside the null quantile."""
    gain = [np.nan if m.heldout_gain is None else m.heldout_gain for m in results.modes]
    null = [np.nan if m.null_quantile is None else m.null_quantile for m in results.modes]
    seen = [v for v in gain + null if np.isfinite(v)]
    if not any(seen):
        return ""
    places = np.arange(1, len(gain) + 1)
    low = min(0.0, *seen)
    plot = Plot("Held-out gain", _counting_axis("mode", len(gain)),
                Axis("log-likelihood per particle", 1.15 * low, _top(seen, 1e-3)))
    plot.bars(places - 0.3, places + 0.3, gain, [mode_colour(m) for m in results.modes],
              tips=[f"mode {m.number}: gain {m.heldout_gain}" for m in results.modes])
    if low < 0:
        plot.rule(0.0, across=True, dash="", colour="#20262e")
    for i, (place, value) in enumerate(zip(places, null, strict=True)):
        plot.line([place - 0.42, place + 0.42], [value, value], "#20262e", width=2.4,
                  label="what chance reaches (null quantile)" if i == 0 else "")
    return plot.figure("How much better each further mode explains particles that were kept out of its estimate. A "
                       "bar has to rise well above its black line to count.")


def halfset_agreement(results: Results) -> str:
    """Correlation of the coordinates from modes of either half-set."""
    values = [np.nan if m.halfset_correlation is None else m.halfset_correlation for m in results.modes]
    if not np.nan_to_num(values).any():
        return ""
    places = np.arange(1, len(values) + 1)
    low = min(0.0, float(np.nanmin(values)) - 0.05)
    plot = Plot("Half-set agreement", _counting_axis("mode", len(values)),
                Axis("correlation of coordinates", low, 1.05))
    for level in (0.9, 0.6):
        plot.rule(level, across=True, dash="2 4")
    plot.dots(places, values, [mode_colour(m) for m in results.modes],
              [f"mode {m.number}: {m.halfset_correlation}" for m in results.modes])
    return plot.figure("Coordinates of the same particles on the modes found from each half of the data: 1 is full "
                       "agreement, 0 none. Dotted: 0.9 and 0.6. Errors of the poses repeat in both halves, so "
                       "agreement alone proves no motion.")


def histogram(results: Results, mode: Mode) -> str:
    """Coordinates along one mode, the posterior standard deviation, and the density without it."""
    z = np.asarray(results.arrays["coordinates"][:, mode.number - 1], dtype=np.float64)
    low, high = (float(v) for v in np.percentile(z, [0.1, 99.9])) if len(z) else (-1.0, 1.0)
    edges, counts = _histogram(z, low, high)
    true = _true_density(results, [mode], [edges])
    top = max(float(counts.max()), 1.0, 0.0 if true is None else float(true.max()))
    colour = mode_colour(mode)
    plot = Plot(f"Mode {mode.number}: where the particles lie",
                Axis("coordinate (standard deviations)", edges[0], edges[-1]), Axis("particles", 0, 1.28 * top))
    plot.bars(edges[:-1], edges[1:], counts, shade(0.55, ("#ffffff", colour)), label="as placed",
              tips=[f"{a:.2f} to {b:.2f}: {n:.0f} particles" for a, b, n in
                    zip(edges[:-1], edges[1:], counts, strict=True)])
    if true is not None:
        plot.line((edges[:-1] + edges[1:]) / 2, true, "#20262e", label="with the uncertainty taken out")
    if results.bins_mode == mode.number:
        # maps at points have a middle, and no border
        points = any(b.at_point for b in results.bins)
        marks = [b.coordinate for b in results.bins] if points else [b.low for b in results.bins[1:]]
        for i, value in enumerate(sorted({v for v in marks if v is not None})):
            plot.line([value, value], [0, top], "#5b6470", dash="5 4", width=1.4,
                      label="" if i else "places of the maps" if points else "borders between the maps")
    sd, middle = mode.median_posterior_sd, (edges[0] + edges[-1]) / 2
    if sd is None:
        return plot.figure("How well a single particle's place is known is not told.")
    if sd > middle - edges[0]:
        return plot.figure("A single particle's place is not known to better than the whole width of this picture.")
    plot.span(middle - sd, middle + sd, 1.12 * top, f"one particle: ± {number(sd, 2)}")
    line = "" if true is None else "; the line is the density that best explains the images without that smear"
    return plot.figure("The bar on top is how well a single particle's place is known (median posterior standard "
                       f"deviation). The bars below are smeared by it{line}.")


def _true_density(results: Results, modes: list[Mode], edges: list[Floats]) -> Floats | None:
    """Expected particles a cell, from the posteriors; None where the posteriors say too little, or nothing."""
    index = [m.number - 1 for m in modes]
    if results.summary.get("method") != "likelihood":
        return None
    covariance = np.asarray(results.arrays["covariance"], dtype=np.float64)[:, index][:, :, index]
    if len(covariance) < TOO_FEW or not np.isfinite(covariance).all():
        return None
    variance = np.linalg.eigvalsh(covariance)
    if variance.min() <= 1e-8 or np.median(variance[:, -1]) > 0.5:
        return None
    means = np.asarray(results.arrays["coordinates"][:, index], dtype=np.float64)
    if results.summary.get("followed"):  # coordinates are not counted from the mean of their prior
        middle = means.mean(0)
        means, edges = means - middle, [e - m for e, m in zip(edges, middle, strict=True)]
    return deconvolved_density(means, covariance, edges, most=20_000 if len(index) == 1 else 5_000) * len(means)


def landscape(results: Results, first: Mode, second: Mode) -> list[str]:
    """Density of the particles over two modes: 2D histograms, so any number of particles will do."""
    x, y = (np.asarray(results.arrays["coordinates"][:, m.number - 1], dtype=np.float64) for m in (first, second))
    cells = int(np.clip(np.sqrt(len(x)) / 1.6, 10, 48))
    edges = [_edges(x, cells), _edges(y, cells)]
    counts = np.histogramdd(np.stack([x, y], axis=-1), bins=edges)[0]
    figures = []
    for title, values, caption in (
        ("as placed", counts, "Separate islands are states; a band is a continuous motion; a bent band is one large "
         "motion that needs two modes, since a turning body does not move on a straight line."),
        ("uncertainty taken out", _true_density(results, [first, second], edges),
         "The density that best explains the images, without the smear of every single particle's uncertainty."),
    ):
        if values is not None:
            plot = Plot(f"Modes {first.number} and {second.number}, {title}",
                        Axis(f"mode {first.number} (standard deviations)", edges[0][0], edges[0][-1]),
                        Axis(f"mode {second.number} (standard deviations)", edges[1][0], edges[1][-1]), height=340)
            plot.density(edges[0], edges[1], values)
            _mark_maps(plot, results.bins, first.number - 1, second.number - 1)
            figures.append(plot.figure(caption))
    return figures


def _mark_maps(plot: Plot, bins: tuple[MapBin, ...], first: int, second: int) -> None:
    """Where the maps from the particles lie, in their order."""
    told = [b for b in bins if len(b.coordinates) > max(first, second)]
    if len(told) < 2:
        return
    x, y = ([b.coordinates[k] for b in told] for k in (first, second))
    plot.line(x, y, "#20262e", width=1.2, dash="3 3", label="maps from the particles")
    plot.dots(x, y, [along_colour(i, len(told)) for i in range(len(told))],
              [f"map {b.number}, at {number(a, 2)} and {number(c, 2)}" for b, a, c in zip(told, x, y, strict=True)])


def scores(results: Results) -> str:
    """Mean ring correlation of every particle, with the level of shuffled poses."""
    score = np.asarray(results.arrays["score"], dtype=np.float64)
    score = score[np.isfinite(score)]
    given, shuffled = (results.summary.get(k) for k in ("score_given", "score_shuffled"))
    if not len(score):
        return ""
    shown = [*score, *(v for v in (given, shuffled) if isinstance(v, int | float))]
    edges, counts = _histogram(score, float(min(shown)), float(max(shown)))
    plot = Plot("Do the poses fit?", Axis("mean ring correlation with the model", edges[0], edges[-1]),
                Axis("particles", 0, 1.1 * max(counts.max(), 1)))
    plot.bars(edges[:-1], edges[1:], counts, "#9db7d5", label="particles at their given poses")
    for value, label, dash in ((given, "mean", ""), (shuffled, "mean at shuffled poses", "5 4")):
        if isinstance(value, int | float):
            plot.rule(float(value), across=False, label=label, dash=dash, colour="#20262e")
    return plot.figure("The further the bars lie from the dashed line, the more the images say; to its left where "
                       "contrast is inverted. A second hump at the dashed line are particles that do not show this "
                       "molecule.")


def contrasts(results: Results) -> str:
    """Contrast of every particle."""
    contrast = np.asarray(results.arrays["contrast"], dtype=np.float64)
    contrast = contrast[np.isfinite(contrast)]
    if not len(contrast):
        return ""
    low, high = (float(v) for v in np.percentile(contrast, [0.5, 99.5]))
    edges, counts = _histogram(contrast, min(low, 0.0), max(high, 0.0))
    plot = Plot("Contrast of the particles", Axis("contrast (image units per map unit)", edges[0], edges[-1]),
                Axis("particles", 0, 1.1 * max(counts.max(), 1)))
    plot.bars(edges[:-1], edges[1:], counts, "#9db7d5")
    plot.rule(0.0, across=False, dash="")
    return plot.figure("Strength of the molecule in each image. Negative values mean inverted contrast; values "
                       "around zero, images in which the molecule is hardly seen.")


def bin_counts(bins: tuple[MapBin, ...]) -> str:
    """Particles behind every map; the effective number where maps are of nested windows, all made of all particles."""
    kernels = any(b.kernel for b in bins)
    told = [b.n_effective if kernels else b.n_particles for b in bins]
    values = [np.nan if v is None else v for v in told]
    places = np.arange(1, len(values) + 1)
    plot = Plot("Particles each map is made of" if kernels else "Particles behind each map",
                _counting_axis("map", len(values)),
                Axis("effective particles" if kernels else "particles", 0, _top(values, 1.0)))
    tips = [f"map {b.number}: {number(v)} particles, " + (f"at {number(b.coordinate)}" if b.at_point else
            f"from {number(b.low)} to {number(b.high)}") for b, v in zip(bins, told, strict=True)]
    plot.bars(places - 0.38, places + 0.38, values, [along_colour(i, len(bins)) for i in range(len(bins))], tips=tips)
    if len(bins) <= 12:
        for place, value in zip(places, values, strict=True):
            if np.isfinite(value):
                plot.text(float(place), value, f"{value:,.0f}")
    if kernels:
        return plot.figure("The mean over bands of frequencies. Every map starts from all particles; where the "
                           "molecule moves, fewer take part, those nearest to the map's point.")
    if any(b.parts for b in bins):
        return plot.figure("Every map is of all particles, whose motion is undone part by part.")
    return plot.figure("Maps of fewer particles are noisier and reach less resolution, however real the motion.")


def _fsc_axis(curves: tuple[Curve, ...]) -> Axis:
    """Resolution ticks, linear in frequency, far enough apart to be read."""
    high = max((float(np.nanmax(c.frequency)) for c in curves if len(c.frequency)), default=0.1)
    ticks: list[tuple[float, str]] = []
    for resolution in _RESOLUTIONS:
        if 1 / resolution <= high and (not ticks or 1 / resolution - ticks[-1][0] > 0.11 * high):
            ticks.append((1 / resolution, f"{resolution:g}"))
    return Axis("resolution (Å), evenly spaced in 1/Å", 0.0, high, ticks)


def _fsc_plot(title: str, curves: tuple[Curve, ...]) -> Plot:
    low = min(-0.05, *(float(np.nanmin(c.values)) for c in curves if np.isfinite(c.values).any()))
    plot = Plot(title, _fsc_axis(curves), Axis("Fourier shell correlation", max(low, -0.5), 1.05))
    for level in (0.5, 0.143):
        plot.rule(level, across=True, dash="2 4")
        plot.text(0.0, level, f" {level}", anchor="start", lift=4)
    return plot


def fit_fsc(results: Results, curve: Curve) -> str:
    """The Gaussian model against the map it was fitted to."""
    plot = _fsc_plot("Gaussian model against the map", (curve,))
    plot.line(curve.frequency, curve.values, MODE_COLOURS[0])
    plot.rule(1 / float(results.summary["resolution"]), across=False,
              label=f"analysis resolution, {angstrom(results.summary['resolution'])}")
    return plot.figure("How far the Gaussians describe the map. Left of the dashed line the curve should stay near "
                       "1: that is the part the analysis uses.")


def bin_fsc(curves: tuple[Curve, ...], halves: str, *, masked: bool) -> str:
    """Half-map FSC of every map that has two halves; halves: what these are of, in words."""
    shown = {i: Curve(c.name, c.frequency, v) for i, c in enumerate(curves)
             if (v := c.masked if masked else c.values) is not None and np.nan_to_num(v).any()}
    if not shown:
        return ""
    plot = _fsc_plot(f"Half-maps of each map, {'masked' if masked else 'no mask'}", tuple(shown.values()))
    for i, curve in shown.items():
        plot.line(curve.frequency, curve.values, along_colour(i, len(curves)), label=f"map {curve.name}")
    return plot.figure(f"Agreement of two maps from independent {halves}. Dotted: 0.5 and 0.143; a map's resolution is "
                       "where its curve falls below 0.143.")
