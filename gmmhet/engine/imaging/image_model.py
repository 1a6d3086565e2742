"""From Gaussians to whitened images: batches of particles, CTF, noise, and corrections of the poses."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Self, TypeVar

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from gmmhet.engine.imaging.half_plane import HalfPlane
from gmmhet.engine.imaging.particle_cache import ParticleCache
from gmmhet.engine.imaging.projector import Factors, Projector
from gmmhet.engine.optics.ctf import evaluate_ctf
from gmmhet.engine.runtime.pool import Replicated
from gmmhet.engine.runtime.tensors import Tensor

__all__ = ["POSE", "Batch", "Observer", "batches", "rotation_matrix", "whitening"]

_T = TypeVar("_T")
#: corrections of a pose: shift x, y (Angstrom, added to the origin), rotation vector x, y, z (radians, view frame)
POSE = 5


class Batch(NamedTuple):
    """n particles.

    Attributes:
        planes: [n, 2, 2, h + 1, h + 1]. rotations: [n, 3, 3]. ctf: [n, 5] coefficients.
        group: [n] index of the optics group. is_particle: [n] 1, or 0 for a row that only fills the batch up.
    """

    planes: Tensor
    rotations: Tensor
    ctf: Tensor
    group: Tensor
    is_particle: Tensor


def batches(cache: ParticleCache, rows: NDArray[np.int64], size: int) -> Iterator[tuple[NDArray[np.int64], Batch]]:
    """Batches of exactly ``size`` particles (the last one filled up), so that graphs are traced once.

    The next batch is read while one is computed.

    Yields:
        the rows of the particles, without those that fill it up, and the batch.
    """
    def read(start: int) -> tuple[NDArray[np.int64], Batch]:
        chosen = rows[start:start + size]
        filled = np.concatenate([chosen, np.repeat(chosen[-1:], size - len(chosen))])
        return chosen, Batch(
            tf.constant(cache.read(filled), tf.float32),
            tf.constant(cache.table.views[filled], tf.float32),
            tf.constant(cache.table.ctf_coefficients[filled], tf.float32),
            tf.constant(cache.table.optics_index[filled], tf.int32),
            tf.constant(np.arange(size) < len(chosen), tf.float32),
        )

    with ThreadPoolExecutor(1) as reader:
        waiting = [reader.submit(read, start) for start in range(0, len(rows), size)[:1]]
        for start in range(size, len(rows) + size, size):
            ready = waiting.pop().result()
            if start < len(rows):
                waiting.append(reader.submit(read, start))
            yield ready


def whitening(grid: HalfPlane, noise: NDArray[np.float64]) -> Tensor:
    """sqrt(weight / noise): [G, h + 1, h + 1] of noise [G, shells], the variance of the real (and of the imaginary)
    part for each optics group; without the first axis when noise is [shells]."""
    return tf.constant(np.sqrt(grid.weight / noise[..., grid.clipped_shell]), tf.float32)


def rotation_matrix(vector: Tensor) -> Tensor:
    """[n, 3, 3] rotations by vectors [n, 3] (radians, right-handed); Rodrigues' formula, smooth at zero."""
    x, y, z = tf.unstack(vector, axis=-1)
    zero = tf.zeros_like(x)
    cross = tf.reshape(tf.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1), [-1, 3, 3])
    squared = tf.reduce_sum(vector**2, -1)[:, tf.newaxis, tf.newaxis] + 1e-20
    angle = tf.sqrt(squared)
    return tf.eye(3) + tf.sin(angle) / angle * cross + (1 - tf.cos(angle)) / squared * tf.matmul(cross, cross)


