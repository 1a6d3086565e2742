"""How many modes there are, and whether they are real: what each half-set's model says of the other half."""

import logging
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.config import MOST_TRIED
from gmmhet.engine.molecule.rigid_fields import rigid_part
from gmmhet.engine.runtime.checkpoint import NO_JOURNAL, Journal, Page
from gmmhet.engine.subspace.em import Fit, fit_subspace, infer, log_likelihoods
from gmmhet.engine.subspace.half_set_agreement import coordinate_correlation, principal_angles
from gmmhet.engine.subspace.local_pose import LocalPoseModel
from gmmhet.engine.subspace.passes import SubspaceEstimator
from gmmhet.engine.subspace.smooth_fields import ANGSTROM_PER_WEIGHT
from gmmhet.engine.subspace.state import Ensemble, SubspaceModel

__all__ = ["ModeEvidence", "evidence_of", "fit_all_particles", "held_out_gain_of_body", "held_out_gains", "real",
           "select_modes", "watched"]

_LOG = logging.getLogger("gmmhet")
Array = NDArray[np.float64]
Halves = tuple[NDArray[np.int64], NDArray[np.int64]]
_SIGMAS = 4.0
_SMALLEST_GAIN = 0.02
_LEAST_AGREEMENT = 0.5  # of the coordinates under the two half-sets' models
_NULL_PARTICLES = 750
_WATCHED = 500
_PASSES_OF_ALL = 16
_MOSTLY = 0.5


