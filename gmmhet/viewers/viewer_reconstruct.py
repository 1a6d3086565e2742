"""Viewer of the maps along a motion."""

import os

from pwem.viewers import EmProtocolViewer
from pyworkflow.protocol.params import LabelParam
from pyworkflow.viewer import DESKTOP_TKINTER

from gmmhet.convert import UNMASKED
from gmmhet.protocols import ProtGmmHetReconstruct
from gmmhet.viewers.figures import draw_curves
from gmmhet.viewers.windows import (
    BrowserView,
    chimera_coloured,
    chimera_series,
    has_chimera,
    plotter,
    slices_plotter,
    surface_window,
)

__all__ = ["GmmHetReconstructViewer"]

_NO_CURVES = "None of the maps has two halves to compare; there is no curve to show."
_NO_LOCAL = "None of the maps has two halves to compare; there is no local resolution to show."


class GmmHetReconstructViewer(EmProtocolViewer):
    """The page about the analysis, the maps and their resolution."""

    _label = "maps along a motion"
    _targets: tuple[type, ...] = (ProtGmmHetReconstruct,)
    _environments = (DESKTOP_TKINTER,)

    def _defineParams(self, form):
        form.addSection(label="Results")
        form.addParam("showReport", LabelParam, important=True, label="Page about the whole analysis",
                      help="Opens in the browser.")
        form.addParam("showMapSurface", LabelParam, important=True, label="Maps as surfaces",
                      help="Play them, drag to turn them.")
        form.addParam("showMaps", LabelParam, label="Maps in sections",
                      help="Sections through every map, and its difference from the mean map.")
        form.addParam("showMapChimera", LabelParam, label="Maps in ChimeraX", condition=str(has_chimera()))
        form.addParam("showCurves", LabelParam, label="Fourier shell correlation",
                      help="Between half-maps: within the mask, and (dotted) without it.")
        form.addParam("showLocal", LabelParam, label="Local resolution in sections",
                      help="Where the half-maps around a point cease to agree (correlation 0.5), in Å.")
        form.addParam("showLocalChimera", LabelParam, label="Local resolution in ChimeraX",
                      condition=str(has_chimera()),
                      help="Maps coloured by local resolution; show the next one in the Models panel.")

    def _getVisualizeDict(self):
        return {"showReport": self._showReport, "showMapSurface": self._showMapSurface, "showMaps": self._showMaps,
                "showMapChimera": self._showMapChimera, "showCurves": self._showCurves,
                "showLocal": self._showLocal, "showLocalChimera": self._showLocalChimera}

    def _showReport(self, paramName=None):
        return [BrowserView(self.protocol.getReport())]

    def _maps(self):
        return [(v.getFileName(), f"map {v.getObjId()}, {v.getObjLabel()}")
                for v in self.protocol.outputVolumes.iterItems()]

    def _showMaps(self, paramName=None):
        files, labels = zip(*self._maps(), strict=True)
        return [slices_plotter("Maps along the motion", files, labels, self.protocol.outputVolumes.getSamplingRate())]

    def _showMapSurface(self, paramName=None):
        files, labels = zip(*self._maps(), strict=True)
        return [surface_window("Maps along the motion", files, labels, self.protocol.outputVolumes.getSamplingRate())]

    def _showMapChimera(self, paramName=None):
        return [chimera_series([f for f, _ in self._maps()], self._getTmpPath("maps.cxc"))]

    def _showCurves(self, paramName=None):
        if not hasattr(self.protocol, "outputFSCs"):
            return [self.errorMessage(_NO_CURVES)]
        window = plotter("Fourier shell correlation", (7, 5))
        curves = [(c.getObjLabel(), *([float(v) for v in values] for values in c.getData()))
                  for c in self.protocol.outputFSCs.iterItems()]
        draw_curves(window.getFigure(), curves, thin=UNMASKED)
        return [window]

    def _local(self):
        """Maps and their local resolution: files, labels, and the limits of the colours; None where none has one."""
        found = [m for m in self.protocol.getMaps()["maps"] if m.get("local_resolution")]
        if not found:
            return None
        files, local = ([os.path.join(self.protocol.getMapsFolder(), m[key]) for m in found]
                        for key in ("file", "local_resolution"))
        labels = [f"{m['file']}: {_angstroms(m)}" for m in found]
        low = min(m["local_resolution_10"] or m["finest"] for m in found)
        high = max(m["local_resolution_90"] or 0 for m in found)
        return files, labels, local, low, max(high, 1.5 * low)

    def _showLocal(self, paramName=None):
        found = self._local()
        if found is None:
            return [self.errorMessage(_NO_LOCAL)]
        files, labels, local, low, high = found
        return [slices_plotter("Local resolution", files, labels, self.protocol.outputVolumes.getSamplingRate(),
                               ("local resolution (Å)", local, low, high))]

    def _showLocalChimera(self, paramName=None):
        found = self._local()
        if found is None:
            return [self.errorMessage(_NO_LOCAL)]
        files, _, local, low, high = found
        return [chimera_coloured(files, local, low, high, self._getTmpPath("local.cxc"))]


def _angstroms(described):
    """Local resolution of a map in words."""
    low, median, high = (described[f"local_resolution_{k}"] for k in ("10", "median", "90"))
    if median is None:
        return "no molecule found"
    return f"local resolution {median:.1f} Å (median), 80 % of the molecule from {low:.1f} to {high:.1f} Å"
