"""Small maps to look at: cut to the molecule, on a grid that turns quickly."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from gmmhet.engine.io import DensityMap
from gmmhet.engine.molecule.contour import contour_level
from gmmhet.engine.molecule.maps import dense_region, field_of_view, fourier_shell_correlation

__all__ = ["Thumbnails", "inside_molecule", "shell_correlation", "thumbnails"]

Volume = NDArray[np.float32]
_SIDE = 72  # voxels
_FINEST = 3.0  # voxels for one of the map


@dataclass(frozen=True)
class Thumbnails:
    """Maps of one size, and the contour that shows them all alike.

    Attributes:
        maps: [n, n, n] (z, y, x) each. mean: of all. level: density. pixel_size: Angstrom.
    """

    maps: tuple[Volume, ...]
    mean: Volume
    level: float
    pixel_size: float


def thumbnails(maps: Sequence[Volume], pixel_size: float) -> Thumbnails:
    """Cut maps [n, n, n] to what any of them shows at their common contour, and make them small.

    Args:
        pixel_size: Angstrom.
    """
    mean = DensityMap(np.mean(maps, axis=0, dtype=np.float32), pixel_size)
    level = contour_level(mean)
    middle = mean.box // 2
    dense = np.argwhere(np.max(maps, axis=0) > level) - middle
    reach = np.sqrt((dense**2).sum(axis=1)).max() if len(dense) else middle
    half = int(np.clip(np.ceil(reach) + 2, 4, middle))
    window = (slice(middle - half, middle + half),) * 3
    zoom = min(_SIDE / (2 * half), _FINEST)
    side = 2 * round(half * zoom)
    small = [_resampled(m[window], zoom, side) for m in maps]
    return Thumbnails(tuple(small), np.asarray(np.mean(small, axis=0), np.float32), level, pixel_size / zoom)


def _resampled(part: Volume, zoom: float, side: int) -> Volume:
    """[side] * 3 of a map, ``zoom`` voxels for one; middle voxels (n // 2) fall on each other."""
    offset = len(part) // 2 - side // 2 / zoom
    return np.asarray(ndimage.affine_transform(part, np.eye(3) / zoom, offset, (side,) * 3, order=1), np.float32)


def inside_molecule(data: Volume, pixel_size: float) -> NDArray[np.bool_]:
    """[n, n, n] where a map's molecule is, and one voxel around; everywhere where none stands out."""
    density = DensityMap(data, pixel_size)
    inside = dense_region(density, max(3 * pixel_size, field_of_view(density) / 24))
    return np.asarray(ndimage.binary_dilation(inside) if inside.any() else np.ones_like(inside))


def shell_correlation(first: DensityMap, second: DensityMap) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frequency (1/Angstrom) and Fourier shell correlation of two maps of one grid."""
    return fourier_shell_correlation(first.data, second.data, first.pixel_size)
