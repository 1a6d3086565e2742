"""Chosen particles of an analysis, for other protocols and for the program they came from."""

from enum import Enum
from pathlib import Path
from typing import Any

from pwem.objects import SetOfParticlesFlex
from pwem.protocols import EMProtocol, ProtFlexBase
from pyworkflow.constants import BETA
from pyworkflow.protocol.constants import LEVEL_ADVANCED
from pyworkflow.protocol.params import (
    BooleanParam,
    EnumParam,
    FileParam,
    FloatParam,
    FolderParam,
    IntParam,
    NumericRangeParam,
    PointerParam,
)
from pyworkflow.utils import Message, getListFromRangeString

from gmmhet.constants import PROGRAM_NAME
from gmmhet.convert import (
    check_particles,
    class_members,
    fill_selection,
    find_companions,
    write_row_numbers,
)
from gmmhet.engine.errors import InputError
from gmmhet.engine.export.criteria import Criteria, read_ids
from gmmhet.plugin import Plugin
from gmmhet.protocols.engine_steps import EngineSteps, messages_of

__all__ = ["ProtGmmHetExport"]

_KEEP = ("all", "best", "worst")


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
        form.addParam("mode", IntParam, allowsNull=True, label="Mode", help="Of the stretch and of the certainty; "
                      "counted from 1.")
        form.addParam("low", FloatParam, allowsNull=True, label="Coordinate from", help="Empty: no lower end.")
        form.addParam("high", FloatParam, allowsNull=True, label="Coordinate to", help="Empty: no upper end.")
        form.addParam("confidence", FloatParam, allowsNull=True, label="Largest standard deviation",
                      help="Of the coordinate along the mode; without a mode, of every one. Empty: any.")
        form.addParam("inputClasses", PointerParam, pointerClass="SetOfClasses3D", allowsNull=True, label="Classes",
                      help="Made by 'maps along a motion'.")
        form.addParam("classNumbers", NumericRangeParam, default="1", label="Class numbers",
                      condition="inputClasses is not None", help="For instance 1,3-4.")
        form.addParam("idsFile", FileParam, allowsNull=True, label="Row numbers",
                      help="A text of row numbers, as the lasso of the report writes.")
        form.addParam("keep", EnumParam, choices=_KEEP, default=0, label="By likelihood",
                      help="The best or the worst of all particles of the analysis, by their log-likelihood.")
        form.addParam("fraction", FloatParam, default=0.5, label="Fraction", condition="keep>0")
        form.addParam("half", EnumParam, choices=("both", "1", "2"), default=0, label="Half-set")
        form.addParam("onePerImage", BooleanParam, default=False, expertLevel=LEVEL_ADVANCED,
                      label="One row an image?", help="Of symmetry-expanded particles that are chosen, the first.")
        form.addParam("refinedPoses", BooleanParam, default=False, label="Refined poses?",
                      help="Give the particles the poses that the analysis refined.")
        form.addSection(label="Original file")
        form.addParam("originalFile", FileParam, allowsNull=True, label="Original particles file",
                      help="The .star or .cs that the particles were imported from: its chosen rows are written as "
                           "they stand in it. Empty: only the set and selected.star are made.")
        form.addParam("passthroughFile", FileParam, allowsNull=True, label="Passthrough file (cryoSPARC)",
                      help="Empty: the one beside the original file, if any.")
        form.addParam("rootFolder", FolderParam, allowsNull=True, expertLevel=LEVEL_ADVANCED, label="Project folder",
                      help="The folder that image names in the original file are relative to.")

    def _insertAllSteps(self):
        inputs = [self.inputParticles.getUniqueId(), self.inputParticles.get().getSize()]
        inputs += [self.inputClasses.getUniqueId(), self.classNumbers.get()] if self._classes() is not None else []
        arguments, original = self._criteriaArguments(), self._originalArguments()
        self._insertFunctionStep(self.convertInputStep, inputs, needsGPU=False)
        self._insertFunctionStep(self.exportStep, arguments, original, inputs, needsGPU=False)
        self._insertFunctionStep(self.createOutputStep, arguments, inputs, needsGPU=False)

    def _classes(self):
        return self.inputClasses.get()

    def _criteria(self) -> dict[str, Any]:
        return {"mode": self.mode.get(), "low": self.low.get(), "high": self.high.get(),
                "confidence": self.confidence.get(), "half": self.half.get() or None,
                **({"keep": _KEEP[self.keep.get()], "fraction": self.fraction.get()} if self.keep.get() else {})}

    def _criteriaArguments(self) -> list[str]:
        names = {"mode": "--mode", "low": "--from", "high": "--to", "confidence": "--confidence", "half": "--half"}
        given = self._criteria()
        arguments = [text for name, option in names.items() if given[name] is not None
                     for text in (option, str(given[name]))]
        arguments += ["--keep", given["keep"], str(given["fraction"])] if "keep" in given else []
        arguments += ["--ids", self._getExtraPath("rows.txt"), *([self.idsFile.get()] if self.idsFile.get() else [])]
        arguments += ["--unexpand"] if self.onePerImage else []
        return arguments + (["--refined-poses"] if self.refinedPoses else [])

    def _originalArguments(self) -> list[str]:
        if not self.originalFile.get():
            return []
        arguments = ["--particles", self.originalFile.get(), "-o", self.getOriginalSelection()]
        arguments += ["--root", self.rootFolder.get()] if self.rootFolder.get() else []
        return arguments + (["--passthrough", *self._passthrough()] if self._passthrough() else [])

    def _passthrough(self) -> list[str]:
        given = self.passthroughFile.get()
        return [given] if given else [str(p) for p in find_companions(self.originalFile.get() or "").passthrough]

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
        Plugin.runEngine(self, "export", [self._latents(), *arguments, "-o", self._getExtraPath("selected.star")])
        if original:
            Plugin.runEngine(self, "export", [self._latents(), *arguments, *original])

    def createOutputStep(self, arguments, inputs):
        source = self.inputParticles.get()
        chosen = self._createSetOfParticlesFlex(progName=PROGRAM_NAME)
        chosen.copyInfo(source)
        chosen.setHasCTF(source.hasCTF())
        fill_selection(chosen, source, self._getExtraPath("selected.star"), poses=self.refinedPoses.get())
        self._defineOutputs(**{ExportOutputs.outputParticles.name: chosen})
        self._defineTransformRelation(self.inputParticles, chosen)

    def _checkOptions(self) -> None:
        Criteria(**self._criteria())
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
