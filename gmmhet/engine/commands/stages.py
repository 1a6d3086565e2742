"""Commands of the analysis itself: fit, analyze, reconstruct, report, and run, which is all of them."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

from gmmhet.engine.commands.command import RUN_STAGES, Command, OfProject, Quick
from gmmhet.engine.config import AnalyzeConfig, CompositionConfig, FitConfig, ReconstructConfig
from gmmhet.engine.errors import InputError
from gmmhet.engine.options import OnForm, Typed, option, part, required

__all__ = ["AnalyzeCommand", "CompositionCommand", "FitCommand", "ReconstructCommand", "ReportCommand", "RunCommand"]

_LOG = logging.getLogger("gmmhet")
_STEPS = "Step by step"


@dataclass(frozen=True, kw_only=True)
class FitCommand(Command, Quick):
    """gmmhet fit."""

    NAME = "fit"
    SUMMARY = "represent a map or an atomic model by Gaussians"
    GROUP = _STEPS
    SHARED = True
    EXAMPLES = (("gmmhet fit map.mrc -o model/model.npz", "Gaussians of a map"),
                ("gmmhet fit map.mrc --symmetry D7 -o model/model.npz", "of a map with a point group"))

    map: Path = required(Path, "consensus map (.mrc) or atomic model (.pdb, .cif)", typed=Typed(positional=True))
    config: FitConfig = part(FitConfig, "model")
    box: int | None = option(None, "box of the particles, to whose grid the map is resampled; with --pixel-size",
                             unit="pixels", otherwise="that of the map")
    pixel_size: float | None = option(None, "pixel size of the particles", unit="Å", otherwise="that of the map")
    output: Path = required(Path, "model.npz", typed=Typed(short="-o"))

    def execute(self) -> None:
        from gmmhet.engine.fitting import fit, fit_density
        from gmmhet.engine.fitting.consensus import consensus_for
        if self.output.suffix != ".npz":
            raise InputError(f"-o is {self.output}; expected the name of the model's file, such as "
                             f"{self.output / 'model.npz'}")
        if self.box is None and self.pixel_size is None:
            fit(self.map, self.config, self.output)
            return
        if self.box is None or self.pixel_size is None or not (self.box > 0 and self.pixel_size > 0):
            raise InputError(f"--box is {self.box}, --pixel-size is {self.pixel_size}; expected both, positive")
        consensus = consensus_for(self.map, self.box, self.pixel_size, self.config)
        fit_density(consensus.to_fit(self.map), self.config, self.output, consensus.notes)


@dataclass(frozen=True, kw_only=True)
class AnalyzeCommand(Command, OfProject):
    """gmmhet analyze."""

    NAME = "analyze"
    SUMMARY = "estimate modes of motion, and every particle's coordinates on them"
    GROUP = _STEPS
    EXAMPLES = (
        ("gmmhet analyze particles.star --model model/model.npz -o analysis", "find the motions"),
        ("gmmhet analyze particles.star --model model/model.npz --focus mask.mrc -o part", "of a part of the molecule"))
    SHARED = True

    particles: Path = required(Path, "particle file with poses", typed=Typed(positional=True))
    model: Path = required(Path, "model.npz of gmmhet fit")
    config: AnalyzeConfig = part(AnalyzeConfig, "analysis")
    output: Path = required(Path, "folder of the analysis", typed=Typed(short="-o"))

    def execute(self) -> None:
        from gmmhet.engine.analysis import analyze
        analyze(self.particles, self.model, self.config, self.output, root=self.root)


@dataclass(frozen=True, kw_only=True)
class CompositionCommand(Command, OfProject):
    """gmmhet composition."""

    NAME = "composition"
    SUMMARY = "find parts that come and go, which particles have them, and the states that they make"
    GROUP = _STEPS
    EXAMPLES = (
        ("gmmhet composition analysis/latents.star -o composition", "find the blocks"),
        ("gmmhet composition analysis/latents.star --blocks head.mrc factor.mrc -o composition", "of two masks"),
        ("gmmhet composition analysis/latents.star --blocks model.cif -o composition", "of every chain of a model"))
    SHARED = True

    latents: Path = required(Path, "latents.star of gmmhet analyze; analysis.npz and summary.json are beside it",
                             typed=Typed(positional=True))
    config: CompositionConfig = part(CompositionConfig, "composition")
    output: Path = required(Path, "folder of the composition", typed=Typed(short="-o"))

    def execute(self) -> None:
        from gmmhet.engine.composition import compose
        compose(self.latents, self.config, self.output, root=self.root)


@dataclass(frozen=True, kw_only=True)
class ReconstructCommand(Command, OfProject):
    """gmmhet reconstruct."""

    NAME = "reconstruct"
    SUMMARY = "reconstruct maps along a motion from the particles"
    GROUP = _STEPS
    EXAMPLES = (
        ("gmmhet reconstruct particles.star --latents analysis/latents.star -o maps", "five maps along mode 1"),
        ("gmmhet reconstruct particles.star --latents analysis/latents.star --by kernel -o maps",
         "at points, at the resolution of all particles where nothing moves"))
    SHARED = True

    particles: Path = required(Path, "particle file, from whose images the maps are made", typed=Typed(positional=True))
    latents: Path = required(Path, "latents.star of gmmhet analyze: coordinates and contrast of the same particles; "
                             "the noise is read from analysis.npz beside it")
    config: ReconstructConfig = part(ReconstructConfig, "maps")
    output: Path = required(Path, "folder of the maps", typed=Typed(short="-o"))

    def execute(self) -> None:
        from gmmhet.engine.reconstruction import reconstruct
        reconstruct(self.particles, self.latents, self.config, self.output, root=self.root)


@dataclass(frozen=True, kw_only=True)
class ReportCommand(Command, Quick):
    """gmmhet report."""

    NAME = "report"
    SUMMARY = "one self-contained page about a run"
    GROUP = _STEPS
    EXAMPLES = (("gmmhet report result -o result/report.html", "make the page again"),)

    folder: Path = required(Path, "folder of gmmhet run", typed=Typed(positional=True))
    output: Path = required(Path, "the page (.html)", typed=Typed(short="-o"))

    def execute(self) -> None:
        from gmmhet.engine.report import write_report
        write_report(self.folder, self.output)
        _LOG.info("%s: the page about %s (%.1f MB); open it in a browser", self.output, self.folder,
                  self.output.stat().st_size / 1e6)


@dataclass(frozen=True, kw_only=True)
class RunCommand(Command, OfProject):
    """gmmhet run. The mask and the symmetry are the map's; a motion seldom has the symmetry of the molecule."""

    NAME = "run"
    SUMMARY = "motions, what comes and goes, and maps from refined particles"
    GROUP = "Start here"
    EXAMPLES = (
        ("gmmhet run particles.star map.mrc -o result", "everything with its defaults"),
        ("gmmhet run particles.star map.mrc -o result --resume", "go on with a run that was interrupted"),
        ("gmmhet run particles.star map.mrc --symmetry D7 --per-subunit -o result", "each subunit on its own"),
        ("gmmhet run particles.star map.mrc --focus mask.mrc -o result", "only the part inside a mask moves"))
    STAGES = RUN_STAGES
    BRIEF = True
    SHARED = True

    particles: Path = required(Path, "particle file with poses", typed=Typed(positional=True))
    map: Path = required(Path, "consensus map (.mrc) or atomic model (.pdb, .cif) in the frame of the poses",
                         typed=Typed(positional=True))
    fit: FitConfig = part(FitConfig, "model")
    analyze: AnalyzeConfig = part(AnalyzeConfig, "analysis", without=("symmetry",))
    compose: CompositionConfig = part(CompositionConfig, "composition", without=("resolution",))
    reconstruct: ReconstructConfig = part(ReconstructConfig, "maps", without=("mask", "symmetry", "points"))
    composition: bool = option(True, "find parts that come and go, and make maps of the states that they make",
                               form=OnForm("Find what comes and goes?", advanced=True,
                                           when="to no where only motion matters, to save time"))
    check: bool = option(True, "stop before any work if the poses do not fit the map",
                         form=OnForm(
            "Check poses first?", advanced=True, when="to no where the check stops at poses that are right"))
    per_subunit: bool = option(
        False, "analyse every asymmetric unit of every particle, with --symmetry", form=OnForm(
            "Each subunit by itself?", advanced=True, when="to yes for rings and other assemblies whose subunits move "
            "independently", help="analyse every asymmetric unit of every particle; needs a symmetry"),
        typed=Typed(basic=True))
    output: Path = required(Path, "folder of all results", typed=Typed(short="-o"))

    def execute(self) -> None:
        from gmmhet.engine.commands.display import Details
        from gmmhet.engine.commands.run import StageOptions, run
        from gmmhet.engine.commands.telling import Telling
        if self.reconstruct.by == "states":
            raise InputError("--by is states; gmmhet run expects another choice: it makes maps of states by itself, in "
                             "maps_states, beside those along a motion")
        if self.per_subunit and self.fit.symmetry == "C1":
            raise InputError("--per-subunit is given, --symmetry is C1; expected the symmetry of the map, such as D7")
        analyze = replace(self.analyze, symmetry=self.fit.symmetry) if self.per_subunit else self.analyze
        with Details() as details:
            compose = self.compose if self.composition else None
            run(self.particles, self.map, self.output, StageOptions(self.fit, analyze, self.reconstruct, compose),
                root=self.root, check=self.check, telling=Telling(details))
