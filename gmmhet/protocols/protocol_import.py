"""Import of refined particles."""

import json
from dataclasses import replace
from enum import Enum
from pathlib import Path

from pwem.objects import SetOfParticles, Volume, VolumeMask
from pwem.protocols import EMProtocol
from pyworkflow.constants import BETA
from pyworkflow.protocol.constants import LEVEL_ADVANCED
from pyworkflow.protocol.params import BooleanParam, FileParam, FloatParam
from pyworkflow.utils import Message

from gmmhet.convert import (
    Companions,
    check_map,
    check_particles,
    fill_set_of_particles,
    find_companions,
    link_map,
)
from gmmhet.engine.commands.input import ImportCommand
from gmmhet.engine.errors import InputError
from gmmhet.engine.options import words
from gmmhet.plugin import Plugin
from gmmhet.protocols.engine_steps import EngineSteps, messages_of
from gmmhet.protocols.forms import add_params, options_from_form

__all__ = ["ProtGmmHetImport"]


class ImportOutputs(Enum):
    """What the protocol gives."""

    outputParticles = SetOfParticles
    outputVolume = Volume
    outputMask = VolumeMask


class ProtGmmHetImport(EMProtocol, EngineSteps):
    """Import particles that another program has refined: orientations, shifts, CTF, optics groups and half-sets.

    Reads particles of RELION (.star of any version), cryoSPARC (.cs), EMAN2 (.lst) and Xmipp (.xmd). The images stay
    where they are. The consensus map of the same refinement, its half-maps and its mask are imported along, where they
    are beside the particles.
    """

    _label = "import refined particles"
    _devStatus = BETA
    _possibleOutputs = ImportOutputs

    def _defineParams(self, form):
        form.addSection(label=Message.LABEL_INPUT)
        add_params(form, ImportCommand)
        form.addParam("findBeside", BooleanParam, default=True, expertLevel=LEVEL_ADVANCED,
                      label="Look for map and mask beside the particles?",
                      help="Map, half-maps and mask that RELION or cryoSPARC left beside the particles. Default: yes. "
                           "Change it where these are not of this refinement.")
        form.addParam("mapFile", FileParam, allowsNull=True, label="Consensus map",
                      help="The map of the same refinement (MRC), in the frame of the orientations. Empty: the one "
                           "beside the particles, if any.")
        form.addParam("mapPixelSize", FloatParam, allowsNull=True, expertLevel=LEVEL_ADVANCED,
                      label="Map pixel size (Å)", help="Empty: what the header of the map says.")

    def _insertAllSteps(self):
        arguments = words(self._command())
        self._insertFunctionStep(self.importStep, arguments, needsGPU=False)
        self._insertFunctionStep(self.createOutputStep, arguments, self.mapFile.get(), self.mapPixelSize.get(),
                                 self.findBeside.get(), needsGPU=False)

    def _beside(self) -> Companions:
        return find_companions(self.particlesFile.get() or "")

    def _command(self) -> ImportCommand:
        found = options_from_form(self, ImportCommand, output=Path(self._getExtraPath("particles.star")))
        return found if found.passthrough else replace(found, passthrough=self._beside().passthrough)

    def importStep(self, arguments):
        Plugin.runEngine(self, "import", arguments)

    def createOutputStep(self, arguments, mapFile, mapPixelSize, findBeside):
        folder = Path(self._getExtraPath("images"))
        folder.mkdir(exist_ok=True)
        particles = self._createSetOfParticles()
        fill_set_of_particles(particles, self._getExtraPath("particles.star"), folder)
        self._defineOutputs(**{ImportOutputs.outputParticles.name: particles})
        beside = self._beside() if findBeside else Companions()
        if mapFile:
            self._defineOutputs(**{ImportOutputs.outputVolume.name:
                                   link_map(mapFile, self._getExtraPath("consensus.mrc"), mapPixelSize)})
        elif beside.map is not None:
            self._takeBeside(beside, mapPixelSize)

    def _takeBeside(self, beside: Companions, mapPixelSize: float | None) -> None:
        """Map, half-maps and mask; a file that cannot be read is left out, and the summary says so."""
        try:
            volume = link_map(str(beside.map), self._getExtraPath("consensus.mrc"), mapPixelSize)
            links = [self._getExtraPath(f"consensus_half{i}.mrc") for i in range(1, len(beside.halves) + 1)]
            for half, link in zip(beside.halves, links, strict=True):
                link_map(half, link, mapPixelSize)
            if links:
                volume.setHalfMaps(links)
            self._defineOutputs(**{ImportOutputs.outputVolume.name: volume})
            if beside.mask is not None:
                mask = link_map(beside.mask, self._getExtraPath("mask.mrc"), mapPixelSize, VolumeMask())
                self._defineOutputs(**{ImportOutputs.outputMask.name: mask})
        except InputError as error:
            Path(self._getExtraPath("beside.json")).write_text(json.dumps(str(error)), encoding="utf-8")

    def _validate(self):
        if not self.particlesFile.get():
            return []  # the form says that it is missing
        command = self._command()
        errors = messages_of(lambda: check_particles(command.particles, command.root, command.passthrough))
        if self.mapFile.get():
            errors += messages_of(lambda: check_map(self.mapFile.get(), self.mapPixelSize.get()))
        return errors

    def _summary(self):
        if not hasattr(self, ImportOutputs.outputParticles.name):
            return ["Not yet imported."]
        lines = [f"Imported *{self.outputParticles.getSize()}* refined particles from {self.particlesFile.get()}."]
        if hasattr(self, ImportOutputs.outputVolume.name):
            found = Path(self.outputVolume.getFileName()).resolve()
            halves = " with half-maps" if self.outputVolume.hasHalfMaps() else ""
            lines.append(f"Consensus map{halves}: {found}.")
        if hasattr(self, ImportOutputs.outputMask.name):
            lines.append(f"Mask: {Path(self.outputMask.getFileName()).resolve()}.")
        problem = Path(self._getExtraPath("beside.json"))
        if problem.is_file():
            lines.append(f"Not imported from beside the particles: {json.loads(problem.read_text(encoding='utf-8'))}")
        return lines

    def _methods(self):
        if not hasattr(self, ImportOutputs.outputParticles.name):
            return []
        return [f"{self.outputParticles.getSize()} refined particles were imported with their orientations and CTF."]
