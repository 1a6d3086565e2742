"""Modes of large movements: conformations followed from place to place, where held-out particles prefer them."""

import logging
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.analysis.estimators import whole_estimator
from gmmhet.engine.analysis.preparation import Prepared
from gmmhet.engine.analysis.settings import FOLLOWING
from gmmhet.engine.config import AnalyzeConfig
from gmmhet.engine.molecule.gaussians import GaussianModel
from gmmhet.engine.runtime.checkpoint import Journal, Page
from gmmhet.engine.subspace.em import Fit, FitOptions, fit_subspace, infer
from gmmhet.engine.subspace.mode_selection import (
    FoundModes,
    HeldOutGains,
    ModeEvidence,
    evidence_of,
    held_out_gains,
    significant,
)
from gmmhet.engine.subspace.passes import SubspaceEstimator
from gmmhet.engine.subspace.path_following import Stations, Track, conformation, follow, modes_along, stations_along
from gmmhet.engine.subspace.settings import SMOOTH_FIELDS
from gmmhet.engine.subspace.state import Posteriors, SubspaceModel

__all__ = ["Followed", "followed", "is_large", "may_follow"]

_LOG = logging.getLogger("gmmhet")
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Followed:
    """What takes the place of the first search's results.

    Attributes:
        found: the modes. source: [N] the Gaussian of the model that each was. stations: number of places.
        before: modes of the first search. better: whether the gain is beyond chance.
        gain, error: of the held-out log-likelihood per particle over the first search's, and its standard error.
    """

    found: FoundModes
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
    particles: Posteriors
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
        counts = np.bincount(of, minlength=len(self.stations.coordinates)).astype(np.float64)
        model, places, _ = modes_along(self.fine, self.root, self.track(rows, name), counts, n_modes)
        start = self.page("start", name).once(lambda: self._seated(model, self.particles.at(rows), places))
        options = FitOptions(self.reference, passes, FOLLOWING.tolerance, f"{name}, followed", warm=start)
        return fit_subspace(self.fine, model, start, n_modes, options, self.page("modes", name))

    def _seated(self, model: SubspaceModel, particles: Posteriors, places: Array) -> Posteriors:
        """Particles at the place that explains each best, whatever the first search said of it."""
        middle = replace(particles, contrast=np.full(len(particles.rows), model.contrast_mean))
        return replace(particles, z=places[self.fine.best_coordinates(model, middle, places)])

    def others(self, fit: Fit, rows: NDArray[np.int64], name: str) -> Posteriors:
        """Particles that a fit has not seen, from the best of the places that those it has seen are at."""
        start = self.page("other starts", name).once(
            lambda: self._seated(fit.model, self.particles.at(rows), self._places(fit)))
        return infer(self.fine, fit.model, rows, start=start, page=self.page("others", name))

    def seated_again(self, fit: Fit, name: str) -> Fit:
        """The same fit with particles at the best coordinates that are reached from where they are and from the best
        place for each."""
        model, here = fit.model, fit.posteriors

        def again() -> Posteriors:
            there = infer(self.fine, model, here.rows, start=self._seated(model, here, self._places(fit)))
            chosen = here.better_of(there, FOLLOWING.better)
            _LOG.info("%.1f %% of the particles are explained better by another conformation of the path",
                      100 * np.mean(chosen.log_likelihood > here.log_likelihood))
            return infer(self.fine, model, here.rows, steps=1, start=chosen)

        return replace(fit, posteriors=self.page("seated", name).once(again))

    def _places(self, fit: Fit) -> Array:
        """[S', K] median coordinates of the particles of a fit at each station that has some."""
        of = self.stations.of[fit.posteriors.rows]
        there = np.unique(of)
        return np.stack([np.median(fit.posteriors.z[of == s], axis=0) for s in there])


def may_follow(config: AnalyzeConfig) -> bool:
    """Whether movements are followed at all, if there are any that ask for it."""
    return config.follow != "no" and config.motion and not config.local_pose and config.symmetry == "C1"


