"""Particles that hardly show the molecule at their given pose: junk, and particles whose pose is grossly wrong.

What tells them is the contrast, the factor between an image and the projection of the molecule. Particles have
contrasts about one, in units of the mean: a normal distribution with sides of two widths, since amounts of ice,
defocus and dose make it skew. Junk has contrasts near zero; not zero, since refinements fit poses to noise. An image's
contrast by least squares has a known error, which widens both. Shares, means and widths are those of the largest
likelihood; that there is junk is said where it beats, by the Bayesian information criterion (Schwarz 1978), the skew
distribution alone and one that is even over a range, and where there is a valley between both: a broad distribution
that ends near zero is none of two kinds. The probability of every particle to be junk then follows by Bayes' theorem.
"""

import dataclasses
import logging
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import scipy.optimize
import scipy.special
from numpy.typing import NDArray

from gmmhet.engine.analysis.estimators import with_first_model
from gmmhet.engine.analysis.preparation import Prepared
from gmmhet.engine.analysis.result import AnalysisResult, Junk, PoseErrors
from gmmhet.engine.analysis.search_sample import SearchRows, of_some, search_rows
from gmmhet.engine.analysis.settings import JUNK
from gmmhet.engine.analysis.subspace_method import calibrated
from gmmhet.engine.config import FEWEST_PARTICLES, AnalyzeConfig
from gmmhet.engine.runtime.checkpoint import Journal
from gmmhet.engine.sampling import evenly_spread
from gmmhet.engine.subspace.em import AtRest, infer
from gmmhet.engine.subspace.likelihoods import log_likelihood_total
from gmmhet.engine.subspace.passes import SubspaceEstimator
from gmmhet.engine.subspace.state import SubspaceModel
from gmmhet.engine.wording.junk import junk_found, mostly_junk

__all__ = ["Sorted", "junk_by_contrast", "sorted_out"]

_LOG = logging.getLogger("gmmhet")
Array = NDArray[np.float64]
_TINY = 1e-300


@dataclass(frozen=True)
class Sorted:
    """Particles without junk.

    Attributes:
        prepared: of those that are kept. journal: for what is found with them. kept: their rows.
        junk: what was found; None: nothing. rest: all particles without motion; None where nothing was found.
        begun: estimator and first model of those that are kept, where they are there already.
    """

    prepared: Prepared
    journal: Journal
    kept: NDArray[np.int64]
    junk: Junk | None = None
    rest: AtRest | None = None
    begun: tuple[SubspaceEstimator, SubspaceModel] | None = None

    def with_all(self, result: AnalysisResult) -> AnalysisResult:
        """The result of all particles: of those that were left out nothing is known but the prior."""
        if self.junk is None or self.rest is None:
            return result
        still, n = self.rest.posteriors, len(self.junk.probability)

        def filled(nothing: Array, known: NDArray[np.floating[Any]]) -> Array:
            every = np.array(np.broadcast_to(nothing, (n, *np.shape(known)[1:])), known.dtype)
            every[self.kept] = known
            return every

        modes, errors, population = result.n_modes, result.pose_errors, result.population
        if errors is not None:
            spread = np.sqrt(np.mean(errors.corrections.astype(float)**2 + errors.deviations**2, axis=0))
            errors = PoseErrors(corrections=filled(np.zeros(1), errors.corrections),
                                deviations=filled(spread, errors.deviations), evidence=errors.evidence)
        if population is not None:
            middle, width = population.mean.mean(0), np.hypot(population.mean.std(0), population.deviation.mean(0))
            population = dataclasses.replace(population, mean=filled(middle, population.mean),
                                             deviation=filled(width, population.deviation))
        cross = result.cross_fit
        if cross is not None:
            places, spreads = (np.stack([filled(np.full(1, nothing), half) for half in halves]) for nothing, halves in (
                (0.0, cross.coordinates), (1.0, cross.deviations)))
            cross = dataclasses.replace(cross, coordinates=places, deviations=spreads)
        return dataclasses.replace(
            result, cross_fit=cross, coordinates=filled(np.zeros(1), result.coordinates),
            covariance=filled(np.eye(modes), result.covariance), contrast=filled(still.contrast, result.contrast),
            log_likelihood=filled(still.log_likelihood, result.log_likelihood), pose_errors=errors,
            population=population, junk=self.junk)


