"""What an analysis says of every particle, and which rows of it meet the criteria."""

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.export.criteria import Criteria
from gmmhet.engine.io import ParticleTable, StarTable
from gmmhet.engine.io.result_columns import BLOCK, JUNK, MORE_PROBABLY, STATE
from gmmhet.engine.wording import export as wording

__all__ = ["chosen_rows", "latents_file", "refined_poses"]

_LOG = logging.getLogger("gmmhet")
_REFINED_ANGLES = ("gmmhetRefinedRot", "gmmhetRefinedTilt", "gmmhetRefinedPsi")
_REFINED_ORIGINS = ("gmmhetRefinedOriginXAngst", "gmmhetRefinedOriginYAngst")
_LATENTS = ("latents.star", "analysis/latents.star")
_CLASSES = ("classes.star", "maps/classes.star")


def latents_file(source: Path, classes: bool) -> Path:
    """The table of results: the file itself, or that of a folder of analyze, reconstruct or run.

    Args:
        classes: whether classes of reconstruct are selected.
    Raises:
        InputError: none is there.
    """
    if source.is_file():
        return source
    if not source.is_dir():
        raise InputError(f"{source}: no such file or folder; expected latents.star, or the folder of an analysis")
    names = _CLASSES if classes else (*_LATENTS, *_CLASSES)
    for name in names:
        if (source / name).is_file():
            return source / name
    raise InputError(f"{source}: no {' or '.join(names)}; expected the folder of gmmhet "
                     f"{'reconstruct' if classes else 'analyze'} or of gmmhet run")


def chosen_rows(table: ParticleTable, criteria: Criteria) -> NDArray[np.int64]:
    """Rows (from 0) of a table of results that meet all criteria, in order.

    Raises:
        InputError: a column that is needed is missing, an id is not in the table, or nothing is left; the message then
            says which condition each left how many.
    """
    star = table.tables[table.particle_block]
    chosen = np.ones(len(table), bool)
    left = []
    for words, mask in _conditions(table, star, criteria):
        chosen &= mask
        left.append((words, int(mask.sum())))
    rows = np.flatnonzero(chosen)
    if len(rows) == 0:
        raise InputError(f"{table.source}: {wording.nothing_left(len(table), left)}")
    if criteria.one_an_image:
        images = np.stack([table.stack_index[rows], table.slice_index[rows]], axis=1)
        rows = np.sort(rows[np.unique(images, axis=0, return_index=True)[1]])
    return rows


def _conditions(table: ParticleTable, star: StarTable, criteria: Criteria) -> list[tuple[str, NDArray[np.bool_]]]:
    """Each condition alone, with its words."""
    found: list[tuple[str, NDArray[np.bool_]]] = []
    if criteria.low is not None or criteria.high is not None:
        values = _mode_column(table, star, "gmmhetLatent", criteria.mode or 1)
        low = -np.inf if criteria.low is None else criteria.low
        high = np.inf if criteria.high is None else criteria.high
        words = wording.in_range(criteria.mode or 1, criteria.low, criteria.high)
        found.append((f"{words} ({wording.range_of(float(values.min()), float(values.max()))})",
                      (values >= low) & (values <= high)))
    if criteria.confidence is not None:
        modes = [criteria.mode] if criteria.mode is not None else range(1, _count_modes(table, star) + 1)
        worst = np.max([_mode_column(table, star, "gmmhetLatentSd", m) for m in modes], axis=0)
        found.append((wording.precise_enough(criteria.mode, criteria.confidence), worst <= criteria.confidence))
    if criteria.classes:
        numbers = star.integers("rlnClassNumber")
        absent = [c for c in criteria.classes if not np.any(numbers == c)]
        if absent:
            raise InputError(f"{table.source}: no particle in class {absent[0]}; there are "
                             f"{', '.join(str(c) for c in np.unique(numbers)[:20])}")
        found.append((wording.in_classes(criteria.classes), np.isin(numbers, criteria.classes)))
    if criteria.present or criteria.absent or criteria.states:
        found += _of_composition(table, star, criteria)
    if criteria.ids is not None:
        beyond = criteria.ids[criteria.ids > len(table)]
        if len(beyond):
            raise InputError(f"{table.source}: {len(table)} rows, and --ids has {beyond[0]}; expected row numbers of "
                             "the analysed file")
        found.append((wording.listed_rows(len(criteria.ids)), np.isin(table.ids, criteria.ids)))
    if criteria.keep is not None:
        fraction = criteria.fraction or 1.0
        found.append((wording.best_or_worst(criteria.keep, fraction), _likely(table, star, criteria.keep, fraction)))
    if criteria.half is not None:
        for line in table.half_sets.notes:
            _LOG.warning("%s: %s", table.source, line)
        found.append((wording.half_set(criteria.half), table.halves == criteria.half))
    if criteria.no_junk:
        if JUNK not in star:
            _LOG.warning("%s: %s", table.source, wording.NO_JUNK)
        found.append((wording.no_junk(), ~_is_junk(table, star)))
    return found


