"""Maps from the particles along a motion."""

import json
import os
from enum import Enum
from pathlib import Path

from pwem.objects import SetOfClasses3D, SetOfFSCs, SetOfVolumes, SetOfVolumesFlex
from pwem.protocols import ProtFlexBase, ProtReconstruct3D
from pyworkflow.constants import BETA
from pyworkflow.protocol.constants import LEVEL_ADVANCED
from pyworkflow.protocol.params import GE, EnumParam, FileParam, IntParam, PointerParam, StringParam
from pyworkflow.utils import Message

from gmmhet.constants import ANALYSIS_DIR, MAPS_DIR, MODEL_DIR, PROGRAM_NAME, REPORT_FILE
from gmmhet.convert import (
    check_points,
    count_modes,
    fill_classes,
    fill_curve_set,
    fill_flexible_map_set,
    fill_map_set,
    read_classes,
    write_set_of_particles,
)
from gmmhet.engine.config import AT_POINTS, SELECTIONS, ReconstructConfig
from gmmhet.plugin import Plugin
from gmmhet.protocols.engine_steps import EngineSteps, messages_of
from gmmhet.protocols.map_lines import map_lines, map_places

__all__ = ["ProtGmmHetReconstruct"]



class ReconstructOutputs(Enum):
    """What the protocol gives; sharpened maps come as sharpenedVolumes."""

    outputVolumes = SetOfVolumes
    outputVolumesFlex = SetOfVolumesFlex
    outputClasses = SetOfClasses3D
    outputFSCs = SetOfFSCs


def _link(target: str, link: Path) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(os.path.relpath(target, link.parent))


