"""Columns of the table of particles that points can be coloured by."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.io import read_star
from gmmhet.engine.io.star import StarTable
from gmmhet.engine.io.texts import TextColumn
from gmmhet.engine.view.result import ResultFolder
from gmmhet.engine.view.settings import VIEW
from gmmhet.engine.wording import view as wording

__all__ = ["Column", "Columns"]

_CLASSES = "rlnClassNumber"
_NEVER = ("rlnImageName",)  # another one for every particle


@dataclass(frozen=True)
class Column:
    """Values of the particles.

    Attributes:
        values: [n] float32; of categories, the number of the category, from 0. categories: their names, else None.
    """

    name: str
    values: NDArray[np.float32]
    categories: tuple[str, ...] | None

    def about(self) -> dict[str, Any]:
        """What a page has to know beside the values: name, label, categories, low and high."""
        known = self.values[np.isfinite(self.values)]
        low, high = np.percentile(known, (1, 99)) if len(known) else (0.0, 1.0)
        return {"name": self.name, "label": wording.column_label(self.name), "categories": self.categories,
                "low": float(low), "high": float(high if high > low else low + 1)}


class Columns:
    """Columns of a result: those of its table, and the classes of its maps."""

    def __init__(self, result: ResultFolder) -> None:
        self._result = result

    @cached_property
    def names(self) -> list[str]:
        """Columns that differ between particles, those of the analysis first."""
        star = self._star
        found = [name for name in star.columns if name not in _NEVER and _differs(star, name)]
        if self._classes is not None:
            found.append(_CLASSES)
        return sorted(dict.fromkeys(found), key=lambda name: not name.startswith("gmmhet"))

    def listed(self) -> list[dict[str, str]]:
        """Name and label of every column."""
        return [{"name": name, "label": wording.column_label(name)} for name in self.names]

    def column(self, name: str) -> Column:
        """Raises InputError: no such column."""
        if name not in self.names:
            raise InputError(f"{name[:80]!r} is no column of {self._result.table.name}")
        star = self._classes if name == _CLASSES and self._classes is not None else self._star
        numbers = star.numbers(name)
        if np.isfinite(numbers).mean() < 0.5:
            return _of_texts(name, star)
        values = np.unique(numbers[np.isfinite(numbers)])
        if len(values) <= VIEW.most_categories and np.array_equal(values, np.round(values)):
            index = np.searchsorted(values, np.nan_to_num(numbers, nan=values[0]))
            return Column(name, index.astype(np.float32), tuple(f"{v:g}" for v in values))
        return Column(name, numbers.astype(np.float32), None)

    @property
    def _star(self) -> StarTable:
        return self._result.rows.tables[self._result.rows.particle_block]

    @cached_property
    def _classes(self) -> StarTable | None:
        """classes.star of the maps beside the analysis, where it has the same rows."""
        path = self._result.root / "maps" / "classes.star"
        if not path.is_file() or _CLASSES in self._star.columns:
            return None
        tables = read_star(path)
        found = next((t for t in tables.values() if _CLASSES in t), None)
        return found if found is not None and len(found) == len(self._result.rows) else None


def _differs(star: StarTable, name: str) -> bool:
    texts = star.columns[name]
    if isinstance(texts, TextColumn):
        return bool((texts.bytes != texts.bytes[:1]).any())
    return any(text != texts[0] for text in texts)


def _of_texts(name: str, star: StarTable) -> Column:
    """Texts in alphabetic order; where there are more than can have colours, by their place in this order alone."""
    texts = star.columns[name]
    known, index = np.unique(texts.bytes if isinstance(texts, TextColumn) else np.array(texts), return_inverse=True)
    values = index.reshape(-1).astype(np.float32)
    if len(known) > VIEW.most_categories:
        return Column(name, values, None)
    return Column(name, values, tuple(k.decode("utf-8", "replace") if isinstance(k, bytes) else str(k) for k in known))
