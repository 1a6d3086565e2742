"""Half-sets of particles: one for every image, and both large enough to be compared."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from gmmhet.engine.io.settings import HALF_SETS
from gmmhet.engine.wording.check_input import half_set_notes

__all__ = ["HalfSets", "distinct_images", "half_sets"]

Index = NDArray[np.int64]


@dataclass(frozen=True)
class HalfSets:
    """Half-sets as every stage uses them.

    Attributes:
        halves: [n] 1 or 2. given: rows of half-set 1 and 2 in the file; 0 and 0: the file names none.
        n_images: different images. in_both: images whose rows are in both half-sets of the file.
        by_turns: whether every other image is taken as a half, since the file's half-sets cannot be compared.
    """

    halves: Index
    given: tuple[int, int]
    n_images: int
    in_both: int
    by_turns: bool

    @property
    def notes(self) -> list[str]:
        """Where these differ from the file's, one sentence each."""
        return half_set_notes(*self.given, in_both=self.in_both, by_turns=self.by_turns)


def half_sets(given: Index, image: Index) -> HalfSets:
    """Half-sets that all rows of an image share.

    The half of an image is that of its first row. Images without one, and all images where one half-set is below 20 %
    of them, are taken in turns.

    Args:
        given: [n] 1, 2, or 0 where the file names none. image: [n] which rows show one image, from 0.
    """
    counts = (int((given == 1).sum()), int((given == 2).sum()))
    turns = 1 + image % 2
    number, first, place = np.unique(image, return_index=True, return_inverse=True)
    own = np.where(given[first] > 0, given[first], turns[first])
    low, high = (np.full(len(number), v, np.int64) for v in (3, 0))
    np.minimum.at(low, place, np.where(given > 0, given, 3))
    np.maximum.at(high, place, given)
    in_both = int(((low == 1) & (high == 2)).sum())
    smaller = min((own == 1).sum(), (own == 2).sum())
    by_turns = sum(counts) > 0 and bool(smaller < HALF_SETS.smallest_share * len(own))
    return HalfSets(turns if by_turns else own[place], counts, len(number), in_both, by_turns)


def distinct_images(stacks: Sequence[Path], stack_index: Index, slice_index: Index, micrograph: Index,
                    coordinates: NDArray[np.float64] | None) -> Index:
    """[n] the image that every row shows, numbered from 0 by stack and number in it.

    One image: the same number of the same file, whatever it is called; or particles of one micrograph within half a
    pixel of each other, in whatever stack.

    Args:
        stacks: files; stack_index: [n] which. slice_index: [n] image in it. micrograph: [n] which; -1: unknown.
        coordinates: [n, 2] in pixels of the micrograph, NaN where they are not known; or None.
    """
    real = [os.path.realpath(path) for path in stacks]
    seen: dict[str, int] = {}
    canonical = np.array([seen.setdefault(name, i) for i, name in enumerate(real)], np.int64)
    key = canonical[stack_index] * (slice_index.max(initial=0) + 1) + slice_index
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    image: Index = inverse.reshape(-1).astype(np.int64)
    if coordinates is None:
        return image
    joined = _at_one_place(micrograph[first], coordinates[first])
    if joined is None:
        return image
    together: Index = np.unique(joined[image], return_inverse=True)[1].reshape(-1).astype(np.int64)
    return together


def _at_one_place(micrograph: Index, coordinates: NDArray[np.float64]) -> Index | None:
    """[m] for each image the first of those at its place; None where all are apart, or coordinates mean nothing."""
    known = np.flatnonzero((micrograph >= 0) & np.isfinite(coordinates).all(axis=1))
    if len(known) < 2 or not np.ptp(coordinates[known], axis=0).any():
        return None
    places = coordinates[known] - coordinates[known].min(axis=0)
    row = float(places.max()) + 10 * HALF_SETS.same_place  # micrographs side by side, none near another
    tree = cKDTree(np.stack([places[:, 0] + row * micrograph[known], places[:, 1]], axis=1))
    pairs = tree.query_pairs(HALF_SETS.same_place, output_type="ndarray")
    if len(pairs) == 0:
        return None
    m = len(micrograph)
    ones = np.ones(len(pairs), np.int8)
    _, group = connected_components(coo_matrix((ones, (known[pairs[:, 0]], known[pairs[:, 1]])), shape=(m, m)), False)
    smallest = np.full(int(group.max()) + 1, m, np.int64)
    np.minimum.at(smallest, group, np.arange(m))
    return np.asarray(smallest[group], np.int64)
