"""How many modes there are, and whether they are real: what each half-set's model says of the other half."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.config import MOST_TRIED
from gmmhet.engine.molecule.curves import CIRCUMFERENCE
from gmmhet.engine.molecule.rigid_fields import rigid_part
from gmmhet.engine.runtime.checkpoint import NO_JOURNAL, Journal, Page
from gmmhet.engine.sampling import evenly_spread
from gmmhet.engine.subspace.em import AtRest, Fit, FitOptions, fit_subspace, infer
from gmmhet.engine.subspace.half_set_agreement import circle_agreement, coordinate_correlation, principal_angles
from gmmhet.engine.subspace.likelihoods import log_likelihoods
from gmmhet.engine.subspace.passes import SubspaceEstimator
from gmmhet.engine.subspace.settings import MODE_SELECTION, SMOOTH_FIELDS
from gmmhet.engine.subspace.state import Posteriors, SubspaceModel
from gmmhet.engine.wording.numbers import counted

__all__ = [
    "FoundModes",
    "HeldOutGains",
    "ModeEvidence",
    "evidence_of",
    "fit_all_particles",
    "held_out_gain_of_nuisances",
    "held_out_gains",
    "place_others",
    "select_modes",
    "significant",
    "watched",
]

_LOG = logging.getLogger("gmmhet")
Array = NDArray[np.float64]
Halves = tuple[NDArray[np.int64], NDArray[np.int64]]
_NOWHERE = NO_JOURNAL.page("")


@dataclass(frozen=True)
class HeldOutGains:
    """Rise of the held-out log-likelihood per particle by each mode, [K], and its standard error, [K]."""

    gain: Array
    error: Array


@dataclass
class ModeEvidence:
    """Attributes:
        gain: [K] rise of the held-out log-likelihood per particle by each mode. error: [K] its standard error.
        null: 0.95 quantile of the gains where residuals got random signs. correlation: [K] of the coordinates of the
        same particles under the two half-sets' models; angles: [K] degrees between the two spaces of displacements.
        significant: number of leading modes that are beyond chance. models: of the two half-sets.
        held_out: [n] log-likelihood of every particle under the model of the half-set that it is not in; that of a
            sample told when the fit of that model had settled, and which pass was the best.
    """

    gain: Array
    error: Array
    null: float
    correlation: Array
    angles: Array
    significant: int
    models: tuple[SubspaceModel, SubspaceModel]
    held_out: Array


@dataclass(frozen=True)
class FoundModes:
    """What a search for modes gives.

    Attributes:
        estimator: of the fields that the modes are in. evidence: what half-sets say. n_modes: that are kept.
        still: the particles without motion. reference: log-likelihood per particle without motion.
        finish: makes ``final``, which takes passes over all particles.
    """

    estimator: SubspaceEstimator
    evidence: ModeEvidence
    n_modes: int
    still: Posteriors
    reference: float
    finish: Callable[[], Fit]

    @cached_property
    def final(self) -> Fit:
        """The fit of all particles."""
        return self.finish()


@dataclass(frozen=True)
class SearchOptions:
    """fixed: a number of modes to keep to; None: their number is found. most: modes that are tried then. seed: of the
    null's random signs. null: gain of modes of noise, where it is known already."""

    fixed: int | None
    seed: int
    most: int = MOST_TRIED
    null: float | None = None


