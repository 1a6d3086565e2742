"""Gaussian model of a map."""

from enum import Enum
from pathlib import Path

from pwem.objects import FSC, AtomStruct, Volume
from pwem.protocols import ProtAnalysis3D
from pyworkflow.constants import BETA
from pyworkflow.protocol.params import FloatParam, PointerParam, StringParam
from pyworkflow.utils import Message

from gmmhet.constants import MODEL_DIR, MODEL_FILE
from gmmhet.convert import map_file, read_fsc_curves, read_volume
from gmmhet.engine.config import FitConfig, count_or_auto
from gmmhet.objects import GmmHetModel
from gmmhet.protocols.engine_steps import EngineSteps, messages_of

__all__ = ["ProtGmmHetModel"]


class ModelOutputs(Enum):
    """What the protocol gives."""

    outputModel = GmmHetModel
    outputVolume = Volume
    outputFSC = FSC


class ProtGmmHetModel(ProtAnalysis3D, EngineSteps):
    """Represent a consensus map (or an atomic model) by Gaussians: positions, amplitudes and widths.

    Positions start from the density itself; nothing has to be placed by hand.
    """

    _label = "gaussian model"
    _devStatus = BETA
    _possibleOutputs = ModelOutputs

    def _defineParams(self, form):
        form.addSection(label=Message.LABEL_INPUT)
        form.addParam("inputVolume", PointerParam, pointerClass="Volume, AtomStruct", important=True,
                      label="Map or atomic model",
                      help="The consensus map of the refinement, or an atomic model in its frame.")
        form.addParam("inputParticles", PointerParam, pointerClass="SetOfParticles", allowsNull=True, label="Particles",
                      help="That are to be analysed with the model: a map of another box and pixel size over the same "
                           "field of view is brought to theirs. Empty: the map is taken as it is.")
        form.addParam("nGaussians", StringParam, default="auto", label="Number of Gaussians",
                      help="auto: chosen from the volume of the molecule and the resolution.")
        form.addParam("resolution", FloatParam, allowsNull=True, label="Resolution (Å)",
                      help="To which the map is represented. Empty: what the map holds.")
        form.addParam("inputMask", PointerParam, pointerClass="VolumeMask", allowsNull=True, label="Mask",
                      help="Where Gaussians may be. Empty: found from the map.")
        form.addParam("symmetry", StringParam, default="C1", label="Symmetry",
                      help="Point group of the map: Cn, Dn, T, O or I, in RELION's settings.")
        self._defineSeed(form)
        self._defineCompute(form, gpu=True)

    def _insertAllSteps(self):
        inputs = [self.inputVolume.get().getFileName(), self.inputVolume.getUniqueId()]
        arguments = self._fitArguments()
        self._insertFunctionStep(self.fitStep, arguments, inputs)
        self._insertFunctionStep(self.createOutputStep, arguments, inputs, needsGPU=False)

    def _fitArguments(self) -> list[str]:
        arguments = ["--n-gaussians", self.nGaussians.get().strip(), "--symmetry", self.symmetry.get(),
                     "--seed", str(self.seed.get())]
        if self.resolution.get():
            arguments += ["--resolution", str(self.resolution.get())]
        particles = self.inputParticles.get()
        if particles is not None:
            arguments += ["--box", str(particles.getXDim()), "--pixel-size", str(particles.getSamplingRate())]
        if self.inputMask.get() is not None:
            arguments += ["--mask", self.inputMask.get().getFileName()]
        return arguments

    def _modelPath(self, name: str) -> str:
        return self._getExtraPath(MODEL_DIR, name)

    def fitStep(self, arguments, inputs):
        given = self.inputVolume.get()
        source = given.getFileName() if isinstance(given, AtomStruct) else map_file(given, self._getExtraPath())
        arguments = [source, *arguments, "-o", self._modelPath(MODEL_FILE)]
        self._runResumable("fit", arguments, inputs, Path(self._getExtraPath(MODEL_DIR)))
        return [self._modelPath(MODEL_FILE)]

    def createOutputStep(self, arguments, inputs):
        summary = self._readSummary(MODEL_DIR)
        model = GmmHetModel(filename=self._modelPath("model.cif"), modelFile=self._modelPath(MODEL_FILE),
                            gaussians=summary["n_gaussians"], resolution=summary["resolution"])
        volume = read_volume(self._modelPath("fitted.mrc"))
        curves = read_fsc_curves(self._modelPath("fsc.csv"))
        self._defineOutputs(**{ModelOutputs.outputModel.name: model, ModelOutputs.outputVolume.name: volume,
                               ModelOutputs.outputFSC.name: curves[1]})
        self._defineSourceRelation(self.inputVolume, model)
        self._defineSourceRelation(self.inputVolume, volume)

    def _checkOptions(self) -> None:
        FitConfig(n_gaussians=count_or_auto(self.nGaussians.get(), "Number of Gaussians"),
                  resolution=self.resolution.get() or None, symmetry=self.symmetry.get())

    def _validate(self):
        return messages_of(self._checkOptions)

    def _summary(self):
        if not hasattr(self, ModelOutputs.outputModel.name):
            return ["No model yet."]
        model = self.outputModel
        return [f"*{model.getGaussians()}* Gaussians represent the map to *{model.getResolution():.1f} Å*."]

    def _methods(self):
        if not hasattr(self, ModelOutputs.outputModel.name):
            return []
        return [f"The consensus map was represented by {self.outputModel.getGaussians()} Gaussians to "
                f"{self.outputModel.getResolution():.1f} Å [Chen2021]."]

    def _citations(self):
        return ["Chen2021"]
