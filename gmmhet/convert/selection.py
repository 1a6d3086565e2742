"""Chosen particles: row numbers for the engine, and the engine's choice as a subset of a set."""

import os
from collections.abc import Iterable
from pathlib import Path

from pwem.objects import Particle, SetOfClasses3D, SetOfParticles, Transform

from gmmhet.constants import PARTICLE_ID
from gmmhet.convert.alignment import poses_to_matrices
from gmmhet.engine.errors import InputError
from gmmhet.engine.io import read_particles, read_star

__all__ = ["class_members", "fill_selection", "particle_ids", "write_row_numbers"]


def class_members(classes: SetOfClasses3D, numbers: Iterable[int]) -> set[int]:
    """Ids of the particles in some classes.

    Raises:
        InputError: no such class.
    """
    members: set[int] = set()
    for number in numbers:
        chosen = classes[number]
        if chosen is None:
            known = ", ".join(str(c.getObjId()) for c in classes.iterItems())
            raise InputError(f"class {number}: not in the classes, which are {known}")
        members.update(int(i) for i in chosen.getIdSet())
    return members


def write_row_numbers(path: str | os.PathLike[str], star: str | os.PathLike[str], ids: Iterable[int]) -> None:
    """Write the rows (from 1) of a STAR that hold particles of some ids, one a line.

    Raises:
        InputError: the file or its column of ids is missing, or none of the particles is in it.
    """
    wanted = set(ids)
    rows = [row for row, identity in enumerate(particle_ids(star), 1) if identity in wanted]
    if not rows:
        raise InputError(f"{star}: none of the {len(wanted)} particles is in it; expected particles of this analysis")
    Path(path).write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")


def fill_selection(chosen: SetOfParticles, particles: SetOfParticles, star: str | os.PathLike[str], *,
                   poses: bool) -> None:
    """Append the particles that a STAR names by id to an empty set with its properties set; all else as it was.

    Args:
        poses: give them the poses of the STAR.
    Raises:
        InputError: the file or its column of ids is missing.
    """
    place = {identity: row for row, identity in enumerate(particle_ids(star))}
    table = read_particles(star, images=False)
    matrices = poses_to_matrices(table.angles, table.origins, table.pixel_size) if poses else None
    for particle in particles.iterItems(orderBy="id"):
        row = place.get(particle.getObjId())
        if row is None or not particle.isEnabled():
            continue
        item: Particle = particle.clone()
        item.setObjId(particle.getObjId())
        if matrices is not None:
            item.setTransform(Transform(matrix=matrices[row]))
        chosen.append(item)


def particle_ids(star: str | os.PathLike[str]) -> list[int]:
    """Ids of the framework's particles in the rows of a STAR.

    Raises:
        InputError: the file or its column of ids is missing.
    """
    for table in read_star(star).values():
        if PARTICLE_ID in table:
            return [int(i) for i in table.integers(PARTICLE_ID)]
    raise InputError(f"{star}: no column {PARTICLE_ID}; expected a table written for particles of the framework")
