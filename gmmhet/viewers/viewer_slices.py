"""Sections through volumes, where no other program is installed to show them."""

from pwem.objects import SetOfVolumes, SetOfVolumesFlex, Volume
from pyworkflow.viewer import DESKTOP_TKINTER, Viewer

from gmmhet.viewers.windows import slices_plotter

__all__ = ["GmmHetSlicesViewer"]


class GmmHetSlicesViewer(Viewer):
    """Sections of a volume, or of a set of volumes with a slider to go through them."""

    _name = "sections (gmmhet)"
    _targets = (Volume, SetOfVolumes, SetOfVolumesFlex)
    _environments = (DESKTOP_TKINTER,)

    def _visualize(self, obj, **kwargs):
        items = [obj] if isinstance(obj, Volume) else [v.clone() for v in obj.iterItems()]
        files = [v.getFileName() for v in items]
        labels = [v.getObjLabel() or v.getBaseName() for v in items]
        return [slices_plotter(str(obj), files, labels, obj.getSamplingRate())]
