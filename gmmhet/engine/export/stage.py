"""gmmhet export: chosen particles of the original file, row for row as they stand there."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.export.criteria import Criteria
from gmmhet.engine.export.joining import original_rows
from gmmhet.engine.export.results import chosen_rows, latents_file, refined_poses
from gmmhet.engine.io import ParticleTable, current_name, read_particles, write_selection
from gmmhet.engine.io.particles import KEPT_COLUMNS
from gmmhet.engine.io.stacks import resolve_stack
from gmmhet.engine.wording import export as wording

__all__ = ["Original", "export"]

_LOG = logging.getLogger("gmmhet")
_OURS = "gmmhet"


@dataclass(frozen=True)
class Original:
    """The particle file whose rows are written.

    Attributes:
        particles: the file; None: the table of results itself. root: project folder of its image names.
        passthrough: further .cs files of the particles.
    """

    particles: Path | None = None
    root: Path | None = None
    passthrough: Sequence[Path] = ()


def export(source: Path, output: Path, criteria: Criteria, original: Original = Original(), *, refined: bool = False,
           coordinates: bool = False) -> int:
    """Write the particles that meet the criteria.

    Args:
        source: latents.star or classes.star, or a folder of analyze, reconstruct or run.
        output: .star, or .cs where the particles came from a .cs.
        original: the file whose rows are written. refined: write the refined poses in place of the given ones.
        coordinates: add the columns of the analysis.
    Returns:
        the number of rows written.
    Raises:
        InputError: unreadable files, criteria that nothing meets, files that do not belong together.
    """
    results = read_particles(latents_file(source, bool(criteria.classes)), images=False)
    chosen = chosen_rows(results, criteria)
    table = results if original.particles is None else read_particles(original.particles, images=False,
                                                                      passthrough=original.passthrough)
    rows = chosen if table is results else original_rows(results, table)[chosen]
    order = np.argsort(rows, kind="stable")
    chosen, rows = chosen[order], rows[order]
    poses = refined_poses(results, chosen) if refined else None
    added = _columns(results, chosen) if coordinates and table is not results else None
    target = table if output.suffix == ".cs" else _as_found_from(output, table, original)
    write_selection(output, target, rows, columns=added, poses=poses)
    _LOG.info("%s: %s", output, wording.written(len(rows), len(table), criteria.words(), refined))
    return len(rows)


def _columns(results: ParticleTable, rows: NDArray[np.int64]) -> dict[str, list[str]]:
    """What the analysis added, of some rows."""
    star = results.tables[results.particle_block]
    names = [name for name in star.columns if name.startswith(_OURS) and name not in KEPT_COLUMNS]
    return {current_name(name): [star.columns[name][i] for i in rows.tolist()] for name in names}


def _as_found_from(output: Path, table: ParticleTable, original: Original) -> ParticleTable:
    """The table with names of stacks that hold where the new file is.

    They stay as they are where they are found from there (or from the project folder, which is what RELION does);
    otherwise they are made relative to the new file. Where the stacks are not to be found at all, they stay, too.
    """
    try:
        for stack in table.stacks:
            resolve_stack(str(stack), output, original.root)
        return table
    except InputError:
        pass
    try:
        found = read_particles(original.particles or table.source, root=original.root,
                               passthrough=original.passthrough)
    except InputError as error:
        _LOG.info("names of image stacks stay as they are: %s", error)
        return table
    _LOG.info("names of image stacks are made relative to %s", output.resolve().parent)
    return found
