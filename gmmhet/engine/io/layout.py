"""What a particle file of another program holds, as tables of RELION 3.1."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.io.particles import Optics, ParticleTable, check_images
from gmmhet.engine.io.star import StarTable, table_from
from gmmhet.engine.io.texts import TextColumn, image_texts, number_texts
from gmmhet.engine.optics.aberrations import Aberrations

__all__ = ["ConvertedTables", "FoundParticles", "converted_particles", "optics_table", "zernike_of"]

_CORRECTIONS = (("rlnCtfDataArePhaseFlipped", "flipped"), ("rlnCtfDataAreCtfPremultiplied", "premultiplied"))
_MATRIX = ("rlnMagMat00", "rlnMagMat01", "rlnMagMat10", "rlnMagMat11")


@dataclass(frozen=True, kw_only=True)
class FoundParticles:
    """What was read of a file that is no STAR of RELION.

    Attributes:
        names: stacks as the file names them. defocus: None where the file has none. ids: None: from 1 on.
        columns: further columns for a STAR, by their names. bare: as of check_images. located: whether the stacks were
            looked for. The others are fields of ParticleTable.
    """

    source: Path
    names: Sequence[str]
    stacks: tuple[Path, ...]
    stack_index: NDArray[np.int64]
    slice_index: NDArray[np.int64]
    angles: NDArray[np.float64]
    origins: NDArray[np.float64]
    defocus: NDArray[np.float64] | None
    optics: tuple[Optics, ...]
    optics_index: NDArray[np.int64]
    half_set: NDArray[np.int64]
    micrograph: NDArray[np.int64]
    located: bool
    ids: NDArray[np.int64] | None = None
    records: NDArray[np.void] | None = None
    columns: Mapping[str, Any] | None = None
    bare: NDArray[np.bool_] | None = None
    coordinates: NDArray[np.float64] | None = None
    signs: NDArray[np.int64] | None = None


def converted_particles(found: FoundParticles) -> ParticleTable:
    """The particles, with tables of RELION 3.1; checks their images when these are there.

    Raises:
        InputError: as check_images.
    """
    n = len(found.half_set)
    result = ParticleTable(
        source=found.source, ids=np.arange(1, n + 1) if found.ids is None else found.ids, stacks=found.stacks,
        stack_index=found.stack_index, slice_index=found.slice_index, angles=found.angles, origins=found.origins,
        defocus=np.zeros((n, 4)) if found.defocus is None else found.defocus, optics=found.optics,
        optics_index=found.optics_index, half_set=found.half_set, micrograph=found.micrograph,
        has_ctf=found.defocus is not None, tables=ConvertedTables(found), located=found.located, records=found.records,
        coordinates=found.coordinates, signs=found.signs)
    if found.located:
        check_images(result, found.bare)
    return result


class ConvertedTables(Mapping[str, StarTable]):
    """data_optics and data_particles of what was found, made when they are asked for."""

    def __init__(self, found: FoundParticles) -> None:
        self._found = found

    def __getitem__(self, name: str) -> StarTable:
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(("optics", "particles"))

    def __len__(self) -> int:
        return 2

    @cached_property
    def _made(self) -> dict[str, StarTable]:
        return {"optics": optics_table(self._found.optics, self._found.source), "particles": self._particle_table()}

    def _particle_table(self) -> StarTable:
        found = self._found
        images = image_texts(found.names, found.stack_index, found.slice_index)
        columns: dict[str, Sequence[str]] = {"rlnImageName": images, "rlnOpticsGroup": _texts(found.optics_index + 1)}
        for k, name in enumerate(("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi")):
            columns[name] = _texts(found.angles[:, k])
        for k, name in enumerate(("rlnOriginXAngst", "rlnOriginYAngst")):
            columns[name] = _texts(found.origins[:, k])
        if found.defocus is not None:
            for k, name in enumerate(("rlnDefocusU", "rlnDefocusV", "rlnDefocusAngle", "rlnPhaseShift")):
                columns[name] = _texts(found.defocus[:, k])
        if found.half_set.any():
            columns["rlnRandomSubset"] = _texts(found.half_set)
        columns |= {name: _texts(values) for name, values in (found.columns or {}).items()}
        return StarTable("particles", columns, found.source)


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