def held_out_gains(estimator: SubspaceEstimator, fits: tuple[Fit, Fit], found: tuple[Posteriors, Posteriors], *,
                   first: int = 0) -> HeldOutGains:
    """Gains by each mode from number ``first`` (from 0) on, from particles its model has not seen.

    Mode k's gain is the mean over particles of the marginal log-likelihood with the first k modes minus that with
    k - 1. Where a mode is mostly a rigid movement of the whole, its rigid part counts for the latter as well: errors of
    the poses that are not alike in all directions of the molecule make such modes.

    Args:
        found: the particles of the other half under each model; their covariance is not needed.
    """
    n_modes = fits[0].model.n_modes
    gains: list[list[Array]] = [[] for _ in range(n_modes)]
    for fit, others in zip(fits, found, strict=True):
        model, above = fit.model, others
        for number in reversed(range(first, n_modes)):
            smaller = fit.model.leading(number)
            below = _inferred(estimator, smaller, others, number)
            reached = _rescued(estimator, model, above, below)
            rigid = _rigid_coefficients(estimator, fit.model, number)
            least = below.log_likelihood
            if rigid is not None:
                coefficients = smaller.coefficients.copy()
                coefficients[number] = rigid
                pose_like = _inferred(estimator, replace(fit.model, coefficients=coefficients), others, number + 1)
                least = max(least, pose_like.log_likelihood, key=np.mean)
            gains[number].append(reached - least)
            model, above = smaller, below
    all_gains = np.array([np.concatenate(parts) for parts in gains[first:]])
    return HeldOutGains(all_gains.mean(1), all_gains.std(1) / np.sqrt(all_gains.shape[1]))


def _inferred(estimator: SubspaceEstimator, model: SubspaceModel, found: Posteriors, modes: int) -> Posteriors:
    """Particles under a model of which the first ``modes`` modes are not zero, from where a larger one has them."""
    start = replace(found, z=found.z * model.every(1.0 * (np.arange(model.n_modes) < modes), others=1.0))
    return infer(estimator, model, found.rows, steps=MODE_SELECTION.steps, start=start)


def _rescued(estimator: SubspaceEstimator, model: SubspaceModel, above: Posteriors, below: Posteriors) -> Array:
    """Log-likelihood [n] of particles under a model, of those that have less of it than under a smaller one the larger
    of what they have and of what they reach from there.

    A mode costs a particle no more than the narrowing of one coordinate if its best place is found: what loses more has
    ended in a place that is not its best.
    """
    reached = above.log_likelihood.copy()
    lost = np.flatnonzero(below.log_likelihood - reached > MODE_SELECTION.lost)
    if len(lost):
        again = infer(estimator, model, above.rows[lost], start=below.at(lost), label="")
        reached[lost] = np.maximum(reached[lost], again.log_likelihood)
    return reached


def place_others(estimator: SubspaceEstimator, model: SubspaceModel, still: Posteriors, *, page: Page = _NOWHERE,
                 label: str = "coordinates") -> Posteriors:
    """Particles under a model that was not fitted to them, each from the likeliest of several places.

    Args:
        still: their poses and contrasts without motion. page: what every step leaves.
    """
    start, tried = still.with_modes_of(model), model.starts
    if tried is not None:
        nuisances = start.z[:, model.n_modes:]
        start.z[:] = tried[estimator.best_coordinates(model, start, tried)]
        start.z[:, model.n_modes:] = nuisances
    return infer(estimator, model, start.rows, start=start, page=page, label=label)


def _rigid_coefficients(estimator: SubspaceEstimator, model: SubspaceModel, number: int) -> Array | None:
    """Coefficients of the rigid part of a mode, if that is most of it."""
    basis, rigid, weights = estimator.spec.basis, estimator.spec.rigid, np.abs(model.weights)
    if rigid is None or model.n_fields != model.n_modes:  # nothing along a curve is a rigid movement
        return None
    part, share = rigid_part(basis.fields(model.coefficients[number])[:, :3], rigid, weights)
    return basis.coefficients_of(part, weights) if share > MODE_SELECTION.mostly else None


