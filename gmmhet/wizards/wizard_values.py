"""Numbers that another input knows."""

from pyworkflow.gui.dialog import showError
from pyworkflow.wizard import Wizard

from gmmhet.engine.errors import InputError
from gmmhet.engine.io import read_map
from gmmhet.protocols import ProtGmmHetImport

__all__ = ["GmmHetValueWizard"]


class GmmHetValueWizard(Wizard):
    """The pixel size in the header of the chosen map."""

    _targets = ((ProtGmmHetImport, ("mapPixelSize",)),)

    def show(self, form, *params):
        try:
            form.setVar("mapPixelSize", round(read_map(form.protocol.mapFile.get() or "").pixel_size, 5))
        except InputError as error:
            showError("Map pixel size", str(error), form.root)
