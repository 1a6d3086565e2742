"""Fitting the subspace of motions by passes of expectation-maximisation, and what held-out particles say of it."""

import logging
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.maximise import normalise, update_contrast, update_modes, update_noise, update_spread
from gmmhet.engine.start import first_modes
from gmmhet.engine.subspace import Ensemble, SubspaceEstimator, SubspaceModel, Sums

__all__ = ["Fit", "calibrate", "fit_subspace", "infer", "log_likelihood_total"]

_LOG = logging.getLogger("gmmhet")
Array = NDArray[np.float64]
_NOISE_OF_PASS = 0.02  # of log-likelihood per particle: a pass that loses less has not lost


@dataclass
class Fit:
    """A fitted subspace.

    Attributes:
        model: modes, consensus, noise, contrast, poses. ensemble: the particles it was fitted to, with coordinates.
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
    groups = estimator.cache.table.optics_index[ensemble.rows]
    normalisation = (weight * np.log(model.noise)).sum(1)[groups]
    return float(np.mean(ensemble.log_likelihood - 0.5 * normalisation))


@dataclass
class _Climb:
    """Passes that never go down: a pass that lost likelihood is undone, and its step tried again shorter.

    Attributes:
        best: log-likelihood, model, particles and sums of the best pass. damping: of the next step. promised: what the
        last step was to gain.
    """

    best: tuple[float, SubspaceModel, Ensemble, Sums] | None = None
    damping: float = 0.1
    promised: float = 0.0

    def after(self, total: float, model: SubspaceModel, ensemble: Ensemble, sums: Sums) -> float:
        """Take note of a pass; returns what it gained over the best.

        Damping falls after a step that kept its promise, and rises after one that did not (Nielsen 1999).
        """
        if self.best is None:
            self.best = total, model, ensemble, sums
            return np.inf
        gain = total - self.best[0]
        kept = gain / max(self.promised, _NOISE_OF_PASS)
        if gain > -_NOISE_OF_PASS:
            if self.promised > _NOISE_OF_PASS:
                self.damping = float(np.clip(self.damping * max(1 / 3, 1 - (2 * kept - 1) ** 3), 0.05, 4.0))
            self.best = total, model, ensemble, sums
        else:
            self.damping = max(4 * self.damping, 0.5)
        return gain

    def step(self, estimator: SubspaceEstimator, *, modes: bool) -> tuple[SubspaceModel, Ensemble, float]:
        """The next model, the particles to start from, and the length of the gradient."""
        assert self.best is not None
        _, model, ensemble, sums = self.best
        grid = estimator.observer.grid
        new, remaining, self.promised = update_modes(estimator, model, ensemble, sums, damping=self.damping,
                                                     modes=modes)
        new = update_contrast(update_noise(new, sums, grid), ensemble)
        return update_spread(new, ensemble, damping=self.damping), ensemble, remaining


def calibrate(estimator: SubspaceEstimator, model: SubspaceModel, rows: NDArray[np.int64], *, passes: int = 3,
              ) -> tuple[SubspaceModel, Ensemble]:
    """Contrast, noise, errors of the poses and the smooth part of the consensus, without motion."""
    current = estimator.without_modes(model)
    ensemble, sums = estimator.pass_over(current, Ensemble.blank(rows, current), gradient=False, label="calibrating")
    current = update_contrast(update_noise(current, sums, estimator.observer.grid), ensemble)
    climb = _Climb()
    for number in range(1, passes + 1):
        ensemble, sums = estimator.pass_over(current, ensemble, gradient=True, label="calibrating", number=number)
        total = log_likelihood_total(estimator, current, ensemble)
        gain = climb.after(total, current, ensemble, sums)
        _LOG.debug("calibrating: pass %d, log-likelihood per particle %.4f, %s, mean width %.2f A", number, total,
                   spread_words(current), np.sqrt(current.variances).mean())
        if abs(gain) < _NOISE_OF_PASS or number == passes:
            break
        current, ensemble, _ = climb.step(estimator, modes=False)
    assert climb.best is not None
    return climb.best[1], climb.best[2]


def spread_words(model: SubspaceModel) -> str:
    """The errors of the poses in words."""
    if model.spread is None:
        return "poses taken as exact"
    tilt, turn = np.rad2deg([model.spread.tilt, model.spread.turn])
    return f"poses good to {tilt:.2f} (tilt) and {turn:.2f} (in plane) degrees and {model.spread.shift:.2f} A"


def infer(estimator: SubspaceEstimator, model: SubspaceModel, rows: NDArray[np.int64], *, steps: int = 10,
          start: Ensemble | None = None) -> Ensemble:
    """Coordinates of particles under a fixed model: steps until the mean log-likelihood stays, at most so many."""
    ensemble = Ensemble.blank(rows, model) if start is None else start
    before = -np.inf
    for _ in range(steps):
        ensemble, _ = estimator.pass_over(model, ensemble, gradient=False, label="coordinates")
        if ensemble.log_likelihood.mean() < before + _NOISE_OF_PASS / 4:
            break
        before = float(ensemble.log_likelihood.mean())
    return ensemble


def fit_subspace(estimator: SubspaceEstimator, model: SubspaceModel, still: Ensemble, n_modes: int, *,
                 reference: float, passes: int = 20, tolerance: float = 0.01, label: str = "modes",
                 warm: bool = False) -> Fit:
    """Passes of expectation-maximisation from the debiased gradient covariance.

    Stops when the log-likelihood twice changes by less than ``tolerance`` of what it has gained over ``reference``; the
    best pass is kept.

    Args:
        model: calibrated. still: the particles to fit, with their best poses and contrasts without motion.
        reference: log-likelihood per particle without motion. warm: start from the modes in the model instead.
    """
    current, eigenvalues = model, np.zeros(0)
    if not warm:
        current, eigenvalues = first_modes(estimator, model, still, n_modes)
    ensemble = still.with_modes(current.n_latent)
    ensemble = infer(estimator, current, still.rows, steps=1, start=ensemble)
    history: list[dict[str, float]] = []
    climb, settled = _Climb(), 0
    for number in range(passes):
        ensemble, sums = estimator.pass_over(current, ensemble, gradient=True, label=label, number=number)
        total = log_likelihood_total(estimator, current, ensemble)
        gain = climb.after(total, *normalise(estimator, current, ensemble, sums))
        settled = settled + 1 if abs(gain) < max(tolerance * (total - reference), _NOISE_OF_PASS) else 0
        assert climb.best is not None
        history.append({"log_likelihood": climb.best[0], "gradient": 0.0})  # of what is kept, if this pass was undone
        if settled >= 2 or number == passes - 1:
            break
        current, ensemble, history[-1]["gradient"] = climb.step(estimator, modes=True)
        _LOG.debug("%s: pass %d, log-likelihood per particle %.4f, gradient %.3g, damping %.2g, information %s, %s",
                   label, number + 1, total, history[-1]["gradient"], climb.damping,
                   np.round(np.diag(ensemble.information), 2), spread_words(current))
    assert climb.best is not None
    _, best, particles, _ = climb.best
    return Fit(best, infer(estimator, best, particles.rows, steps=1, start=particles), eigenvalues, history)
