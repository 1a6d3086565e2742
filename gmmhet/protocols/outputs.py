"""Outputs of an analysis and of its maps, for the protocols that make one of them and the one that makes both."""

from pathlib import Path
from typing import Any

from pwem.objects import EMSet, SetOfFSCs, SetOfParticlesFlex, VolumeMask

from gmmhet.constants import COMPOSITION_DIR, MAPS_OF_STATES_DIR, PROGRAM_NAME
from gmmhet.convert import (
    FrameRecord,
    fill_classes,
    fill_curve_set,
    fill_flexible_map_set,
    fill_flexible_set,
    fill_map_set,
    fill_motion_sets,
    read_analysis_summary,
    read_classes,
    read_composition_summary,
    read_maps_summary,
    read_volume,
)
from gmmhet.objects import GmmHetFlexibility

__all__ = ["MotionOutputs"]


class MotionOutputs:
    """Mixed into protocols: sets of the framework out of the engine's folders."""

    # Of the protocol that this is mixed into.
    _defineOutputs: Any
    _defineSourceRelation: Any
    _createSetOfParticlesFlex: Any
    _createSetOfVolumes: Any
    _createSetOfVolumesFlex: Any
    _createSetOfClasses3D: Any
    _getPath: Any

    def _defineAnalysis(self, source: Any, folder: Path, model: str, star: Path | None = None) -> SetOfParticlesFlex:
        """Particles with coordinates, flexibility and motions; returns the particles.

        Args:
            source: pointer to the particles that were analysed. folder: of the analysis. model: model.npz. star: with
                the columns of the particles; None: latents.star.
        """
        particles = self._flexibleParticles(source.get(), folder, model, star or folder / "latents.star")
        self._defineOutputs(outputParticles=particles)
        self._defineSourceRelation(source, particles)
        self._defineOutputs(flexibility=GmmHetFlexibility(str(folder / "flexibility.cif")),
                            flexibilityMap=read_volume(folder / "flexibility.mrc"))
        for number, mode in enumerate(read_analysis_summary(folder)["modes"], 1):
            if mode["frames"]:
                self._defineOutputs(**self._motionSets(folder, number, mode["frames"]))
        return particles

    def _flexibleParticles(self, source: Any, folder: Path, model: str, star: Path) -> SetOfParticlesFlex:
        flexible = self._createSetOfParticlesFlex(progName=PROGRAM_NAME)
        flexible.copyInfo(source)
        flexible.setHasCTF(source.hasCTF())
        flexible.getFlexInfo().setProgName(PROGRAM_NAME)
        flexible.getFlexInfo().setAttr("analysis", str(folder))
        flexible.getFlexInfo().setAttr("model", model)
        fill_flexible_set(flexible, source.iterItems(orderBy="id"), str(star), PROGRAM_NAME)
        return flexible

    def _motionSets(self, folder: Path, number: int, frames: list[FrameRecord]) -> dict[str, EMSet]:
        plain = self._createSetOfVolumes(suffix=f"_motion{number}")
        flexible = self._createSetOfVolumesFlex(suffix=f"_motion{number}", progName=PROGRAM_NAME)
        fill_motion_sets(plain, flexible, [(str(folder / f["file"]), f["place"]) for f in frames], number)
        return {f"motion{number}": plain, f"motionFlex{number}": flexible}

    def _defineMaps(self, pointer: Any, particles: SetOfParticlesFlex, folder: Path) -> None:
        """Maps, classes and curves.

        Args:
            pointer: to what the maps are made of. particles: with coordinates. folder: of the maps.
        """
        maps = read_maps_summary(folder)["maps"]
        volumes = self._createSetOfVolumes()
        fill_map_set(volumes, maps, folder)
        flexible = self._createSetOfVolumesFlex(progName=PROGRAM_NAME)
        fill_flexible_map_set(flexible, maps, folder, particles)
        curves = SetOfFSCs.create(self._getPath())
        fill_curve_set(curves, folder / "fsc.csv")
        classes = self._createSetOfClasses3D(pointer)
        fill_classes(classes, particles, read_classes(folder / "classes.star"), volumes)
        outputs = {"outputVolumes": volumes, "outputVolumesFlex": flexible, "outputClasses": classes}
        if any(m["sharpened"] for m in maps):
            outputs["sharpenedVolumes"] = self._createSetOfVolumes(suffix="_sharpened")
            fill_map_set(outputs["sharpenedVolumes"], maps, folder, "sharpened")
        if curves.getSize():  # else every map lacks one of its halves
            outputs["outputFSCs"] = curves
        self._define(pointer, outputs)

    def _defineMapsOfModes(self, pointer: Any, folder: Path) -> None:
        """Maps along every further mode that a run made some along: volumesMode2 and so on.

        Args:
            pointer: to what the maps are made of. folder: of the run.
        """
        outputs = {}
        for of_mode in sorted(path for path in folder.glob("maps_mode_*") if path.is_dir()):
            number = int(of_mode.name.rsplit("_", 1)[1])
            outputs[f"volumesMode{number}"] = self._createSetOfVolumes(suffix=f"_mode{number}")
            fill_map_set(outputs[f"volumesMode{number}"], read_maps_summary(of_mode)["maps"], of_mode)
        self._define(pointer, outputs)

    def _defineComposition(self, pointer: Any, particles: SetOfParticlesFlex, folder: Path) -> None:
        """Masks of the blocks that come and go, as blockMask1 ..., and maps and classes of the states of a run that
        found some.

        Args:
            pointer: to what the maps are made of. particles: with coordinates. folder: of the run.
        """
        found = read_composition_summary(folder / COMPOSITION_DIR)
        for block in [] if found is None else found["blocks"]:
            mask = read_volume(folder / COMPOSITION_DIR / block["mask"], volume=VolumeMask())
            mask.setObjLabel(f"block {block['number']}")
            mask.setObjComment(block["words"])
            self._define(pointer, {f"blockMask{block['number']}": mask})
        states = folder / MAPS_OF_STATES_DIR
        if found is None or not (states / "summary.json").is_file():
            return
        volumes = self._createSetOfVolumes(suffix="_states")
        fill_map_set(volumes, read_maps_summary(states)["maps"], states)
        classes = self._createSetOfClasses3D(pointer, suffix="_states")
        fill_classes(classes, particles, read_classes(states / "classes.star"), volumes)
        self._define(pointer, {"stateVolumes": volumes, "stateClasses": classes})

    def _define(self, pointer: Any, outputs: dict[str, EMSet | VolumeMask]) -> None:
        self._defineOutputs(**outputs)
        for output in outputs.values():
            self._defineSourceRelation(pointer, output)