def sorted_out(prepared: Prepared, config: AnalyzeConfig, journal: Journal) -> Sorted:
    """Tell junk by the contrasts that the molecule without motion leaves, and keep the others, each in its half-set.

    Where nothing is found, the calibration is not made again: the journal has it.
    """
    table = prepared.cache.table
    every = Sorted(prepared, journal, np.arange(len(table)))
    if config.junk == "keep" or config.local_pose:
        return every
    estimator, start = with_first_model(prepared, config)
    every = dataclasses.replace(every, begun=(estimator, start))
    rows = search_rows(table, config.search_particles, estimator.spec.directions.shape[1], config.seed)
    if rows.all:
        rest = calibrated(estimator, start, config, journal)
    else:
        section = journal.section(f"of {rows.number} particles")
        some = _calibrated_sample(prepared, rows, config, section)
        if some is None:
            return every
        rest = section.page("all particles without motion").once(lambda: _at_rest(estimator, some))
    junk = junk_by_contrast(*estimator.least_squares_contrast(rest.model, rest.posteriors))
    if junk is None:
        return every
    kept = np.flatnonzero(junk.probability <= JUNK.junk)
    if len(kept) < max(FEWEST_PARTICLES, JUNK.most * len(table)):
        _LOG.warning("%s", mostly_junk(junk.share))
        return every
    _LOG.info("%s", junk_found(junk.share, junk.error, len(table) - len(kept)))
    return Sorted(of_some(prepared, kept), journal.section("without junk"), kept, junk, rest)


def _calibrated_sample(prepared: Prepared, rows: SearchRows, config: AnalyzeConfig, journal: Journal,
                       ) -> AtRest | None:
    """A sample of the particles without motion; None where its contrasts tell of no junk."""
    estimator, start = with_first_model(of_some(prepared, rows.rows), config)
    rest = calibrated(estimator, start, config, journal)
    found = junk_by_contrast(*estimator.least_squares_contrast(rest.model, rest.posteriors))
    return None if found is None else rest


def _at_rest(estimator: SubspaceEstimator, some: AtRest) -> AtRest:
    """All particles of an estimator under the model that a sample of them was calibrated with."""
    posteriors = infer(estimator, some.model, np.arange(len(estimator.spec.cache)), label="calibrating")
    total = log_likelihood_total(estimator, some.model, posteriors)
    return AtRest(some.model, posteriors.without_covariance(), total)


@dataclass(frozen=True)
class _Mixture:
    """Particles of a mean contrast and two widths, below and above; a share of junk of a mean and a width."""

    mean: float
    below: float
    above: float
    share: float = 0.0
    junk_mean: float = 0.0
    junk_width: float = 1.0

    def densities(self, contrast: Array, error: Array) -> tuple[Array, Array]:
        """[n] logarithms of the densities of particles and of junk, with their shares."""
        low, high = np.hypot(self.below, error), np.hypot(self.above, error)
        width = np.where(contrast < self.mean, low, high)
        particles = -0.5 * ((contrast - self.mean) / width) ** 2 - np.log((low + high) / 2)
        width = np.hypot(self.junk_width, error)
        junk = -0.5 * ((contrast - self.junk_mean) / width) ** 2 - np.log(width)
        with np.errstate(divide="ignore"):
            return particles + np.log1p(-self.share), junk + np.log(self.share)

    def has_valley(self, error: float) -> bool:
        """Whether fewer contrasts are between junk and particles than at junk's mean, which is not at its bound."""
        if self.junk_mean > JUNK.at_bound * JUNK.largest_contrast * self.mean:
            return False
        places = np.linspace(self.junk_mean, self.mean, JUNK.places)
        density = np.logaddexp(*self.densities(places, np.full(len(places), error)))
        return bool(density.min() < density[0] + np.log(JUNK.valley))

    def log_likelihood(self, contrast: Array, error: Array) -> float:
        """Of all, but for a constant."""
        return float(np.logaddexp(*self.densities(contrast, error)).sum())


