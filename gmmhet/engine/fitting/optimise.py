"""Positions, amplitudes and widths of Gaussians by least squares against Fourier coefficients (L-BFGS)."""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from scipy.optimize import minimize

from gmmhet.engine.fitting.fourier import FourierTarget, gaussian_coefficients
from gmmhet.engine.fitting.settings import FIT
from gmmhet.engine.progress import progress

__all__ = ["Gaussians", "misfit", "model_function", "refine"]

_LOG = logging.getLogger("gmmhet")


@dataclass(frozen=True)
class Gaussians:
    """centers [N, 3] xyz, Angstrom; weights [N] > 0, sum over voxels; sigmas [N], Angstrom."""

    centers: NDArray[np.float64]
    weights: NDArray[np.float64]
    sigmas: NDArray[np.float64]


@dataclass(frozen=True)
class _Variables:
    """Free variables u: centers = start + unit u, weights = exp(u), sigmas between bounds by a logistic function."""

    start: NDArray[np.float64]
    unit: float
    sigma_range: tuple[float, float]

    def pack(self, given: Gaussians) -> NDArray[np.float64]:
        low, high = self.sigma_range
        share = np.clip((given.sigmas - low) / (high - low), 0.02, 0.98)
        return np.concatenate([((given.centers - self.start) / self.unit).ravel(), np.log(given.weights),
                               np.log(share / (1 - share))])

    def split(self, flat: Any, exp: Callable[[Any], Any]) -> tuple[Any, Any, Any]:
        """centers, weights and sigmas of numpy arrays or tensors alike."""
        n = len(self.start)
        low, high = self.sigma_range
        start = self.start.astype(np.float32)
        centers = start + self.unit * flat[:3 * n].reshape(n, 3) if isinstance(flat, np.ndarray) else (
            start + self.unit * tf.reshape(flat[:3 * n], (n, 3)))
        return centers, exp(flat[3 * n:4 * n]), low + (high - low) / (1 + exp(-flat[4 * n:]))


def model_function(target: FourierTarget, rotations: NDArray[np.float64], offset: NDArray[np.float64],
                   ) -> Callable[[Any, Any, Any], Any]:
    """The target's coefficients of Gaussians, as a function of (centers, weights, sigmas).

    Args:
        rotations: [g, 3, 3] copies of every Gaussian, about the origin of the centers.
        offset: [3] xyz, Angstrom: the origin of the target in the frame of the centers.
    """
    def model(centers: Any, weights: Any, sigmas: Any) -> Any:
        if len(rotations) > 1:
            centers = tf.reshape(tf.einsum("gij,nj->gni", tf.cast(rotations, centers.dtype), centers), (-1, 3))
            weights, sigmas = tf.tile(weights, [len(rotations)]), tf.tile(sigmas, [len(rotations)])
        return gaussian_coefficients(centers - tf.cast(offset, centers.dtype), weights, sigmas, target.frequencies)

    return model


def misfit(target: FourierTarget, found: Any) -> Any:
    """The share of whitened power that coefficients leave unexplained."""
    difference = found - tf.cast(target.coefficients, found.dtype)
    return tf.reduce_sum(tf.cast(target.weights, found.dtype) * difference**2)


def refine(start: Gaussians, target: FourierTarget, *, resolution: float, sigma_range: tuple[float, float],
           rotations: NDArray[np.float64], offset: NDArray[np.float64]) -> tuple[Gaussians, float]:
    """Refine Gaussians against a target.

    In the end all weights are scaled together to the least squares against the map as it is, not whitened, so that
    projections of the Gaussians have the contrast of the map's.

    Args:
        start: weights as the plain sum over voxels. resolution: Angstrom. sigma_range: bounds of the widths, Angstrom.
        rotations, offset: see :func:`model_function`.
    Returns:
        The Gaussians and the share of whitened power left unexplained.
    """
    variables = _Variables(start.centers, FIT.position_unit * resolution, sigma_range)
    model = model_function(target, rotations, offset)

    def value_and_gradient(flat: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            tape.watch(flat)
            value = misfit(target, model(*variables.split(flat, tf.exp)))
        return value, tape.gradient(value, flat)

    compiled = tf.function(value_and_gradient)

    def evaluate(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        value, gradient = compiled(tf.constant(flat, tf.float32))
        return float(value) / FIT.misfit_unit, np.asarray(gradient, np.float64) / FIT.misfit_unit

    bar = iter(progress(range(FIT.iterations), "fit", FIT.iterations))
    found = minimize(evaluate, variables.pack(start), jac=True, method="L-BFGS-B", callback=lambda _: next(bar, None),
                     options={"maxiter": FIT.iterations, "maxcor": 20, "ftol": FIT.tolerance, "gtol": 1e-9})
    deque(bar, maxlen=0)  # it may end before the last iteration that was allowed
    unexplained = float(found.fun) * FIT.misfit_unit
    _LOG.debug("fit: %d iterations, unexplained share of whitened power %.5f (%s)", found.nit, unexplained,
               found.message)
    centers, weights, sigmas = (np.asarray(v, np.float64) for v in variables.split(found.x, np.exp))
    fitted = model(*(tf.constant(v, tf.float32) for v in (centers, weights, sigmas))).numpy().astype(np.float64)
    scale = np.sum(target.counts * fitted * target.coefficients) / np.sum(target.counts * fitted**2)
    return Gaussians(centers, scale * weights, sigmas), unexplained
