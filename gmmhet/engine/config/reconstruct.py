"""Options of gmmhet reconstruct."""

import math
from dataclasses import dataclass
from pathlib import Path

from gmmhet.engine.config.shared import Resumable, Seeded
from gmmhet.engine.errors import InputError
from gmmhet.engine.options import (
    POSITIVE,
    Choice,
    Choices,
    Content,
    OnForm,
    Typed,
    Where,
    check_options,
    option,
    point_group,
)

__all__ = ["AT_POINTS", "ReconstructConfig", "sharpening_b"]

_BY = Choices([
    Choice("bins", help="ranges of the coordinate with equal numbers of particles"),
    Choice("clusters", help="clusters of all coordinates, in order along the mode"),
    Choice("kernel", help="at points along the mode, each part and frequency band from as few particles as its motion "
           "requires"),
    Choice("motion", help="at points along the mode, motion-corrected maps from all particles"),
    Choice("states", help="the states of gmmhet composition, whose particles.star is then given as --latents",
           on_form=False),
])
_CROSS_FIT = Choices([Choice("no"), Choice("yes", help="needs an analysis with --cross-coordinates yes")])
#: the choices of ``by`` that make maps at points
AT_POINTS = ("kernel", "motion")


def sharpening_b(text: str, flag: str = "B factor") -> float:
    """A B factor in square Angstrom; negative ones sharpen, as in RELION.

    Args:
        flag: name of the text, in the message.
    Raises:
        InputError: not a negative number.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not -math.inf < value < 0:
        raise InputError(f"{flag} is {text!r}; expected none, auto or a negative B factor in square Angstrom, such "
                         "as -80")
    return value


def _check_sharpen(flag: str, text: str) -> str:
    text = text.strip() or "none"
    if text not in ("none", "auto"):
        sharpening_b(text, flag)
    return text


@dataclass(frozen=True)
class ReconstructConfig(Seeded, Resumable):
    """gmmhet reconstruct."""

    by: str = option("bins", "how particles are assigned to maps", check=_BY, form=OnForm(
        "Output mode", advanced=True, when="to kernel where few particles are in each map, to motion for the sharpest "
        "maps of parts that move as bodies, to clusters for separate states"), typed=Typed(basic=True))
    mode: int = option(
        1, "mode along which maps are made, from 1", check=POSITIVE,
        form=OnForm("Mode", when="to see the other motions"), typed=Typed(basic=True))
    n: int = option(5, "number of maps", check=POSITIVE, form=OnForm(
        "Number of maps", name="nMaps", when="to more for large sets; each map has that share of the particles"),
        typed=Typed(basic=True))
    points: Path | None = option(
        None, "with kernel or motion: table of points (.csv) with columns latent1,latent2,..., as gmmhet path writes "
        "it; a map at each", otherwise="points along the mode",
        form=OnForm("Points", name="pointsFile", advanced=True, where=Where("by", AT_POINTS),
                    when="to follow a path through several modes"),
        typed=Typed(instead_of=("n", "the table has the points")))
    mask: Path | None = option(
        None, "soft mask (.mrc) for the Fourier shell correlation, on the grid of the particles",
        otherwise="made from every map", form=OnForm(
            "Mask", name="inputMask", advanced=True, content=Content.MASK,
            when="where a micelle or a flexible part makes the resolution look worse"))
    symmetry: str = option("C1", "point group that is applied to every map; only for a motion that has it itself",
                           check=point_group, form=OnForm("Symmetry", advanced=True, when="hardly ever"))
    cross_fit: str = option(
        "no", "sort each half of an image's Fourier pixels by the coordinates from the other half, so that maps are "
        "free of the noise that coordinates follow; the coordinates are less precise", check=_CROSS_FIT,
        form=OnForm("Cross-fitted maps", advanced=True, when="to yes where maps are to show that a motion is there"))
    sharpen: str = option(
        "none", "also write sharpened maps, all with one B factor: a negative number, or auto, by the decay of their "
        "amplitudes beyond 10 Å", unit="Å²", check=_check_sharpen,
        form=OnForm("Sharpen", advanced=True, when="to show the maps"), typed=Typed(metavar="none|auto|B"))

    def __post_init__(self) -> None:
        if self.points is not None and self.by not in AT_POINTS:
            raise InputError(f"--points is given and --by is {self.by}; expected --by kernel or motion, maps at points")
        check_options(self)
        if self.by == "motion" and self.symmetry != "C1":
            raise InputError(f"--symmetry is {self.symmetry} and --by is motion; expected C1: parts that move apart "
                             "have no symmetry")
