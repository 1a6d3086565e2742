"""Coordinates of an analysis put on the particles they belong to, by id."""

import os
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from pwem.objects import Float, Integer, Particle, ParticleFlex, SetOfParticlesFlex

from gmmhet.constants import CONTRAST, COORDINATE, LATENT, LATENT_SD, LOG_LIKELIHOOD, OLD_COORDINATE, PARTICLE_ID
from gmmhet.convert.to_star import latent_columns
from gmmhet.engine.errors import InputError
from gmmhet.engine.io import StarTable, current_name, read_star
from gmmhet.engine.io.points import read_points
from gmmhet.engine.io.result_columns import BLOCK, JUNK, STATE, STATE_PROBABILITY

__all__ = ["check_points", "fill_flexible_set", "read_classes", "read_latents"]

_CLASS = "rlnClassNumber"


def read_latents(star: str | os.PathLike[str]) -> dict[int, dict[str, float]]:
    """Columns gmmhetLatent1.., gmmhetLatentSd1.., gmmhetCoordinate1.., gmmhetCoordinateSd1.. (where they are;
    also under their names of version 0.3), gmmhetJunk, gmmhetBlock1.., gmmhetState, gmmhetStateProbability (where they
    are), gmmhetContrast, gmmhetLogLikelihood of each particle id.

    Raises:
        InputError: the file, the id column or a number is missing, or an id stands twice.
    """
    table = _particles(star)
    stems = (LATENT, COORDINATE, OLD_COORDINATE, BLOCK)
    single = (JUNK, CONTRAST, LOG_LIKELIHOOD, STATE, STATE_PROBABILITY)
    names = [c for c in table.columns if c.startswith(stems) or c in single]
    values = np.stack([table.floats(c) for c in names], axis=1)
    names = [current_name(c) for c in names]
    return {i: dict(zip(names, map(float, row), strict=True)) for i, row in zip(_ids(table), values, strict=True)}


def read_classes(star: str | os.PathLike[str]) -> dict[int, int]:
    """rlnClassNumber of each particle id (0: in no class). Raises InputError as :func:`read_latents`."""
    table = _particles(star)
    return dict(zip(_ids(table), (int(c) for c in table.integers(_CLASS)), strict=True))


def fill_flexible_set(flexible: SetOfParticlesFlex, particles: Iterable[Particle], star: str | os.PathLike[str],
                      program: str) -> None:
    """Append every enabled particle to a flexible set with its coordinates, joined by id, ids kept.

    Args:
        flexible: empty set with its properties set.
        star: latents.star of the analysis of just these particles, or particles.star of their composition.
    Raises:
        InputError: a particle without coordinates, or coordinates of a particle that is not in the set.
    """
    latents = read_latents(star)
    for particle in particles:
        if not particle.isEnabled():
            continue
        row = latents.pop(particle.getObjId(), None)
        if row is None:
            raise InputError(f"{star}: no row with {PARTICLE_ID} {particle.getObjId()}; "
                             "expected every particle of the set")
        item = ParticleFlex(progName=program)
        item.copyInfo(particle)
        item.setObjId(particle.getObjId())
        item.getFlexInfo().setProgName(program)
        for name in latent_columns(item):  # of an earlier analysis, which may have had more modes
            delattr(item, f"_{name}")
        item.setZFlex(_coordinates(row))
        for name, value in row.items():
            setattr(item, f"_{name}", Integer(int(value)) if name == STATE else Float(value))
        flexible.append(item)
    if latents:
        raise InputError(f"{star}: {PARTICLE_ID} {next(iter(latents))} is not in the set of particles")


def _coordinates(row: dict[str, float]) -> list[float]:
    count = sum(1 for name in row if name.startswith(LATENT) and not name.startswith(LATENT_SD))
    return [row[f"{LATENT}{k}"] for k in range(1, count + 1)]


def _particles(star: str | os.PathLike[str]) -> StarTable:
    for table in read_star(star).values():
        if PARTICLE_ID in table:
            return table
    raise InputError(f"{star}: no column {PARTICLE_ID}; expected a table written for particles of the framework")


def _ids(table: StarTable) -> list[int]:
    ids: NDArray[np.int64] = table.integers(PARTICLE_ID)
    values, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        raise InputError(f"{table.path}: {PARTICLE_ID} {values[counts > 1][0]} stands more than once")
    return [int(i) for i in ids]


def check_points(path: str, modes: int) -> None:
    """Read a table of points of an analysis of so many modes.

    Raises:
        InputError: what the engine would say of it.
    """
    read_points(path, modes)
