"""Fitting the subspace of motions by passes of expectation-maximisation, and what held-out particles say of it."""

import logging
import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.runtime.checkpoint import NO_JOURNAL, Page
from gmmhet.engine.subspace.climb import BestPass, Climb, KnownCurvature
from gmmhet.engine.subspace.first_modes import first_modes
from gmmhet.engine.subspace.likelihoods import log_likelihood_total
from gmmhet.engine.subspace.m_step import normalise, update_contrast, update_noise
from gmmhet.engine.subspace.passes import SubspaceEstimator
from gmmhet.engine.subspace.pose_evidence import with_pose_evidence
from gmmhet.engine.subspace.pose_spread import PoseEvidence, PoseSpread
from gmmhet.engine.subspace.settings import PASSES
from gmmhet.engine.subspace.state import Posteriors, SubspaceModel, Sums
from gmmhet.engine.wording.pose_errors import pose_errors_in_brief

__all__ = ["PIECES", "AtRest", "Fit", "FitOptions", "calibrate", "fit_subspace", "infer"]

_LOG = logging.getLogger("gmmhet")
Array = NDArray[np.float64]
_NOWHERE = NO_JOURNAL.page("")


@dataclass(frozen=True)
class AtRest:
    """What is known before there are modes.

    Attributes:
        model: calibrated, without motion. posteriors: the particles under it, without covariances.
        log_likelihood: per particle.
    """

    model: SubspaceModel
    posteriors: Posteriors
    log_likelihood: float


@dataclass(frozen=True)
class FitOptions:
    """How a fit of the subspace begins and ends.

    Attributes:
        reference: log-likelihood per particle without motion. passes: at most. tolerance: share of what has been gained
            that counts as little. label: of the progress that is shown.
        warm: start from the modes in the model, with the particles at these coordinates; None: from first_modes.
        watched: particles that are not fitted, as they are without motion, whose likelihood tells when to stop.
        placed: whether warm holds their best places in that model, so that they are not inferred before the first pass.
        settled: passes in succession that gain little, after which no more are made.
    """

    reference: float
    passes: int = PASSES.most
    tolerance: float = PASSES.tolerance
    label: str = "modes"
    warm: Posteriors | None = None
    watched: Posteriors | None = None
    placed: bool = False
    settled: int = PASSES.settled


@dataclass
class Fit:
    """A fitted subspace.

    Attributes:
        model: modes, consensus, noise, contrast, poses. posteriors: the particles it was fitted to, with coordinates.
        eigenvalues: of the debiased gradient covariance it was started from.
        history: one entry a pass: log_likelihood per particle, gradient (remaining, 1 = noise).
        tried_elsewhere: whether the particles were tried from several places when the passes had ended.
    """

    model: SubspaceModel
    posteriors: Posteriors
    eigenvalues: Array
    history: list[dict[str, float]] = field(default_factory=list)
    tried_elsewhere: bool = False


@dataclass(frozen=True)
class _Kept:
    """Model and particles of a pass."""

    model: SubspaceModel
    posteriors: Posteriors


@dataclass
class _Passes:
    """Where a fit stands after a pass; all that it needs to go on.

    Attributes:
        left: passes that may still be made. made: their number so far. settled: of the last ones, how many changed
        little. at_rest, held_out, highest: log-likelihood of particles that are only watched, without modes, now and in
        the best pass for them; top: that pass, where it is not the climb's best. others: these particles, now.
        eigenvalues, history: of Fit.
    """

    left: int
    climb: Climb = field(default_factory=Climb)
    made: int = 0
    settled: int = 0
    at_rest: float | None = None
    held_out: float = 0.0
    highest: float = -math.inf
    others: Posteriors | None = None
    top: _Kept | None = None
    eigenvalues: Array = field(default_factory=lambda: np.zeros(0))
    history: list[dict[str, float]] = field(default_factory=list)

    def settle(self, change: float, little: float) -> None:
        """Count a pass that changed the log-likelihood by little or nothing."""
        self.settled = self.settled + 1 if change < max(little, PASSES.noise) else 0

    def judge(self, estimator: SubspaceEstimator, options: FitOptions, done: BestPass) -> None:
        """Take note of a pass: what it gained, and whether there is to be another."""
        last, gain = self.climb.best, self.climb.after(done)
        if options.watched is None:
            self.settle(abs(gain), options.tolerance * (done.log_likelihood - options.reference))
        elif self.climb.reached is done:  # of a pass that was undone nothing is learnt
            rise, risen = self.watch(estimator, options.watched, last)
            begun = self.made or options.warm is None
            self.settle(rise if begun else 0.0, options.tolerance * risen)  # as good as it was begun
        # of what is kept, if this was undone
        self.history.append({"log_likelihood": self.climb.reached.log_likelihood, "gradient": 0.0})
        self.made += 1
        self.left = 0 if self.settled >= options.settled else self.left - 1

    def watch(self, estimator: SubspaceEstimator, watched: Posteriors, last: BestPass | None) -> tuple[float, float]:
        """Rise of the log-likelihood of particles that the best pass' model was not fitted to: since the last pass (the
        first has none before it), and in all.

        Args:
            last: the best pass before this one.
        """
        now, before = self.climb.reached, self.held_out
        if self.at_rest is None:
            resting = now.model.without_modes(estimator.spec.basis)
            start = watched.with_modes_of(resting)
            before, self.at_rest = -math.inf, _held_out(estimator, resting, start, PASSES.inference)[1]
        if self.others is None or last is None:
            start, steps = watched.with_modes_of(now.model), PASSES.inference
        else:
            start, steps = _moved_alike(self.others, last.posteriors.z, now.posteriors.z), PASSES.watching
        self.others, self.held_out = _held_out(estimator, now.model, start, steps)
        if self.held_out > self.highest:
            self.highest, self.top = self.held_out, None
        elif self.top is None and last is not None:
            self.top = _Kept(last.model, last.posteriors.without_covariance())
        _LOG.debug("held-out log-likelihood per particle %.4f", self.held_out)
        return self.held_out - before, self.held_out - self.at_rest


