"""Simulated particles with planted truth."""

from gmmhet.engine.config.realism import Realism
from gmmhet.engine.simulate.consensus import consensus_map, refined_map
from gmmhet.engine.simulate.dataset import simulate
from gmmhet.engine.simulate.molecules import Molecule
from gmmhet.engine.simulate.particles import Particles, clean_slices, draw_particles
from gmmhet.engine.simulate.pose_errors import with_pose_errors
from gmmhet.engine.simulate.presets import Preset, preset, ring_covariance
from gmmhet.engine.simulate.projection import density_map, frequency_grid, images_from_slices, projection_slices
from gmmhet.engine.simulate.real_noise import RealNoise

__all__ = [
    "Molecule", "Particles", "Preset", "RealNoise", "Realism", "clean_slices", "consensus_map", "density_map",
    "draw_particles", "frequency_grid", "images_from_slices", "preset", "projection_slices", "refined_map",
    "ring_covariance", "simulate", "with_pose_errors",
]
