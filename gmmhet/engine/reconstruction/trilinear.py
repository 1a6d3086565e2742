"""Spreading with the trilinear kernel: what is used where finufft is not to be had.

A value goes to the eight cells around its point, each with the product of one minus the distances along the axes.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["TrilinearPlan"]

_POINTS_AT_ONCE = 1 << 19


class TrilinearPlan:
    """Spreads values onto a periodic grid; called like finufft's plans of type 1 that only spread.

    Args:
        shape: cells along the three axes. The coordinate 0 is cell shape // 2, and 2 pi a whole period.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._shape = shape
        self._places: list[NDArray[np.float64]] = []

    def setpts(self, *coordinates: NDArray[np.float32]) -> None:
        """Where values stand: [m] radians along each axis."""
        self._places = [(np.asarray(c, np.float64) / (2 * np.pi) + 0.5) * n % n
                        for c, n in zip(coordinates, self._shape, strict=True)]

    def execute(self, values: NDArray[np.complex64]) -> NDArray[np.complex64]:
        """The grid [*shape] with the values [m] of the points spread."""
        total = np.zeros(int(np.prod(self._shape)), np.complex128)
        for start in range(0, len(values), _POINTS_AT_ONCE):
            part = slice(start, start + _POINTS_AT_ONCE)
            cells, shares = _corners([p[part] for p in self._places], self._shape)
            for factor, component in ((1, values[part].real), (1j, values[part].imag)):
                if component.any():
                    total += factor * np.bincount(cells.ravel(), (shares * component).ravel(), len(total))
        return total.reshape(self._shape).astype(np.complex64)


def _corners(places: list[NDArray[np.float64]], shape: tuple[int, ...],
             ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """[8, m] cells (in the order of memory) around points, and their shares."""
    cells = np.zeros((1, len(places[0])), np.int64)
    shares = np.ones((1, len(places[0])))
    for place, n in zip(places, shape, strict=True):
        first = np.floor(place).astype(np.int64)
        far = place - first
        near = [cells * n + cell % n for cell in (first, first + 1)]
        cells = np.concatenate(near)
        shares = np.concatenate([shares * (1 - far), shares * far])
    return cells, shares
