"""Smooth fields over the Gaussians: the basis in which motions are sought.

A field f over the Gaussians has the prior covariance exp(-|c_i - c_j|^2 / (2 l^2)); its leading eigenvectors, each
times the root of its eigenvalue (Karhunen-Loeve), carry all but a small share of it with far fewer unknowns.
"""

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from gmmhet.engine.subspace.settings import SMOOTH_FIELDS

__all__ = ["FieldBasis", "smooth_basis"]


def smooth_basis(centers: NDArray[np.float64], length: float, *, share: float = SMOOTH_FIELDS.kept,
                 largest: int = SMOOTH_FIELDS.most, seed: int = 0) -> NDArray[np.float64]:
    """Basis [N, A] of smooth scalar fields with unit prior variance, largest parts first.

    Args:
        centers: [N, 3] Angstrom. length: correlation length, Angstrom.
        share: of the prior variance that is kept; at most ``largest`` columns.
    Beyond 1,500 Gaussians the eigenvectors are interpolated from a random subset (Nystroem).
    """
    n = len(centers)
    chosen = np.arange(n) if n <= SMOOTH_FIELDS.largest_exact else np.sort(
        np.random.default_rng(seed).choice(n, SMOOTH_FIELDS.largest_exact, replace=False))
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
    """Coefficients u [R], of unit prior variance before there is evidence, <-> fields [N, 5] (x, y, z in Angstrom,
    relative weight, logarithm of the squared width).

    Attributes:
        scalar: [N, A] smooth scalar fields of unit variance.
        mixing: [5 A, R] from u to the coefficients of every component (component by component) in the scalar fields.
    """

    scalar: NDArray[np.float64]
    mixing: NDArray[np.float64]

    @classmethod
    def of(cls, scalar: NDArray[np.float64], *, position: float = 0.0, amplitude: float = 0.0, width: float = 0.0,
           ) -> "FieldBasis":
        """All fields; prior size of each part: Angstrom, relative, relative; 0 switches it off."""
        scales = np.repeat([position, position, position, amplitude, width], scalar.shape[1])
        return cls(scalar, np.diag(scales)[:, scales > 0])

    @classmethod
    def side_by_side(cls, first: "FieldBasis", second: "FieldBasis") -> tuple["FieldBasis", "FieldBasis"]:
        """The same two bases on the scalar fields of both."""
        scalar = np.concatenate([first.scalar, second.scalar], axis=1)
        a, b = first.scalar.shape[1], second.scalar.shape[1]
        before = first.mixing.reshape(5, a, -1)
        after = second.mixing.reshape(5, b, -1)
        wide = (np.pad(before, [(0, 0), (0, b), (0, 0)]), np.pad(after, [(0, 0), (a, 0), (0, 0)]))
        return cls(scalar, wide[0].reshape(5 * (a + b), -1)), cls(scalar, wide[1].reshape(5 * (a + b), -1))

    @property
    def size(self) -> int:
        """R."""
        return int(self.mixing.shape[1])

    @property
    def changes_weights(self) -> NDArray[np.bool_]:
        """[R] the coefficients that change weights; the others displace Gaussians or widen them."""
        return np.asarray(np.any(np.split(self.mixing, 5)[3] != 0, axis=0))

    def fields(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """[..., R] to [..., N, 5]."""
        split = (u @ self.mixing.T).reshape(*u.shape[:-1], 5, self.scalar.shape[1])
        return np.asarray(np.swapaxes(split @ self.scalar.T, -1, -2))

    def adjoint(self, gradient: NDArray[np.float64]) -> NDArray[np.float64]:
        """Transpose of :meth:`fields`: [..., N, 5] to [..., R]."""
        raw = np.swapaxes(gradient, -1, -2) @ self.scalar
        return np.asarray(raw.reshape(*gradient.shape[:-2], -1) @ self.mixing)

    def complement(self, fields: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """[R, R - rank] orthonormal coefficients of what is orthogonal to some fields [F, N, 5].

        Args:
            weights: [N] of the inner product, sum_j weights_j a_j . b_j.
        """
        constraints = self.adjoint(fields * weights[:, None])
        _, values, rows = np.linalg.svd(constraints)
        rank = int((values > SMOOTH_FIELDS.least_rank * max(values.max(initial=0.0), 1e-30)).sum())
        return np.asarray(rows[rank:].T)

    def mixed(self, coefficients: NDArray[np.float64]) -> "FieldBasis":
        """The basis of the columns of coefficients [R, R']."""
        return FieldBasis(self.scalar, self.mixing @ coefficients)

    def coefficients_of(self, field: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """[R] whose field is nearest to field [N, 5] in that inner product."""
        raw = self.fields(np.eye(self.size)) * np.sqrt(weights)[:, None]
        design = raw.reshape(self.size, -1).T
        ridge = SMOOTH_FIELDS.ridge * np.trace(design.T @ design) / self.size
        right = design.T @ (field * np.sqrt(weights)[:, None]).ravel()
        return np.asarray(np.linalg.solve(design.T @ design + ridge * np.eye(self.size), right))
