"""Viewer of imported particles, and of any particles with orientations."""

import numpy as np
from pwem.objects import SetOfParticles
from pwem.viewers import DataViewer, EmProtocolViewer
from pyworkflow.protocol.params import LabelParam
from pyworkflow.viewer import DESKTOP_TKINTER, Viewer

from gmmhet.convert import viewing_directions
from gmmhet.engine.view_cells import counts_in_cells
from gmmhet.protocols import ProtGmmHetImport
from gmmhet.viewers.figures import draw_defocus, draw_views
from gmmhet.viewers.windows import plotter, slices_plotter

__all__ = ["GmmHetImportViewer", "GmmHetViewsViewer"]


def views_plotter(particles):
    """From where particles are seen."""
    window = plotter("Views", (8, 5))
    window.tightLayoutOn = False
    views = viewing_directions(particles)
    draw_views(window.getFigure(), counts_in_cells(views), len(views))
    return window


class GmmHetViewsViewer(Viewer):
    """Viewing directions of a set of particles with orientations."""

    _name = "views (gmmhet)"
    _targets = (SetOfParticles,)
    _environments = (DESKTOP_TKINTER,)

    def _visualize(self, obj, **kwargs):
        if not obj.hasAlignmentProj():
            return [self.errorMessage("These particles have no orientations; there are no views to show.")]
        return [views_plotter(obj)]


class GmmHetImportViewer(EmProtocolViewer):
    """The particles, from where they are seen, and the map that came with them."""

    _label = "imported particles"
    _targets = (ProtGmmHetImport,)
    _environments = (DESKTOP_TKINTER,)

    def _defineParams(self, form):
        form.addSection(label="Results")
        form.addParam("showViews", LabelParam, label="Views",
                      help="From where the particles are seen, in cells of equal area: 1 is an even spread.")
        form.addParam("showDefocus", LabelParam, label="Defocus", help="Mean of both axes, in µm.")
        form.addParam("showParticles", LabelParam, label="Particle images")
        form.addParam("showMap", LabelParam, label="Consensus map in sections",
                      condition=str(hasattr(self.protocol, "outputVolume")))

    def _getVisualizeDict(self):
        return {"showViews": self._showViews, "showDefocus": self._showDefocus, "showParticles": self._showParticles,
                "showMap": self._showMap}

    def _showViews(self, paramName=None):
        return [views_plotter(self.protocol.outputParticles)]

    def _showDefocus(self, paramName=None):
        found = [p.getCTF() for p in self.protocol.outputParticles.iterItems() if p.hasCTF()]
        if not found:
            return [self.errorMessage("These particles have no CTF; there is no defocus to show.")]
        window = plotter("Defocus", (6.5, 4))
        draw_defocus(window.getFigure(), np.array([(c.getDefocusU() + c.getDefocusV()) / 2e4 for c in found]))
        return [window]

    def _showParticles(self, paramName=None):
        return DataViewer(project=self.getProject(), protocol=self.protocol)._visualize(self.protocol.outputParticles)

    def _showMap(self, paramName=None):
        volume = self.protocol.outputVolume
        return [slices_plotter("Consensus map", [volume.getFileName()], ["consensus map"], volume.getSamplingRate())]
