"""Each significant mode by what it does: a part that moves, density that comes and goes, or both."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from gmmhet.engine.analysis.result import AnalysisResult
from gmmhet.engine.analysis.settings import DETECTABLE, NAMING
from gmmhet.engine.io import DensityMap
from gmmhet.engine.latent_space.deconvolution import deconvolved
from gmmhet.engine.latent_space.islands import Island, gaps_along, islands_along
from gmmhet.engine.latent_space.movie_points import around, through_particles
from gmmhet.engine.latent_space.settings import ISLANDS
from gmmhet.engine.latent_space.two_states import TwoStates, two_states
from gmmhet.engine.molecule.change_of_density import rigid_rate
from gmmhet.engine.molecule.changing_density import ChangingPart, changing_part
from gmmhet.engine.molecule.gaussian_map import gaussian_density
from gmmhet.engine.molecule.gaussians import GaussianModel
from gmmhet.engine.molecule.maps import soft_edge
from gmmhet.engine.molecule.moving_part import MovingPart, moving_part, turn_along
from gmmhet.engine.molecule.residues import Residues, Stretch
from gmmhet.engine.molecule.settings import RESIDUES
from gmmhet.engine.wording import names as wording

__all__ = ["NamedMode", "named_modes", "part_mask", "volume_in_kilodalton"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class NamedMode:
    """What a mode does.

    Attributes:
        number: from 1. motion: the part that moves, from the 5th to the 95th percentile of the particles; None: none
            stands out. density: the part whose density comes and goes; None: none does. states: of the particles along
            the mode, where density does. kilodalton: of the whole molecule, or None. middle, radius: of the molecule,
            Angstrom: centre of mass and radius of gyration. groups: of particles that empty gaps divide along the mode,
            lowest first; none where nothing does.
        turned: degrees that the part turns along a curve; None along a straight mode, where its ends tell.
        around: whether the part comes back to where it was along a closed curve.
        moving, changing: residues of the parts, where an atomic model tells them.
    """

    number: int
    motion: MovingPart | None
    density: ChangingPart | None
    states: TwoStates | None
    kilodalton: float | None
    middle: Array
    radius: float
    groups: tuple[Island, ...] = ()
    turned: float | None = None
    around: bool = False
    moving: tuple[Stretch, ...] = ()
    changing: tuple[Stretch, ...] = ()

    @property
    def kind(self) -> str:
        """"motion", "density", "both" or "other"."""
        if self.motion is not None and self.density is not None:
            return "both"
        return "motion" if self.motion is not None else "density" if self.density is not None else "other"

    @property
    def share(self) -> tuple[float, float] | None:
        """Of the particles that have the density, and its standard error; None where two states are not seen."""
        if self.density is None or self.states is None or not self.states.apart:
            return None
        share = self.states.share if self.density.change > 0 else 1 - self.states.share
        return share, self.states.error

    @property
    def left(self) -> float:
        """Density that particles without the part have there, over that of particles with it."""
        assert self.density is not None
        assert self.states is not None
        ends = sorted(self.density.mass_at(z) for z in (self.states.low, self.states.high))
        return ends[0] / max(ends[1], 1e-9)

    @property
    def changed(self) -> float:
        """Density that comes and goes, as a share of the molecule's; of one standard deviation where there are no two
        states."""
        assert self.density is not None
        apart = self.states.high - self.states.low if self.states is not None and self.states.apart else 1.0
        return abs(self.density.change) * apart

    def mass(self, share: float) -> wording.MassWords:
        """share: of the molecule's."""
        return wording.MassWords(share, None if self.kilodalton is None else share * self.kilodalton)

    def words(self) -> list[str]:
        """A sentence on what moves, and one on what comes and goes."""
        moved, density = self.motion_words, self.density_words
        return [*([] if moved is None else [wording.motion_sentence(self.number, moved)]),
                *([] if density is None else [wording.density_sentence(self.number, density)]),
                *([] if self.share is not None or len(self.groups) < 2 else [wording.groups_sentence(
                    self.number, [(group.share, group.error) for group in self.groups])])]

    @property
    def motion_words(self) -> wording.MotionWords | None:
        part = self.motion
        if part is None:
            return None
        x, y, z = (float(v) for v in part.hinge)
        turn = part.turn if self.turned is None else self.turned
        return wording.MotionWords(
            self.mass(part.share), self._where(part.middle, self.moving), part.distance,
            turn if part.turns else None, (x, y, z) if part.turns else None, part.rigid,
            part.rigid >= NAMING.rigid, self.around)

    @property
    def density_words(self) -> wording.DensityWords | None:
        if self.density is None:
            return None
        mass, share = self.mass(self.changed), self.share
        where = self._where(self.density.middle, self.changing)
        return wording.DensityWords(mass, where) if share is None else wording.DensityWords(
            mass, where, *share, self.left)

    def _where(self, point: Array, residues: Sequence[Stretch]) -> str:
        offset = point - self.middle
        distance = float(np.linalg.norm(offset))
        x, y, z = (float(v) for v in offset / max(distance, 1e-9))
        named = wording.residues([(s.chain, s.first, s.last, s.whole) for s in residues])
        return ", ".join(filter(None, (wording.place((x, y, z), distance, self.radius), named)))


