"""Modes of large movements: conformations followed from place to place, where held-out particles prefer them."""

import logging
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.analysis.estimators import whole_estimator
from gmmhet.engine.analysis.preparation import Prepared
from gmmhet.engine.config import AnalyzeConfig
from gmmhet.engine.molecule.gaussians import GaussianModel
from gmmhet.engine.runtime.checkpoint import Journal, Page
from gmmhet.engine.subspace.em import Fit, fit_subspace, infer
from gmmhet.engine.subspace.mode_selection import ModeEvidence, evidence_of, held_out_gains, real
from gmmhet.engine.subspace.passes import SubspaceEstimator
from gmmhet.engine.subspace.path_following import Stations, Track, conformation, follow, modes_along, stations_along
from gmmhet.engine.subspace.smooth_fields import ANGSTROM_PER_WEIGHT
from gmmhet.engine.subspace.state import Ensemble, SubspaceModel

__all__ = ["Followed", "followed", "is_large", "may_follow"]

_LOG = logging.getLogger("gmmhet")
Array = NDArray[np.float64]
_LEAST_MODES = 2  # a movement that one straight line describes is not large
_LEAST_SHARE = 0.05  # of the squares of all movements: a component that is a mode
#: of the usual correlation length: while following, when few particles tell of each step; and of modes afterwards, when
#: each Gaussian is known to stay with its piece of the molecule
_COARSER, _FINER = 1.5, 0.75
_BETTER = 0.1  # of a log-likelihood: another place is better
_PASSES, _TOLERANCE = (12, 20), 0.003  # of a half-set, of all particles


@dataclass(frozen=True)
class Followed:
    """What takes the place of the first search's results.

    Attributes:
        source: [N] the Gaussian of the model that each was. stations: number of places. before: modes of the first
        search. better: whether the gain is real.
        gain, error: of the held-out log-likelihood per particle over the first search's, and its standard error.
    """

    estimator: SubspaceEstimator
    final: Fit
    evidence: ModeEvidence
    source: NDArray[np.int64]
    stations: int
    gain: float
    error: float
    before: int
    better: bool


@dataclass(frozen=True)
class _Way:
    """What every fit starts from: estimators for following and for modes, the root, the stations, the particles as the
    first search left them; reference: log-likelihood per particle at rest; first: number of modes of the first search.
    """

    plain: SubspaceEstimator
    fine: SubspaceEstimator
    root: SubspaceModel
    stations: Stations
    particles: Ensemble
    journal: Journal
    reference: float
    first: int

    def page(self, what: str, name: str) -> Page:
        return self.journal.page(f"{what} from {self.first}, {name}")

    def track(self, rows: NDArray[np.int64], name: str) -> Track:
        found = self.page("followed", name).once(lambda: self._followed(rows))
        return Track(*found)

    def _followed(self, rows: NDArray[np.int64]) -> tuple[Array, Array]:
        track = follow(self.plain, self.root, self.stations, self.particles.at(rows))
        return track.centers, track.weights

    def fit(self, rows: NDArray[np.int64], name: str, n_modes: int, passes: int) -> Fit:
        """From the conformations of some particles to their modes."""
        of = self.stations.of[rows]
        counts = np.bincount(of, minlength=len(self.stations.places)).astype(np.float64)
        model, places, _ = modes_along(self.fine, self.root, self.track(rows, name), counts, n_modes)
        start = self.page("start", name).once(lambda: self._seated(model, self.particles.at(rows), places))
        return fit_subspace(self.fine, model, start, n_modes, reference=self.reference, passes=passes, warm=start,
                            tolerance=_TOLERANCE, label=f"{name}, followed", page=self.page("modes", name))

    def _seated(self, model: SubspaceModel, particles: Ensemble, places: Array) -> Ensemble:
        """Particles at the place that explains each best, whatever the first search said of it."""
        middle = replace(particles, contrast=np.full(len(particles.rows), model.contrast_mean))
        return replace(particles, z=places[self.fine.best_places(model, middle, places)])

    def others(self, fit: Fit, rows: NDArray[np.int64], name: str) -> Ensemble:
        """Particles that a fit has not seen, from the best of the places that those it has seen are at."""
        start = self.page("other starts", name).once(
            lambda: self._seated(fit.model, self.particles.at(rows), self._places(fit)))
        return infer(self.fine, fit.model, rows, start=start, page=self.page("others", name))

    def seated_again(self, fit: Fit, name: str) -> Fit:
        """The same fit with particles at the best coordinates that are reached from where they are and from the best
        place for each."""
        model, here = fit.model, fit.ensemble

        def again() -> Ensemble:
            there = infer(self.fine, model, here.rows, start=self._seated(model, here, self._places(fit)))
            better = there.log_likelihood > here.log_likelihood + _BETTER
            chosen = replace(here.at(slice(None)), z=np.where(better[:, None], there.z, here.z),
                             pose=np.where(better[:, None], there.pose, here.pose),
                             contrast=np.where(better, there.contrast, here.contrast))
            _LOG.info("%.1f %% of the particles are at a better place than where they were", 100 * better.mean())
            return infer(self.fine, model, here.rows, steps=1, start=chosen)

        return replace(fit, ensemble=self.page("seated", name).once(again))

    def _places(self, fit: Fit) -> Array:
        """[S', K] median coordinates of the particles of a fit at each station that has some."""
        of = self.stations.of[fit.ensemble.rows]
        there = np.unique(of)
        return np.stack([np.median(fit.ensemble.z[of == s], axis=0) for s in there])


