"""Viewer of chosen particles."""

import numpy as np
from pwem.viewers import EmProtocolViewer
from pyworkflow.protocol.params import IntParam, LabelParam
from pyworkflow.viewer import DESKTOP_TKINTER

from gmmhet.convert import coordinates_of
from gmmhet.protocols import ProtGmmHetExport
from gmmhet.viewers.figures import draw_chosen
from gmmhet.viewers.viewer_import import views_plotter
from gmmhet.viewers.windows import plotter

__all__ = ["GmmHetExportViewer"]


class GmmHetExportViewer(EmProtocolViewer):
    """Which particles were chosen."""

    _label = "chosen particles"
    _targets = (ProtGmmHetExport,)
    _environments = (DESKTOP_TKINTER,)

    def _defineParams(self, form):
        form.addSection(label="Results")
        form.addParam("mode", IntParam, default=self.protocol.mode.get() or 1, label="Mode", help="Counted from 1.")
        form.addParam("showChosen", LabelParam, important=True, label="Chosen among all particles",
                      help="Along the mode: all particles of the input, and those that were chosen.")
        form.addParam("showViews", LabelParam, label="Views of the chosen particles",
                      help="A choice should not be one of views: compare with those of all particles.")

    def _getVisualizeDict(self):
        return {"showChosen": self._showChosen, "showViews": self._showViews}

    def _showChosen(self, paramName=None):
        every, chosen = (coordinates_of(s) for s in (self.protocol.inputParticles.get(), self.protocol.outputParticles))
        column = min(max(self.mode.get() or 1, 1), every.shape[1]) - 1
        window = plotter("Chosen particles", (7.5, 4.5))
        draw_chosen(window.getFigure(), np.asarray(every[:, column]), np.asarray(chosen[:, column]), column + 1)
        return [window]

    def _showViews(self, paramName=None):
        return [views_plotter(self.protocol.outputParticles)]
