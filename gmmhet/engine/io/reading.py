"""Refined particles of any program, read by the format that the file turns out to have."""

import os
from collections.abc import Sequence
from pathlib import Path

from gmmhet.engine.errors import InputError
from gmmhet.engine.io.particles import ParticleTable
from gmmhet.engine.io.relion import read_relion

__all__ = ["read_particles"]


def read_particles(path: str | os.PathLike[str], root: str | os.PathLike[str] | None = None, images: bool = True,
                   passthrough: Sequence[str | os.PathLike[str]] = ()) -> ParticleTable:
    """Read refined particles.

    Args:
        path: STAR of RELION.
        root: project folder that stack names are relative to.
        images: check that the stacks are there, long enough and of the right box.
        passthrough: further .cs files with fields of the same particles.
    Raises:
        InputError: one line naming the file, the row, the value and what was expected.
    """
    source = Path(path)
    if passthrough:
        raise InputError(f"{source}: --passthrough is for cryoSPARC files; expected a .cs file")
    return read_relion(source, root=root, images=images)
