"""Which particles modes are searched on: so many as tell, spread over half-sets, optics groups and views.

A direction learnt from n images among R, along which an image tells I of a coordinate of unit variance, has a squared
cosine q with the true one (analysis.expected_gain):

    q = (1 - R / (n I^2)) / (1 + R / (n I)),    n = R (1 / I^2 + q / I) / (1 - q).

So many of each half-set are taken first. Particles are in an order of which every beginning is such a sample: those of
a half-set and optics group are laid along a line through their views (an image from behind tells the same), and taken
at places that halve the gaps between those before (van der Corput 1935), begun by chance. A larger sample holds the
smaller one.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.analysis.preparation import Prepared
from gmmhet.engine.analysis.settings import SEARCH_SAMPLE
from gmmhet.engine.config import FEWEST_PARTICLES
from gmmhet.engine.errors import InputError
from gmmhet.engine.imaging.particle_cache import ParticleCache
from gmmhet.engine.io import ParticleTable

__all__ = ["SearchRows", "expected_share", "first_number", "of_some", "sample_order", "search_rows"]

Array = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class SearchRows:
    """Particles of a search.

    Attributes:
        order: [n] rows of all particles, of which every beginning is a sample. number: of those that are searched on.
    """

    order: Rows
    number: int

    @property
    def all(self) -> bool:
        """Whether these are all particles."""
        return self.number >= len(self.order)

    @property
    def rows(self) -> Rows:
        """Ascending."""
        return np.sort(self.order[:self.number])

    def more(self) -> "SearchRows":
        """Twice as many; all, where few would be left."""
        twice = SEARCH_SAMPLE.more * self.number
        return SearchRows(self.order, len(self.order) if twice > SEARCH_SAMPLE.most * len(self.order) else twice)


def search_rows(table: ParticleTable, asked: int | None, directions: int, seed: int) -> SearchRows:
    """Particles that a search begins with.

    Args:
        asked: a number; 0: all; None: so many as first_number says, where that is a minor part of all.
        directions: R, among which modes are sought.
    Raises:
        InputError: too few are asked for.
    """
    n = len(table)
    least = int(np.minimum(np.bincount(_strata(table)), SEARCH_SAMPLE.of_group).sum())
    number = max(_first(n, asked, directions), least)
    if number >= n or (asked is None and number > SEARCH_SAMPLE.most * n):
        return SearchRows(np.arange(n), n)
    return SearchRows(sample_order(table, seed), number)


def expected_share(n: int, asked: int | None, directions: int) -> float:
    """Of n particles, those that a search begins with; see search_rows."""
    number = _first(n, asked, directions)
    return 1.0 if number >= n or (asked is None and number > SEARCH_SAMPLE.most * n) else number / n


def _first(n: int, asked: int | None, directions: int) -> int:
    if 0 < (asked or 0) < FEWEST_PARTICLES:
        raise InputError(f"--search-particles is {asked}; expected at least {FEWEST_PARTICLES}, auto or all: with "
                         "fewer, a motion cannot be told from noise")
    return first_number(directions) if asked is None else asked or n


def first_number(directions: int) -> int:
    """Particles of both half-sets that find a motion of the information of the settings among R directions."""
    information, cosine = SEARCH_SAMPLE.information, SEARCH_SAMPLE.cosine
    each = directions * (1 / information**2 + cosine / information) / (1 - cosine)
    return max(SEARCH_SAMPLE.fewest, int(np.ceil(2 * each)))


def sample_order(table: ParticleTable, seed: int) -> Rows:
    """[n] rows of a table, every beginning of which is spread over its half-sets, optics groups and views.

    First come some of every half-set and optics group, so that the noise of each can be told.
    """
    rng = np.random.default_rng([SEARCH_SAMPLE.seed, seed])
    groups = _strata(table)
    key, first = np.empty(len(table)), np.zeros(len(table), bool)
    views = table.rotations[:, 2]
    for group in range(groups.max() + 1):
        rows = np.flatnonzero(groups == group)
        rows = rows[rng.permutation(len(rows))]
        rows = rows[np.lexsort(_along_views(views[rows]))]
        key[rows] = (_van_der_corput(len(rows)) + rng.random()) % 1.0
        first[rows[np.argsort(key[rows], kind="stable")[:SEARCH_SAMPLE.of_group]]] = True
    return np.asarray(np.lexsort((np.arange(len(table)), key, ~first)), np.int64)


def _strata(table: ParticleTable) -> Rows:
    """[n] number of the half-set and optics group of each particle."""
    pairs = np.column_stack([table.halves, table.optics_index])
    return np.asarray(np.unique(pairs, axis=0, return_inverse=True)[1].ravel(), np.int64)


def _along_views(views: Array) -> tuple[Array, Array]:
    """Keys, the last one first, of a line through directions [n, 3] of a hemisphere: there and back in bands of equal
    area."""
    folded = views * np.where(views[:, 2:] < 0, -1.0, 1.0)
    band = np.minimum(np.floor(SEARCH_SAMPLE.bands * folded[:, 2]), SEARCH_SAMPLE.bands - 1)
    angle = np.arctan2(folded[:, 1], folded[:, 0])
    return np.where(band % 2 == 0, angle, -angle), band


def _van_der_corput(count: int) -> Array:
    """[count] for every place on a line the rank, in [0, 1), at which it is taken: the bits of the place reversed."""
    place, out, size = np.arange(count), np.zeros(count), 0.5
    while (place > 0).any():
        out += size * (place & 1)
        place, size = place >> 1, size / 2
    return out


def of_some(prepared: Prepared, rows: Rows) -> Prepared:
    """What is prepared, of some of the particles; each stays in its half-set."""
    cache = prepared.cache
    some = dataclasses.replace(cache.table.some(rows), half_set=cache.table.halves[rows])
    chosen = rows if cache.chosen is None else cache.chosen[rows]
    return dataclasses.replace(prepared, cache=ParticleCache(cache.records, cache.grid, some, chosen))
