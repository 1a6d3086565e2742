"""Poses with the corrections that the analysis found, as columns of a STAR."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from gmmhet.engine.conventions import matrix_to_euler
from gmmhet.engine.io import ParticleTable, number_texts

__all__ = ["refined_columns", "refined_poses"]

Array = NDArray[np.float64]


def refined_poses(table: ParticleTable, pose: Array) -> tuple[Array, Array]:
    """Rotations [n, 3, 3] and origins [n, 2] (Angstrom) with corrections [n, 5] (observation.POSE)."""
    return Rotation.from_rotvec(pose[:, 2:]).as_matrix() @ table.rotations, table.origins + pose[:, :2]


def refined_columns(rotations: Array, origins: Array) -> dict[str, Sequence[str]]:
    """gmmhetRefinedRot, Tilt, Psi (degrees) and OriginX/YAngst of the rows of a STAR."""
    columns = dict(zip(("Rot", "Tilt", "Psi"), matrix_to_euler(rotations).T, strict=True))
    columns |= {f"Origin{name}Angst": origin for name, origin in zip("XY", origins.T, strict=True)}
    return {f"gmmhetRefined{name}": number_texts(values, "%.6f") for name, values in columns.items()}
