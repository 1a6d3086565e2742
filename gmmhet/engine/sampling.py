"""A few of many, the same ones every time."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["evenly_spread"]


def evenly_spread(count: int, most: int, *, nearest: bool = False) -> NDArray[np.int64]:
    """At most ``most`` of the indices 0 .. count - 1, at equal distances, the first and the last among them; in order.

    Args:
        nearest: round positions between two indices to the nearer one; else to the lower one.
    """
    positions = np.linspace(0, count - 1, min(count, most))
    return np.unique((positions.round() if nearest else positions).astype(np.int64))
