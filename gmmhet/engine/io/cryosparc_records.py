"""Files of cryoSPARC (.cs) as structured arrays: read, joined by uid, written."""

import ast
import logging
import os
import struct
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.io.safe_writing import replacing

__all__ = ["read_records", "with_fields", "write_records"]

_LOG = logging.getLogger("gmmhet")
_UID = "uid"
_COMPARED = ("alignments", "blob/", "ctf/")  # groups of fields that are used
_ROUNDING = 1e-5  # of single precision, written and read again
_LONGEST_HEADER = 1 << 20
_UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, SyntaxError, EOFError, OSError, struct.error,
               MemoryError, RecursionError, OverflowError)


def read_records(source: Path, passthrough: Sequence[Path] = ()) -> tuple[NDArray[np.void], dict[str, Path]]:
    """Rows of a .cs file with the fields of further ones, and the file that each field is from.

    A field that several files have is that of the first of them; where their values differ, a warning says so.

    Raises:
        InputError: no such file, another format, no rows, or a particle that a passthrough file does not have.
    """
    records = _load(source)
    if len(records) == 0:
        raise InputError(f"{source}: no particles; expected at least one row")
    origin = dict.fromkeys(records.dtype.names or (), source)
    for other in passthrough:
        records = _joined(records, _load(other), origin, source, other)
    return records, origin


def _load(path: Path) -> NDArray[np.void]:
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a .cs file of cryoSPARC")
    with open(path, "rb") as handle:
        if handle.read(6) == b"\x94CSDAT":
            raise InputError(f"{path}: compressed in cryoSPARC's own way (CSDAT); expected NumPy's format, as "
                             "cryoSPARC exports it")
    try:
        with open(path, "rb") as handle:
            kind, shape = _header(handle)
            if len(shape) != 1 or not kind.names or kind.hasobject or kind.itemsize == 0:
                raise InputError(f"{path}: not a .cs file; expected one row with named fields for each particle")
            here, needed = path.stat().st_size - handle.tell(), shape[0] * kind.itemsize
            if here < needed:
                raise InputError(f"{path}: cut short: {here} bytes of rows; expected {needed} for {shape[0]} particles")
            found: NDArray[np.void] = np.fromfile(handle, kind, shape[0])
    except _UNREADABLE as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: not a readable .cs file ({reason[:200]})") from None
    return found


def _header(handle: BinaryIO) -> tuple[np.dtype[np.void], tuple[int, ...]]:
    """Kind of the rows and shape; NumPy's own reading refuses the long headers that files with many fields have."""
    version: tuple[int, int] = npy.read_magic(handle)  # type: ignore[no-untyped-call]
    length = struct.unpack("<H" if version[0] == 1 else "<I", handle.read(2 if version[0] == 1 else 4))[0]
    if length > _LONGEST_HEADER:
        raise ValueError(f"header of {length} bytes")
    told = ast.literal_eval(handle.read(length).decode("utf-8" if version[0] == 3 else "latin1"))
    shape = tuple(told["shape"])
    if not all(isinstance(n, int) and n >= 0 for n in shape):
        raise ValueError(f"shape {shape}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of outdated ways to write a kind, of which the user knows nothing
        kind: np.dtype[np.void] = npy.descr_to_dtype(told["descr"])  # type: ignore[no-untyped-call]
    return kind, shape


def _joined(records: NDArray[np.void], other: NDArray[np.void], origin: dict[str, Path], source: Path, path: Path,
            ) -> NDArray[np.void]:
    """The first array's rows with the fields that only the second has, which are added to ``origin``."""
    for names, file in ((records.dtype.names, source), (other.dtype.names, path)):
        if _UID not in (names or ()):
            raise InputError(f"{file}: no field uid; expected one, by which files are joined")
    order = np.argsort(other[_UID], kind="stable")
    sorted_uids = other[_UID][order]
    place = np.minimum(np.searchsorted(sorted_uids, records[_UID]), max(len(sorted_uids) - 1, 0))
    missing = np.flatnonzero(sorted_uids[place] != records[_UID]) if len(other) else np.arange(len(records))
    if len(missing):
        raise InputError(f"{path}: no row with uid {records[_UID][missing[0]]} (row {missing[0] + 1} of {source}); "
                         "expected all its particles")
    if len(np.unique(sorted_uids)) != len(sorted_uids):
        raise InputError(f"{path}: a uid stands twice; expected each particle once")
    present = set(records.dtype.names or ())
    rows = order[place]
    _name_differences(records, other[rows], origin, path)
    added = {n: other[n][rows] for n in other.dtype.names or () if n not in present}
    origin |= dict.fromkeys(added, path)
    return with_fields(records, added)


def _name_differences(records: NDArray[np.void], other: NDArray[np.void], origin: Mapping[str, Path], path: Path,
                      ) -> None:
    """Warn of fields whose values differ in a further file, and say whose are used."""
    differing: dict[Path, list[str]] = {}
    for name in other.dtype.names or ():
        if name in origin and name.startswith(_COMPARED) and not _equal(records[name], other[name]):
            differing.setdefault(origin[name], []).append(name)
    for used, names in differing.items():
        first = records[names[0]], other[names[0]]
        count = sum(not _equal(a, b) for a, b in zip(*first, strict=True))
        _LOG.warning("%s: %s differ%s from %s in %d of %d particles; the values of %s are used", path,
                     ", ".join(names), "s"[:len(names) == 1], used, count, len(records), used)


def _equal(one: Any, other: Any) -> bool:
    a, b = np.asarray(one), np.asarray(other)
    if a.shape != b.shape:
        return False
    if a.dtype.kind == "f" and b.dtype.kind in "fiu":
        return bool(np.allclose(a, b, rtol=_ROUNDING, atol=_ROUNDING, equal_nan=True))
    return bool(np.array_equal(a, b))


def with_fields(records: NDArray[np.void], added: Mapping[str, NDArray[Any]]) -> NDArray[np.void]:
    """Records with further fields (or new values for their own), each [n] or [n, width]; the others bit for bit."""
    names = records.dtype.names or ()
    kinds: list[Any] = [(n, records.dtype[n]) for n in names]
    kinds += [(n, a.dtype, a.shape[1:]) for n, a in added.items() if n not in names]
    out = np.empty(len(records), np.dtype(kinds))
    for name in [*names, *(n for n in added if n not in names)]:
        out[name] = added[name] if name in added else records[name]
    return out


def write_records(path: str | os.PathLike[str], records: NDArray[np.void]) -> None:
    """Write a .cs file; it appears only when whole."""
    with replacing(path) as temporary, open(temporary, "wb") as out:
        npy.write_array(out, records, allow_pickle=False)  # type: ignore[no-untyped-call]
