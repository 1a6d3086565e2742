"""From where a molecule that moves is looked at."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["first_view"]

Floats = NDArray[np.float64]


def first_view(centers: Floats, displacements: Floats) -> Floats:
    """The rotation [3, 3] (rows: right, up, to the eye) that shows most of the molecule and most of its motion.

    The eye looks along the direction in which positions and displacements extend least; the molecule's longest
    direction across that lies horizontal.
    """
    spread = np.cov((centers - centers.mean(0)).T, bias=True) if len(centers) > 1 else np.eye(3)
    shape = spread / max(float(np.trace(spread)), 1e-12)
    moved = displacements.reshape(-1, 3)
    motion = moved.T @ moved
    both = shape + (motion / np.trace(motion) if len(moved) and np.trace(motion) > 1e-9 else 0.0)
    eye = np.linalg.eigh(both)[1][:, 0]
    across = np.eye(3) - np.outer(eye, eye)
    right = np.linalg.eigh(across @ shape @ across)[1][:, 2]
    right = right * (1 if right[np.argmax(np.abs(right))] > 0 else -1)
    return np.array([right, np.cross(eye, right), eye])
