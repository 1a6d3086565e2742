"""gmmhet export: chosen particles of the original file, row for row as they stand there."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.export.criteria import Criteria
from gmmhet.engine.export.joining import original_rows
from gmmhet.engine.export.results import chosen_rows, latents_file, refined_poses
from gmmhet.engine.io import ParticleTable, read_particles, write_selection
from gmmhet.engine.io.particles import KEPT_COLUMNS
from gmmhet.engine.io.stacks import resolve_stack

__all__ = ["export"]

_LOG = logging.getLogger("gmmhet")
_OURS = "gmmhet"


def export(source: Path, output: Path, criteria: Criteria, *, particles: Path | None = None, root: Path | None = None,
           passthrough: Sequence[Path] = (), refined: bool = False, coordinates: bool = False) -> int:
    """Write the particles that meet the criteria.

    Args:
        source: latents.star or classes.star, or a folder of analyze, reconstruct or run.
        output: .star, or .cs where the particles came from a .cs.
        particles: the original file; None: the table of results itself. root: project folder of its image names.
        passthrough: further .cs files of the particles. refined: write the refined poses in place of the given ones.
        coordinates: add the columns of the analysis.
    Returns:
        the number of rows written.
    Raises:
        InputError: unreadable files, criteria that nothing meets, files that do not belong together.
    """
    results = read_particles(latents_file(source, bool(criteria.classes)), images=False)
    chosen = chosen_rows(results, criteria)
    original = results if particles is None else read_particles(particles, images=False, passthrough=passthrough)
    rows = chosen if original is results else original_rows(results, original)[chosen]
    order = np.argsort(rows, kind="stable")
    chosen, rows = chosen[order], rows[order]
    poses = refined_poses(results, chosen) if refined else None
    added = _columns(results, chosen) if coordinates and original is not results else None
    target = original if output.suffix == ".cs" else _as_found_from(output, original, root, particles, passthrough)
    write_selection(output, target, rows, columns=added, poses=poses)
    conditions = ", ".join(criteria.words()) or "all"
    _LOG.info("%s: %d of %d particles (%s)%s", output, len(rows), len(original), conditions,
              ", with refined poses" if refined else "")
    return len(rows)


def _columns(results: ParticleTable, rows: NDArray[np.int64]) -> dict[str, list[str]]:
    """What the analysis added, of some rows."""
    star = results.tables[results.particle_block]
    names = [name for name in star.columns if name.startswith(_OURS) and name not in KEPT_COLUMNS]
    return {name: [star.columns[name][i] for i in rows.tolist()] for name in names}


def _as_found_from(output: Path, table: ParticleTable, root: Path | None, particles: Path | None,
                   passthrough: Sequence[Path]) -> ParticleTable:
    """The table with names of stacks that hold where the new file is.

    They stay as they are where they are found from there (or from the project folder, which is what RELION does);
    otherwise they are made relative to the new file. Where the stacks are not to be found at all, they stay, too.
    """
    try:
        for stack in table.stacks:
            resolve_stack(str(stack), output, root)
        return table
    except InputError:
        pass
    try:
        found = read_particles(particles or table.source, root=root, passthrough=passthrough)
    except InputError as error:
        _LOG.info("names of image stacks stay as they are: %s", error)
        return table
    _LOG.info("names of image stacks are made relative to %s", output.resolve().parent)
    return found
