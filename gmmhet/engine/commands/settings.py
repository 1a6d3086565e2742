"""Settings of the forecast: what stages take, in units of what is measured on the machine before a run."""

from dataclasses import dataclass

from gmmhet.engine.settings import setting

__all__ = ["FORECAST", "Forecast"]

_MEASURED = "measured, see docs/speed"


@dataclass(frozen=True)
class Forecast:
    """How a short measurement becomes the time of a run. The measurement itself is made before each run."""

    particles: int = setting(64, "particles", "whose images are read, cropped and back-projected",
                             origin="a second or two")
    seconds: float = setting(1.0, "s", "for which scores are computed again and again", origin="chosen, not measured")
    scores: int = setting(9, "passes", "of scores before the analysis: of a sample at given and shuffled poses, and of "
                          "all with gradients", origin="counted")
    least_passes: float = setting(150.0, "passes of scores with gradients", "that an analysis takes as long as, where "
                                  "few modes are tried", origin=_MEASURED)
    most_passes: float = setting(600.0, "passes of scores with gradients", "that an analysis takes as long as, where "
                                 "more modes and finer fields are tried, or motions are planted", origin=_MEASURED)
    traces: float = setting(25.0, "times the first score", "that graphs of an analysis take to be traced",
                            origin=_MEASURED)
    half_maps: float = setting(8.0, "half maps", "that a map takes as long as: two halves, the map of both within its "
                               "envelope, curves and local resolution", origin=_MEASURED)
    measured_box: int = setting(96, "voxels", "edge of the map that is made for the measurement, at most; larger ones "
                                "grow as their voxels", origin="chosen, not measured")
    copies: int = setting(6, "arrays", "of twice the box that maps need beside those of the half maps made at once",
                          origin="counted")
    bytes_of_particle: int = setting(1500, "bytes", "of the tables of results and checkpoints for a particle",
                                     origin="files of a run of 3,000 particles")
    maps_of_result: int = setting(6, "maps", "files for each map: itself, halves, local resolution, and frames of the "
                                  "model", origin="counted")


FORECAST = Forecast()
