"""Objects of the framework and files of the engine, joined by particle id."""

from gmmhet.convert.alignment import matrices_to_poses, poses_to_matrices
from gmmhet.convert.from_star import fill_set_of_particles
from gmmhet.convert.latents import fill_flexible_set, read_classes, read_latents
from gmmhet.convert.maps import map_file, read_fsc_curves
from gmmhet.convert.to_star import write_set_of_particles

__all__ = [
    "fill_flexible_set", "fill_set_of_particles", "map_file", "matrices_to_poses", "poses_to_matrices", "read_classes",
    "read_fsc_curves", "read_latents", "write_set_of_particles",
]
