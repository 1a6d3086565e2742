"""Movements of the whole molecule as a rigid body: what a mode holds of them, and modes without them."""

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.molecule.settings import STILL_FRAME

__all__ = ["in_still_frame", "rigid_fields", "rigid_part", "scaling_field"]

Array = NDArray[np.float64]


def rigid_fields(centers: Array, weights: Array) -> Array:
    """[6, N, 5] fields of shifts along and turns about x, y, z through the weighted centre; turns per radian.

    Args:
        centers: [N, 3] Angstrom. weights: [N].
    """
    arm = centers - np.average(centers, axis=0, weights=np.abs(weights))
    units = np.eye(3)
    fields = np.zeros((6, len(centers), 5))
    fields[:3, :, :3] = units[:, None]
    fields[3:, :, :3] = np.cross(units[:, None], arm[None])
    return fields


def scaling_field(n: int) -> Array:
    """[1, n, 5] the field that changes all weights alike."""
    field = np.zeros((1, n, 5))
    field[..., 3] = 1.0
    return field


def rigid_part(displacement: Array, rigid: Array, weights: Array) -> tuple[Array, float]:
    """The rigid movement nearest to a displacement [N, 3], and its share of the weighted square of the displacement.

    Args:
        rigid: [6, N, 5] of rigid_fields. weights: [N] >= 0 of the inner product.
    Returns:
        [N, 5], and between 0 and 1.
    """
    root = np.sqrt(weights)[:, None]
    design = (rigid[..., :3] * root).reshape(len(rigid), -1).T
    target = (displacement * root).ravel()
    amount = np.linalg.lstsq(design, target, rcond=None)[0]
    part = np.tensordot(amount, rigid, 1)
    total = float(target @ target)
    return part, float(np.sum((part[:, :3] * root) ** 2)) / total if total > 0 else 0.0


def in_still_frame(displacement: Array, rigid: Array, weights: Array) -> Array:
    """A displacement [N, 3] seen from the part of the molecule that moves least.

    The rigid movement is taken off that leaves the least weighted sum of lengths (by iteratively reweighted least
    squares): what remains is orthogonal to the six rigid movements in the inner product weighted by weight over length,
    and most of the molecule stands still where only a part of it moves.
    """
    scale = np.sqrt(np.average((displacement**2).sum(1), weights=weights))
    if scale == 0:
        return displacement
    left = displacement
    for _ in range(STILL_FRAME.rounds):
        reweighted = weights / (np.sqrt((left**2).sum(1)) + STILL_FRAME.smoothing * scale)
        left = displacement - rigid_part(displacement, rigid, reweighted)[0][:, :3]
    return left
