"""A few of many, or a half of them, the same ones every time."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["PIXEL_HALVES", "evenly_spread", "half_of_pixels"]

#: seed of the halves of the Fourier pixels, the same in an analysis and in maps that go by it
PIXEL_HALVES = 20


def evenly_spread(count: int, most: int, *, nearest: bool = False) -> NDArray[np.int64]:
    """At most ``most`` of the indices 0 .. count - 1, at equal distances, the first and the last among them; in order.

    Args:
        nearest: round positions between two indices to the nearer one; else to the lower one.
    """
    positions = np.linspace(0, count - 1, min(count, most))
    return np.unique((positions.round() if nearest else positions).astype(np.int64))


def half_of_pixels(size: int) -> NDArray[np.bool_]:
    """[size, size] a random half of the Fourier pixels by |ky|, |kx| (in 1 / box), the same for images of every size.

    A pixel and its three mirror images (its Friedel mate among them) are in one half. The pixels of white noise are
    independent, so what one half says of an image owes nothing to the noise of the other.
    """
    low, high = np.minimum(*np.indices((size, size))), np.maximum(*np.indices((size, size)))
    down = np.arange(size)[:, np.newaxis] == high
    order = high**2 + np.where(down, low, high + 1 + low)  # square by square: a larger size adds some at the end
    return np.asarray(np.random.default_rng(PIXEL_HALVES).random(size**2)[order] < 0.5)
