"""The M step: modes and their relevance, consensus, noise, contrast and poses from the sums of a pass; latent axes."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from gmmhet.engine.imaging.half_plane import HalfPlane
from gmmhet.engine.subspace.estimator_spec import EstimatorSpec
from gmmhet.engine.subspace.pose_spread import POSE_AXES, PoseSpread
from gmmhet.engine.subspace.settings import M_STEP
from gmmhet.engine.subspace.smooth_fields import FieldBasis
from gmmhet.engine.subspace.state import Posteriors, SubspaceModel, Sums

__all__ = ["ModeStep", "bounded_step", "moved", "normalise", "update_contrast", "update_modes", "update_noise",
           "update_spread", "updated_relevance"]

Array = NDArray[np.float64]
_SMALLEST_SPREAD = PoseSpread(M_STEP.smallest_shift, *np.deg2rad([M_STEP.smallest_angle] * 2))


class ModeStep(NamedTuple):
    """A step on modes and consensus.

    Attributes:
        model: the new one. gradient: length of the remaining gradient in the metric of its own curvature, per
        coefficient. promised: what the step promises to gain in log-likelihood and log prior per particle; of_prior:
        what of that is of the prior.
    """

    model: SubspaceModel
    gradient: float
    promised: float
    of_prior: float


def update_modes(spec: EstimatorSpec, model: SubspaceModel, count: int, sums: Sums, curvature: Array, *,
                 damping: float = 0.0, modes: bool = True) -> ModeStep:
    """Gauss-Newton step on the modes and on the smooth part of the consensus, together.

    With t = (z, 1) and u the coefficients of the modes and of the change of the consensus, solves
    (n (1 + damping) <t t^T> (x) B^T J^T Q J B + P) du = gradient - P u; P is the precision of the prior (relevance; 1
    for the consensus, about where it is), Q see subspace.curvature; no Gaussian goes far (see bounded_step). The
    relevance of the modes follows (see updated_relevance). Where the decoder is not linear in z, t are the amounts of
    its fields.

    Args:
        count: n, of particles. curvature: <t t^T> (x) B^T J^T Q J B, see SubspaceEstimator.curvature; or its blocks on
            the diagonal alone, of every field and (last) the consensus, where amounts are not correlated.
        modes: False: the consensus alone.
    """
    kinds = spec.basis.changes_weights.astype(np.int64)
    variances = model.relevances[:, kinds]
    own = spec.basis.adjoint(sums.gradient[:model.n_fields]) - model.coefficients / variances
    right = np.concatenate([own.ravel(), spec.consensus_basis.adjoint(sums.gradient[model.n_fields])])
    precision = np.append(1 / variances, np.ones(spec.consensus_basis.size))
    step, posterior, costs = np.zeros_like(right), np.zeros_like(right), 0.0
    shorter = 1 + damping
    largest, relative = M_STEP.largest_step * spec.observer.grid.resolution, M_STEP.largest_relative
    for within, part, blocks in _parts(spec, model.n_fields, curvature, modes=modes):
        known, prior_of = count * part, np.diag(precision[within])
        hessian = (1 + damping) * known + prior_of
        step[within] = bounded_step(hessian, right[within], blocks, largest / shorter, relative / shorter)
        costs += float(step[within] @ hessian @ step[within])
        if modes:
            inverse, _ = scipy.linalg.lapack.dtrtri(np.linalg.cholesky(known + prior_of), lower=True)
            posterior[within] = (inverse**2).sum(0)
    of_modes, change = step[:own.size].reshape(own.shape), spec.consensus_basis.fields(step[own.size:])
    remaining = float(np.sqrt(np.sum(right * step) / (right.size if modes else right.size - own.size)))
    promised = float((np.sum(right * step) - 0.5 * costs) / count)
    changed = moved(model, change, spec.observer.grid)
    coefficients, relevance = model.coefficients + of_modes, model.relevance
    if modes:
        relevance = updated_relevance(model.relevances, coefficients, posterior[:own.size].reshape(own.shape), kinds)
    prior = float(np.sum((model.coefficients**2 - coefficients**2) / variances)) / (2 * count)
    return ModeStep(replace(changed, coefficients=coefficients, relevance=relevance), remaining, promised, prior)


def _parts(spec: EstimatorSpec, n_fields: int, curvature: Array, *, modes: bool,
           ) -> Iterator[tuple[slice, Array, list[tuple[slice, FieldBasis]]]]:
    """What a step is solved for at once: which unknowns, their curvature, and the bases that they are of.

    Args:
        curvature: of update_modes. modes: False: the consensus alone.
    """
    every = _blocks(spec, n_fields)
    if curvature.ndim == 2:
        chosen = every if modes else every[-1:]
        start = chosen[0][0].start
        within = slice(start, len(curvature))
        yield within, curvature[within, within], _blocks(spec, n_fields * modes)
        return
    for (within, basis), part in list(zip(every, curvature, strict=True))[0 if modes else -1:]:
        yield within, part[:basis.size, :basis.size], [(slice(0, basis.size), basis)]


def _blocks(spec: EstimatorSpec, n_fields: int) -> list[tuple[slice, FieldBasis]]:
    """Which unknowns are coefficients of which basis: those of fields, then of the change of the consensus."""
    bases = [spec.basis] * n_fields + [spec.consensus_basis]
    ends = np.cumsum([0, *(basis.size for basis in bases)])
    return [(slice(a, b), basis) for a, b, basis in zip(ends[:-1], ends[1:], bases, strict=True)]


def updated_relevance(relevance: Array, coefficients: Array, variances: Array, kinds: NDArray[np.int64]) -> Array:
    """[K, 2] prior variances a of the coefficients u, one step to where their evidence is largest: a = sum u^2 / gamma,
    gamma = sum (1 - variance / a) the number of coefficients that the data determine (MacKay 1992).

    What the data do not ask for (changes of weights in a pure motion) is thus held near zero.

    Args:
        relevance: [K, 2] a so far. coefficients, variances: [K, R] posterior mode and variances under it.
        kinds: [R] which of the two each coefficient has.
    """
    new = relevance.copy()
    for kind in np.unique(kinds):
        at, old = kinds == kind, relevance[:, kind]
        determined = (1 - variances[:, at] / old[:, np.newaxis]).sum(1)
        fitted = (coefficients[:, at] ** 2).sum(1) / np.maximum(determined, M_STEP.least_determined * at.sum())
        change = np.clip(fitted / old, 1 / M_STEP.relevance_change, M_STEP.relevance_change)
        new[:, kind] = np.clip(old * change, M_STEP.least_relevance, M_STEP.most_relevance)
    return new


def bounded_step(hessian: Array, right: Array, blocks: Sequence[tuple[slice, FieldBasis]], largest: float,
                 relative: float) -> Array:
    """hessian^-1 right, with stiffness added to Gaussians that would move further than they may: a step of a quadratic
    model is to be believed near by only, and the least certain Gaussians, which go furthest, decide nothing.

    A component that goes r times as far as it may stays there, were it alone, under a stiffness of r - 1 over its
    compliance b^T hessian^-1 b. Neighbours move together: what goes too far shares that stiffness with those of them
    that do so too, and gets more where that is not enough.

    Args:
        blocks: which unknowns are coefficients of which basis: a mode's (one unit along it) or the consensus' change.
        largest: Angstrom that a Gaussian may move. relative: how much its relative weight and the logarithm of its
            squared width may change.
    """
    limits, stiff = np.array([largest] * 3 + [relative] * 2), hessian.copy()
    for last in (*[False] * M_STEP.stiffened, True):
        factor = scipy.linalg.cho_factor(stiff)
        step = scipy.linalg.cho_solve(factor, right)
        ratios = [_ratios(basis.fields(step[within]) / limits) for within, basis in blocks]
        if last or all(ratio.max(initial=0.0) <= M_STEP.over for ratio in ratios):
            break
        inverse = scipy.linalg.cho_solve(factor, np.eye(len(right)))
        for (within, basis), ratio in zip(blocks, ratios, strict=True):
            stiff[within, within] += _stiffness(basis, ratio, limits, inverse[within, within])
    return np.asarray(step)


def _ratios(shares: Array) -> Array:
    """[N, 5] how far each component goes, of what it may: x, y and z together."""
    ratio = np.abs(shares)
    ratio[:, :3] = np.sqrt((shares[:, :3] ** 2).sum(1))[:, None] * (ratio[:, :3] > 0)
    return ratio


def _stiffness(basis: FieldBasis, ratio: Array, limits: Array, compliance: Array) -> Array:
    """[R, R] of what goes too far; compliance: [R, R] of the coefficients."""
    total = np.zeros_like(compliance)
    for component, mixing in enumerate(np.split(basis.mixing, 5)):
        far = np.flatnonzero(ratio[:, component] > M_STEP.over)
        if len(far):
            fields = basis.scalar[far]
            rows = fields @ mixing / limits[component]
            alike = fields / np.sqrt((fields**2).sum(1))[:, None]
            shared = np.abs(alike @ alike.T).sum(1)
            strength = (ratio[far, component] - 1) / (shared * np.einsum("cr,cr->c", rows @ compliance, rows))
            total += (rows * strength[:, None]).T @ rows
    return total


def moved(model: SubspaceModel, change: Array, grid: HalfPlane) -> SubspaceModel:
    """The consensus changed by fields [N, 5]."""
    variances = model.variances * np.exp(np.clip(change[:, 4], -M_STEP.width_change, M_STEP.width_change))
    weights = model.weights * np.maximum(1 + change[:, 3], M_STEP.least_weight)
    smallest = np.minimum(model.variances, (M_STEP.smallest_sigma * grid.resolution) ** 2)
    return replace(model, centers=model.centers + change[:, :3], weights=weights,
                   variances=np.maximum(variances, smallest))


def normalise(spec: EstimatorSpec, model: SubspaceModel, posteriors: Posteriors, sums: Sums,
              ) -> tuple[SubspaceModel, Posteriors, Sums]:
    """Zero mean and unit variance of the coordinates, then axes that diagonalise the mean information.

    Where z holds the coordinates of several copies of a unit, both are over the particles and the copies. Where the
    fields cannot take up a change of the coordinates, these stay as they are.
    """
    if not model.coordinates_are_free:
        return model.with_prior_of(posteriors), posteriors, sums
    mean = model.coordinates(posteriors.z).mean(0)
    forward, inverse, signs = _axes(model, posteriors)
    coefficients = forward.T @ model.coefficients  # W' = W forward
    own = len(posteriors.information)
    forward = forward * signs
    every, back = model.over_latents(inverse), model.over_latents(forward)[:own, :own]
    turned = replace(posteriors, z=(posteriors.z - model.every(mean)) @ every.T,
                     covariance=model.kept_turned(posteriors.covariance, inverse),
                     mean_covariance=every @ posteriors.mean_covariance @ every.T,
                     information=back.T @ posteriors.information @ back)
    consensus = sums.gradient[-1:]
    gradient = np.tensordot(inverse, sums.gradient[:-1] - mean[:, None, None] * consensus, 1)
    gradient = np.concatenate([gradient, consensus])
    relevance = None if model.relevance is None else (forward**2).T @ model.relevance
    centred = moved(model, spec.basis.fields(mean @ model.coefficients), spec.observer.grid)
    final = replace(centred, coefficients=signs[:, None] * coefficients, relevance=relevance).with_prior_of(turned)
    return final, turned, replace(sums, gradient=gradient)


def _axes(model: SubspaceModel, posteriors: Posteriors) -> tuple[Array, Array, Array]:
    """[K, K] of modes, without their signs, and its inverse, of coordinates, with them; [K] the signs."""
    k, z = model.n_modes, model.coordinates(posteriors.z)
    second = np.cov(z.T, bias=True).reshape(k, k) + model.of_modes(posteriors.mean_covariance)
    root: Array = np.real(scipy.linalg.sqrtm(second))
    root = (root + root.T) / 2
    _, rotation = np.linalg.eigh(root @ model.of_modes(posteriors.information) @ root)
    forward = root @ rotation[:, ::-1]
    inverse: Array = np.linalg.inv(forward)
    signs = np.where((forward.T @ model.coefficients).sum(1) < 0, -1.0, 1.0)
    return forward, signs[:, None] * inverse, signs


def update_noise(model: SubspaceModel, sums: Sums, grid: HalfPlane) -> SubspaceModel:
    """Noise variance per optics group and shell from the expected squared whitened residuals."""
    weight = np.bincount(grid.clipped_shell.ravel(), weights=4 * grid.weight.ravel(), minlength=grid.n_shells)
    expected = sums.count[:, None] * weight
    factor = np.where(expected > 0, sums.power / np.maximum(expected, 1e-12), 1.0)
    return replace(model, noise=model.noise * np.maximum(factor, M_STEP.least_noise))


def update_contrast(model: SubspaceModel, posteriors: Posteriors) -> SubspaceModel:
    """Mean and spread of the contrast over the particles, its uncertainty included."""
    mean = float(posteriors.contrast.mean())
    spread = float(np.sqrt(np.var(posteriors.contrast) + posteriors.contrast_variance))
    return replace(model, contrast_mean=mean, contrast_deviation=max(spread, M_STEP.least_contrast * abs(mean)))


def update_spread(model: SubspaceModel, posteriors: Posteriors, *, damping: float = 0.0) -> SubspaceModel:
    """Spread of the errors of the poses: the fixed point of s^2 = <t^2> / <1 - M / s^2> (MacKay 1992), which has the
    maximum of the marginal likelihood of expectation-maximisation but reaches it in few steps; no less than what the
    images say of poses that were fitted to them.

    Args:
        damping: shortens the step (of the logarithm) by 1 + damping.
    """
    if model.spread is None:
        return model
    prior = 1 / model.spread.precision
    determined = (1 - posteriors.pose_variance / prior).sum(0)
    determined = np.maximum(determined, M_STEP.pose_determined * len(posteriors.rows))
    squares = (posteriors.pose**2).sum(0, dtype=np.float64)
    old, floor = model.spread.values, _SMALLEST_SPREAD.values
    new = np.array([np.sqrt(squares[p].sum() / determined[p].sum()) for p in POSE_AXES])
    new = old * np.clip(new / old, 1 / M_STEP.pose_change, M_STEP.pose_change) ** (1 / (1 + damping))
    spread = PoseSpread.of(np.maximum(new, floor))
    return replace(model, spread=spread if model.pose_evidence is None else model.pose_evidence.at_least(spread))
