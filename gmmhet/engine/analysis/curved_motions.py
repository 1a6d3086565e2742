"""Coordinates along curves, where held-out particles prefer them to straight modes.

A movement that is not small beside the resolution is no straight line: about the average map it takes several modes
whose coordinates depend on each other. From the coordinates of straight modes, each half-set starts curves of its own
(analysis.curve_starts), fits them by the same likelihood, and is judged by the particles of the other half-set.
"""

import logging
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.analysis.curve_starts import EVERY_MODE, ONE_COORDINATE, CurveKind, started
from gmmhet.engine.analysis.settings import CURVED
from gmmhet.engine.config import AnalyzeConfig
from gmmhet.engine.runtime.checkpoint import Journal, Page
from gmmhet.engine.subspace.curved_modes import CurvedModel
from gmmhet.engine.subspace.em import Fit, FitOptions, fit_subspace
from gmmhet.engine.subspace.mode_selection import (
    FoundModes,
    HeldOutGains,
    ModeEvidence,
    evidence_of,
    held_out_gains,
    place_others,
    significant,
)
from gmmhet.engine.subspace.settings import MODE_SELECTION
from gmmhet.engine.subspace.state import Posteriors, SubspaceModel
from gmmhet.engine.wording.curves import curves_tried

__all__ = ["Curved", "Trial", "curved", "trial_of"]

_LOG = logging.getLogger("gmmhet")
Array = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Curved:
    """What takes the place of straight modes.

    Attributes:
        found: along curves. before: straight modes that were significant. gain, error: of the held-out log-likelihood
        per particle over theirs, and its standard error. better: whether the gain is beyond chance.
    """

    found: FoundModes
    before: int
    gain: float
    error: float
    better: bool


@dataclass(frozen=True)
class Trial:
    """Curves of one kind that were fitted to both half-sets.

    Attributes:
        evidence: what they say of each other's particles. rise: [n] of every particle's held-out log-likelihood over
            that of the straight modes.
    """

    kind: CurveKind
    evidence: ModeEvidence
    rise: Array

    @property
    def gain(self) -> float:
        """Mean of rise."""
        return float(self.rise.mean())

    @property
    def error(self) -> float:
        """Its standard error."""
        return float(self.rise.std() / np.sqrt(len(self.rise)))


def curved(found: FoundModes, config: AnalyzeConfig, halves: Rows, journal: Journal) -> Curved | None:
    """Curves in the place of straight modes.

    Curves are taken if they are significantly better or, where they have fewer coordinates, not worse by more than two
    standard errors.

    Args:
        found: straight modes. halves: [n] 1 or 2.
    Returns:
        None where that was not asked for, no mode is significant, or straight modes do.
    """
    modes = found.evidence.significant
    forced = config.decoder == "nonlinear"
    if config.decoder == "linear" or not modes:
        return None
    best: Trial | None = None
    for kind in (_likeliest(found, halves, journal), EVERY_MODE):
        if kind is None or not kind.applies(modes) or (best is not None and _better(best, modes)):
            continue
        trial = trial_of(kind, found, halves, journal)
        _LOG.info("%s", curves_tried(kind.name, trial.gain, trial.error))
        if best is None or trial.gain > best.gain:
            best = trial
    if best is None or not (forced or _better(best, modes)):
        return None
    evidence = best.evidence
    chosen = FoundModes(found.estimator, evidence, len(evidence.gain), found.still, found.reference,
                        lambda: _of_all(found, evidence.models[0], journal))
    return Curved(chosen, modes, best.gain, best.error, bool(significant(best.gain, best.error, 0.0)))


def _better(trial: Trial, modes: int) -> bool:
    """Whether curves are to be preferred to so many straight modes: all their coordinates have to be significant."""
    if trial.evidence.significant < len(trial.evidence.gain):
        return False
    fewer = len(trial.evidence.gain) < modes and trial.gain > -CURVED.not_worse * trial.error
    return bool(fewer or significant(trial.gain, trial.error, 0.0))


