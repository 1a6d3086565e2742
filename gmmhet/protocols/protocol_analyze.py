"""Motions and the particles' coordinates on them."""

from enum import Enum
from pathlib import Path
from typing import Any

from pwem.objects import AtomStruct, SetOfParticlesFlex, SetOfVolumes, SetOfVolumesFlex, Volume
from pwem.protocols import ProtAnalysis3D, ProtFlexBase
from pyworkflow.constants import BETA
from pyworkflow.protocol.constants import LEVEL_ADVANCED
from pyworkflow.protocol.params import BooleanParam, EnumParam, FloatParam, FolderParam, PointerParam, StringParam
from pyworkflow.utils import Message

from gmmhet.constants import ANALYSIS_DIR, PROGRAM_NAME
from gmmhet.convert import check_set, fill_flexible_set, fill_motion_sets, read_volume, write_set_of_particles
from gmmhet.engine.config import FOLLOW, POSES, AnalyzeConfig, count_or_auto
from gmmhet.plugin import Plugin
from gmmhet.protocols.engine_steps import EngineSteps, messages_of

__all__ = ["ProtGmmHetAnalyze"]

_METHODS = ("likelihood", "gradient-pca")
_POSE_WORDS = ("integrate out", "none, they are exact", "integrate out and correct")  # in the order of POSES
_FOLLOW_WORDS = ("where held-out particles prefer it", "always", "never")  # in the order of FOLLOW


class AnalyzeOutputs(Enum):
    """What the protocol gives; a motion for every further mode comes as motion2, motionFlex2 and so on."""

    outputParticles = SetOfParticlesFlex
    flexibility = AtomStruct
    flexibilityMap = Volume
    motion1 = SetOfVolumes
    motionFlex1 = SetOfVolumesFlex


