"""How many modes there are, and whether they are real: what each half-set's model says of the other half."""

import logging
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.likelihood import Fit, fit_subspace, infer, without_modes
from gmmhet.engine.subspace import SubspaceEstimator, SubspaceModel

__all__ = ["ModeEvidence", "held_out_gains", "select_modes"]

_LOG = logging.getLogger("gmmhet")
Array = NDArray[np.float64]
_SIGMAS = 4.0
_SMALLEST_GAIN = 0.02
_LARGEST = 8


@dataclass
class ModeEvidence:
    """Attributes:
        gain: [K] rise of the held-out log-likelihood per particle by each mode. error: [K] its standard error.
        null: 0.95 quantile of the gains where residuals got random signs. correlation: [K] of the coordinates of the
        same particles under the two half-sets' models. significant: number of leading modes that are real.
        fits: the fits of the two half-sets.
    """

    gain: Array
    error: Array
    null: float
    correlation: Array
    significant: int
    fits: tuple[Fit, Fit]


def held_out_gains(estimator: SubspaceEstimator, fits: tuple[Fit, Fit], rows: tuple[NDArray[np.int64], NDArray[np.int64]],
                   ) -> tuple[Array, Array]:
    """Gain [K] and standard error [K] of each mode, from particles that its model has not seen.

    Mode k's gain is the mean over particles of the marginal log-likelihood with the first k modes minus that with k - 1.
    """
    n_modes = fits[0].model.n_modes
    values = np.empty((n_modes + 1, sum(len(r) for r in rows)))
    for number in range(n_modes + 1):
        parts = []
        for fit, others in zip(fits, rows[::-1], strict=True):
            kept = fit.model.coefficients.copy()
            kept[number:] = 0.0
            model = replace(fit.model, coefficients=kept)
            parts.append(infer(estimator, model, others, steps=1 if number == 0 else 3).log_likelihood)
        values[number] = np.concatenate(parts)
    gains = np.diff(values, axis=0)
    return gains.mean(1), gains.std(1) / np.sqrt(gains.shape[1])


def select_modes(estimator: SubspaceEstimator, null_estimator: SubspaceEstimator, model: SubspaceModel,
                 halves: NDArray[np.int64], fixed: int | None) -> ModeEvidence:
    """Fit both half-sets, growing the number of modes while the last one is real.

    Args:
        null_estimator: the same with random signs of the residuals. halves: [n] 1 or 2. fixed: a number to keep to.
    """
    rows = (np.flatnonzero(halves == 1), np.flatnonzero(halves == 2))
    null = _null_gain(null_estimator, model, rows)
    n_modes = fixed or 2
    while True:
        first, second = (fit_subspace(estimator, model, r, n_modes, passes=12, label=f"half-set {i}")
                         for i, r in enumerate(rows, 1))
        gain, error = held_out_gains(estimator, (first, second), rows)
        real = (gain > null + _SIGMAS * error) & (gain > _SMALLEST_GAIN)
        significant = int(np.argmin(np.append(real, False)))
        _LOG.info("held-out gain per particle of modes 1..%d: %s (null %.3f)", n_modes,
                  ", ".join(f"{g:.3f} +- {e:.3f}" for g, e in zip(gain, error, strict=True)), null)
        if fixed or significant < n_modes or n_modes >= _LARGEST:
            break
        n_modes += 2
    return ModeEvidence(gain, error, null, _agreement(estimator, (first, second), rows), significant, (first, second))


def _null_gain(estimator: SubspaceEstimator, model: SubspaceModel, rows: tuple[NDArray[np.int64], NDArray[np.int64]],
               ) -> float:
    first, second = (fit_subspace(estimator, without_modes(estimator, model), r, 2, passes=3, label="null")
                     for r in rows)
    gain, error = held_out_gains(estimator, (first, second), rows)
    return float(max(0.0, np.quantile(gain, 0.95)))


def _agreement(estimator: SubspaceEstimator, fits: tuple[Fit, Fit], rows: tuple[NDArray[np.int64], NDArray[np.int64]],
               ) -> Array:
    """Correlation of coordinates of the same particles under both models; [K], signs matched."""
    first, second = fits
    other = infer(estimator, first.model, rows[1])
    own = infer(estimator, second.model, rows[0])
    z_first = np.concatenate([first.ensemble.z, other.z])
    z_second = np.concatenate([own.z, second.ensemble.z])
    k = z_first.shape[1]
    table = np.corrcoef(z_first.T, z_second.T)[:k, k:]
    return np.abs(np.nan_to_num(np.diag(table)))