def select_modes(estimator: SubspaceEstimator, rest: AtRest, halves: NDArray[np.int64], options: SearchOptions,
                 journal: Journal = NO_JOURNAL) -> ModeEvidence:
    """Fit both half-sets, growing the number of modes while the last one is significant.

    Args:
        rest: all particles without motion. halves: [n] 1 or 2. journal: for the fits and what is found with them.
    """
    rows = (np.flatnonzero(halves == 1), np.flatnonzero(halves == 2))
    null = options.null
    if null is None:
        flipped = estimator.with_flips(options.seed, rest.model, rest.posteriors)
        null = journal.page("null").once(lambda: _null_gain(flipped, rest, rows))
    directions = estimator.spec.directions.shape[1]
    levels: list[ModeEvidence] = []
    n_modes = options.fixed or min(MODE_SELECTION.first, directions)
    while True:
        before = levels[-1] if levels else None
        levels.append(_HalfSets(estimator, rest, rows, null, journal).evidence(n_modes, before))
        found = levels[-1]
        _LOG.info("held-out gain per particle of modes 1..%d: %s (null %.3f)", n_modes, ", ".join(
            f"{g:.3f} +- {e:.3f}" for g, e in zip(found.gain, found.error, strict=True)), null)
        next_number = n_modes + MODE_SELECTION.more
        if options.fixed or found.significant < n_modes or next_number > min(options.most, directions):
            break
        n_modes = next_number
    # the fits of no more modes than are significant, with what was found of all that were tried
    enough = next(level for level in levels if len(level.correlation) >= found.significant)
    return replace(enough, gain=found.gain, error=found.error, significant=found.significant)


@dataclass(frozen=True)
class _HalfSets:
    """What fits of both half-sets start from: estimator, particles without motion, rows of either half-set, the null's
    gain, and the journal for what is found."""

    estimator: SubspaceEstimator
    rest: AtRest
    rows: Halves
    null: float
    journal: Journal

    def evidence(self, n_modes: int, before: ModeEvidence | None) -> ModeEvidence:
        """Fits of n_modes modes and what they show; of modes that ``before`` had already, gains are those found then.

        Every number of modes is fitted from its own start: large motions that two modes bend to follow are better
        described by four that share them.
        """
        fits, known = (self._fit(0, n_modes), self._fit(1, n_modes)), 0 if before is None else len(before.gain)
        found = (self._others(fits[0], 0), self._others(fits[1], 1))
        gains: HeldOutGains = self.journal.page(f"gains of {n_modes} modes").once(
            lambda: held_out_gains(self.estimator, fits, found, first=known))
        if before is not None:
            gains = HeldOutGains(*(np.concatenate(pair) for pair in (
                (before.gain, gains.gain), (before.error, gains.error))))
        return evidence_of(self.estimator, fits, found, gains, self.null)

    def _fit(self, i: int, n_modes: int) -> Fit:
        name, still = f"half-set {i + 1}, {counted(n_modes, 'mode')}", self.rest.posteriors
        options = FitOptions(self.rest.log_likelihood, passes=MODE_SELECTION.passes_of_half, label=name,
                             watched=still.at(watched(self.rows[1 - i])))
        fit = fit_subspace(self.estimator, self.rest.model, still.at(self.rows[i]), n_modes, options,
                           self.journal.page(name))
        return replace(fit, posteriors=fit.posteriors.without_covariance())

    def _others(self, fit: Fit, i: int) -> Posteriors:
        page = self.journal.page(f"half-set {2 - i} by {i + 1}, {fit.model.n_modes} modes")
        still = self.rest.posteriors.at(self.rows[1 - i])
        return place_others(self.estimator, fit.model, still, page=page).without_covariance()


def evidence_of(estimator: SubspaceEstimator, fits: tuple[Fit, Fit], found: tuple[Posteriors, Posteriors],
                gains: HeldOutGains, null: float) -> ModeEvidence:
    """What the fits of both half-sets, and the particles of the other one under each, tell of the modes.

    Args:
        null: of ModeEvidence.
    """
    agreement = _agreement(fits, found)
    beyond_chance = significant(gains.gain, gains.error, null) & (agreement >= MODE_SELECTION.least_agreement)
    leading = int(np.argmin(np.append(beyond_chance, False)))
    fields = [estimator.spec.basis.fields(f.model.coefficients)[..., :4] for f in fits]
    # one unit for displacements and relative weights
    scale = np.array([1.0, 1.0, 1.0, SMOOTH_FIELDS.angstrom_per_weight])
    angles = principal_angles(fields[0] * scale, fields[1] * scale, np.abs(fits[0].model.weights))
    held_out = np.concatenate([log_likelihoods(estimator, f.model, others)
                               for f, others in zip(fits, found, strict=True)])
    return ModeEvidence(gains.gain, gains.error, null, agreement, angles, leading, (fits[0].model, fits[1].model),
                        held_out)


