"""Compact self-avoiding random chains: the shape of a protein domain at low resolution."""

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.simulate.settings import CHAIN

__all__ = ["grow_chain"]



def grow_chain(
    rng: np.random.Generator, semi_axes: tuple[float, float, float], n: int, step: float = 3.8,
) -> NDArray[np.float64]:
    """Grow a chain of n beads inside an ellipsoid centred at 0, along the axes x, y, z.

    Every bead is one step from the bead before it and at least 0.95 steps from all others; where the chain walks
    into a dead end, its last beads are taken back.

    Args:
        semi_axes: of the ellipsoid, Angstrom. step: Angstrom (3.8: from one C-alpha to the next).
    Returns:
        [n, 3] xyz, Angstrom.
    Raises:
        ValueError: the ellipsoid is too small for the beads.
    """
    axes = np.asarray(semi_axes, dtype=np.float64)
    beads = np.zeros((n, 3))
    grown = 1
    for _ in range(60 * n):
        if grown == n:
            return beads
        directions = rng.standard_normal((CHAIN.candidates, 3))
        candidates = beads[grown - 1] + step * directions / np.linalg.norm(directions, axis=1, keepdims=True)
        candidates = candidates[((candidates / axes) ** 2).sum(axis=1) < 1]
        others = beads[:grown - 1]
        distance2 = ((candidates[:, None] - others[None]) ** 2).sum(axis=2)
        free = np.flatnonzero((distance2 > (CHAIN.least_distance * step) ** 2).all(axis=1))
        if len(free):
            beads[grown] = candidates[free[0]]
            grown += 1
        else:
            grown = max(1, grown - CHAIN.taken_back)
    raise ValueError(f"{n} beads {step} Å apart find no room in an ellipsoid of semi-axes {semi_axes} Å")
