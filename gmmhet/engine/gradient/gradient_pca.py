"""The published single-step method: principal components of the particles' gradient vectors, by the positions of the
Gaussians, their amplitudes or both, and the place along each that fits a particle best (Chen 2018; docs/method.rst,
"Single-step method")."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse.linalg
import tensorflow as tf
from numpy.typing import NDArray

from gmmhet.engine.gradient.frc import frc_score
from gmmhet.engine.gradient.frc_pass import GRADIENTS, Compared
from gmmhet.engine.gradient.settings import GRADIENT_PCA
from gmmhet.engine.imaging.image_model import Batch, batches
from gmmhet.engine.runtime.batching import in_smaller_batches
from gmmhet.engine.runtime.pool import Replicated, pool, shares_of
from gmmhet.engine.runtime.tensors import Tensor

__all__ = ["EigenMotions", "best_positions", "eigen_motions"]

Array = NDArray[np.float64]
_GRID = np.linspace(-1.0, 1.0, GRADIENT_PCA.positions)


@dataclass
class EigenMotions:
    """Changes of the Gaussians for one unit of a place along each of K components.

    Attributes:
        motions: [K, N, 3] Angstrom, of unit root mean square where only positions change. amplitude: [K, N] relative
            changes of the weights, of unit root mean square where only these change. variance: [>= K] of the gradients
            along them.
    """

    motions: Array
    amplitude: Array
    variance: Array

    def reach(self, resolution: float) -> Array:
        """[K] the place along each at which displacements are the resolution (root mean square, Angstrom) or, where
        amplitudes change, at which the first Gaussian is gone: whichever comes first."""
        largest = np.abs(self.amplitude).max(1)
        moved = np.sqrt((self.motions**2).sum(-1).mean(1))
        with np.errstate(divide="ignore"):
            return np.where(largest > 0, np.minimum(resolution / moved, 1 / largest), resolution)


def eigen_motions(covariance: Array, n_modes: int, gradients: str = "position") -> EigenMotions:
    """Leading principal components of gradient vectors.

    Displacements and relative changes of weight have no common unit: in that chosen here, the gradients by the one
    and by the other vary by the same amount in all.

    Args:
        covariance: [N C, N C] of the C components of each Gaussian's gradient. gradients: which these are, a key of
            GRADIENTS.
    """
    size, components = len(covariance), GRADIENTS[gradients]
    scale = np.ones(len(components))
    if gradients == "both":
        by_component = np.diag(covariance).reshape(-1, 4).sum(0)
        scale[3] = np.sqrt(by_component[:3].sum() / max(by_component[3], GRADIENT_PCA.least_bend))
        each = np.tile(scale, size // 4)
        covariance = covariance * each * each[:, np.newaxis]
    count = min(max(n_modes, GRADIENT_PCA.components), size)
    if size <= GRADIENT_PCA.largest_exact or count >= size:
        values, vectors = np.linalg.eigh(covariance)
        values, vectors = values[::-1][:count], vectors[:, ::-1][:, :count]
    else:
        start = np.ones(size) / np.sqrt(size)
        values, vectors = scipy.sparse.linalg.eigsh(covariance, k=count, v0=start)
        order = np.argsort(values)[::-1]
        values, vectors = values[order], vectors[:, order]
    signs = np.where(vectors.sum(0) < 0, -1.0, 1.0)
    parts = (vectors * signs).T[:n_modes].reshape(n_modes, -1, len(components)) * scale
    parts *= np.sqrt(size / len(components))
    changes = np.zeros((n_modes, size // len(components), 4))
    changes[..., components] = parts
    return EigenMotions(changes[..., :3], changes[..., 3], np.maximum(values, 0.0))


def best_positions(compared: Compared, along: EigenMotions, *, reach: Array, batch_size: int) -> tuple[Array, Array]:
    """Place of every particle along each component where its FRC is highest, the others at 0.

    The score is sampled at nine places within +-reach [K] and the best one refined by the parabola through it and its
    neighbours.

    Returns:
        places [n, K], and widths [n, K]: 1 / sqrt(curvature of the score), relative uncertainties.
    """
    shares = [(part,) for part in shares_of(len(compared.cache), batch_size)]
    found = pool().map(_Tried(compared, along, reach), (batch_size,), shares, "positions")
    positions, widths = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return positions, widths


class _Tried(Replicated):
    """Places and widths of some particles."""

    def __init__(self, compared: Compared, along: EigenMotions, reach: Array) -> None:
        self._compared, self._along, self._reach = compared, along, reach

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_step"}

    def __call__(self, batch_size: int, part: slice) -> tuple[Array, Array]:
        return in_smaller_batches(lambda size: self._of(size, np.arange(len(self._compared.cache))[part]), batch_size)

    def _of(self, batch_size: int, own: NDArray[np.int64]) -> tuple[Array, Array]:
        k = len(self._reach)
        positions, widths = [], []
        for rows, batch in batches(self._compared.cache, own, batch_size):
            scores = self._step(batch).numpy()[:, :len(rows)].reshape(k, len(_GRID), len(rows))
            best, width = _parabola(scores, self._reach)
            positions.append(best)
            widths.append(width)
        return np.concatenate(positions), np.concatenate(widths)

    @functools.cached_property
    def _step(self) -> Callable[[Batch], Tensor]:
        """Traced once in each process."""
        compared, (c, w) = self._compared, self._compared.gaussians
        v, u = (tf.constant(a, tf.float32) for a in (self._along.motions, self._along.amplitude))
        grid = np.array([(k, x * reach) for k, reach in enumerate(self._reach) for x in _GRID], np.float32)

        def scores_of(batch: Batch) -> Tensor:
            def one(position: Tensor) -> Tensor:
                k, place = tf.cast(position[0], tf.int32), position[1]
                changed = c + place * tf.gather(v, k), w * (1 + place * tf.gather(u, k))
                return compared.sign * frc_score(compared.observer, batch, *changed)
            return tf.map_fn(one, tf.constant(grid), fn_output_signature=tf.float32)

        step: Callable[[Batch], Tensor] = tf.function(scores_of)
        return step


def _parabola(scores: Array, reach: Array) -> tuple[Array, Array]:
    """Maximum of [K, grid, n] scores sampled within +-reach [K]: places and 1 / sqrt(-second derivative), [n, K]."""
    reach = reach[:, np.newaxis]
    spacing = (_GRID[1] - _GRID[0]) * reach
    best = np.clip(scores.argmax(1), 1, len(_GRID) - 2)
    left, middle, right = (np.take_along_axis(scores, (best + d)[:, None], 1)[:, 0] for d in (-1, 0, 1))
    bend = left - 2 * middle + right
    safe = np.where(bend < -GRADIENT_PCA.least_bend, bend, -GRADIENT_PCA.least_bend)
    offset = np.clip(0.5 * (left - right) / safe, -1.0, 1.0)
    position = _GRID[best] * reach + offset * spacing
    return position.T, (spacing / np.sqrt(-safe)).T
