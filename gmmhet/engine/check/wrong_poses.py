"""The share of particles whose given orientation is off by more than 10 degrees.

Every particle's posterior says how probable its given orientation is, within 10 degrees. Where images determine their
orientations, the mean probability of being off is the share that is looked for: also where wrong orientations are
maxima of the likelihood, as refinements leave them.

Where they do not, given orientations are taken to be of three kinds, whose shares are those of the largest likelihood:
right ones, as a draw from the posterior; ones at the maximum of the posterior because they were fitted to the same
images, right with the posterior's probability; and ones that have nothing to do with the image, as a draw from all
orientations. A power of the likelihood is estimated alike: motions and structural noise, which the model of the images
leaves out, make it too sharp. Wrong orientations at other maxima may then pass for right ones, so that the share is a
lower bound; the mean probability is the share if all orientations were fitted to these images, and too large where they
are right for other reasons.

The procedure is first tried on projections of the map at the given poses, with noise of the estimated kind, which also
decides between the two; where it fails there, the images cannot decide.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from gmmhet.engine.check.agreement import SlicedMap
from gmmhet.engine.check.images import particle_radius
from gmmhet.engine.check.orientation_grid import angles_between, near, orientation_grid
from gmmhet.engine.check.orientation_model import estimate_model, scale_at
from gmmhet.engine.check.orientation_posterior import (
    ImageModel,
    LowResolution,
    OrientationPosterior,
    Slices,
    posterior_of,
)
from gmmhet.engine.check.settings import ORIENTATION, WRONG_POSES
from gmmhet.engine.io import DensityMap, ParticleTable

__all__ = ["GrossErrors", "Interval", "gross_errors"]

Array = NDArray[np.float64]
_TINY = 1e-12
_STEPS = 300  # of expectation maximisation of three shares
_RIGHT, _FITTED, _UNRELATED = range(3)


@dataclass(frozen=True)
class Interval:
    """A share from 0 to 1, and the ends of its interval."""

    share: float
    low: float
    high: float


@dataclass(frozen=True)
class GrossErrors:
    """What the orientations of a sample of n particles say.

    Attributes:
        rows: [n] of the particles, from 0. resolution: Angstrom, of the comparison.
        probability: [n] of each orientation to be off by more than 10 degrees.
        wrong: their share among images that show a molecule; None where it cannot be told.
        empty: share of images without any molecule; None where it cannot be told.
        power: of the likelihood. unresolved: share of projections with this noise whose orientation of the largest
            likelihood is off by more than 10 degrees. trial: shares told of projections of which none, and a fifth,
            were given random orientations. if_fitted: where images do not determine all orientations, wrong is a lower
            bound, and this is the share if a refinement fitted the given orientations to these images; else None.
    """

    rows: NDArray[np.int64]
    resolution: float
    probability: Array
    wrong: Interval | None
    empty: Interval | None
    power: float
    unresolved: float
    trial: tuple[float, float]
    if_fitted: Interval | None = None


@dataclass(frozen=True)
class _Evidence:
    """Of n particles: within: [n, powers] probability of the given orientation within 10 degrees; chance: [n] that of
    any orientation; top: [n] whether it is at the maximum."""

    within: Array
    chance: Array
    top: NDArray[np.bool_]

    def densities(self, power: int) -> Array:
        """[n, 3] of the given orientation, if right, fitted, unrelated."""
        return np.stack([self.within[:, power] + _TINY, self.top + _TINY, self.chance], axis=1)


def working_resolution(table: ParticleTable, radius: float) -> float:
    """Angstrom, of the comparison of a molecule of a radius (Angstrom)."""
    return max(ORIENTATION.finest, ORIENTATION.pixels_per_resolution * table.pixel_size,
               ORIENTATION.radii_per_resolution * radius, table.box * table.pixel_size / ORIENTATION.rings)


def gross_errors(table: ParticleTable, rows: NDArray[np.int64], density: DensityMap, *, sign: int = 1,
                 symmetry: str = "C1", seed: int = 0) -> GrossErrors:
    """Look at the orientations of some particles.

    Args:
        rows: of the particles, from 0, at most a few hundred. sign: of the contrast. symmetry: point group of the map.
    Raises:
        InputError: an image holds NaN or infinite pixels.
    """
    rng = np.random.default_rng(seed)
    resolution = working_resolution(table, particle_radius(density, table))
    data = LowResolution.of(table, rows, resolution)
    data.images[:] *= sign
    sliced, views = SlicedMap(density, resolution), table.views[rows]
    slices = Slices.of(sliced, orientation_grid(ORIENTATION.step), data)
    given = sliced.at(views, *data.frequencies)
    some = np.sort(rng.permutation(len(rows))[:ORIENTATION.sample])
    model = estimate_model(data.of_rows(some), slices, given[some], rng)
    posterior = posterior_of(data, slices, model)
    evidence = _evidence(posterior, views, slices, symmetry)
    trial = _trial(data, slices, model, given * scale_at(data, given, evidence.within[:, 0])[data.ring],
                   (views, symmetry), rng)
    presence = np.exp(np.clip(posterior.evidence, -300, 300))
    empty = _share_of_empty(presence, np.ones((1, len(rows))))[0]
    shown = presence / (presence + empty / max(1 - empty, _TINY))
    resampled = rng.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), WRONG_POSES.resamples).astype(np.float64)
    mass = _by_mass(evidence, shown, resampled)
    power, told, probability = mass if trial.sharp else _by_kinds(evidence, shown, resampled)
    blank = [empty, *_share_of_empty(presence, resampled)]
    return GrossErrors(rows, resolution, probability, _interval(told) if trial.sure else None,
                       _interval(blank) if trial.apart else None, power, trial.unresolved, trial.told,
                       None if trial.sharp or not trial.sure else _interval(mass[1]))


def _by_mass(evidence: _Evidence, shown: Array, resampled: Array) -> tuple[float, list[float], Array]:
    """Share by the mean posterior probability of being off, where images determine their orientations.

    Returns:
        power of the likelihood; share of all particles and of resamples [b, n]; probability [n] of each.
    """
    wrong = 1 - evidence.within[:, 0]
    return 1.0, [float(np.average(wrong, weights=w)) for w in (shown, *(resampled * shown))], wrong


def _by_kinds(evidence: _Evidence, shown: Array, resampled: Array) -> tuple[float, list[float], Array]:
    """The same by the shares of the kinds of orientations, where many images do not determine theirs."""
    power, densities = _densities(evidence, shown, len(WRONG_POSES.powers))
    right = evidence.within[:, power]
    shares = _shares(densities, np.concatenate([shown[None], resampled * shown]))
    told = [_told(densities, right, s, w) for s, w in zip(shares, [shown, *(resampled * shown)], strict=True)]
    return WRONG_POSES.powers[power], told, _probability_wrong(densities, right, shares[0])


def _evidence(posterior: OrientationPosterior, views: Array, slices: Slices, symmetry: str) -> _Evidence:
    """What the posterior says of orientations [n, 3, 3]."""
    matrices = slices.grid.matrices
    close = near(views, matrices, WRONG_POSES.angle, symmetry)
    within = [(posterior.probabilities(power) * close).sum(axis=1, dtype=np.float64) for power in WRONG_POSES.powers]
    best = matrices[posterior.log_likelihood.argmax(axis=1)]
    top = angles_between(views, best, symmetry) < WRONG_POSES.angle
    return _Evidence(np.stack(within, axis=1), close.mean(axis=1), top)


# --- Shares of three kinds of orientations ---


def _shares(densities: Array, weights: Array) -> Array:
    """[b, k] most likely shares of kinds of densities [n, k], particles weighted by [b, n] (EM)."""
    shares = np.full((len(weights), densities.shape[1]), 1 / densities.shape[1])
    total = weights.sum(axis=1, keepdims=True)
    for _ in range(_STEPS):
        parts = shares[:, None] * densities
        shares = np.einsum("bn,bnk->bk", weights, parts / parts.sum(axis=2, keepdims=True)) / total
    return shares


def _densities(evidence: _Evidence, weights: Array, powers: int) -> tuple[int, Array]:
    """Index of the power of the likelihood under which the given orientations are the likeliest, and [n, 3] densities.

    That of fitted ones is 0 unless they explain the orientations surely better: where the posterior is wide, the
    difference between right and fitted ones is small.

    Args:
        weights: [n] of the particles. powers: that are tried, of the first.
    """
    found = []
    for power in range(powers):
        full = evidence.densities(power)
        plain = full * (np.arange(full.shape[1]) != _FITTED)
        found += [(float(weights @ np.log(d @ _shares(d, weights[None])[0])) - cost, power, d)
                  for d, cost in ((plain, 0.0), (full, WRONG_POSES.fitted))]
    _, power, densities = max(found, key=lambda item: item[0])
    return power, densities


def _probability_wrong(densities: Array, right: Array, shares: Array) -> Array:
    """[n] of each particle: unrelated, or fitted to its own image and yet not right [n]."""
    kinds = shares * densities
    kinds /= kinds.sum(axis=1, keepdims=True)
    return np.asarray(kinds[:, _FITTED] * (1 - right) + kinds[:, _UNRELATED])


def _told(densities: Array, right: Array, shares: Array, weights: Array) -> float:
    """Share of wrong orientations of particles weighted by [n]."""
    return float(np.average(_probability_wrong(densities, right, shares), weights=weights))


def _interval(values: list[float]) -> Interval:
    """The first value, and the interval of the others."""
    low, high = np.quantile(values[1:], [0.5 - WRONG_POSES.interval / 2, 0.5 + WRONG_POSES.interval / 2])
    return Interval(values[0], float(low), float(high))


def _share_of_empty(presence: Array, weights: Array) -> list[float]:
    """[b] most likely share of images without molecule.

    Args:
        presence: [n] likelihood of a molecule over that of none. weights: [b, n].
    """
    shares = _shares(np.stack([np.ones_like(presence), presence], axis=1), weights)
    return [float(share) for share in shares[:, 0]]


# --- The trial ---


@dataclass(frozen=True)
class _Trial:
    """told: shares of wrong orientations where none, and a fifth, are random. unresolved: share of wrong ones at the
    maximum of the posterior. beyond: mean probability of right orientations to be off. apart: whether projections are
    told from noise."""

    told: tuple[float, float]
    beyond: float
    unresolved: float
    apart: bool

    @property
    def sharp(self) -> bool:
        """Whether images like these determine their orientations."""
        return self.beyond < WRONG_POSES.sharp

    @property
    def sure(self) -> bool:
        """Whether the shares that are told are right."""
        planted = (0.0, WRONG_POSES.planted)
        right = all(abs(t - p) < WRONG_POSES.trial_error for t, p in zip(self.told, planted, strict=True))
        return right and self.unresolved < WRONG_POSES.unresolved


def _trial(data: LowResolution, slices: Slices, model: ImageModel, signal: NDArray[np.complex64],
           poses: tuple[Array, str], rng: np.random.Generator) -> _Trial:
    """The same procedure with images that are as the model says.

    Args:
        signal: [n, m] slices at the poses, scaled. poses: views [n, 3, 3] and symmetry.
    """
    some = np.sort(rng.permutation(len(signal))[:WRONG_POSES.trial])
    data, views, symmetry = data.of_rows(some), poses[0][some], poses[1]
    contrast = np.maximum(1 + model.spread * rng.standard_normal(len(some)), model.spread / 2)
    noise = data.noise(model.noise[data.group], rng)
    shown = (contrast[:, None] * data.transfer * signal[some] + noise).astype(np.complex64)
    posterior = posterior_of(replace(data, images=shown), slices, model)
    few = np.arange(min(WRONG_POSES.blank, len(some)))
    blank = posterior_of(replace(data.of_rows(few), images=noise[few]), slices, model).evidence
    told: list[float] = []
    beyond: list[float] = []
    for share in (0.0, WRONG_POSES.planted):
        other = np.where((np.arange(len(some)) < round(share * len(some)))[:, None, None],
                         Rotation.random(len(some), rng).as_matrix(), views)
        evidence = _evidence(posterior, other, slices, symmetry)
        every = np.ones(len(some))
        densities = _densities(evidence, every, 1)[1]
        beyond.append(1 - float(evidence.within[:, 0].mean()))
        told.append(_told(densities, evidence.within[:, 0], _shares(densities, every[None])[0], every))
    best = slices.grid.matrices[posterior.log_likelihood.argmax(axis=1)]
    unresolved = float((angles_between(views, best, symmetry) > WRONG_POSES.angle).mean())
    mistaken = max(float((posterior.evidence < 0).mean()), float((blank > 0).mean()))
    return _Trial((told[0], told[1]), beyond[0], unresolved, mistaken < WRONG_POSES.told_apart)
