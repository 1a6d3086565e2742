"""Coordinates that owe nothing to the noise of the pixels that a map is made of.

A coordinate is computed from an image, noise included. Where images are sorted by it and averaged, that noise is
averaged with its sign, and makes the very change that the mode describes, were there none in the molecule. Here every
image is divided into two halves of its Fourier pixels (sampling.half_of_pixels), and each half gets coordinates of its
own (cross-fitting, of Chernozhukov et al. 2018, over pixels): a map sorted by those of one half is made of the
other. Modes learnt from the same images carry their noise as well, so particles of a half-set are under the modes of
the other one.
"""

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.analysis.result import CrossFit
from gmmhet.engine.sampling import half_of_pixels
from gmmhet.engine.subspace.mode_selection import FoundModes, place_others
from gmmhet.engine.subspace.passes import SubspaceEstimator
from gmmhet.engine.subspace.settings import SMOOTH_FIELDS
from gmmhet.engine.subspace.smooth_fields import FieldBasis
from gmmhet.engine.subspace.state import Posteriors, SubspaceModel

__all__ = ["cross_fitted"]

_LOG = logging.getLogger("gmmhet")
Array = NDArray[np.float64]


def cross_fitted(found: FoundModes, halves: NDArray[np.int64]) -> CrossFit:
    """Coordinates of every particle from either half of its pixels, along the modes of all particles.

    Args:
        halves: [n] 1 or 2.
    """
    final, n = found.final.model, len(halves)
    coordinates, deviations = np.zeros((2, 2, n, final.n_modes))
    along, square = np.zeros((2, final.n_modes, n))
    chosen = half_of_pixels(found.estimator.spec.observer.grid.size)
    for model, others in zip(found.evidence.models, (2, 1), strict=True):
        rows = np.flatnonzero(halves == others)
        change = _Change(found.estimator.spec.basis, model, final)
        for half, pixels in enumerate((chosen, ~chosen)):
            placed = _from_pixels(found.estimator.with_pixels(pixels), model, rows)
            coordinates[half, rows] = change.of_coordinates(placed.z)
            deviations[half, rows] = change.of_deviations(placed.covariance)
            seen = _confirmed(found.estimator.with_pixels(~pixels), model, placed, change)
            along[:, rows] += seen[0]
            square[:, rows] += seen[1]
    total = np.maximum(square.sum(1), np.finfo(float).tiny)
    slope = along.sum(1) / total
    error = np.sqrt(np.square(along - slope[:, np.newaxis] * square).sum(1)) / total
    _LOG.info("the other half of the pixels follows the coordinates by %s", ", ".join(
        f"{s:.3f} +- {e:.3f}" for s, e in zip(slope, error, strict=True)))
    return CrossFit(coordinates=coordinates, deviations=deviations, slope=slope, slope_error=error)


def _from_pixels(estimator: SubspaceEstimator, model: SubspaceModel, rows: NDArray[np.int64]) -> Posteriors:
    """Particles from some of their pixels; nothing is known of them before, since that would be from all pixels."""
    return place_others(estimator, model, Posteriors.blank(rows, model), label="cross-fitting")


class _Change:
    """From coordinates under the model of a half-set to those of all particles: the fields that make the least
    difference of displacements and weights.

    Args:
        basis: of the modes of both. model: of the half-set. final: of all particles.
    """

    def __init__(self, basis: FieldBasis, model: SubspaceModel, final: SubspaceModel) -> None:
        scale = np.array([1.0, 1.0, 1.0, SMOOTH_FIELDS.angstrom_per_weight])
        metric = np.abs(final.weights)[:, np.newaxis]
        ours, theirs = (basis.fields(m.coefficients)[..., :4] * scale for m in (final, model))
        ratio = model.weights / np.where(final.weights == 0, 1.0, final.weights) - 1
        apart = np.column_stack([model.centers - final.centers, ratio]) * scale
        weighted = ours * metric
        inverse = np.linalg.pinv(np.einsum("anx,bnx->ab", ours, weighted), hermitian=True)
        self._modes = model.n_modes
        self._matrix = np.einsum("anx,bnx->ab", theirs, weighted) @ inverse
        self._offset = np.einsum("nx,bnx->b", apart, weighted) @ inverse
        self._back = np.linalg.pinv(self._matrix)

    def of_coordinates(self, z: Array) -> Array:
        """[n, K] of z [n, D]."""
        return np.asarray(z[:, :self._modes] @ self._matrix + self._offset)

    def of_deviations(self, covariance: NDArray[np.floating[Any]]) -> Array:
        """[n, K] of covariances [n, D, D]."""
        inner = covariance[:, :self._modes, :self._modes].astype(np.float64)
        return np.asarray(np.sqrt(np.einsum("jk,nji,ik->nk", self._matrix, inner, self._matrix)))

    def without(self, z: Array, k: int) -> Array:
        """[n, D] z [n, D] with what it says of coordinate k (from 0) of all particles taken off."""
        share = (z[:, :self._modes] @ self._matrix[:, k])[:, np.newaxis] * self._back[k]
        return np.column_stack([z[:, :self._modes] - share, z[:, self._modes:]])


def _confirmed(estimator: SubspaceEstimator, model: SubspaceModel, placed: Posteriors, change: _Change) -> Array:
    """What pixels say of movements that other pixels told: [2, K, n] <r, m> and <m, m> of every mode's change m of the
    whitened image and the residual r without it."""
    modes = change.of_coordinates(placed.z[:1]).shape[1]
    return estimator.changes(model, placed, np.stack([change.without(placed.z, k) for k in range(modes)]))
