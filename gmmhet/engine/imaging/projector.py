"""Projections of Gaussians and their derivatives as matrix products.

On the quadrant ix, iy = 0..h every projection is sums of products of cosines and sines of x and y:
with E = [cos 2 pi k x, sin 2 pi k x] exp(-2 pi^2 sigma^2 k^2), Q = E_y^T diag(w) E_x holds the four real
quadrants (cos cos, cos sin, sin cos, sin sin), from which both half-planes +-iy follow by one addition.
A derivative with respect to a position multiplies Q by frequencies and exchanges cosine and sine.

Shapes: n particles, N Gaussians, S = 2 (h + 1), K fields. Planes are those of :mod:`gmmhet.engine.imaging.half_plane`.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from gmmhet.engine.imaging.half_plane import HalfPlane
from gmmhet.engine.runtime.tensors import Tensor

__all__ = ["Factors", "Projector", "planes_to_quadrants", "quadrants_to_planes"]

_TWO_PI = 2 * np.pi


class Factors(NamedTuple):
    """What projections of n views share.

    Attributes:
        x, y: [n, N, S] separable factors.
    """

    x: Tensor
    y: Tensor


def quadrants_to_planes(q: Tensor) -> Tensor:
    """[..., S, S] quadrants (rows y, columns x) to planes [..., 2, 2, h + 1, h + 1]."""
    top, bottom = tf.split(q, 2, axis=-2)
    (cc, sx), (sy, ss) = tf.split(top, 2, axis=-1), tf.split(bottom, 2, axis=-1)
    real = tf.stack([cc - ss, cc + ss], axis=-3)
    imaginary = tf.stack([-sx - sy, sy - sx], axis=-3)
    return tf.stack([real, imaginary], axis=-4)


def planes_to_quadrants(planes: Tensor) -> Tensor:
    """Adjoint (transpose) of :func:`quadrants_to_planes`."""
    real, imaginary = tf.unstack(planes, axis=-4)
    (rp, rm), (ip, im) = tf.unstack(real, axis=-3), tf.unstack(imaginary, axis=-3)
    top = tf.concat([rp + rm, -ip - im], axis=-1)
    bottom = tf.concat([im - ip, rm - rp], axis=-1)
    return tf.concat([top, bottom], axis=-2)


class Projector:
    """Projections of Gaussians onto a half-plane, in float32.

    Args:
        grid: where the projections are wanted.
        sigmas: [N] widths, Angstrom.
        voxel_volume: Angstrom^3 of the voxel whose map the weights refer to; projections are then in the units
            of the plain sum of voxels along z.
    """

    def __init__(self, grid: HalfPlane, sigmas: NDArray[np.float64], voxel_volume: float) -> None:
        self.grid = grid
        self._k = tf.constant(_TWO_PI * grid.frequencies, tf.float32)
        self._ones = tf.ones([2 * grid.size])
        self._blur = -0.5 * tf.concat([self._k**2, self._k**2], 0)
        self._envelope = self._envelope_of(tf.constant(np.asarray(sigmas) ** 2, tf.float32))
        self.scale = 1.0 / voxel_volume

    def _envelope_of(self, variances: Tensor) -> Tensor:
        """[N, S] exp(-2 pi^2 sigma^2 k^2)."""
        half = tf.exp(-0.5 * variances[:, tf.newaxis] * self._k**2)
        return tf.concat([half, half], axis=1)

    def factors(self, view: Tensor, variances: Tensor | None = None) -> Factors:
        """Separable factors of Gaussians at view [n, N, >= 2] (x, y in the view frame, Angstrom).

        Args:
            variances: [N] squared widths, Angstrom^2, instead of those given at the start.
        """
        envelope = self._envelope if variances is None else self._envelope_of(variances)
        x, y = (self._waves(view[..., axis, tf.newaxis] * self._k, envelope) for axis in (0, 1))
        return Factors(x, y)

    @staticmethod
    def _waves(phase: Tensor, envelope: Tensor) -> Tensor:
        return tf.concat([tf.cos(phase), tf.sin(phase)], axis=-1) * envelope

    def along_x(self, q: Tensor) -> Tensor:
        """d/dx of the columns of [..., S]: frequencies times (cos -> -sin, sin -> cos), transposed on the left."""
        cosine, sine = tf.split(q, 2, axis=-1)
        return tf.concat([-sine * self._k, cosine * self._k], axis=-1)

    def _along_y(self, q: Tensor) -> Tensor:
        cosine, sine = tf.split(q, 2, axis=-2)
        k = self._k[:, tf.newaxis]
        return tf.concat([-sine * k, cosine * k], axis=-2)

    def quadrants(self, factors: Factors, weights: Tensor) -> Tensor:
        """[n, S, S] of weights [n, N] or [N]."""
        weighted = factors.y * (self.scale * weights[..., tf.newaxis])
        return tf.matmul(weighted, factors.x, transpose_a=True)

    def project(self, factors: Factors, weights: Tensor) -> Tensor:
        """Projections [n, 2, 2, h + 1, h + 1] of weights [N] or [n, N]."""
        return quadrants_to_planes(self.quadrants(factors, weights))

    def directional(self, factors: Factors, weights: Tensor, vx: Tensor, vy: Tensor, amplitude: Tensor) -> Tensor:
        """Derivatives of the projection along K fields (Jacobian-vector products).

        Args:
            weights: [n, N] or [N] current weights, by which displacements count.
            vx, vy: [n, K, N] displacements in the view frame. amplitude: [n or 1, K, N] change of weight.
        Returns:
            [n, K, 2, 2, h + 1, h + 1].
        """
        moved = self.scale * weights
        x, y, dx = factors.x, factors.y, self.along_x(factors.x)
        images = []
        for k in range(vx.shape[1]):  # one field at a time: broadcasting over fields is slower and takes more memory
            in_x = (vx[:, k] * moved)[..., tf.newaxis] * dx + (self.scale * amplitude[:, k])[..., tf.newaxis] * x
            in_y = (vy[:, k] * moved)[..., tf.newaxis] * x
            images.append(tf.matmul(y, in_x, transpose_a=True) + self._along_y(tf.matmul(y, in_y, transpose_a=True)))
        return quadrants_to_planes(tf.stack(images, axis=1))

    @staticmethod
    def _summed(values: Tensor, weights: Tensor) -> Tensor:
        """[n, N, S] times [S] to [n, N], as one product."""
        shape = tf.shape(values)
        flat = tf.reshape(values, [shape[0] * shape[1], values.shape[-1]])
        return tf.reshape(tf.linalg.matvec(flat, weights), shape[:2])

    def gradient(self, factors: Factors, weights: Tensor, cotangent: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Derivatives of sum(cotangent * projection) by every Gaussian (vector-Jacobian product).

        Args:
            weights: [n, N] or [N]. cotangent: [n, K, 2, 2, h + 1, h + 1].
        Returns:
            gx, gy (by the view coordinates), ga (by the weight) and gv (by the squared width), each [n, K, N].
        """
        q = planes_to_quadrants(cotangent) * self.scale  # [n, K, S, S]
        x, y = factors.x, factors.y
        dx, dy = self.along_x(x), self.along_x(y)
        gx, gy, ga, gv = [], [], [], []
        for k in range(cotangent.shape[1]):
            rows = tf.matmul(x, q[:, k], transpose_b=True)  # [n, N, S], what y is multiplied by
            columns = tf.matmul(y, q[:, k])  # and x
            both = rows * y
            # sums over frequencies as matrix-vector products, which are faster than reductions
            ga.append(self._summed(both, self._ones))
            gx.append(self._summed(columns * dx, self._ones) * weights)
            gy.append(self._summed(rows * dy, self._ones) * weights)
            gv.append((self._summed(both, self._blur) + self._summed(columns * x, self._blur)) * weights)
        return tf.stack(gx, axis=1), tf.stack(gy, axis=1), tf.stack(ga, axis=1), tf.stack(gv, axis=1)
