"""Rows of memory-mapped arrays, without keeping in this process's memory what was read of the file."""

import mmap
from typing import Any

import numpy as np

__all__ = ["rows_of"]


def rows_of(array: Any, rows: Any) -> Any:
    """array[rows] as a copy.

    Of an array that maps a file, the pages that were read are given back: the system still has them and hands them out
    again at once, but a pass over a file no longer counts, page by page, as memory of this process, against which
    clusters hold their limits.

    Args:
        array: indexed by rows; mapped or not. rows: array of indices.
    """
    found = array[rows]
    mapping = _mapping(array)
    if mapping is not None and hasattr(mmap, "MADV_DONTNEED"):  # Linux and macOS have it
        mapping.madvise(mmap.MADV_DONTNEED)
    return found


def _mapping(array: Any) -> mmap.mmap | None:
    """What maps the file that an array (or that which it is a view of) shows, read only."""
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap) and array.mode != "r":
            return None  # a private copy would lose what was written to it
        array = array.base
    return array if isinstance(array, mmap.mmap) else None
