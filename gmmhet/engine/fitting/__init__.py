"""A map (or an atomic model) as Gaussians: seeds by density, refined against the map in Fourier space."""

from gmmhet.engine.fitting.stage import fit, fit_density

__all__ = ["fit", "fit_density"]
