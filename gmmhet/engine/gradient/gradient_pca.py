"""The published single-step method: principal components of the particles' gradient vectors, and the position
along each that fits a particle best (Chen 2018; docs/method.rst, "Single-step method")."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse.linalg
import tensorflow as tf
from numpy.typing import NDArray

from gmmhet.engine.gradient.frc import frc_score
from gmmhet.engine.gradient.frc_pass import Compared
from gmmhet.engine.gradient.settings import GRADIENT_PCA
from gmmhet.engine.imaging.image_model import Batch, batches
from gmmhet.engine.progress import progress
from gmmhet.engine.runtime.batching import in_smaller_batches
from gmmhet.engine.runtime.ranks import communicator
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
    ranks = communicator()
    shares = [(part,) for part in ranks.parts(len(compared.cache), batch_size)]
    found = ranks.distribute(_positions_where_there_is_room, (compared, motions, reach, batch_size), shares)
    positions, widths = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return positions, widths


def _positions_where_there_is_room(compared: Compared, motions: Array, reach: float, batch_size: int, part: slice,
                                   ) -> tuple[Array, Array]:
    return in_smaller_batches(lambda size: _best_positions(compared, motions, reach, size, part), batch_size)


def _best_positions(compared: Compared, motions: Array, reach: float, batch_size: int, part: slice,
                    ) -> tuple[Array, Array]:
    """Those of a rank's particles."""
    cache, (c, w) = compared.cache, compared.gaussians
    v = tf.constant(motions, tf.float32)

    def scores_of(batch: Batch) -> Tensor:
        def one(position: Tensor) -> Tensor:
            centers = c + position[1] * tf.gather(v, tf.cast(position[0], tf.int32))
            return compared.sign * frc_score(compared.observer, batch, centers, w)
        grid = np.array([(k, x * reach) for k in range(len(motions)) for x in _GRID], np.float32)
        return tf.map_fn(one, tf.constant(grid), fn_output_signature=tf.float32)

    step = tf.function(scores_of)
    own, k = np.arange(len(cache))[part], len(motions)
    positions, widths = [], []
    for rows, batch in progress(batches(cache, own, batch_size), "positions", -(-len(own) // batch_size)):
        scores = step(batch).numpy()[:, :len(rows)].reshape(k, len(_GRID), len(rows))
        best, width = _parabola(scores, reach)
        positions.append(best)
        widths.append(width)
    return np.concatenate(positions), np.concatenate(widths)


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
