"""Viewer of the maps along a motion."""

from pwem.viewers import EmProtocolViewer
from pyworkflow.protocol.params import LabelParam
from pyworkflow.viewer import DESKTOP_TKINTER

from gmmhet.convert import UNMASKED
from gmmhet.protocols import ProtGmmHetReconstruct
from gmmhet.viewers.figures import draw_curves
from gmmhet.viewers.windows import BrowserView, chimera_series, has_chimera, plotter, slices_plotter

__all__ = ["GmmHetReconstructViewer"]


class GmmHetReconstructViewer(EmProtocolViewer):
    """The page about the analysis, the maps and their resolution."""

    _label = "maps along a motion"
    _targets = (ProtGmmHetReconstruct,)
    _environments = (DESKTOP_TKINTER,)

    def _defineParams(self, form):
        form.addSection(label="Results")
        form.addParam("showReport", LabelParam, important=True, label="Page about the whole analysis",
                      help="Opens in the browser.")
        form.addParam("showMaps", LabelParam, label="Maps in sections",
                      help="Maps of the particles of each stretch: sections, and what differs from their mean.")
        form.addParam("showChimera", LabelParam, label="Maps in ChimeraX", condition=str(has_chimera()))
        form.addParam("showCurves", LabelParam, label="Fourier shell correlation",
                      help="Between half-maps: within the mask, and (dotted) without it.")

    def _getVisualizeDict(self):
        return {"showReport": self._showReport, "showMaps": self._showMaps, "showChimera": self._showChimera,
                "showCurves": self._showCurves}

    def _showReport(self, paramName=None):
        return [BrowserView(self.protocol.getReport())]

    def _maps(self):
        return [(v.getFileName(), f"map {v.getObjId()}, {v.getObjLabel()}")
                for v in self.protocol.outputVolumes.iterItems()]

    def _showMaps(self, paramName=None):
        files, labels = zip(*self._maps(), strict=True)
        return [slices_plotter("Maps along the motion", files, labels, self.protocol.outputVolumes.getSamplingRate())]

    def _showChimera(self, paramName=None):
        return [chimera_series([f for f, _ in self._maps()], self._getTmpPath("maps.cxc"))]

    def _showCurves(self, paramName=None):
        window = plotter("Fourier shell correlation", (7, 5))
        curves = [(c.getObjLabel(), *([float(v) for v in values] for values in c.getData()))
                  for c in self.protocol.outputFSCs.iterItems()]
        draw_curves(window.getFigure(), curves, thin=UNMASKED)
        return [window]
