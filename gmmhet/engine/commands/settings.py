"""Settings of the forecast: what stages take, in units of what is measured on the machine before a run."""

from dataclasses import dataclass

from gmmhet.engine.settings import setting

__all__ = ["FORECAST", "Forecast"]

_CHOSEN = "chosen, not measured"
_RUN = "the run in docs/speed"


@dataclass(frozen=True)
class Forecast:
    """How a short measurement becomes the time of a run. The measurement itself is made before each run."""

    particles: int = setting(64, "particles", "whose images are read, cropped and back-projected",
                             origin="a second or two")
    seconds: float = setting(1.0, "s", "for which scores are computed again and again", origin=_CHOSEN)
    least_passes: float = setting(150.0, "passes of scores with gradients", "that an analysis takes as long as, where "
                                  "few modes are tried", origin=f"half of {_RUN}")
    most_passes: float = setting(600.0, "passes of scores with gradients", "that an analysis takes as long as, where "
                                 "more modes and finer fields are tried, or motions are planted",
                                 origin=f"twice {_RUN}")
    directions: float = setting(1.2, "directions of a Gaussian", "among which modes are sought, from which follows on "
                                "how many particles they are", origin="a hinge: 98 of 88 Gaussians at 16 Å")
    finishing: float = setting(55.0, "passes of scores with gradients", "over all particles, that modes found on some "
                               "of them take to be finished and cross-fitted", origin="benchmarks/scale.py, hinge")
    composition: float = setting(60.0, "passes of scores with gradients", "that a search for what comes and goes takes "
                                 "as long as, where nothing does", origin="hinge11 and null of 800 particles of 32 px: "
                                 "57 and 61")
    traces: float = setting(25.0, "times the first score", "that graphs of an analysis take to be traced",
                            origin=_RUN)
    half_maps: float = setting(8.0, "half maps", "that a map takes as long as: two halves, the map of both within its "
                               "envelope, curves and local resolution", origin=_CHOSEN)
    measured_box: int = setting(96, "voxels", "edge of the map that is made for the measurement, at most; larger ones "
                                "grow as their voxels", origin=_CHOSEN)
    copies: int = setting(6, "arrays", "of twice the box that maps need beside what the check has taken",
                          origin=_CHOSEN)
    bytes_of_particle: int = setting(1500, "bytes", "of the tables of results and checkpoints for a particle",
                                     origin=_CHOSEN)
    maps_of_result: int = setting(6, "maps", "files for each map: itself, halves, local resolution, and frames of the "
                                  "model", origin="counted")


FORECAST = Forecast()
