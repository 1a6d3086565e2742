"""Any point of latent space: how many particles are near it, what the model looks like there, paths through it.

numpy and scipy alone: viewers use it in their own process.
"""

from gmmhet.engine.landscape.chart import Chart, Place
from gmmhet.engine.landscape.model_at import density_at, map_at, points_along
from gmmhet.engine.landscape.stage import PathChoice, map_points, movie_of, write_path
from gmmhet.engine.latent_space.saved_analysis import Analysis, read_analysis

__all__ = [
    "Analysis", "Chart", "PathChoice", "Place", "density_at", "map_at", "map_points", "movie_of", "points_along",
    "read_analysis", "write_path",
]
