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
from gmmhet.engine.check.kinds_of_poses import (
    TINY,
    Evidence,
    by_kinds,
    by_mass,
    share_of_empty,
    told_of_kinds,
)
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

__all__ = ["Comparison", "GrossErrors", "Interval", "gross_errors", "probably_wrong"]

Array = NDArray[np.float64]


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
class Trial:
    """What becomes of projections of the map with noise of the estimated kind.

    Attributes:
        told: shares of wrong orientations where none, and a fifth, are random. unresolved: share of wrong ones at the
            maximum of the posterior. beyond: mean probability of right orientations to be off. apart: whether
            projections are told from noise.
    """

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


@dataclass(frozen=True)
class Comparison:
    """How images of a set are compared with a map seen from everywhere.

    Attributes:
        resolution: Angstrom. sliced: the map. slices: it from a grid of orientations. model: of the images.
        symmetry: point group. sign: of the contrast. trial: what it can tell.
    """

    resolution: float
    sliced: SlicedMap
    slices: Slices
    model: ImageModel
    symmetry: str
    sign: int
    trial: Trial

    @classmethod
    def of(cls, table: ParticleTable, rows: NDArray[np.int64], density: DensityMap, *, sign: int, symmetry: str,
           rng: np.random.Generator) -> tuple["Comparison", LowResolution, OrientationPosterior]:
        """From a sample of rows (from 0), at most a few hundred; with their images and posterior.

        Raises:
            InputError: an image holds NaN or infinite pixels.
        """
        resolution = working_resolution(table, particle_radius(density, table))
        data = _read(table, rows, resolution, sign)
        sliced, views = SlicedMap(density, resolution), table.views[rows]
        slices = Slices.of(sliced, orientation_grid(ORIENTATION.step), data)
        given = sliced.at(views, *data.frequencies)
        some = np.sort(rng.permutation(len(rows))[:ORIENTATION.sample])
        model = estimate_model(data.of_rows(some), slices, given[some], rng)
        posterior = posterior_of(data, slices, model)
        within = _evidence(posterior, views, slices, symmetry).within
        signal = given * scale_at(data, given, within[:, 0])[data.ring]
        trial = _trial(data, slices, model, signal, (views, symmetry), rng)
        return cls(resolution, sliced, slices, model, symmetry, sign, trial), data, posterior

    def images(self, table: ParticleTable, rows: NDArray[np.int64]) -> LowResolution:
        """Images of some rows (from 0), bright on dark."""
        return _read(table, rows, self.resolution, self.sign)

    def evidence(self, posterior: OrientationPosterior, views: Array) -> Evidence:
        """What the posterior says of orientations [n, 3, 3]."""
        return _evidence(posterior, views, self.slices, self.symmetry)


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
    made, _, posterior = Comparison.of(table, rows, density, sign=sign, symmetry=symmetry, rng=rng)
    evidence, trial = made.evidence(posterior, table.views[rows]), made.trial
    presence, shown = _shown(posterior.evidence)
    resampled = rng.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), WRONG_POSES.resamples).astype(np.float64)
    mass = by_mass(evidence, shown, resampled)
    power, told, probability = mass if trial.sharp else by_kinds(evidence, shown, resampled)
    blank = share_of_empty(presence, np.concatenate([np.ones((1, len(rows))), resampled]))
    return GrossErrors(rows, made.resolution, probability, _interval(told) if trial.sure else None,
                       _interval(blank) if trial.apart else None, power, trial.unresolved, trial.told,
                       None if trial.sharp or not trial.sure else _interval(mass[1]))


def probably_wrong(trial: Trial, evidence: Evidence, presence: Array) -> tuple[Array, int]:
    """[n] probability of each given orientation to be off by more than 10 degrees; index of the likelihood's power.

    Args:
        presence: [n] log likelihood of a molecule over that of none.
    """
    shown = _shown(presence)[1]
    none = np.zeros((0, len(shown)))
    power, _, probability = (by_mass if trial.sharp else by_kinds)(evidence, shown, none)
    return probability, WRONG_POSES.powers.index(power)


def _shown(evidence: Array) -> tuple[Array, Array]:
    """[n] likelihood of a molecule over that of none, and probability of each image to show one."""
    presence = np.exp(np.clip(evidence, -300, 300))
    empty = share_of_empty(presence, np.ones((1, len(presence))))[0]
    return presence, presence / (presence + empty / max(1 - empty, TINY))


def _read(table: ParticleTable, rows: NDArray[np.int64], resolution: float, sign: int) -> LowResolution:
    data = LowResolution.of(table, rows, resolution)
    data.images[:] *= sign
    return data


def _evidence(posterior: OrientationPosterior, views: Array, slices: Slices, symmetry: str) -> Evidence:
    matrices = slices.grid.matrices
    close = near(views, matrices, WRONG_POSES.angle, symmetry)
    within = [(posterior.probabilities(power) * close).sum(axis=1, dtype=np.float64) for power in WRONG_POSES.powers]
    best = matrices[posterior.log_likelihood.argmax(axis=1)]
    top = angles_between(views, best, symmetry) < WRONG_POSES.angle
    return Evidence(np.stack(within, axis=1), close.mean(axis=1), top)


def _interval(values: list[float]) -> Interval:
    """The first value, and the interval of the others."""
    low, high = np.quantile(values[1:], [0.5 - WRONG_POSES.interval / 2, 0.5 + WRONG_POSES.interval / 2])
    return Interval(values[0], float(low), float(high))


def _trial(data: LowResolution, slices: Slices, model: ImageModel, signal: NDArray[np.complex64],
           poses: tuple[Array, str], rng: np.random.Generator) -> Trial:
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
        beyond.append(1 - float(evidence.within[:, 0].mean()))
        told.append(told_of_kinds(evidence))
    best = slices.grid.matrices[posterior.log_likelihood.argmax(axis=1)]
    unresolved = float((angles_between(views, best, symmetry) > WRONG_POSES.angle).mean())
    mistaken = max(float((posterior.evidence < 0).mean()), float((blank > 0).mean()))
    return Trial((told[0], told[1]), beyond[0], unresolved, mistaken < WRONG_POSES.told_apart)
