"""What is not a set of single images: tilt series and 3D subtomograms, which are refused."""

from collections.abc import Mapping, Sequence

import numpy as np

from gmmhet.engine.errors import InputError
from gmmhet.engine.io.star import StarTable
from gmmhet.engine.io.texts import TextColumn
from gmmhet.engine.wording.input_errors import SINGLE_IMAGES

__all__ = ["refuse_tomography"]

_STACKS, _FRAMES, _CTF_VOLUME, _DIMENSIONS = (
    "rlnTomoSubTomosAre2DStacks", "rlnTomoVisibleFrames", "rlnCtfImage", "rlnImageDimensionality")
_DEPTHS = ("rlnOriginZAngst", "rlnOriginZ", "rlnCoordinateZ")  # single images have none
_OF_TOMOGRAPHY = "rlnTomo"


def refuse_tomography(tables: Mapping[str, StarTable], particles: StarTable) -> None:
    """Refuse particles of tomography, as RELION 4 and 5, Warp and M write them.

    Args:
        tables: of the file. particles: the one with a row for each particle.
    Raises:
        InputError: one line that names the column and what the particles are.
    """
    others = [t for t in tables.values() if t is not particles]
    for table in others:
        if _STACKS in table and _any_set(table.columns[_STACKS]):
            raise _refusal(table, _STACKS, "stacks of tilt images (tomography)")
    if _FRAMES in particles:
        raise _refusal(particles, _FRAMES, "stacks of tilt images (tomography)")
    for table in (*others, particles):
        if _DIMENSIONS in table and any(_number(v) == 3 for v in table.columns[_DIMENSIONS]):
            raise _refusal(table, _DIMENSIONS, "3D volumes (subtomograms)")
    if _CTF_VOLUME in particles:
        raise _refusal(particles, _CTF_VOLUME, "3D volumes with 3D CTFs (subtomograms)")
    for column in _DEPTHS:
        if column in particles and _any_set(particles.columns[column]):
            raise _refusal(particles, column, "3D volumes (subtomograms)")
    for table in (particles, *others):
        named = next((c for c in table.columns if c.startswith(_OF_TOMOGRAPHY)), None)
        if named is not None:
            raise _refusal(table, named, "of tomography")


def _refusal(table: StarTable, column: str, what: str) -> InputError:
    return InputError(f"{table.path}: {column} in data_{table.name}: the particles are {what}; {SINGLE_IMAGES}")


def _any_set(values: Sequence[str]) -> bool:
    """Whether any value is a number other than 0."""
    if isinstance(values, TextColumn):
        values = TextColumn(np.unique(values.bytes))
    return any(_number(v) not in (None, 0.0) for v in set(values))


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) else None
