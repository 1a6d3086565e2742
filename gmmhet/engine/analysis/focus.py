"""The part of the molecule that an analysis looks at."""

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.analysis.settings import FOCUS
from gmmhet.engine.errors import InputError
from gmmhet.engine.molecule.gaussians import GaussianModel
from gmmhet.engine.molecule.masks import read_mask

__all__ = ["gaussians_in_focus"]

_LOG = logging.getLogger("gmmhet")


def gaussians_in_focus(model: GaussianModel, path: Path | None, *, part: bool = False) -> NDArray[np.bool_]:
    """[N] Gaussians that may move: those within the mask; without one, all.

    Args:
        part: some have to stay outside.
    Raises:
        InputError: no mask, or one without enough Gaussians in it (or, for a part, outside).
    """
    if path is None:
        return np.ones(len(model), bool)
    mask = read_mask(path, model.box, model.pixel_size)
    voxels = np.rint(model.centers / model.pixel_size).astype(np.int64) + model.box // 2
    voxels = np.clip(voxels, 0, model.box - 1)
    inside = np.asarray(mask[voxels[:, 2], voxels[:, 1], voxels[:, 0]] > FOCUS.edge)
    if inside.sum() < FOCUS.fewest:
        raise InputError(f"{path}: {inside.sum()} of {len(model)} Gaussians are where the mask is above "
                         f"{FOCUS.edge:g}; expected at least {FOCUS.fewest}")
    if part and inside.all():
        raise InputError(f"{path}: all {len(model)} Gaussians are in the mask; --local-pose expects a part of the "
                         "molecule, which moves in the rest")
    _LOG.info("%d of %d Gaussians are in focus", inside.sum(), len(model))
    return inside
