"""Maps made small enough for a page: cut to the molecule, band-limited, eight bits a voxel, one scale a series."""

import base64
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.io import read_map

__all__ = ["Grid", "molecule_grid", "pack", "pack_series", "resample", "typical_density"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """Sampling of a packed volume: voxel (iz, iy, ix) lies at origin + pixel (ix, iy, iz), Angstrom, xyz."""

    shape: tuple[int, int, int]
    origin: tuple[float, float, float]
    pixel: float


def molecule_grid(low: Floats, high: Floats, *, box_length: float, finest: float, largest_side: int) -> Grid:
    """A grid over the molecule.

    Args:
        low, high: [3] xyz, corners of what is to be shown, Angstrom from the map's origin; cut to the box.
        box_length: Angstrom. finest: smallest voxel worth having, Angstrom. largest_side: voxels.
    """
    low = np.maximum(low, -box_length / 2)
    high = np.minimum(high, box_length / 2)
    pixel = max(finest, float((high - low).max()) / (largest_side - 1))
    count = np.maximum(np.floor((high - low) / pixel).astype(int) + 1, 2)
    return Grid((int(count[2]), int(count[1]), int(count[0])), (float(low[0]), float(low[1]), float(low[2])), pixel)


def resample(data: NDArray[np.float32], pixel_size: float, grid: Grid) -> NDArray[np.float32]:
    """Band-limited values of a periodic map at the grid's points.

    Frequencies above the grid's Nyquist frequency are left out. One matrix an axis: row m holds the Dirichlet
    kernel (1 + 2 sum_{k=1..h} cos(2 pi k (x_m - x_n) / L)) / box, which is trigonometric interpolation.

    Args:
        data: [box, box, box] (z, y, x), origin at voxel box // 2. pixel_size: Angstrom.
    Returns:
        [grid.shape] (z, y, x).
    """
    box = data.shape[0]
    length = box * pixel_size
    highest = min((box - 1) // 2, max(int(length / (2 * grid.pixel)), 1))
    voxels = (np.arange(box) - box // 2) * pixel_size
    out = data
    for axis in range(3):
        points = grid.origin[2 - axis] + grid.pixel * np.arange(grid.shape[axis])
        phase = 2 * np.pi / length * (points[:, None] - voxels)
        kernel = np.ones_like(phase)
        for k in range(1, highest + 1):
            kernel += 2 * np.cos(k * phase)
        out = np.moveaxis(np.tensordot((kernel / box).astype(np.float32), out, axes=(1, axis)), 0, axis)
    return np.ascontiguousarray(out)


def typical_density(volume: NDArray[np.float32], grid: Grid, centers: Floats) -> float:
    """Median value at the Gaussians' centres (nearest voxel): what "inside the molecule" is in this map's units."""
    index = np.rint((centers - np.array(grid.origin)) / grid.pixel).astype(int)
    index = np.clip(index, 0, np.array(grid.shape)[::-1] - 1)
    return float(np.median(volume[index[:, 2], index[:, 1], index[:, 0]]))


def pack(array: NDArray[np.float32] | NDArray[np.uint8] | NDArray[np.uint16]) -> str:
    """The bytes of an array (little endian), deflated (zlib), base64."""
    little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"))
    return base64.b64encode(zlib.compress(little.tobytes(), 9)).decode("ascii")


def pack_series(paths: Sequence[Path], grid: Grid, centers: Floats, *, level: float = 0.4) -> dict[str, object]:
    """Maps on one grid with one greyscale and one threshold.

    Args:
        level: iso-level as a share of the density typical inside the molecule, over the whole series.
    Returns:
        grid, low, high (density of grey values 0 and 255), level (density) and the packed volumes.
    Raises:
        InputError: a map cannot be read, or the maps are of different size.
    """
    volumes: list[NDArray[np.float32]] = []
    first: tuple[int, float] | None = None
    for path in paths:
        density = read_map(path)
        first = first or (density.box, density.pixel_size)
        if density.box != first[0] or abs(density.pixel_size / first[1] - 1) > 1e-3:
            raise InputError(f"{path}: box {density.box}, {density.pixel_size:g} Å; expected {first[0]}, {first[1]:g} "
                             f"A as in {paths[0].name}")
        volumes.append(resample(density.data, density.pixel_size, grid))
    low = float(min(np.percentile(v, 0.5) for v in volumes))
    high = float(max(np.percentile(v, 99.95) for v in volumes))
    high = high if high > low else low + 1.0
    inside = float(np.mean([typical_density(v, grid, centers) for v in volumes]))
    packed = [pack(np.clip(np.rint((v - low) / (high - low) * 255), 0, 255).astype(np.uint8)) for v in volumes]
    threshold = level * inside if inside > 0 else 0.5 * high
    return {"grid": {"shape": grid.shape, "origin": grid.origin, "pixel": grid.pixel}, "low": low, "high": high,
            "level": min(max(threshold, low + 0.02 * (high - low)), low + 0.98 * (high - low)), "volumes": packed}