def followed(prepared: Prepared, config: AnalyzeConfig, journal: Journal, first: FoundModes,
             halves: NDArray[np.int64], *, bent: bool = False) -> Followed | None:
    """Modes that start from conformations followed along those of a first search (see subspace.path_following).

    Each half-set follows on its own, from one root and over the same places.

    Args:
        first: of the first search. halves: [n] 1 or 2. bent: whether movements are known to be bent, and so large.
    Returns:
        None where that was not asked for, does not apply, or does not explain held-out particles better.
    """
    if not may_follow(config) or (config.follow == "auto" and not bent and not is_large(first)):
        return None
    evidence = first.evidence
    way, source = _way(prepared, config, journal, first)
    every, count = np.arange(len(halves)), len(way.stations.coordinates)
    k = config.modes or _number(way, every, evidence)
    if count <= k:
        _LOG.log(logging.WARNING if config.follow == "yes" else logging.INFO,
                 "%d conformations are too few for %d mode%s along them: the modes about the average map are kept",
                 count, k,
                 "s"[:k != 1])
        return None
    shown = _followed_half_sets(way, halves, k, evidence.null)
    rise = shown.held_out - evidence.held_out
    gain, error = float(rise.mean()), float(rise.std() / np.sqrt(len(rise)))
    better = bool(significant(gain, error, 0.0))
    _LOG.info("linearised again along a path of %d conformations: %d modes, held-out log-likelihood per particle "
              "%+.2f +- %.2f%s", count, k, gain, error,
              "" if better else ": not better than modes about the average map")
    if not better and config.follow == "auto":
        return None
    number = config.modes or max(1, shown.significant)

    def last() -> Fit:
        fit = way.fit(every, "all particles", number, FOLLOWING.passes_of_all)
        return way.seated_again(fit, "all particles")

    return Followed(FoundModes(way.fine, shown, number, first.still, first.reference, last), source, count, gain, error,
                    first.n_modes, better)


def _followed_half_sets(way: _Way, halves: NDArray[np.int64], k: int, null: float) -> ModeEvidence:
    """Fits of both half-sets, each followed on its own, and what they say of each other's particles."""
    rows = np.flatnonzero(halves == 1), np.flatnonzero(halves == 2)
    passes = FOLLOWING.passes_of_half
    fits = way.fit(rows[0], "half-set 1", k, passes), way.fit(rows[1], "half-set 2", k, passes)
    found = way.others(fits[0], rows[1], "half-set 2 by 1"), way.others(fits[1], rows[0], "half-set 1 by 2")
    gains: HeldOutGains = way.page("gains", "both half-sets").once(lambda: held_out_gains(way.fine, fits, found))
    return evidence_of(way.fine, fits, found, gains, null)


def is_large(found: FoundModes) -> bool:
    """Whether movements take more than one mode, and go further than the resolution: density that moves less is where
    straight lines say, what moves more fades here and rises there. What moves most counts most: a mean over the
    Gaussians, each by the square of its own movement."""
    leading, spec = found.evidence.significant, found.estimator.spec
    if leading < FOLLOWING.least_modes:
        return False
    fields = spec.basis.fields(found.final.model.coefficients[:leading])
    squared = (fields[..., :3] ** 2).sum((0, 2))
    reach, resolution = float((squared**1.5).sum() / max(squared.sum(), 1e-30)), spec.observer.grid.resolution
    _LOG.info("root mean square displacement along the significant modes %.1f Å; resolution %.1f Å", reach, resolution)
    return reach > resolution


def _number(way: _Way, every: NDArray[np.int64], evidence: ModeEvidence) -> int:
    """Of components that are more than a small part of the movements; not more than modes of the first search."""
    counts = np.bincount(way.stations.of, minlength=len(way.stations.coordinates)).astype(np.float64)
    shares = modes_along(way.fine, way.root, way.track(every, "all particles"), counts, 1)[2]
    return int(np.clip((shares > FOLLOWING.least_share).sum(), 1, max(1, evidence.significant)))


def _way(prepared: Prepared, config: AnalyzeConfig, journal: Journal, first: FoundModes,
         ) -> tuple[_Way, NDArray[np.int64]]:
    """The places and the root, and of which Gaussian of the model each of its Gaussians was a part."""
    model, particles = first.final.model, first.final.posteriors
    fields = first.estimator.spec.basis.fields(model.coefficients)
    mass = np.abs(model.weights) / np.abs(model.weights).sum()
    sized = fields[..., :4] * np.array([1, 1, 1, SMOOTH_FIELDS.angstrom_per_weight]) * np.sqrt(mass)[:, None]
    sized = sized.reshape(len(fields), -1)
    stations = stations_along(particles.z, sized @ sized.T, seed=config.seed)
    start, source = conformation(model, fields, stations.coordinates[stations.order[0]])
    old = prepared.model
    gaussians = GaussianModel(start.centers, start.weights, np.sqrt(start.variances), old.box, old.pixel_size,
                              old.resolution)
    there = replace(prepared, model=gaussians, in_focus=prepared.in_focus[source])
    usual = config.correlation_lengths(prepared.observer.grid.resolution)
    plain, fine = (whole_estimator(there, config, [share * a for a in usual])
                   for share in (FOLLOWING.coarser, FOLLOWING.finer))
    root = start.without_modes(plain.spec.basis)
    return _Way(plain, fine, root, stations, particles, journal, first.reference, model.n_modes), source