def fit_all_particles(estimator: SubspaceEstimator, evidence: ModeEvidence, still: Posteriors, n_modes: int, *,
                      reference: float, page: Page) -> Fit:
    """The model of all particles, from the leading modes of a half-set.

    Args:
        still: the particles, with poses and contrasts. reference: log-likelihood per particle without motion.
        page: what every pass leaves.
    """
    half = evidence.models[0]
    start = half.with_coefficients(half.coefficients[:n_modes])
    options = FitOptions(reference, passes=MODE_SELECTION.passes_of_all, label="all particles",
                         warm=still.with_modes_of(start))
    fit = fit_subspace(estimator, start, still, n_modes, options, page)
    if not fit.tried_elsewhere:  # passes keep a particle where it is: some are left in a place that is not their best
        elsewhere = place_others(estimator, fit.model, still)
        fit = replace(fit, posteriors=fit.posteriors.better_of(elsewhere, MODE_SELECTION.elsewhere),
                      tried_elsewhere=True)
        page.write(fit)
    return fit


def significant(gain: Array | float, error: Array | float, null: float) -> NDArray[np.bool_]:
    """Whether gains are beyond what the null and chance explain, and worth telling."""
    least = max(null, 0.0) + MODE_SELECTION.deviations * error
    return np.asarray(gain > np.maximum(least, MODE_SELECTION.smallest_gain))


def held_out_gain_of_nuisances(estimator: SubspaceEstimator, models: tuple[SubspaceModel, SubspaceModel],
                               halves: NDArray[np.int64]) -> tuple[float, float]:
    """Gain of log-likelihood per particle, and its standard error, of the nuisances among z, such as a part's pose of
    its own: particles that the half-sets' models have not seen, with the nuisances that these expect and at rest.

    Args:
        models: of half 1 and 2. halves: [n] 1 or 2.
    """
    gains: list[Array] = []
    for model, other in zip(models, (2, 1), strict=True):
        rows = np.flatnonzero(halves == other)
        free, still = (infer(estimator, m, rows).log_likelihood for m in (model, model.with_nuisances_at_rest()))
        gains.append(free - still)
    every = np.concatenate(gains)
    return float(every.mean()), float(every.std() / np.sqrt(len(every)))


def _null_gain(estimator: SubspaceEstimator, rest: AtRest, rows: Halves) -> float:
    """0.95 quantile of the gains of two modes fitted to residuals of random signs, from a sample of each half."""
    few = [part[evenly_spread(len(part), MODE_SELECTION.null_particles)] for part in rows]
    n_modes, still = min(MODE_SELECTION.first, estimator.spec.directions.shape[1]), rest.posteriors

    def fitted(i: int) -> Fit:
        options = FitOptions(rest.log_likelihood, passes=MODE_SELECTION.passes_of_null, label="null",
                             watched=still.at(watched(few[1 - i])))
        return fit_subspace(estimator, rest.model, still.at(few[i]), n_modes, options)

    first, second = fitted(0), fitted(1)
    found = (place_others(estimator, first.model, still.at(few[1])),
             place_others(estimator, second.model, still.at(few[0])))
    return float(np.quantile(held_out_gains(estimator, (first, second), found).gain, MODE_SELECTION.null_quantile))


def watched(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of the particles of the other half-set, those whose likelihood tells when a half-set's fit has settled."""
    return rows[evenly_spread(len(rows), MODE_SELECTION.watched)]


def _agreement(fits: tuple[Fit, Fit], found: tuple[Posteriors, Posteriors]) -> Array:
    """Correlation of coordinates of the same particles under both models; [K], signs matched."""
    first, second = fits
    z_first = first.model.coordinates(np.concatenate([first.posteriors.z, found[0].z]))
    z_second = second.model.coordinates(np.concatenate([found[1].z, second.posteriors.z]))
    if first.model.circles == (True,):
        return np.array([circle_agreement(z_first, z_second, CIRCUMFERENCE)])
    return coordinate_correlation(z_first, z_second)[1]
