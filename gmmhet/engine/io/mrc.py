"""MRC maps and image stacks."""

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.io.grey_values import outlier
from gmmhet.engine.io.mrc_header import MrcHeader, mapped_data, read_header, unpacked
from gmmhet.engine.io.safe_writing import replacing
from gmmhet.engine.io.settings import HEADERS

__all__ = ["DensityMap", "header_pixel_size", "open_mrc_stack", "read_map", "write_map", "write_stack"]

_LOG = logging.getLogger("gmmhet")
_VOLUME_STACK = 401  # space group of a stack of maps, and more


@dataclass(frozen=True)
class DensityMap:
    """A cubic map.

    Attributes:
        data: [box, box, box] (z, y, x) float32.
        pixel_size: Angstrom.
    """

    data: NDArray[np.float32]
    pixel_size: float

    @property
    def box(self) -> int:
        return int(self.data.shape[0])


def read_map(path: str | os.PathLike[str], *, pixel_size: float | None = None, unknown: float = 0.0) -> DensityMap:
    """Read a cubic map, which may be packed (.mrc.gz, .map.gz, .bz2), with its axes in any order.

    The middle voxel box // 2 is the origin, as refinement programs have it; an origin in the header is not used, and
    said where it is another one.

    Args:
        pixel_size: Angstrom; overrides the header. unknown: the same where the header has none.
    Raises:
        InputError: missing, truncated, not cubic, not finite, without a voxel size or with uneven ones, or with one
            voxel that outweighs all others.
    """
    header, stored = unpacked(path)
    data = np.array(header.along_axes(stored), np.float32, order="C")
    if len(set(data.shape)) != 1:
        raise InputError(f"{path}: shape {data.shape}; expected a cubic map")
    if not np.isfinite(data).all():
        raise InputError(f"{path}: holds NaN or infinite voxels; expected finite density")
    place = outlier(data)
    if place is not None:
        z, y, x = (int(i) for i in np.unravel_index(place, data.shape))
        raise InputError(f"{path}: voxel x {x}, y {y}, z {z} (from 0) is {data[z, y, x]:g}, far beyond all others; "
                         "expected density of one scale")
    size = _even_voxel_size(header) or unknown if pixel_size is None else float(pixel_size)
    if not size > 0:
        raise InputError(f"{path}: voxel size {size:g} in the header; expected a positive number of Angstrom")
    _name_origin(header, len(data), size)
    return DensityMap(data, size)


def _even_voxel_size(header: MrcHeader) -> float:
    """Angstrom; 0 where the header has none."""
    x, y, z = header.voxel_size
    largest = max(x, y, z)
    if min(x, y, z) > 0 and largest - min(x, y, z) > HEADERS.uneven_voxels * largest:
        raise InputError(f"{header.path}: voxels of {x:.4g} x {y:.4g} x {z:.4g} Å; expected the same size along x, y "
                         "and z")
    return x if min(x, y, z) > 0 else 0.0


def _name_origin(header: MrcHeader, box: int, size: float) -> None:
    """Warn of an origin that is neither the corner nor the middle of the map."""
    start = np.array(header.origin) / size
    if not np.isfinite(start).all() or not np.any(start):
        start = np.zeros(3)
        if sorted(header.axes) == [1, 2, 3]:
            start[[axis - 1 for axis in header.axes]] = header.start
    if all(np.abs(start - known).max() > HEADERS.off_centre for known in (0, -0.5 * box)):
        _LOG.warning("%s: its header puts the first voxel at (%.1f, %.1f, %.1f) Å; this is not used: the middle voxel "
                     "is taken as the centre of the particles", header.path, *(start * size))


def write_map(path: str | os.PathLike[str], data: NDArray[Any], pixel_size: float) -> None:
    """Write a map (z, y, x) as float32 with its pixel size (Angstrom); appears only when whole."""
    with replacing(path) as temporary, mrcfile.new(temporary, overwrite=True) as handle:
        handle.set_data(np.asarray(data, dtype=np.float32))
        handle.voxel_size = pixel_size


def open_mrc_stack(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Memory-mapped images [n, y, x] of a stack, whatever its dtype.

    Raises:
        InputError: missing, truncated, packed, or not a stack of images.
    """
    header = read_header(Path(path))
    if header.space_group >= _VOLUME_STACK:
        raise InputError(f"{path}: a stack of 3D maps; expected a stack of 2D images")
    return mapped_data(header)


def header_pixel_size(path: str | os.PathLike[str]) -> float | None:
    """Angstrom, of an MRC file that has one; None for other files. Raises InputError as :func:`open_mrc_stack`."""
    if Path(path).suffix.lower() not in (".mrc", ".mrcs"):
        return None
    size = read_header(Path(path)).voxel_size[0]
    return size if size > 0 else None


def write_stack(path: str | os.PathLike[str], shape: tuple[int, int, int], pixel_size: float, batches: Any) -> None:
    """Write a float32 image stack of the given shape from an iterable of [b, y, x] batches, in order."""
    with replacing(path) as temporary:
        with mrcfile.new_mmap(temporary, shape=shape, mrc_mode=2, overwrite=True) as handle:
            with open(temporary, "r+b") as whole:  # a full disk is told here; written through the map it would kill
                os.posix_fallocate(whole.fileno(), 0, os.fstat(whole.fileno()).st_size)
            start = 0
            for batch in batches:
                handle.data[start:start + len(batch)] = batch
                start += len(batch)
            handle.set_image_stack()
            handle.voxel_size = (pixel_size, pixel_size, pixel_size)
        if start != shape[0]:
            raise ValueError(f"{start} images given, {shape[0]} announced")
