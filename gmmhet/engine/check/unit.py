"""Are the poses confined to one asymmetric unit of a point group, as refinements with a symmetry write them?"""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gmmhet.engine.molecule.symmetry import rotation_matrices

__all__ = ["asymmetric_unit_of", "spread_over_group"]

Array = NDArray[np.float64]
_GROUPS = ("I", "O", "T", *(f"D{n}" for n in range(12, 1, -1)), *(f"C{n}" for n in range(12, 1, -1)))
_PLACES = 2000  # spread evenly over the sphere
_MOST = 5000  # views are enough to see where they are
_STEP = 0.087  # 5 degrees: refinements sample orientations in steps of up to 7.5 degrees
_FEWEST = 8.0  # views that an even spread over the unit puts within the reach of a place, on average
_FEWEST_VIEWS = 200
_HELD = 2  # views near a place that is taken: a single one may be a wrong pose
_UNIT = (0.7, 1.05)  # share of the sphere that the views take, over that of a unit and its rim
_WHOLE = 0.95  # of the sphere, that their copies have to take


def asymmetric_unit_of(views: Array) -> str | None:
    """The point group whose unit holds all views while their copies cover the sphere; None where there is none.

    A place of the sphere is taken where at least two views lie near it. Of several groups the one whose copies of the
    views leave the smallest overlaps and gaps.

    Args:
        views: [n, 3] directions from which particles are seen.
    """
    views = views[::-(-len(views) // _MOST)]
    found: list[tuple[float, str]] = []
    for group in _GROUPS:
        order = len(rotation_matrices(group))
        reach = max(_STEP, 2 * float(np.sqrt(_FEWEST / (order * len(views)))))  # a cap of this chord holds so many
        radius = 2 / np.sqrt(order)  # of a cap as large as a unit
        if len(views) < _FEWEST_VIEWS or reach > 0.6 * radius:
            continue  # too few views to tell
        share = order * _taken(views, reach) / (1 + reach / radius) ** 2
        copies = spread_over_group(views, group)
        if share < _UNIT[1] and share * (1 + reach / radius) ** 2 > _UNIT[0] and _taken(copies, reach) > _WHOLE:
            others = cKDTree(copies[len(views):]).query(views, distance_upper_bound=0.5 * reach)[0]
            overlap, gap = float((others < np.inf).mean()), 1 - _taken(copies, 0.5 * reach)
            found.append((overlap + gap, group))
    return min(found)[1] if found else None


def spread_over_group(views: Array, group: str) -> Array:
    """[order * n, 3] the views of every symmetric copy: a view d of the model is one of R d as well."""
    return np.asarray(np.einsum("gij,nj->gni", rotation_matrices(group), views).reshape(-1, 3))


def _taken(views: Array, reach: float) -> float:
    """Share of the sphere that views take."""
    near = cKDTree(views).query_ball_point(_even_places(_PLACES), reach, return_length=True)
    return float((near >= _HELD).mean())


def _even_places(n: int) -> Array:
    """[n, 3] spread evenly over the sphere (Fibonacci's spiral)."""
    z = 1 - 2 * (np.arange(n) + 0.5) / n
    turn = np.pi * (1 + np.sqrt(5)) * np.arange(n)
    radius = np.sqrt(1 - z**2)
    return np.stack([radius * np.cos(turn), radius * np.sin(turn), z], axis=1)
