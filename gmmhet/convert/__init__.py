"""Objects of the framework and files of the engine, joined by particle id."""

from gmmhet.convert.alignment import matrices_to_poses, poses_to_matrices, viewing_directions
from gmmhet.convert.atoms import PseudoAtoms, read_pseudo_atoms
from gmmhet.convert.companions import Companions, find_companions
from gmmhet.convert.from_star import check_particles, fill_set_of_particles
from gmmhet.convert.latents import check_points, fill_flexible_set, read_classes, read_latents
from gmmhet.convert.maps import check_map, half_map_files, link_map, map_file, read_fsc_curves, read_volume
from gmmhet.convert.selection import class_members, fill_selection, particle_ids, write_row_numbers
from gmmhet.convert.sets import (
    UNMASKED,
    fill_classes,
    fill_curve_set,
    fill_flexible_map_set,
    fill_map_set,
    fill_motion_sets,
)
from gmmhet.convert.summaries import (
    AnalysisSummary,
    CompositionSummary,
    FrameRecord,
    MapRecord,
    MapsSummary,
    ModeRecord,
    read_analysis_summary,
    read_composition_summary,
    read_maps_summary,
    read_model_summary,
)
from gmmhet.convert.to_star import check_set, coordinates_of, count_modes, write_set_of_particles

__all__ = [
    "UNMASKED", "AnalysisSummary", "Companions", "CompositionSummary", "FrameRecord", "MapRecord", "MapsSummary",
    "ModeRecord", "PseudoAtoms", "check_map", "check_particles", "check_points", "check_set", "class_members",
    "coordinates_of", "count_modes", "fill_classes", "fill_curve_set", "fill_flexible_map_set", "fill_flexible_set",
    "fill_map_set", "fill_motion_sets", "fill_selection", "fill_set_of_particles", "find_companions",
    "half_map_files", "link_map", "map_file", "matrices_to_poses", "particle_ids", "poses_to_matrices",
    "read_analysis_summary", "read_classes", "read_composition_summary", "read_fsc_curves", "read_latents",
    "read_maps_summary", "read_model_summary", "read_pseudo_atoms", "read_volume", "viewing_directions",
    "write_row_numbers", "write_set_of_particles",
]
