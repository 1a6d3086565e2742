"""Refined particles of a STAR file as particles of the framework."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pwem.objects import Coordinate, CTFModel, Integer, Particle, SetOfParticles, Transform

from gmmhet.convert.alignment import poses_to_matrices
from gmmhet.convert.optics import OPTICS_GROUP, acquisition_of, optics_text
from gmmhet.convert.to_star import HALF_SET
from gmmhet.engine.io import ParticleTable, read_particles

__all__ = ["check_particles", "fill_set_of_particles"]

_NOT_MRC = (".hdf", ".h5", ".stk", ".spi")
_COORDINATES = ("rlnCoordinateX", "rlnCoordinateY")


def check_particles(path: str | os.PathLike[str], root: str | os.PathLike[str] | None,
                    passthrough: Sequence[str | os.PathLike[str]] = ()) -> None:
    """Read a particle file (with further .cs files) to see that it can be read; the image stacks are not opened.

    Raises:
        InputError: as read_particles.
    """
    read_particles(path, root=root, images=False, passthrough=passthrough)


def fill_set_of_particles(
    particles: SetOfParticles, star: str | os.PathLike[str], folder: str | os.PathLike[str],
) -> None:
    """Fill an empty set with the particles of a STAR; ids are its rows from 1.

    Args:
        folder: where links to the image stacks are made; the particles refer to these.
    Raises:
        InputError: as read_particles.
    """
    table = read_particles(star)
    stacks = _link_stacks(table.stacks, folder)
    particles.setSamplingRate(table.pixel_size)
    particles.setHasCTF(table.has_ctf)
    particles.setIsPhaseFlipped(all(o.aberrations.correction == "flipped" for o in table.optics))
    particles.setAlignmentProj()
    acquisitions = [acquisition_of(o) for o in table.optics]
    particles.setAcquisition(acquisitions[0].clone())
    particles.getAcquisition().opticsGroupInfo.set(optics_text(table.optics))
    matrices = poses_to_matrices(table.angles, table.origins, table.pixel_size)
    source = table.tables[table.particle_block]
    micrographs = source.columns.get("rlnMicrographName", [])
    picked = bool(micrographs) and all(c in source for c in _COORDINATES)
    places = [source.numbers(c) for c in _COORDINATES] if picked else []
    for row in range(len(table)):
        particle = _particle(table, row, stacks)
        particle.setTransform(Transform(matrix=matrices[row]))
        particle.setAcquisition(acquisitions[table.optics_index[row]].clone())
        if micrographs:
            particle.setMicId(int(table.micrograph[row]) + 1)
        if places and all(np.isfinite(axis[row]) for axis in places):
            coordinate = Coordinate(x=float(places[0][row]), y=float(places[1][row]))
            coordinate.setMicName(micrographs[row])
            coordinate.setMicId(particle.getMicId())
            particle.setCoordinate(coordinate)
        particles.append(particle)


def _particle(table: ParticleTable, row: int, stacks: list[str]) -> Particle:
    particle = Particle(location=(int(table.slice_index[row]) + 1, stacks[table.stack_index[row]]))
    particle.setObjId(int(table.ids[row]))
    setattr(particle, f"_{OPTICS_GROUP}", Integer(int(table.optics_index[row]) + 1))
    if table.half_set.any():
        setattr(particle, f"_{HALF_SET}", Integer(int(table.half_set[row])))
    if table.has_ctf:
        u, v, angle, phase = (float(x) for x in table.defocus[row])
        ctf = CTFModel()
        ctf.setStandardDefocus(u, v, angle)
        ctf.setPhaseShift(phase)
        particle.setCTF(ctf)
    return particle


def _link_stacks(stacks: tuple[Path, ...], folder: str | os.PathLike[str]) -> list[str]:
    """Links to image stacks, numbered so that no two are equal; those to MRC files end in .mrcs, as they must."""
    links = []
    for number, stack in enumerate(stacks, 1):
        kind = stack.suffix.lower() if stack.suffix.lower() in _NOT_MRC else ".mrcs"
        link = Path(folder) / f"{number:05d}_{stack.stem}{kind}"
        link.unlink(missing_ok=True)
        link.symlink_to(stack.resolve())
        links.append(str(link))
    return links
