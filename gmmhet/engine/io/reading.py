"""Refined particles of any program, read by the format that the file turns out to have."""

import os
from collections.abc import Sequence
from pathlib import Path

from gmmhet.engine.errors import InputError
from gmmhet.engine.io.cryosparc import read_cryosparc
from gmmhet.engine.io.eman import is_lst, read_eman
from gmmhet.engine.io.particles import ParticleTable
from gmmhet.engine.io.relion import read_relion
from gmmhet.engine.io.xmipp import is_xmd, read_xmipp

__all__ = ["read_particles"]

_NPY = b"\x93NUMPY"
_CSDAT = b"\x94CSDAT"


def read_particles(path: str | os.PathLike[str], root: str | os.PathLike[str] | None = None, images: bool = True,
                   passthrough: Sequence[str | os.PathLike[str]] = ()) -> ParticleTable:
    """Read refined particles of RELION (.star, any version), cryoSPARC (.cs), EMAN2 (.lst) or Xmipp (.xmd).

    Args:
        root: project folder that stack names are relative to.
        images: check that the stacks are there, long enough and of the right box.
        passthrough: further .cs files with fields of the same particles.
    Raises:
        InputError: one line naming the file, the row, the value and what was expected.
    """
    source = Path(path)
    if not source.is_file():
        raise InputError(f"{source}: no such file; expected a particle file (.star, .cs, .lst, .xmd)")
    try:
        with open(source, "rb") as handle:
            first = handle.read(64)
    except OSError as error:
        raise InputError(f"{source}: cannot be read ({error.strerror}); expected a particle file") from None
    if source.suffix == ".cs" or first.startswith((_NPY, _CSDAT)):
        return read_cryosparc(source, root=root, images=images, passthrough=passthrough)
    if passthrough:
        raise InputError(f"{source}: --passthrough goes with a .cs file of cryoSPARC; this is none")
    if is_lst(first):
        return read_eman(source, root=root, images=images)
    if is_xmd(first):
        return read_xmipp(source, root=root, images=images)
    return read_relion(source, root=root, images=images)
