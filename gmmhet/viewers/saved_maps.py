"""Maps that are saved from a window become volumes of the project."""

from itertools import count
from pathlib import Path
from typing import Any

from gmmhet.convert import read_volume

__all__ = ["SavesMaps"]


class SavesMaps:
    """Mixed into viewers of protocols."""

    # Of the viewer that this is mixed into.
    protocol: Any
    getProject: Any

    def _newMap(self) -> Path:
        """A name for a map that is not taken."""
        folder = Path(self.protocol._getExtraPath("points"))
        folder.mkdir(exist_ok=True)
        return next(p for p in (folder / f"model_{i:02d}.mrc" for i in count(1)) if not p.exists())

    def _registered(self, path: Path, label: str) -> str:
        """Make a map an output of the protocol; returns what to say of it.

        Args:
            label: of the volume, as the project shows it.
        """
        volume = read_volume(path)
        volume.setObjLabel(label)
        name = next(n for n in (f"savedMap{i}" for i in count(1)) if not hasattr(self.protocol, n))
        self.protocol._defineOutputs(**{name: volume})
        self.protocol._defineSourceRelation(self.protocol.inputParticles, volume)
        project = self.getProject()
        if project is not None:
            project._storeProtocol(self.protocol)
        return f"saved as {name} of the project ({path})"
