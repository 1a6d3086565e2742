"""Charts in SVG: axes with round ticks, lines, bars, density grids. No script is needed to read them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmhet.engine.report.templates import Markup, render

__all__ = ["MINUS", "Axis", "Plot", "round_ticks", "shade"]

MINUS = "\N{MINUS SIGN}"
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_LEFT, _RIGHT, _TOP, _BOTTOM = 66, 12, 12, 48
_DENSITY = ("#eef2f7", "#c5d5e8", "#8fb0d3", "#5a87b8", "#2f5f96", "#173a66")


def round_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """At most ``most`` multiples of 1, 2 or 5 times a power of ten between low and high."""
    span = high - low
    if not span > 0:
        return [low]
    step = 10.0 ** math.floor(math.log10(span / most))
    for factor in (1, 2, 5, 10, 20):
        first, last = math.ceil(low / (step * factor) - 1e-9), math.floor(high / (step * factor) + 1e-9)
        if last - first + 1 <= most:
            return [i * step * factor for i in range(first, last + 1)]
    return [low]


def _tick(value: float) -> str:
    text = f"{value / 1000:g}k" if abs(value) >= 10000 else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return text.replace("-", MINUS)


def shade(share: float, colours: Sequence[str] = _DENSITY) -> str:
    """Colour at ``share`` (0..1) of a ramp given by equally spaced #rrggbb colours."""
    place = min(max(share, 0.0), 1.0) * (len(colours) - 1)
    index = min(int(place), len(colours) - 2)
    ends = [[int(c[i:i + 2], 16) for i in (1, 3, 5)] for c in colours[index:index + 2]]
    mixed = [round(a + (b - a) * (place - index)) for a, b in zip(*ends, strict=True)]
    return "#" + "".join(f"{v:02x}" for v in mixed)


class Axis:
    """A linear axis: label with unit, range, and ticks (value, text); round numbers when none are given.

    Very small numbers are written in units of a power of ten, which the label names.
    """

    def __init__(self, label: str, low: float, high: float, ticks: Sequence[tuple[float, str]] | None = None,
                 most: int = 6) -> None:
        self.label, self.low = label, low
        self.high = high if high > low else low + 1.0
        largest = max(abs(low), abs(self.high))
        if ticks is None and 0 < largest < 0.01:
            power = math.floor(math.log10(largest))
            self.label += " \N{MULTIPLICATION SIGN} 10" + str(power).translate(_RAISED)
            ticks = [(t, _tick(t / 10.0**power)) for t in round_ticks(low, self.high, most)]
        self.ticks = ticks if ticks is not None else [(t, _tick(t)) for t in round_ticks(low, self.high, most)]

    def share(self, values: ArrayLike) -> NDArray[np.float64]:
        """Where values lie between low (0) and high (1)."""
        return (np.asarray(values, dtype=np.float64) - self.low) / (self.high - self.low)


@dataclass(frozen=True)
class _Mark:
    """An element of SVG; tip: shown while the pointer is over it."""

    tag: str
    attributes: Mapping[str, object]
    text: str = ""
    tip: str = ""


def _path(outline: str, **more: object) -> _Mark:
    return _Mark("path", {"d": outline, **more})


def _patch(colour: str) -> _Mark:
    """A colour of the key."""
    return _Mark("rect", {"y": 1, "width": 18, "height": 8, "fill": colour})


