"""Image stacks of any format, and where they are."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.io.hdf import HdfStack
from gmmhet.engine.io.mrc import open_mrc_stack

__all__ = ["file_beside", "folders_above", "located_stacks", "open_stack", "resolve_stack"]

_SPIDER_STACK = 2.0
_FORMAT = re.compile(r":mrcs?$", re.IGNORECASE)


def open_stack(path: str | os.PathLike[str]) -> Any:
    """Images [n, y, x] of a stack, whatever its dtype: MRC (any suffix), EMAN2 .hdf, SPIDER and Xmipp .stk.

    Returns:
        a memory-mapped array, or for .hdf an object with shape that is indexed by arrays of image numbers.
    Raises:
        InputError: missing, truncated, or not a stack of images.
    """
    suffix = Path(path).suffix.lower()
    if suffix in (".hdf", ".h5", ".hdf5"):
        return HdfStack(path)
    if suffix in (".stk", ".spi"):
        found = _open_spider(Path(path))
        if found is not None:
            return found
    return open_mrc_stack(path)


def _open_spider(path: Path) -> NDArray[np.float32] | None:
    """A SPIDER stack of 2D images; None where it is none.

    The header holds float32 numbers (from 1): 2 rows, 5 kind, 12 columns, 22 its bytes, 24 stack, 26 images. It stands
    before the stack and before each image.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected an image stack")
    for order in "<>":
        header = np.fromfile(path, np.dtype(f"{order}f4"), 26)
        if len(header) < 26 or not np.isfinite(header).all():
            continue
        y, x, length, number = (int(header[i - 1]) for i in (2, 12, 22, 26))
        if header[4] != 1 or header[23] != _SPIDER_STACK or not (0 < x < 1 << 15 and 0 < y < 1 << 15 and length > 0):
            continue
        one = np.dtype([("header", np.void, length), ("image", f"{order}f4", (y, x))])
        if number < 1 or path.stat().st_size < length + number * one.itemsize:
            raise InputError(f"{path}: holds fewer bytes than its {number} images of {x} x {y} pixels need; "
                             "expected a whole file")
        return np.asarray(np.memmap(path, one, "r", length, number)["image"])
    return None


def located_stacks(names: Sequence[str], source: Path, root: str | os.PathLike[str] | None, look: bool,
                   ) -> tuple[Path, ...]:
    """Paths of stacks named in a file; only their names, below ``root``, where they are not looked for."""
    return tuple(resolve_stack(n, source, root) if look else Path(root or "") / n for n in names)


def folders_above(path: str | os.PathLike[str]) -> list[Path]:
    """The folder of a file and all above it: of the path as given, then of what it is a link to."""
    above: list[Path] = []
    for place in (Path(os.path.abspath(path)), Path(path).resolve()):
        above += [folder for folder in place.parents if folder not in above]
    return above


def file_beside(path: str | os.PathLike[str], name: str) -> Path:
    """A file of some name beside another: beside the path as given, or beside what it is a link to."""
    given = Path(path).with_name(name)
    target = Path(path).resolve().with_name(name)
    return given if given.exists() or not target.exists() else target


def resolve_stack(name: str, source: Path, root: str | os.PathLike[str] | None = None) -> Path:
    """Find a stack named in a file: absolute, relative to a project root, to the file, or to a folder above it.

    Where the file is a symbolic link, folders above the link are looked in, then those above its target.

    Raises:
        InputError: none of them exists.
    """
    folders = folders_above(source)
    for path in (p for given in _readings(name) for p in _candidates(given, folders, root)):
        try:
            if path.is_file():
                return path
        except OSError:  # a name longer than the system allows
            continue
    raise InputError(f"{source}: image stack {name} not found; expected it relative to the file, to a folder above it, "
                     "or to --root")


def _readings(name: str) -> list[Path]:
    """A name as it is; without the format that RELION and Scipion put after it (a.st:mrcs); with slashes for the
    backslashes of Windows."""
    plain = _FORMAT.sub("", name)
    return [Path(n) for n in dict.fromkeys((name, plain, plain.replace("\\", "/")))]


def _candidates(given: Path, folders: Sequence[Path], root: str | os.PathLike[str] | None) -> list[Path]:
    if given.is_absolute():
        return [given]
    return [*([Path(root) / given] if root is not None else []), *(p / given for p in folders), given]
