"""Single values of images and maps that outweigh all others: errors of a file that would spoil every sum."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.io.settings import GREY_VALUES

__all__ = ["first_outlier", "outlier"]


def outlier(values: NDArray[Any]) -> int | None:
    """Index (of the flat array) of the largest value where few come near it, and others are not 0; else None."""
    size = np.abs(values).ravel()
    place = int(np.argmax(size))
    peak = float(size[place])
    if peak <= _ratio(len(size)) * float(size.mean(dtype=np.float64)):
        return None
    near = int((size > peak / GREY_VALUES.beyond).sum())
    return place if near <= GREY_VALUES.few < int((size > 0).sum()) else None


def first_outlier(images: NDArray[np.float32], peaks: NDArray[np.float32]) -> tuple[int, int] | None:
    """Index of the first image with such a value, and of the value in it (flat).

    Args:
        images: [n, y, x]. peaks: [n] largest absolute value of each.
    """
    means = np.abs(images).mean(axis=(1, 2), dtype=np.float64)
    for i in np.flatnonzero(peaks > _ratio(images[0].size) * means):
        place = outlier(images[i])
        if place is not None:
            return int(i), place
    return None


def _ratio(n: int) -> float:
    """Of the peak to the mean of n values, from which these are looked at closely: few outliers are half the sum."""
    return min(GREY_VALUES.suspicious, n / (2 * GREY_VALUES.few))
