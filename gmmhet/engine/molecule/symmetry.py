"""Rotations of the point groups in RELION's settings.

Cn: the axis along z. Dn: n-fold along z, twofold along x. T: threefold along z, a twofold in the yz plane. O:
fourfold along x, y, z. I (RELION's I = I2): twofold along x, y, z, a fivefold in the xz plane. RELION documentation,
"Conventions: Symmetry"; Heymann, Chagoyen and Belnap 2005 except for T.
"""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmhet.engine.config import check_symmetry
from gmmhet.engine.molecule.gaussians import GaussianModel
from gmmhet.engine.molecule.settings import ASYMMETRIC_UNIT
from gmmhet.engine.sampling import evenly_spread

__all__ = ["asymmetric_unit", "compact_direction", "rotation_about", "rotation_matrices", "symmetric_copies"]

_GOLDEN = (1 + np.sqrt(5)) / 2
_GENERATORS: dict[str, tuple[tuple[int, tuple[float, float, float]], ...]] = {
    "T": ((3, (0, 0, 1)), (2, (0, np.sqrt(2), 1))),
    "O": ((3, (1, 1, 1)), (4, (0, 0, 1))),
    "I": ((2, (0, 0, 1)), (5, (1, 0, _GOLDEN)), (3, (0, 1, _GOLDEN**2))),
}
_GENERIC = np.array([0.8431, 0.2713, 0.4639])  # a direction on no axis or mirror plane of any of these groups


def rotation_about(axis: ArrayLike, turns: float) -> NDArray[np.float64]:
    """[3, 3] right-handed rotation of points about an axis by a number of whole turns (Rodrigues' formula)."""
    x, y, z = np.asarray(axis, np.float64) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = 2 * np.pi * turns
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)


def rotation_matrices(group: str) -> NDArray[np.float64]:
    """All rotations of a point group.

    Args:
        group: Cn, Dn, T, O or I.
    Returns:
        [order, 3, 3], the identity first: a symmetric object is unchanged by x -> R x.
    Raises:
        InputError: no such group.
    """
    group = check_symmetry(group)
    if group[0] in "CD":
        n = int(group[1:])
        cyclic = [rotation_about((0, 0, 1), i / n) for i in range(n)]
        turned = [r @ np.diag([1.0, -1.0, -1.0]) for r in cyclic] if group[0] == "D" else []
        return np.array(cyclic + turned)
    return _closure([rotation_about(axis, 1 / n) for n, axis in _GENERATORS[group]])


def _closure(generators: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Every product of the generators, found by multiplying until nothing new appears."""
    found = [np.eye(3)]
    for element in found:  # grows while it is walked
        for generator in generators:
            product = generator @ element
            if np.abs(np.array(found) - product).max(axis=(1, 2)).min() > 1e-6:
                found.append(product)
    return np.array(found)


def asymmetric_unit(points: ArrayLike, group: str, direction: ArrayLike = _GENERIC) -> NDArray[np.bool_]:
    """Which points lie in one asymmetric unit: those of their orbit that go farthest along a direction.

    Args:
        points: [n, 3] xyz. group: Cn, Dn, T, O or I. direction: [3], on no axis of the group.
    Returns:
        [n]; every orbit of points in general position has exactly one of them in the unit.
    """
    directions = np.asarray(direction, np.float64) @ rotation_matrices(group)  # [order, 3]: g x . d = x . (d g)
    reach = np.asarray(points, np.float64) @ directions.T
    tolerance = 1e-9 * (1 + np.abs(reach).max(initial=0.0))
    return np.asarray(reach[:, 0] >= reach.max(axis=1) - tolerance)


def compact_direction(points: ArrayLike, group: str, weights: ArrayLike | None = None) -> NDArray[np.float64]:
    """The direction [3] whose asymmetric unit of the points is the most compact, so that subunits stay whole.

    The copy of a point that goes farthest along a centre is the one nearest to it, since copies are equally far from
    the origin. As in k-means, choosing the nearest copies and moving the centre to their mean take turns; of many
    starts the one with the smallest spread wins.

    Args:
        points: [n, 3] xyz of the whole or of one unit, however it is cut. weights: [n] >= 0.
    """
    given = np.asarray(points, np.float64)
    mass = np.ones(len(given)) if weights is None else np.asarray(weights, np.float64)
    some = evenly_spread(len(given), ASYMMETRIC_UNIT.points)
    given, mass = given[some], mass[some]
    copies = np.einsum("gij,nj->gni", rotation_matrices(group), given)
    best, smallest = _GENERIC, np.inf
    for start in evenly_spread(len(given), ASYMMETRIC_UNIT.starts):
        centre, spread = _settled(copies, mass, given[start])
        if spread < smallest:
            best, smallest = centre, spread
    # a centre on an axis is equally near to several copies
    return np.asarray(best + 1e-6 * (1 + np.linalg.norm(best)) * _GENERIC)


def _settled(copies: NDArray[np.float64], mass: NDArray[np.float64], centre: NDArray[np.float64],
             ) -> tuple[NDArray[np.float64], float]:
    """Centre of the copies [order, n, 3] nearest to it, and their spread around it, from a first centre."""
    every = np.arange(copies.shape[1])
    chosen = copies[0]
    for _ in range(ASYMMETRIC_UNIT.rounds):
        chosen = copies[(copies @ centre).argmax(axis=0), every]
        before, centre = centre, np.average(chosen, axis=0, weights=mass)
        if np.allclose(before, centre, atol=1e-9):
            break
    return centre, float((mass * ((chosen - centre) ** 2).sum(axis=1)).sum())


def symmetric_copies(model: GaussianModel) -> GaussianModel:
    """The whole molecule (symmetry C1) that a model of one asymmetric unit generates.

    Gaussians come copy after copy, the first copy being the model's own.
    """
    rotations = rotation_matrices(model.symmetry)
    centers = np.einsum("gij,nj->gni", rotations, model.centers).reshape(-1, 3)
    copies = len(rotations)
    return dataclasses.replace(model, centers=centers, weights=np.tile(model.weights, copies),
                               sigmas=np.tile(model.sigmas, copies), symmetry="C1")
