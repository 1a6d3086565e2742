"""Motions and the particles' coordinates on them."""

from enum import Enum
from pathlib import Path

from pwem.objects import SetOfParticlesFlex, SetOfVolumes, SetOfVolumesFlex, Volume
from pwem.protocols import ProtAnalysis3D, ProtFlexBase
from pyworkflow.constants import BETA
from pyworkflow.protocol.params import PointerParam
from pyworkflow.utils import Message

from gmmhet.constants import ANALYSIS_DIR
from gmmhet.convert import AnalysisSummary, check_set, read_analysis_summary, write_set_of_particles
from gmmhet.engine.commands.input import CheckCommand
from gmmhet.engine.commands.stages import AnalyzeCommand, RunCommand
from gmmhet.engine.config import AnalyzeConfig
from gmmhet.engine.options import words
from gmmhet.objects import GmmHetFlexibility
from gmmhet.plugin import Plugin
from gmmhet.protocols.engine_steps import EngineSteps, messages_of
from gmmhet.protocols.forms import add_params, options_from_form
from gmmhet.protocols.outputs import MotionOutputs

__all__ = ["ProtGmmHetAnalyze"]


class AnalyzeOutputs(Enum):
    """What the protocol gives; a motion for every further mode comes as motion2, motionFlex2 and so on."""

    outputParticles = SetOfParticlesFlex
    flexibility = GmmHetFlexibility
    flexibilityMap = Volume
    motion1 = SetOfVolumes
    motionFlex1 = SetOfVolumesFlex


class ProtGmmHetAnalyze(ProtAnalysis3D, ProtFlexBase, EngineSteps, MotionOutputs):
    """Estimate the motions of a molecule, and every particle's coordinates along them.

    Every particle is compared with the projection of the Gaussian model; what moves together over the particles is a
    mode. Each particle gets its coordinate along every mode, with a standard deviation.
    """

    _label = "motion analysis"
    _devStatus = BETA
    _possibleOutputs = AnalyzeOutputs

    def _defineParams(self, form):
        form.addSection(label=Message.LABEL_INPUT)
        form.addParam("inputParticles", PointerParam, pointerClass="SetOfParticles", label="Particles",
                      pointerCondition="hasAlignmentProj", important=True, help="Particles with refined orientations.")
        form.addParam("inputModel", PointerParam, pointerClass="GmmHetModel", label="Gaussian model", important=True,
                      help="Made by 'gaussian model' from the map of the same refinement.")
        add_params(form, AnalyzeConfig)
        add_params(form, RunCommand, ["check"])
        self._defineCompute(form, gpu=True, mpi=True)

    def _insertAllSteps(self):
        inputs = [self.inputParticles.getUniqueId(), self.inputParticles.get().getSize(),
                  self.inputModel.get().getModelFile()]
        arguments = self._analyzeArguments()
        self._insertFunctionStep(self.convertInputStep, inputs, needsGPU=False)
        if self.check:
            self._insertFunctionStep(self.checkStep, inputs, needsGPU=False)
        self._insertFunctionStep(self.analyzeStep, arguments, inputs)
        self._insertFunctionStep(self.createOutputStep, arguments, inputs, needsGPU=False)

    def _config(self) -> AnalyzeConfig:
        return options_from_form(self, AnalyzeConfig)

    def _analyzeArguments(self) -> list[str]:
        return words(self._config(), leave_out=["scratch"])  # which may be elsewhere when an analysis is continued

    def getFound(self) -> AnalysisSummary:
        """What summary.json says of the analysis."""
        return read_analysis_summary(self._getExtraPath(ANALYSIS_DIR))

    def getAnalysisFolder(self) -> str:
        """Where the files of the analysis are."""
        return self._getExtraPath(ANALYSIS_DIR)

    def _analysisPath(self, name: str) -> str:
        return self._getExtraPath(ANALYSIS_DIR, name)

    def convertInputStep(self, inputs):
        write_set_of_particles(self.inputParticles.get(), self._getExtraPath("particles.star"))

    def checkStep(self, inputs):
        fitted = Path(self.inputModel.get().getModelFile()).with_name("fitted.mrc")
        Plugin.runEngine(self, "check", words(CheckCommand(
            particles=Path(self._getExtraPath("particles.star")), map=fitted, root=Path("."),
            json=Path(self._getExtraPath("check.json")), plot=Path(self._getExtraPath("check.png")))))

    def analyzeStep(self, arguments, inputs):
        folder = Path(self._getExtraPath(ANALYSIS_DIR))
        self._runResumable("analyze", words(AnalyzeCommand(
            particles=Path(self._getExtraPath("particles.star")), model=Path(self.inputModel.get().getModelFile()),
            config=self._config(), root=Path("."), output=folder)), inputs, folder)
        return [self._analysisPath("latents.star"), self._analysisPath("summary.json")]

    def createOutputStep(self, arguments, inputs):
        self._defineAnalysis(self.inputParticles, Path(self._getExtraPath(ANALYSIS_DIR)),
                             self.inputModel.get().getModelFile())

    def _validate(self):
        errors, particles = messages_of(self._config), self.inputParticles.get()
        return errors + (messages_of(lambda: check_set(particles)) if particles is not None else [])

    def _warnings(self):
        return [] if self.inputParticles.get() is None or self.inputParticles.get().hasCTF() else [
            "The particles have no CTF: the images are taken as they are."]

    def _summary(self):
        if not hasattr(self, AnalyzeOutputs.outputParticles.name):
            return ["No analysis yet."]
        found = self.getFound()
        body = [found["local_pose"]["words"]] if found["local_pose"] else []
        return [found["verdict"], *body, *(mode["verdict"] for mode in found["modes"])]

    def _methods(self):
        if not hasattr(self, AnalyzeOutputs.outputParticles.name):
            return []
        found = self.getFound()
        return [f"Conformational changes of {found['n_particles']} particles were analysed with {found['n_gaussians']} "
                f"Gaussians [Chen2021] at {found['resolution']:.1f} Å by gmmhet ({found['method']}), giving "
                f"{found['n_significant_modes']} significant modes."]

    def _citations(self):
        return ["Chen2021", "Chen2023", "Punjani2021", "Gilles2025"]