class Plot:
    """One chart. Marks are added in the order they are drawn."""

    def __init__(self, title: str, x: Axis, y: Axis, *, width: int = 360, height: int = 255) -> None:
        self.title, self._x, self._y = title, x, y
        self._width, self._height = width, height
        self._marks: list[_Mark] = []
        self._keys: list[tuple[_Mark, str]] = []

    def _px(self, x: ArrayLike) -> NDArray[np.float64]:
        return _LEFT + self._x.share(x) * (self._width - _LEFT - _RIGHT)

    def _py(self, y: ArrayLike) -> NDArray[np.float64]:
        return self._height - _BOTTOM - self._y.share(y) * (self._height - _TOP - _BOTTOM)

    def _key(self, mark: _Mark, label: str) -> None:
        if label:
            self._keys.append((mark, label))

    def line(self, x: ArrayLike, y: ArrayLike, colour: str, *, label: str = "", dash: str = "",
             width: float = 2) -> None:
        """A line; broken where a value is not finite."""
        px, py = self._px(x), self._py(np.clip(y, self._y.low, self._y.high))
        path, pen = [], "M"
        for a, b in zip(px, py, strict=True):
            if not math.isfinite(a + b):
                pen = "M"
                continue
            path.append(f"{pen}{a:.1f} {b:.1f}")
            pen = "L"
        style = {"fill": "none", "stroke": colour, "stroke-width": width, "stroke-dasharray": dash or None}
        self._marks.append(_path(" ".join(path), **style, **{"stroke-linejoin": "round"}))
        self._key(_path("M0 5H18", **style), label)

    def steps(self, edges: ArrayLike, heights: ArrayLike, colour: str, *, label: str = "") -> None:
        """A histogram as an outline: edges [m + 1], heights [m]."""
        self.line(np.repeat(np.asarray(edges), 2), np.concatenate([[0.0], np.repeat(np.asarray(heights), 2), [0.0]]),
                  colour, label=label)

    def bars(self, left: ArrayLike, right: ArrayLike, heights: ArrayLike, colours: str | Sequence[str], *,
             tips: Sequence[str] = (), label: str = "", base: float = 0.0) -> None:
        """Bars from ``base``; tips are shown on hover."""
        x0, x1, y1 = self._px(left), self._px(right), self._py(np.clip(heights, self._y.low, self._y.high))
        y0 = float(self._py(np.clip(base, self._y.low, self._y.high)))
        fills = [colours] * len(x0) if isinstance(colours, str) else colours
        for i, (a, b, y) in enumerate(zip(x0, x1, y1, strict=True)):
            if not math.isfinite(y):
                continue
            self._marks.append(_Mark("rect", {
                "x": f"{a:.1f}", "y": f"{min(y, y0):.1f}", "width": f"{max(b - a, 0.5):.1f}",
                "height": f"{abs(y0 - y):.1f}", "fill": fills[i]}, tip=tips[i] if tips else ""))
        if fills:
            self._key(_patch(fills[0]), label)

    def dots(self, x: ArrayLike, y: ArrayLike, colours: Sequence[str], tips: Sequence[str]) -> None:
        """Round marks with a tip each; values that are not finite are left out."""
        for a, b, c, t in zip(self._px(x), self._py(y), colours, tips, strict=True):
            if math.isfinite(a + b):
                self._marks.append(_Mark("circle", {"cx": f"{a:.1f}", "cy": f"{b:.1f}", "r": 6, "fill": c}, tip=t))

    def rule(self, value: float, *, across: bool, colour: str = "#5b6470", label: str = "", dash: str = "5 4") -> None:
        """A line over the whole plot at y = value (across) or x = value."""
        if across:
            self.line([self._x.low, self._x.high], [value, value], colour, label=label, dash=dash, width=1.4)
        elif self._x.low <= value <= self._x.high:
            self.line([value, value], [self._y.low, self._y.high], colour, label=label, dash=dash, width=1.4)

    def text(self, x: float, y: float, text: str, *, anchor: str = "middle", lift: float = 6) -> None:
        """A word at a place in the plot, ``lift`` pixels above it."""
        self._marks.append(_Mark("text", {"x": f"{float(self._px(x)):.1f}", "y": f"{float(self._py(y)) - lift:.1f}",
                                          "text-anchor": anchor}, text))

    def span(self, low: float, high: float, y: float, text: str, colour: str = "#20262e") -> None:
        """A horizontal error bar from low to high with a word above it."""
        a, b, h = float(self._px(low)), float(self._px(high)), float(self._py(y))
        self._marks.append(_path(f"M{a:.1f} {h - 5:.1f}v10M{a:.1f} {h:.1f}H{b:.1f}M{b:.1f} {h - 5:.1f}v10",
                                 fill="none", stroke=colour, **{"stroke-width": 2}))
        self.text((low + high) / 2, y, text, lift=9)

    def density(self, x_edges: NDArray[np.float64], y_edges: NDArray[np.float64], counts: NDArray[np.float64]) -> None:
        """Counts [x cells, y cells] as squares; shade by the square root of the count, in 24 steps."""
        most = max(float(counts.max()), 1.0)
        shown = np.where(counts < 0.25 / 24**2 * most, 0, counts)  # less than half the lightest step
        levels = np.ceil(24 * np.sqrt(shown / most)).astype(int)
        px, py = self._px(x_edges), self._py(y_edges)
        for level in range(1, 25):
            cells = [f"M{px[i]:.1f} {py[j]:.1f}H{px[i + 1]:.1f}V{py[j + 1]:.1f}H{px[i]:.1f}z"
                     for i, j in np.argwhere(levels == level)]
            if cells:
                fill = shade(level / 24)
                self._marks.append(_path("".join(cells), fill=fill, stroke=fill, **{"stroke-width": ".4"}))
        for i, step in enumerate((6, 12, 18, 24)):
            share = (step / 24) ** 2 * most
            self._key(_patch(shade(step / 24)), f"{share:.0f}" + (" particles a cell" if i == 3 else ""))

    def cells(self, x_edges: NDArray[np.float64], y_edges: NDArray[np.float64], colours: Sequence[Sequence[str]],
              tips: Sequence[Sequence[str]]) -> None:
        """A colour and a tip for every cell [x cells][y cells]; an empty colour leaves a cell out."""
        px, py = self._px(x_edges), self._py(y_edges)
        for i, (column, told) in enumerate(zip(colours, tips, strict=True)):
            for j, (fill, tip) in enumerate(zip(column, told, strict=True)):
                if fill:
                    outline = f"M{px[i]:.1f} {py[j]:.1f}H{px[i + 1]:.1f}V{py[j + 1]:.1f}H{px[i]:.1f}z"
                    self._marks.append(_Mark("path", {"d": outline, "fill": fill}, tip=tip))

    def key(self, colour: str, label: str) -> None:
        """A colour and what it means, above the plot."""
        self._key(_patch(colour), label)

    def _frame(self) -> list[_Mark]:
        left, right, top, bottom = _LEFT, self._width - _RIGHT, _TOP, self._height - _BOTTOM
        out = []
        for value, text in self._y.ticks:
            y = float(self._py(value))
            out += [_path(f"M{left} {y:.1f}H{right}", **{"class": "grid"}),
                    _Mark("text", {"x": left - 7, "y": f"{y + 4:.1f}", "text-anchor": "end"}, text)]
        for value, text in self._x.ticks:
            x = float(self._px(value))
            out += [_path(f"M{x:.1f} {bottom}v5", **{"class": "tick"}),
                    _Mark("text", {"x": f"{x:.1f}", "y": bottom + 19, "text-anchor": "middle"}, text)]
        label = {"class": "label", "text-anchor": "middle"}
        return [*out, _path(f"M{left} {top}V{bottom}H{right}", **{"class": "axis"}),
                _Mark("text", {**label, "x": (left + right) / 2, "y": self._height - 8}, self._x.label),
                _Mark("text", {**label, "transform": f"translate(13 {(top + bottom) / 2}) rotate(-90)"}, self._y.label)]

    def figure(self, caption: str, *, follows: int | None = None) -> Markup:
        """The chart as an HTML figure.

        Args:
            follows: the mode whose movie moves a marker along x.
        """
        marks, place = [*self._frame(), *self._marks], {}
        if follows is not None:
            place = {"data-follows": follows, "data-low": repr(float(self._x.low)),
                     "data-high": repr(float(self._x.high)), "data-ends": f"{_LEFT} {self._width - _RIGHT}"}
            marks.append(_path(f"M0 {_TOP}V{self._height - _BOTTOM}", **{"class": "marker", "visibility": "hidden"}))
        return render("chart", title=self.title, caption=caption, width=self._width, height=self._height, marks=marks,
                      keys=self._keys, follows=place)