def _likeliest(found: FoundModes, halves: Rows, journal: Journal) -> CurveKind | None:
    """Of curves with one coordinate, the kind that explains half-set 1 best after a few passes; None: none applies."""
    kinds = [kind for kind in ONE_COORDINATE if kind.applies(found.evidence.significant)]
    if not kinds:
        return None
    rows = np.flatnonzero(halves == 1)

    def likelihood(kind: CurveKind) -> float:
        fit = _fit(kind, found, rows, 0, journal, passes=CURVED.first_passes)
        return max(entry["log_likelihood"] for entry in fit.history)

    return max(kinds, key=likelihood)


def trial_of(kind: CurveKind, found: FoundModes, halves: Rows, journal: Journal) -> Trial:
    """One kind of curves, fitted to both half-sets."""
    rows = np.flatnonzero(halves == 1), np.flatnonzero(halves == 2)
    estimator = found.estimator
    first, second = _fit(kind, found, rows[0], 0, journal), _fit(kind, found, rows[1], 1, journal)
    others = tuple(place_others(estimator, fit.model, found.still.at(some),
                                page=journal.page(f"half-set {2 - i} by {i + 1}, {kind.name}"))
                   for i, (fit, some) in enumerate(zip((first, second), rows[::-1], strict=True)))
    gains: HeldOutGains = journal.page(f"gains, {kind.name}").once(
        lambda: held_out_gains(estimator, (first, second), (others[0], others[1])))
    evidence = evidence_of(estimator, (first, second), (others[0], others[1]), gains, found.evidence.null)
    return Trial(kind, evidence, evidence.held_out - found.evidence.held_out)


def _fit(kind: CurveKind, found: FoundModes, rows: Rows, half: int, journal: Journal,
         passes: int = CURVED.passes_of_half) -> Fit:
    """Curves of the particles of one half-set, from its own straight modes."""
    straight = _straight(found, rows, half, journal)
    start = started(kind, _leading(found.evidence.models[half], found.evidence.significant),
                    straight.z[:, :found.evidence.significant])
    seated = straight.with_modes_of(start)
    if kind.words:
        seated = _seated(found, start, seated)
    else:
        seated.z[:] = straight.z[:, :found.evidence.significant]
    name = f"half-set {half + 1}, {kind.name}"
    options = FitOptions(found.reference, passes, CURVED.tolerance, name, warm=seated)
    fit = fit_subspace(found.estimator, start, seated, start.n_modes, options,
                       journal.page(f"{name}, {passes} passes"))
    return replace(fit, posteriors=fit.posteriors.without_covariance())


def _straight(found: FoundModes, rows: Rows, half: int, journal: Journal) -> Posteriors:
    """Particles of a half-set along its own straight modes."""
    page: Page = journal.page(f"half-set {half + 1}, straight")
    return place_others(found.estimator, found.evidence.models[half], found.still.at(rows), page=page)


def _leading(model: SubspaceModel, modes: int) -> SubspaceModel:
    return model.with_coefficients(model.coefficients[:modes])


def _seated(found: FoundModes, start: SubspaceModel, particles: Posteriors) -> Posteriors:
    """Every particle at the likeliest of the places that a model starts from."""
    tried = start.starts
    assert tried is not None
    return replace(particles, z=tried[found.estimator.best_coordinates(start, particles, tried)])


def _of_all(found: FoundModes, start: SubspaceModel, journal: Journal) -> Fit:
    """Curves of all particles, from those of a half-set."""
    estimator, page = found.estimator, journal.page("all particles, curves")
    warm = _seated(found, start, found.still.with_modes_of(start))
    options = FitOptions(found.reference, CURVED.passes_of_all, CURVED.tolerance, "all particles, curves", warm=warm)
    fit = fit_subspace(estimator, start, warm, start.n_modes, options, page)
    if not fit.tried_elsewhere:  # passes keep a particle where it is: some are left in a place that is not their best
        elsewhere = place_others(estimator, fit.model, found.still)
        fit = replace(fit, posteriors=fit.posteriors.better_of(elsewhere, MODE_SELECTION.elsewhere),
                      tried_elsewhere=True)
        page.write(fit)
    assert isinstance(fit.model, CurvedModel)
    return replace(fit, posteriors=replace(fit.posteriors, z=fit.model.curves.wrapped(fit.posteriors.z)))
