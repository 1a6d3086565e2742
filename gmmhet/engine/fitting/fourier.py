"""The Fourier coefficients a fit has to meet, and those of Gaussians, as real numbers.

A real map's transform over a grid of frequencies is a set of products of cosines and sines along the axes:
T(p, q, r) = sum_x f(x) p(kz z) q(ky y) r(kx x) with p, q, r each cos or sin and k >= 0. The four complex coefficients
F(+-kz, +-ky, kx) are an orthogonal mixture of those eight, so a least-squares fit to T with weights that depend on |k|
alone equals one to F. For Gaussians each axis gives one real factor, and the whole transform is one real matrix product
over Gaussians.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from gmmhet.engine.fitting.settings import FIT
from gmmhet.engine.fitting.spectrum import Spectrum

__all__ = ["FourierTarget", "axis_factors", "fourier_target", "gaussian_coefficients"]


@dataclass(frozen=True)
class FourierTarget:
    """Coefficients of a piece of a map to a resolution, and their weights.

    Attributes:
        coefficients: [2 (hz + 1) * 2 (hy + 1), 2 (hx + 1)] float32; along each axis first the cosines, then the sines,
            of frequencies 0 .. h; plain sums over voxels.
        weights: same shape; the weighted sum of squared coefficients is 1.
        counts: same shape; how many coefficients of the full transform each stands for, 0 beyond the resolution.
        frequencies: (kz [hz + 1], ky, kx), 1/Angstrom.
    """

    coefficients: NDArray[np.float32]
    weights: NDArray[np.float32]
    counts: NDArray[np.float32]
    frequencies: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]

    def slab(self, heights: slice) -> "FourierTarget":
        """The coefficients, cosines and sines, of some of the frequencies along z."""
        kz, ky, kx = self.frequencies
        coefficients, weights, counts = (
            array.reshape(2, len(kz), -1, array.shape[1])[:, heights].reshape(-1, array.shape[1])
            for array in (self.coefficients, self.weights, self.counts))
        return FourierTarget(coefficients, weights, counts, (kz[heights], ky, kx))


def axis_factors(frequency: NDArray[np.float64], position: NDArray[np.float64]) -> NDArray[np.float64]:
    """[2 (h + 1), n] cosines, then sines, of 2 pi k x."""
    phase = 2 * np.pi * np.outer(frequency, position)
    return np.concatenate([np.cos(phase), np.sin(phase)])


def fourier_target(data: NDArray[Any], pixel_size: float, resolution: float, spectrum: Spectrum | None = None,
                   ) -> FourierTarget:
    """Coefficients of a piece of a map, its middle voxel n // 2 at the origin, whitened.

    A coefficient at radius k gets the weight 1 / (mean power of its shell x k^2): every shell counts the same, though
    the outer ones hold more coefficients, which keeps the scale true. Shells weaker than 1e-7 of the strongest count as
    if they had that power, so empty ones do not dominate.

    Args:
        data: [nz, ny, nx]. pixel_size, resolution: Angstrom. spectrum: that the data were divided by, if they were;
            coefficients are those of the map itself.
    """
    lengths = [n * pixel_size for n in data.shape]
    frequencies = [np.arange(min(int(length / resolution), (n - 1) // 2) + 1) / length
                   for n, length in zip(data.shape, lengths, strict=True)]
    coefficients = np.asarray(data, np.float32)
    for axis, (n, frequency) in enumerate(zip(data.shape, frequencies, strict=True)):
        factors = axis_factors(frequency, (np.arange(n) - n // 2) * pixel_size).astype(np.float32)
        coefficients = np.moveaxis(np.tensordot(factors, coefficients, axes=(1, axis)), 0, axis)
    pairs = [np.tile(np.where(k == 0, 1.0, 2.0), 2) for k in frequencies]
    squares = [np.tile(k**2, 2) for k in frequencies]
    radius = np.sqrt(squares[0][:, None, None] + squares[1][:, None] + squares[2])
    if spectrum is not None:
        coefficients = (coefficients * spectrum.at(radius)).astype(np.float32)
    counts = pairs[0][:, None, None] * pairs[1][:, None] * pairs[2] * (radius <= 1 / resolution + 1e-9)
    weights = _whitening(coefficients, counts, radius, max(lengths))
    weights /= np.sum(weights * coefficients.astype(np.float64) ** 2)
    flat = (-1, coefficients.shape[2])
    return FourierTarget(coefficients.reshape(flat), weights.reshape(flat).astype(np.float32),
                         counts.reshape(flat).astype(np.float32), (frequencies[0], frequencies[1], frequencies[2]))


def _whitening(coefficients: NDArray[np.float32], counts: NDArray[np.float64], radius: NDArray[np.float64],
               length: float) -> NDArray[np.float64]:
    shell = np.rint(radius * length).astype(np.int64)
    power = np.bincount(shell.ravel(), (counts * coefficients.astype(np.float64) ** 2).ravel())
    number = np.bincount(shell.ravel(), counts.ravel())
    mean = power / np.maximum(number, 1)
    mean = np.maximum(mean, FIT.power_floor * mean.max())
    return np.asarray(counts / (mean[shell] * np.maximum(radius, 1 / length) ** 2))


def gaussian_coefficients(centers: Any, weights: Any, sigmas: Any, frequencies: tuple[Any, Any, Any]) -> Any:
    """Coefficients of Gaussians, laid out as FourierTarget.coefficients.

    Args:
        centers: [N, 3] xyz, Angstrom. weights: [N], the plain sum over voxels. sigmas: [N], Angstrom.
        frequencies: (kz, ky, kx), 1/Angstrom.
    """
    factors = []
    for axis, frequency in zip((2, 1, 0), frequencies, strict=True):
        k = tf.cast(frequency, centers.dtype)
        phase = 2 * np.pi * k[:, None] * centers[:, axis]
        envelope = tf.exp(-2 * (np.pi * k[:, None] * sigmas) ** 2)
        factors.append(tf.concat([envelope * tf.cos(phase), envelope * tf.sin(phase)], 0))  # [2 (h + 1), N]
    z, y, x = factors
    planes = tf.reshape(z[:, None, :] * y[None, :, :], (-1, tf.shape(x)[1]))
    return tf.matmul(planes, x * weights, transpose_b=True)
