"""Viewing directions in cells of equal area, nearly as wide as they are high, and their picture."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Cells", "counts_in_cells", "draw_cells", "view_cells"]

Array = NDArray[np.float64]
_ROWS = 18  # of 10 degrees; at the poles a cell is a cap


@dataclass(frozen=True)
class Cells:
    """Cells of the sphere of views: rows of equal tilt, each cut into cells of equal rot.

    Attributes:
        number: [R] of cells in each row. heights: [R + 1] cosine of the tilt where rows end, from 1 down to -1.
    """

    number: NDArray[np.int64]
    heights: Array

    @property
    def first(self) -> NDArray[np.int64]:
        """[R] index of the first cell of each row."""
        return np.cumsum(self.number) - self.number

    def of(self, views: Array) -> NDArray[np.int64]:
        """[n] index of the cell of each view, [n, 3] unit vectors."""
        row = np.clip(np.searchsorted(-self.heights, -views[:, 2], side="right") - 1, 0, len(self.number) - 1)
        turn = np.arctan2(views[:, 1], views[:, 0]) / (2 * np.pi) + 0.5
        inside = np.minimum((turn * self.number[row]).astype(np.int64), self.number[row] - 1)
        return np.asarray(self.first[row] + inside)


@lru_cache(maxsize=1)
def view_cells() -> Cells:
    """Cells of exactly equal area."""
    middle = np.pi * (np.arange(_ROWS) + 0.5) / _ROWS
    number = np.maximum(np.rint(2 * _ROWS * np.sin(middle)).astype(np.int64), 1)
    number[[0, -1]] = 1
    return Cells(number, 1 - 2 * np.append(0, np.cumsum(number)) / number.sum())


def counts_in_cells(views: Array) -> Array:
    """[C] how many of the views [n, 3] are in each cell, over an even spread."""
    cells = view_cells()
    counts = np.bincount(cells.of(views), minlength=int(cells.number.sum()))
    return np.asarray(counts / max(counts.mean(), 1e-12))


def draw_cells(axes: Any, share: Array) -> Any:
    """Draw shares of cells [C] on matplotlib axes of Mollweide's projection; returns what a colour bar needs."""
    cells = view_cells()
    high = max(float(share.max()), 2.0)  # so that an even spread looks even
    drawn = None
    for row, number in enumerate(cells.number):
        edges = np.linspace(-np.pi, np.pi, int(number) + 1)
        drawn_at = np.linspace(-np.pi, np.pi, 73) if number < 12 else edges  # curved outlines need points
        values = share[cells.first[row]:cells.first[row] + number]
        shown = values[np.minimum(((drawn_at[:-1] + 1e-9 + np.pi) / (2 * np.pi) * number).astype(int), number - 1)]
        latitude = np.arcsin(np.clip(np.linspace(cells.heights[row], cells.heights[row + 1], 4), -1, 1))
        drawn = axes.pcolormesh(drawn_at, latitude, np.tile(shown, (3, 1)), cmap="viridis", vmin=0, vmax=high,
                                rasterized=True)
    return drawn
