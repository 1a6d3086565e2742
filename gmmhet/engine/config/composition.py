"""Options of gmmhet composition."""

from dataclasses import dataclass
from pathlib import Path

from gmmhet.engine.config.shared import Resumable, Seeded
from gmmhet.engine.options import POSITIVE, OnForm, Typed, check_options, option

__all__ = ["CompositionConfig"]


@dataclass(frozen=True)
class CompositionConfig(Seeded, Resumable):
    """gmmhet composition."""

    blocks: tuple[Path, ...] = option(
        (), "blocks that are given: masks (.mrc), one for each block, or one atomic model (.cif, .pdb) in the frame of "
        "the map, whose chains are the blocks", otherwise="found in the particles",
        form=OnForm("Blocks", advanced=True, when="where it is known which parts may be missing"),
        typed=Typed(metavar="FILE", basic=True))
    resolution: float | None = option(None, "resolution to which the images are used", unit="Å",
                                      otherwise="that of the analysis", check=POSITIVE, form=OnForm(
        "Filter resolution", advanced=True, when="to a finer one for small blocks"), typed=Typed(basic=True))

    def __post_init__(self) -> None:
        check_options(self)
