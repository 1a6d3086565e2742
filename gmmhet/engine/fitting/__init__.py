"""A map (or an atomic model) as Gaussians: seeds by density, refined against the map in Fourier space."""

from gmmhet.engine.fitting.density import gaussian_density
from gmmhet.engine.fitting.stage import fit

__all__ = ["fit", "gaussian_density"]
