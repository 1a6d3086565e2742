"""From a search on some of the particles to all: they are placed, and the modes are finished on all of them."""

import logging
from dataclasses import dataclass, replace

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2

from gmmhet.engine.analysis.settings import SEARCH_SAMPLE
from gmmhet.engine.config import MOST_TRIED
from gmmhet.engine.imaging.particle_cache import ParticleCache
from gmmhet.engine.runtime.checkpoint import Journal
from gmmhet.engine.subspace.em import FitOptions, fit_subspace, infer
from gmmhet.engine.subspace.mode_selection import FoundModes
from gmmhet.engine.subspace.passes import SubspaceEstimator
from gmmhet.engine.subspace.settings import LARGE_MOVEMENTS, MODE_SELECTION
from gmmhet.engine.subspace.state import Posteriors, SubspaceModel
from gmmhet.engine.wording.analysis import searched_on_more

__all__ = ["MotionLeft", "decided", "finished", "motion_left", "of_all"]

_LOG = logging.getLogger("gmmhet")
Array = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class MotionLeft:
    """What particles tell of movement beside the modes.

    Attributes:
        information: of an image on the coordinate of a motion, of unit variance, along the direction that the other
            half-set varies most along. error: its standard error.
    """

    information: float
    error: float

    @property
    def gain(self) -> float:
        """Of held-out log-likelihood per particle, by such a mode."""
        information = max(self.information, 0.0)
        return (information - float(np.log1p(information))) / 2

    @property
    def gain_error(self) -> float:
        """Standard error of gain."""
        information = max(self.information, 0.0)
        return information / (1 + information) / 2 * self.error


def of_all(estimator: SubspaceEstimator, cache: ParticleCache) -> SubspaceEstimator:
    """The same estimator, of all particles."""
    other = SubspaceEstimator(replace(estimator.spec, cache=cache), pixels=estimator.pixels)
    other.batch_size = estimator.batch_size
    return other


def finished(found: FoundModes, cache: ParticleCache, rows: Rows, journal: Journal) -> FoundModes:
    """Modes of a sample, fitted to all particles from where the sample left them; what half-sets say is of the sample.

    Where the sample's modes are near those of all, one step of the M step on all particles ends within a small part of
    their standard errors (Le Cam 1956); more are made while they gain.

    Args:
        found: of the sample. cache: of all particles. rows: [m] of the sample among them, ascending.
    """
    estimator, model = of_all(found.estimator, cache), found.final.model
    page = journal.page("all particles, placed")
    placed = infer(estimator, model, np.arange(len(cache)), start=_started(estimator, found, rows, journal), page=page,
                   label="all particles")
    options = FitOptions(found.reference, passes=SEARCH_SAMPLE.passes, label="all particles", warm=placed, placed=True,
                         settled=1)
    fit = fit_subspace(estimator, model, placed, model.n_modes, options, journal.page("all particles, modes"))
    return replace(found, estimator=estimator, still=placed, finish=lambda: replace(fit, tried_elsewhere=True))


def _started(estimator: SubspaceEstimator, found: FoundModes, rows: Rows, journal: Journal) -> Posteriors:
    """The sample where it is, the others at the likeliest of several places of the sample."""
    def make() -> Posteriors:
        model, known = found.final.model, found.final.posteriors
        start = Posteriors.blank(np.arange(len(estimator.spec.cache)), model)
        start.z[rows], start.pose[rows], start.contrast[rows] = known.z, known.pose, known.contrast
        tried = _places(model, known)
        if tried is not None:
            others = np.setdiff1d(np.arange(len(start.rows)), rows)
            start.z[others] = tried[estimator.best_coordinates(model, start.at(others), tried)]
        return start

    start: Posteriors = journal.page("all particles, starts").once(make)
    return start


def _places(model: SubspaceModel, known: Posteriors) -> Array | None:
    """[S, D] the middle, places to both sides along every mode, and where the particles are; None of copies of a unit,
    which are many."""
    if model.n_latent != model.n_modes + model.n_nuisances:
        return None
    z, k = known.z, model.n_modes
    middles, _ = kmeans2(z[:, :k], SEARCH_SAMPLE.places, iter=LARGE_MOVEMENTS.rounds, minit="++", seed=0)
    sides = MODE_SELECTION.start * np.eye(k)
    places = np.concatenate([np.zeros((1, k)), sides, -sides, middles[np.isfinite(middles).all(1)]])
    return np.pad(places, [(0, 0), (0, model.n_latent - k)])


def decided(final: FoundModes, number: int, halves: NDArray[np.int64], journal: Journal) -> bool:
    """Whether a search on more particles cannot be expected to find more modes.

    It can where the gain of the next mode may be, within chance, what is significant in all particles, or where all
    particles show movement beside the modes that is worth a mode.

    Args:
        final: modes of the sample, finished on all particles. number: of particles in the sample. halves: [n] 1 or 2.
    """
    evidence, k = final.evidence, final.evidence.significant
    if k == MOST_TRIED:
        return True
    deviations, least = MODE_SELECTION.deviations, MODE_SELECTION.smallest_gain
    if k < len(evidence.gain):
        gain, error = float(evidence.gain[k]), float(evidence.error[k])
        needed = max(least, max(evidence.null, 0.0) + deviations * error * float(np.sqrt(number / len(halves))))
        if gain + deviations * error > needed:
            _LOG.info("%s", searched_on_more(gain, error, needed, left=False))
            return False
    left: MotionLeft = journal.page("motion left").once(lambda: motion_left(final, halves))
    needed = max(least, deviations * left.gain_error)
    if left.gain > needed:
        _LOG.info("%s", searched_on_more(left.gain, left.gain_error, needed, left=True))
    return left.gain <= needed


def motion_left(found: FoundModes, halves: NDArray[np.int64]) -> MotionLeft:
    """Movement that all particles show beside the modes: the gradients of one half-set vary, along the direction along
    which those of the other one vary most, by 1 + I times what noise makes (subspace.first_modes).

    Args:
        halves: [n] 1 or 2.
    """
    estimator, model, particles = found.estimator, found.final.model, found.final.posteriors
    within, excess, counts = estimator.spec.directions, [], []
    for half in (1, 2):
        some = particles.at(np.flatnonzero(halves == half))
        covariance = within.T @ estimator.gradient_covariance(model, some) @ within
        curvature = within.T @ estimator.still_curvature(model, some, sample=SEARCH_SAMPLE.curvature) @ within
        lower = np.linalg.cholesky(curvature + np.eye(len(curvature)) / len(some.rows))
        counts.append(len(some.rows))
        excess.append((lower, covariance - curvature))
    found_along = []
    for (lower, own), (other_lower, other) in (excess, excess[::-1]):
        white = scipy.linalg.solve_triangular(lower, scipy.linalg.solve_triangular(lower, own, lower=True).T,
                                              lower=True)
        top = scipy.linalg.solve_triangular(lower.T, np.linalg.eigh((white + white.T) / 2)[1][:, -1], lower=False)
        noise = float(np.sum((other_lower.T @ top) ** 2))
        found_along.append(float(top @ other @ top) / noise)
    information = float(np.mean(found_along))
    error = (1 + max(information, 0.0)) * float(np.sqrt(2 / sum(counts)))
    _LOG.info("motion beside the modes: images tell %.3f +- %.3f of a coordinate", information, error)
    return MotionLeft(information, error)
