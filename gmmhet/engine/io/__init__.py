"""Files in and out: maps, stacks, particle metadata."""

from gmmhet.engine.io.arrays import write_arrays
from gmmhet.engine.io.folders import made_by, remove_files
from gmmhet.engine.io.image_signs import with_image_signs
from gmmhet.engine.io.layout import optics_table
from gmmhet.engine.io.mapped import rows_of
from gmmhet.engine.io.mrc import DensityMap, read_map, write_map, write_stack
from gmmhet.engine.io.particles import Optics, ParticleTable, check_images, without_results
from gmmhet.engine.io.reading import read_particles
from gmmhet.engine.io.relion_optics import optics_groups
from gmmhet.engine.io.result_columns import current_name
from gmmhet.engine.io.safe_writing import locked, output_folder, replacing
from gmmhet.engine.io.selection import write_particles, write_selection
from gmmhet.engine.io.stacks import file_beside, folders_above, open_stack
from gmmhet.engine.io.star import StarTable, read_star, table_from, write_star
from gmmhet.engine.io.texts import number_texts

__all__ = [
    "DensityMap", "Optics", "ParticleTable", "StarTable", "check_images", "current_name", "file_beside",
    "folders_above", "locked", "made_by", "number_texts", "open_stack", "optics_groups", "optics_table",
    "output_folder", "read_map", "read_particles", "read_star", "remove_files", "replacing", "rows_of", "table_from",
    "with_image_signs", "without_results", "write_arrays", "write_map", "write_particles", "write_selection",
    "write_stack", "write_star",
]
