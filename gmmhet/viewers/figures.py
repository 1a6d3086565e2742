"""Drawings of maps, coordinates and curves on matplotlib figures; arrays in, no numerics."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.ticker import FuncFormatter
from matplotlib.widgets import Slider
from numpy.typing import NDArray

from gmmhet.convert import ModeRecord
from gmmhet.engine.view_cells import draw_cells

__all__ = ["Shades", "draw_chosen", "draw_coordinates", "draw_curves", "draw_defocus", "draw_modes", "draw_slices",
           "draw_views"]

_BLUE, _ORANGE, _GREY = "#1f5fa8", "#e07b26", "#777777"
# (title, horizontal axis, vertical axis, axis of the array (z, y, x) that is cut across)
_CUTS = (("across z", "x", "y", 0), ("across y", "x", "z", 1), ("across x", "y", "z", 2))
_SLIDERS_SHOW_FROM = 2


@dataclass(frozen=True)
class Shades:
    """What is shown in colours below the sections of maps: one map of values for each, between two limits."""

    title: str
    maps: Sequence[NDArray[np.float32]]
    low: float
    high: float


class _Slices:
    """Three sections through one of several maps; below, its difference from their mean, or shades; two sliders."""

    def __init__(self, figure: Figure, maps: Sequence[NDArray[np.float32]], labels: Sequence[str], pixel_size: float,
                 shades: Shades | None):
        self._figure, self._labels, self._maps, self._shades = figure, labels, maps, shades
        self._mean: NDArray[np.float32] = np.mean(maps, axis=0, dtype=np.float32)
        low, high = np.percentile(np.concatenate([m.ravel()[::7] for m in maps]), (1, 99.95))
        spread = max(float(np.abs(m - self._mean).max()) for m in maps)
        rows = 1 if len(maps) == 1 and shades is None else 2
        right_end = 0.98 if shades is None else 0.88
        grid = GridSpec(rows, 3, figure=figure, left=0.07, right=right_end, top=0.9, bottom=0.2, hspace=0.3, wspace=0.3)
        half = maps[0].shape[0] // 2 * pixel_size
        extent = (-half - pixel_size / 2, -half + (maps[0].shape[0] - 0.5) * pixel_size) * 2
        reach = min(half, 1.25 * _radius(self._mean) * pixel_size)
        self._images = []
        below = {"cmap": "RdBu_r", "vmin": -spread, "vmax": spread} if shades is None else {
            "cmap": "turbo", "vmin": shades.low, "vmax": shades.high}
        for row in range(rows):
            limits = {"cmap": "gray", "vmin": low, "vmax": high} if row == 0 else below
            for column, (title, right, up, _) in enumerate(_CUTS):
                axes = figure.add_subplot(grid[row, column])
                self._images.append(axes.imshow(self._cut(0, row, column, 0), origin="lower", extent=extent, **limits))
                axes.set_title(title if row == 0 else "difference from the mean" if shades is None else shades.title,
                               fontsize=9)
                axes.set_xlabel(f"{right} (Å)", fontsize=8)
                axes.set_ylabel(f"{up} (Å)", fontsize=8)
                axes.tick_params(labelsize=7)
                axes.set_xlim(-reach, reach)
                axes.set_ylim(-reach, reach)
        if shades is not None:
            bottom = figure.axes[-1].get_position()
            bar = figure.colorbar(self._images[-1], cax=figure.add_axes((0.91, bottom.y0, 0.015, bottom.height)),
                                  extend="max")
            bar.ax.tick_params(labelsize=7)
        self._title = figure.suptitle(labels[0], fontsize=11)
        self._sliders = self._add_sliders(maps[0].shape[0])

    def _add_sliders(self, box: int) -> dict[str, Slider]:
        ranges = {"section": (-(box // 2), (box - 1) // 2)}
        if len(self._maps) >= _SLIDERS_SHOW_FROM:
            ranges["map"] = (1, len(self._maps))
        sliders = {}
        for number, (name, (first, last)) in enumerate(ranges.items()):
            axes = self._figure.add_axes((0.15, 0.03 + 0.045 * number, 0.7, 0.03))
            sliders[name] = Slider(axes, name, first, last, valinit=max(first, 0), valstep=1, color=_BLUE)
            sliders[name].on_changed(self._update)
        return sliders

    def _cut(self, index: int, row: int, column: int, offset: int) -> NDArray[np.float32]:
        if row == 0:
            data = self._maps[index]
        else:
            data = self._maps[index] - self._mean if self._shades is None else self._shades.maps[index]
        section: NDArray[np.float32] = np.take(data, data.shape[0] // 2 + offset, axis=_CUTS[column][3])
        return section

    def _update(self, _value: float) -> None:
        index = int(self._sliders["map"].val) - 1 if "map" in self._sliders else 0
        for number, image in enumerate(self._images):
            image.set_data(self._cut(index, number // 3, number % 3, int(self._sliders["section"].val)))
        self._title.set_text(self._labels[index])
        self._figure.canvas.draw_idle()

    def show(self, number: int) -> None:
        """Go to a map, counted from 1."""
        self._sliders["map"].set_val(number)


def _radius(data: NDArray[np.float32]) -> float:
    """Distance from the origin, in voxels, of the farthest strong density: what a picture has to hold."""
    strong = np.argwhere(data > 0.2 * data.max()) - data.shape[0] // 2
    return float(np.sqrt((strong**2).sum(axis=1)).max())


def draw_slices(
    figure: Figure, maps: Sequence[NDArray[np.float32]], labels: Sequence[str], pixel_size: float,
    shades: Shades | None = None,
) -> _Slices:
    """Sections through maps, with sliders for the map and for the section.

    Args:
        maps: [box, box, box] (z, y, x), one or more of one size. labels: one for each.
        pixel_size: Angstrom. shades: values of each map, on its grid, to show below it instead of what differs from the
            mean of the maps.
    Returns:
        what must be kept for as long as the figure is shown: it holds the sliders.
    """
    return _Slices(figure, maps, labels, pixel_size, shades)


def draw_coordinates(figure: Figure, coordinates: NDArray[np.float64], deviations: NDArray[np.float64], first: int,
                     second: int | None) -> None:
    """Histogram of one coordinate, or the density over two, with the median uncertainty as a cross.

    Args:
        coordinates, deviations: [n, K] and their posterior standard deviations.
        first, second: modes, counted from 1.
    """
    axes = figure.add_subplot(111)
    x = coordinates[:, first - 1]
    axes.set_xlabel(f"coordinate along mode {first} (standard deviations of the motion)")
    if second is None:
        axes.hist(x, bins=min(80, max(10, len(x) // 25)), color=_BLUE)
        axes.set_ylabel("particles")
        axes.errorbar([x.min()], [axes.get_ylim()[1] * 0.95], xerr=np.median(deviations[:, first - 1]), color=_ORANGE,
                      capsize=3)
    else:
        y = coordinates[:, second - 1]
        density = axes.hexbin(x, y, gridsize=45, cmap="Blues", mincnt=1, linewidths=0.2)
        figure.colorbar(density, ax=axes, label="particles")
        axes.set_ylabel(f"coordinate along mode {second}")
        axes.errorbar([x.min()], [y.max()], xerr=np.median(deviations[:, first - 1]),
                      yerr=np.median(deviations[:, second - 1]), color=_ORANGE, capsize=3)
    axes.set_title(f"{len(x)} particles; the orange bar is the median uncertainty of one", fontsize=10)


def draw_chosen(figure: Figure, every: NDArray[np.float64], chosen: NDArray[np.float64], mode: int) -> None:
    """Histograms of one coordinate [n] of all particles and [m] of some of them. mode: from 1."""
    axes = figure.add_subplot(111)
    bins = np.linspace(every.min(), every.max(), min(80, max(10, len(every) // 25)) + 1)
    axes.hist(every, bins, color=_GREY, alpha=0.45, label=f"all {len(every):,}")
    axes.hist(chosen, bins, color=_BLUE, label=f"{len(chosen):,} chosen")
    axes.set_xlabel(f"coordinate along mode {mode} (standard deviations of the motion)")
    axes.set_ylabel("particles")
    axes.legend(fontsize=8)


def draw_modes(figure: Figure, modes: Sequence[ModeRecord]) -> None:
    """What an analysis found of each mode: held-out gain, half-set agreement, variance; in colour those that count."""
    numbers = np.arange(1, len(modes) + 1)
    colors = [_BLUE if m["significant"] else _GREY for m in modes]
    values = {"gain in held-out log likelihood": [m["heldout_gain"] for m in modes],
              "correlation between half-sets": [m["halfset_correlation"] for m in modes],
              "variance": [m["variance"] for m in modes]}
    panels = {label: heights for label, given in values.items()  # None becomes NaN: not computed
              if np.isfinite(heights := np.array(given, float)).any()}
    for place, (label, heights) in enumerate(panels.items(), 1):
        if len(modes) == 1:  # one bar says no more than its number
            across = (place - 0.5) / len(panels)
            figure.text(across, 0.5, f"{heights[0]:.3g}", ha="center", fontsize=26, color=colors[0])
            figure.text(across, 0.38, label, ha="center", fontsize=10)
            continue
        axes = figure.add_subplot(1, len(panels), place)
        axes.bar(numbers, heights, color=colors)
        axes.set_xticks(numbers)
        axes.set_xlim(0.4, max(len(modes), 4) + 0.6)
        axes.set_xlabel("mode")
        axes.set_ylabel(label)
        axes.axhline(0, color="black", linewidth=0.6)
    figure.suptitle("Modes (blue: significant)" if len(modes) != 1 else
                    f"Mode 1, {'significant' if modes[0]['significant'] else 'not significant'}", fontsize=11)


def draw_views(figure: Figure, share: NDArray[np.float64], count: int) -> None:
    """Where particles are seen from, in cells of equal area. share: of each cell, over an even spread."""
    axes = figure.add_axes((0.06, 0.14, 0.88, 0.74), projection="mollweide")
    mesh = draw_cells(axes, share)
    axes.set_xticks(np.deg2rad([-120, -60, 0, 60, 120]), ["-120", "-60", "0", "60", "120"], color="white", fontsize=7)
    axes.set_yticks(np.deg2rad([60, 30, 0, -30, -60]), ["30", "60", "90", "120", "150"], fontsize=7)
    axes.grid(alpha=0.3)
    figure.suptitle(f"Views of {count:,} particles (rot across, tilt down; degrees)", fontsize=11)
    bar = figure.colorbar(mesh, cax=figure.add_axes((0.2, 0.08, 0.6, 0.03)), orientation="horizontal")
    bar.set_label("particles in cells of equal area, over an even spread", fontsize=8)
    bar.ax.tick_params(labelsize=7)


def draw_defocus(figure: Figure, values: NDArray[np.float64]) -> None:
    """Histogram of the defocus, µm; where there is but one, its value."""
    if np.ptp(values) < 1e-4:
        figure.text(0.5, 0.5, f"{values.mean():.3f} µm", ha="center", fontsize=26, color=_BLUE)
        figure.text(0.5, 0.38, f"defocus of all {len(values):,} particles", ha="center", fontsize=10)
        return
    axes = figure.add_subplot(111)
    axes.hist(values, bins=min(60, max(10, len(values) // 25)), color=_BLUE)
    axes.set_xlabel("defocus (µm)")
    axes.set_ylabel("particles")


def draw_curves(figure: Figure, curves: Sequence[tuple[str, Sequence[float], Sequence[float]]], thin: str,
                mark: float | None = None) -> None:
    """Fourier shell correlations.

    Args:
        curves: (label, frequency in 1/Angstrom, correlation) of each.
        thin: curves whose label ends so are drawn thin, in the colours of those before them.
        mark: a resolution to point out, Angstrom.
    """
    axes = figure.add_subplot(111)
    strong = [c for c in curves if not c[0].endswith(thin)]
    colors = [f"C{i}" for i in range(len(strong))]
    for (label, frequency, correlation), color in zip(strong, colors, strict=True):
        axes.plot(frequency, correlation, label=label, color=color)
    for (_, frequency, correlation), color in zip((c for c in curves if c[0].endswith(thin)), colors, strict=False):
        axes.plot(frequency, correlation, color=color, linewidth=0.8, linestyle=":")
    for threshold in (0.143, 0.5):
        axes.axhline(threshold, color=_GREY, linestyle="--", linewidth=0.8)
    if mark is not None:
        axes.axvline(1 / mark, color=_ORANGE, linewidth=1.2, label=f"{mark:.1f} Å")
    axes.set_ylim(-0.1, 1.05)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda k, _: f"{1 / k:.1f}" if k > 0 else "∞"))
    axes.set_xlabel("resolution (Å)")
    axes.set_ylabel("Fourier shell correlation")
    axes.legend(fontsize=8)
