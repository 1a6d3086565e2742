"""Options of the stages, checked. Lengths Angstrom, angles degrees."""

from gmmhet.engine.config.analyze import AnalyzeConfig
from gmmhet.engine.config.composition import CompositionConfig
from gmmhet.engine.config.fit import FitConfig
from gmmhet.engine.config.limits import FEWEST_PARTICLES, MOST_MODES, MOST_TRIED
from gmmhet.engine.config.reconstruct import AT_POINTS, ReconstructConfig, sharpening_b
from gmmhet.engine.config.shared import check_symmetry
from gmmhet.engine.config.simulate import PRESETS, SimulateConfig
from gmmhet.engine.options import result_options

__all__ = ["AT_POINTS", "FEWEST_PARTICLES", "MOST_MODES", "MOST_TRIED", "PRESETS", "AnalyzeConfig",
           "CompositionConfig", "FitConfig",
           "ReconstructConfig", "SimulateConfig", "check_symmetry", "result_options", "sharpening_b"]