class ProtGmmHetAnalyze(ProtAnalysis3D, ProtFlexBase, EngineSteps):
    """Find the concerted motions of a molecule, and place every particle on them.

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
        form.addParam("method", EnumParam, choices=_METHODS, default=0, label="Method",
                      help="likelihood: modes by maximum likelihood; the noise, the contrast and what each view can "
                           "show are taken into account.\ngradient-pca: the published single-step method, principal "
                           "components of the gradients of the score; to compare.")
        form.addParam("nModes", StringParam, default="auto", label="Number of modes",
                      help="auto: as many as held-out particles support.")
        form.addParam("resolution", FloatParam, allowsNull=True, label="Resolution (Å)",
                      help="To which the images are used. Empty: that of the model.")
        form.addParam("motion", BooleanParam, default=True, label="Movements?", help="Let Gaussians move.")
        form.addParam("occupancy", BooleanParam, default=True, label="Occupancy changes?",
                      help="Let amplitudes of Gaussians change: density that comes and goes.")
        form.addParam("poses", EnumParam, choices=_POSE_WORDS, default=0, label="Errors of the poses",
                      help="integrate out: how good orientations and shifts are is estimated with the motion, so that "
                           "their errors are not taken for it.\nnone, they are exact: faster, for simulated data.\n"
                           "integrate out and correct: the maps of 'maps along a motion' are then made at the "
                           "corrected poses.")
        form.addParam("focusMask", PointerParam, pointerClass="VolumeMask", allowsNull=True, label="Focus mask",
                      help="Only what lies in the mask moves; the rest is rigid. Empty: everything may move.")
        form.addParam("localPose", BooleanParam, default=False, condition="focusMask is not None",
                      label="Local rigid-body pose?",
                      help="The part in focus also shifts and turns as a rigid body in every particle, which is "
                           "estimated; modes are what it does beside that.")
        form.addParam("symmetry", StringParam, default="C1", label="Analyse by subunit",
                      help="The symmetry that the Gaussian model was made with (such as D7): every asymmetric unit of "
                           "every particle gets its own coordinates. C1: the molecule as a whole.")
        form.addParam("smoothness", FloatParam, allowsNull=True, expertLevel=LEVEL_ADVANCED, label="Smoothness (Å)",
                      help="Distance over which movements and changes are alike. Empty: 4/3 of the resolution, "
                           "up to twice in large molecules, and less where particles left out ask for that.")
        form.addParam("follow", EnumParam, choices=_FOLLOW_WORDS, default=0, expertLevel=LEVEL_ADVANCED,
                      label="Follow large movements",
                      help="Conformations are followed from place to place, and the modes are theirs: a part that "
                           "turns by any angle needs two. Tried where two modes are supported and move parts by "
                           "more than the resolution, and kept where particles that were left out prefer it.")
        form.addParam("check", BooleanParam, default=True, expertLevel=LEVEL_ADVANCED, label="Check poses first?",
                      help="Stop before any work where orientations, shifts and model make no sense together.")
        form.addParam("scratch", FolderParam, allowsNull=True, expertLevel=LEVEL_ADVANCED, label="Scratch folder",
                      help="For the cropped images, on a fast disk. Analyses of the same particles share them there; "
                           "nothing in it is needed afterwards. Empty: with the other files of this box.")
        self._defineSeed(form)
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

    def _analyzeArguments(self) -> list[str]:
        arguments = ["--method", _METHODS[self.method.get()], "--modes", self.nModes.get().strip(),
                     "--motion" if self.motion else "--no-motion",
                     "--occupancy" if self.occupancy else "--no-occupancy", "--seed", str(self.seed.get()),
                     "--poses", POSES[self.poses.get()], "--follow", FOLLOW[self.follow.get()],
                     "--symmetry", (self.symmetry.get() or "C1").strip()]
        if self.focusMask.get() is not None:
            arguments += ["--focus", self.focusMask.get().getFileName()]
            arguments += ["--local-pose"] if self.localPose else []
        given = (("--resolution", self.resolution.get()), ("--smoothness", self.smoothness.get()))
        return arguments + [word for name, value in given if value for word in (name, str(value))]

    def _analysisPath(self, name: str) -> str:
        return self._getExtraPath(ANALYSIS_DIR, name)

    def convertInputStep(self, inputs):
        write_set_of_particles(self.inputParticles.get(), self._getExtraPath("particles.star"))

    def checkStep(self, inputs):
        fitted = Path(self.inputModel.get().getModelFile()).with_name("fitted.mrc")
        Plugin.runEngine(self, "check", [self._getExtraPath("particles.star"), fitted, "--root", ".",
                                         "--json", self._getExtraPath("check.json"),
                                         "--plot", self._getExtraPath("check.png")])

    def analyzeStep(self, arguments, inputs):
        folder = Path(self._getExtraPath(ANALYSIS_DIR))
        arguments = [self._getExtraPath("particles.star"), "--model", self.inputModel.get().getModelFile(), *arguments,
                     "--root", ".", "-o", str(folder)]
        if self.scratch.get():
            arguments += ["--scratch", self.scratch.get()]
        self._runResumable("analyze", arguments, inputs, folder)
        return [self._analysisPath("latents.star"), self._analysisPath("summary.json")]

    def createOutputStep(self, arguments, inputs):
        self._defineOutputs(**{AnalyzeOutputs.outputParticles.name: self._flexibleParticles()})
        self._defineSourceRelation(self.inputParticles, self.outputParticles)
        self._defineOutputs(**{
            AnalyzeOutputs.flexibility.name: AtomStruct(self._analysisPath("flexibility.cif"), pseudoatoms=True),
            AnalyzeOutputs.flexibilityMap.name: read_volume(self._analysisPath("flexibility.mrc"))})
        for number, mode in enumerate(self._readSummary(ANALYSIS_DIR)["modes"], 1):
            if mode["frames"]:
                self._defineOutputs(**self._motionSets(number, mode["frames"]))

    def _flexibleParticles(self) -> SetOfParticlesFlex:
        source = self.inputParticles.get()
        flexible = self._createSetOfParticlesFlex(progName=PROGRAM_NAME)
        flexible.copyInfo(source)
        flexible.setHasCTF(source.hasCTF())
        flexible.getFlexInfo().setProgName(PROGRAM_NAME)
        flexible.getFlexInfo().setAttr("analysis", self._getExtraPath(ANALYSIS_DIR))
        flexible.getFlexInfo().setAttr("model", self.inputModel.get().getModelFile())
        fill_flexible_set(flexible, source.iterItems(orderBy="id"), self._analysisPath("latents.star"), PROGRAM_NAME)
        return flexible

    def _motionSets(self, number: int, frames: list[dict[str, Any]]) -> dict[str, Any]:
        plain = self._createSetOfVolumes(suffix=f"_motion{number}")
        flexible = self._createSetOfVolumesFlex(suffix=f"_motion{number}", progName=PROGRAM_NAME)
        fill_motion_sets(plain, flexible, [(self._analysisPath(f["file"]), f["place"]) for f in frames], number)
        return {f"motion{number}": plain, f"motionFlex{number}": flexible}

    def _checkOptions(self) -> None:
        AnalyzeConfig(_METHODS[self.method.get()], count_or_auto(self.nModes.get(), "Number of modes"),
                      motion=self.motion.get(), resolution=self.resolution.get() or None,
                      occupancy=self.occupancy.get(), symmetry=self.symmetry.get() or "C1",
                      poses=POSES[self.poses.get()], smoothness=self.smoothness.get() or None,
                      follow=FOLLOW[self.follow.get()],
                      local_pose=self.localPose.get() and self.focusMask.get() is not None,
                      focus=None if self.focusMask.get() is None else Path(self.focusMask.get().getFileName()))

    def _validate(self):
        errors, particles = messages_of(self._checkOptions), self.inputParticles.get()
        return errors + (messages_of(lambda: check_set(particles)) if particles is not None else [])

    def _warnings(self):
        return [] if self.inputParticles.get() is None or self.inputParticles.get().hasCTF() else [
            "The particles have no CTF: the images are taken as they are."]

    def _summary(self):
        if not hasattr(self, AnalyzeOutputs.outputParticles.name):
            return ["No analysis yet."]
        found = self._readSummary(ANALYSIS_DIR)
        body = [found["local_pose"]["words"]] if found.get("local_pose") else []
        return [found["verdict"], *body, *(mode["verdict"] for mode in found["modes"])]

    def _methods(self):
        if not hasattr(self, AnalyzeOutputs.outputParticles.name):
            return []
        found = self._readSummary(ANALYSIS_DIR)
        return [f"Conformational changes of {found['n_particles']} particles were analysed with {found['n_gaussians']} "
                f"Gaussians [Chen2021] at {found['resolution']:.1f} Å by gmmhet ({found['method']}), giving "
                f"{found['n_significant_modes']} significant modes."]

    def _citations(self):
        return ["Chen2021", "Chen2023", "Punjani2021", "Gilles2025"]
