"""One pass of scores and gradients over all particles: fit at the given poses, flexibility, gradient covariance."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from gmmhet.engine.gradient.frc import frc_gradient, frc_score
from gmmhet.engine.gradient.settings import POSE_SCORES
from gmmhet.engine.imaging.image_model import Batch, Observer, batches
from gmmhet.engine.imaging.particle_cache import ParticleCache
from gmmhet.engine.runtime.batching import in_smaller_batches
from gmmhet.engine.runtime.pool import Replicated, pool, shares_of
from gmmhet.engine.runtime.tensors import Tensor

__all__ = ["GRADIENTS", "Compared", "PoseScores", "ScorePass", "own_scores", "pose_scores", "score_pass"]

Array = NDArray[np.float64]
#: components of a Gaussian's gradient (x, y, z per Angstrom, relative weight), by what is asked for
GRADIENTS = {"position": (0, 1, 2), "amplitude": (3,), "both": (0, 1, 2, 3)}


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
        the amplitude gradient. covariance: [N C, N C] of the gradients' C components that were asked for, those of a
        Gaussian together (None where it was not computed).
    """

    score: Array
    flexibility: Array
    occupancy: Array
    covariance: Array | None


def score_pass(compared: Compared, *, batch_size: int, covariance: str | None) -> ScorePass:
    """Score and gradient of every particle; memory does not grow with their number.

    Args:
        covariance: of which gradients, a key of GRADIENTS; None: of none.
    """
    n = len(compared.cache)
    scores, length, first, squares, mean, second = pool().total(
        _Sums(compared, covariance), (batch_size,), [(part,) for part in shares_of(n, batch_size)],
        "scores and gradients")
    first, mean = first / n, mean / n
    return ScorePass(np.concatenate(scores), length / n, np.sqrt(np.maximum(squares / n - first**2, 0)),
                     None if covariance is None else second / n - np.outer(mean, mean))


class _Sums(Replicated):
    """Of some particles: a list of their scores [n]; sums of the gradients' lengths [N], of the amplitude gradients [N]
    and of their squares, of C components of the gradients [N C] and of their products [N C, N C]."""

    def __init__(self, compared: Compared, covariance: str | None) -> None:
        self._compared, self._covariance = compared, covariance

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_step"}

    def __call__(self, batch_size: int, part: slice) -> tuple[Any, ...]:
        return in_smaller_batches(lambda size: self._of(size, np.arange(len(self._compared.cache))[part]), batch_size)

    def _of(self, batch_size: int, rows: NDArray[np.int64]) -> tuple[Any, ...]:
        scores: list[Array] = []
        sums: list[Any] = [0.0] * 5
        for chosen, batch in batches(self._compared.cache, rows, batch_size):
            score, *found = self._step(batch)
            scores.append(score.numpy()[:len(chosen)].astype(np.float64))
            sums = [s + r.numpy().astype(np.float64) for s, r in zip(sums, found, strict=True)]
        return scores, *sums

    @functools.cached_property
    def _step(self) -> Callable[[Batch], Any]:
        """Traced once in each process."""
        compared, size = self._compared, len(self._compared.weights)
        components = GRADIENTS[self._covariance or "position"]
        constants = *compared.gaussians, tf.constant(compared.sign, tf.float32)

        def sums_of(batch: Batch) -> Any:
            score, gradient = frc_gradient(compared.observer, batch, *constants)
            gradient *= batch.is_particle[:, tf.newaxis, tf.newaxis]
            length = tf.reduce_sum(tf.norm(gradient[..., :3], axis=-1), 0)
            chosen = gradient[..., components[0]:components[-1] + 1]
            flat = tf.reshape(chosen, [batch.planes.shape[0], len(components) * size])
            second = tf.zeros([]) if self._covariance is None else tf.matmul(flat, flat, transpose_a=True)
            return (score, length, tf.reduce_sum(gradient[..., 3], 0), tf.reduce_sum(gradient[..., 3] ** 2, 0),
                    tf.reduce_sum(flat, 0), second)

        step: Callable[[Batch], Any] = tf.function(sums_of, autograph=False)
        return step


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
    orders = [rows, *(rng.permutation(rows) for _ in range(shuffles))]
    own, *shuffled = _scores(compared, rows, np.array(orders), batch_size)
    return PoseScores(own, np.array(shuffled))


def own_scores(compared: Compared, *, batch_size: int) -> Array:
    """[n] mean FRC of every particle at its own pose."""
    rows = np.arange(len(compared.cache))
    return np.asarray(_scores(compared, rows, rows[np.newaxis], batch_size)[0])


def _scores(compared: Compared, rows: NDArray[np.int64], orders: NDArray[np.int64], batch_size: int) -> Array:
    """[S, n] scores of particles at the orientations of others, whose rows are given [S, n]."""
    size = min(batch_size, len(rows))
    shares = [(rows[part], orders[:, part]) for part in shares_of(len(rows), size)]
    return np.concatenate(pool().map(_Scorer(compared), (size,), shares), axis=1)


class _Scorer(Replicated):
    """[S, n] scores of some particles at the orientations of others."""

    def __init__(self, compared: Compared) -> None:
        self._compared = compared

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_step"}

    def __call__(self, batch_size: int, rows: NDArray[np.int64], orders: NDArray[np.int64]) -> Array:
        return in_smaller_batches(lambda size: self._of(size, rows, orders), batch_size)

    def _of(self, size: int, rows: NDArray[np.int64], orders: NDArray[np.int64]) -> Array:
        views, found, done = self._compared.cache.table.views, np.empty(orders.shape), 0
        for chosen, batch in batches(self._compared.cache, rows, size):
            span = slice(done, done + len(chosen))
            for scores, order in zip(found, orders, strict=True):
                turned = batch._replace(rotations=tf.constant(views[np.resize(order[span], size)], tf.float32))
                scores[span] = self._step(turned).numpy()[:len(chosen)]
            done += len(chosen)
        return found

    @functools.cached_property
    def _step(self) -> Callable[[Batch], Tensor]:
        """Traced once in each process."""
        observer, constants = self._compared.observer, self._compared.gaussians
        step: Callable[[Batch], Tensor] = tf.function(lambda batch: frc_score(observer, batch, *constants),
                                                      autograph=False)
        return step
