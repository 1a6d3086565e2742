"""Rotations of the point groups in RELION's settings.

Cn: the axis along z. Dn: n-fold along z, twofold along x. T: threefold along z, a twofold in the yz plane. O:
fourfold along x, y, z. I (RELION's I = I2): twofold along x, y, z, a fivefold in the xz plane. RELION documentation,
"Conventions: Symmetry"; Heymann, Chagoyen and Belnap 2005 except for T.
"""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmhet.engine.config import check_symmetry
from gmmhet.engine.gaussians import GaussianModel

__all__ = ["asymmetric_unit", "rotation_about", "rotation_matrices", "symmetric_copies"]

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


def asymmetric_unit(points: ArrayLike, group: str) -> NDArray[np.bool_]:
    """Which points lie in one asymmetric unit: those of their orbit that go farthest along a fixed direction.

    Args:
        points: [n, 3] xyz. group: Cn, Dn, T, O or I.
    Returns:
        [n]; every orbit of points in general position has exactly one of them in the unit.
    """
    directions = _GENERIC @ rotation_matrices(group)  # [order, 3]: g x . d = x . (d g)
    reach = np.asarray(points, np.float64) @ directions.T
    tolerance = 1e-9 * (1 + np.abs(reach).max(initial=0.0))
    return np.asarray(reach[:, 0] >= reach.max(axis=1) - tolerance)


def symmetric_copies(model: GaussianModel) -> GaussianModel:
    """The whole molecule (symmetry C1) that a model of one asymmetric unit generates.

    Gaussians come copy after copy, the first copy being the model's own.
    """
    rotations = rotation_matrices(model.symmetry)
    centers = np.einsum("gij,nj->gni", rotations, model.centers).reshape(-1, 3)
    copies = len(rotations)
    return dataclasses.replace(model, centers=centers, weights=np.tile(model.weights, copies),
                               sigmas=np.tile(model.sigmas, copies), symmetry="C1")
