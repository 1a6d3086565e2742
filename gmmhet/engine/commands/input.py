"""Commands about what goes in: simulate, import, check."""

import logging
from dataclasses import dataclass
from pathlib import Path

from gmmhet.engine.commands.command import Command, OfRefinement, Quick
from gmmhet.engine.commands.display import say
from gmmhet.engine.config import SimulateConfig
from gmmhet.engine.config.realism import Realism
from gmmhet.engine.config.shared import Seeded
from gmmhet.engine.errors import InputError
from gmmhet.engine.options import POSITIVE, OnForm, Typed, option, options_of, part, point_group, required
from gmmhet.engine.options.checks import Range

__all__ = ["CheckCommand", "ImportCommand", "ReorientCommand", "SimulateCommand"]

_LOG = logging.getLogger("gmmhet")
_TOPICS = 14  # columns of the topics of a check, before what it found


@dataclass(frozen=True, kw_only=True)
class SimulateCommand(Command, Quick):
    """gmmhet simulate."""

    NAME = "simulate"
    SUMMARY = "simulate particles with a known motion"
    GROUP = "Data"
    EXAMPLES = (("gmmhet simulate -o data", "3,000 particles of a molecule with a hinge"),
                ("gmmhet simulate --preset null -o data", "of one that does not move"))

    config: SimulateConfig = part(SimulateConfig, "data set")
    as_real: bool = option(False, "atoms in ice with the effects of microscopes and of a refinement, each with an "
                           "option of its own")
    realism: Realism = part(Realism, "effects, with --as-real")
    noise_from: Path | None = option(None, "refined real particles (.star): their images, less fitted projections of "
                                     "--noise-map, are the noise", otherwise="noise is simulated")
    noise_map: Path | None = option(None, "refined map (.mrc) of the particles of --noise-from")
    noise_gaussian: bool = option(False, "Gaussian noise with the power of those residuals in each shell instead of "
                                  "them, for comparison")
    output: Path = required(Path, "folder of the data set", typed=Typed(short="-o"))

    def execute(self) -> None:
        from gmmhet.engine.simulate import RealNoise, simulate
        changed = next((d.flag for d in options_of(Realism) if getattr(self.realism, d.name) != d.default), None)
        if changed is not None and not self.as_real:
            raise InputError(f"{changed} is given without --as-real; expected both")
        if (self.noise_from is None) != (self.noise_map is None) or (self.noise_from is not None and self.as_real):
            raise InputError("--noise-from, --noise-map: expected both or none, and not with --as-real")
        if self.noise_gaussian and self.noise_from is None:
            raise InputError("--noise-gaussian is given without --noise-from; expected both")
        noise = None
        if self.noise_from is not None and self.noise_map is not None:
            noise = RealNoise.read(self.noise_from, self.noise_map)
            noise = noise.as_gaussian(self.config.seed) if self.noise_gaussian else noise
        simulate(self.config, self.output, realism=self.realism if self.as_real else None, noise=noise)


@dataclass(frozen=True, kw_only=True)
class ImportCommand(Command, OfRefinement, Quick):
    """gmmhet import."""

    NAME = "import"
    SUMMARY = "convert refined particles of another program to particles.star"
    GROUP = "Data"
    EXAMPLES = (("gmmhet import J42_particles.cs -o particles.star", "from cryoSPARC; its passthrough file is found"),)

    particles: Path = required(
        Path, "refined particles of RELION (.star), cryoSPARC (.cs), EMAN2 (.lst) or Xmipp (.xmd)",
        form=OnForm("Particles file", name="particlesFile"), typed=Typed(positional=True))
    no_images: bool = option(False, "convert the metadata without looking for the image stacks")
    output: Path = required(Path, "particles.star", typed=Typed(short="-o"))

    def execute(self) -> None:
        from gmmhet.engine.io import output_folder, read_particles, write_particles
        table = read_particles(self.particles, root=self.root, images=not self.no_images, passthrough=self.passthrough)
        output_folder(self.output.parent)
        write_particles(self.output, table)
        _LOG.info("%s: %d particles, %d optics group(s)", self.output, len(table), len(table.optics))


