"""One pass over the particles: what their images say of the amplitudes of parcels of Gaussians.

The image of a particle is linear in the amplitudes. With F [pixels, P] the whitened images of the parcels at the
particle's pose and conformation, L those of the changes by its pose, J by its coordinates, and y the whitened image,

    y = s (F g + J d) + L p + noise of unit variance,

g [P] being the amplitudes (1: as in the consensus). A [P + K, P + K] = (F, J)^T (F, J) and b [P + K] = (F, J)^T y hold
all that the image says of them: what follows needs no image. The errors of the pose are integrated out, with their
Gaussian prior about the given pose; the contrast s and the coordinates d are integrated out later.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from gmmhet.engine.imaging.image_model import Batch, Observer, batches
from gmmhet.engine.imaging.particle_cache import ParticleCache
from gmmhet.engine.imaging.projector import quadrants_to_planes
from gmmhet.engine.runtime.batching import in_smaller_batches
from gmmhet.engine.runtime.pool import Replicated, pool, shares_of
from gmmhet.engine.runtime.tensors import Tensor

__all__ = ["Conformations", "ParticleEquations", "Pictured", "particle_equations"]

Array = NDArray[np.float64]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Conformations:
    """Where the Gaussians of n particles are.

    Attributes:
        position: [K, N, 3] displacements, Angstrom per unit of a coordinate. coordinates: [n, K].
        pose: [n, P] corrections as of imaging.image_model.POSE, P = 0 where poses are exact. pose_precision: [P].
    """

    position: Array
    coordinates: Array
    pose: Array
    pose_precision: Array


@dataclass(frozen=True)
class Pictured:
    """What the images are compared with.

    Attributes:
        cache: the images. observer: projects N Gaussians. centers: [N, 3] Angstrom. weights: [N].
        parcel: [N] number of the parcel of each Gaussian, from 0. noise: [G, shells] of each optics group.
        contrast: the mean contrast. mixing: [P, Q] parts of the parcels in Q wholes, whose amplitudes then stand in
            the place of the parcels'; None: as they are.
    """

    cache: ParticleCache
    observer: Observer
    centers: Array
    weights: Array
    parcel: NDArray[np.int64]
    noise: Array
    contrast: float
    mixing: Array | None = None

    @property
    def parcels(self) -> int:
        """P."""
        return int(self.parcel.max()) + 1

    def table(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """[P, M] Gaussians of each parcel, filled up with the first, and whether they are of it."""
        most = int(np.bincount(self.parcel).max())
        rows, own = np.zeros((self.parcels, most), np.int64), np.zeros((self.parcels, most), bool)
        for p in range(self.parcels):
            members = np.flatnonzero(self.parcel == p)
            rows[p, :len(members)], own[p, :len(members)] = members, True
        return rows, own


@dataclass(frozen=True)
class ParticleEquations:
    """matrix: [n, D, D] A and vector: [n, D] b of the module's text, D = P + K, in units of the mean contrast.
    offset: [n, K] the coordinates at which J was taken. power: [n] the squared length of the whitened image."""

    matrix: Floats
    vector: Floats
    offset: Array
    power: Floats

    def __len__(self) -> int:
        return len(self.vector)

    @property
    def modes(self) -> int:
        """K."""
        return int(self.offset.shape[1])

    @property
    def parcels(self) -> int:
        """P."""
        return int(self.vector.shape[1]) - self.modes

    def some(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> "ParticleEquations":
        """Of some particles."""
        return ParticleEquations(self.matrix[rows], self.vector[rows], self.offset[rows], self.power[rows])


def particle_equations(pictured: Pictured, at: Conformations, batch_size: int, label: str = "parcels",
                       ) -> ParticleEquations:
    """The equations of every particle, in one pass."""
    shares = [(np.arange(len(at.coordinates))[part], at.coordinates[part], at.pose[part])
              for part in shares_of(len(at.coordinates), batch_size)]
    found = pool().map(_Equations(pictured, at.position, at.pose_precision), (batch_size,), shares, label)
    matrix, vector, power = (np.concatenate([part[i] for part in found]) for i in range(3))
    return ParticleEquations(matrix, vector, at.coordinates, power)


class _Equations(Replicated):
    """A, b and the images' power of some particles."""

    def __init__(self, pictured: Pictured, position: Array, precision: Array) -> None:
        self._pictured, self._position, self._precision = pictured, position, precision

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_step"}

    def __call__(self, batch_size: int, rows: NDArray[np.int64], coordinates: Array, pose: Array,
                 ) -> tuple[Floats, Floats, Floats]:
        return in_smaller_batches(lambda size: self._of(size, rows, coordinates, pose), batch_size)

    def _of(self, size: int, rows: NDArray[np.int64], coordinates: Array, pose: Array,
            ) -> tuple[Floats, Floats, Floats]:
        found: list[list[Floats]] = [[], [], []]
        done = 0
        for chosen, batch in batches(self._pictured.cache, rows, size):
            span = slice(done, done + len(chosen))
            values = self._step(batch, _filled(coordinates[span], size), _filled(pose[span], size))
            for kept, value in zip(found, values, strict=True):
                kept.append(value.numpy()[:len(chosen)])
            done += len(chosen)
        matrix, vector, power = (np.concatenate(parts) for parts in found)
        return matrix, vector, power

    @functools.cached_property
    def _step(self) -> Callable[[Batch, Tensor, Tensor], Any]:
        """Traced once in each process."""
        pictured, observer = self._pictured, self._pictured.observer
        rows, own = pictured.table()
        centers, weights, noise, position = (tf.constant(a, tf.float32) for a in (
            pictured.centers, pictured.weights, np.sqrt(observer.grid.weight / pictured.noise[
                ..., observer.grid.clipped_shell]), self._position))
        members = tf.constant(rows, tf.int32)
        shares = tf.constant(pictured.weights[rows] * own * observer.projector.scale, tf.float32)[..., tf.newaxis]
        precision = tf.constant(self._precision, tf.float32)
        mixing = None if pictured.mixing is None else tf.constant(pictured.mixing, tf.float32)

        def equations(batch: Batch, coordinates: Tensor, pose: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            posed = observer.posed(batch, pose)
            places = centers + tf.tensordot(coordinates, position, 1) if len(self._position) else centers
            factors = observer.factors(posed, places)
            transfer = observer.transfer(posed, noise) * pictured.contrast
            x, y = (tf.gather(f, members, axis=1) for f in (factors.x, factors.y))
            alone = _flat(transfer[:, tf.newaxis] * quadrants_to_planes(tf.matmul(y * shares, x, transpose_a=True)))
            columns = [alone if mixing is None else tf.matmul(mixing, alone, transpose_a=True)]
            if len(self._position):
                still = tf.zeros(self._position.shape[:2])
                columns.append(_flat(transfer[:, tf.newaxis] * observer.jacobian(
                    posed, factors, weights, position, still)))
            data = tf.reshape(posed.planes * observer.whitening_of(posed, noise), [batch.planes.shape[0], -1])
            images = tf.concat(columns, axis=1)
            matrix = tf.matmul(images, images, transpose_b=True)
            vector = tf.linalg.matvec(images, data)
            if len(self._precision):
                base = transfer * observer.projector.project(factors, weights)
                turned = _flat(observer.pose_columns(posed, factors, places, weights, transfer, base))
                cross = tf.matmul(turned, images, transpose_b=True)  # [n, 5, D]
                inner = tf.matmul(turned, turned, transpose_b=True) + tf.linalg.diag(precision)
                right = tf.linalg.matvec(turned, data) - precision * pose
                solved = tf.linalg.solve(inner, tf.concat([cross, right[..., tf.newaxis]], axis=2))
                matrix -= tf.matmul(cross, solved[..., :-1], transpose_a=True)
                vector -= tf.linalg.matvec(cross, solved[..., -1], transpose_a=True)
            return matrix, vector, tf.reduce_sum(data**2, 1)

        step: Callable[[Batch, Tensor, Tensor], Any] = tf.function(equations, autograph=False)
        return step


def _flat(images: Tensor) -> Tensor:
    """[n, D, pixels] of images [n, D, ...]."""
    shape = images.shape
    return tf.reshape(images, [shape[0], shape[1], -1])


def _filled(values: Array, size: int) -> Tensor:
    out = np.zeros((size, values.shape[1]), np.float32)
    out[:len(values)] = values
    return tf.constant(out)
