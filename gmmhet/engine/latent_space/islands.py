"""Empty gaps along one coordinate, and the islands of particles between them."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.latent_space.deconvolution import Deconvolved
from gmmhet.engine.latent_space.settings import ISLANDS

__all__ = ["Gap", "Island", "gaps_along", "islands_along"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Gap:
    """A stretch of a coordinate without particles, from low to high; count: particles in its middle half, error: its
    standard error."""

    low: float
    high: float
    count: float
    error: float

    @property
    def middle(self) -> float:
        return (self.low + self.high) / 2


@dataclass(frozen=True)
class Island:
    """Particles between two gaps; share: of all, error: its standard error. width: standard deviation."""

    share: float
    error: float
    width: float


def gaps_along(density: Deconvolved) -> list[Gap]:
    """Stretches where the density is next to nothing beside what is on either side, and holds, by its error too, hardly
    any particle.

    Args:
        density: over one coordinate.
    """
    x = density.centers[:, 0]
    height = density.density(density.centers)
    below = np.cumsum(density.shares)
    left, right = np.maximum.accumulate(height), np.maximum.accumulate(height[::-1])[::-1]
    empty = height < ISLANDS.empty * np.minimum(left, right)
    empty &= (below > ISLANDS.least_share) & (below < 1 - ISLANDS.least_share)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], empty, [False]]).astype(int)))
    found = []
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        inside = np.abs(x - (x[start] + x[end - 1]) / 2) <= (x[end - 1] - x[start]) / 4
        count, error = density.within(inside.astype(float))  # nearer to its ends, particles may as well be beyond them
        if count + error < ISLANDS.most * density.count and x[end - 1] - x[start] >= ISLANDS.narrowest:
            found.append(Gap(float(x[start]), float(x[end - 1]), count, error))
    return found


def islands_along(density: Deconvolved, gaps: list[Gap]) -> list[Island]:
    """What lies between the gaps, lowest first; everything where there is none."""
    x, found = density.centers[:, 0], []
    borders = [-np.inf, *(gap.middle for gap in gaps), np.inf]
    for low, high in pairwise(borders):
        inside = ((x > low) & (x <= high)).astype(float)
        own = density.shares * inside
        middle = float(own @ x / max(own.sum(), 1e-12))
        width = float(np.sqrt(own @ (x - middle) ** 2 / max(own.sum(), 1e-12)))
        count, error = density.within(inside)
        found.append(Island(count / density.count, error / density.count, width))
    return found
