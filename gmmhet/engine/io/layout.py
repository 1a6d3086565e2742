"""What a particle file of another program holds, as tables of RELION 3.1."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.io.particles import Optics, ParticleTable, check_images
from gmmhet.engine.io.star import StarTable, table_from
from gmmhet.engine.io.texts import TextColumn, image_texts, number_texts
from gmmhet.engine.optics.aberrations import Aberrations

__all__ = ["ConvertedTables", "converted_particles", "optics_table", "zernike_of"]

_CORRECTIONS = (("rlnCtfDataArePhaseFlipped", "flipped"), ("rlnCtfDataAreCtfPremultiplied", "premultiplied"))
_MATRIX = ("rlnMagMat00", "rlnMagMat01", "rlnMagMat10", "rlnMagMat11")


def converted_particles(
    source: Path, names: Sequence[str], stacks: tuple[Path, ...], places: tuple[NDArray[np.int64], NDArray[np.int64]],
    poses: tuple[NDArray[np.float64], NDArray[np.float64]], defocus: NDArray[np.float64] | None,
    optics: tuple[tuple[Optics, ...], NDArray[np.int64]], half_set: NDArray[np.int64], micrograph: NDArray[np.int64], *,
    located: bool, ids: NDArray[np.int64] | None = None, records: NDArray[np.void] | None = None,
    columns: Mapping[str, Any] | None = None, bare: NDArray[np.bool_] | None = None,
    coordinates: NDArray[np.float64] | None = None, signs: NDArray[np.int64] | None = None,
) -> ParticleTable:
    """The particles of a file that is no STAR of RELION; checks their images when these are there.

    Args:
        names: stacks as the file names them. places: stack_index and slice_index. poses: angles and origins. defocus:
            None where the file tells none. optics: groups, and the group of each particle. ids: from 1 on where not
            told. columns: further columns for a STAR, by their names. bare: as of check_images. The others are
            fields of ParticleTable.
    Raises:
        InputError: as check_images.
    """
    n = len(half_set)
    tables = ConvertedTables(source, optics[0], optics[1], names, *places, *poses, defocus, half_set, columns)
    result = ParticleTable(
        source=source, ids=np.arange(1, n + 1) if ids is None else ids, stacks=stacks, stack_index=places[0],
        slice_index=places[1], angles=poses[0], origins=poses[1],
        defocus=np.zeros((n, 4)) if defocus is None else defocus, optics=optics[0], optics_index=optics[1],
        half_set=half_set, micrograph=micrograph, has_ctf=defocus is not None, tables=tables, located=located,
        records=records, coordinates=coordinates, signs=signs)
    if located:
        check_images(result, bare)
    return result


class ConvertedTables(Mapping[str, StarTable]):
    """data_optics and data_particles, made when they are asked for.

    Args:
        names: stacks as the file names them. columns: further columns, by the names of RELION; the others are arguments
            as of ParticleTable.
    """

    def __init__(self, source: Path, optics: Sequence[Optics], optics_index: NDArray[np.int64], names: Sequence[str],
                 stack_index: NDArray[np.int64], slice_index: NDArray[np.int64], angles: NDArray[np.float64],
                 origins: NDArray[np.float64], defocus: NDArray[np.float64] | None, half_set: NDArray[np.int64],
                 columns: Mapping[str, Any] | None = None) -> None:
        self._source, self._optics, self._group = source, optics, optics_index
        self._names, self._stack, self._slice = names, stack_index, slice_index
        self._angles, self._origins, self._defocus, self._half = angles, origins, defocus, half_set
        self._columns = dict(columns or {})

    def __getitem__(self, name: str) -> StarTable:
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(("optics", "particles"))

    def __len__(self) -> int:
        return 2

    @cached_property
    def _made(self) -> dict[str, StarTable]:
        return {"optics": optics_table(self._optics, self._source), "particles": self._particle_table()}

    def _particle_table(self) -> StarTable:
        images = image_texts(self._names, self._stack, self._slice)
        columns: dict[str, Sequence[str]] = {"rlnImageName": images, "rlnOpticsGroup": _texts(self._group + 1)}
        for k, name in enumerate(("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi")):
            columns[name] = _texts(self._angles[:, k])
        for k, name in enumerate(("rlnOriginXAngst", "rlnOriginYAngst")):
            columns[name] = _texts(self._origins[:, k])
        if self._defocus is not None:
            for k, name in enumerate(("rlnDefocusU", "rlnDefocusV", "rlnDefocusAngle", "rlnPhaseShift")):
                columns[name] = _texts(self._defocus[:, k])
        if self._half.any():
            columns["rlnRandomSubset"] = _texts(self._half)
        columns |= {name: _texts(values) for name, values in self._columns.items()}
        return StarTable("particles", columns, self._source)


def optics_table(groups: Sequence[Optics], source: Path | None = None) -> StarTable:
    """data_optics of a RELION STAR, numbered from 1, with the aberrations where there are any."""
    aberrations = [o.aberrations for o in groups]
    columns: dict[str, Sequence[Any]] = {
        "rlnOpticsGroupName": [g.name for g in groups], "rlnOpticsGroup": range(1, len(groups) + 1),
        "rlnVoltage": [g.voltage for g in groups],
        "rlnSphericalAberration": [g.spherical_aberration for g in groups],
        "rlnAmplitudeContrast": [g.amplitude_contrast for g in groups],
        "rlnImagePixelSize": [g.pixel_size for g in groups], "rlnImageDimensionality": [2] * len(groups)}
    if all(g.box > 0 for g in groups):  # it is not known of files that do not tell, when the stacks are not looked for
        columns["rlnImageSize"] = [g.box for g in groups]
    for name, kind in _CORRECTIONS:
        if any(a.correction == kind for a in aberrations):
            columns[name] = [int(a.correction == kind) for a in aberrations]
    if any(any(a.odd) or any(a.even) for a in aberrations):
        lists = [zernike_of(a) for a in aberrations]
        columns["rlnOddZernike"] = [_listed(odd) for odd, _ in lists]
        columns["rlnEvenZernike"] = [_listed(even) for _, even in lists]
    if any(a.magnification != Aberrations.magnification for a in aberrations):
        columns |= {name: [f"{a.magnification[i]:.9g}" for a in aberrations] for i, name in enumerate(_MATRIX)}
    table = table_from("optics", columns)
    return StarTable(table.name, table.columns, source or Path())


def _texts(values: Any) -> Sequence[str]:
    """Numbers with seven digits after the point, which is finer than single precision of any of these quantities."""
    array = np.asarray(values)
    if array.dtype.kind == "S":
        return TextColumn(array)
    return number_texts(array, "%.7f" if array.dtype.kind == "f" else "%d")


def _listed(values: Sequence[float]) -> str:
    return "[" + ",".join(f"{v:.9g}" for v in values) + "]"


def zernike_of(aberrations: Aberrations) -> tuple[list[float], list[float]]:
    """rlnOddZernike and rlnEvenZernike: the inverse of odd_from_zernike (without beam tilt) and even_from_zernike."""
    linear_x, linear_y, cubic_x, cubic_y, cos3, sin3 = aberrations.odd
    odd = [linear_y + 2 * cubic_y / 3, linear_x + 2 * cubic_x / 3, sin3, cubic_y / 3, cubic_x / 3, cos3]
    second, cos2, sin2, fourth, constant, cos24, sin24, cos4, sin4 = (-e for e in aberrations.even)
    z6, z7, z5 = fourth / 6, cos24 / 4, sin24 / 4
    z2 = (second + 6 * z6) / 2
    even = [constant + z2 - z6, sin2 + 3 * z5, z2, cos2 + 3 * z7, sin4, z5, z6, z7, cos4]
    return odd, even
