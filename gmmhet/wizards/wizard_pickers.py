"""Values that are picked on a drawing of the input."""

import os

import numpy as np
from pyworkflow.gui.dialog import showError
from pyworkflow.wizard import Wizard

from gmmhet.convert import coordinates_of, half_map_files, map_file, read_analysis_summary
from gmmhet.engine.errors import InputError
from gmmhet.engine.io import read_map
from gmmhet.engine.landscape import shell_correlation
from gmmhet.protocols import (
    ProtGmmHetAnalyze,
    ProtGmmHetExport,
    ProtGmmHetModel,
    ProtGmmHetMotion,
    ProtGmmHetReconstruct,
)
from gmmhet.wizards.dialogs import FigureDialog
from gmmhet.wizards.pickers import ModePicker, ResolutionPicker, StretchPicker, draw_mask

__all__ = ["GmmHetMaskWizard", "GmmHetModeWizard", "GmmHetResolutionWizard", "GmmHetStretchWizard"]

_NO_HALVES = "The map has no half-maps; there is no curve to choose a resolution on."


class GmmHetModeWizard(Wizard):
    """A mode, chosen among the particles' distributions along all of them."""

    _targets = ((ProtGmmHetReconstruct, ("mode",)), (ProtGmmHetExport, ("mode",)))

    def show(self, form, *params):
        particles = form.protocol.inputParticles.get()
        if particles is None:
            showError("Mode", "Choose particles with coordinates first.", form.root)
            return
        folder = particles.getFlexInfo().getAttr("analysis")
        modes = read_analysis_summary(folder)["modes"]
        words = [f"mode {k}" + ("" if m["significant"] else " (not significant)") for k, m in enumerate(modes, 1)]
        found = FigureDialog(form.root, "Mode", lambda figure: ModePicker(
            figure, coordinates_of(particles), words, form.protocol.mode.get() or 1), (9, 3.2))
        if found.resultYes():
            form.setVar("mode", found.drawn.value)


class GmmHetStretchWizard(Wizard):
    """A stretch of a mode."""

    _targets = ((ProtGmmHetExport, ("low", "high")),)

    def show(self, form, *params):
        protocol, particles = form.protocol, form.protocol.inputParticles.get()
        if particles is None:
            showError("Coordinates", "Choose particles with coordinates first.", form.root)
            return
        mode = protocol.mode.get() or 1
        start = None if protocol.low.get() is None or protocol.high.get() is None else (
            protocol.low.get(), protocol.high.get())
        found = FigureDialog(form.root, "Coordinates", lambda figure: StretchPicker(
            figure, coordinates_of(particles)[:, mode - 1], mode, start))
        if found.resultYes():
            for name, value in zip(("mode", "low", "high"), (mode, *found.drawn.value), strict=True):
                form.setVar(name, value)


class GmmHetResolutionWizard(Wizard):
    """A resolution, chosen on the correlation of the half-maps, or of map and model."""

    _targets = ((ProtGmmHetModel, ("resolution",)), (ProtGmmHetMotion, ("resolution",)),
                (ProtGmmHetAnalyze, ("resolution",)))

    def show(self, form, *params):
        protocol = form.protocol
        try:
            curve, start = (self._of_model if isinstance(protocol, ProtGmmHetAnalyze) else self._of_map)(protocol)
        except InputError as error:
            showError("Resolution", str(error), form.root)
            return
        found = FigureDialog(form.root, "Resolution", lambda figure: ResolutionPicker(
            figure, curve[0], curve[1], protocol.resolution.get() or start))
        if found.resultYes():
            form.setVar("resolution", found.drawn.value)

    @staticmethod
    def _of_map(protocol):
        volume = protocol.inputVolume.get()
        if volume is None:
            raise InputError("Choose a map first.")
        halves = half_map_files(volume, protocol.getProject().getTmpPath()) if hasattr(volume, "getHalfMaps") else ()
        if not halves:
            raise InputError(_NO_HALVES)
        first, second = (read_map(half) for half in halves)
        frequency, correlation = shell_correlation(first, second)
        below = np.flatnonzero(correlation < 0.143)
        return (frequency, correlation), 1 / frequency[below[0] if len(below) else -1]

    @staticmethod
    def _of_model(protocol):
        model = protocol.inputModel.get()
        if model is None:
            raise InputError("Choose a Gaussian model first.")
        table = np.genfromtxt(os.path.join(os.path.dirname(model.getModelFile()), "fsc.csv"), delimiter=",", names=True)
        return (table["frequency"], table["fsc"]), model.getResolution()


class GmmHetMaskWizard(Wizard):
    """The chosen mask on sections of the map."""

    _targets = ((ProtGmmHetModel, ("inputMask",)), (ProtGmmHetMotion, ("inputMask", "focusMask")),
                (ProtGmmHetAnalyze, ("focusMask",)))

    def show(self, form, *params):
        protocol, folder = form.protocol, form.protocol.getProject().getTmpPath()
        mask = getattr(protocol, self._name(protocol)).get()
        try:
            density, pixel_size = self._map(protocol, folder)
            if mask is None:
                raise InputError("Choose a mask first; it is shown on the map here.")
            data = read_map(map_file(mask, folder)).data
            if data.shape != density.shape:
                raise InputError(f"The mask has {len(data)} voxels along an edge, the map {len(density)}.")
        except InputError as error:
            showError("Mask", str(error), form.root)
            return
        FigureDialog(form.root, "Mask", lambda figure: draw_mask(figure, density, data, pixel_size), (10, 3.9))

    @staticmethod
    def _name(protocol):
        """The mask that is shown: the focus where there is one."""
        if isinstance(protocol, ProtGmmHetModel):
            return "inputMask"
        if isinstance(protocol, ProtGmmHetMotion) and protocol.focusMask.get() is None:
            return "inputMask"
        return "focusMask"

    @staticmethod
    def _map(protocol, folder):
        if isinstance(protocol, ProtGmmHetAnalyze):
            model = protocol.inputModel.get()
            if model is None:
                raise InputError("Choose a Gaussian model first.")
            found = read_map(os.path.join(os.path.dirname(model.getModelFile()), "fitted.mrc"))
        else:
            if protocol.inputVolume.get() is None:
                raise InputError("Choose a map first.")
            found = read_map(map_file(protocol.inputVolume.get(), folder))
        return found.data, found.pixel_size
