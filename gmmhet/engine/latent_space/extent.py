"""How far the molecule reaches, wherever in latent space particles have it."""

import numpy as np

from gmmhet.engine.latent_space.saved_analysis import Analysis
from gmmhet.engine.latent_space.settings import EXTENT
from gmmhet.engine.sampling import evenly_spread

__all__ = ["picture_pixel"]


def picture_pixel(analysis: Analysis, voxels: int) -> float:
    """Pixel (Angstrom) of maps of some voxels along an edge that hold the molecule, but reach no farther than the box
    of the particles."""
    model, z = analysis.model, analysis.coordinates
    some = z[evenly_spread(len(z), EXTENT.sample)]
    farthest = np.abs(analysis.deformation.centers(model.centers, some)).max(axis=(0, 2))
    reach = float((farthest + EXTENT.reach * model.sigmas).max())
    return 2 * min(reach, model.box * model.pixel_size / 2) / voxels
