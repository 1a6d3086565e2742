"""The part of the molecule that an analysis looks at."""

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.analysis.settings import FOCUS
from gmmhet.engine.errors import InputError
from gmmhet.engine.io import DensityMap, read_map
from gmmhet.engine.molecule.gaussians import GaussianModel

__all__ = ["gaussians_in_focus", "read_focus"]

_LOG = logging.getLogger("gmmhet")


def read_focus(path: Path, box: int, pixel_size: float) -> DensityMap:
    """A mask on the particles' grid.

    Raises:
        InputError: unreadable; of another grid; nowhere above one half.
    """
    mask = read_map(path)
    if mask.data.shape[0] != box or abs(mask.pixel_size / pixel_size - 1) > 1e-2:
        raise InputError(f"{path}: {mask.data.shape[0]} voxels of {mask.pixel_size:g} A; expected the grid of the "
                         f"particles, {box} of {pixel_size:g} A")
    if not (mask.data > FOCUS.edge).any():
        raise InputError(f"{path}: nowhere above {FOCUS.edge:g}; expected a mask, 1 where the part in focus is")
    return mask


def gaussians_in_focus(model: GaussianModel, path: Path | None, *, part: bool = False) -> NDArray[np.bool_]:
    """[N] Gaussians that may move: those within the mask; without one, all.

    Args:
        part: some have to stay outside.
    Raises:
        InputError: a mask of another grid, or without enough Gaussians in it (or, for a part, outside).
    """
    if path is None:
        return np.ones(len(model), bool)
    mask = read_focus(path, model.box, model.pixel_size)
    voxels = np.rint(model.centers / model.pixel_size).astype(np.int64) + model.box // 2
    voxels = np.clip(voxels, 0, model.box - 1)
    inside = np.asarray(mask.data[voxels[:, 2], voxels[:, 1], voxels[:, 0]] > FOCUS.edge)
    if inside.sum() < FOCUS.fewest:
        raise InputError(f"{path}: {inside.sum()} of {len(model)} Gaussians are where the mask is above "
                         f"{FOCUS.edge:g}; expected at least {FOCUS.fewest}")
    if part and inside.all():
        raise InputError(f"{path}: all {len(model)} Gaussians are in the mask; --local-pose expects a part of the "
                         "molecule, which moves in the rest")
    _LOG.info("%d of %d Gaussians are in focus", inside.sum(), len(model))
    return inside
