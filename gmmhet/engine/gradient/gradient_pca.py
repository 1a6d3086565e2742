"""The published single-step method: principal components of the particles' gradient vectors, and the position
along each that fits a particle best (Chen 2018; docs/method.rst, "Single-step method")."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse.linalg
import tensorflow as tf
from numpy.typing import NDArray

from gmmhet.engine.gradient.frc import frc_score
from gmmhet.engine.gradient.frc_pass import Compared
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
    """motions: [K, N, 3] of unit root mean square displacement. variance: [>= K] of the gradients along them."""

    motions: Array
    variance: Array


def eigen_motions(covariance: Array, n_modes: int) -> EigenMotions:
    """Leading principal components of gradient vectors from their covariance [3N, 3N]."""
    size = len(covariance)
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
    motions = (vectors * signs).T[:n_modes].reshape(n_modes, -1, 3)
    return EigenMotions(motions * np.sqrt(size / 3), np.maximum(values, 0.0))


def best_positions(compared: Compared, motions: Array, *, reach: float, batch_size: int) -> tuple[Array, Array]:
    """Position of every particle along each motion where its FRC is highest, the others at 0.

    The score is sampled at nine positions within +-reach (Angstrom, root mean square) and the best one refined by the
    parabola through it and its neighbours.

    Returns:
        positions [n, K] in Angstrom, and widths [n, K]: 1 / sqrt(curvature of the score), relative uncertainties.
    """
    shares = [(part,) for part in shares_of(len(compared.cache), batch_size)]
    found = pool().map(_Tried(compared, motions, reach), (batch_size,), shares, "positions")
    positions, widths = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return positions, widths


class _Tried(Replicated):
    """Positions and widths of some particles."""

    def __init__(self, compared: Compared, motions: Array, reach: float) -> None:
        self._compared, self._motions, self._reach = compared, motions, reach

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_step"}

    def __call__(self, batch_size: int, part: slice) -> tuple[Array, Array]:
        return in_smaller_batches(lambda size: self._of(size, np.arange(len(self._compared.cache))[part]), batch_size)

    def _of(self, batch_size: int, own: NDArray[np.int64]) -> tuple[Array, Array]:
        k = len(self._motions)
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
        v = tf.constant(self._motions, tf.float32)
        grid = np.array([(k, x * self._reach) for k in range(len(self._motions)) for x in _GRID], np.float32)

        def scores_of(batch: Batch) -> Tensor:
            def one(position: Tensor) -> Tensor:
                centers = c + position[1] * tf.gather(v, tf.cast(position[0], tf.int32))
                return compared.sign * frc_score(compared.observer, batch, centers, w)
            return tf.map_fn(one, tf.constant(grid), fn_output_signature=tf.float32)

        step: Callable[[Batch], Tensor] = tf.function(scores_of)
        return step


def _parabola(scores: Array, reach: float) -> tuple[Array, Array]:
    """Maximum of [K, grid, n] sampled scores: positions and 1 / sqrt(-second derivative), [n, K]."""
    spacing = (_GRID[1] - _GRID[0]) * reach
    best = np.clip(scores.argmax(1), 1, len(_GRID) - 2)
    left, middle, right = (np.take_along_axis(scores, (best + d)[:, None], 1)[:, 0] for d in (-1, 0, 1))
    bend = left - 2 * middle + right
    safe = np.where(bend < -GRADIENT_PCA.least_bend, bend, -GRADIENT_PCA.least_bend)
    offset = np.clip(0.5 * (left - right) / safe, -1.0, 1.0)
    position = _GRID[best] * reach + offset * spacing
    return position.T, (spacing / np.sqrt(-safe)).T
