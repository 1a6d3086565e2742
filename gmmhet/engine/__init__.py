"""The engine: numerics and files, without Scipion.

The names below are the Python interface: the stages of ``gmmhet run`` as functions, and what reads their results. They
are loaded when they are first used, so that ``import gmmhet.engine`` costs nothing::

    from pathlib import Path
    from gmmhet.engine import AnalyzeConfig, analyze, map_at, open_analysis

    analyze(Path("particles.star"), Path("model.npz"), AnalyzeConfig(modes=2), Path("analysis"))
    density = map_at(open_analysis(Path("analysis")), [0.5, -1.0])

Files are given as :class:`pathlib.Path`. Lengths are Angstrom and angles degrees. Bad input raises :class:`InputError`,
whose text names the file, the value and what was expected.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gmmhet.engine.analysis import analyze as analyze
    from gmmhet.engine.check import check as check_particles
    from gmmhet.engine.commands.run import run as run
    from gmmhet.engine.composition import compose as compose
    from gmmhet.engine.config import AnalyzeConfig as AnalyzeConfig
    from gmmhet.engine.config import CompositionConfig as CompositionConfig
    from gmmhet.engine.config import FitConfig as FitConfig
    from gmmhet.engine.config import ReconstructConfig as ReconstructConfig
    from gmmhet.engine.config import SimulateConfig as SimulateConfig
    from gmmhet.engine.errors import InputError as InputError
    from gmmhet.engine.export import Criteria as Criteria
    from gmmhet.engine.export import export as export_particles
    from gmmhet.engine.fitting import fit as fit
    from gmmhet.engine.io import DensityMap as DensityMap
    from gmmhet.engine.io import ParticleTable as ParticleTable
    from gmmhet.engine.io import read_map as read_map
    from gmmhet.engine.io import read_particles as read_particles
    from gmmhet.engine.io import write_map as write_map
    from gmmhet.engine.io import write_particles as write_particles
    from gmmhet.engine.landscape import Analysis as Analysis
    from gmmhet.engine.landscape import density_at as density_at
    from gmmhet.engine.landscape import map_at as map_at
    from gmmhet.engine.landscape import points_along as points_along
    from gmmhet.engine.landscape import read_analysis as open_analysis
    from gmmhet.engine.molecule.gaussians import GaussianModel as GaussianModel
    from gmmhet.engine.reconstruction import reconstruct as reconstruct
    from gmmhet.engine.report import write_report as write_report
    from gmmhet.engine.simulate import simulate as simulate_particles

#: where every name is, and what it is called there; two stages have the names of their folders
_HOMES = {
    "Analysis": "landscape.Analysis",
    "AnalyzeConfig": "config.AnalyzeConfig",
    "CompositionConfig": "config.CompositionConfig",
    "Criteria": "export.Criteria",
    "DensityMap": "io.DensityMap",
    "FitConfig": "config.FitConfig",
    "GaussianModel": "molecule.gaussians.GaussianModel",
    "InputError": "errors.InputError",
    "ParticleTable": "io.ParticleTable",
    "ReconstructConfig": "config.ReconstructConfig",
    "SimulateConfig": "config.SimulateConfig",
    "analyze": "analysis.analyze",
    "check_particles": "check.check",
    "compose": "composition.compose",
    "density_at": "landscape.density_at",
    "export_particles": "export.export",
    "fit": "fitting.fit",
    "map_at": "landscape.map_at",
    "open_analysis": "landscape.read_analysis",
    "points_along": "landscape.points_along",
    "read_map": "io.read_map",
    "read_particles": "io.read_particles",
    "reconstruct": "reconstruction.reconstruct",
    "run": "commands.run.run",
    "simulate_particles": "simulate.simulate",
    "write_map": "io.write_map",
    "write_particles": "io.write_particles",
    "write_report": "report.write_report",
}

__all__ = [
    "Analysis", "AnalyzeConfig", "CompositionConfig", "Criteria", "DensityMap", "FitConfig", "GaussianModel",
    "InputError", "ParticleTable", "ReconstructConfig", "SimulateConfig", "analyze", "check_particles", "compose",
    "density_at", "export_particles", "fit", "map_at", "open_analysis", "points_along", "read_map",
    "read_particles", "reconstruct", "run", "simulate_particles", "write_map", "write_particles", "write_report",
]

if not TYPE_CHECKING:  # a type checker sees the imports above, and misses names that are not there

    def __getattr__(name: str) -> object:
        """Load a name of the interface when it is first used (PEP 562)."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module, _, there = _HOMES[name].rpartition(".")
        found = getattr(import_module(f"{__name__}.{module}"), there)
        globals()[name] = found
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
