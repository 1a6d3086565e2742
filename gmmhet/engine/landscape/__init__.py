"""Any point of latent space: how many particles are near it, what the model looks like there, paths through it.

numpy and scipy alone: viewers use it in their own process.
"""

from gmmhet.engine.landscape.chart import Chart, Place
from gmmhet.engine.landscape.map_places import curve_through, write_curve
from gmmhet.engine.landscape.model_at import density_at, map_at, points_along
from gmmhet.engine.landscape.stage import PathChoice, map_points, movie_of, write_path
from gmmhet.engine.landscape.surface import surface_picture, turned
from gmmhet.engine.landscape.thumbnails import Thumbnails, inside_molecule, shell_correlation, thumbnails
from gmmhet.engine.latent_space.saved_analysis import Analysis, read_analysis
from gmmhet.engine.molecule.contour import contour_level

__all__ = [
    "Analysis", "Chart", "PathChoice", "Place", "Thumbnails", "contour_level", "curve_through", "density_at",
    "inside_molecule",
    "map_at", "map_points", "movie_of", "points_along", "read_analysis", "shell_correlation", "surface_picture",
    "thumbnails", "turned", "write_curve", "write_path",
]
