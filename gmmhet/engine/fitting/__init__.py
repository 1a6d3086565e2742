"""A map (or an atomic model) as Gaussians: seeds by density, refined against the map in Fourier space."""

from gmmhet.engine.fitting.halves import find_half_maps
from gmmhet.engine.fitting.stage import fit, fit_density

__all__ = ["find_half_maps", "fit", "fit_density"]
