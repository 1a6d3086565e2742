"""How far two half-sets agree: angles between the spaces of their modes, correlation of coordinates."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import subspace_angles
from scipy.optimize import linear_sum_assignment

from gmmhet.engine.subspace.settings import AGREEMENT

__all__ = ["circle_agreement", "coordinate_correlation", "principal_angles"]

Array = NDArray[np.float64]


def principal_angles(first: ArrayLike, second: ArrayLike, metric: ArrayLike) -> Array:
    """Principal angles between the spaces that two sets of modes span (Bjorck and Golub 1973).

    Args:
        first, second: [K, N, D] modes as fields over N Gaussians; all D components in one unit.
        metric: [N] >= 0, weight of each Gaussian in the inner product sum_j metric_j a_j.b_j.
    Returns:
        [K] degrees, smallest first. A mode that is zero, or depends on the others, spans nothing: 90.
    """
    root = np.sqrt(np.asarray(metric, np.float64))
    spans = [_orthonormal((np.asarray(modes, np.float64) * root[:, None]).reshape(len(modes), -1).T)
             for modes in (np.asarray(first), np.asarray(second))]
    angles = np.full(len(np.asarray(first)), 90.0)
    if all(span.shape[1] for span in spans):
        found = np.rad2deg(subspace_angles(*spans))[::-1]
        angles[:len(found)] = found
    return angles


def coordinate_correlation(z_first: ArrayLike, z_second: ArrayLike) -> tuple[Array, Array]:
    """Correlation of the coordinates that two models give to the same particles.

    Args:
        z_first, z_second: [n, K] coordinates of the same n particles under either model.
    Returns:
        canonical: [K] canonical correlations, largest first (Hotelling 1936): of the best combinations of coordinates.
        matched: [K] absolute correlation of each coordinate of the first model with the one of the second that belongs
            to it, where coordinates are matched one to one for the largest sum; 0 for one that is constant.
    """
    both = [np.asarray(z, np.float64) for z in (z_first, z_second)]
    centred = [z - z.mean(axis=0) for z in both]
    k = centred[0].shape[1]
    spans = [_orthonormal(z) for z in centred]
    canonical = np.zeros(k)
    if all(span.shape[1] for span in spans):
        found = np.linalg.svd(spans[0].T @ spans[1], compute_uv=False)
        canonical[:len(found)] = np.clip(found, 0.0, 1.0)
    unit = [z / np.where((size := np.linalg.norm(z, axis=0)) > 0, size, 1.0) for z in centred]
    table = np.abs(unit[0].T @ unit[1])
    rows, columns = linear_sum_assignment(table, maximize=True)
    matched = np.zeros(k)
    matched[rows] = np.clip(table[rows, columns], 0.0, 1.0)
    return canonical, matched


def circle_agreement(z_first: ArrayLike, z_second: ArrayLike, circumference: float) -> float:
    """Length, 0..1, of the mean of exp(i (a - b)) over angles a, b [n] of the same particles under two models, or of
    a + b where that is longer: neither the origin nor the sense of a circle means anything (Mardia and Jupp 2000)."""
    a, b = (np.asarray(z, np.float64) * (2 * np.pi / circumference) for z in (z_first, z_second))
    return float(max(abs(np.mean(np.exp(1j * (a - b)))), abs(np.mean(np.exp(1j * (a + b))))))


def _orthonormal(columns: Array) -> Array:
    """[m, rank] orthonormal basis of what the columns [m, k], each taken at unit length, span."""
    size = np.linalg.norm(columns, axis=0)
    kept: Array = columns[:, size > 0] / size[size > 0]
    if not kept.shape[1]:
        return kept
    vectors, values, _ = np.linalg.svd(kept, full_matrices=False)
    return np.asarray(vectors[:, values > AGREEMENT.least * values[0]])
