"""Maps and curves: files of the engine and objects of the framework."""

import csv
import os
from pathlib import Path

import mrcfile
from pwem.emlib.image import ImageHandler
from pwem.objects import FSC, Volume

from gmmhet.engine.errors import InputError
from gmmhet.engine.io import read_map, write_map

__all__ = ["map_file", "read_fsc_curves"]


def map_file(volume: Volume, folder: str | os.PathLike[str]) -> str:
    """A file of the volume that the engine can read: the volume's own where its header tells its pixel size,
    otherwise a copy in ``folder`` that does.

    Raises:
        InputError: no such file, or not a cubic map.
    """
    name = str(volume.getFileName()).partition(":mrc")[0]
    if not Path(name).is_file():
        raise InputError(f"{name}: no such file; expected a map")
    pixel_size = float(volume.getSamplingRate())
    if Path(name).suffix.lower() in (".mrc", ".map"):
        with mrcfile.open(name, header_only=True, permissive=True) as handle:
            if abs(float(handle.voxel_size.x) - pixel_size) < 1e-3 * pixel_size:
                return name
        data = read_map(name, pixel_size=pixel_size).data
    else:
        data = ImageHandler().read(volume.getLocation()).getData()
    copy = Path(folder) / f"{Path(name).stem}_{pixel_size:.4f}A.mrc"
    write_map(copy, data, pixel_size)
    return str(copy)


def read_fsc_curves(path: str | os.PathLike[str], column: str = "fsc") -> dict[int, FSC]:
    """Fourier shell correlations of a fsc.csv by map number (from 1; one curve when the file names no map).

    Frequencies are 1/Angstrom, as the framework's viewers expect.

    Raises:
        InputError: missing file or column.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file; expected a table of Fourier shell correlations")
    points: dict[int, list[tuple[float, float]]] = {}
    with open(path, newline="", encoding="utf-8") as text:
        for row in csv.DictReader(text):
            if column not in row:
                raise InputError(f"{path}: no column {column}; expected one")
            points.setdefault(int(row.get("map", 1)), []).append((float(row["frequency"]), float(row[column])))
    curves = {}
    for number, values in points.items():
        # The framework's resolution estimate divides by the frequency: the zero shell must not be there.
        frequencies, correlations = zip(*[v for v in values if v[0] > 0], strict=True)
        curves[number] = FSC(objLabel=f"map {number}" if len(points) > 1 else "FSC")
        curves[number].setData(list(frequencies), list(correlations))
    return curves
