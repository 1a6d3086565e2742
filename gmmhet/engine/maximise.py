"""The M step: modes, consensus, noise, contrast and poses from the sums of one pass, and the choice of latent axes."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from gmmhet.engine.ensemble import Ensemble, PoseSpread, SubspaceModel, Sums
from gmmhet.engine.fourier import HalfPlane
from gmmhet.engine.subspace import SubspaceEstimator

__all__ = ["bounded_step", "moved", "normalise", "update_contrast", "update_modes", "update_noise", "update_spread"]

Array = NDArray[np.float64]
_SMALLEST_SIGMA = 0.08  # of the resolution: narrower Gaussians look the same
_FIRST_ADDED = 1e-3  # of the median curvature
_LARGEST_RELATIVE, _MOST_GAUSSIANS = 0.5, 0.95  # of a bounded step
_SMALLEST_SPREAD = PoseSpread(0.02, np.deg2rad(0.02), np.deg2rad(0.02))


def update_modes(estimator: SubspaceEstimator, model: SubspaceModel, ensemble: Ensemble, sums: Sums, *,
                 damping: float = 0.0, modes: bool = True) -> tuple[SubspaceModel, float, float]:
    """Gauss-Newton step on the modes and on the smooth part of the consensus, together.

    With t = (z, 1) and u the coefficients of the modes and of the change of the consensus, solves
    (n (1 + damping) <t t^T> (x) B^T J^T Q J B + 1) du = gradient - u; 1 is the unit prior of the coefficients, Q see
    gmmhet.engine.curvature. Where the estimator has a largest step, l is added to the 1 (Levenberg) until the step is
    no longer.

    Args:
        modes: False: the consensus alone.
    Returns:
        the new model; the length of the remaining gradient in the metric of its own curvature, per coefficient; and
        what the step promises to gain in log-likelihood per particle.
    """
    n, k = len(ensemble.rows), model.n_modes
    own = estimator.basis.adjoint(sums.gradient[:k]) - model.coefficients
    right = np.concatenate([own.ravel(), estimator.consensus_basis.adjoint(sums.gradient[k])])
    hessian = n * (1 + damping) * estimator.curvature(model, ensemble) + np.eye(len(right))
    step = np.zeros_like(right)
    free = slice(0 if modes else own.size, None)

    def fields(found: Array) -> Array:
        every = np.zeros_like(right)
        every[free] = found
        of_modes = estimator.basis.fields(every[:own.size].reshape(own.shape))
        return np.concatenate([of_modes, estimator.consensus_basis.fields(every[own.size:])[np.newaxis]])

    step[free] = bounded_step(hessian[free, free], right[free], fields, estimator.largest_step)
    of_modes, change = step[:own.size].reshape(own.shape), estimator.consensus_basis.fields(step[own.size:])
    remaining = float(np.sqrt(np.sum(right * step) / len(right[free])))
    promised = float((np.sum(right * step) - 0.5 * step @ hessian @ step) / n)
    changed = moved(model, change, estimator.observer.grid)
    return replace(changed, coefficients=model.coefficients + of_modes), remaining, promised


def bounded_step(hessian: Array, right: Array, fields: Callable[[Array], Array], largest: float | None) -> Array:
    """(hessian + l)^-1 right, with the least l of a row from 0 under which most Gaussians move no further than a number
    of Angstrom, and change their weights and widths little.

    Args:
        fields: of a step, to [F, N, 5]: one unit along each of the modes, the change of the consensus.
        largest: Angstrom; None: however far.
    """
    added = 0.0
    while True:
        step = scipy.linalg.solve(hessian + added * np.eye(len(right)), right, assume_a="pos")
        if largest is None or _within(largest, np.abs(fields(step))):
            return np.asarray(step)
        added = max(4 * added, _FIRST_ADDED * float(np.median(np.diag(hessian))))


def _within(largest: float, sizes: Array) -> bool:
    sizes = sizes[:, (sizes > 0).any(axis=(0, 2))]  # Gaussians that may move at all
    limits = ((np.sqrt((sizes[..., :3] ** 2).sum(-1)), largest), (sizes[..., 3], _LARGEST_RELATIVE),
              (sizes[..., 4], _LARGEST_RELATIVE))
    return all(np.quantile(of, _MOST_GAUSSIANS, axis=-1).max() <= most for of, most in limits)


def moved(model: SubspaceModel, change: Array, grid: HalfPlane) -> SubspaceModel:
    """The consensus changed by fields [N, 5]."""
    variances = model.variances * np.exp(np.clip(change[:, 4], -0.5, 0.5))
    weights = model.weights * np.maximum(1 + change[:, 3], 0.05)
    smallest = np.minimum(model.variances, (_SMALLEST_SIGMA * grid.resolution) ** 2)
    return replace(model, centers=model.centers + change[:, :3], weights=weights,
                   variances=np.maximum(variances, smallest))


def normalise(estimator: SubspaceEstimator, model: SubspaceModel, ensemble: Ensemble, sums: Sums,
              ) -> tuple[SubspaceModel, Ensemble, Sums]:
    """Zero mean and unit variance of the coordinates, then axes that diagonalise the mean information.

    Where z holds the coordinates of several copies of a unit, both are over the particles and the copies.
    """
    k, z = model.n_modes, model.coordinates(ensemble.z)
    mean = z.mean(0)
    centred = moved(model, estimator.basis.fields(mean @ model.coefficients), estimator.observer.grid)
    second = np.cov(z.T, bias=True).reshape(k, k) + model.of_modes(ensemble.mean_covariance)
    root: Array = np.real(scipy.linalg.sqrtm(second))
    root = (root + root.T) / 2
    _, rotation = np.linalg.eigh(root @ model.of_modes(ensemble.information) @ root)
    forward = root @ rotation[:, ::-1]  # modes: W' = W forward; coordinates: z' = forward^-1 z
    inverse: Array = np.linalg.inv(forward)
    coefficients = forward.T @ model.coefficients
    signs = np.where(coefficients.sum(1) < 0, -1.0, 1.0)
    inverse = signs[:, None] * inverse
    forward = forward * signs
    own = len(ensemble.information)
    every, back = model.over_latents(inverse), model.over_latents(forward)[:own, :own]
    turned = replace(ensemble, z=(ensemble.z - model.every(mean)) @ every.T,
                     covariance=model.kept_turned(ensemble.covariance, inverse),
                     mean_covariance=every @ ensemble.mean_covariance @ every.T,
                     information=back.T @ ensemble.information @ back)
    consensus = sums.gradient[-1:]
    gradient = np.tensordot(inverse, sums.gradient[:-1] - mean[:, None, None] * consensus, 1)
    gradient = np.concatenate([gradient, consensus])
    final = estimator.with_prior_of(replace(centred, coefficients=signs[:, None] * coefficients), turned)
    return final, turned, replace(sums, gradient=gradient)


def update_noise(model: SubspaceModel, sums: Sums, grid: HalfPlane) -> SubspaceModel:
    """Noise variance per optics group and shell from the expected squared whitened residuals."""
    weight = np.bincount(grid.clipped_shell.ravel(), weights=4 * grid.weight.ravel(), minlength=grid.n_shells)
    expected = sums.count[:, None] * weight
    factor = np.where(expected > 0, sums.power / np.maximum(expected, 1e-12), 1.0)
    return replace(model, noise=model.noise * np.maximum(factor, 1e-6))


def update_contrast(model: SubspaceModel, ensemble: Ensemble) -> SubspaceModel:
    """Mean and spread of the contrast over the particles, its uncertainty included."""
    mean = float(ensemble.contrast.mean())
    spread = float(np.sqrt(np.var(ensemble.contrast) + ensemble.contrast_variance))
    return replace(model, contrast_mean=mean, contrast_deviation=max(spread, 0.02 * abs(mean)))


def update_spread(model: SubspaceModel, ensemble: Ensemble, *, damping: float = 0.0) -> SubspaceModel:
    """Spread of the errors of the poses: the fixed point of s^2 = <t^2> / <1 - M / s^2> (MacKay 1992), which has the
    maximum of the marginal likelihood of expectation-maximisation but reaches it in few steps.

    Args:
        damping: shortens the step (of the logarithm) by 1 + damping.
    """
    if model.spread is None:
        return model
    prior = 1 / model.spread.precision
    determined = np.maximum((1 - ensemble.pose_variance / prior).sum(0), 1e-3 * len(ensemble.rows))
    squares = (ensemble.pose**2).sum(0, dtype=np.float64)
    old, floor = (np.array([s.shift, s.tilt, s.turn]) for s in (model.spread, _SMALLEST_SPREAD))
    parts = ([0, 1], [2, 3], [4])
    new = np.array([np.sqrt(squares[p].sum() / determined[p].sum()) for p in parts])
    new = old * np.clip(new / old, 0.5, 2.0) ** (1 / (1 + damping))
    return replace(model, spread=PoseSpread(*(float(v) for v in np.maximum(new, floor))))
