"""Import of refined particles."""

from enum import Enum
from pathlib import Path

from pwem.objects import SetOfParticles, Volume
from pwem.protocols import EMProtocol
from pyworkflow.constants import BETA
from pyworkflow.protocol.constants import LEVEL_ADVANCED
from pyworkflow.protocol.params import FileParam, FloatParam, FolderParam
from pyworkflow.utils import Message

from gmmhet.convert import check_map, check_particles, fill_set_of_particles, link_map
from gmmhet.plugin import Plugin
from gmmhet.protocols.engine_steps import EngineSteps, messages_of

__all__ = ["ProtGmmHetImport"]


class ImportOutputs(Enum):
    """What the protocol gives."""

    outputParticles = SetOfParticles
    outputVolume = Volume


class ProtGmmHetImport(EMProtocol, EngineSteps):
    """Import particles that another program has refined: orientations, shifts, CTF, optics groups and half-sets.

    Reads RELION STAR files (3.1 and later). The images stay where they are. The consensus map of the same refinement
    can be imported along.
    """

    _label = "import refined particles"
    _devStatus = BETA
    _possibleOutputs = ImportOutputs

    def _defineParams(self, form):
        form.addSection(label=Message.LABEL_INPUT)
        form.addParam("particlesFile", FileParam, label="Particles file", important=True,
                      help="Particle STAR file of a 3D refinement (RELION 3.1 or later), with rlnAngleRot, "
                           "rlnAngleTilt and rlnAnglePsi.")
        form.addParam("rootFolder", FolderParam, allowsNull=True, expertLevel=LEVEL_ADVANCED, label="Project folder",
                      help="The folder that image names in the file are relative to. Empty: they are looked for beside "
                           "the file and in the folders above it.")
        form.addParam("mapFile", FileParam, allowsNull=True, label="Consensus map",
                      help="The map of the same refinement (MRC), in the frame of the orientations. May stay empty.")
        form.addParam("mapPixelSize", FloatParam, allowsNull=True, expertLevel=LEVEL_ADVANCED,
                      label="Map pixel size (Å)", help="Empty: what the header of the map says.")

    def _insertAllSteps(self):
        arguments = [self.particlesFile.get(), *(["--root", self.rootFolder.get()] if self.rootFolder.get() else [])]
        self._insertFunctionStep(self.importStep, arguments, needsGPU=False)
        self._insertFunctionStep(self.createOutputStep, arguments, self.mapFile.get(), self.mapPixelSize.get(),
                                 needsGPU=False)

    def importStep(self, arguments):
        Plugin.runEngine(self, "import", [*arguments, "-o", self._getExtraPath("particles.star")])

    def createOutputStep(self, arguments, mapFile, mapPixelSize):
        folder = Path(self._getExtraPath("images"))
        folder.mkdir(exist_ok=True)
        particles = self._createSetOfParticles()
        fill_set_of_particles(particles, self._getExtraPath("particles.star"), folder)
        self._defineOutputs(**{ImportOutputs.outputParticles.name: particles})
        if mapFile:
            volume = link_map(mapFile, self._getExtraPath("consensus.mrc"), mapPixelSize)
            self._defineOutputs(**{ImportOutputs.outputVolume.name: volume})

    def _validate(self):
        errors = messages_of(lambda: check_particles(self.particlesFile.get(), self.rootFolder.get() or None))
        if self.mapFile.get():
            errors += messages_of(lambda: check_map(self.mapFile.get(), self.mapPixelSize.get()))
        return errors

    def _summary(self):
        if not hasattr(self, ImportOutputs.outputParticles.name):
            return ["Not yet imported."]
        lines = [f"Imported *{self.outputParticles.getSize()}* refined particles from {self.particlesFile.get()}."]
        if hasattr(self, ImportOutputs.outputVolume.name):
            lines.append(f"Consensus map: {self.mapFile.get()}.")
        return lines

    def _methods(self):
        if not hasattr(self, ImportOutputs.outputParticles.name):
            return []
        return [f"{self.outputParticles.getSize()} refined particles were imported with their orientations and CTF."]
