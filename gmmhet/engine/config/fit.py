"""Options of gmmhet fit."""

from dataclasses import dataclass
from pathlib import Path

from gmmhet.engine.config.shared import Seeded
from gmmhet.engine.errors import InputError
from gmmhet.engine.options import COUNT_OR_AUTO, POSITIVE, Content, OnForm, Typed, check_options, option, point_group

__all__ = ["FitConfig"]


@dataclass(frozen=True)
class FitConfig(Seeded):
    """gmmhet fit."""

    n_gaussians: int | None = option(
        None, "number of Gaussians", otherwise="from the volume of the molecule and the resolution", check=POSITIVE,
        form=OnForm("Number of Gaussians", advanced=True, when="to fewer to save time"),
        typed=Typed(spelling=COUNT_OR_AUTO))
    resolution: float | None = option(
        None, "resolution of the Gaussian model", unit="Å", otherwise="that of the map", check=POSITIVE,
        form=OnForm("Resolution", advanced=True, when="to a coarser one to save time, or to a finer one for small "
                    "motions"), typed=Typed(basic=True))
    mask: Path | None = option(
        None, "mask (.mrc) in which Gaussians may be, on the grid of the map", otherwise="made from the map",
        form=OnForm("Mask", name="inputMask", advanced=True, content=Content.MASK,
                    when="where the map has parts that are not of interest, such as a micelle"),
        typed=Typed(basic=True))
    symmetry: str = option("C1", "point group of the map: Cn, Dn, T, O or I, oriented as in RELION", check=point_group,
                           form=OnForm("Symmetry", when="where the map was refined with one"))
    missing: bool = option(
        True, "add density that half maps, or the particles of a run, have beside the molecule of the map: a mask may "
        "have cut it off. Not with --mask", form=OnForm(
            "Add missing density?", advanced=True, when="to no where density beside the map is not of interest"),
        typed=Typed(off="--no-missing"))
    half_maps: tuple[Path, ...] = option(
        (), "the two half maps of the map, from which the end of its signal is measured",
        otherwise="those beside the map, by the names that RELION, cryoSPARC and gmmhet give",
        typed=Typed(metavar="HALF"))

    def __post_init__(self) -> None:
        check_options(self)
        if len(self.half_maps) not in (0, 2):
            raise InputError(f"--half-maps names {len(self.half_maps)} files; expected two")
