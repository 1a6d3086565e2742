"""Fitting the subspace of motions by passes of expectation-maximisation, and what held-out particles say of it."""

import logging
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.maximise import normalise, update_contrast, update_modes, update_noise
from gmmhet.engine.subspace import Ensemble, SubspaceEstimator, SubspaceModel

__all__ = ["Fit", "blank", "calibrate", "fit_subspace", "infer", "log_likelihood_total", "without_modes"]

_LOG = logging.getLogger("gmmhet")
Array = NDArray[np.float64]
_LEAST_GAIN = 0.5  # of log-likelihood per particle: less need not be resolved further


@dataclass
class Fit:
    """A fitted subspace.

    Attributes:
        model: modes, consensus, noise, contrast. ensemble: the particles it was fitted to, with their coordinates.
        eigenvalues: of the debiased gradient covariance it was started from.
        history: one entry a pass: log_likelihood per particle, gradient (remaining, 1 = noise).
    """

    model: SubspaceModel
    ensemble: Ensemble
    eigenvalues: Array
    history: list[dict[str, float]] = field(default_factory=list)


def log_likelihood_total(estimator: SubspaceEstimator, model: SubspaceModel, ensemble: Ensemble) -> float:
    """Marginal log-likelihood per particle with the noise's own normalisation, so that passes compare."""
    grid = estimator.observer.grid
    weight = np.bincount(grid.clipped_shell.ravel(), weights=4 * grid.weight.ravel(), minlength=grid.n_shells)
    return float(ensemble.log_likelihood.mean() - 0.5 * (weight * np.log(model.noise)).sum())


def blank(rows: NDArray[np.int64], n_modes: int, contrast: float) -> Ensemble:
    """Particles of which nothing is known: z = 0."""
    return Ensemble(rows, np.zeros((len(rows), n_modes)), np.full(len(rows), contrast))


def without_modes(estimator: SubspaceEstimator, model: SubspaceModel) -> SubspaceModel:
    """The same consensus, noise and contrast with one mode of size zero."""
    return replace(model, coefficients=np.zeros((1, estimator.basis.size)))


def calibrate(estimator: SubspaceEstimator, model: SubspaceModel, rows: NDArray[np.int64], *, passes: int = 3,
              refit: bool = True) -> tuple[SubspaceModel, Ensemble]:
    """Contrast, noise and the smooth part of the consensus, without motion.

    Args:
        refit: also move the consensus (needs the curvature, which is computed when it is missing).
    """
    current = without_modes(estimator, model)
    ensemble = blank(rows, 1, model.contrast_mean)
    for number in range(passes):
        ensemble, sums = estimator.pass_over(current, ensemble, gradient=refit and number > 0, label="calibrating")
        if refit and number > 0:
            current, _ = update_modes(estimator, current, ensemble, sums.gradient)
            current = replace(current, coefficients=np.zeros_like(current.coefficients))
        current = update_noise(current, sums.power, len(rows), estimator.observer.grid)
        current = update_contrast(current, ensemble)
    return current, ensemble


def infer(estimator: SubspaceEstimator, model: SubspaceModel, rows: NDArray[np.int64], *, steps: int = 3,
          start: Ensemble | None = None) -> Ensemble:
    """Coordinates of particles under a fixed model."""
    ensemble = blank(rows, model.n_modes, model.contrast_mean) if start is None else start
    for _ in range(steps):
        ensemble, _ = estimator.pass_over(model, ensemble, gradient=False, label="coordinates")
    return ensemble


def fit_subspace(estimator: SubspaceEstimator, model: SubspaceModel, rows: NDArray[np.int64], n_modes: int, *,
                 reference: float, passes: int = 20, tolerance: float = 0.01, label: str = "modes",
                 warm: bool = False) -> Fit:
    """Passes of expectation-maximisation from the debiased gradient covariance.

    Stops when the log-likelihood twice changes by less than ``tolerance`` of what it has gained over ``reference``; the
    best pass is kept.

    Args:
        model: calibrated. rows: the particles to fit. reference: log-likelihood per particle without motion.
        warm: start from the modes in the model instead.
    """
    current, eigenvalues = (model, np.zeros(0)) if warm else estimator.start(model, rows, n_modes)
    ensemble = blank(rows, n_modes, model.contrast_mean)
    fit = Fit(current, ensemble, eigenvalues)
    previous, damping, settled = -np.inf, 0.1, 0
    for number in range(passes):
        ensemble, sums = estimator.pass_over(current, ensemble, gradient=True, label=label)
        total = log_likelihood_total(estimator, current, ensemble)
        if not fit.history or total > max(h["log_likelihood"] for h in fit.history):
            fit.model, fit.ensemble = current, ensemble
        settled = settled + 1 if abs(total - previous) < tolerance * max(total - reference, _LEAST_GAIN) else 0
        damping = max(2 * damping, 0.5) if total < previous else max(damping / 2, 0.05)
        fit.history.append({"log_likelihood": total, "gradient": 0.0})
        if settled >= 2:
            break
        previous = total
        current, remaining = update_modes(estimator, current, ensemble, sums.gradient, damping=damping)
        fit.history[-1]["gradient"] = remaining
        current = update_noise(current, sums.power, len(rows), estimator.observer.grid)
        current = update_contrast(current, ensemble)
        current, ensemble = normalise(estimator, current, ensemble)
        _LOG.debug("%s: pass %d, log-likelihood per particle %.4f, gradient %.3g, information %s", label, number + 1,
                   total, remaining, np.round(np.diag(ensemble.information), 2))
    fit.ensemble = infer(estimator, fit.model, rows, steps=1, start=fit.ensemble)
    return fit
