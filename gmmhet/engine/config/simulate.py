"""Options of gmmhet simulate."""

from dataclasses import dataclass

from gmmhet.engine.config.shared import Seeded
from gmmhet.engine.options import NOT_NEGATIVE, POSITIVE, Choice, Choices, Typed, check_options, option

__all__ = ["PRESETS", "SimulateConfig"]

_OF_THE_PRESET = "that of the preset"
_PRESET = Choices([
    Choice("hinge11", help="a domain turns about a hinge"), Choice("null", help="nothing moves"),
    Choice("twostate", help="a domain is absent from half of the particles"),
    Choice("ring14", help="14 subunits of D7, each with a hinge"),
    Choice("turning", help="an arm of an antibody turns by any angle"), Choice("twomotions", help="two hinges"),
    Choice("hingedomain", help="a hinge, and a domain that is absent from part of the particles"),
    Choice("fourmotions", help="four hinges"),
    Choice("membrane", help="a domain on a hinge above a bundle in a belt of detergent"),
])
PRESETS = tuple(str(value) for value in _PRESET.values)


@dataclass(frozen=True)
class SimulateConfig(Seeded):
    """gmmhet simulate. Pose errors: standard deviation per Euler angle and per axis."""

    preset: str = option("hinge11", "molecule and motion", check=_PRESET, typed=Typed(basic=True))
    particles: int | None = option(None, "number of particles", otherwise=_OF_THE_PRESET, check=POSITIVE,
                                  typed=Typed(basic=True))
    box: int | None = option(None, "box of the images", unit="pixels", otherwise=_OF_THE_PRESET, check=POSITIVE)
    pixel_size: float | None = option(None, "pixel size", unit="Å", otherwise=_OF_THE_PRESET, check=POSITIVE)
    snr: float | None = option(None, "signal-to-noise ratio: variance of the CTF-modulated images over that of the "
                               "noise, over all pixels", otherwise=_OF_THE_PRESET, check=POSITIVE)
    angle_error: float = option(0.0, "standard deviation of the errors of rot, tilt and psi in particles.star",
                                unit="degrees", check=NOT_NEGATIVE)
    shift_error: float = option(0.0, "standard deviation of the errors of the origins in particles.star, per axis",
                                unit="Å", check=NOT_NEGATIVE)

    def __post_init__(self) -> None:
        check_options(self)
