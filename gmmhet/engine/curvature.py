"""Gauss-Newton curvature of the log-likelihood in the basis of smooth fields, summed over a sample of particles."""

from typing import Any

import numpy as np
import tensorflow as tf

from gmmhet.engine.basis import FieldBasis
from gmmhet.engine.observation import Batch, LinearModes, Observer
from gmmhet.engine.projector import quadrants_to_planes

__all__ = ["curvature_sums"]

Tensor = Any


def curvature_sums(observer: Observer, basis: FieldBasis, batch: Batch, modes: LinearModes, white: Tensor, z: Tensor,
                   contrast: Tensor, moments: Tensor) -> Tensor:
    """Sum over particles of m_ik (B^T J_i^T J_i B), J_i the Jacobian of s T F by all Gaussians at z_i.

    A smooth scalar field f needs one projection of the Gaussians weighted by f: moving them along x, y or z multiplies
    that projection by -2 pi i times a component of the frequency.

    Args:
        z: [n, K]. contrast: [n]. moments: [n, M] the weights m.
    Returns:
        [M, R, R].
    """
    centers, moved = modes.gaussians(z)
    factors = observer.factors(batch, centers)
    transfer = observer.transfer(batch, white) * contrast[:, None, None, None, None]
    parts = []
    images: dict[bool, Tensor] = {}
    for component, scale in basis.parts:
        displaced = component < 3
        if displaced not in images:
            weights = moved[:, tf.newaxis] if displaced else modes.weights
            images[displaced] = _field_images(observer, basis, factors, weights) * transfer[:, tf.newaxis]
        image = images[displaced]
        if displaced:
            turned = tf.stack([image[:, :, 1], -image[:, :, 0]], axis=2)  # times -i
            image = turned * _along(observer, batch, component)[:, tf.newaxis, tf.newaxis]
        parts.append(scale * image)
    jacobian = tf.concat(parts, axis=1)
    n = tf.shape(jacobian)[0]
    flat = tf.reshape(jacobian, [n, basis.size, -1])
    gram = tf.matmul(flat, flat, transpose_b=True)
    return tf.tensordot(tf.transpose(moments * batch.real[:, tf.newaxis]), gram, 1)


def _field_images(observer: Observer, basis: FieldBasis, factors: Any, weights: Tensor) -> Tensor:
    """[n, A, 2, 2, h + 1, h + 1] projections of the Gaussians weighted by each scalar field."""
    scalar = tf.constant(basis.scalar.T, tf.float32) * (weights * observer.projector.scale)  # [n or 1, A, N]
    columns = tf.reshape(scalar, [-1, *basis.scalar.T.shape])[..., tf.newaxis] * factors.x[:, tf.newaxis]
    return quadrants_to_planes(tf.matmul(factors.y[:, tf.newaxis], columns, transpose_a=True))


def _along(observer: Observer, batch: Batch, component: int) -> Tensor:
    """[n, 2, h + 1, h + 1] 2 pi times the frequency along a model axis."""
    rows = batch.rotations[:, :2, component]
    kx, ky = (tf.constant(2 * np.pi * a, tf.float32) for a in (observer.grid.kx, observer.grid.ky))
    return rows[:, 0, None, None, None] * kx + rows[:, 1, None, None, None] * ky