class Observer(Replicated):
    """Whitened, CTF-modulated projections of conformations of one set of Gaussians."""

    def __init__(self, grid: HalfPlane, sigmas: NDArray[np.float64], voxel_volume: float) -> None:
        self.grid = grid
        self.projector = Projector(grid, sigmas, voxel_volume)
        self._kx = tf.constant(grid.kx, tf.float32)
        self._ky = tf.constant(grid.ky, tf.float32)
        self.along = 2 * np.pi * tf.stack([self._kx, self._ky])  # [2, 2, h + 1, h + 1]
        self._made: dict[Any, Any] = {}

    def once(self, make: Callable[[Self], _T]) -> _T:
        """What is made of this observer, once in every process: functions that are traced for it."""
        if make not in self._made:
            self._made[make] = make(self)
        found: _T = self._made[make]
        return found

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_made": {}}

    def posed(self, batch: Batch, pose: Tensor) -> Batch:
        """The batch with its poses corrected: turned rotations, and images moved to the corrected centre.

        Args:
            pose: [n, 5] as of POSE, or [n, 0]: nothing changes.
        """
        if pose.shape[-1] == 0:
            return batch
        phase = tf.einsum("na,aphw->nphw", pose[:, :2], self.along)
        cosine, sine = tf.cos(phase), tf.sin(phase)
        real, imaginary = tf.unstack(batch.planes, axis=1)
        moved = tf.stack([real * cosine + imaginary * sine, imaginary * cosine - real * sine], axis=1)
        return batch._replace(planes=moved, rotations=tf.matmul(rotation_matrix(pose[:, 2:]), batch.rotations))

    def whitening_of(self, batch: Batch, white: Tensor) -> Tensor:
        """[n or 1, 1, 1, h + 1, h + 1] of whitening() for each particle's optics group."""
        if white.shape.rank == 3:
            return tf.gather(white, batch.group)[:, tf.newaxis, tf.newaxis]
        return white

    def transfer(self, batch: Batch, white: Tensor) -> Tensor:
        """CTF times whitening: [n, 1, 2, h + 1, h + 1] (the middle axis broadcasts over real and imaginary)."""
        columns = tf.unstack(batch.ctf[:, :, tf.newaxis, tf.newaxis, tf.newaxis], axis=1)
        modulation = evaluate_ctf(columns, self._kx, self._ky, sin=tf.sin)[:, tf.newaxis]
        return modulation * self.whitening_of(batch, white)

    def factors(self, batch: Batch, centers: Tensor, variances: Tensor | None = None) -> Factors:
        """Separable factors of centres [n, N, 3] or [N, 3] seen from the batch's orientations."""
        return self.projector.factors(self.seen(batch, centers), variances)

    @staticmethod
    def seen(batch: Batch, centers: Tensor) -> Tensor:
        """[n, N, 3] centres [n, N, 3] or [N, 3] in the frame of each view."""
        if len(centers.shape) == 2:
            return tf.einsum("nax,jx->nja", batch.rotations, centers)
        return tf.matmul(centers, batch.rotations, transpose_b=True)

    def pose_columns(self, batch: Batch, factors: Factors, centers: Tensor, weights: Tensor, transfer: Tensor,
                     base: Tensor) -> Tensor:
        """Derivatives of transfer * projection by the corrections of the pose, [n, 5, 2, 2, h + 1, h + 1].

        A shift by o multiplies the projection by exp(2 pi i k.o); a turn by omega moves a Gaussian at p by omega x p,
        so its images are those of the Gaussians weighted by x, y or z, times frequencies.

        Args:
            base: [n, 2, 2, h + 1, h + 1] transfer * projection.
        """
        kx, ky = tf.unstack(self.along)
        shifts = _times_i(base)
        seen = self.seen(batch, centers)
        x, y, z = (transfer * _times_i(self.projector.project(factors, weights * seen[..., a])) for a in range(3))
        return tf.stack([kx * shifts, ky * shifts, ky * z, -kx * z, kx * y - ky * x], axis=1)

    def jacobian(self, batch: Batch, factors: Factors, weights: Tensor, position: Tensor, amplitude: Tensor) -> Tensor:
        """Projection changes [n, K, 2, 2, h + 1, h + 1] along fields position [K, N, 3] and amplitude [K, N]."""
        view = tf.einsum("nax,kjx->ankj", batch.rotations[:, :2], position)
        return self.projector.directional(factors, weights, view[0], view[1], amplitude[tf.newaxis])

    def pullback(self, batch: Batch, factors: Factors, weights: Tensor, cotangent: Tensor, *, widths: bool = False,
                 ) -> Tensor:
        """Adjoint of :meth:`jacobian` for every Gaussian: cotangent [n, K, ...] to [n, K, N, 4].

        The last axis is the derivative by x, y, z of the model frame (per Angstrom) and by the weight; with ``widths``
        there is a fifth, by the squared width.
        """
        gx, gy, *others = self.projector.gradient(factors, weights, cotangent)
        model = tf.einsum("ankj,nax->nkjx", tf.stack([gx, gy]), batch.rotations[:, :2])
        return tf.concat([model, tf.stack(others if widths else others[:1], axis=-1)], axis=-1)


def _times_i(planes: Tensor) -> Tensor:
    real, imaginary = tf.unstack(planes, axis=-4)
    return tf.stack([-imaginary, real], axis=-4)