def may_follow(config: AnalyzeConfig) -> bool:
    """Whether movements are followed at all, if there are any that ask for it."""
    return config.follow != "no" and config.motion and not config.local_pose and config.symmetry == "C1"


def followed(prepared: Prepared, config: AnalyzeConfig, journal: Journal, estimator: SubspaceEstimator, final: Fit,
             evidence: ModeEvidence, halves: NDArray[np.int64], reference: float) -> Followed | None:
    """Modes that start from conformations followed along those of a first search (see subspace.path_following).

    Each half-set follows on its own, from one root and over the same places.

    Args:
        estimator, final, evidence, reference: of the first search. halves: [n] 1 or 2.
    Returns:
        None where that was not asked for, does not apply, or does not explain held-out particles better.
    """
    if not may_follow(config) or (config.follow == "auto" and not is_large(estimator, final, evidence)):
        return None
    way, source = _way(prepared, config, journal, estimator, final, reference)
    every = np.arange(len(halves))
    rows = np.flatnonzero(halves == 1), np.flatnonzero(halves == 2)
    k = config.modes or _number(way, every, evidence)
    if len(way.stations.places) <= k:
        _LOG.log(logging.WARNING if config.follow == "yes" else logging.INFO,
                 "%d places are too few to follow %d mode%s: the modes about the average are kept",
                 len(way.stations.places), k, "s"[:k != 1])
        return None
    fits = tuple(way.fit(rows[i], f"half-set {i + 1}", k, _PASSES[0]) for i in (0, 1))
    fits = fits[0], fits[1]
    found = way.others(fits[0], rows[1], "half-set 2 by 1"), way.others(fits[1], rows[0], "half-set 1 by 2")
    gains = way.page("gains", "both half-sets").once(lambda: held_out_gains(way.fine, fits, found))
    shown = evidence_of(way.fine, fits, found, *gains, evidence.null)
    rise = shown.held_out - evidence.held_out
    gain, error = float(rise.mean()), float(rise.std() / np.sqrt(len(rise)))
    better = bool(real(gain, error, 0.0))
    _LOG.info("followed over %d places: %d modes, held-out log-likelihood per particle %+.2f +- %.2f%s",
              len(way.stations.places), k, gain, error, "" if better else ": not better than modes about the average")
    if not better and config.follow == "auto":
        return None
    last = way.fit(every, "all particles", config.modes or max(1, shown.significant), _PASSES[1])
    last = way.seated_again(last, "all particles")
    return Followed(way.fine, last, shown, source, len(way.stations.places), gain, error,
                    final.model.n_modes, better)


def is_large(estimator: SubspaceEstimator, final: Fit, evidence: ModeEvidence) -> bool:
    """Whether movements take more than one mode, and go further than the resolution: density that moves less is where
    straight lines say, what moves more fades here and rises there. What moves most counts most: a mean over the
    Gaussians, each by the square of its own movement."""
    if evidence.significant < _LEAST_MODES:
        return False
    fields = estimator.basis.fields(final.model.coefficients[:evidence.significant])
    squared = (fields[..., :3] ** 2).sum((0, 2))
    reach, resolution = float((squared**1.5).sum() / max(squared.sum(), 1e-30)), estimator.observer.grid.resolution
    _LOG.info("what moves does so by %.1f A (root mean square), at a resolution of %.1f A", reach, resolution)
    return reach > resolution


def _number(way: _Way, every: NDArray[np.int64], evidence: ModeEvidence) -> int:
    """Of components that are more than a small part of the movements; not more than modes of the first search."""
    counts = np.bincount(way.stations.of, minlength=len(way.stations.places)).astype(np.float64)
    shares = modes_along(way.fine, way.root, way.track(every, "all particles"), counts, 1)[2]
    return int(np.clip((shares > _LEAST_SHARE).sum(), 1, max(1, evidence.significant)))


def _way(prepared: Prepared, config: AnalyzeConfig, journal: Journal, estimator: SubspaceEstimator, final: Fit,
         reference: float) -> tuple[_Way, NDArray[np.int64]]:
    """The places and the root, and of which Gaussian of the model each of its Gaussians was a part."""
    model, particles = final.model, final.ensemble
    fields = estimator.basis.fields(model.coefficients)
    mass = np.abs(model.weights) / np.abs(model.weights).sum()
    sized = fields[..., :4] * np.array([1, 1, 1, ANGSTROM_PER_WEIGHT]) * np.sqrt(mass)[:, None]
    sized = sized.reshape(len(fields), -1)
    stations = stations_along(particles.z, sized @ sized.T, seed=config.seed)
    first, source = conformation(model, fields, stations.places[stations.order[0]])
    old = prepared.model
    gaussians = GaussianModel(first.centers, first.weights, np.sqrt(first.variances), old.box, old.pixel_size,
                              old.resolution)
    there = replace(prepared, model=gaussians, in_focus=prepared.in_focus[source])
    usual = config.correlation_lengths(prepared.observer.grid.resolution)
    plain, fine = (whole_estimator(there, config, [share * a for a in usual]) for share in (_COARSER, _FINER))
    root = plain.without_modes(first)
    return _Way(plain, fine, root, stations, particles, journal, reference, final.model.n_modes), source
