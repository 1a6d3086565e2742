"""What a long computation has found so far, on disk: finished pieces, and the state of the unfinished one.

A journal is a folder with one file a page. A page is written under another name and renamed, so that a process that is
killed leaves the old page or the new one. Floats are kept exactly: what goes on from a page ends where it would have.
"""

import copy
import dataclasses
import json
import logging
import re
import shutil
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from gmmhet import __version__
from gmmhet.engine.io import output_folder, replacing, write_arrays

__all__ = ["NO_JOURNAL", "Journal", "Page"]

_LOG = logging.getLogger("gmmhet")
_T = TypeVar("_T")
_FORMAT = 1


class Journal:
    """Pages of one computation.

    Args:
        folder: of the pages; None: nothing is kept. inputs: all that the pages depend on, as JSON.
        kinds: dataclasses that pages may hold.
        resume: believe the pages that are there, if they were written by this version from the same inputs.
    """

    def __init__(self, folder: Path | None, inputs: Any = None, kinds: Sequence[type] = (), *, resume: bool = False,
                 ) -> None:
        self.folder = folder
        self._section = ""
        self.kinds = {kind.__name__: kind for kind in kinds}
        if folder is None:
            return
        text = json.dumps({"format": _FORMAT, "version": __version__, "inputs": inputs}, sort_keys=True)
        stamp = folder / "journal.json"
        if resume and stamp.is_file() and stamp.read_text(encoding="utf-8", errors="replace") == text:
            _LOG.info("going on from what is kept in %s", folder)
            return
        self.remove()
        output_folder(folder)
        with replacing(stamp) as temporary:
            temporary.write_text(text, encoding="utf-8")

    def page(self, name: str) -> "Page":
        """The page of a name, be it written or not."""
        return Page(self, f"{self._section}{name}")

    def section(self, name: str) -> "Journal":
        """The same journal for a part of the computation that repeats another: its pages have names of their own."""
        other = copy.copy(self)
        other._section = f"{self._section}{name}, "
        return other

    def remove(self) -> None:
        """Forget everything."""
        if self.folder is not None and self.folder.is_dir():
            (self.folder / "journal.json").unlink(missing_ok=True)  # first: half a journal is none
            shutil.rmtree(self.folder)


@dataclasses.dataclass(frozen=True)
class Page:
    """One named place of a journal. Holds numbers, words, arrays, the journal's kinds, and lists, tuples, dicts of
    such."""

    journal: Journal
    name: str

    @property
    def path(self) -> Path | None:
        if self.journal.folder is None:
            return None
        return self.journal.folder / (re.sub(r"[^a-z0-9]+", "_", self.name.lower()) + ".npz")

    def read(self) -> Any:
        """What was written last; None for nothing, or nothing that can be read."""
        if self.path is None or not self.path.is_file():
            return None
        try:
            with np.load(self.path, allow_pickle=False) as data:
                return _unpacked(json.loads(str(data["tree"])), data, self.journal.kinds)
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile,
                RuntimeError, MemoryError) as error:  # the last two: of a compression, a key, a size nobody wrote
            _LOG.warning("%s: damaged (%s); this part is done again", self.path, error)
            return None

    def write(self, value: Any) -> None:
        """Put a value in the place of the one before.

        Raises:
            InputError: the folder cannot be written, or is full.
        """
        if self.path is None:
            return
        arrays: list[Any] = []
        tree = json.dumps(_packed(value, arrays))
        write_arrays(self.path, tree=tree, **{f"a{i}": a for i, a in enumerate(arrays)})

    def once(self, make: Callable[[], _T]) -> _T:
        """The value, made and written if it is not there."""
        found: _T | None = self.read()
        if found is None:
            found = make()
            self.write(found)
        return found


def _packed(value: Any, arrays: list[Any]) -> Any:
    """A value as JSON, its arrays put aside."""
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if dataclasses.is_dataclass(value):
        fields = {f.name: _packed(getattr(value, f.name), arrays) for f in dataclasses.fields(value)}
        return {"kind": type(value).__name__, "fields": fields}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [_packed(v, arrays) for v in value]}
    if isinstance(value, dict):
        return {"dict": [[k, _packed(v, arrays)] for k, v in value.items()]}
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{type(value).__name__} cannot be kept")


def _unpacked(tree: Any, data: Any, kinds: dict[str, type]) -> Any:
    if not isinstance(tree, dict):
        return tree
    if "array" in tree:
        return data[f"a{tree['array']}"]
    if "kind" in tree:
        return kinds[tree["kind"]](**{k: _unpacked(v, data, kinds) for k, v in tree["fields"].items()})
    if "dict" in tree:
        return {k: _unpacked(v, data, kinds) for k, v in tree["dict"]}
    parts = [_unpacked(v, data, kinds) for v in tree["list" if "list" in tree else "tuple"]]
    return parts if "list" in tree else tuple(parts)


#: keeps nothing
NO_JOURNAL = Journal(None)
