"""Drawings on which values of a form are picked; drawing only, without a window."""

from collections.abc import Sequence

import numpy as np
from matplotlib.backend_bases import Event, MouseEvent
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from matplotlib.widgets import SpanSelector
from numpy.typing import NDArray

__all__ = ["ModePicker", "ResolutionPicker", "StretchPicker", "draw_mask"]

_BLUE, _ORANGE, _GREY = "#1f5fa8", "#e07b26", "#777777"


class ResolutionPicker:
    """A Fourier shell correlation; a click chooses a resolution.

    Args:
        frequency: [s] 1/Angstrom; correlation: [s]. start: Angstrom.
    """

    def __init__(self, figure: Figure, frequency: Sequence[float], correlation: Sequence[float], start: float) -> None:
        self._figure, self._axes = figure, figure.add_subplot(111)
        self._axes.plot(frequency, correlation, color=_BLUE)
        for threshold in (0.143, 0.5):
            self._axes.axhline(threshold, color=_GREY, linestyle="--", linewidth=0.8)
        self._axes.set_xlim(0, max(frequency))
        self._axes.set_ylim(-0.1, 1.05)
        self._axes.xaxis.set_major_formatter(FuncFormatter(lambda k, _: f"{1 / k:.1f}" if k > 0 else "∞"))
        self._axes.set_xlabel("resolution (Å); click to choose")
        self._axes.set_ylabel("Fourier shell correlation")
        self._mark = self._axes.axvline(1 / start, color=_ORANGE)
        self._limit = max(frequency)
        self.value = start
        self.choose(1 / start)
        figure.canvas.mpl_connect("button_press_event", self._clicked)

    def choose(self, frequency: float) -> None:
        """Take a frequency, 1/Angstrom."""
        frequency = float(np.clip(frequency, 1e-3, self._limit))
        self.value = round(1 / frequency, 2)
        self._mark.set_xdata([frequency, frequency])
        self._axes.set_title(f"{self.value:.2f} Å", fontsize=10)
        self._figure.canvas.draw_idle()

    def _clicked(self, event: Event) -> None:
        if isinstance(event, MouseEvent) and event.inaxes is self._axes and event.xdata is not None:
            self.choose(event.xdata)


class StretchPicker:
    """Particles along a mode; a drag chooses a stretch of it.

    Args:
        coordinates: [n] along the mode. start: ends of the stretch that is chosen at first, or None.
    """

    def __init__(self, figure: Figure, coordinates: NDArray[np.float64], mode: int,
                 start: tuple[float, float] | None) -> None:
        self._figure, self._axes, self._coordinates = figure, figure.add_subplot(111), coordinates
        self._axes.hist(coordinates, bins=min(80, max(10, len(coordinates) // 25)), color=_BLUE, alpha=0.7)
        self._axes.set_xlabel(f"coordinate along mode {mode} (standard deviations); drag to choose a stretch")
        self._axes.set_ylabel("particles")
        self.value = start or (float(coordinates.min()), float(coordinates.max()))
        self._span = SpanSelector(self._axes, self.choose, "horizontal", useblit=False, interactive=True,
                                  props={"facecolor": _ORANGE, "alpha": 0.35})
        self._span.extents = self.value
        self.choose(*self.value)

    def choose(self, low: float, high: float) -> None:
        """Take a stretch."""
        self.value = round(low, 3), round(high, 3)
        inside = int(((self._coordinates >= self.value[0]) & (self._coordinates <= self.value[1])).sum())
        self._axes.set_title(f"from {low:+.2f} to {high:+.2f}: {inside:,} particles", fontsize=10)
        self._figure.canvas.draw_idle()


class ModePicker:
    """Particles along each mode, one panel a mode; a click chooses one.

    Args:
        coordinates: [n, K]. words: what is said of each mode. start: mode from 1.
    """

    def __init__(self, figure: Figure, coordinates: NDArray[np.float64], words: Sequence[str], start: int) -> None:
        self._figure, self.value = figure, start
        count = coordinates.shape[1]
        columns = min(count, 4)
        self._panels = [figure.add_subplot(-(-count // columns), columns, k + 1) for k in range(count)]
        for axes, values, text in zip(self._panels, coordinates.T, words, strict=True):
            axes.hist(values, bins=min(60, max(10, len(values) // 40)), color=_BLUE)
            axes.set_title(text, fontsize=8)
            axes.set_yticks([])
        figure.canvas.mpl_connect("button_press_event", self._clicked)
        self.choose(min(max(start, 1), count))

    def choose(self, mode: int) -> None:
        """Take a mode, from 1."""
        self.value = mode
        for number, axes in enumerate(self._panels, 1):
            for side in axes.spines.values():
                side.set_color(_ORANGE if number == mode else "black")
                side.set_linewidth(3 if number == mode else 0.8)
        self._figure.canvas.draw_idle()

    def _clicked(self, event: Event) -> None:
        if isinstance(event, MouseEvent) and event.inaxes is not None and event.inaxes in self._panels:
            self.choose(self._panels.index(event.inaxes) + 1)


def draw_mask(figure: Figure, density: NDArray[np.float32], mask: NDArray[np.float32], pixel_size: float) -> None:
    """Sections of a map with the outline of a mask.

    Args:
        density, mask: [n, n, n] (z, y, x) of one grid. pixel_size: Angstrom.
    """
    half = len(density) // 2
    edge = half * pixel_size
    low, high = np.percentile(density[::3, ::3, ::3], (1, 99.9))
    middle = [round(float(v)) for v in np.argwhere(mask > 0.5).mean(axis=0)] if (mask > 0.5).any() else [half] * 3
    for axis, name in enumerate("zyx"):
        axes = figure.add_subplot(1, 3, axis + 1)
        extent = (-edge, edge, -edge, edge)
        axes.imshow(np.take(density, middle[axis], axis), cmap="gray", vmin=low, vmax=high, origin="lower",
                    extent=extent)
        cut = np.take(mask, middle[axis], axis)
        if cut.min() < 0.5 < cut.max():
            axes.contour(cut, levels=[0.5], colors=[_ORANGE], origin="lower", extent=extent)
        axes.set_title(f"across {name}, {(middle[axis] - half) * pixel_size:+.0f} Å", fontsize=9)
        axes.tick_params(labelsize=7)
    inside = float((mask > 0.5).mean())
    figure.suptitle(f"orange: edge of the mask (0.5), {100 * inside:.1f} % of the box", fontsize=10)
