"""What a path through latent space passes by: empty gaps that it crosses, particles that it leaves out."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gmmhet.engine.landscape.settings import PATHS
from gmmhet.engine.latent_space.particle_density import Population
from gmmhet.engine.wording import landscape as wording

__all__ = ["path_warnings"]

Array = NDArray[np.float64]


def path_warnings(population: Population, points: Array, populated: NDArray[np.bool_], unit: str, *,
                  closed: bool = False) -> list[str]:
    """One line each, on gaps and on particles far away; none where the path is where the particles are.

    Args:
        points: [P, K] of the path. populated: [P]. unit: particles or subunits.
    """
    ends = [points[0], points[-1]] if not closed else []
    edges = np.flatnonzero(np.diff(np.concatenate([[False], ~populated, [False]]).astype(int)))
    stretches = list(zip(edges[::2], edges[1::2], strict=True))
    inner = [(a, b) for a, b in stretches if closed or (a > 0 and b < len(points))]
    found = [wording.crosses_gap(int(a) + 1, int(b), *_held(population, points, slice(a, b)), unit) for a, b in inner]
    outer = [i + 1 for a, b in stretches if (a, b) not in inner for i in range(a, b)]
    if outer:
        found.append(wording.unpopulated_path(", ".join(map(str, outer))))
    share = _far_share(population, points, len(ends) == 0)
    if share >= PATHS.least_left_out:
        found.append(wording.leaves_out(share, unit))
    return found


def _held(population: Population, points: Array, stretch: slice) -> tuple[float | None, float]:
    """Particles of which a stretch of a path is the nearest, and the standard error; None where that is not known."""
    if not population.sharp:
        return None, 0.0
    density = population.deconvolved
    distance, nearest = cKDTree(points).query(density.centers + population.prior_mean)
    inside = (nearest >= stretch.start) & (nearest < stretch.stop) & (distance < PATHS.far)
    return density.within(inside.astype(float))


def _far_share(population: Population, points: Array, closed: bool) -> float:
    """Share of the particles that are far from a path."""
    dense = np.concatenate([points, points[:1]]) if closed else points
    steps = np.linspace(0, 1, 5)[:, None, None]
    dense = ((1 - steps) * dense[:-1] + steps * dense[1:]).reshape(-1, points.shape[1])
    if population.sharp:
        density = population.deconvolved
        return float(density.shares[cKDTree(dense).query(density.centers + population.prior_mean)[0] > PATHS.far].sum())
    return float((cKDTree(dense).query(population.coordinates)[0] > PATHS.far + population.uncertainty).mean())