def named_modes(result: AnalysisResult, halves: NDArray[np.int64], resolution: float, kilodalton: float | None,
                residues: Residues | None = None) -> list[NamedMode]:
    """The significant modes.

    Args:
        halves: [n] half-set of each particle, 1 or 2. resolution: Angstrom. kilodalton: of the molecule, or None.
        residues: of an atomic model in the frame of the molecule, which then name the parts.
    """
    named = [_named(result, k, halves, resolution, kilodalton) for k in range(result.significant)]
    if residues is None:
        return named
    reach, centers = RESIDUES.reach * resolution, result.model.centers

    def of(part: MovingPart | ChangingPart | None) -> tuple[Stretch, ...]:
        return () if part is None else tuple(residues.within(centers, part.inside, reach))

    return [replace(mode, moving=of(mode.motion), changing=of(mode.density)) for mode in named]


def _named(result: AnalysisResult, k: int, halves: NDArray[np.int64], resolution: float, kilodalton: float | None,
           ) -> NamedMode:
    model, modes = result.model, result.modes
    low, high = _ends(result, k)
    path = _path(result, k, low, high)
    first, last = _farthest(path) if modes.closed(k) else (0, -1)
    before, after = path[first], path[last]
    mass = np.abs(model.weights)
    amounts = result.amount_share(k)
    motion = moving_part(before, after, model.weights)
    if motion is not None and modes.curve is None and not result.off_centre:
        rate = rigid_rate(model.centers, model.weights, model.sigmas, (modes.position[k], modes.amplitude[k]),
                          motion.inside, resolution)
        motion = motion.moving_at(rate, float(high[k] - low[k]), model.centers, model.weights)
    if motion is not None and (amounts > NAMING.mostly_density or motion.distance < NAMING.least_distance):
        motion = None
    density = changing_part(model.centers, model.weights, modes.amplitude[k], resolution)
    if density is not None and (not density.comes_and_goes or modes.closed(k)):
        density = None
    z, variance = result.coordinates[:, k], result.covariance[:, k, k].astype(np.float64)
    if result.off_centre:
        z = z - z.mean()  # the mean of the prior
    states = None if density is None else two_states(z, variance)
    if states is not None and not states.apart and amounts < NAMING.mostly_density:
        density = states = None  # a trace of another mode's
    if states is not None and result.off_centre:
        shift = float(result.coordinates[:, k].mean())
        states = replace(states, low=states.low + shift, high=states.high + shift)
    middle = np.average(model.centers, axis=0, weights=mass)
    radius = float(np.sqrt(np.average(((model.centers - middle) ** 2).sum(1), weights=mass)))
    turned = None if motion is None or modes.curve is None else turn_along(path, model.weights, motion.inside)
    return NamedMode(k + 1, motion, density, states, kilodalton, middle, radius, _groups(result, k, halves),
                     turned, modes.closed(k))


