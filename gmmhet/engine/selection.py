"""How many modes there are, and whether they are real: what each half-set's model says of the other half."""

import logging
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.agreement import coordinate_correlation, principal_angles
from gmmhet.engine.likelihood import Fit, fit_subspace, infer
from gmmhet.engine.rigid import rigid_part
from gmmhet.engine.subspace import Ensemble, SubspaceEstimator, SubspaceModel

__all__ = ["ModeEvidence", "held_out_gains", "select_modes"]

_LOG = logging.getLogger("gmmhet")
Array = NDArray[np.float64]
Halves = tuple[NDArray[np.int64], NDArray[np.int64]]
_SIGMAS = 4.0
_SMALLEST_GAIN = 0.02
_LEAST_AGREEMENT = 0.5  # of the coordinates under the two half-sets' models
_LARGEST = 8
_NULL_PARTICLES = 750
_MOSTLY = 0.5
_ANGSTROM_PER_WEIGHT = 13.0  # the ratio of the modes' priors


@dataclass
class ModeEvidence:
    """Attributes:
        gain: [K] rise of the held-out log-likelihood per particle by each mode. error: [K] its standard error.
        null: 0.95 quantile of the gains where residuals got random signs. correlation: [K] of the coordinates of the
        same particles under the two half-sets' models; angles: [K] degrees between the two spaces of displacements.
        significant: number of leading modes that are real. fits: the fits of the two half-sets.
    """

    gain: Array
    error: Array
    null: float
    correlation: Array
    angles: Array
    significant: int
    fits: tuple[Fit, Fit]


def held_out_gains(estimator: SubspaceEstimator, fits: tuple[Fit, Fit], rows: Halves) -> tuple[Array, Array]:
    """Gain [K] and standard error [K] of each mode, from particles that its model has not seen.

    Mode k's gain is the mean over particles of the marginal log-likelihood with the first k modes minus that with
    k - 1. Where a mode is mostly a rigid movement of the whole, its rigid part counts for the latter as well: errors of
    the poses that are not alike in all directions of the molecule make such modes.
    """
    n_modes = fits[0].model.n_modes
    gains: list[list[Array]] = [[] for _ in range(n_modes)]
    for fit, others in zip(fits, rows[::-1], strict=True):
        found = infer(estimator, fit.model, others)
        above = found.log_likelihood
        for number in reversed(range(n_modes)):
            coefficients = fit.model.coefficients.copy()
            coefficients[number:] = 0.0
            below = _smaller(estimator, fit.model, found, coefficients, number)
            rigid = _rigid_coefficients(estimator, fit.model, number)
            if rigid is not None:
                coefficients[number] = rigid
                pose_like = _smaller(estimator, fit.model, found, coefficients, number + 1)
                gains[number].append(above - (pose_like if pose_like.mean() > below.mean() else below))
            else:
                gains[number].append(above - below)
            above = below
    all_gains = np.array([np.concatenate(parts) for parts in gains])
    return all_gains.mean(1), all_gains.std(1) / np.sqrt(all_gains.shape[1])


def _smaller(estimator: SubspaceEstimator, model: SubspaceModel, found: Ensemble, coefficients: Array, modes: int,
             ) -> Array:
    """Log-likelihood [n] under other coefficients, of which the first ``modes`` are not zero."""
    start = replace(found, z=found.z * np.resize(np.arange(model.n_modes) < modes, model.n_latent))
    return infer(estimator, replace(model, coefficients=coefficients), found.rows, steps=2, start=start).log_likelihood


def _rigid_coefficients(estimator: SubspaceEstimator, model: SubspaceModel, number: int) -> Array | None:
    """Coefficients of the rigid part of a mode, if that is most of it."""
    if estimator.rigid is None:
        return None
    weights = np.abs(model.weights)
    part, share = rigid_part(estimator.basis.fields(model.coefficients[number])[:, :3], estimator.rigid, weights)
    return estimator.basis.coefficients_of(part, weights) if share > _MOSTLY else None


def select_modes(estimator: SubspaceEstimator, model: SubspaceModel, still: Ensemble, halves: NDArray[np.int64],
                 fixed: int | None, *, reference: float, seed: int) -> ModeEvidence:
    """Fit both half-sets, growing the number of modes while the last one is real.

    Args:
        model, still: calibrated model and all particles. halves: [n] 1 or 2. fixed: a number of modes to keep to.
        reference: log-likelihood per particle without motion. seed: of the null's random signs.
    """
    rows = (np.flatnonzero(halves == 1), np.flatnonzero(halves == 2))
    null = _null_gain(estimator.with_flips(seed, model, still), model, still, rows, reference)
    n_modes, fits = fixed or 2, None
    while True:
        first, second = (fit_subspace(estimator, model, still.at(r), n_modes, reference=reference, passes=12,
                                      label=f"half-set {i}, {n_modes} modes", grown=fits and fits[i - 1])
                         for i, r in enumerate(rows, 1))
        fits = first, second
        gain, error = held_out_gains(estimator, fits, rows)
        real = gain > np.maximum(max(null, 0.0) + _SIGMAS * error, _SMALLEST_GAIN)
        agreement = _agreement(estimator, fits, rows)
        significant = int(np.argmin(np.append(real & (agreement >= _LEAST_AGREEMENT), False)))
        _LOG.info("held-out gain per particle of modes 1..%d: %s (null %.3f)", n_modes,
                  ", ".join(f"{g:.3f} +- {e:.3f}" for g, e in zip(gain, error, strict=True)), null)
        if fixed or significant < n_modes or n_modes >= _LARGEST:
            break
        n_modes += 2
    fields = [estimator.basis.fields(f.model.coefficients)[..., :4] for f in (first, second)]
    scale = np.array([1.0, 1.0, 1.0, _ANGSTROM_PER_WEIGHT])  # one unit for displacements and relative weights
    angles = principal_angles(fields[0] * scale, fields[1] * scale, np.abs(model.weights))
    return ModeEvidence(gain, error, null, agreement, angles, significant, (first, second))


def _null_gain(estimator: SubspaceEstimator, model: SubspaceModel, still: Ensemble, rows: Halves, reference: float,
               ) -> float:
    """0.95 quantile of the gains of two modes fitted to residuals of random signs, from a sample of each half."""
    few = (rows[0][:_NULL_PARTICLES], rows[1][:_NULL_PARTICLES])
    first, second = (fit_subspace(estimator, model, still.at(r), 2, reference=reference, passes=3, label="null")
                     for r in few)
    return float(np.quantile(held_out_gains(estimator, (first, second), few)[0], 0.95))


def _agreement(estimator: SubspaceEstimator, fits: tuple[Fit, Fit], rows: Halves) -> Array:
    """Correlation of coordinates of the same particles under both models; [K], signs matched."""
    first, second = fits
    other = infer(estimator, first.model, rows[1])
    own = infer(estimator, second.model, rows[0])
    z_first = np.concatenate([first.ensemble.z, other.z])
    z_second = np.concatenate([own.z, second.ensemble.z])
    k = first.model.n_modes  # coordinates of copies of a unit count as those of particles
    return coordinate_correlation(z_first.reshape(-1, k), z_second.reshape(-1, k))[1]