@dataclass
class _Inference:
    """Where an inference stands: particles, their mean log-likelihood so far, steps that may still be made, and which
    particles still move (None: all)."""

    posteriors: Posteriors
    mean: float
    left: int
    moving: NDArray[np.int64] | None = None

    def after(self, found: Posteriors) -> None:
        """Take note of a step of the particles that move."""
        every = np.arange(len(self.posteriors.rows)) if self.moving is None else self.moving
        before = np.full(len(every), -np.inf) if self.mean == -np.inf else self.posteriors.log_likelihood[every]
        self.posteriors = found if self.moving is None else self.posteriors.with_some(self.moving, found)
        still_moving = every[np.abs(found.log_likelihood - before) >= PASSES.little]
        self.moving = None if len(still_moving) == len(self.posteriors.rows) else still_moving
        mean = float(self.posteriors.log_likelihood.mean())
        self.left = 0 if mean < self.mean + PASSES.little or not len(still_moving) else self.left - 1
        self.mean = mean


#: what the pages of a fit hold (gmmhet.engine.runtime.checkpoint)
PIECES: tuple[type, ...] = (AtRest, PoseEvidence, PoseSpread, SubspaceModel, Posteriors, Sums, Fit, BestPass,
                             KnownCurvature, Climb, _Kept, _Passes, _Inference)


def calibrate(estimator: SubspaceEstimator, model: SubspaceModel, rows: NDArray[np.int64], *, passes: int = 3,
              page: Page = _NOWHERE) -> AtRest:
    """Contrast, noise, errors of the poses and the smooth part of the consensus, without motion.

    Args:
        page: what every pass leaves, to go on from.
    """
    state: _Passes = page.read() or _Passes(passes)
    climb = state.climb
    while state.left:
        if climb.best is None:
            current, posteriors = _calibrated_once(estimator, model, rows)
        else:
            posteriors = climb.best.posteriors
            current, _ = climb.step(estimator, modes=False)
        state.made += 1
        posteriors, sums = estimator.pass_over(current, posteriors, gradient=True, label="calibrating",
                                               number=state.made)
        total = log_likelihood_total(estimator, current, posteriors)
        gain = climb.after(BestPass(total, current, posteriors, sums))
        _LOG.debug("calibrating: pass %d, log-likelihood per particle %.4f, %s, mean width %.2f Å", state.made, total,
                   spread_words(current), np.sqrt(current.variances).mean())
        state.left = 0 if abs(gain) < PASSES.noise else state.left - 1
        page.write(state)
    best = climb.reached
    total = log_likelihood_total(estimator, best.model, best.posteriors)
    return AtRest(best.model, best.posteriors.without_covariance(), total)


def _calibrated_once(estimator: SubspaceEstimator, model: SubspaceModel, rows: NDArray[np.int64],
                     ) -> tuple[SubspaceModel, Posteriors]:
    """Contrast and noise after the first look."""
    current = model.without_modes(estimator.spec.basis)
    posteriors, sums = estimator.pass_over(current, Posteriors.blank(rows, current), gradient=False,
                                           label="calibrating")
    current = update_contrast(update_noise(current, sums, estimator.spec.observer.grid), posteriors)
    return with_pose_evidence(estimator, current, posteriors), posteriors


def spread_words(model: SubspaceModel) -> str:
    """The errors of the poses in words."""
    if model.spread is None:
        return "poses taken as exact"
    tilt, turn = np.rad2deg([model.spread.tilt, model.spread.turn])
    return pose_errors_in_brief(tilt, turn, model.spread.shift)


