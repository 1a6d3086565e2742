"""The density at which the surface of a map is drawn."""

from gmmhet.engine.io.mrc import DensityMap
from gmmhet.engine.molecule.maps import coarser_map, dense_region, field_of_view, solvent_level
from gmmhet.engine.molecule.settings import CONTOUR

__all__ = ["contour_level"]


def contour_level(mean: DensityMap) -> float:
    """Density half way from the solvent to the mean inside the molecule; where none stands out, half the highest."""
    blur = max(3 * mean.pixel_size, field_of_view(mean) / 24)
    work = coarser_map(mean, blur / 3)
    inside, solvent = dense_region(work, blur), solvent_level(work)
    height = float(work.data[inside].mean()) if inside.any() else float(work.data.max())
    return solvent + CONTOUR.share * (height - solvent)
