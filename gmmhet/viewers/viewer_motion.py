"""Viewer of the protocol that does everything."""

from pyworkflow.viewer import DESKTOP_TKINTER

from gmmhet.protocols import ProtGmmHetMotion
from gmmhet.viewers.viewer_analyze import GmmHetAnalyzeViewer
from gmmhet.viewers.viewer_reconstruct import GmmHetReconstructViewer

__all__ = ["GmmHetMotionViewer"]


class GmmHetMotionViewer(GmmHetAnalyzeViewer, GmmHetReconstructViewer):
    """What the viewers of a motion analysis and of its maps show."""

    _label = "motion and maps"
    _targets: tuple[type, ...] = (ProtGmmHetMotion,)
    _environments = (DESKTOP_TKINTER,)

    def _defineParams(self, form):
        GmmHetReconstructViewer._defineParams(self, form)
        if self._modes():
            GmmHetAnalyzeViewer._defineParams(self, form)

    def _getVisualizeDict(self):
        return {**GmmHetReconstructViewer._getVisualizeDict(self), **GmmHetAnalyzeViewer._getVisualizeDict(self)}

    def _validate(self):
        return super()._validate() if self._modes() else []
