"""Objects that the framework has no class for."""

from pwem.objects import AtomStruct
from pyworkflow.object import Float, Integer, String

__all__ = ["GmmHetFlexibility", "GmmHetModel"]


class GmmHetFlexibility(AtomStruct):
    """Pseudo-atoms with how far each moves over the particles (Angstrom) in place of the B factor."""

    def __init__(self, filename=None, **kwargs):
        super().__init__(filename=filename, pseudoatoms=True, **kwargs)


class GmmHetModel(AtomStruct):
    """A Gaussian model of a map: pseudo-atoms for other programs (mmCIF), and the engine's own file beside them."""

    def __init__(self, filename=None, **kwargs):
        super().__init__(filename=filename, pseudoatoms=True, **kwargs)
        self._modelFile = String(kwargs.get("modelFile"))
        self._gaussians = Integer(kwargs.get("gaussians"))
        self._resolution = Float(kwargs.get("resolution"))

    def getModelFile(self):
        """model.npz, relative to the project."""
        return self._modelFile.get()

    def getGaussians(self):
        return self._gaussians.get()

    def getResolution(self):
        """Angstrom, to which the model was fitted."""
        return self._resolution.get()

    def getFiles(self):
        return {self.getFileName(), self.getModelFile()}

    def __str__(self):
        return f"GmmHetModel ({self.getGaussians()} Gaussians, {self.getResolution():.1f} Å)"
