"""Smooth fields over the Gaussians: the basis in which motions are sought.

A field f over the Gaussians has the prior covariance exp(-|c_i - c_j|^2 / (2 l^2)); its leading eigenvectors, each
times the root of its eigenvalue (Karhunen-Loeve), carry all but a small share of it with far fewer unknowns.
"""

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

__all__ = ["FieldBasis", "smooth_basis"]

_LARGEST_EXACT = 1500


def smooth_basis(centers: NDArray[np.float64], length: float, *, share: float = 0.99, largest: int = 96,
                 seed: int = 0) -> NDArray[np.float64]:
    """Basis [N, A] of smooth scalar fields with unit prior variance, largest parts first.

    Args:
        centers: [N, 3] Angstrom. length: correlation length, Angstrom.
        share: of the prior variance that is kept; at most ``largest`` columns.
    Beyond 1,500 Gaussians the eigenvectors are interpolated from a random subset (Nystroem).
    """
    n = len(centers)
    chosen = np.arange(n) if n <= _LARGEST_EXACT else np.sort(
        np.random.default_rng(seed).choice(n, _LARGEST_EXACT, replace=False))
    kernel = _kernel(centers[chosen], centers[chosen], length)
    count = min(largest, len(chosen))
    values, vectors = scipy.linalg.eigh(kernel, subset_by_index=[len(chosen) - count, len(chosen) - 1])
    values, vectors = values[::-1], vectors[:, ::-1]
    kept = int(np.searchsorted(np.cumsum(values), share * len(chosen))) + 1
    values, vectors = np.maximum(values[:kept], 1e-9), vectors[:, :kept]
    if len(chosen) == n:
        return np.asarray(vectors * np.sqrt(values))
    return np.asarray(_kernel(centers, centers[chosen], length) @ (vectors / np.sqrt(values)))


def _kernel(a: NDArray[np.float64], b: NDArray[np.float64], length: float) -> NDArray[np.float64]:
    squared = ((a[:, None] - b[None]) ** 2).sum(-1)
    return np.asarray(np.exp(-0.5 * squared / length**2))


@dataclass(frozen=True)
class FieldBasis:
    """Coefficients u [R] <-> fields [N, 4] (x, y, z in Angstrom, relative amplitude).

    Attributes:
        scalar: [N, A] smooth scalar fields of unit variance.
        position_scale: Angstrom, amplitude_scale: relative; prior size of each; 0 switches that part off.
    """

    scalar: NDArray[np.float64]
    position_scale: float
    amplitude_scale: float

    @property
    def parts(self) -> list[tuple[int, float]]:
        """Components of the field that are in use, with their scales."""
        scales = [self.position_scale] * 3 + [self.amplitude_scale]
        return [(i, s) for i, s in enumerate(scales) if s > 0]

    @property
    def size(self) -> int:
        """R."""
        return len(self.parts) * self.scalar.shape[1]

    def fields(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """[..., R] to [..., N, 4]."""
        split = u.reshape(*u.shape[:-1], len(self.parts), self.scalar.shape[1])
        out = np.zeros((*u.shape[:-1], len(self.scalar), 4))
        for row, (i, scale) in enumerate(self.parts):
            out[..., i] = scale * (split[..., row, :] @ self.scalar.T)
        return out

    def adjoint(self, gradient: NDArray[np.float64]) -> NDArray[np.float64]:
        """Transpose of :meth:`fields`: [..., N, 4] to [..., R]."""
        rows = [scale * (gradient[..., i] @ self.scalar) for i, scale in self.parts]
        return np.concatenate(rows, axis=-1)
