"""Projections of Gaussians of one width by non-uniform FFTs, and their gradient: a route of benchmarks/routes.py.

A projection is a sum of waves at the places of the Gaussians, times one envelope (type 1). Its derivatives by weights
and places are values, there, of the transform of the cotangent and of the cotangent times i kx and i ky (type 2).
Frequencies are those of the half-plane: kx >= 0, iy = -h..h. finufft's begin at -m: sums are turned by m steps of kx.
"""

from typing import Any

import finufft
import numpy as np
import tensorflow as tf

from gmmhet.engine.imaging.image_model import Batch, Observer

_TOLERANCE = 1e-4


class Nufft:
    """Everything but the transforms is as in the engine.

    Args:
        sigma: the width, Angstrom. centers, weights: [N, 3], [N] tensors.
    """

    def __init__(self, observer: Observer, batch: Batch, centers: Any, weights: Any, sigma: float) -> None:
        self._observer, self._batch, self._centers, self._weights = observer, batch, centers, weights
        grid = observer.grid
        self._h = h = grid.h
        self._sum, self._values = (finufft.Plan(
            kind, (2 * h + 1, h + 1), n_trans, _TOLERANCE, sign, dtype="complex64", nthreads=1, upsampfac=1.25)
            for kind, n_trans, sign in ((1, 1, -1), (2, 3, 1)))
        self._step = 2 * np.pi * grid.frequencies[1]
        kx, ky = np.meshgrid(self._step * np.arange(h + 1), self._step * np.arange(-h, h + 1))
        envelope = np.exp(-0.5 * sigma**2 * (kx**2 + ky**2)) * observer.projector.scale
        self._envelope = tf.constant(envelope, tf.complex64)
        self._along = tf.constant(np.stack([1j * kx, 1j * ky, np.ones_like(kx)]), tf.complex64)
        self._before, self._image, self._cotangent, self._after = (
            tf.function(f, autograph=False) for f in (self._places, self._as_image, self._as_cotangent, self._turned))

    def project(self) -> Any:
        """[n, 2, 2, h + 1, h + 1], CTF-modulated."""
        return self._image(self._sums()[2])

    def gradient(self) -> Any:
        """[n, N, 4]: sum(cotangent * projection) by x, y, z of the model frame and the weight, for the residuals."""
        (y, x), turn, sums = self._sums()
        cotangent = self._cotangent(sums).numpy()
        values = np.empty((len(x), 3, x.shape[1]), np.complex64)
        for i in range(len(x)):
            self._values.setpts(y[i], x[i])
            self._values.execute(cotangent[i], out=values[i])
        return self._after(values, turn)

    def _sums(self) -> tuple[Any, Any, Any]:
        (y, x), turn, strengths = (a.numpy() for a in self._before())
        sums = np.empty((len(x), 2 * self._h + 1, self._h + 1), np.complex64)
        for i in range(len(x)):
            self._sum.setpts(y[i], x[i])
            self._sum.execute(strengths[i], out=sums[i])
        return (y, x), turn, sums

    def _places(self) -> tuple[Any, Any, Any]:
        seen = self._step * self._observer.seen(self._batch, self._centers)
        phase = float((self._h + 1) // 2) * seen[..., 0]
        turn = tf.complex(tf.cos(phase), tf.sin(phase))
        strengths = tf.cast(self._weights, tf.complex64) * tf.math.conj(turn)
        return tf.transpose(seen[..., 1::-1], (2, 0, 1)), turn, strengths

    def _as_image(self, sums: Any) -> Any:
        sums = sums * self._envelope
        planes = tf.stack([sums[:, self._h:], tf.reverse(sums[:, :self._h + 1], [1])], 1)
        transfer = self._observer.transfer(self._batch, tf.ones([]))
        return transfer * tf.stack([tf.math.real(planes), tf.math.imag(planes)], 1)

    def _as_cotangent(self, sums: Any) -> Any:
        left = self._observer.transfer(self._batch, tf.ones([])) * (self._batch.planes - self._as_image(sums))
        left = tf.complex(left[:, 0], left[:, 1])
        up, down = left[:, 0], tf.reverse(left[:, 1], [1])
        both = tf.concat([down[:, :-1], down[:, -1:] + up[:, :1], up[:, 1:]], 1)
        return (both * self._envelope)[:, tf.newaxis] * self._along

    def _turned(self, values: Any, turn: Any) -> Any:
        x, y, weight = tf.unstack(tf.math.real(values * turn[:, tf.newaxis]), axis=1)
        places = tf.stack([x, y], -1) * self._weights[:, tf.newaxis]
        return tf.concat([tf.matmul(places, self._batch.rotations[:, :2]), weight[..., tf.newaxis]], -1)
