"""Conformations along a curve, seen from the part of the molecule that moves least along it."""

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.molecule.rigid_parts import RigidParts
from gmmhet.engine.molecule.settings import STILL_FRAME

__all__ = ["seen_from_the_still_part"]

Array = NDArray[np.float64]


def seen_from_the_still_part(conformations: Array, reference: Array, weights: Array) -> Array:
    """Conformations [S, N, 3], each turned and shifted as a whole so that they leave the least weighted sum of root
    mean square distances of the Gaussians from a reference, by iteratively reweighted least squares (Kabsch 1976 in
    each round): what stands still along all of the curve stands still, however far the rest moves.

    Args:
        reference: [N, 3] Angstrom. weights: [N], of which the sizes count.
    """
    mass, one = np.abs(weights) / np.abs(weights).sum(), np.zeros(len(reference), np.int64)
    found = conformations
    for _ in range(STILL_FRAME.rounds):
        moves = np.sqrt(np.square(found - reference).sum(-1).mean(0))
        scale = float(np.sqrt(np.average(moves**2, weights=mass)))
        if scale == 0:
            return found
        at = RigidParts(one, reference, mass / (moves + STILL_FRAME.smoothing * scale)).place(found)
        found = np.einsum("sba,snb->sna", at.turns[:, 0], found - at.shifts)
    return found
