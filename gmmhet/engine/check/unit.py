"""Are the poses confined to one asymmetric unit of a point group, as refinements with a symmetry write them?"""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gmmhet.engine.check.settings import UNIT
from gmmhet.engine.molecule.symmetry import rotation_matrices

__all__ = ["asymmetric_unit_of", "even_places", "spread_over_group"]

Array = NDArray[np.float64]
_GROUPS = ("I", "O", "T", *(f"D{n}" for n in range(UNIT.highest_dihedral, 1, -1)),
           *(f"C{n}" for n in range(UNIT.highest_cyclic, 1, -1)))


def asymmetric_unit_of(views: Array) -> str | None:
    """The point group whose unit holds all views while their copies cover the sphere; None where there is none.

    A place of the sphere is taken where at least two views lie near it. Of several groups the one whose copies of the
    views leave the smallest overlaps and gaps.

    Args:
        views: [n, 3] directions from which particles are seen.
    """
    views = views[::-(-len(views) // UNIT.most_views)]
    found: list[tuple[float, str]] = []
    for group in _GROUPS:
        order = len(rotation_matrices(group))
        # a cap of this chord holds fewest_near views
        reach = max(UNIT.step, 2 * float(np.sqrt(UNIT.fewest_near / (order * len(views)))))
        radius = 2 / np.sqrt(order)  # of a cap as large as a unit
        if len(views) < UNIT.fewest_views or reach > 0.6 * radius:
            continue  # too few views to tell
        taken, rim = order * _taken(views, reach), (1 + reach / radius) ** 2
        copies = spread_over_group(views, group)
        least, most = UNIT.share_of_unit
        if least < taken and taken / rim < most and _taken(copies, reach) > UNIT.covered:
            others = cKDTree(copies[len(views):]).query(views, distance_upper_bound=0.5 * reach)[0]
            overlap, gap = float((others < np.inf).mean()), 1 - _taken(copies, 0.5 * reach)
            found.append((overlap + gap, group))
    return min(found)[1] if found else None


def spread_over_group(views: Array, group: str) -> Array:
    """[order * n, 3] the views of every symmetric copy: a view d of the model is one of R d as well."""
    return np.asarray(np.einsum("gij,nj->gni", rotation_matrices(group), views).reshape(-1, 3))


def _taken(views: Array, reach: float) -> float:
    """Share of the sphere that views take."""
    near = cKDTree(views).query_ball_point(even_places(UNIT.places), reach, return_length=True)
    return float((near >= UNIT.held).mean())


def even_places(n: int) -> Array:
    """[n, 3] spread evenly over the sphere (Fibonacci's spiral)."""
    z = 1 - 2 * (np.arange(n) + 0.5) / n
    turn = np.pi * (1 + np.sqrt(5)) * np.arange(n)
    radius = np.sqrt(1 - z**2)
    return np.stack([radius * np.cos(turn), radius * np.sin(turn), z], axis=1)
