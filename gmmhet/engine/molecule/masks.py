"""Masks of every command: read from a map of any range of values and any grid, as 0 (outside) to 1 (inside)."""

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.io.mrc import DensityMap, read_map
from gmmhet.engine.molecule.field import on_particle_grid
from gmmhet.engine.molecule.maps import dense_region, soft_edge
from gmmhet.engine.molecule.settings import MASK
from gmmhet.engine.wording.input_errors import A_MASK

__all__ = ["mask_of_values", "read_mask"]

_LOG = logging.getLogger("gmmhet")


def read_mask(path: Path, box: int, pixel_size: float) -> NDArray[np.float32]:
    """A mask on a grid, [box] * 3 from 0 to 1 (z, y, x).

    Masks of 0 to 255 or any other range are scaled; of density its dense region is taken, which is said. A mask on
    another grid is brought to this one as maps are.

    Args:
        box, pixel_size: of the grid; Angstrom.
    Raises:
        InputError: unreadable, of a field of view that cannot be the grid's, or nothing that can be a mask: one value
            other than 1 everywhere, inverted, or nowhere above one half.
    """
    given = read_map(path, unknown=1.0)
    mask = DensityMap(mask_of_values(given, path), given.pixel_size)
    values = np.clip(on_particle_grid(mask, box, pixel_size, path, unit_voxel=True).data, 0, 1)
    if not (values > 0.5).any():
        raise InputError(f"{path}: nowhere above 0.5 in the field of view of the particles; {A_MASK}")
    return values


def mask_of_values(given: DensityMap, name: Path) -> NDArray[np.float32]:
    """A map of any range of values as a mask, on its own grid.

    Raises:
        InputError: as :func:`read_mask`.
    """
    data = given.data
    low, high = float(data.min()), float(data.max())
    if abs(low - 1) <= MASK.tolerance and abs(high - 1) <= MASK.tolerance:
        return np.ones_like(data)  # the whole box
    if low == high:
        raise InputError(f"{name}: {low:g} in every voxel; {A_MASK}")
    within = low >= -MASK.tolerance and abs(high - 1) <= MASK.tolerance
    mask = data if within else (data - np.float32(low)) / np.float32(high - low)
    if not within and not _is_flat_inside(mask):
        return _of_density(given, name)
    faces = np.concatenate([np.take(mask, index, axis).ravel() for axis in range(3) for index in (0, -1)])
    if float((faces > 0.5).mean()) > MASK.faces:
        raise InputError(f"{name}: inside at the faces of the box: an inverted mask; {A_MASK}")
    if not within:
        _LOG.info("%s: a mask of %g to %g, taken as 0 to 1", name, low, high)
    return np.clip(mask, 0, 1)


def _is_flat_inside(mask: NDArray[np.float32]) -> bool:
    """Whether values from 0 to 1 are those of a mask: much of what is above one half is at the top."""
    above = int((mask > 0.5).sum())
    return above > 0 and int((mask > MASK.plateau).sum()) > MASK.inside * above


def _of_density(given: DensityMap, name: Path) -> NDArray[np.float32]:
    inside = dense_region(given, MASK.blur * given.pixel_size)
    if not inside.any():
        raise InputError(f"{name}: values from {given.data.min():g} to {given.data.max():g} without density above its "
                         f"surroundings; {A_MASK}")
    _LOG.warning("%s: values from %g to %g are density, not a mask: its dense region is taken, %.1f %% of the box",
                 name, given.data.min(), given.data.max(), 100 * inside.mean())
    return soft_edge(inside, 0.0, MASK.edge)
