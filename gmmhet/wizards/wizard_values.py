"""Numbers that another input knows."""

from pyworkflow.gui.dialog import showError
from pyworkflow.wizard import Wizard

from gmmhet.engine.errors import InputError
from gmmhet.engine.io import read_map
from gmmhet.protocols import ProtGmmHetAnalyze, ProtGmmHetImport

__all__ = ["GmmHetValueWizard"]


class GmmHetValueWizard(Wizard):
    """The resolution of the chosen model; the pixel size in the header of the chosen map."""

    _targets = ((ProtGmmHetAnalyze, ("resolution",)), (ProtGmmHetImport, ("mapPixelSize",)))

    def show(self, form, *params):
        protocol = form.protocol
        if isinstance(protocol, ProtGmmHetAnalyze):
            model = protocol.inputModel.get()
            if model is None:
                showError("Resolution", "Choose a Gaussian model first.", form.root)
            else:
                form.setVar("resolution", round(model.getResolution(), 2))
            return
        try:
            form.setVar("mapPixelSize", round(read_map(protocol.mapFile.get() or "").pixel_size, 5))
        except InputError as error:
            showError("Map pixel size", str(error), form.root)
