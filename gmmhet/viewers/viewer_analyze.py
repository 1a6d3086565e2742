"""Viewer of a motion analysis."""

import os
import shutil
from functools import partial
from pathlib import Path

import numpy as np
from pwem.viewers import EmProtocolViewer
from pyworkflow.protocol.params import IntParam, LabelParam
from pyworkflow.viewer import DESKTOP_TKINTER

from gmmhet.constants import LATENT_SD
from gmmhet.engine.io import read_map
from gmmhet.engine.landscape import Chart, inside_molecule, read_analysis
from gmmhet.plugin import Plugin
from gmmhet.protocols import ProtGmmHetAnalyze
from gmmhet.viewers.figures import draw_coordinates, draw_modes
from gmmhet.viewers.page_selections import PageSelections
from gmmhet.viewers.point_picker import PointPicker
from gmmhet.viewers.saved_maps import SavesMaps
from gmmhet.viewers.viewer_model import spheres_plotter
from gmmhet.viewers.windows import (
    LivePageView,
    chimera_series,
    has_chimera,
    picture_window,
    plotter,
    slices_plotter,
    surface_window,
)

__all__ = ["GmmHetAnalyzeViewer"]

_LEAST_MOVED = 0.1  # end of the colours, Å: less is rounding


class GmmHetAnalyzeViewer(EmProtocolViewer, SavesMaps):
    """Which modes count, where the particles are on them, and what moves."""

    _label = "motion"
    _targets: tuple[type, ...] = (ProtGmmHetAnalyze,)
    _environments = (DESKTOP_TKINTER,)

    def _defineParams(self, form):
        form.addSection(label="Motion")
        form.addParam("mode", IntParam, default=1, label="Mode", help="Counted from 1.")
        form.addParam("showSurface", LabelParam, important=True, label="Motion as a surface",
                      help="Play it, drag to turn it, save a map of it as a volume of the project.")
        form.addParam("showMotion", LabelParam, label="Motion in sections",
                      help="Sections through maps of the model along the mode, and their difference from the mean.")
        form.addParam("showChimera", LabelParam, label="Motion in ChimeraX", condition=str(has_chimera()))
        form.addParam("showFlexibility", LabelParam, label="Flexibility, Gaussians as spheres",
                      help="How far each Gaussian moves over the particles, in Å; drag to turn them.")
        form.addParam("showFlexibilityMap", LabelParam, label="Flexibility in sections",
                      help="The molecule, and below it how far its parts move, in Å.")
        form.addSection(label="Coordinates")
        form.addParam("showPage", LabelParam, label="Live page",
                      help="The molecule at every point, maps from the particles there, selections, paths and movies, "
                           "in the browser. What is written goes into the folder view of the analysis; a selection is "
                           "also a box of the project, with its particles.")
        form.addParam("showModes", LabelParam, label="Which modes count")
        form.addParam("first", IntParam, default=1, label="Mode across")
        form.addParam("second", IntParam, allowsNull=True, label="Mode up",
                      help="Empty: a histogram of the mode across.")
        form.addParam("showCoordinates", LabelParam, label="Particles along the modes")
        form.addParam("showPoint", LabelParam, label="Map at a point",
                      help="Click to see the model at a point; regions without particles are hatched. Coordinates on "
                           "the other modes are the mean of the particles near the point. A map that is saved becomes "
                           "a volume of the project.")
        if self._checkPicture().is_file():
            form.addSection(label="Input")
            form.addParam("showCheck", LabelParam, label="Views, and poses against the model",
                          help="Results of the check before the analysis; the log has them in words.")

    def _getVisualizeDict(self):
        return {"showSurface": self._showSurface, "showMotion": self._showMotion, "showChimera": self._showChimera,
                "showFlexibility": self._showFlexibility, "showFlexibilityMap": self._showFlexibilityMap,
                "showModes": self._showModes, "showCoordinates": self._showCoordinates, "showPoint": self._showPoint,
                "showPage": self._showPage, "showCheck": self._showCheck}

    def _modes(self):
        return self.protocol.getFound()["modes"]

    def _frames(self):
        frames = self._modes()[self.mode.get() - 1]["frames"]
        return ([os.path.join(self.protocol.getAnalysisFolder(), f["file"]) for f in frames],
                [f"mode {self.mode.get()}, coordinate {f['coordinate']:+.2f}" for f in frames])

    def _pixelSize(self):
        return getattr(self.protocol, f"motion{self.mode.get()}").getSamplingRate()

    def _showSurface(self, paramName=None):
        files, labels = self._frames()

        def save(number):
            path = self._newMap()
            shutil.copyfile(files[number], path)
            return self._registered(path, labels[number])
        return [surface_window(f"Mode {self.mode.get()}", files, labels, self._pixelSize(), save)]

    def _showFlexibility(self, paramName=None):
        return [spheres_plotter(os.path.join(self.protocol.getAnalysisFolder(), "flexibility.cif"),
                                self._ofFlexibility(), "root mean square displacement (Å)")]

    def _ofFlexibility(self):
        if all(mode["significant"] is False for mode in self._modes()):
            return "Flexibility: 0, since no mode is significant"
        return "Flexibility: how far each part moves"

    def _showFlexibilityMap(self, paramName=None):
        files = self._frames()[0]
        values = os.path.join(self.protocol.getAnalysisFolder(), "flexibility.mrc")
        molecule, moves = (read_map(f).data for f in (files[len(files) // 2], values))
        high = max(float(np.percentile(moves[inside_molecule(molecule, self._pixelSize())], 99)), _LEAST_MOVED)
        return [slices_plotter("Flexibility", [files[len(files) // 2]], [self._ofFlexibility()], self._pixelSize(),
                               ("displacement (Å)", [values], 0.0, high))]

    def _showMotion(self, paramName=None):
        files, labels = self._frames()
        return [slices_plotter(f"Mode {self.mode.get()}", files, labels, self._pixelSize())]

    def _showChimera(self, paramName=None):
        return [chimera_series(self._frames()[0], self._getTmpPath("motion.cxc"))]

    def _showModes(self, paramName=None):
        window = plotter("Modes", (9, 4.2))
        draw_modes(window.getFigure(), self._modes())
        return [window]

    def _showCoordinates(self, paramName=None):
        coordinates, deviations = [], []
        for particle in self.protocol.outputParticles.iterItems():
            z = particle.getZFlex()
            coordinates.append(z)
            deviations.append([particle.getAttributeValue(f"_{LATENT_SD}{k + 1}") for k in range(len(z))])
        window = plotter("Coordinates", (7.5, 5.5))
        draw_coordinates(window.getFigure(), np.array(coordinates), np.array(deviations), self.first.get(),
                         self.second.get() or None)
        return [window]

    def _showPoint(self, paramName=None):
        modes = [m - 1 for m in dict.fromkeys((self.first.get(), self.second.get() or None)) if m]
        chart = Chart(read_analysis(Path(self.protocol.getAnalysisFolder())), modes)
        window = plotter("Map at a point", (11.5, 6.2))
        window.tightLayoutOn = False
        window.getFigure().gmmhet_picker = PointPicker(window.getFigure(), chart, self._savePoint(chart))
        return [window]

    def _savePoint(self, chart):
        """What makes a place's map a volume of the project."""
        def save(place):
            path = self._newMap()
            chart.save(place, path)
            return self._registered(path, "model at " + ", ".join(f"{v:+.2f}" for v in place.point[:6]))
        return save

    def _checkPicture(self):
        return Path(self.protocol._getExtraPath("check.png"))

    def _showPage(self, paramName=None):
        folder, watch = self.protocol.getAnalysisFolder(), None
        window = getattr(self, "windows", None)
        if window is not None:
            watch = partial(PageSelections(self.getProject(), self.protocol, Path(folder)).watch, window.getRoot())
        return [LivePageView(Plugin.getEngineProgram(), folder, Plugin.getEnviron(), watch)]

    def _showCheck(self, paramName=None):
        return [picture_window("Check of the input", self._checkPicture())]

    def _validate(self):
        modes = len(self._modes())
        if not modes:
            return ["The analysis found no mode; there is nothing to show."]
        chosen = {"Mode": self.mode.get(), "Mode across": self.first.get(), "Mode up": self.second.get() or 1}
        return [f"{label} is {value}; expected 1 to {modes}" for label, value in chosen.items()
                if value is None or not 1 <= value <= modes]
