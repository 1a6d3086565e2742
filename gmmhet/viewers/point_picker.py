"""A window of latent space in which a click shows the model at that place; drawing only."""

from collections.abc import Callable

import numpy as np
from matplotlib.backend_bases import Event, MouseEvent
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.widgets import Button
from numpy.typing import NDArray

from gmmhet.engine.landscape import Chart, Place

__all__ = ["PointPicker"]

_BLUE, _ORANGE, _RED, _GREY = "#1f5fa8", "#e07b26", "#b42814", "#777777"
_HATCH = "#b4b9c1"
_CUTS = (("across z", 0), ("across y", 1), ("across x", 2))
_MOST_DOTS = 4000


class PointPicker:
    """Particles over one or two modes, where there are none hatched; beside it sections and the surface of the model.

    It must be kept for as long as the figure is shown: matplotlib keeps no reference to what answers its events.

    Args:
        save: called with a place to write its map; returns what is then said.
    """

    def __init__(self, figure: Figure, chart: Chart, save: Callable[[Place], str]) -> None:
        self._figure, self._chart, self._save = figure, chart, save
        grid = GridSpec(2, 4, figure=figure, left=0.07, right=0.985, top=0.87, bottom=0.14, wspace=0.12, hspace=0.12)
        self._axes = figure.add_subplot(grid[:, :2])
        self._draw_one() if len(chart.modes) == 1 else self._draw_two()
        self._axes.set_title("Click, or drag, to see the model there.  Hatched: no particles", fontsize=9)
        start = self._densest()
        self._mark, = self._axes.plot(*(start if len(start) == 2 else [start[0], 0.0]), marker="o", markersize=11,
                                      markerfacecolor="none", markeredgecolor=_ORANGE, markeredgewidth=2.5)
        panels = [figure.add_subplot(grid[i // 2, 2 + i % 2]) for i in range(4)]
        self.place = chart.place(start)
        data = self.place.density.data
        high = float(np.percentile(data, 99.9)) * 1.15
        self._sections = []
        for axes, (title, axis) in zip(panels, _CUTS, strict=False):
            self._sections.append(axes.imshow(_cut(data, axis), origin="lower", cmap="gray", vmin=0, vmax=high))
            axes.set_title(title, fontsize=9)
        self._surface = panels[3].imshow(self.place.surface)
        panels[3].set_title("surface, along z", fontsize=9)
        for axes in panels:
            axes.set_xticks([])
            axes.set_yticks([])
        self._title = figure.suptitle("", fontsize=11)
        self._button = Button(figure.add_axes((0.82, 0.03, 0.165, 0.065)), "Save this map")
        self._button.on_clicked(self._saved)
        self._note = figure.text(0.81, 0.06, "", ha="right", va="center", fontsize=8, color=_GREY)
        for event in ("button_press_event", "motion_notify_event"):
            figure.canvas.mpl_connect(event, self._moved)
        self._tell()

    def _densest(self) -> list[float]:
        """Coordinates of the cell with the highest density."""
        cell = np.unravel_index(np.argmax(self._chart.density), self._chart.density.shape)
        return [float(e[i] + e[i + 1]) / 2 for e, i in zip(self._chart.edges, cell, strict=True)]

    def _label(self, index: int) -> str:
        return f"coordinate along mode {self._chart.modes[index] + 1} (standard deviations)"

    def _draw_one(self) -> None:
        edges, axes = self._chart.edges[0], self._axes
        middles = (edges[:-1] + edges[1:]) / 2
        axes.fill_between(middles, self._chart.density, color=_BLUE, alpha=0.35, linewidth=0)
        axes.plot(middles, self._chart.density, color=_BLUE)
        axes.set_ylim(-0.05, 1.15 * float(self._chart.density.max()))
        axes.fill_between(middles, 0, 1, where=(~self._chart.populated).tolist(), transform=axes.get_xaxis_transform(),
                          facecolor="none", edgecolor=_HATCH, hatch="///", linewidth=0)
        axes.set_xlim(edges[0], edges[-1])
        axes.set_xlabel(self._label(0))
        axes.set_ylabel("density of particles, relative")

    def _draw_two(self) -> None:
        (x, y), axes = self._chart.edges, self._axes
        dots = self._chart.places[:: 1 + len(self._chart.places) // _MOST_DOTS]
        axes.pcolormesh(x, y, np.sqrt(self._chart.density.T), cmap="Blues", vmin=0, vmax=1.2, rasterized=True)
        axes.plot(dots[:, 0], dots[:, 1], ".", markersize=1.2, color="#20262e", alpha=0.35)
        middles = [(e[:-1] + e[1:]) / 2 for e in (x, y)]
        empty = axes.contourf(*middles, (~self._chart.populated).T.astype(float), levels=[0.5, 1.5], colors="none",
                              hatches=["///"])
        empty.set_edgecolor(_HATCH)
        empty.set_linewidth(0)
        axes.set_xlim(x[0], x[-1])
        axes.set_ylim(y[0], y[-1])
        axes.set_xlabel(self._label(0))
        axes.set_ylabel(self._label(1))

    def _moved(self, event: Event) -> None:
        """A click or a drag, unless the toolbar zooms or pans."""
        if not isinstance(event, MouseEvent) or event.xdata is None or event.ydata is None:
            return
        if event.inaxes is self._axes and event.button == 1 and not self._figure.canvas.widgetlock.locked():
            self.choose([event.xdata, event.ydata][:len(self._chart.modes)])

    def choose(self, given: list[float]) -> None:
        """Show the model where the modes have these coordinates."""
        self.place = self._chart.place(given)
        self._mark.set_data([given[0]], [given[1] if len(given) == 2 else 0.0])
        for image, (_, axis) in zip(self._sections, _CUTS, strict=True):
            image.set_data(_cut(self.place.density.data, axis))
        self._surface.set_data(self.place.surface)
        self._note.set_text("")
        self._tell()

    def _tell(self) -> None:
        shown = ", ".join(f"{v:+.2f}" for v in self.place.point[:6]) + (", ..." if len(self.place.point) > 6 else "")
        self._title.set_text(f"model at ({shown}):  {self.place.words}")
        self._title.set_color("black" if self.place.populated else _RED)
        self._figure.canvas.draw_idle()

    def _saved(self, _event: Event) -> None:
        self._note.set_text(self._save(self.place))
        self._figure.canvas.draw_idle()


def _cut(data: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    found: NDArray[np.float32] = np.take(data, data.shape[0] // 2, axis=axis)
    return found
