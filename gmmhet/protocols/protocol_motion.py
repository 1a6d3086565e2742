"""Everything in one box."""

import os
from enum import Enum
from pathlib import Path
from typing import Any

from pwem.objects import (
    AtomStruct,
    SetOfClasses3D,
    SetOfFSCs,
    SetOfParticlesFlex,
    SetOfVolumes,
    SetOfVolumesFlex,
    Volume,
)
from pwem.protocols import ProtAnalysis3D, ProtFlexBase
from pyworkflow.constants import BETA
from pyworkflow.object import Pointer
from pyworkflow.protocol.params import PointerParam
from pyworkflow.utils import Message

from gmmhet.constants import ANALYSIS_DIR, COMPOSITION_DIR, MAPS_DIR, MODEL_DIR, MODEL_FILE, REPORT_FILE
from gmmhet.convert import (
    AnalysisSummary,
    CompositionSummary,
    MapsSummary,
    check_set,
    half_map_files,
    map_file,
    read_analysis_summary,
    read_composition_summary,
    read_maps_summary,
    write_set_of_particles,
)
from gmmhet.engine.commands.stages import RunCommand
from gmmhet.engine.config import AnalyzeConfig, FitConfig, ReconstructConfig
from gmmhet.engine.options import words
from gmmhet.objects import GmmHetFlexibility
from gmmhet.protocols.engine_steps import EngineSteps, messages_of
from gmmhet.protocols.forms import add_params, options_from_form, values_on_form
from gmmhet.protocols.map_lines import map_lines, map_places
from gmmhet.protocols.outputs import MotionOutputs

__all__ = ["ProtGmmHetMotion"]

#: of the stages' options, those on this form; the others keep their defaults
_OF_FIT = ("symmetry", "resolution", "mask")
_OF_ANALYSIS = ("modes", "poses", "focus", "detectable", "scratch")
_OF_MAPS = ("n", "by")


class MotionRunOutputs(Enum):
    """What the protocol gives; a motion for every further mode comes as motion2, motionFlex2 and so on, and a mask of
    every part that comes and goes as blockMask1, blockMask2 ..."""

    outputParticles = SetOfParticlesFlex
    flexibility = GmmHetFlexibility
    flexibilityMap = Volume
    motion1 = SetOfVolumes
    motionFlex1 = SetOfVolumesFlex
    outputVolumes = SetOfVolumes
    outputVolumesFlex = SetOfVolumesFlex
    outputClasses = SetOfClasses3D
    outputFSCs = SetOfFSCs
    stateVolumes = SetOfVolumes
    stateClasses = SetOfClasses3D


