"""Particles of the framework as a STAR file for the engine."""

import os

import numpy as np
from numpy.typing import NDArray
from pwem.objects import Particle, SetOfParticles

from gmmhet.constants import (
    CONTRAST,
    COORDINATE,
    COORDINATE_SD,
    LATENT,
    LATENT_SD,
    LOG_LIKELIHOOD,
    OLD_COORDINATE,
    OLD_COORDINATE_SD,
    PARTICLE_ID,
)
from gmmhet.convert.alignment import matrices_to_poses
from gmmhet.convert.optics import OPTICS_GROUP, OpticsOfSet
from gmmhet.engine.errors import InputError
from gmmhet.engine.io import current_name, optics_table, table_from, write_star
from gmmhet.engine.io.result_columns import BLOCK, JUNK, STATE, STATE_PROBABILITY

__all__ = ["HALF_SET", "check_set", "coordinates_of", "count_modes", "latent_columns", "write_set_of_particles"]

HALF_SET = "rlnRandomSubset"
_MICROGRAPH = "rlnMicrographName"


def check_set(particles: SetOfParticles) -> None:
    """Whether a set is of use to the engine, as far as its properties tell.

    Raises:
        InputError: no projection alignment, or images whose amplitudes were changed for the CTF.
    """
    if not particles.hasAlignmentProj():
        raise InputError("the particles have no 3D alignment; expected orientations and shifts of a refinement")
    if particles.isAmplitudeCorrected():
        raise InputError("the particles are corrected for the CTF (amplitudes changed in an unknown way); expected "
                         "images as they were recorded, or with their phases flipped")


def write_set_of_particles(particles: SetOfParticles, path: str | os.PathLike[str]) -> None:
    """Write a RELION 3.1 STAR, one row per enabled particle in order of id, with the id in gmmhetParticleId.

    Image names stay as the framework has them: relative to the project. Half-sets and latent coordinates are
    written when the particles have them.

    Raises:
        InputError: as :func:`check_set`, the set is empty, or a particle cannot be expressed.
    """
    check_set(particles)
    optics, has_ctf = OpticsOfSet(particles), particles.hasCTF()
    ids: list[int] = []
    columns: dict[str, list[object]] = {}
    matrices: list[NDArray[np.float64]] = []
    for particle in particles.iterItems(orderBy="id"):
        if not particle.isEnabled():
            continue
        row = {PARTICLE_ID: particle.getObjId(), "rlnImageName": _image_name(particle),
               OPTICS_GROUP: optics.number_of(particle), _MICROGRAPH: _micrograph(particle),
               **(_ctf(particle) if has_ctf else {}), **_carried(particle)}
        if columns and row.keys() != columns.keys():
            raise InputError(f"particle {particle.getObjId()}: has {', '.join(row)}; expected {', '.join(columns)}")
        for name, value in row.items():
            columns.setdefault(name, []).append(value)
        ids.append(particle.getObjId())
        matrices.append(particle.getTransform().getMatrix())
    if not columns:
        raise InputError("the set of particles is empty; expected at least one particle")
    angles, origins = matrices_to_poses(np.array(matrices), float(particles.getSamplingRate()), ids)
    poses = dict(zip(("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"), angles.T, strict=True))
    poses |= dict(zip(("rlnOriginXAngst", "rlnOriginYAngst"), origins.T, strict=True))
    if None in columns[_MICROGRAPH]:
        del columns[_MICROGRAPH]
    write_star(path, [optics_table(optics.groups), table_from("particles", columns | poses)])


def count_modes(particle: Particle) -> int:
    """How many coordinates of an analysis a particle carries."""
    number = 0
    while particle.hasAttribute(f"_{LATENT}{number + 1}"):
        number += 1
    return number


def coordinates_of(particles: SetOfParticles) -> NDArray[np.float64]:
    """[n, K] coordinates of the particles of a set, in its order."""
    names = [f"_{LATENT}{k + 1}" for k in range(count_modes(particles.getFirstItem()))]
    return np.array([[p.getAttributeValue(name) for name in names] for p in particles.iterItems()], np.float64)


def latent_columns(particle: Particle) -> list[str]:
    """The columns of an analysis that a particle carries as attributes, in the engine's order."""
    modes = range(1, count_modes(particle) + 1)
    names = [f"{prefix}{k}" for prefix in (LATENT, LATENT_SD) for k in modes]
    more = [f"{prefix}{k}" for prefix in (COORDINATE, COORDINATE_SD, OLD_COORDINATE, OLD_COORDINATE_SD) for k in modes]
    more += [JUNK, CONTRAST, LOG_LIKELIHOOD, STATE, STATE_PROBABILITY]
    return names + [name for name in more if particle.hasAttribute(f"_{name}")] + _presence_columns(particle)


def _presence_columns(particle: Particle) -> list[str]:
    """Of the blocks that come and go."""
    names: list[str] = []
    while particle.hasAttribute(f"_{BLOCK}{len(names) + 1}"):
        names.append(f"{BLOCK}{len(names) + 1}")
    return names


def _carried(particle: Particle) -> dict[str, object]:
    half = [HALF_SET] if particle.hasAttribute(f"_{HALF_SET}") else []
    return {current_name(name): particle.getAttributeValue(f"_{name}") for name in half + latent_columns(particle)}


def _image_name(particle: Particle) -> str:
    index, name = particle.getLocation()
    return f"{max(index or 0, 1):06d}@{name.partition(':mrc')[0]}"


def _ctf(particle: Particle) -> dict[str, object]:
    ctf = particle.getCTF()
    return {"rlnDefocusU": float(ctf.getDefocusU()), "rlnDefocusV": float(ctf.getDefocusV()),
            "rlnDefocusAngle": float(ctf.getDefocusAngle()), "rlnPhaseShift": float(ctf.getPhaseShift() or 0.0)}


def _micrograph(particle: Particle) -> str | None:
    coordinate = particle.getCoordinate()
    name = coordinate.getMicName() if coordinate is not None else None
    name = name or particle.getMicId()
    return None if name is None else str(name)
