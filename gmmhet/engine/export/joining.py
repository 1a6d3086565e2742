"""Rows of the results and rows of the original particle file."""

import os
from itertools import takewhile
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.io import ParticleTable, folders_above

__all__ = ["original_rows"]

_ID = "gmmhetParticleId"


def original_rows(results: ParticleTable, original: ParticleTable) -> NDArray[np.int64]:
    """[n] the row (from 0) of the original file that each row of the results came from.

    Stacks correspond by their full names where both files have them. Rows then correspond by position where both files
    have the same images in the same order (stacks without a common full name may have been renamed, one to one); else
    by the row number that the results carry; else by the image, its stack being the one whose name agrees for longest.

    Raises:
        InputError: images that the original file does not have, or that cannot be told apart.
    """
    rows = np.arange(len(results))
    named = _by_full_name(results, original)
    if len(results) == len(original) and _same_images(results, original, rows, named):
        return rows
    star = results.tables[results.particle_block]
    if _ID in star:
        rows = star.integers(_ID) - 1
        if rows.min() >= 0 and rows.max() < len(original) and _same_images(results, original, rows, named):
            return rows
    return _by_image(results, original, named)


def _by_full_name(results: ParticleTable, original: ParticleTable) -> dict[int, int]:
    """Stacks of the results with a stack of the same name, or of the same file on disk, in the original."""
    found: dict[int, int] = {}
    for spelled in (_names, _files):
        known = {name: i for i, name in reversed(list(enumerate(spelled(original))))}
        for i, name in enumerate(spelled(results)):
            if name in known:
                found.setdefault(i, known[name])
    return found


def _names(table: ParticleTable) -> list[str]:
    return [os.path.normpath(path) for path in table.stacks]


def _files(table: ParticleTable) -> list[str]:
    """Absolute names, as seen from the first of the folders above the file in which a stack is."""
    folders = folders_above(table.source)
    out = []
    for path in table.stacks:
        there = next((folder / path for folder in folders if (folder / path).exists()), folders[0] / path)
        out.append(os.path.realpath(there))
    return out


def _same_images(results: ParticleTable, original: ParticleTable, rows: NDArray[np.int64], named: dict[int, int],
                 ) -> bool:
    """Whether the rows show the same numbers in stacks that correspond one to one, and by name where they can."""
    if not np.array_equal(results.slice_index, original.slice_index[rows]):
        return False
    pairs = np.unique(np.stack([results.stack_index, original.stack_index[rows]], axis=1), axis=0)
    if any(named.get(int(ours), int(theirs)) != theirs for ours, theirs in pairs):
        return False
    return all(len(np.unique(side)) == len(side) for side in pairs.T)


def _by_image(results: ParticleTable, original: ParticleTable, named: dict[int, int]) -> NDArray[np.int64]:
    stacks = _corresponding(results, original, named)
    known: dict[tuple[int, int], list[int]] = {}
    for row, (stack, image) in enumerate(zip(original.stack_index, original.slice_index, strict=True)):
        known.setdefault((int(stack), int(image)), []).append(row)
    used: dict[tuple[int, int], int] = {}
    out = np.empty(len(results), np.int64)
    for row, (stack, image) in enumerate(zip(results.stack_index, results.slice_index, strict=True)):
        key = (stacks.get(int(stack), -1), int(image))
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
        raise InputError(f"{original.source}: {len(known[partly])} rows for image {partly[1] + 1} of "
                         f"{original.stacks[partly[0]]}, {results.source} has {used[partly]}; rows of one image cannot "
                         "be told apart")
    return out


def _corresponding(results: ParticleTable, original: ParticleTable, named: dict[int, int]) -> dict[int, int]:
    """Stack of the original for each of the results: of the same full name, or of one stem and the longest common end.

    Raises:
        InputError: two stacks of the original agree equally well.
    """
    alike: dict[str, list[int]] = {}
    for i, path in enumerate(original.stacks):
        alike.setdefault(_parts(path)[0], []).append(i)
    out = dict(named)
    for i, path in enumerate(results.stacks):
        ours = _parts(path)
        candidates = [] if i in out else alike.get(ours[0], [])
        if not candidates:
            continue
        lengths = [_agreement(ours, _parts(original.stacks[c])) for c in candidates]
        if lengths.count(max(lengths)) > 1:
            raise InputError(f"{original.source}: two stacks are named {ours[0]}, and neither's folder is that of "
                             f"{path} in {results.source}; expected the file that was analysed, row for row, or stacks "
                             "of different names")
        out[i] = candidates[lengths.index(max(lengths))]
    if len(set(out.values())) < len(out):
        twice = next(c for c in out.values() if list(out.values()).count(c) > 1)
        raise InputError(f"{results.source}: two stacks can be {original.stacks[twice]} of {original.source}; expected "
                         "the file that was analysed, row for row, or stacks of different names")
    return out


def _parts(path: PurePath) -> tuple[str, ...]:
    """Stem and folders of a name, innermost first."""
    stem = path.name.rpartition(".")[0] or path.name
    return (stem, *(p for p in reversed(path.parts[:-1]) if p not in ("..", ".", "/")))


def _agreement(ours: tuple[str, ...], theirs: tuple[str, ...]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(ours, theirs, strict=False)))