@dataclass(frozen=True, kw_only=True)
class CheckCommand(Command, OfRefinement, Seeded, Quick):
    """gmmhet check."""

    NAME = "check"
    SUMMARY = "check particles and their poses against each other and a map"
    GROUP = "Start here"
    EXAMPLES = (("gmmhet check particles.star map.mrc", "do they fit each other?"),
                ("gmmhet check particles.star map.mrc --plot check.png", "the same, with a picture of the views"))
    SHARED = True

    particles: Path = required(Path, "particle file", typed=Typed(positional=True))
    map: Path | None = option(None, "consensus map (.mrc) in the frame of the poses",
                              otherwise="the particles alone are checked", typed=Typed(positional=True))
    symmetry: str | None = option(
        None, "point group of the molecule, whose symmetry-related views count too", check=point_group,
        otherwise="C1, or the group in one asymmetric unit of which all views lie", typed=Typed(basic=True))
    refined_to: float | None = option(
        None, "resolution to which the poses were refined; beyond it the images are compared with maps of the other "
              "half-set", unit="Å", check=POSITIVE, otherwise="that of RELION's run_model.star beside the particles; "
              "without one this is not done")
    json: Path | None = option(None, "file for the results as JSON")
    plot: Path | None = option(None, "picture of views and correlations (.png, .svg, .pdf)", typed=Typed(basic=True))

    def execute(self) -> None:
        from gmmhet.engine.check import check
        found = check(self.particles, self.map, root=self.root, passthrough=self.passthrough, json_path=self.json,
                      seed=self.seed, symmetry=self.symmetry, refined_to=self.refined_to)
        if self.plot is not None:
            from gmmhet.engine.check.plot import write_plot
            write_plot(self.plot, found.views, found.poses)
        say(found.text(), indent=_TOPICS)
        if found.problem is not None:
            raise InputError(found.problem)


@dataclass(frozen=True, kw_only=True)
class ReorientCommand(Command, OfRefinement, Seeded, Quick):
    """gmmhet reorient."""

    NAME = "reorient"
    SUMMARY = "search the orientations of particles whose given one is off by more than 10 degrees"
    GROUP = "Data"
    EXAMPLES = (("gmmhet reorient particles.star map.mrc -o reoriented.star", "all particles, some with other poses"),
                ("gmmhet reorient particles.star map.mrc --leave-out -o reoriented.star",
                 "without those that stay unsure"))
    SHARED = True

    particles: Path = required(Path, "refined particles", typed=Typed(positional=True))
    map: Path = required(Path, "consensus map (.mrc) in the frame of the poses", typed=Typed(positional=True))
    symmetry: str | None = option(
        None, "point group of the molecule", check=point_group,
        otherwise="C1, or the group in one asymmetric unit of which all views lie", typed=Typed(basic=True))
    sure: float = option(0.5, "least probability of an orientation that is found, within 10 degrees",
                         check=Range("a probability from 0.5 to 0.999", low=0.5, high=0.999))
    leave_out: bool = option(False, "leave out particles whose orientation stays probably wrong: junk, and images "
                             "that are too noisy", typed=Typed(basic=True))
    output: Path = required(Path, "particle file (.star, or .cs of particles of a .cs)", typed=Typed(short="-o"))

    def execute(self) -> None:
        from gmmhet.engine.check.reorient import reorient
        from gmmhet.engine.io import output_folder
        output_folder(self.output.parent)
        reorient(self.particles, self.map, self.output, root=self.root, passthrough=self.passthrough,
                 symmetry=self.symmetry, sure=self.sure, leave_out=self.leave_out, seed=self.seed)
