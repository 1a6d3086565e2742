"""A search on as many particles as it needs, whose modes are then finished on all."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.analysis.all_particles import decided, finished
from gmmhet.engine.analysis.curved_motions import Curved
from gmmhet.engine.analysis.large_motions import Followed
from gmmhet.engine.analysis.preparation import Prepared
from gmmhet.engine.analysis.search_sample import of_some, search_rows
from gmmhet.engine.config import AnalyzeConfig
from gmmhet.engine.runtime.checkpoint import Journal
from gmmhet.engine.subspace.mode_selection import FoundModes
from gmmhet.engine.wording import analysis as wording

__all__ = ["Sought", "on_as_many_as_needed"]

_LOG = logging.getLogger("gmmhet")


@dataclass(frozen=True)
class Sought:
    """Results of a search: the particles that it was made on, its journal, the modes about the average, and those along
    large movements and along curves, if these explain held-out particles better."""

    prepared: Prepared
    journal: Journal
    found: FoundModes
    large: Followed | None = None
    curved: Curved | None = None

    @property
    def halves(self) -> NDArray[np.int64]:
        """Of the particles that it was made on."""
        return self.prepared.cache.table.halves

    @property
    def last(self) -> FoundModes:
        """The modes that are kept."""
        taken = self.curved or self.large
        return self.found if taken is None else taken.found


def on_as_many_as_needed(prepared: Prepared, config: AnalyzeConfig, journal: Journal, directions: int,
                         seek: Callable[[Prepared, Journal, float], Sought]) -> tuple[Sought, FoundModes]:
    """A search, and its modes finished on all particles that are prepared.

    Args:
        directions: among which modes are sought, over the number of copies of a unit in a particle.
        seek: a search on particles that are a share of all.
    """
    table = prepared.cache.table
    rows = search_rows(table, config.search_particles, directions, config.seed)
    while not rows.all:
        _LOG.info("%s", wording.searched_on(rows.number, len(table), directions, asked=bool(config.search_particles)))
        some = seek(of_some(prepared, rows.rows), journal.section(f"of {rows.number} particles"),
                    rows.number / len(table))
        final = finished(some.last, prepared.cache, rows.rows, some.journal)
        if config.modes or config.search_particles or decided(final, rows.number, table.halves, some.journal):
            return some, final
        rows = rows.more()
    every = seek(prepared, journal, 1.0)
    return every, every.last