class ProtGmmHetMotion(ProtAnalysis3D, ProtFlexBase, EngineSteps, MotionOutputs):
    """From refined particles and their map to the motions, the parts that come and go, maps, and a page about all.

    The stages are those of 'gaussian model', 'motion analysis' and 'maps along a motion' with their defaults; these
    boxes have more options, and repeat one stage without the others.
    """

    _label = "motion from refined particles"
    _devStatus = BETA
    _possibleOutputs = MotionRunOutputs

    def _defineParams(self, form):
        form.addSection(label=Message.LABEL_INPUT)
        form.addParam("inputParticles", PointerParam, pointerClass="SetOfParticles", label="Particles",
                      pointerCondition="hasAlignmentProj", important=True, help="Particles with refined orientations.")
        form.addParam("inputVolume", PointerParam, pointerClass="Volume, AtomStruct", important=True,
                      label="Consensus map",
                      help="The map of the same refinement, or an atomic model in its frame. Its half-maps are used "
                           "where it has some.")
        add_params(form, FitConfig, _OF_FIT)
        add_params(form, RunCommand, ["per_subunit"])
        add_params(form, AnalyzeConfig, _OF_ANALYSIS)
        add_params(form, ReconstructConfig, _OF_MAPS)
        add_params(form, RunCommand, ["composition", "check"])
        self._defineCompute(form, gpu=True, mpi=True)

    def _insertAllSteps(self):
        inputs = [self.inputParticles.getUniqueId(), self.inputParticles.get().getSize(),
                  self.inputVolume.getUniqueId(), self.inputVolume.get().getFileName()]
        arguments = words(self._command(Path("map.mrc")), leave_out=["scratch"])
        self._insertFunctionStep(self.convertInputStep, inputs, needsGPU=False)
        self._insertFunctionStep(self.runStep, arguments, inputs)
        self._insertFunctionStep(self.createOutputStep, arguments, inputs, needsGPU=False)

    def _command(self, source: Path, halves: tuple[Path, ...] = ()) -> RunCommand:
        given: dict[str, Any] = values_on_form(self, RunCommand, ["per_subunit", "composition", "check"])
        fit = options_from_form(self, FitConfig, _OF_FIT, half_maps=halves)
        analyze = options_from_form(self, AnalyzeConfig, _OF_ANALYSIS, resolution=fit.resolution)
        return RunCommand(particles=Path(self._getExtraPath("particles.star")), map=source, fit=fit, analyze=analyze,
                          reconstruct=options_from_form(self, ReconstructConfig, _OF_MAPS), root=Path("."),
                          output=self._folder(), **given)

    def _folder(self, *names: str) -> Path:
        return Path(self._getExtraPath("run", *names))

    def getFound(self) -> AnalysisSummary:
        """What summary.json says of the analysis."""
        return read_analysis_summary(self._folder(ANALYSIS_DIR))

    def getComposition(self) -> CompositionSummary | None:
        """What summary.json says of the parts that come and go; None where they were not looked for."""
        return read_composition_summary(self._folder(COMPOSITION_DIR))

    def getMaps(self) -> MapsSummary:
        """What summary.json says of the maps."""
        return read_maps_summary(self._folder(MAPS_DIR))

    def getAnalysisFolder(self) -> str:
        """Where the files of the analysis are."""
        return str(self._folder(ANALYSIS_DIR))

    def getMapsFolder(self) -> str:
        """Where the files of the maps are."""
        return str(self._folder(MAPS_DIR))

    def getReport(self) -> str:
        """The page about the run."""
        return str(self._folder(REPORT_FILE))

    def convertInputStep(self, inputs):
        write_set_of_particles(self.inputParticles.get(), self._getExtraPath("particles.star"))

    def runStep(self, arguments, inputs):
        given, folder = self.inputVolume.get(), self._getExtraPath()
        if isinstance(given, AtomStruct):
            command = self._command(Path(given.getFileName()))
        else:
            command = self._command(Path(map_file(given, folder)), half_map_files(given, folder))
        self._runResumable("run", words(command), inputs, self._folder())
        return [self.getReport()]

    def createOutputStep(self, arguments, inputs):
        model = os.path.join(str(self._folder(MODEL_DIR)), MODEL_FILE)
        found = self.getComposition()
        star = self._folder(COMPOSITION_DIR, "particles.star") if found is not None and found["blocks"] else None
        particles = self._defineAnalysis(self.inputParticles, self._folder(ANALYSIS_DIR), model, star)
        pointer = Pointer(self, extended=MotionRunOutputs.outputParticles.name)
        self._defineMaps(pointer, particles, self._folder(MAPS_DIR))
        self._defineMapsOfModes(pointer, self._folder())
        self._defineComposition(pointer, particles, self._folder())
        self._defineSourceRelation(self.inputVolume, particles)

    def _validate(self):
        particles = self.inputParticles.get()
        errors = messages_of(lambda: self._command(Path("map.mrc")))
        return errors + (messages_of(lambda: check_set(particles)) if particles is not None else [])

    def _summary(self):
        if not hasattr(self, MotionRunOutputs.outputVolumes.name):
            return ["No result yet."]
        found, maps = self.getFound(), self.getMaps()
        return [found["verdict"], *(mode["verdict"] for mode in found["modes"]), *self._compositionLines(),
                f"*{len(maps['maps'])}* maps {map_places(maps)}; page: {self.getReport()}", *map_lines(maps)]

    def _compositionLines(self) -> list[str]:
        found = self.getComposition()
        if found is None:
            return []
        return [found["verdict"], *(record["words"] for record in (*found["blocks"], *found["states"])),
                *filter(None, [found["order_words"]])]

    def _methods(self):
        if not hasattr(self, MotionRunOutputs.outputVolumes.name):
            return []
        found = self.getFound()
        return [f"Conformational changes of {found['n_particles']} particles were analysed with {found['n_gaussians']} "
                f"Gaussians [Chen2021] at {found['resolution']:.1f} Å by gmmhet ({found['method']}), giving "
                f"{found['n_significant_modes']} significant modes; maps along the first were reconstructed with "
                "non-uniform Fourier transforms [Barnett2019]."]

    def _citations(self):
        return ["Chen2021", "Chen2023", "Punjani2021", "Gilles2025", "Barnett2019", "Rosenthal2003"]
