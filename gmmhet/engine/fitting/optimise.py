"""Positions, amplitudes and widths of Gaussians by least squares against Fourier coefficients (L-BFGS)."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from scipy.optimize import minimize

from gmmhet.engine.fitting.fourier import FourierTarget, gaussian_coefficients

__all__ = ["Gaussians", "misfit_function", "refine"]

_LOG = logging.getLogger("gmmhet")
_LONGEST_STEP_SCALE = 0.25  # of the resolution: a unit of the position variables, so that all variables curve alike


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


def misfit_function(target: FourierTarget, rotations: NDArray[np.float64] | None = None,
                    offset: NDArray[np.float64] | None = None) -> Callable[[Any, Any, Any], Any]:
    """The misfit of Gaussians as a function of (centers, weights, sigmas): the unexplained share of whitened power.

    Args:
        rotations: [g, 3, 3] copies of every Gaussian, about the origin of the centers.
        offset: [3] xyz, Angstrom: the origin of the target in the frame of the centers.
    """
    wanted, weights = tf.constant(target.coefficients), tf.constant(target.weights)
    shift = np.zeros(3) if offset is None else offset
    turns = None if rotations is None or len(rotations) == 1 else rotations

    def misfit(centers: Any, amplitudes: Any, sigmas: Any) -> Any:
        if turns is not None:
            copies = tf.einsum("gij,nj->gni", tf.cast(turns, centers.dtype), centers)
            centers = tf.reshape(copies, (-1, 3))
            amplitudes, sigmas = tf.tile(amplitudes, [len(turns)]), tf.tile(sigmas, [len(turns)])
        found = gaussian_coefficients(centers - tf.cast(shift, centers.dtype), amplitudes, sigmas, target.frequencies)
        return tf.reduce_sum(tf.cast(weights, found.dtype) * (found - tf.cast(wanted, found.dtype)) ** 2)

    return misfit


def refine(start: Gaussians, target: FourierTarget, *, resolution: float, sigma_range: tuple[float, float],
           rotations: NDArray[np.float64] | None = None, offset: NDArray[np.float64] | None = None,
           iterations: int = 100, tolerance: float = 1e-5) -> tuple[Gaussians, float]:
    """Refine Gaussians against a target.

    Args:
        start: weights as the plain sum over voxels. resolution: Angstrom. sigma_range: bounds of the widths, Angstrom.
        rotations, offset: see :func:`misfit_function`.
        iterations: at most. tolerance: relative fall of the misfit in an iteration below which it ends.
    Returns:
        The Gaussians and the share of whitened power left unexplained.
    """
    variables = _Variables(start.centers, _LONGEST_STEP_SCALE * resolution, sigma_range)
    misfit = misfit_function(target, rotations, offset)

    def value_and_gradient(flat: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            tape.watch(flat)
            value = misfit(*variables.split(flat, tf.exp))
        return value, tape.gradient(value, flat)

    compiled = tf.function(value_and_gradient)

    def evaluate(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        value, gradient = compiled(tf.constant(flat, tf.float32))
        return float(value), np.asarray(gradient, np.float64)

    found = minimize(evaluate, variables.pack(start), jac=True, method="L-BFGS-B",
                     options={"maxiter": iterations, "maxcor": 20, "ftol": tolerance, "gtol": 1e-9})
    _LOG.debug("fit: %d iterations, unexplained share of whitened power %.5f (%s)", found.nit, found.fun, found.message)
    return Gaussians(*(np.asarray(v, np.float64) for v in variables.split(found.x, np.exp))), float(found.fun)
