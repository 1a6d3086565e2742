"""Modes in finer fields, as far as held-out particles prefer them."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.analysis.settings import FINER_FIELDS
from gmmhet.engine.runtime.checkpoint import Journal
from gmmhet.engine.subspace.em import Fit, FitOptions, fit_subspace, infer
from gmmhet.engine.subspace.likelihoods import log_likelihoods
from gmmhet.engine.subspace.mode_selection import (
    FoundModes,
    HeldOutGains,
    ModeEvidence,
    evidence_of,
    fit_all_particles,
    held_out_gains,
    significant,
    watched,
)
from gmmhet.engine.subspace.passes import SubspaceEstimator
from gmmhet.engine.subspace.state import Posteriors, SubspaceModel
from gmmhet.engine.wording.numbers import counted

__all__ = ["in_finer_fields"]

_LOG = logging.getLogger("gmmhet")
Array = NDArray[np.float64]
Rows = NDArray[np.int64]


def in_finer_fields(finer: Callable[[SubspaceEstimator], SubspaceEstimator | None], begun: FoundModes,
                    halves: NDArray[np.int64], journal: Journal, fixed: int | None, *, share: float = 1.0,
                    ) -> FoundModes:
    """A search's results, or those with fields of shorter correlation length that begin from them.

    Coarse to fine: each length goes on from the half-sets' modes in the one before, and is kept where the modes of each
    half-set gain at least a hundredth more on the other half's particles than they did before.

    Args:
        finer: the estimator with the next shorter length; None: there is none.
        begun: of the search. halves: [n] 1 or 2. journal: for the fits and what is found with them.
        fixed: a number of modes to keep to.
        share: of the particles that the modes will be finished on, which these are. What finer fields lose by their
            more unknowns falls with the number of particles: from a part of them it is foretold what they would gain if
            all were searched on. A gain d that costs c / n to learn from n particles shows as d + c / n in these and as
            d - c / n in others (Akaike 1973).
    """
    estimator, evidence, reference = begun.estimator, begun.evidence, begun.reference
    particles, k = begun.still, begun.n_modes
    rows = np.flatnonzero(halves == 1), np.flatnonzero(halves == 2)
    while evidence.significant and (fine := finer(estimator)) is not None:
        better = _HalfSets(estimator, fine, particles, k, evidence, rows, journal, reference,
                           share).evidence(fixed)
        _LOG.info("correlation length %.1f Å instead of %.1f Å: %s", fine.spec.length, estimator.spec.length,
                  "not better" if better is None else "kept")
        if better is None:
            break
        estimator, evidence, k = fine, better, fixed or better.significant
    if estimator is begun.estimator:
        return begun
    page = journal.page(f"all particles, {k} modes{_at(estimator)}")
    return FoundModes(estimator, evidence, k, particles, reference, lambda: fit_all_particles(
        estimator, evidence, particles, k, reference=reference, page=page))


def _at(estimator: SubspaceEstimator) -> str:
    """The end of a page's name."""
    return f", {estimator.spec.length:.2f} Å"


@dataclass(frozen=True)
class _HalfSets:
    """Fits of both half-sets in finer fields, and what they say of each other's particles.

    Attributes:
        estimator, particles, n_modes, before: so far. fine: with finer fields. rows: of both half-sets.
        journal, reference, share: of in_finer_fields.
    """

    estimator: SubspaceEstimator
    fine: SubspaceEstimator
    particles: Posteriors
    n_modes: int
    before: ModeEvidence
    rows: tuple[Rows, Rows]
    journal: Journal
    reference: float
    share: float = 1.0

    def evidence(self, fixed: int | None) -> ModeEvidence | None:
        """None where that is no better; the second half-set is not asked where the first already says so.

        Fine fields may need fewer modes than coarse ones: these alone must then be better.
        """
        fits: list[Fit] = []
        found: list[Posteriors] = []
        rises: list[Array] = []
        least = FINER_FIELDS.least_share * float(self.before.gain[:self.n_modes].sum())
        for i in (0, 1):
            old = self._old(i)
            fits.append(self._fit(i, old))
            before = log_likelihoods(self.estimator, old, self._others(self.estimator, old, i))
            found.append(self._others(self.fine, fits[i].model, i))
            rises.append(log_likelihoods(self.fine, fits[i].model, found[i]) - before)
            rises[i] += self._learnt_by_all(i, fits[i], old, float(rises[i].mean()))
            _LOG.info("held-out log-likelihood per particle of half-set %d: %+.3f (at least %.3f is needed)", 2 - i,
                      rises[i].mean(), least)
            if rises[i].mean() < least:
                return None
        both, others = (fits[0], fits[1]), (found[0], found[1])
        gains: HeldOutGains = self.journal.page(f"gains{_at(self.fine)}").once(
            lambda: held_out_gains(self.fine, both, others))
        shown, rise = evidence_of(self.fine, both, others, gains, self.before.null), np.concatenate(rises)
        gain, error = gains.gain, gains.error
        alone = rise.mean() - (0.0 if fixed else gain[shown.significant:].sum())
        if not shown.significant or alone < least or not significant(alone, rise.std() / np.sqrt(len(rise)), 0.0):
            return None
        kept, tried = len(gain), self.before
        return replace(shown, gain=np.append(gain, tried.gain[kept:]), error=np.append(error, tried.error[kept:]))

    def _learnt_by_all(self, i: int, fit: Fit, old: SubspaceModel, rise: float) -> float:
        """What the rise in other particles would be more, had all been searched on."""
        if self.share >= 1:
            return 0.0
        own = self.particles.at(self.rows[i])
        before = infer(self.estimator, old, own.rows, start=own.with_modes_of(old), label="")
        seen = log_likelihoods(self.fine, fit.model, fit.posteriors) - log_likelihoods(self.estimator, old, before)
        return max(0.0, (1 - self.share) * (float(seen.mean()) - rise) / 2)

    def _old(self, i: int) -> SubspaceModel:
        """Of a half-set so far, with the modes that are kept."""
        model = self.before.models[i]
        return model.with_coefficients(model.coefficients[:self.n_modes])

    def _others(self, estimator: SubspaceEstimator, model: SubspaceModel, i: int) -> Posteriors:
        page = self.journal.page(f"half-set {2 - i} by {i + 1}, {model.n_modes} modes{_at(estimator)}")
        start = self.particles.at(self.rows[1 - i]).with_modes_of(model)
        return infer(estimator, model, start.rows, start=start, page=page).without_covariance()

    def _fit(self, i: int, old: SubspaceModel) -> Fit:
        name = f"half-set {i + 1}, {counted(old.n_modes, 'mode')}{_at(self.fine)}"
        start, particles = self._carried(old), self.particles
        half, others = particles.at(self.rows[i]), particles.at(watched(self.rows[1 - i]))
        options = FitOptions(self.reference, FINER_FIELDS.passes, FINER_FIELDS.tolerance, name,
                             half.with_modes_of(start), others)
        fit = fit_subspace(self.fine, start, half, start.n_modes, options, self.journal.page(name))
        return replace(fit, posteriors=fit.posteriors.without_covariance())

    def _carried(self, model: SubspaceModel) -> SubspaceModel:
        """The same modes in the finer fields."""
        weights = np.abs(model.weights)
        fields = self.estimator.spec.basis.fields(model.coefficients)
        coefficients = np.stack([self.fine.spec.basis.coefficients_of(f, weights) for f in fields])
        return model.with_coefficients(coefficients)
