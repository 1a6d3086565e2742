"""Poses: the framework's 4x4 matrices and RELION's angles and origins.

With ALIGN_PROJ the framework stores the inverse of the projection's alignment, in pixels: inv(M) = [A | -origin].
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmhet.engine.conventions import euler_to_matrix, matrix_to_euler
from gmmhet.engine.errors import InputError

__all__ = ["matrices_to_poses", "poses_to_matrices", "viewing_directions"]


def matrices_to_poses(
    matrices: ArrayLike, pixel_size: float, ids: ArrayLike,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Framework matrices to RELION's numbers.

    Args:
        matrices: [n, 4, 4] as stored with ALIGN_PROJ, shifts in pixels.
        pixel_size: Angstrom.
        ids: [n] particle ids, for the message.
    Returns:
        angles [n, 3] rot, tilt, psi, degrees; origins [n, 2] Angstrom.
    Raises:
        InputError: a matrix is no rotation (mirrored or scaled); names the particle.
    """
    inverse = np.linalg.inv(np.asarray(matrices, dtype=np.float64))
    rotation = inverse[:, :3, :3]
    deviation = np.abs(rotation @ np.swapaxes(rotation, 1, 2) - np.eye(3)).max(axis=(1, 2))
    bad = np.flatnonzero((deviation > 1e-3) | (np.linalg.det(rotation) < 0))
    if len(bad):
        raise InputError(f"particle {np.asarray(ids)[bad[0]]}: its alignment is mirrored or scaled; "
                         "expected a rotation and a shift")
    return matrix_to_euler(rotation), -inverse[:, :2, 3] * pixel_size


def poses_to_matrices(angles: ArrayLike, origins: ArrayLike, pixel_size: float) -> NDArray[np.float64]:
    """Inverse of :func:`matrices_to_poses`: [n, 3] degrees and [n, 2] Angstrom to [n, 4, 4]."""
    angles = np.asarray(angles, dtype=np.float64)
    inverse = np.tile(np.eye(4), (len(angles), 1, 1))
    inverse[:, :3, :3] = euler_to_matrix(angles)
    inverse[:, :2, 3] = -np.asarray(origins, dtype=np.float64) / pixel_size
    return np.linalg.inv(inverse)


def viewing_directions(particles) -> NDArray[np.float64]:
    """[n, 3] directions from which the particles of a set with orientations are seen: the last row of A."""
    matrices = np.array([p.getTransform().getMatrix() for p in particles.iterItems()], np.float64)
    return np.asarray(np.linalg.inv(matrices)[:, 2, :3])
