"""From Gaussians to whitened images: batches of particles, CTF, noise, and the decoder of conformations."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from gmmhet.engine.cache import ParticleCache
from gmmhet.engine.ctf import evaluate_ctf
from gmmhet.engine.fourier import HalfPlane
from gmmhet.engine.projector import Factors, Projector

__all__ = ["Batch", "LinearModes", "Observer", "batches", "whitening"]

Tensor = Any


class Batch(NamedTuple):
    """n particles.

    Attributes:
        planes: [n, 2, 2, h + 1, h + 1]. rotations: [n, 3, 3]. ctf: [n, 5] coefficients.
        real: [n] 1, or 0 for a row that only fills the batch up.
    """

    planes: Tensor
    rotations: Tensor
    ctf: Tensor
    real: Tensor


class LinearModes(NamedTuple):
    """The decoder: Gaussians of a conformation, and how they change with the latent coordinate.

    Attributes:
        centers: [N, 3] Angstrom. weights: [N].
        position: [K, N, 3] Angstrom per unit of z. amplitude: [K, N] relative, per unit of z.
    """

    centers: Tensor
    weights: Tensor
    position: Tensor
    amplitude: Tensor

    def gaussians(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """z [n, K] to centres [n, N, 3] and weights [n, N]."""
        centers = self.centers + tf.tensordot(z, self.position, 1)
        return centers, self.weights * (1.0 + tf.matmul(z, self.amplitude))

    def directions(self) -> tuple[Tensor, Tensor]:
        """Derivatives by z: of the centres [K, N, 3], of the weights [K, N] (the same for every z)."""
        return self.position, self.weights * self.amplitude


def batches(cache: ParticleCache, rows: NDArray[np.int64], size: int) -> Iterator[tuple[NDArray[np.int64], Batch]]:
    """Batches of exactly ``size`` particles (the last one filled up), so that graphs are traced once.

    Yields:
        the rows of the real particles, and the batch.
    """
    for start in range(0, len(rows), size):
        chosen = rows[start:start + size]
        filled = np.concatenate([chosen, np.repeat(chosen[-1:], size - len(chosen))])
        yield chosen, Batch(
            tf.constant(cache.planes[filled], tf.float32),
            tf.constant(cache.table.views[filled], tf.float32),
            tf.constant(cache.table.ctf_coefficients[filled], tf.float32),
            tf.constant(np.arange(size) < len(chosen), tf.float32),
        )


def whitening(grid: HalfPlane, noise: NDArray[np.float64]) -> Tensor:
    """[h + 1, h + 1] sqrt(weight / noise); noise: [shells] variance of the real (and of the imaginary) part."""
    return tf.constant(np.sqrt(grid.weight / noise[grid.clipped_shell]), tf.float32)


class Observer:
    """Whitened, CTF-modulated projections of conformations of one set of Gaussians."""

    def __init__(self, grid: HalfPlane, sigmas: NDArray[np.float64], voxel_volume: float) -> None:
        self.grid = grid
        self.projector = Projector(grid, sigmas, voxel_volume)
        self._kx = tf.constant(grid.kx, tf.float32)
        self._ky = tf.constant(grid.ky, tf.float32)

    def transfer(self, batch: Batch, white: Tensor) -> Tensor:
        """CTF times whitening: [n, 1, 2, h + 1, h + 1] (the middle axis broadcasts over real and imaginary)."""
        columns = tf.unstack(batch.ctf[:, :, tf.newaxis, tf.newaxis, tf.newaxis], axis=1)
        return (evaluate_ctf(columns, self._kx, self._ky, sin=tf.sin) * white)[:, tf.newaxis]

    def factors(self, batch: Batch, centers: Tensor) -> Factors:
        """Separable factors of centres [n, N, 3] or [N, 3] seen from the batch's orientations."""
        seen = batch.rotations[:, :2]
        if len(centers.shape) == 2:
            return self.projector.factors(tf.einsum("nax,jx->nja", seen, centers))
        return self.projector.factors(tf.matmul(centers, seen, transpose_b=True))

    def jacobian(self, batch: Batch, factors: Factors, weights: Tensor, position: Tensor, amplitude: Tensor) -> Tensor:
        """Projection changes [n, K, 2, 2, h + 1, h + 1] along fields position [K, N, 3] and amplitude [K, N]."""
        view = tf.einsum("nax,kjx->ankj", batch.rotations[:, :2], position)
        return self.projector.directional(factors, weights, view[0], view[1], amplitude[tf.newaxis])

    def pullback(self, batch: Batch, factors: Factors, weights: Tensor, cotangent: Tensor) -> Tensor:
        """Adjoint of :meth:`jacobian` for every Gaussian: cotangent [n, K, ...] to [n, K, N, 4].

        The last axis is the derivative by x, y, z of the model frame (per Angstrom) and by the weight.
        """
        gx, gy, ga = self.projector.gradient(factors, weights, cotangent)
        model = tf.einsum("ankj,nax->nkjx", tf.stack([gx, gy]), batch.rotations[:, :2])
        return tf.concat([model, ga[..., tf.newaxis]], axis=-1)
