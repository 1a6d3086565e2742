"""Frames, signs and units, converted here and nowhere else.

See CONVENTIONS.rst. Orientations are RELION's (rot, tilt, psi), degrees, and
give the matrix A with ``x_view = A x_model``; projections run along z_view.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["electron_wavelength", "euler_to_matrix", "matrix_to_euler", "projected_position", "voxel_origin"]


def euler_to_matrix(angles: ArrayLike) -> NDArray[np.float64]:
    """RELION Euler angles to matrices.

    Args:
        angles: [..., 3] rot, tilt, psi, degrees.
    Returns:
        [..., 3, 3] A = Rz(psi) Ry(tilt) Rz(rot) of coordinate axes (passive), so x_view = A x_model.
    """
    rot, tilt, psi = np.moveaxis(np.deg2rad(np.asarray(angles, dtype=np.float64)), -1, 0)
    cr, sr, ct, st, cp, sp = np.cos(rot), np.sin(rot), np.cos(tilt), np.sin(tilt), np.cos(psi), np.sin(psi)
    rows = [
        [cp * ct * cr - sp * sr, cp * ct * sr + sp * cr, -cp * st],
        [-sp * ct * cr - cp * sr, -sp * ct * sr + cp * cr, sp * st],
        [st * cr, st * sr, ct],
    ]
    return np.asarray(np.stack([np.stack(row, axis=-1) for row in rows], axis=-2))


def matrix_to_euler(matrices: ArrayLike) -> NDArray[np.float64]:
    """Inverse of :func:`euler_to_matrix`: [..., 3, 3] to [..., 3] rot, tilt (0..180), psi, degrees.

    At the poles (tilt 0 or 180) only rot +- psi is defined; psi is then 0.
    """
    m = np.asarray(matrices, dtype=np.float64)
    sin_tilt = np.hypot(m[..., 2, 0], m[..., 2, 1])
    tilt = np.arctan2(sin_tilt, m[..., 2, 2])
    pole = sin_tilt < 1e-8
    rot = np.where(pole, np.arctan2(m[..., 0, 1] * np.sign(m[..., 2, 2]), m[..., 1, 1]),
                   np.arctan2(m[..., 2, 1], m[..., 2, 0]))
    psi = np.where(pole, 0.0, np.arctan2(m[..., 1, 2], -m[..., 0, 2]))
    return np.asarray(np.rad2deg(np.stack([rot, tilt, psi], axis=-1)))


def projected_position(matrices: ArrayLike, points: ArrayLike, origins: ArrayLike) -> NDArray[np.float64]:
    """Where model points land in the images, Angstrom from the image centre (pixel box // 2).

    Args:
        matrices: [n, 3, 3]. points: [m, 3] xyz, Angstrom. origins: [n, 2] rlnOriginX/YAngst.
    Returns:
        [n, m, 2] (x, y) = (A p)_xy - origin.
    """
    view = np.einsum("nij,mj->nmi", np.asarray(matrices), np.asarray(points))[..., :2]
    return np.asarray(view - np.asarray(origins)[:, None, :])


def voxel_origin(box: int) -> int:
    """Index of the voxel that holds the origin, for odd and even boxes."""
    return box // 2


def electron_wavelength(voltage_kv: float) -> float:
    """Relativistic electron wavelength, Angstrom, for an acceleration voltage in kV (de Broglie; as RELION)."""
    volts = float(voltage_kv) * 1e3
    return float(12.2643247 / np.sqrt(volts * (1.0 + 0.978466e-6 * volts)))