def infer(estimator: SubspaceEstimator, model: SubspaceModel, rows: NDArray[np.int64], *, steps: int = PASSES.inference,
          start: Posteriors | None = None, page: Page = _NOWHERE, label: str = "coordinates") -> Posteriors:
    """Coordinates of particles under a fixed model: steps until the mean log-likelihood stays, at most so many.

    A particle whose own log-likelihood stayed is left where it is. What the result says of all particles together
    (information, mean_covariance, contrast_variance) is left out where the last step was of some of them alone.

    Args:
        label: of the progress that is shown; empty: none.
        page: what every step leaves, to go on from.
    """
    state: _Inference = page.read() or _Inference(Posteriors.blank(rows, model) if start is None else start, -np.inf,
                                                  steps)
    while state.left:
        moving = state.posteriors if state.moving is None else state.posteriors.at(state.moving)
        state.after(estimator.pass_over(model, moving, gradient=False, label=label)[0])
        page.write(state)
    return state.posteriors


def fit_subspace(estimator: SubspaceEstimator, model: SubspaceModel, still: Posteriors, n_modes: int,
                 options: FitOptions, page: Page = _NOWHERE) -> Fit:
    """Passes of expectation-maximisation from the debiased gradient covariance.

    Stops when the log-likelihood twice changes by less than ``tolerance`` of what it has gained over ``reference`` or,
    where particles are watched, when theirs twice rises by less than that share of what it has gained over rest. The
    best pass is kept: the last that did not lose or, where particles are watched, that of their largest likelihood.

    Args:
        model: calibrated. still: the particles to fit, with their best poses and contrasts without motion.
        page: what every pass leaves, to go on from, and in the end the fit.
    """
    state: Fit | _Passes = page.read() or _Passes(options.passes)
    if isinstance(state, Fit):
        return state
    climb = state.climb
    while state.left:
        if climb.best is None:
            current, posteriors, state.eigenvalues = _begun(estimator, model, still, n_modes, options)
        else:
            posteriors = climb.best.posteriors
            current, state.history[-1]["gradient"] = climb.step(estimator, modes=True)
            _log_step(options.label, state, posteriors, current)
        posteriors, sums = estimator.pass_over(current, posteriors, gradient=True, label=options.label,
                                               number=state.made)
        total = log_likelihood_total(estimator, current, posteriors)
        state.judge(estimator, options, BestPass(total, *normalise(estimator.spec, current, posteriors, sums)))
        page.write(state)
    best = state.top or climb.reached
    posteriors = infer(estimator, best.model, best.posteriors.rows, steps=1, start=best.posteriors)
    fit = Fit(best.model, posteriors, state.eigenvalues, state.history)
    page.write(fit)
    return fit


def _held_out(estimator: SubspaceEstimator, model: SubspaceModel, start: Posteriors, steps: int,
              ) -> tuple[Posteriors, float]:
    """Particles that the model was not fitted to, and their mean log-likelihood."""
    found = infer(estimator, model, start.rows, steps=steps, start=start, label="")
    return found.without_covariance(), log_likelihood_total(estimator, model, found)


def _moved_alike(others: Posteriors, before: Array, after: Array) -> Posteriors:
    """Particles with coordinates changed as those of the fitted particles did in a pass, by least squares: the axes of
    a model turn from pass to pass.

    Args:
        before, after: [n, D] coordinates of the fitted particles.
    """
    change, *_ = np.linalg.lstsq(np.pad(before, [(0, 0), (0, 1)], constant_values=1.0), after, rcond=None)
    moved = np.pad(others.z, [(0, 0), (0, 1)], constant_values=1.0) @ change
    return Posteriors(others.rows, moved, others.pose, others.contrast)


def _begun(estimator: SubspaceEstimator, model: SubspaceModel, still: Posteriors, n_modes: int, options: FitOptions,
           ) -> tuple[SubspaceModel, Posteriors, Array]:
    """First modes, the particles' place on them, and the eigenvalues of Fit."""
    current, eigenvalues, warm = model, np.zeros(0), options.warm
    if warm is not None and options.placed:
        return current, warm, eigenvalues
    if warm is None:
        current, eigenvalues = first_modes(estimator, model, still, n_modes)
        warm = still.with_modes_of(current)
    return current, infer(estimator, current, still.rows, steps=1, start=warm), eigenvalues


def _log_step(label: str, state: _Passes, posteriors: Posteriors, model: SubspaceModel) -> None:
    last = state.history[-1]
    _LOG.debug("%s: pass %d, log-likelihood per particle %.4f, gradient %.3g, damping %.2g, information %s, %s", label,
               state.made, last["log_likelihood"], last["gradient"], state.climb.damping,
               np.round(np.diag(posteriors.information), 2), spread_words(model))
