"""From where the particles are seen."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, stats

from gmmhet.engine.check.settings import UNIT, VIEWS
from gmmhet.engine.check.unit import asymmetric_unit_of, even_places
from gmmhet.engine.molecule.symmetry import rotation_matrices
from gmmhet.engine.view_cells import counts_in_cells
from gmmhet.engine.wording import check as wording

__all__ = ["ViewCheck", "check_views"]

Array = NDArray[np.float64]
_COLUMNS, _ROWS = 48, 12  # of the map of views; a character is about twice as high as it is wide
_SHADES = " .:-=+*#%@"


@dataclass(frozen=True)
class ViewCheck:
    """Attributes:
        histogram: [12, 48] views in cells of equal area (cos tilt from 1 down to -1, rot from -180 to 180), slightly
            smoothed, over an even spread.
        crowded: share of the particles in the most crowded 10 of 100 equal patches of the sphere.
        least: how often the worst direction of Fourier space is seen, over an even spread. poor: share of directions
            that are seen less than a fifth as often as in an even spread and by few views (or a tenth as often, however
            many), and by fewer particles than chance allows.
        cells: [C] views in cells of equal area (view_cells), over an even spread.
        unit: point group in one asymmetric unit of which all views lie, or that was given; least and poor count the
            views of all symmetric copies, and so does the even spread.
    """

    histogram: Array
    crowded: float
    least: float
    poor: float
    unit: str | None = None
    cells: Array = field(default_factory=lambda: np.zeros(0))

    @property
    def warnings(self) -> list[str]:
        if self.poor <= 0:
            return []
        return [wording.poor_directions(self.poor)]

    def text(self) -> list[str]:
        """The histogram in characters, one line a row of tilt."""
        top = max(float(self.histogram.max()), 2.0)  # so that an even spread looks even
        level = np.ceil(self.histogram / top * (len(_SHADES) - 1)).astype(int)
        tilts = np.rad2deg(np.arccos(1 - 2 * np.arange(_ROWS + 1) / _ROWS))
        lines = [f"{tilts[r]:4.0f} |" + "".join(_SHADES[v] for v in level[r]) + "|" for r in range(_ROWS)]
        return [*lines, f" 180 +{'-180':-<16}{'rot 0':-^16}{'180':->16}+"]


def check_views(rotations: Array, symmetry: str | None = None) -> ViewCheck:
    """Spread of the viewing directions.

    Args:
        rotations: [n, 3, 3] A; the direction from which a particle is seen is A's last row.
        symmetry: point group of the molecule. None: C1, or that in one asymmetric unit of which all views lie.
    """
    step = -(-len(rotations) // VIEWS.particles)
    views = rotations[::step, 2]
    rot = np.rad2deg(np.arctan2(views[:, 1], views[:, 0]))
    counts, _, _ = np.histogram2d(-views[:, 2], rot, bins=(_ROWS, _COLUMNS), range=((-1, 1), (-180, 180)))
    smooth = ndimage.gaussian_filter(counts, (0.8, 1.6), mode=("nearest", "wrap"))
    share = smooth / smooth.mean()
    half = _even_directions(VIEWS.patches // 2)
    nearest = np.argmax(views @ np.concatenate([half, -half]).T, axis=1)
    tenth = np.sort(np.bincount(nearest, minlength=VIEWS.patches))[::-1][:VIEWS.patches // 10].sum() / len(views)
    unit = asymmetric_unit_of(rotations[:, 2]) if symmetry is None else symmetry
    seen, surely = _seen(views, unit or "C1")
    return ViewCheck(share, float(tenth), float(seen.min()), float((_poor(seen, views, unit or "C1") & surely).mean()),
                     None if unit == "C1" else unit, counts_in_cells(views))


def _seen(views: Array, group: str) -> tuple[Array, NDArray[np.bool_]]:
    """How often directions of Fourier space are seen, over an even spread, and whether some are seen surely too seldom.

    A direction is seen by a particle when a symmetric copy of its view lies within the belt around it. Were the views
    spread evenly, the number of particles that see it would be binomial; copies of one particle are not independent, so
    particles count and not copies. Surely: fewer than happens once in so many sets, over all directions.

    Returns:
        two arrays [d] for directions of one asymmetric unit, which stand for all.
    """
    width = float(np.sin(np.deg2rad(VIEWS.belt)))
    matrices = rotation_matrices(group)
    directions = _unit_directions(matrices)
    places = even_places(UNIT.places)
    seen, surely = np.empty(len(directions)), np.empty(len(directions), bool)
    for i, direction in enumerate(directions):
        copies = matrices @ direction  # the group holds the inverse of each: copies of directions do for those of views
        hits, even = (np.abs(v @ copies.T) < width for v in (views, places))
        seen[i] = hits.mean() / width
        chance = stats.binom.cdf(int(hits.any(axis=1).sum()), len(views), even.any(axis=1).mean())
        surely[i] = chance < VIEWS.false_warnings / len(directions)
    return seen, surely


def _poor(seen: Array, views: Array, group: str) -> NDArray[np.bool_]:
    """[d] directions that are seen rarely, or less often than most and by few views, symmetric copies counted."""
    even = len(views) * len(rotation_matrices(group)) * float(np.sin(np.deg2rad(VIEWS.belt)))
    return np.asarray((seen < VIEWS.rare) | ((seen < VIEWS.poor) & (seen * even < VIEWS.few)))


def _unit_directions(matrices: Array) -> Array:
    """[d, 3] even directions d and -d of one asymmetric unit: of symmetric copies the one nearest to a fixed vector."""
    number = max(VIEWS.directions, VIEWS.directions_of_unit * len(matrices))
    every = _even_directions(number)
    towards = np.array(VIEWS.unit_towards)
    nearest = np.abs(np.einsum("gij,nj,i->gn", matrices, every, towards)).max(axis=0)
    return np.asarray(every[np.abs(every @ towards) >= nearest * (1 - 1e-9)])


def _even_directions(n: int) -> Array:
    """[n, 3] unit vectors spread evenly over half the sphere (Fibonacci's spiral)."""
    z = (np.arange(n) + 0.5) / n
    turn = np.pi * (1 + np.sqrt(5)) * np.arange(n)
    radius = np.sqrt(1 - z**2)
    return np.stack([radius * np.cos(turn), radius * np.sin(turn), z], axis=1)
