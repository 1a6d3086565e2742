"""One pass of scores and gradients over all particles: fit at the given poses, flexibility, gradient covariance."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from gmmhet.engine.gradient.frc import frc_gradient, frc_score
from gmmhet.engine.gradient.settings import POSE_SCORES
from gmmhet.engine.imaging.image_model import Batch, Observer, batches
from gmmhet.engine.imaging.particle_cache import ParticleCache
from gmmhet.engine.progress import progress
from gmmhet.engine.runtime.batching import in_smaller_batches
from gmmhet.engine.runtime.ranks import communicator
from gmmhet.engine.runtime.tensors import Tensor

__all__ = ["Compared", "PoseScores", "ScorePass", "own_scores", "pose_scores", "score_pass"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Compared:
    """Particles and the Gaussians that their images are compared with.

    Attributes:
        cache: the images. observer: projects the Gaussians. centers: [N, 3] Angstrom. weights: [N].
        sign: of the contrast, 1 or -1.
    """

    cache: ParticleCache
    observer: Observer
    centers: Array
    weights: Array
    sign: float = 1.0

    @property
    def gaussians(self) -> tuple[Tensor, Tensor]:
        """centers and weights as tensors."""
        return tf.constant(self.centers, tf.float32), tf.constant(self.weights, tf.float32)


@dataclass
class ScorePass:
    """Attributes:
        score: [n] mean FRC. flexibility: [N] mean length of the position gradient. occupancy: [N] standard deviation of
        the amplitude gradient. covariance: [3N, 3N] of the position gradients (None where it was not computed).
    """

    score: Array
    flexibility: Array
    occupancy: Array
    covariance: Array | None


def score_pass(compared: Compared, *, batch_size: int, covariance: bool) -> ScorePass:
    """Score and gradient of every particle; memory does not grow with their number."""
    n, ranks = len(compared.cache), communicator()
    score, length, first, squares, mean, second = ranks.total(
        _sums_where_there_is_room, (compared, batch_size, covariance),
        [(part,) for part in ranks.parts(n, batch_size)])
    first, mean = first / n, mean / n
    return ScorePass(score, length / n, np.sqrt(np.maximum(squares / n - first**2, 0)),
                     second / n - np.outer(mean, mean) if covariance else None)


class _Sums(NamedTuple):
    """Of a rank's particles: scores [n], 0 for those of other ranks; sums of the gradients' lengths [N], of the
    amplitude gradients [N] and of their squares, of the position gradients [3N] and of their products [3N, 3N]."""

    score: Array
    length: Array
    amplitude: Array
    squares: Array
    position: Array
    products: Array | float


def _sums_where_there_is_room(compared: Compared, batch_size: int, covariance: bool, part: slice) -> tuple[Any, ...]:
    return in_smaller_batches(lambda size: tuple(_sums(compared, size, covariance, part)), batch_size)


def _sums(compared: Compared, batch_size: int, covariance: bool, part: slice) -> _Sums:
    cache, observer, size = compared.cache, compared.observer, len(compared.weights)
    constants = *compared.gaussians, tf.constant(compared.sign, tf.float32)

    def sums_of(batch: Batch) -> Any:
        score, gradient = frc_gradient(observer, batch, *constants)
        gradient *= batch.is_particle[:, tf.newaxis, tf.newaxis]
        length = tf.reduce_sum(tf.norm(gradient[..., :3], axis=-1), 0)
        flat = tf.reshape(gradient[..., :3], [batch_size, 3 * size])
        second = tf.matmul(flat, flat, transpose_a=True) if covariance else tf.zeros([])
        return (score, length, tf.reduce_sum(gradient[..., 3], 0), tf.reduce_sum(gradient[..., 3] ** 2, 0),
                tf.reduce_sum(flat, 0), second)

    step = tf.function(sums_of, autograph=False)
    score = np.zeros(len(cache))
    sums: list[Any] = [0.0] * 5
    own = np.arange(len(cache))[part]
    for rows, batch in progress(batches(cache, own, batch_size), "scores and gradients", -(-len(own) // batch_size)):
        result = step(batch)
        score[rows] = result[0][:len(rows)]
        sums = [s + r.numpy().astype(np.float64) for s, r in zip(sums, result[1:], strict=True)]
    return _Sums(score, *sums)


@dataclass(frozen=True)
class PoseScores:
    """Mean FRC of (a sample of) the particles at poses.

    Attributes:
        own: [n] at their own poses. shuffled: [S, n] at poses shuffled among them.
    """

    own: Array
    shuffled: Array

    @property
    def given(self) -> float:
        """Mean at the particles' own poses."""
        return float(self.own.mean())

    @property
    def chance(self) -> list[float]:
        """Mean of every shuffling."""
        return [float(mean) for mean in self.shuffled.mean(axis=1)]


def pose_scores(compared: Compared, *, batch_size: int, seed: int) -> PoseScores:
    """Scores of (a sample of) the particles at their own poses, and at poses shuffled among them.

    With few particles there are more shuffles, so that the spread of their mean is known as well.
    """
    rng = np.random.default_rng(seed)
    n = len(compared.cache)
    rows = np.sort(rng.choice(n, min(n, POSE_SCORES.most_particles), replace=False))
    shuffles = max(POSE_SCORES.shuffles, min(POSE_SCORES.most_shuffles, POSE_SCORES.shuffled_images // len(rows)))
    scores = _scorer(compared, rows, batch_size)
    own, *shuffled = (scores(order) for order in (rows, *(rng.permutation(rows) for _ in range(shuffles))))
    return PoseScores(own, np.array(shuffled))


def own_scores(compared: Compared, *, batch_size: int) -> Array:
    """[n] mean FRC of every particle at its own pose."""
    rows = np.arange(len(compared.cache))
    return _scorer(compared, rows, batch_size)(rows)


def _scorer(compared: Compared, rows: NDArray[np.int64], batch_size: int) -> Callable[[NDArray[np.int64]], Array]:
    """Scores of particles at the orientations of others, whose rows are given."""
    cache, observer, constants = compared.cache, compared.observer, compared.gaussians
    step = tf.function(lambda batch: frc_score(observer, batch, *constants), autograph=False)

    def scores(order: NDArray[np.int64], size: int) -> Array:
        found: list[Array] = []
        done = 0
        for chosen, batch in batches(cache, rows, size):
            other = np.resize(order[done:done + len(chosen)], size)
            turned = batch._replace(rotations=tf.constant(cache.table.views[other], tf.float32))
            found.append(step(turned).numpy()[:len(chosen)].astype(np.float64))
            done += len(chosen)
        return np.concatenate(found)

    return lambda order: in_smaller_batches(functools.partial(scores, order), min(batch_size, len(rows)))