@dataclass
class ModeEvidence:
    """Attributes:
        gain: [K] rise of the held-out log-likelihood per particle by each mode. error: [K] its standard error.
        null: 0.95 quantile of the gains where residuals got random signs. correlation: [K] of the coordinates of the
        same particles under the two half-sets' models; angles: [K] degrees between the two spaces of displacements.
        significant: number of leading modes that are real. models: of the two half-sets.
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


def held_out_gains(estimator: SubspaceEstimator, fits: tuple[Fit, Fit], found: tuple[Ensemble, Ensemble], *,
                   first: int = 0) -> tuple[Array, Array]:
    """Gain and standard error of each mode from number ``first`` (from 0) on, from particles its model has not seen.

    Mode k's gain is the mean over particles of the marginal log-likelihood with the first k modes minus that with
    k - 1. Where a mode is mostly a rigid movement of the whole, its rigid part counts for the latter as well: errors of
    the poses that are not alike in all directions of the molecule make such modes.

    Args:
        found: the particles of the other half under each model; their covariance is not needed.
    """
    n_modes = fits[0].model.n_modes
    gains: list[list[Array]] = [[] for _ in range(n_modes)]
    for fit, others in zip(fits, found, strict=True):
        above = others.log_likelihood
        for number in reversed(range(first, n_modes)):
            coefficients = fit.model.coefficients.copy()
            coefficients[number:] = 0.0
            below = _smaller(estimator, fit.model, others, coefficients, number)
            rigid = _rigid_coefficients(estimator, fit.model, number)
            if rigid is not None:
                coefficients[number] = rigid
                pose_like = _smaller(estimator, fit.model, others, coefficients, number + 1)
                gains[number].append(above - (pose_like if pose_like.mean() > below.mean() else below))
            else:
                gains[number].append(above - below)
            above = below
    all_gains = np.array([np.concatenate(parts) for parts in gains[first:]])
    return all_gains.mean(1), all_gains.std(1) / np.sqrt(all_gains.shape[1])


def _smaller(estimator: SubspaceEstimator, model: SubspaceModel, found: Ensemble, coefficients: Array, modes: int,
             ) -> Array:
    """Log-likelihood [n] under other coefficients, of which the first ``modes`` are not zero."""
    start = replace(found, z=found.z * model.every(1.0 * (np.arange(model.n_modes) < modes), others=1.0))
    return infer(estimator, replace(model, coefficients=coefficients), found.rows, steps=2, start=start).log_likelihood


def _rigid_coefficients(estimator: SubspaceEstimator, model: SubspaceModel, number: int) -> Array | None:
    """Coefficients of the rigid part of a mode, if that is most of it."""
    if estimator.rigid is None:
        return None
    weights = np.abs(model.weights)
    part, share = rigid_part(estimator.basis.fields(model.coefficients[number])[:, :3], estimator.rigid, weights)
    return estimator.basis.coefficients_of(part, weights) if share > _MOSTLY else None


def select_modes(estimator: SubspaceEstimator, model: SubspaceModel, still: Ensemble, halves: NDArray[np.int64],
                 fixed: int | None, *, reference: float, seed: int, journal: Journal = NO_JOURNAL,
                 most: int = MOST_TRIED) -> ModeEvidence:
    """Fit both half-sets, growing the number of modes while the last one is real.

    Args:
        model, still: calibrated model and all particles. halves: [n] 1 or 2. fixed: a number of modes to keep to.
        reference: log-likelihood per particle without motion. seed: of the null's random signs.
        journal: for the fits and what is found with them. most: modes that are tried.
    """
    rows = (np.flatnonzero(halves == 1), np.flatnonzero(halves == 2))
    null = journal.page("null").once(
        lambda: _null_gain(estimator.with_flips(seed, model, still), model, still, rows, reference))
    levels: list[ModeEvidence] = []
    n_modes = fixed or min(2, estimator.seek.shape[1])
    while True:
        before = levels[-1] if levels else None
        levels.append(_evidence(estimator, model, still, rows, n_modes, null, before, reference, journal))
        significant = levels[-1].significant
        _LOG.info("held-out gain per particle of modes 1..%d: %s (null %.3f)", n_modes, ", ".join(
            f"{g:.3f} +- {e:.3f}" for g, e in zip(levels[-1].gain, levels[-1].error, strict=True)), null)
        if fixed or significant < n_modes or n_modes + 2 > min(most, estimator.seek.shape[1]):
            break
        n_modes += 2
    # the fits of no more modes than are real, with what was found of all that were tried
    enough = next(level for level in levels if len(level.correlation) >= significant)
    return replace(enough, gain=levels[-1].gain, error=levels[-1].error, significant=significant)


def _evidence(estimator: SubspaceEstimator, model: SubspaceModel, still: Ensemble, rows: Halves, n_modes: int,
              null: float, before: ModeEvidence | None, reference: float, journal: Journal) -> ModeEvidence:
    """Fits of n_modes modes and what they show; of modes that ``before`` had already, gains are those found then.

    Every number of modes is fitted from its own start: large motions that two modes bend to follow are better
    described by four that share them.
    """
    def fitted(i: int) -> Fit:
        name = f"half-set {i + 1}, {n_modes} modes"
        fit = fit_subspace(estimator, model, still.at(rows[i]), n_modes, reference=reference, passes=12, label=name,
                           watched=still.at(watched(rows[1 - i])), page=journal.page(name))
        return replace(fit, ensemble=fit.ensemble.without_spread())

    def of_others(i: int) -> Ensemble:
        page = journal.page(f"half-set {2 - i} by {i + 1}, {n_modes} modes")
        return infer(estimator, fits[i].model, rows[1 - i], page=page).without_spread()

    fits, known = (fitted(0), fitted(1)), 0 if before is None else len(before.gain)
    found = (of_others(0), of_others(1))
    gain, error = journal.page(f"gains of {n_modes} modes").once(
        lambda: held_out_gains(estimator, fits, found, first=known))
    if before is not None:
        gain, error = np.concatenate([before.gain, gain]), np.concatenate([before.error, error])
    return evidence_of(estimator, fits, found, gain, error, null)


def evidence_of(estimator: SubspaceEstimator, fits: tuple[Fit, Fit], found: tuple[Ensemble, Ensemble], gain: Array,
                error: Array, null: float) -> ModeEvidence:
    """What the fits of both half-sets, and the particles of the other one under each, tell of the modes.

    Args:
        gain, error: of held_out_gains. null: of ModeEvidence.
    """
    agreement = _agreement(fits, found)
    significant = int(np.argmin(np.append(real(gain, error, null) & (agreement >= _LEAST_AGREEMENT), False)))
    fields = [estimator.basis.fields(f.model.coefficients)[..., :4] for f in fits]
    scale = np.array([1.0, 1.0, 1.0, ANGSTROM_PER_WEIGHT])  # one unit for displacements and relative weights
    angles = principal_angles(fields[0] * scale, fields[1] * scale, np.abs(fits[0].model.weights))
    held_out = np.concatenate([log_likelihoods(estimator, f.model, others)
                               for f, others in zip(fits, found, strict=True)])
    return ModeEvidence(gain, error, null, agreement, angles, significant, (fits[0].model, fits[1].model), held_out)


def fit_all_particles(estimator: SubspaceEstimator, evidence: ModeEvidence, still: Ensemble, n_modes: int, *,
                      reference: float, page: Page) -> Fit:
    """The model of all particles, from the leading modes of a half-set.

    Args:
        still: the particles, with poses and contrasts. reference: log-likelihood per particle without motion.
        page: what every pass leaves.
    """
    half = evidence.models[0]
    start = estimator.with_coefficients(half, half.coefficients[:n_modes])
    return fit_subspace(estimator, start, still, n_modes, reference=reference, passes=_PASSES_OF_ALL,
                        label="all particles", warm=still.with_modes_of(start), page=page)


def real(gain: Array | float, error: Array | float, null: float) -> NDArray[np.bool_]:
    """Whether gains are beyond what the null and chance explain, and worth telling."""
    return np.asarray(gain > np.maximum(max(null, 0.0) + _SIGMAS * error, _SMALLEST_GAIN))


def held_out_gain_of_body(estimator: SubspaceEstimator, models: tuple[SubspaceModel, SubspaceModel],
                          halves: NDArray[np.int64]) -> tuple[float, float]:
    """Gain of log-likelihood per particle, and its standard error, of a part's pose of its own: particles that the
    half-sets' models have not seen, with the local poses that these expect and with a part at rest.

    Args:
        models: of half 1 and 2. halves: [n] 1 or 2.
    """
    gains: list[Array] = []
    for model, other in zip(models, (2, 1), strict=True):
        assert isinstance(model, LocalPoseModel)
        rows = np.flatnonzero(halves == other)
        free, still = (infer(estimator, m, rows).log_likelihood for m in (model, model.at_rest()))
        gains.append(free - still)
    every = np.concatenate(gains)
    return float(every.mean()), float(every.std() / np.sqrt(len(every)))


def _null_gain(estimator: SubspaceEstimator, model: SubspaceModel, still: Ensemble, rows: Halves, reference: float,
               ) -> float:
    """0.95 quantile of the gains of two modes fitted to residuals of random signs, from a sample of each half."""
    few = _evenly(rows[0]), _evenly(rows[1])
    n_modes = min(2, estimator.seek.shape[1])
    first, second = (fit_subspace(estimator, model, still.at(few[i]), n_modes, reference=reference, passes=3,
                                  label="null", watched=still.at(watched(few[1 - i]))) for i in (0, 1))
    found = infer(estimator, first.model, few[1]), infer(estimator, second.model, few[0])
    return float(np.quantile(held_out_gains(estimator, (first, second), found)[0], 0.95))


def watched(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of the particles of the other half-set, those whose likelihood tells when a half-set's fit has settled."""
    return _evenly(rows, _WATCHED)


def _evenly(rows: NDArray[np.int64], most: int = _NULL_PARTICLES) -> NDArray[np.int64]:
    """At most so many of the rows, from all over the file."""
    return rows[np.unique(np.linspace(0, len(rows) - 1, most).astype(np.int64))]


def _agreement(fits: tuple[Fit, Fit], found: tuple[Ensemble, Ensemble]) -> Array:
    """Correlation of coordinates of the same particles under both models; [K], signs matched."""
    first, second = fits
    z_first = first.model.coordinates(np.concatenate([first.ensemble.z, found[0].z]))
    z_second = second.model.coordinates(np.concatenate([found[1].z, second.ensemble.z]))
    return coordinate_correlation(z_first, z_second)[1]
