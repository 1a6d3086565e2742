"""Selections that the live page writes become boxes of the project."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gmmhet.constants import SELECTIONS
from gmmhet.convert import particle_ids, write_row_numbers
from gmmhet.protocols import ProtGmmHetExport

__all__ = ["PageSelections"]

_MILLISECONDS = 1000  # between two looks
_ROWS = "rows.txt"


class PageSelections:
    """Runs 'export selection' on what a page writes from now on, with the analysis for its input.

    Args:
        protocol: whose output particles the page shows. folder: of its analysis.
    """

    def __init__(self, project: Any, protocol: Any, folder: Path) -> None:
        self._project, self._protocol, self._folder = project, protocol, folder
        self._known = set(self._written())

    def _written(self) -> list[Path]:
        return sorted(self._folder.glob(SELECTIONS))

    def take(self) -> list[Any]:
        """Start a box for each new selection; several pages make one of each. Returns the boxes."""
        new = [star for star in self._written() if star not in self._known and not star.with_name(_ROWS).exists()]
        self._known.update(new)
        return [self._box(star) for star in new]

    def _box(self, star: Path) -> Any:
        rows = star.with_name(_ROWS)
        write_row_numbers(rows, self._folder / "latents.star", particle_ids(star))
        number = star.parent.name.partition("_")[0]
        box = self._project.newProtocol(ProtGmmHetExport, idsFile=os.path.relpath(rows))
        box.setObjLabel(f"gmmhet - selection {number} of the live page")
        box.inputParticles.set(self._protocol)
        box.inputParticles.setExtended("outputParticles")
        self._project.launchProtocol(box)
        return box

    def watch(self, root: Any, running: Callable[[], bool]) -> None:
        """Look every second, in the loop of a Tk window, for as long as the page runs."""
        def look() -> None:
            self.take()
            if running():
                root.after(_MILLISECONDS, look)
        root.after(_MILLISECONDS, look)
