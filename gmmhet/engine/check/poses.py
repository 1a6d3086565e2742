"""Do poses, sign, hand and pixel size fit together? The particles against the map, and against chance."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from gmmhet.engine.check.agreement import Agreement
from gmmhet.engine.check.alternatives import Alternative, alternatives, scaled
from gmmhet.engine.check.frame import FrameOffset, frame_offset
from gmmhet.engine.check.settings import POSES
from gmmhet.engine.config import FEWEST_PARTICLES
from gmmhet.engine.io import DensityMap, ParticleTable
from gmmhet.engine.molecule.contrast import Contrast, contrast_of, mixed_signs
from gmmhet.engine.wording import check as wording

__all__ = ["PoseCheck", "check_poses", "contrast_with", "sample_of"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PoseCheck:
    """What the comparison of particles and map says.

    Attributes:
        n_particles: compared. resolution: Angstrom, of the comparison. sign: 1, or -1 for inverted contrast.
        own: [n] correlations at the given poses. others: [n] at another particle's.
        shuffled: [200] mean correlation with every orientation given to another particle.
        rank: mean share of the others' orientations that a particle fits worse than its own.
        better: the reading that fits better than the given one, with its mean correlation; None if none does.
        scale: size of the map that fits best when it differs from 1, else None.
        readings: mean correlation of every other reading, by name.
        inverted: images of inverted contrast where the contrast is mixed, else 0; all else is then of images that were
            given one sign.
        frame: where the map sits in the frame of the poses; None where they do not fit it as given.
    """

    n_particles: int
    resolution: float
    sign: int
    own: Array
    others: Array
    shuffled: Array
    rank: float
    better: tuple[Alternative, float] | None
    scale: float | None
    readings: dict[str, float]
    frame: FrameOffset | None
    inverted: int = 0

    @property
    def given(self) -> float:
        """Mean correlation at the given poses, with its sign."""
        return float(self.own.mean())

    @property
    def contrast(self) -> Contrast:
        """The same against chance."""
        return contrast_of(self.given, self.shuffled)

    @property
    def fit(self) -> bool:
        """Whether the given orientations fit better than all the shuffled ones."""
        return self.contrast.certain

    @property
    def chance(self) -> float:
        """Largest mean correlation with shuffled orientations, without its sign."""
        return self.contrast.chance

    @property
    def weak(self) -> bool:
        """Whether the given poses fit, but by little more than the best of the shuffled ones."""
        mean = abs(float(self.shuffled.mean())) if len(self.shuffled) else 0.0
        return self.fit and abs(self.given) - mean < POSES.weak * (self.chance - mean)

    @property
    def few(self) -> bool:
        """Whether there are too few particles to stop a run on what they say."""
        return self.n_particles < FEWEST_PARTICLES


def sample_of(table: ParticleTable, largest: int, seed: int) -> NDArray[np.int64]:
    """Some rows (from 0), in order, of as many different images."""
    pairs = np.stack([table.stack_index, table.slice_index], axis=1)
    first = np.unique(pairs, axis=0, return_index=True)[1]
    chosen = np.random.default_rng(seed).permutation(first)[:largest]
    return np.sort(chosen)


def check_poses(table: ParticleTable, density: DensityMap, *, seed: int = 0) -> PoseCheck:
    """Compare a sample of particles with projections of a map.

    Args:
        density: in the frame of the poses, of any box and pixel size.
    Raises:
        InputError: an image holds NaN or infinite pixels.
    """
    rows = sample_of(table, POSES.particles, seed)
    agreement = Agreement.of(table, rows, density)
    found = _compared(agreement, table, rows, density, seed)
    if found.better is not None and not found.better[0].control:
        return found
    signs = mixed_signs(found.own, found.others)
    if signs is None:
        return found
    found = _compared(agreement.with_signs(signs), table, rows, density, seed, signed=True)
    return replace(found, inverted=int((signs < 0).sum()))


def _compared(agreement: Agreement, table: ParticleTable, rows: NDArray[np.int64], density: DensityMap, seed: int,
              *, signed: bool = False) -> PoseCheck:
    """The comparison, where all images have one sign of contrast.

    Args:
        signed: each image was given the sign that fits its own pose best; the same is then allowed at other poses.
    """
    rotations, origins = table.views[rows], table.origins[rows]
    voxel = 0.0 if density.box % 2 else density.pixel_size
    pairs = agreement.all_pairs(Alternative("given", wording.READINGS["given"], rotations, origins))
    own = np.diag(pairs).astype(np.float64)
    sign = 1 if own.mean() >= 0 else -1
    pairs = np.abs(pairs) if signed else pairs
    readings = alternatives(rotations, origins, table.pixel_size, voxel,
                            small_defocus=agreement.nanometre is not None)
    found = {a.name: (a, agreement.of_reading(a)) for a in readings}
    sizes = {s: agreement.of_reading(scaled(rotations, origins, s)) for s in POSES.scales}
    scale = _best_scale(agreement, rotations, origins, own * sign, sizes)
    if scale is not None:
        reading = scaled(rotations, origins, scale)
        found[reading.name] = (reading, agreement.of_reading(reading))
    shuffled = _shuffled(pairs, seed)
    better = _better(own * sign, found)
    if better is not None and not _stands_out(_shuffled(agreement.all_pairs(better[0]), seed), better[1]):
        better = None
    beaten = (pairs * sign < (own * sign)[:, None]).sum() / max(len(rows) * (len(rows) - 1), 1)
    resolution = 1 / float(np.hypot(agreement.kx, agreement.ky).max())
    result = PoseCheck(len(rows), resolution, sign, own, _others(pairs, seed), shuffled, float(beaten), better, scale,
                       {name: float(values.mean()) for name, (_, values) in found.items()}, None)
    if not result.fit or result.few or (better is not None and not better[0].control):
        return result
    return replace(result, frame=frame_offset(agreement, rotations, origins, sign, resolution))


def contrast_with(table: ParticleTable, density: DensityMap, *, seed: int = 0) -> Contrast:
    """Contrast of a sample of particles against a map, by the same comparison as :func:`check_poses`."""
    rows = sample_of(table, POSES.particles, seed)
    given = Alternative("given", wording.READINGS["given"], table.views[rows], table.origins[rows])
    pairs = Agreement.of(table, rows, density).all_pairs(given)
    return contrast_of(float(np.diag(pairs).mean(dtype=np.float64)), _shuffled(pairs, seed))


def _shuffled(pairs: NDArray[np.float32], seed: int) -> Array:
    """[200] mean correlations where no particle keeps its orientation; empty for a single particle."""
    n = len(pairs)
    if n < 2:
        return np.zeros(0)
    rng = np.random.default_rng(seed)
    means: list[float] = []
    while len(means) < POSES.shuffles:
        order = rng.permutation(n)
        if not np.any(order == np.arange(n)):
            means.append(float(pairs[np.arange(n), order].mean(dtype=np.float64)))
    return np.array(means)


def _others(pairs: NDArray[np.float32], seed: int) -> Array:
    """[n] correlation of every particle at the orientation of another one, chosen at random."""
    n = len(pairs)
    steps = np.random.default_rng(seed).integers(1, max(n, 2), n)
    return np.asarray(pairs[np.arange(n), (np.arange(n) + steps) % n], np.float64)


def _surely_better(other: Array, own: Array, tests: int, least: float = POSES.least_gain) -> bool:
    """Whether paired correlations are higher, by a t test that so many such tests together seldom mistake."""
    gain = other - own
    n, mean = len(gain), float(gain.mean())
    if n < 3 or mean < least * float(other.mean()) or mean <= 0:
        return False
    error = float(gain.std(ddof=1)) / np.sqrt(n)
    return error == 0 or bool(stats.t.sf(mean / error, n - 1) < POSES.chance / tests)


def _stands_out(shuffled: Array, mean: float) -> bool:
    """Whether a reading, one of many, is no chance agreement: well above all of its own shuffled assignments."""
    return bool(len(shuffled) > 0 and abs(mean) > np.abs(shuffled).max()
                and abs(mean - shuffled.mean()) > POSES.deviations * shuffled.std())


def _better(own: Array, found: dict[str, tuple[Alternative, Array]]) -> tuple[Alternative, float] | None:
    """The reading of the highest correlation, if it surely is better than the given one."""
    alternative, values = max(found.values(), key=lambda item: abs(float(item[1].mean())))
    mean = float(values.mean())
    return (alternative, mean) if _surely_better(values * np.sign(mean), own, len(found)) else None


def _best_scale(agreement: Agreement, rotations: Array, origins: Array, own: Array, sizes: dict[float, Array],
                ) -> float | None:
    """Size of the map at the top of a parabola through the best of those tried; None where 1 is as good."""
    sign = np.sign(own.mean()) or 1.0
    means = {1.0: abs(float(own.mean())), **{s: abs(float(v.mean())) for s, v in sizes.items()}}
    tried = sorted(means)
    top = max(tried, key=lambda s: means[s])
    place = tried.index(top)
    if 0 < place < len(tried) - 1:
        x = np.array(tried[place - 1:place + 2])
        curve = np.polyfit(x - top, [means[s] for s in x], 2)
        if curve[0] < 0:
            top += float(np.clip(-curve[1] / (2 * curve[0]), x[0] - top, x[2] - top))
    if abs(top - 1) < POSES.least_scale:
        return None
    values = agreement.of_reading(scaled(rotations, origins, top))
    direction = np.sign(float(values.mean())) or sign
    return top if _surely_better(values * direction, own, len(sizes), POSES.least_scale_gain) else None
