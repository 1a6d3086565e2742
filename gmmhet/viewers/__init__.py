"""Display of results; no numerics."""

from gmmhet.viewers.viewer_analyze import GmmHetAnalyzeViewer
from gmmhet.viewers.viewer_export import GmmHetExportViewer
from gmmhet.viewers.viewer_import import GmmHetImportViewer, GmmHetViewsViewer
from gmmhet.viewers.viewer_model import GmmHetAtomsViewer, GmmHetModelViewer
from gmmhet.viewers.viewer_motion import GmmHetMotionViewer
from gmmhet.viewers.viewer_reconstruct import GmmHetReconstructViewer
from gmmhet.viewers.viewer_slices import GmmHetSlicesViewer

__all__ = ["GmmHetAnalyzeViewer", "GmmHetAtomsViewer", "GmmHetExportViewer", "GmmHetImportViewer", "GmmHetModelViewer",
           "GmmHetMotionViewer", "GmmHetReconstructViewer", "GmmHetSlicesViewer", "GmmHetViewsViewer"]