def _path(result: AnalysisResult, k: int, low: Array, high: Array) -> Array:
    """[F, N, 3] conformations between two places, or all the way around a circle."""
    modes, centers = result.modes, result.model.centers
    if modes.curve is None:
        return modes.deformation.centers(centers, np.stack([low, high]))
    places = around(low[np.newaxis], k, NAMING.frames) if modes.closed(k) else np.linspace(low, high, NAMING.frames)
    return modes.deformation.centers(centers, places)


def _farthest(path: Array) -> tuple[int, int]:
    """Which two conformations of [F, N, 3] differ most."""
    flat = path.reshape(len(path), -1)
    first, last = np.unravel_index(np.argmax(cdist(flat, flat)), (len(path), len(path)))
    return int(first), int(last)


def _groups(result: AnalysisResult, k: int, halves: NDArray[np.int64]) -> tuple[Island, ...]:
    """Groups of particles that empty gaps divide along mode k."""
    z, variance = result.coordinates[:, [k]], result.covariance[:, k, k].astype(np.float64)
    if len(z) < ISLANDS.fewest or not np.isfinite(variance).all():
        return ()
    middle = 0.0 if not result.off_centre else float(z.mean())
    density = deconvolved(z - middle, variance[:, None], halves)
    gaps = gaps_along(density)
    return tuple(islands_along(density, gaps)) if gaps else ()


def _ends(result: AnalysisResult, k: int) -> tuple[Array, Array]:
    """[K] two points of latent space: the 5th and the 95th percentile of the true coordinates along mode k.

    Posterior means are drawn towards each other; they are spread until their variance, with the posterior's, is that of
    the truth.
    """
    z, variance = result.coordinates, result.covariance[:, k, k].astype(np.float64)
    if result.off_centre:
        path = through_particles(z, k, NAMING.frames)
        return path[0], path[-1]
    some = z[:, k][variance < NAMING.most_uncertain]  # others are where the prior is
    some = some if len(some) else z[:, k]
    middle = float(some.mean())
    stretch = float(np.sqrt(1 + np.mean(variance[variance < NAMING.most_uncertain]) / max(some.var(), 1e-9)))
    ends = np.zeros((2, z.shape[1]))
    ends[:, k] = middle + stretch * (np.quantile(some, NAMING.percentiles) - middle)
    return ends[0], ends[1]


def volume_in_kilodalton(about: dict[str, object]) -> float | None:
    """Mass of the molecule by its volume in the map; None where the fit did not leave it.

    Args:
        about: of the Gaussian model.
    """
    volume = about.get("molecule_volume")
    return float(volume) * DETECTABLE.density if isinstance(volume, int | float) and volume > 0 else None


def part_mask(model: GaussianModel, inside: NDArray[np.bool_]) -> DensityMap:
    """A soft mask of some Gaussians [N], on the grid of the model."""
    part = GaussianModel(model.centers[inside], np.abs(model.weights[inside]),
                         np.maximum(model.sigmas[inside], NAMING.mask_width * model.resolution), model.box,
                         model.pixel_size, model.resolution)
    density = gaussian_density(part)
    at = np.clip(np.rint(part.centers / model.pixel_size).astype(int) + model.box // 2, 0, model.box - 1)
    level = NAMING.mask_level * float(np.median(density.data[at[:, 2], at[:, 1], at[:, 0]]))
    edge = NAMING.mask_edge * model.resolution / model.pixel_size
    return DensityMap(soft_edge(density.data > level, 0.0, edge), model.pixel_size)
