"""Do the subunits of a symmetric molecule differ? A test of the means and variances of their coordinates.

It compares subunits by their place in the frame of the given poses. A refinement with symmetry writes of the equivalent
poses of a particle the one whose view lies in one asymmetric unit: then a place is a name for a view, every place holds
every subunit alike, and the comparison says nothing of the molecule.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.stats import f as f_distribution

from gmmhet.engine.analysis.settings import BREAKING
from gmmhet.engine.wording import subunits as wording

__all__ = ["Asymmetry", "asymmetry", "places_follow_views"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Asymmetry:
    """Attributes:
        statistic: Hotelling's T^2. p_value: of no difference; both NaN where particles are too few, or there
        are no modes.
        mean, variance: [G, K] of the coordinates of each subunit over the particles; variance with what is not known.
        places_follow_views: whether the poses make the comparison meaningless; statistic and p_value are then NaN.
    """

    statistic: float
    p_value: float
    mean: Array
    variance: Array
    places_follow_views: bool = False

    @property
    def n_modes(self) -> int:
        return int(self.mean.shape[1])

    def not_comparable(self) -> "Asymmetry":
        """The same, of subunits whose places follow the views."""
        return replace(self, statistic=float("nan"), p_value=float("nan"), places_follow_views=True)

    def entry(self) -> dict[str, Any]:
        """summary.json's ``symmetry.broken``."""
        return {"statistic": self.statistic, "p_value": self.p_value, "mean": self.mean.tolist(),
                "variance": self.variance.tolist(), "places_follow_views": self.places_follow_views,
                "words": self.words()}

    def words(self) -> str:
        """Whether the symmetry is broken, as a sentence."""
        if self.n_modes and self.places_follow_views:
            return wording.PLACES_FOLLOW_VIEWS
        if not self.n_modes or not np.isfinite(self.p_value):
            return wording.subunits_untested(self.n_modes)
        limit = BREAKING.chance
        chance = f"p = {self.p_value:.2g}" if self.p_value >= limit else f"p < {limit:g}"
        if self.p_value >= limit:
            return wording.subunits_alike(chance)
        off = np.abs(self.mean - self.mean.mean(axis=0))
        spread = np.sqrt(np.maximum(self.variance / self.variance.mean(axis=0), 0))
        largest = np.maximum(off, np.abs(spread - 1))
        if largest.max() < BREAKING.notable:
            return wording.subunits_differ_little(chance, BREAKING.notable)
        subunit, mode = np.unravel_index(int(np.argmax(largest)), off.shape)
        return wording.subunit_difference(chance, (int(subunit) + 1, int(mode) + 1), float(off[subunit, mode]),
                                          float(spread[subunit, mode]))


def asymmetry(coordinates: Array, deviations: Array) -> Asymmetry:
    """Whether all subunits have the same mean and variance of their coordinates.

    z and z^2 + sd^2 estimate mean and second moment of the true coordinate without bias where the prior, the same for
    all, is right. Their differences between subunits have mean zero if the subunits are alike; Hotelling's T^2 over
    the particles, of which each is one independent draw of all subunits, tests it.

    Args:
        coordinates, deviations: [n, G, K] posterior means and standard deviations; G > 1.
    """
    n, k = len(coordinates), coordinates.shape[2]
    second = coordinates**2 + deviations**2
    mean = coordinates.mean(axis=0)
    variance = second.mean(axis=0) - mean**2
    both = np.concatenate([coordinates, second], axis=2)  # [n, G, 2 K]
    contrasts = (both[:, 1:] - both.mean(axis=1, keepdims=True)[:, :1]).reshape(n, -1)
    size = contrasts.shape[1]
    if k == 0 or n < BREAKING.particles_per_contrast * size:
        return Asymmetry(float("nan"), float("nan"), mean, variance)
    off = contrasts.mean(axis=0)
    statistic = float(n * off @ np.linalg.solve(np.cov(contrasts.T), off))
    p_value = float(f_distribution.sf(statistic * (n - size) / (size * (n - 1)), size, n - size))
    return Asymmetry(statistic, p_value, mean, variance)


def places_follow_views(views: Array, rotations: Array) -> bool:
    """Whether, of the equivalent poses of a particle, the given one follows from its view, as where all views lie in
    one asymmetric unit.

    Of the copies of a view the one nearest to a fixed direction stands for all. Particles whose copies are neighbours
    then have been given theirs by the same symmetry operation, where a rule chose it, or else by any.

    Args:
        views: [n, 3] directions from which particles are seen. rotations: [G, 3, 3].
    """
    if len(views) < 2:
        return True
    copies = np.einsum("gij,nj->ngi", rotations, views)
    operation = (copies @ np.array(BREAKING.towards)).argmax(axis=1)
    chosen = copies[np.arange(len(views)), operation]
    beside = cKDTree(chosen).query(chosen, k=2)[1][:, 1]
    alike = float(np.mean(operation == operation[beside]))
    by_chance = 1 / len(rotations)
    return alike > by_chance + BREAKING.follows * (1 - by_chance)
