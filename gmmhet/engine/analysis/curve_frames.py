"""Curves seen from the part of the molecule that moves least along them."""

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.analysis.settings import CURVED
from gmmhet.engine.latent_space.deformation import Deformation
from gmmhet.engine.molecule.still_curve import seen_from_the_still_part

__all__ = ["still_curves"]


def still_curves(given: Deformation, centers: NDArray[np.float64], weights: NDArray[np.float64]) -> Deformation:
    """The same curves without the movements of the molecule as a whole, which are its poses'.

    Conformations along each coordinate are superposed, and new fields fitted to them by least squares over places that
    the prior is evenly divided by: the functions are orthonormal there.

    Args:
        centers: [N, 3] Angstrom. weights: [N].
    """
    curves = given.curves
    assert curves is not None
    position = given.position.copy()
    for k, segment in enumerate(curves.segments):
        own = given.of(k)
        places = curves.coordinates[k].places(CURVED.shown)[:, None]
        seen = seen_from_the_still_part(own.centers(centers, places), centers, weights)
        t = np.pad(own.amounts(places), [(0, 0), (0, 1)], constant_values=1.0)
        found, *_ = np.linalg.lstsq(t, (seen - centers).reshape(len(places), -1), rcond=None)
        position[segment] = found[:-1].reshape(position[segment].shape)
    return Deformation(position, given.amplitude, curves)
