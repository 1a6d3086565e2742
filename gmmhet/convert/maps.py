"""Maps and curves: files of the engine and objects of the framework."""

import csv
import os
from pathlib import Path

import mrcfile
from pwem.emlib.image import ImageHandler
from pwem.objects import FSC, Transform, Volume

from gmmhet.engine.errors import InputError
from gmmhet.engine.io import read_map, write_map

__all__ = ["check_map", "half_map_files", "link_map", "map_file", "read_fsc_curves", "read_volume"]


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
    if Path(name).suffix.lower() in (".mrc", ".map", ".gz", ".bz2"):
        with mrcfile.open(name, header_only=True, permissive=True) as handle:
            if abs(float(handle.voxel_size.x) - pixel_size) < 1e-3 * pixel_size:
                return name
        data = read_map(name, pixel_size=pixel_size).data
    else:
        data = ImageHandler().read(volume.getLocation()).getData()
    copy = Path(folder) / f"{Path(name).stem}_{pixel_size:.4f}A.mrc"
    write_map(copy, data, pixel_size)
    return str(copy)


def half_map_files(volume: Volume, folder: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Files of the volume's half-maps that the engine can read, as :func:`map_file`: two, or none.

    None also where a file is gone, or has another size than the volume: other programs keep the half-maps of a map that
    they have cropped or resampled.
    """
    names = str(volume.getHalfMaps() or "").split(",")
    if len(names) != 2:
        return ()
    found = []
    for name in names:
        half = Volume(location=name)
        half.setSamplingRate(volume.getSamplingRate())
        try:
            found.append(Path(map_file(half, folder)))
        except InputError:
            return ()
        if half.getDim() != volume.getDim():
            return ()
    return tuple(found)


def check_map(path: str | os.PathLike[str], pixel_size: float | None) -> None:
    """Read a map only to see that it can be read (``pixel_size``: Angstrom, over the header's).

    Raises:
        InputError: missing, truncated, not cubic, not finite, or without a pixel size.
    """
    read_map(path, pixel_size=pixel_size)


def link_map(path: str | os.PathLike[str], link: str | os.PathLike[str], pixel_size: float | None,
             volume: Volume | None = None) -> Volume:
    """A volume of the framework for a map file, through a link.

    Args:
        pixel_size: Angstrom; None: the header's. volume: filled and returned when given.
    Raises:
        InputError: as :func:`check_map`.
    """
    Path(link).unlink(missing_ok=True)
    Path(link).symlink_to(Path(path).resolve())
    return read_volume(link, pixel_size, volume)


def read_volume(path: str | os.PathLike[str], pixel_size: float | None = None, volume: Volume | None = None) -> Volume:
    """A volume of the framework, with sampling rate, and origin at voxel box // 2 as the engine has it.

    Args:
        pixel_size: Angstrom; None: the header's.
        volume: filled and returned when given.
    Raises:
        InputError: as :func:`check_map`.
    """
    content = read_map(path, pixel_size=pixel_size)
    volume = Volume() if volume is None else volume
    volume.setLocation(str(path))
    volume.setSamplingRate(round(content.pixel_size, 6))  # headers hold single precision
    origin = Transform()
    origin.setShifts(*[-(content.box // 2) * content.pixel_size] * 3)
    volume.setOrigin(origin)
    return volume


def read_fsc_curves(path: str | os.PathLike[str], column: str = "fsc") -> dict[int, FSC]:
    """Fourier shell correlations of a fsc.csv by map number (from 1; one curve when the file names no map).

    A map without a curve, that is with empty cells, is left out.

    Frequencies are 1/Angstrom, as the framework's viewers expect.

    Raises:
        InputError: missing file or column.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file; expected a table of Fourier shell correlations")
    points: dict[int, list[tuple[float, float]]] = {}
    with open(path, newline="", encoding="utf-8") as text:
        reader = csv.DictReader(text)
        several = "map" in (reader.fieldnames or ())
        for row in reader:
            if column not in row:
                raise InputError(f"{path}: no column {column}; expected one")
            if row[column]:
                points.setdefault(int(row.get("map", 1)), []).append((float(row["frequency"]), float(row[column])))
    curves = {}
    for number, values in points.items():
        # The framework's resolution estimate divides by the frequency: the zero shell must not be there.
        frequencies, correlations = zip(*[v for v in values if v[0] > 0], strict=True)
        curves[number] = FSC(objLabel=f"map {number}" if several else "FSC")
        curves[number].setData(list(frequencies), list(correlations))
    return curves
