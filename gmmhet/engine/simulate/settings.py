"""Settings of simulated data sets: how particles are imaged, and how their mean map is computed."""

from dataclasses import dataclass

from gmmhet.engine.settings import setting

__all__ = ["CHAIN", "IMAGING", "MEAN_MAP", "Chain", "Imaging", "MeanMap"]

_COMMON = "chosen: common values"


@dataclass(frozen=True)
class Imaging:
    """The microscope, and how particles lie in their images."""

    voltage: float = setting(300.0, "kV", "of the microscope", origin=_COMMON)
    spherical_aberration: float = setting(2.7, "mm", "of the objective lens", origin=_COMMON)
    amplitude_contrast: float = setting(0.1, "fraction", "of the contrast transfer function", origin=_COMMON)
    defocus: tuple[float, float] = setting((20_000.0, 35_000.0), "Å", "range over the micrographs, both axes",
                                           origin=_COMMON)
    astigmatism: float = setting(500.0, "Å", "largest difference of the two defoci", origin=_COMMON)
    shift: float = setting(3.0, "pixels", "largest, per axis", origin="chosen")
    particles_per_micrograph: int = setting(50, "particles", "that share a defocus", origin="chosen")


@dataclass(frozen=True)
class Chain:
    """Random chains that fill a protein domain."""

    residue_volume: float = setting(133.0, "Å³", "of a residue: 110 Da of 1.21 Å³ each", origin="density of proteins")
    least_distance: float = setting(0.95, "of a step", "between beads that are not neighbours", origin="chosen")
    candidates: int = setting(48, "directions", "tried for each bead", origin="chosen")
    taken_back: int = setting(15, "beads", "removed where a chain cannot grow", origin="chosen")


@dataclass(frozen=True)
class MeanMap:
    """The mean map of all particles."""

    most_values: int = setting(128, "values", "of a coordinate that are summed one by one; more are put on a grid",
                               origin="run time")
    grid: int = setting(64, "values", "of that grid, with linear interpolation", origin="run time")
    tolerance: float = setting(1e-6, "relative", "error of the sums over frequencies", origin="single precision")


IMAGING = Imaging()
CHAIN = Chain()
MEAN_MAP = MeanMap()