def _of_composition(table: ParticleTable, star: StarTable, criteria: Criteria,
                    ) -> list[tuple[str, NDArray[np.bool_]]]:
    """Conditions on blocks and states."""
    if STATE not in star:
        raise InputError(f"{table.source}: no column {STATE}; --present, --absent and --state expect particles.star of "
                         "gmmhet composition, with a block in it")
    found: list[tuple[str, NDArray[np.bool_]]] = []
    for number in (*criteria.present, *criteria.absent):
        if f"{BLOCK}{number}" not in star:
            raise InputError(f"{table.source}: no column {BLOCK}{number}; expected the number of a block that is there")
        probability, here = star.floats(f"{BLOCK}{number}"), number in criteria.present
        words = wording.with_blocks((number,) if here else (), () if here else (number,), criteria.sure)[0]
        found.append((words, (probability if here else 1 - probability) >= criteria.sure))
    if criteria.states:
        numbers = star.integers(STATE)
        absent = [s for s in criteria.states if not np.any(numbers == s)]
        if absent:
            raise InputError(f"{table.source}: no particle in state {absent[0]}; there are "
                             f"{', '.join(str(s) for s in np.unique(numbers)[:20])}")
        found.append((wording.in_states(criteria.states), np.isin(numbers, criteria.states)))
    return found


def _count_modes(table: ParticleTable, star: StarTable) -> int:
    count = 0
    while f"gmmhetLatent{count + 1}" in star:
        count += 1
    if count == 0:
        raise InputError(f"{table.source}: no column gmmhetLatent1; expected particles with coordinates")
    return count


def _mode_column(table: ParticleTable, star: StarTable, prefix: str, mode: int) -> NDArray[np.float64]:
    known = _count_modes(table, star)
    if mode > known:
        raise InputError(f"--mode is {mode}; {table.source} has {known} mode(s)")
    return star.floats(f"{prefix}{mode}")


def _likely(table: ParticleTable, star: StarTable, keep: str, fraction: float) -> NDArray[np.bool_]:
    """The best or worst fraction of all particles, junk being the worst; those of equal likelihood in the order of the
    file."""
    values = star.floats("gmmhetLogLikelihood")
    if not np.any(values != values[0]) and len(values) > 1:
        raise InputError(f"{table.source}: gmmhetLogLikelihood is {values[0]:g} for every particle; expected that of "
                         "the likelihood method")
    junk = _is_junk(table, star)
    order = np.lexsort((-values, junk) if keep == "best" else (values, ~junk))
    mask = np.zeros(len(values), bool)
    mask[order[:max(1, round(fraction * len(values)))]] = True
    return mask


def _is_junk(table: ParticleTable, star: StarTable) -> NDArray[np.bool_]:
    """What the analysis took for junk: nothing, where it found none."""
    return star.floats(JUNK) > MORE_PROBABLY if JUNK in star else np.zeros(len(table), bool)


def refined_poses(table: ParticleTable, rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Refined angles [m, 3] (degrees) and origins [m, 2] (Angstrom) of some rows.

    Raises:
        InputError: the analysis refined none.
    """
    star = table.tables[table.particle_block]
    for name in (*_REFINED_ANGLES, *_REFINED_ORIGINS):
        if name not in star:
            raise InputError(f"{table.source}: no column {name}; expected an analysis that refined the poses")
    angles, origins = (np.stack([star.floats(c)[rows] for c in names], axis=1)
                       for names in (_REFINED_ANGLES, _REFINED_ORIGINS))
    return angles, origins
