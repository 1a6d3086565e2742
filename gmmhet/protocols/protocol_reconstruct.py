"""Maps from the particles along a motion."""

import os
import shutil
from dataclasses import replace
from enum import Enum
from pathlib import Path

from pwem.objects import SetOfClasses3D, SetOfFSCs, SetOfVolumes, SetOfVolumesFlex
from pwem.protocols import ProtFlexBase, ProtReconstruct3D
from pyworkflow.constants import BETA
from pyworkflow.protocol.params import LEVEL_ADVANCED, BooleanParam, PointerParam
from pyworkflow.utils import Message

from gmmhet.constants import ANALYSIS_DIR, MAPS_DIR, MODEL_DIR, PROGRAM_NAME, REPORT_FILE
from gmmhet.convert import (
    MapsSummary,
    check_points,
    count_modes,
    read_analysis_summary,
    read_maps_summary,
    write_set_of_particles,
)
from gmmhet.engine.commands.stages import ReconstructCommand, ReportCommand
from gmmhet.engine.config import ReconstructConfig
from gmmhet.engine.options import words
from gmmhet.plugin import Plugin
from gmmhet.protocols.engine_steps import EngineSteps, messages_of
from gmmhet.protocols.forms import add_params, options_from_form, values_on_form
from gmmhet.protocols.map_lines import map_lines, map_places
from gmmhet.protocols.outputs import MotionOutputs

__all__ = ["ProtGmmHetReconstruct"]

class ReconstructOutputs(Enum):
    """What the protocol gives; sharpened maps come as sharpenedVolumes, maps along further modes as volumesMode2 ..."""

    outputVolumes = SetOfVolumes
    outputVolumesFlex = SetOfVolumesFlex
    outputClasses = SetOfClasses3D
    outputFSCs = SetOfFSCs


def _link(target: str, link: Path) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(os.path.relpath(target, link.parent))


