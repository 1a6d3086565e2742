"""Maps brought to the grid of the particles: another box, another voxel size, padded or cropped."""

import logging
import os

import numpy as np

from gmmhet.engine.errors import InputError
from gmmhet.engine.io.mrc import DensityMap, read_map
from gmmhet.engine.molecule.maps import face_level, field_of_view, resample_map
from gmmhet.engine.molecule.settings import FIELD
from gmmhet.engine.wording.input_errors import VOXEL_OF_ONE, a_field_of_view, a_voxel_size

__all__ = ["on_particle_grid", "read_density"]

_LOG = logging.getLogger("gmmhet")


def on_particle_grid(density: DensityMap, box: int, pixel_size: float, name: str | os.PathLike[str], *,
                     unit_voxel: bool = False) -> DensityMap:
    """A map in the frame of the particles, on their grid; its middle voxel box // 2 stays in the middle.

    A map of another voxel size is resampled by physical size, one of another field of view padded (with the level of
    its faces) or cropped.

    Args:
        box, pixel_size: of the particles; Angstrom. name: of the map, for messages.
        unit_voxel: whether a voxel size of 1 A in a map of the particles' box means that its size is not known.
    Raises:
        InputError: a map whose voxel size makes no sense beside the particles'.
    """
    if density.box == box and unit_voxel and density.pixel_size == 1 and abs(pixel_size - 1) > FIELD.same_voxel:
        _LOG.warning("%s: voxel size 1 Å in the header; taken as the particles' %.4g Å, since the box is theirs", name,
                     pixel_size)
        return DensityMap(density.data, pixel_size)
    same_voxel = abs(density.pixel_size / pixel_size - 1) < FIELD.same_voxel
    if density.box == box and same_voxel:
        return DensityMap(density.data, pixel_size)
    _refuse_wrong_voxels(density, box, pixel_size, name)
    _LOG.info("%s: %d voxels of %.4g Å %s the particles' %d of %.4g Å", name, density.box, density.pixel_size,
              "padded or cropped to" if same_voxel else "resampled to", box, pixel_size)
    if same_voxel:
        return _windowed(density, box, pixel_size)
    return resample_map(density, box, pixel_size)


def read_density(path: str | os.PathLike[str]) -> DensityMap:
    """Read a map of a molecule.

    Raises:
        InputError: as read_map; every voxel has the same value.
    """
    density = read_map(path)
    if not np.ptp(density.data):
        raise InputError(f"{path}: {density.data.flat[0]:g} in every voxel; expected the map of a molecule")
    return density


def _refuse_wrong_voxels(density: DensityMap, box: int, pixel_size: float, name: str | os.PathLike[str]) -> None:
    ours, theirs = field_of_view(density), box * pixel_size
    share = ours / theirs
    if abs(share - 1) <= FIELD.same_field or (density.box != box and FIELD.smallest <= share <= FIELD.largest):
        return
    why = VOXEL_OF_ONE if density.pixel_size == 1 else ""
    expected = a_voxel_size(pixel_size) if density.box == box else a_field_of_view(FIELD.smallest, FIELD.largest)
    raise InputError(f"{name}: map with a field of view of {ours:.4g} Å ({density.box} voxels of "
                     f"{density.pixel_size:.4g} Å), particles of {theirs:.4g} Å ({box} pixels of {pixel_size:.4g} Å); "
                     f"expected {expected}: the voxel size of the map or the pixel size of the particles is wrong{why}")


def _windowed(density: DensityMap, box: int, pixel_size: float) -> DensityMap:
    """Padded or cropped about the middle voxel, without interpolation."""
    old, start = density.box, box // 2 - density.box // 2
    first, last = max(start, 0), min(start + old, box)
    inner = slice(first, last)
    outer = slice(first - start, last - start)
    data = np.full((box,) * 3, face_level(density), np.float32)
    data[inner, inner, inner] = density.data[outer, outer, outer]
    return DensityMap(data, pixel_size)
