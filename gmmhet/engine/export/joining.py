"""Rows of the results and rows of the original particle file."""

from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.io import ParticleTable

__all__ = ["original_rows"]

_ID = "gmmhetParticleId"


def original_rows(results: ParticleTable, original: ParticleTable) -> NDArray[np.int64]:
    """[n] the row (from 0) of the original file that each row of the results came from.

    By position where both have the same images in the same order (stacks may have been renamed on the way, but one to
    one); else by the row number that the results carry; else by name and number of the image.

    Raises:
        InputError: images that the original file does not have, or that cannot be told apart.
    """
    rows = np.arange(len(results))
    if len(results) == len(original) and _same_images(results, original, rows):
        return rows
    star = results.tables[results.particle_block]
    if _ID in star:
        rows = star.integers(_ID) - 1
        if rows.min() >= 0 and rows.max() < len(original) and _same_images(results, original, rows):
            return rows
    return _by_name(results, original)


def _same_images(results: ParticleTable, original: ParticleTable, rows: NDArray[np.int64]) -> bool:
    """Whether the rows show the same numbers in stacks that correspond one to one."""
    if not np.array_equal(results.slice_index, original.slice_index[rows]):
        return False
    pairs = np.unique(np.stack([results.stack_index, original.stack_index[rows]], axis=1), axis=0)
    return all(len(np.unique(side)) == len(side) for side in pairs.T)


def _by_name(results: ParticleTable, original: ParticleTable) -> NDArray[np.int64]:
    ours, theirs = _stems(results), _stems(original)
    known: dict[tuple[str, int], list[int]] = {}
    for row, (stack, image) in enumerate(zip(original.stack_index, original.slice_index, strict=True)):
        known.setdefault((theirs[stack], int(image)), []).append(row)
    used: dict[tuple[str, int], int] = {}
    out = np.empty(len(results), np.int64)
    for row, (stack, image) in enumerate(zip(results.stack_index, results.slice_index, strict=True)):
        key = (ours[stack], int(image))
        place = used.get(key, 0)
        if key not in known:
            raise InputError(f"{original.source}: no particle for image {image + 1} of {results.stacks[stack]} (row "
                             f"{row + 1} of {results.source}); expected the particles that were analysed")
        if place >= len(known[key]):
            raise InputError(f"{original.source}: {len(known[key])} row(s) for image {image + 1} of "
                             f"{results.stacks[stack]}, {results.source} has more; expected the particles that were "
                             "analysed")
        out[row] = known[key][place]
        used[key] = place + 1
    partly = next((key for key, count in used.items() if count != len(known[key])), None)
    if partly is not None:
        raise InputError(f"{original.source}: {len(known[partly])} rows for image {partly[1] + 1} of {partly[0]}, "
                         f"{results.source} has {used[partly]}; rows of one image cannot be told apart")
    return out


def _stems(table: ParticleTable) -> list[str]:
    """Names of the stacks without folders and suffix.

    Raises:
        InputError: two stacks of one name.
    """
    stems = [PurePath(p).name.rpartition(".")[0] or PurePath(p).name for p in table.stacks]
    twice = next((s for s in stems if stems.count(s) > 1), None) if len(set(stems)) < len(stems) else None
    if twice is not None:
        raise InputError(f"{table.source}: two stacks are named {twice}; expected the file that was analysed, row for "
                         "row, or stacks of different names")
    return stems
