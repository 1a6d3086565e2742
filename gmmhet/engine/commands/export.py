"""gmmhet export: chosen particles of the original file."""

from dataclasses import dataclass, replace
from pathlib import Path

from gmmhet.engine.commands.command import Command, OfRefinement, Quick
from gmmhet.engine.export.criteria import Criteria, common_ids
from gmmhet.engine.options import OnForm, Typed, option, part, required

__all__ = ["ExportCommand"]


@dataclass(frozen=True, kw_only=True)
class ExportCommand(Command, OfRefinement, Quick):
    """gmmhet export."""

    NAME = "export"
    SUMMARY = "chosen particles of the original file, for the program they came from"
    EXAMPLES = (
        ("gmmhet export result --mode 1 --from 1 -o moved.star", "particles far along mode 1"),
        ("gmmhet export result/maps/classes.star --class 1,2 -o first.star", "those of two maps"),
        ("gmmhet export result/composition/particles.star --present 2 -o with.star", "those that have block 2"))

    source: Path = required(Path, "latents.star, classes.star or particles.star of composition, or the folder of "
                            "analyze, reconstruct or run",
                            typed=Typed(positional=True, metavar="RESULTS"))
    particles: Path | None = option(
        None, "original particle file, whose rows are written as they are", otherwise="RESULTS",
        form=OnForm("Original particles file", name="originalFile",
                    help="the .star or .cs that the particles were imported from; its chosen rows are written as they "
                    "are. Empty: only the set and selected.star are written"))
    criteria: Criteria = part(Criteria, "which particles (all conditions that are given have to hold)")
    ids: tuple[Path, ...] = option(
        (), "text files of row numbers from 1, as the lasso of the report writes them; of several, rows that are in "
        "all", form=OnForm(
            "Row numbers", name="idsFile", advanced=True, when="to take particles that were chosen on the landscape"),
        typed=Typed(metavar="FILE"))
    refined_poses: bool = option(False, "write the refined poses instead of the given ones",
                                 form=OnForm(
        "Refined poses?", advanced=True, when="to yes after an analysis that corrected poses"))
    with_coordinates: bool = option(False, "add the columns of the analysis")
    output: Path = required(Path, "particle file: .star, or .cs for particles from a .cs", typed=Typed(short="-o"))

    def execute(self) -> None:
        from gmmhet.engine.export import Original, export
        criteria = replace(self.criteria, ids=common_ids(self.ids)) if self.ids else self.criteria
        export(self.source, self.output, criteria, Original(self.particles, self.root, self.passthrough),
               refined=self.refined_poses, coordinates=self.with_coordinates)
