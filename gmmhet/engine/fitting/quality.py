"""How well Gaussians explain the molecule of a map."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.fitting.settings import FIT
from gmmhet.engine.fitting.spectrum import Spectrum
from gmmhet.engine.io.mrc import DensityMap
from gmmhet.engine.molecule.gaussians import GaussianModel
from gmmhet.engine.molecule.map_content import MapContent
from gmmhet.engine.molecule.maps import fourier_shell_correlation, low_pass, resolution_at
from gmmhet.engine.molecule.symmetry import symmetric_copies

__all__ = ["FitQuality", "quality_of", "share_inside"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class FitQuality:
    """Map and Gaussians compared within the molecule's soft mask, solvent level and spectrum of the map taken off.

    Attributes:
        frequency, curve: [box // 2] 1/Angstrom, and the Fourier shell correlation there.
        at_resolution: that at the resolution of the fit. resolution_half: Angstrom, where it falls to 0.5.
        plain: Fourier shell correlation at the resolution of the fit of the whole boxes, as they are: lower where the
            map has noise, an uneven solvent or other density around the molecule, which the Gaussians do not have.
        correlation: of the densities, both blurred to the resolution of the fit.
        inside: share of the Gaussians that lie in the molecule.
    """

    frequency: Array
    curve: Array
    at_resolution: float
    plain: float
    resolution_half: float
    correlation: float
    inside: float


def quality_of(model: GaussianModel, fitted: DensityMap, density: DensityMap, content: MapContent) -> FitQuality:
    """Compare the map of a model with the map that it was fitted to, on one grid."""
    d = model.resolution
    mask = content.mask(density.box, density.pixel_size, grow=FIT.compared * d, width=FIT.fade * d)
    wanted = content.without_solvent(density)
    spectrum = Spectrum.of(wanted, d)
    flat = [spectrum.flattened(one).data * mask for one in (wanted, fitted)]
    frequency, curve = fourier_shell_correlation(flat[0], flat[1], density.pixel_size)
    whole = fourier_shell_correlation(density.data, fitted.data, density.pixel_size)[1]
    first, second = (low_pass(one, d).data[mask > 0.5].astype(np.float64) for one in (wanted, fitted))
    norm = float(np.sqrt((first**2).sum() * (second**2).sum()))
    at, plain = (float(np.interp(1 / d, frequency, values)) for values in (curve, whole))
    return FitQuality(frequency, curve, at, plain, resolution_at(frequency, curve, 0.5),
                      float((first * second).sum()) / norm if norm > 0 else 0.0, share_inside(model, content))


def share_inside(model: GaussianModel, content: MapContent) -> float:
    """Share of the Gaussians of the whole molecule within the molecule or half a resolution of it."""
    box, pixel = content.grid.box, content.grid.pixel_size
    region = content.mask(box, pixel, grow=0.5 * model.resolution, width=0.0) > 0.5
    index = np.rint(symmetric_copies(model).centers[:, ::-1] / pixel).astype(np.int64) + box // 2
    held = ((index >= 0) & (index < box)).all(axis=1)
    return float(region[tuple(np.clip(index, 0, box - 1).T)][held].sum() / len(index))
