"""Fourier ring correlation of particles with projections of the Gaussians, and its gradient.

frc_r = sum_{k in ring r} Re(Y* X) / sqrt(sum |Y|^2 sum |X|^2) with X the CTF-modulated projection; the score is the
mean over rings 1..h. Its derivative by X is (Y / sqrt(A B) - S X / sqrt(A B^3)) / h in each ring (A, B, S the sums of
|Y|^2, |X|^2, Re(Y* X)), which the projector's adjoint carries to every Gaussian: one 3-vector and one number
per particle per Gaussian.
"""

import numpy as np
import tensorflow as tf

from gmmhet.engine.imaging.image_model import Batch, Observer
from gmmhet.engine.runtime.tensors import Tensor

__all__ = ["frc_gradient", "frc_score"]



class _Rings:
    """Sums over rings as one matrix product."""

    def __init__(self, observer: Observer) -> None:
        grid = observer.grid
        shell = grid.clipped_shell.ravel()
        member = np.zeros((shell.size, grid.h), np.float32)
        inside = (shell > 0) & (grid.weight.ravel() > 0)
        member[np.flatnonzero(inside), shell[inside] - 1] = 1.0
        self._weighted = tf.constant(member * grid.weight.ravel()[:, np.newaxis], tf.float32)
        self._weight = tf.constant(grid.weight, tf.float32)
        self._index = tf.constant(np.maximum(grid.clipped_shell - 1, 0), tf.int32)

    def sums(self, planes: Tensor) -> Tensor:
        """[n, 2, 2, h + 1, h + 1] to [n, h]."""
        pixels = tf.reduce_sum(planes, axis=(1, 2))
        return tf.matmul(tf.reshape(pixels, [tf.shape(planes)[0], -1]), self._weighted)

    def to_pixels(self, values: Tensor) -> Tensor:
        """[n, h] to the weighted pixels [n, 1, 1, h + 1, h + 1] of each ring."""
        return (tf.gather(values, self._index, axis=1) * self._weight)[:, tf.newaxis, tf.newaxis]


def _correlate(observer: Observer, batch: Batch, image: Tensor) -> tuple[_Rings, Tensor, Tensor, Tensor]:
    rings = _Rings(observer)
    tiny = 1e-20
    return (rings, rings.sums(batch.planes * image), rings.sums(batch.planes**2) + tiny, rings.sums(image**2) + tiny)


def frc_score(observer: Observer, batch: Batch, centers: Tensor, weights: Tensor) -> Tensor:
    """Mean FRC [n] with Gaussians at centers [N, 3] or [n, N, 3], of weights [N] or [n, N]."""
    projection = observer.projector.project(observer.factors(batch, centers), weights)
    _, cross, data, model = _correlate(observer, batch, observer.transfer(batch, tf.ones([])) * projection)
    return tf.reduce_mean(cross * tf.math.rsqrt(data * model), axis=1)


def frc_gradient(observer: Observer, batch: Batch, centers: Tensor, weights: Tensor, sign: Tensor,
                 ) -> tuple[Tensor, Tensor]:
    """Mean FRC [n] and the gradient of (sign x score) by every Gaussian.

    Args:
        centers: [N, 3]. weights: [N]. sign: scalar, -1 for images of inverted contrast.
    Returns:
        score [n]; gradient [n, N, 4]: by x, y, z of the model frame (per Angstrom) and by the weight, relative.
    """
    factors = observer.factors(batch, centers)
    transfer = observer.transfer(batch, tf.ones([]))
    image = transfer * observer.projector.project(factors, weights)
    rings, cross, data, model = _correlate(observer, batch, image)
    inverse = tf.math.rsqrt(data * model)
    slope = rings.to_pixels(inverse) * batch.planes - rings.to_pixels(cross * inverse / model) * image
    cotangent = (sign / observer.grid.h * transfer * slope)[:, tf.newaxis]
    pulled = observer.pullback(batch, factors, weights, cotangent)[:, 0]
    relative = tf.concat([pulled[..., :3], pulled[..., 3:] * weights[:, tf.newaxis]], axis=-1)
    return tf.reduce_mean(cross * inverse, axis=1), relative
