"""The M step: modes, consensus, noise and contrast from the sums of one pass, and the choice of latent axes."""

from dataclasses import replace

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from gmmhet.engine.fourier import HalfPlane
from gmmhet.engine.subspace import Ensemble, SubspaceEstimator, SubspaceModel

__all__ = ["normalise", "update_contrast", "update_modes", "update_noise"]

Array = NDArray[np.float64]
_SMALLEST_VARIANCE = 1e-8


def update_modes(estimator: SubspaceEstimator, model: SubspaceModel, ensemble: Ensemble, gradient: Array, *,
                 damping: float = 0.0) -> tuple[SubspaceModel, float]:
    """Gauss-Newton step on the modes and on the smooth part of the consensus, together.

    With t = (z, 1) and u the coefficients of the modes and of the change of the consensus, solves
    (n (1 + damping) <t t^T> (x) B^T J^T J B + 1) du = gradient - u; 1 is the unit prior of the coefficients.

    Returns:
        the new model, and the length of the remaining gradient in the metric of its own curvature, per coefficient.
    """
    basis, n, k = estimator.basis, len(ensemble.rows), model.n_modes
    relative = gradient.copy()
    relative[..., 3] *= model.weights
    right = basis.adjoint(relative)  # [K + 1, R]
    right[:k] -= model.coefficients
    hessian = n * (1 + damping) * estimator.curvature(model, ensemble) + np.eye((k + 1) * basis.size)
    step = scipy.linalg.solve(hessian, right.ravel(), assume_a="pos").reshape(k + 1, basis.size)
    remaining = float(np.sqrt(np.sum(right * step) / right.size))
    centers, weights = _moved(model, basis.fields(step[-1]))
    return replace(model, coefficients=model.coefficients + step[:-1], centers=centers, weights=weights), remaining


def _moved(model: SubspaceModel, change: Array) -> tuple[Array, Array]:
    return model.centers + change[:, :3], model.weights * np.maximum(1 + change[:, 3], 0.05)


def normalise(estimator: SubspaceEstimator, model: SubspaceModel, ensemble: Ensemble) -> tuple[SubspaceModel, Ensemble]:
    """Zero mean and unit variance of the coordinates, then axes that diagonalise the mean information."""
    n = len(ensemble.rows)
    mean = ensemble.z.mean(0)
    fields = estimator.basis.fields(np.tensordot(mean, model.coefficients, 1))
    centers, weights = _moved(model, fields)
    second = np.cov(ensemble.z.T, bias=True).reshape(model.n_modes, -1) + ensemble.covariance.sum(0) / n
    root = np.real(scipy.linalg.sqrtm(second))
    root = (root + root.T) / 2
    _, rotation = np.linalg.eigh(root @ ensemble.information @ root)
    forward = root @ rotation[:, ::-1]  # modes: W' = W forward; coordinates: z' = forward^-1 z
    inverse = np.linalg.inv(forward)
    coefficients = forward.T @ model.coefficients
    signs = np.where(coefficients.sum(1) < 0, -1.0, 1.0)
    inverse = signs[:, None] * inverse
    z = (ensemble.z - mean) @ inverse.T
    covariance = np.einsum("ka,nab,lb->nkl", inverse, ensemble.covariance, inverse)
    forward = forward * signs
    information = forward.T @ ensemble.information @ forward
    turned = replace(model, coefficients=signs[:, None] * coefficients, centers=centers, weights=weights)
    return turned, Ensemble(ensemble.rows, z, ensemble.contrast, covariance, information, ensemble.log_likelihood,
                            ensemble.contrast_variance)


def update_noise(model: SubspaceModel, power: Array, count: int, grid: HalfPlane) -> SubspaceModel:
    """Noise variance per shell from the expected squared whitened residual of ``count`` particles."""
    weight = np.bincount(grid.clipped_shell.ravel(), weights=4 * grid.weight.ravel(), minlength=grid.n_shells)
    factor = np.where(weight > 0, power / np.maximum(weight * count, 1e-12), 1.0)
    return replace(model, noise=model.noise * np.maximum(factor, 1e-6))


def update_contrast(model: SubspaceModel, ensemble: Ensemble) -> SubspaceModel:
    """Mean and spread of the contrast over the particles, its uncertainty included."""
    mean = float(ensemble.contrast.mean())
    spread = float(np.sqrt(np.var(ensemble.contrast) + ensemble.contrast_variance))
    return replace(model, contrast_mean=mean, contrast_deviation=max(spread, 0.02 * abs(mean)))
