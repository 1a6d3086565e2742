"""How far Gaussians are from Fourier coefficients, and its derivatives, in shares of the coefficients."""

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from gmmhet.engine.fitting.fourier import FourierTarget, gaussian_coefficients
from gmmhet.engine.fitting.settings import FIT
from gmmhet.engine.runtime.pool import Pool, Replicated, pool

__all__ = ["Gaussians", "Misfit", "Variables"]


@dataclass(frozen=True)
class Gaussians:
    """centers [N, 3] xyz, Angstrom; weights [N] > 0, sum over voxels; sigmas [N], Angstrom."""

    centers: NDArray[np.float64]
    weights: NDArray[np.float64]
    sigmas: NDArray[np.float64]


@dataclass(frozen=True)
class Variables:
    """Free variables u: centers = start + unit u, weights = exp(u), sigmas between bounds by a logistic function."""

    start: NDArray[np.float64]
    unit: float
    sigma_range: tuple[float, float]

    def pack(self, given: Gaussians) -> NDArray[np.float64]:
        """[5 N] variables of Gaussians."""
        low, high = self.sigma_range
        share = np.clip((given.sigmas - low) / (high - low), 0.02, 0.98)
        return np.concatenate([((given.centers - self.start) / self.unit).ravel(), np.log(given.weights),
                               np.log(share / (1 - share))])

    def split(self, flat: NDArray[np.float64]) -> Gaussians:
        """Gaussians of [5 N] variables."""
        return Gaussians(*(np.asarray(part, np.float64) for part in self._parts(flat, np.exp, np.reshape)))

    def tensors(self, flat: Any) -> tuple[Any, Any, Any]:
        """The same as tensors: centers, weights, sigmas."""
        return self._parts(flat, tf.exp, tf.reshape)

    def _parts(self, flat: Any, exp: Any, reshape: Any) -> tuple[Any, Any, Any]:
        n = len(self.start)
        low, high = self.sigma_range
        centers = self.start.astype(np.float32) + self.unit * reshape(flat[:3 * n], (n, 3))
        return centers, exp(flat[3 * n:4 * n]), low + (high - low) / (1 + exp(-flat[4 * n:]))


class Misfit(Replicated):
    """The share of a target's whitened power that Gaussians leave unexplained.

    Args:
        rotations: [g, 3, 3] copies of every Gaussian, about the origin of the centers.
        offset: [3] xyz, Angstrom: the origin of the target in the frame of the centers.
    """

    def __init__(self, variables: Variables, target: FourierTarget, rotations: NDArray[np.float64],
                 offset: NDArray[np.float64]) -> None:
        self.variables, self.target, self.rotations, self.offset = variables, target, rotations, offset

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_compiled"}

    @property
    def shares(self) -> list[slice]:
        """Shares of the frequencies along z, which depend on the size of the problem alone."""
        heights = len(self.target.frequencies[0])
        products = self.target.coefficients.size * len(self.variables.start) * len(self.rotations)
        number = int(np.clip(products // FIT.share_products, 1, min(heights, FIT.most_shares)))
        bounds = np.linspace(0, heights, number + 1).round().astype(int)
        return [slice(int(a), int(b)) for a, b in itertools.pairwise(bounds)]

    def __call__(self, flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """The misfit of [5 N] variables, and its gradient [5 N]; on the workers where it takes long."""
        shares = self.shares
        who = pool() if len(shares) > 1 else Pool()
        value, gradient = who.total(self._of_share, (flat.astype(np.float32),), [(part,) for part in shares])
        return value, gradient

    def coefficients(self, given: Gaussians) -> NDArray[np.float64]:
        """The target's coefficients of Gaussians."""
        centers, weights, sigmas = (tf.constant(v, tf.float32) for v in (given.centers, given.weights, given.sigmas))
        return np.asarray(self._model(centers, weights, sigmas, self.target.frequencies), np.float64)

    def _of_share(self, flat: NDArray[np.float32], part: slice) -> tuple[float, NDArray[np.float64]]:
        some = self.target.slab(part)
        value, gradient = self._compiled(tf.constant(flat), some.frequencies[0], some.coefficients, some.weights)
        return float(value), np.asarray(gradient, np.float64)

    @cached_property
    def _compiled(self) -> Any:
        floats = tf.TensorSpec([None, None], tf.float32)
        return tf.function(self._value_and_gradient, autograph=False, input_signature=[
            tf.TensorSpec([None], tf.float32), tf.TensorSpec([None], tf.float64), floats, floats])

    def _value_and_gradient(self, flat: Any, heights: Any, coefficients: Any, weights: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            tape.watch(flat)
            found = self._model(*self.variables.tensors(flat), (heights, *self.target.frequencies[1:]))
            value = tf.reduce_sum(weights * (found - coefficients)**2)
        return value, tape.gradient(value, flat)

    def _model(self, centers: Any, weights: Any, sigmas: Any, frequencies: tuple[Any, Any, Any]) -> Any:
        """The coefficients of Gaussians at some frequencies."""
        copies = len(self.rotations)
        if copies > 1:
            centers = tf.reshape(tf.einsum("gij,nj->gni", tf.cast(self.rotations, centers.dtype), centers), (-1, 3))
            weights, sigmas = tf.tile(weights, [copies]), tf.tile(sigmas, [copies])
        return gaussian_coefficients(centers - tf.cast(self.offset, centers.dtype), weights, sigmas, frequencies)