class ProtGmmHetReconstruct(ProtReconstruct3D, ProtFlexBase, EngineSteps):
    """Reconstruct maps from the particles of each stretch of a motion, and write a page about the whole analysis.

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
        form.addParam("mode", IntParam, default=1, validators=[GE(1, error="Mode counts from 1")], label="Mode",
                      help="The motion to go along, counted from 1.")
        form.addParam("nMaps", IntParam, default=5, validators=[GE(1, error="Expected at least one map")],
                      label="Number of maps")
        form.addParam("by", EnumParam, choices=SELECTIONS, default=0, label="Particles of a map",
                      help="bins: stretches of the coordinate with equal numbers of particles.\nclusters: of all "
                           "coordinates together, in order along the mode.\nkernel: around points along the "
                           "mode, each part of the molecule made of as few particles as its motion asks for.\nmotion: "
                           "at such points, of all particles, their motion undone as the Gaussians say.")
        points = " or ".join(f"by=={SELECTIONS.index(by)}" for by in AT_POINTS)
        form.addParam("pointsFile", FileParam, allowsNull=True, condition=points,
                      label="Points", help="Table (.csv) with columns latent1, latent2, ..., as 'gmmhet path' writes: "
                                           "a map at each, whatever the number above. Empty: at places along the mode.")
        form.addParam("inputMask", PointerParam, pointerClass="VolumeMask", allowsNull=True, label="Mask",
                      help="Soft mask for the Fourier shell correlation. Empty: made from the map.")
        form.addParam("symmetry", StringParam, default="C1", label="Symmetry",
                      help="Point group applied to every map. Only where the motion itself has that symmetry.")
        form.addParam("sharpen", StringParam, default="none", expertLevel=LEVEL_ADVANCED, label="Sharpen",
                      help="none, auto, or a B factor in Å² (negative). Sharpened maps come beside the maps as they "
                           "are, all by one B factor; auto takes it from their amplitudes beyond 10 Å.")
        self._defineSeed(form)
        self._defineCompute(form, gpu=False, mpi=True)

    def _insertAllSteps(self):
        inputs = [self.inputParticles.getUniqueId(), self.inputParticles.get().getSize()]
        arguments = self._reconstructArguments()
        for step in (self.convertInputStep, self.reconstructStep, self.reportStep, self.createOutputStep):
            self._insertFunctionStep(step, arguments, inputs, needsGPU=False)

    def _reconstructArguments(self) -> list[str]:
        points = self._points()
        places = ["--points", points] if points else ["--n", str(self.nMaps.get())]
        arguments = ["--by", SELECTIONS[self.by.get()], "--mode", str(self.mode.get()), *places, "--symmetry",
                     self.symmetry.get(), "--seed", str(self.seed.get()),
                     f"--sharpen={(self.sharpen.get() or 'none').strip()}"]
        mask = self.inputMask.get()
        return arguments + (["--mask", mask.getFileName()] if mask is not None else [])

    def _points(self) -> str:
        """The table of points; empty where none counts."""
        return (self.pointsFile.get() or "").strip() if SELECTIONS[self.by.get()] in AT_POINTS else ""

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
        star, folder = self._getExtraPath("input", "particles.star"), Path(self._getExtraPath(MAPS_DIR))
        arguments = [star, "--latents", star, *arguments, "--root", ".", "-o", str(folder)]
        self._runResumable("reconstruct", arguments, inputs, folder)
        return [str(folder / "summary.json"), str(folder / "classes.star")]

    def reportStep(self, arguments, inputs):
        info = self.inputParticles.get().getFlexInfo()
        # The folder that gmmhet run would have made, under the name that the page shows.
        together = Path(self._getExtraPath(self.getProject().getShortName()))
        together.mkdir(exist_ok=True)
        folders = {ANALYSIS_DIR: info.getAttr("analysis"), MODEL_DIR: os.path.dirname(info.getAttr("model")),
                   MAPS_DIR: self._getExtraPath(MAPS_DIR)}
        for name, target in folders.items():
            _link(target, together / name)
        Plugin.runEngine(self, "report", [str(together), "-o", self.getReport()])
        return [self.getReport()]

    def createOutputStep(self, arguments, inputs):
        folder, particles = Path(self._getExtraPath(MAPS_DIR)), self.inputParticles.get()
        maps = self._readSummary(MAPS_DIR)["maps"]
        volumes = self._createSetOfVolumes()
        fill_map_set(volumes, maps, folder)
        flexible = self._createSetOfVolumesFlex(progName=PROGRAM_NAME)
        fill_flexible_map_set(flexible, maps, folder, particles)
        curves = SetOfFSCs.create(self._getPath())
        fill_curve_set(curves, folder / "fsc.csv")
        classes = self._createSetOfClasses3D(self.inputParticles)
        fill_classes(classes, particles, read_classes(folder / "classes.star"), volumes)
        outputs = dict(zip((o.name for o in ReconstructOutputs), (volumes, flexible, classes, curves), strict=True))
        if any(m["sharpened"] for m in maps):
            outputs["sharpenedVolumes"] = self._createSetOfVolumes(suffix="_sharpened")
            fill_map_set(outputs["sharpenedVolumes"], maps, folder, "sharpened")
        if not curves.getSize():  # every map lacks one of its halves
            del outputs[ReconstructOutputs.outputFSCs.name]
        self._defineOutputs(**outputs)
        for output in outputs.values():
            self._defineSourceRelation(self.inputParticles, output)

    def _validate(self):
        errors = messages_of(lambda: ReconstructConfig(SELECTIONS[self.by.get()], self.mode.get(), self.nMaps.get(),
                                                       symmetry=self.symmetry.get(), sharpen=self.sharpen.get() or ""))
        particles = self.inputParticles.get()
        if particles is None:
            return errors
        if particles.getFlexInfo().getProgName() != PROGRAM_NAME:
            return [*errors, "these coordinates come from another program; expected particles of 'motion analysis'"]
        analysis = particles.getFlexInfo().getAttr("analysis")
        if not os.path.isdir(analysis):
            return [*errors, f"{analysis}: no such folder; expected the analysis that these coordinates come from"]
        known = count_modes(particles.getFirstItem())
        errors += messages_of(lambda: check_points(self._points(), known)) if self._points() else []
        if self.mode.get() > known:
            errors.append(f"Mode is {self.mode.get()}; the particles have {known} coordinate(s)")
        return errors

    def _warnings(self):
        if self.inputParticles.get() is None or self._points():
            return []
        summary = Path(self.inputParticles.get().getFlexInfo().getAttr("analysis"), "summary.json")
        if not summary.is_file():
            return []
        mode = json.loads(summary.read_text(encoding="utf-8"))["modes"][self.mode.get() - 1]
        if mode["significant"] is not False:
            return []
        return [f"{mode['verdict']} Maps along it are maps along noise: with 1 as number of maps, one of all particles "
                "is made."]

    def _summary(self):
        if not hasattr(self, ReconstructOutputs.outputVolumes.name):
            return ["No maps yet."]
        found = self._readSummary(MAPS_DIR)
        return [f"*{len(found['maps'])}* maps {map_places(found)}; page: {self.getReport()}", *map_lines(found)]

    def _methods(self):
        if not hasattr(self, ReconstructOutputs.outputVolumes.name):
            return []
        found = self._readSummary(MAPS_DIR)
        return [f"{len(found['maps'])} maps were reconstructed from the particles {map_places(found)} with "
                "non-uniform Fourier transforms [Barnett2019]; resolutions are by Fourier shell correlation between "
                "half-sets [Rosenthal2003]."]

    def _citations(self):
        return ["Barnett2019", "Rosenthal2003"]
