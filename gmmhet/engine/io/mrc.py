"""MRC maps and image stacks."""

import math
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.io.safe_writing import replacing

__all__ = ["DensityMap", "header_pixel_size", "open_mrc_stack", "read_map", "write_map", "write_stack"]


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


def _open(path: str | os.PathLike[str]) -> Any:
    """Memory-map an MRC file; an empty machine stamp is tolerated, a short file is not."""
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file; expected an MRC file")
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        try:
            handle = mrcfile.mmap(path, mode="r", permissive=True)
        except (ValueError, OSError) as error:
            raise InputError(f"{path}: not a readable MRC file ({error})") from None
    if handle.data is None:
        reason = "; ".join(str(w.message) for w in found) or "no data block"
        raise InputError(f"{path}: not a readable MRC file, or truncated ({reason})")
    if handle.data.dtype.kind == "c":
        raise InputError(f"{path}: holds complex numbers (a transform); expected real images or density")
    return handle


def read_map(path: str | os.PathLike[str], *, pixel_size: float | None = None) -> DensityMap:
    """Read a cubic map.

    Args:
        pixel_size: Angstrom; overrides the header.
    Raises:
        InputError: missing, truncated, not cubic, not finite, or without a pixel size.
    """
    with _open(path) as handle:
        data = np.array(handle.data, dtype=np.float32)
        size = float(handle.voxel_size.x) if pixel_size is None else float(pixel_size)
    if data.ndim != 3 or len(set(data.shape)) != 1:
        raise InputError(f"{path}: shape {data.shape}; expected a cubic map")
    if not np.isfinite(data).all():
        raise InputError(f"{path}: holds NaN or infinite voxels; expected finite density")
    if not size > 0:
        raise InputError(f"{path}: voxel size {size} in the header; expected a positive number of Angstrom")
    return DensityMap(data, size)


def write_map(path: str | os.PathLike[str], data: NDArray[Any], pixel_size: float) -> None:
    """Write a map (z, y, x) as float32 with its pixel size (Angstrom); appears only when whole."""
    with replacing(path) as temporary, mrcfile.new(temporary, overwrite=True) as handle:
        handle.set_data(np.asarray(data, dtype=np.float32))
        handle.voxel_size = pixel_size


def open_mrc_stack(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Memory-mapped images [n, y, x] of a stack, whatever its dtype.

    Raises:
        InputError: missing, truncated, or not a stack of images.
    """
    data = _unstamped_bytes(Path(path))
    if data is None:
        data = _open(path).data
    if data.ndim == 2:
        data = data[None]
    if data.ndim != 3:
        raise InputError(f"{path}: {data.ndim} dimensions; expected a stack of 2D images")
    return np.asarray(data) if not isinstance(data, np.memmap) else data


def _unstamped_bytes(path: Path) -> NDArray[np.int8] | None:
    """Images of single bytes (mode 0, the same in either byte order) whose header is big-endian and does not say so."""
    if not path.is_file():
        return None
    header = np.fromfile(path, ">i4", 54)
    if len(header) < 54 or header[53] != 0 or header[3] != 0 or not (header[:3] > 0).all() or header[0] >= 1 << 16:
        return None
    shape, start = tuple(int(v) for v in header[2::-1]), 1024 + int(header[23])
    if start < 1024 or path.stat().st_size < start + math.prod(shape):
        return None
    return np.memmap(path, np.int8, "r", start, shape)


def header_pixel_size(path: str | os.PathLike[str]) -> float | None:
    """Angstrom, of an MRC file that tells one; None for other files. Raises InputError as :func:`open_mrc_stack`."""
    if Path(path).suffix.lower() not in (".mrc", ".mrcs"):
        return None
    with _open(path) as handle:
        size = float(handle.voxel_size.x)
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
