"""Half maps from the particles themselves, for a map that came without."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.io import DensityMap, ParticleTable
from gmmhet.engine.molecule.maps import resample_map
from gmmhet.engine.molecule.signal import HalfMaps
from gmmhet.engine.molecule.symmetry import rotation_matrices
from gmmhet.engine.reconstruction.noise import image_noise
from gmmhet.engine.reconstruction.series import half_equations
from gmmhet.engine.reconstruction.settings import SERIES
from gmmhet.engine.reconstruction.slices import SliceReader
from gmmhet.engine.reconstruction.solver import half_map
from gmmhet.engine.sampling import evenly_spread

__all__ = ["halves_of_particles"]


def halves_of_particles(table: ParticleTable, symmetry: str = "C1") -> tuple[HalfMaps, int] | None:
    """Maps of both half-sets at the given poses, on the grid of the particles, and the number of their particles.

    Of large sets a part is used, and of large images the frequencies that a grid of 128 voxels holds: enough to see
    where the signal ends that an analysis of motions can use. Contrast is taken as 1, or as -1 where an image is said
    to be inverted.

    Args:
        symmetry: point group.
    Returns:
        None where a half-set has too few particles.
    """
    rows = [np.flatnonzero(table.halves == half) for half in (1, 2)]
    rows = [some[evenly_spread(len(some), SERIES.most_for_halves)] for some in rows]
    if min(map(len, rows)) < SERIES.fewest_for_halves:
        return None
    size = SERIES.coarse if table.box > SERIES.coarse_above else table.box
    reader = SliceReader(table, np.ones(len(table)), image_noise(table), size)
    turns = rotation_matrices(symmetry)

    def made(some: NDArray[np.int64]) -> DensityMap:
        equations = half_equations(reader, some, np.ones(len(some), np.float32), turns)
        assert equations is not None
        density = DensityMap(half_map(equations), table.pixel_size * table.box / size)
        return density if size == table.box else resample_map(density, table.box, table.pixel_size)

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(made, rows)
    return HalfMaps(first, second), sum(map(len, rows))
