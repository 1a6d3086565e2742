"""Simulated particles with planted truth."""

from gmmhet.engine.simulate.dataset import Particles, clean_slices, consensus_map, draw_particles, simulate
from gmmhet.engine.simulate.molecules import Molecule
from gmmhet.engine.simulate.presets import Preset, preset
from gmmhet.engine.simulate.projection import density_map, frequency_grid, images_from_slices, projection_slices

__all__ = [
    "Molecule", "Particles", "Preset", "clean_slices", "consensus_map", "density_map", "draw_particles",
    "frequency_grid", "images_from_slices", "preset", "projection_slices", "simulate",
]
