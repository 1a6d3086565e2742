"""Curves as they are reported: seen from what moves least, and circles from the side where most particles are."""

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.analysis.settings import CURVED
from gmmhet.engine.molecule.curves import CIRCUMFERENCE, Circle, emptiest, wrapped
from gmmhet.engine.molecule.deformation import Deformation
from gmmhet.engine.molecule.still_curve import seen_from_the_still_part

__all__ = ["opened", "still_curves"]

Array = NDArray[np.float64]


def opened(given: Deformation, z: Array) -> tuple[Deformation, Array]:
    """The same shapes and places, with circles counted from opposite to where fewest particles are: there, where the
    coordinate jumps, they are least often parted.

    Args:
        z: [n, K].
    """
    curves = given.curves
    assert curves is not None
    position, amplitude, z = given.position.copy(), given.amplitude.copy(), z.copy()
    for k, (coordinate, segment) in enumerate(zip(curves.coordinates, curves.segments, strict=True)):
        if isinstance(coordinate, Circle):
            origin = emptiest(z[:, k]) + CIRCUMFERENCE / 2
            position[segment] = coordinate.from_origin(position[segment], origin)
            amplitude[segment] = coordinate.from_origin(amplitude[segment], origin)
            z[:, k] = wrapped(z[:, k] - origin)
    return Deformation(position, amplitude, curves), z


def still_curves(given: Deformation, centers: Array, weights: Array) -> Deformation:
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
