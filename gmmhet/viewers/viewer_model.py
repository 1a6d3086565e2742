"""Viewers of Gaussian models and of pseudo-atoms."""

import numpy as np
from pwem.objects import AtomStruct, Volume
from pwem.viewers import EmProtocolViewer
from pyworkflow.protocol.params import LabelParam
from pyworkflow.viewer import DESKTOP_TKINTER, Viewer

from gmmhet.convert import map_file, read_pseudo_atoms
from gmmhet.engine.io import read_map
from gmmhet.objects import GmmHetFlexibility, GmmHetModel
from gmmhet.protocols import ProtGmmHetModel
from gmmhet.viewers.figures import draw_curves
from gmmhet.viewers.spheres import draw_spheres
from gmmhet.viewers.windows import plotter, slices_plotter, surface_window

__all__ = ["GmmHetAtomsViewer", "GmmHetModelViewer", "spheres_plotter"]


def spheres_plotter(path, title, scale):
    """Pseudo-atoms of a file, coloured by their B factors."""
    atoms = read_pseudo_atoms(path)
    window = plotter(title, (7.5, 6.5))
    window.tightLayoutOn = False
    draw_spheres(window.getFigure(), atoms.positions, np.full(len(atoms.positions), atoms.spacing), atoms.values, title,
                 scale)
    return window


class GmmHetAtomsViewer(Viewer):
    """Gaussians, as spheres that can be turned."""

    _name = "spheres (gmmhet)"
    _targets = (GmmHetModel, GmmHetFlexibility, AtomStruct)
    _environments = (DESKTOP_TKINTER,)

    def _visualize(self, obj, **kwargs):
        scale = "displacement (Å)" if isinstance(obj, GmmHetFlexibility) else "B factor (Å²)"
        return [spheres_plotter(obj.getFileName(), str(obj), scale)]


class GmmHetModelViewer(EmProtocolViewer):
    """The Gaussians, and how well they represent the map."""

    _label = "Gaussian model"
    _targets = (ProtGmmHetModel,)
    _environments = (DESKTOP_TKINTER,)

    def _defineParams(self, form):
        form.addSection(label="Results")
        form.addParam("showSpheres", LabelParam, label="Gaussians as spheres", help="Drag to turn them.")
        form.addParam("showMaps", LabelParam, label="Map against model in sections",
                      help="Map and model, and what either has more than their mean.")
        form.addParam("showSurface", LabelParam, label="Map and model as surfaces", help="Drag to turn them.")
        form.addParam("showCurve", LabelParam, label="Fourier shell correlation of map and model",
                      help="A good model follows the map (above 0.5) up to its resolution.")

    def _getVisualizeDict(self):
        return {"showSpheres": self._showSpheres, "showMaps": self._showMaps, "showSurface": self._showSurface,
                "showCurve": self._showCurve}

    def _showSpheres(self, paramName=None):
        model = self.protocol.outputModel
        return [spheres_plotter(model.getFileName(), f"{model.getGaussians()} Gaussians", "B factor (Å²)")]

    def _maps(self):
        """Files of the map and the model, and their labels; the map only on the model's grid, at its greyscale."""
        fitted, source = self.protocol.outputVolume, self.protocol.inputVolume.get()
        files, labels = [fitted.getFileName()], [f"model, to {self.protocol.outputModel.getResolution():.1f} Å"]
        if isinstance(source, Volume):
            path = map_file(source, self.protocol._getExtraPath())
            mine, other = (read_map(p) for p in (files[0], path))
            if mine.box == other.box and abs(mine.pixel_size / other.pixel_size - 1) < 1e-3:
                files, labels = [path, *files], ["map", *labels]
        return files, labels

    def _showMaps(self, paramName=None):
        files, labels = self._maps()
        return [slices_plotter("Map and model", files, labels, self.protocol.outputVolume.getSamplingRate())]

    def _showSurface(self, paramName=None):
        files, labels = self._maps()
        return [surface_window("Map and model", files, labels, self.protocol.outputVolume.getSamplingRate())]

    def _showCurve(self, paramName=None):
        window = plotter("Map and model", (7, 5))
        frequency, correlation = ([float(v) for v in values] for values in self.protocol.outputFSC.getData())
        draw_curves(window.getFigure(), [("map and model", frequency, correlation)], thin="\0",
                    mark=self.protocol.outputModel.getResolution())
        return [window]
