"""Chosen particles of an analysis, for other protocols and for the program they came from."""

from dataclasses import replace
from enum import Enum
from pathlib import Path

from pwem.objects import SetOfParticlesFlex
from pwem.protocols import EMProtocol, ProtFlexBase
from pyworkflow.constants import BETA
from pyworkflow.protocol.params import NumericRangeParam, PointerParam
from pyworkflow.utils import Message, getListFromRangeString

from gmmhet.constants import PROGRAM_NAME
from gmmhet.convert import (
    check_particles,
    class_members,
    fill_selection,
    find_companions,
    write_row_numbers,
)
from gmmhet.engine.commands.export import ExportCommand
from gmmhet.engine.errors import InputError
from gmmhet.engine.export.criteria import Criteria, read_ids
from gmmhet.engine.options import words
from gmmhet.plugin import Plugin
from gmmhet.protocols.engine_steps import EngineSteps, messages_of
from gmmhet.protocols.forms import add_params, options_from_form

__all__ = ["ProtGmmHetExport"]


class ExportOutputs(Enum):
    """What the protocol gives."""

    outputParticles = SetOfParticlesFlex


class ProtGmmHetExport(EMProtocol, ProtFlexBase, EngineSteps):
    """Choose particles by their coordinates, classes, certainty or likelihood.

    The chosen particles come as a set, all attributes and ids as they were, and as selected.star. With the original
    file of the refinement, its rows are written too: a RELION STAR or a cryoSPARC .cs that these programs open, every
    column as it was.
    """

    _label = "export selection"
    _devStatus = BETA
    _possibleOutputs = ExportOutputs

    def _defineParams(self, form):
        form.addSection(label=Message.LABEL_INPUT)
        form.addParam("inputParticles", PointerParam, pointerClass="SetOfParticlesFlex", important=True,
                      label="Particles with coordinates", help="Made by 'motion analysis', or a subset of them.")
        add_params(form, Criteria, ["mode", "low", "high", "confidence"])
        form.addParam("inputClasses", PointerParam, pointerClass="SetOfClasses3D", allowsNull=True, label="Classes",
                      help="Made by 'maps along a motion'.")
        form.addParam("classNumbers", NumericRangeParam, default="1", label="Class numbers",
                      condition="inputClasses is not None", help="For instance 1,3-4.")
        add_params(form, ExportCommand, ["ids"])
        add_params(form, Criteria, ["keep", "fraction", "half", "no_junk", "one_an_image"])
        add_params(form, ExportCommand, ["refined_poses"])
        form.addSection(label="Original file")
        add_params(form, ExportCommand, ["particles", "passthrough", "root"])

    def _insertAllSteps(self):
        inputs = [self.inputParticles.getUniqueId(), self.inputParticles.get().getSize()]
        inputs += [self.inputClasses.getUniqueId(), self.classNumbers.get()] if self._classes() is not None else []
        arguments, original = self._arguments(), self._originalArguments()
        self._insertFunctionStep(self.convertInputStep, inputs, needsGPU=False)
        self._insertFunctionStep(self.exportStep, arguments, original, inputs, needsGPU=False)
        self._insertFunctionStep(self.createOutputStep, arguments, inputs, needsGPU=False)

    def _classes(self):
        return self.inputClasses.get()

    def _criteria(self) -> Criteria:
        return options_from_form(self, Criteria)

    def _whole(self) -> ExportCommand:
        """With all that the form has of the original file, which may be nothing."""
        found = options_from_form(self, ExportCommand, source=Path(self._latents()), criteria=self._criteria(),
                                  output=Path(self._getExtraPath("selected.star")))
        return replace(found, ids=(Path(self._getExtraPath("rows.txt")), *found.ids))

    def _arguments(self) -> list[str]:
        """Of the command that writes selected.star, from which the set is filled."""
        return words(replace(self._whole(), particles=None, root=None, passthrough=()))

    def _originalArguments(self) -> list[str]:
        whole = self._whole()
        if whole.particles is None:
            return []
        return words(replace(whole, passthrough=self._passthrough(), output=Path(self.getOriginalSelection())))

    def _passthrough(self) -> tuple[Path, ...]:
        given = self.passthroughFile.get()
        return (Path(given),) if given else find_companions(self.originalFile.get() or "").passthrough

    def _latents(self) -> str:
        return str(Path(self.inputParticles.get().getFlexInfo().getAttr("analysis"), "latents.star"))

    def getOriginalSelection(self) -> str:
        """The chosen rows of the original file."""
        source = Path(self.originalFile.get())
        return self._getExtraPath(f"{source.stem}_selected{source.suffix if source.suffix == '.cs' else '.star'}")

    def convertInputStep(self, inputs):
        ids = set(self.inputParticles.get().getIdSet())
        if self._classes() is not None:
            ids &= class_members(self._classes(), getListFromRangeString(self.classNumbers.get()))
        write_row_numbers(self._getExtraPath("rows.txt"), self._latents(), ids)

    def exportStep(self, arguments, original, inputs):
        for command in (arguments, original) if original else (arguments,):
            Plugin.runEngine(self, "export", command)

    def createOutputStep(self, arguments, inputs):
        source = self.inputParticles.get()
        chosen = self._createSetOfParticlesFlex(progName=PROGRAM_NAME)
        chosen.copyInfo(source)
        chosen.setHasCTF(source.hasCTF())
        fill_selection(chosen, source, self._getExtraPath("selected.star"), poses=self.refinedPoses.get())
        self._defineOutputs(**{ExportOutputs.outputParticles.name: chosen})
        self._defineTransformRelation(self.inputParticles, chosen)

    def _checkOptions(self) -> None:
        self._criteria()
        if self.idsFile.get():
            read_ids(self.idsFile.get())

    def _checkOriginal(self) -> None:
        if self.originalFile.get():
            check_particles(self.originalFile.get(), self.rootFolder.get() or None, self._passthrough())

    def _checkAnalysis(self) -> None:
        particles = self.inputParticles.get()
        if particles is None:
            return
        if particles.getFlexInfo().getProgName() != PROGRAM_NAME:
            raise InputError("these coordinates come from another program; expected particles of 'motion analysis'")
        if not Path(self._latents()).is_file():
            raise InputError(f"{self._latents()}: no such file; expected the analysis that these coordinates come from")

    def _validate(self):
        return [line for check in (self._checkOptions, self._checkOriginal, self._checkAnalysis)
                for line in messages_of(check)]

    def _summary(self):
        if not hasattr(self, ExportOutputs.outputParticles.name):
            return ["Nothing chosen yet."]
        lines = [f"*{self.outputParticles.getSize()}* particles chosen; STAR: {self._getExtraPath('selected.star')}"]
        if self.originalFile.get():
            lines.append(f"Rows of {self.originalFile.get()}: {self.getOriginalSelection()}")
        return lines
