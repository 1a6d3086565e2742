"""Series of maps on one grid: one contour level for all, and a script that plays them in ChimeraX."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.io import DensityMap, read_map, replacing
from gmmhet.engine.molecule.contour import contour_level

__all__ = ["MapSeries", "read_series", "write_chimerax"]

_FASTEST = 8  # maps a second


@dataclass(frozen=True)
class MapSeries:
    """Maps of one box and pixel size.

    Attributes:
        files: one or more. mean: of all. level: density of the contour that shows them all alike.
        closed: whether the last is followed by the first.
    """

    files: tuple[Path, ...]
    mean: DensityMap
    level: float
    closed: bool

    def read(self, index: int) -> NDArray[np.float32]:
        """[box, box, box] (z, y, x) of the map ``index`` from 0."""
        return read_map(self.files[index]).data


def read_series(files: Sequence[Path], *, closed: bool = False, level: float | None = None) -> MapSeries:
    """Check that maps belong together, and find a contour level.

    Args:
        level: density; None: half way from the solvent to the mean inside the molecule, of the mean of all maps.
    Raises:
        InputError: no map, one that cannot be read, or of another box or pixel size than the first; a level that is
            not finite and positive, or that no map reaches.
    """
    if not files:
        raise InputError("no map to be shown; expected at least one")
    if level is not None and not (np.isfinite(level) and level > 0):
        raise InputError(f"--level is {level:g}; expected a density above 0")
    first = read_map(files[0])
    total, highest = first.data, float(first.data.max())
    for path in files[1:]:
        other = read_map(path)
        if other.box != first.box or abs(other.pixel_size / first.pixel_size - 1) > 1e-3:
            raise InputError(f"{path}: box {other.box}, {other.pixel_size:g} Å; expected {first.box}, "
                             f"{first.pixel_size:g} Å as in {files[0].name}")
        total, highest = total + other.data, max(highest, float(other.data.max()))
    if level is not None and level >= highest:
        raise InputError(f"--level is {level:g}; expected below {highest:.4g}, the highest density of the maps")
    mean = DensityMap(total / np.float32(len(files)), first.pixel_size)
    return MapSeries(tuple(files), mean, contour_level(mean) if level is None else level, closed)


def write_chimerax(path: Path, series: MapSeries, colour: str = "#8fa9c4") -> None:
    """A script for ChimeraX (open it there) that plays the maps at one level; they are found relative to it."""
    names = " ".join(f'"{_relative(file, path.parent)}"' for file in series.files)
    direction = "forward" if series.closed else "oscillate"
    lines = [f"open {names}" + (" vseries true" if len(series.files) > 1 else ""),
             f"volume #1 style surface step 1 level {series.level:.6g} color {colour}",
             "lighting soft", "set bgColor white", "view"]
    if len(series.files) > 1:
        lines.append(f"vseries play #1 direction {direction} loop true maxFrameRate {_FASTEST}")
    with replacing(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _relative(file: Path, folder: Path) -> str:
    try:
        return file.resolve().relative_to(folder.resolve()).as_posix()
    except ValueError:
        return file.resolve().as_posix()