class ProtGmmHetReconstruct(ProtReconstruct3D, ProtFlexBase, EngineSteps, MotionOutputs):
    """Reconstruct maps along a motion from the particles, and write a page about the whole analysis.

    The maps are made of the particles' own images, each with half-maps, their Fourier shell correlation and local
    resolution; what they show does not come from the Gaussian model.
    """

    _label = "maps along a motion"
    _devStatus = BETA
    _possibleOutputs = ReconstructOutputs

    def _defineParams(self, form):
        form.addSection(label=Message.LABEL_INPUT)
        form.addParam("inputParticles", PointerParam, pointerClass="SetOfParticlesFlex", important=True,
                      label="Particles with coordinates", help="Made by 'motion analysis', or a subset of them.")
        add_params(form, ReconstructConfig)
        form.addParam("furtherModes", BooleanParam, default=True, expertLevel=LEVEL_ADVANCED, condition="by==0",
                      label="Maps along the other significant modes too?", help="As volumesMode2, volumesMode3 ...\n"
                      "Default: yes.\nChange it to no where one motion is enough: each takes as long as the first.")
        self._defineCompute(form, gpu=False, mpi=True)

    def _insertAllSteps(self):
        inputs = [self.inputParticles.getUniqueId(), self.inputParticles.get().getSize()]
        arguments = words(self._config())
        further = [*inputs, self._furtherModes()]
        self._insertFunctionStep(self.convertInputStep, arguments, inputs, needsGPU=False)
        self._insertFunctionStep(self.reconstructStep, arguments, inputs, needsGPU=False)
        for step in (self.reconstructFurtherStep, self.reportStep, self.createOutputStep):
            self._insertFunctionStep(step, arguments, further, needsGPU=False)

    def _config(self) -> ReconstructConfig:
        return options_from_form(self, ReconstructConfig)

    def _points(self) -> Path | None:
        """The table of points, where maps are made at them."""
        found = values_on_form(self, ReconstructConfig).get("points")
        return found if isinstance(found, Path) else None

    def _furtherModes(self) -> list[int]:
        """Other significant modes, from 1, where maps of intervals are wanted along them."""
        summary = Path(self.inputParticles.get().getFlexInfo().getAttr("analysis"), "summary.json")
        if not self.furtherModes.get() or self._config().by != "bins" or not summary.is_file():
            return []
        return [number for number, mode in enumerate(read_analysis_summary(summary.parent)["modes"], 1)
                if mode["significant"] and number != self.mode.get()]

    def _ofMode(self, number: int) -> Path:
        """The folder of maps along a further mode, as gmmhet run names it."""
        return Path(self._getExtraPath(f"{MAPS_DIR}_mode_{number:02d}"))

    def getFound(self) -> MapsSummary:
        """What summary.json says of the maps."""
        return read_maps_summary(self._getExtraPath(MAPS_DIR))

    getMaps = getFound  # the name that all protocols with maps have

    def getMapsFolder(self) -> str:
        """Where the files of the maps are."""
        return self._getExtraPath(MAPS_DIR)

    def getReport(self) -> str:
        """The page about the analysis."""
        return self._getExtraPath(REPORT_FILE)

    def convertInputStep(self, arguments, inputs):
        folder = Path(self._getExtraPath("input"))
        folder.mkdir(exist_ok=True)
        write_set_of_particles(self.inputParticles.get(), folder / "particles.star")
        analysis = self.inputParticles.get().getFlexInfo().getAttr("analysis")
        _link(os.path.join(analysis, "analysis.npz"), folder / "analysis.npz")  # whose noise the engine takes

    def reconstructStep(self, arguments, inputs):
        folder = Path(self._getExtraPath(MAPS_DIR))
        self._reconstruct(self._config(), inputs, folder)
        return [str(folder / "summary.json"), str(folder / "classes.star")]

    def _reconstruct(self, config: ReconstructConfig, inputs, folder: Path, record: str = "") -> None:
        star = Path(self._getExtraPath("input", "particles.star"))
        self._runResumable("reconstruct", words(ReconstructCommand(
            particles=star, latents=star, config=config, root=Path("."), output=folder)), inputs, folder, record)

    def reconstructFurtherStep(self, arguments, inputs):
        folders = {number: self._ofMode(number) for number in inputs[-1]}
        for old in set(Path(self._getExtraPath()).glob(f"{MAPS_DIR}_mode_*")) - set(folders.values()):
            shutil.rmtree(old)
        for number, folder in folders.items():
            self._reconstruct(replace(self._config(), mode=number), inputs, folder, folder.name)
        return [str(folder / "summary.json") for folder in folders.values()]

    def reportStep(self, arguments, inputs):
        info = self.inputParticles.get().getFlexInfo()
        # The folder that gmmhet run would have made, under the name that the page shows.
        together = Path(self._getExtraPath(self.getProject().getShortName()))
        together.mkdir(exist_ok=True)
        folders = {ANALYSIS_DIR: info.getAttr("analysis"), MODEL_DIR: os.path.dirname(info.getAttr("model")),
                   MAPS_DIR: self._getExtraPath(MAPS_DIR),
                   **{folder.name: str(folder) for folder in map(self._ofMode, inputs[-1])}}
        for old in together.glob(f"{MAPS_DIR}_mode_*"):
            old.unlink()
        for name, target in folders.items():
            _link(target, together / name)
        Plugin.runEngine(self, "report", words(ReportCommand(folder=together, output=Path(self.getReport()))))
        return [self.getReport()]

    def createOutputStep(self, arguments, inputs):
        self._defineMaps(self.inputParticles, self.inputParticles.get(), Path(self._getExtraPath(MAPS_DIR)))
        self._defineMapsOfModes(self.inputParticles, Path(self._getExtraPath()))

    def _validate(self):
        errors, points = messages_of(self._config), self._points()
        particles = self.inputParticles.get()
        if particles is None:
            return errors
        if particles.getFlexInfo().getProgName() != PROGRAM_NAME:
            return [*errors, "these coordinates come from another program; expected particles of 'motion analysis'"]
        analysis = particles.getFlexInfo().getAttr("analysis")
        if not os.path.isdir(analysis):
            return [*errors, f"{analysis}: no such folder; expected the analysis that these coordinates come from"]
        known = count_modes(particles.getFirstItem())
        errors += messages_of(lambda: check_points(str(points), known)) if points else []
        if self.mode.get() > known:
            errors.append(f"Mode is {self.mode.get()}; the particles have {known} coordinate(s)")
        return errors

    def _warnings(self):
        if self.inputParticles.get() is None or self._points():
            return []
        analysis = Path(self.inputParticles.get().getFlexInfo().getAttr("analysis"))
        if not (analysis / "summary.json").is_file():
            return []
        mode = read_analysis_summary(analysis)["modes"][self.mode.get() - 1]
        if mode["significant"] is not False:
            return []
        return [f"{mode['verdict']} Maps along it are maps along noise: with 1 as number of maps, one of all particles "
                "is made."]

    def _summary(self):
        if not hasattr(self, ReconstructOutputs.outputVolumes.name):
            return ["No maps yet."]
        found = self.getFound()
        return [f"*{len(found['maps'])}* maps {map_places(found)}; page: {self.getReport()}", *map_lines(found)]

    def _methods(self):
        if not hasattr(self, ReconstructOutputs.outputVolumes.name):
            return []
        found = self.getFound()
        return [f"{len(found['maps'])} maps were reconstructed from the particles {map_places(found)} with "
                "non-uniform Fourier transforms [Barnett2019]; resolutions are by Fourier shell correlation between "
                "half-sets [Rosenthal2003]."]

    def _citations(self):
        return ["Barnett2019", "Rosenthal2003"]