def junk_by_contrast(contrast: Array, error: Array) -> Junk | None:
    """Junk among particles; None where their contrasts need none.

    Args:
        contrast: [n] by least squares, in units of their mean. error: [n] standard errors.
    """
    some = evenly_spread(len(contrast), JUNK.sample)
    few, errors = contrast[some], error[some]
    alone = _fitted(few, errors, _alone, [np.median(few), *[np.log(np.std(few))] * 2])
    best: _Mixture | None = None
    for share, place in product(JUNK.starts, JUNK.places_of_starts):
        particles = few[few >= np.quantile(few, share)]
        begin = [np.median(particles), *[np.log(np.std(particles))] * 2, scipy.special.logit(share),
                 scipy.special.logit(place), 0.0]
        found = _fitted(few, errors, _with_junk, begin)
        if best is None or found.log_likelihood(few, errors) > best.log_likelihood(few, errors):
            best = found
    assert best is not None
    gain = best.log_likelihood(few, errors) - max(alone.log_likelihood(few, errors), _of_a_range(few, errors))
    if 2 * gain < 3 * np.log(len(few)) or not best.has_valley(float(np.median(error))):  # three unknowns more
        return None
    particles, junk = best.densities(contrast, error)
    probability = scipy.special.expit(junk - particles)
    share = float(probability.mean())
    # of a share: which are junk, and how many of such there are
    spread = np.sqrt((np.mean(probability * (1 - probability)) + share * (1 - share)) / len(probability))
    return Junk(probability=probability, share=share, error=float(spread))


def _of_a_range(contrast: Array, error: Array) -> float:
    """Log-likelihood, but for the same constant, of contrasts that are even over a range whose ends are blurred."""
    def loss(unknowns: Array) -> float:
        (low, high), width = np.sort(unknowns[:2]), np.hypot(np.exp(unknowns[2]), error)
        share = scipy.special.ndtr((contrast - low) / width) - scipy.special.ndtr((contrast - high) / width)
        return -float(np.log(np.maximum(share, _TINY) / (high - low + _TINY)).sum())

    start = [*np.quantile(contrast, [0.05, 0.95]), np.log(0.2 * np.std(contrast))]
    found = scipy.optimize.minimize(loss, start, method="Nelder-Mead")
    return 0.5 * len(contrast) * float(np.log(2 * np.pi)) - float(found.fun)


def _alone(unknowns: Array) -> _Mixture:
    mean, below, above = unknowns
    return _Mixture(float(mean), float(np.exp(below)), float(np.exp(above)))


def _with_junk(unknowns: Array) -> _Mixture:
    """Junk's mean is between nothing and a share of the particles', its width no larger than half of that."""
    mean, below, above, share, middle, width = unknowns
    most = JUNK.largest_contrast * mean
    return _Mixture(float(mean), float(np.exp(below)), float(np.exp(above)), float(scipy.special.expit(share)),
                    float(most * scipy.special.expit(middle)), float(most / 2 * scipy.special.expit(width)))


def _fitted(contrast: Array, error: Array, make: Callable[[Array], _Mixture], begin: list[float]) -> _Mixture:
    """The mixture of the largest likelihood."""
    found = scipy.optimize.minimize(lambda u: -make(u).log_likelihood(contrast, error), begin, method="L-BFGS-B")
    return make(found.x)
