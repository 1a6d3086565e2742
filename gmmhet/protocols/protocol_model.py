"""Gaussian model of a map."""

from dataclasses import replace
from enum import Enum
from pathlib import Path

from pwem.objects import FSC, AtomStruct, Volume
from pwem.protocols import ProtAnalysis3D
from pyworkflow.constants import BETA
from pyworkflow.protocol.params import PointerParam
from pyworkflow.utils import Message

from gmmhet.constants import MODEL_DIR, MODEL_FILE
from gmmhet.convert import half_map_files, map_file, read_fsc_curves, read_model_summary, read_volume
from gmmhet.engine.commands.stages import FitCommand
from gmmhet.engine.config import FitConfig
from gmmhet.engine.options import words
from gmmhet.objects import GmmHetModel
from gmmhet.protocols.engine_steps import EngineSteps, messages_of
from gmmhet.protocols.forms import add_params, options_from_form

__all__ = ["ProtGmmHetModel"]


class ModelOutputs(Enum):
    """What the protocol gives."""

    outputModel = GmmHetModel
    outputVolume = Volume
    outputFSC = FSC


class ProtGmmHetModel(ProtAnalysis3D, EngineSteps):
    """Represent a consensus map (or an atomic model) by Gaussians: positions, amplitudes and widths.

    Positions start from the density; no manual placement is needed.
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
                      help="Particles for the analysis: a map of another box and pixel size, but the same field of "
                           "view, is resampled to their grid. Empty: the grid of the map.")
        add_params(form, FitConfig)
        self._defineCompute(form, gpu=True)

    def _insertAllSteps(self):
        inputs = [self.inputVolume.get().getFileName(), self.inputVolume.getUniqueId()]
        arguments = self._fitArguments(inputs[0])
        self._insertFunctionStep(self.fitStep, arguments, inputs)
        self._insertFunctionStep(self.createOutputStep, arguments, inputs, needsGPU=False)

    def _config(self) -> FitConfig:
        return options_from_form(self, FitConfig)

    def _fitArguments(self, source: str, halves: tuple[Path, ...] = ()) -> list[str]:
        particles, config = self.inputParticles.get(), self._config()
        grid = {} if particles is None else {"box": particles.getXDim(), "pixel_size": particles.getSamplingRate()}
        if halves and not config.half_maps:
            config = replace(config, half_maps=halves)
        return words(FitCommand(map=Path(source), config=config, output=Path(self._modelPath(MODEL_FILE)), **grid))

    def _modelPath(self, name: str) -> str:
        return self._getExtraPath(MODEL_DIR, name)

    def fitStep(self, arguments, inputs):
        given = self.inputVolume.get()
        if isinstance(given, AtomStruct):
            arguments = self._fitArguments(given.getFileName())
        else:
            folder = self._getExtraPath()
            arguments = self._fitArguments(map_file(given, folder), half_map_files(given, folder))
        self._runResumable("fit", arguments, inputs, Path(self._getExtraPath(MODEL_DIR)))
        return [self._modelPath(MODEL_FILE)]

    def createOutputStep(self, arguments, inputs):
        summary = read_model_summary(self._getExtraPath(MODEL_DIR))
        model = GmmHetModel(filename=self._modelPath("model.cif"), modelFile=self._modelPath(MODEL_FILE),
                            gaussians=summary["n_gaussians"], resolution=summary["resolution"])
        volume = read_volume(self._modelPath("fitted.mrc"))
        curves = read_fsc_curves(self._modelPath("fsc.csv"))
        self._defineOutputs(**{ModelOutputs.outputModel.name: model, ModelOutputs.outputVolume.name: volume,
                               ModelOutputs.outputFSC.name: curves[1]})
        self._defineSourceRelation(self.inputVolume, model)
        self._defineSourceRelation(self.inputVolume, volume)

    def _validate(self):
        return messages_of(self._config)

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
