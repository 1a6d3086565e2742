"""The header of an MRC file (MRC2014; Cheng et al. 2015) and where its data are: any byte order and axis order."""

import bz2
import gzip
import logging
import math
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError

__all__ = ["MrcHeader", "mapped_data", "read_header", "unpacked"]

_LOG = logging.getLogger("gmmhet")
_BYTES = 1024
_KINDS = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}
_COMPLEX = (3, 4)
_IMOD_STAMP, _IMOD_SIGNED = 1146047817, 1  # IMOD's bytes are signed where its flags say so, else not
_LARGEST = 1 << 20  # columns, rows or sections: more is the other byte order
_PACKED = {b"\x1f\x8b": "gzip", b"BZ": "bzip2"}


@dataclass(frozen=True)
class MrcHeader:
    """What the header of a file says.

    Attributes:
        path: the file. order: byte order, < or >. mode: of MRC2014. shape: sections, rows, columns, as stored.
        axes: which of x, y, z (1, 2, 3) the columns, rows and sections run along.
        voxel_size: along x, y, z, Angstrom; 0 where the header has none.
        origin, start: of the first voxel, as the header has them (Angstrom; voxels). extended: bytes after the header.
        signed: whether bytes (mode 0) are signed. space_group: 0 images, 1 a map, 401 and more a stack of maps.
    """

    path: Path
    order: str
    mode: int
    shape: tuple[int, int, int]
    axes: tuple[int, int, int]
    voxel_size: tuple[float, float, float]
    origin: tuple[float, float, float]
    start: tuple[int, int, int]
    extended: int
    signed: bool
    space_group: int

    @property
    def kind(self) -> np.dtype[np.generic]:
        """Of the stored values."""
        name = "u1" if self.mode == 0 and not self.signed else _KINDS[self.mode]
        return np.dtype(self.order + name)

    @property
    def length(self) -> int:
        """Bytes of the data."""
        return math.prod(self.shape) * self.kind.itemsize

    def along_axes(self, data: NDArray[np.generic]) -> NDArray[np.generic]:
        """Stored data [sections, rows, columns] as [z, y, x].

        Raises:
            InputError: the header names no order of the three axes.
        """
        if sorted(self.axes) != [1, 2, 3]:
            raise InputError(f"{self.path}: axis order {' '.join(map(str, self.axes))} in the header; expected 1, 2, 3 "
                             "in any order")
        stored = self.axes[::-1]
        return data.transpose([stored.index(axis) for axis in (3, 2, 1)])


def read_header(path: Path, head: bytes | None = None) -> MrcHeader:
    """Read a header.

    Args:
        head: first bytes of the file's content, where the file is packed.
    Raises:
        InputError: no such file, no MRC file, or contents that are no density or images.
    """
    if head is None:
        head = _first_bytes(path)
    if head[:2] in _PACKED:
        raise InputError(f"{path}: packed by {_PACKED[head[:2]]}; expected an unpacked image stack")
    if len(head) < _BYTES:
        raise InputError(f"{path}: not a readable MRC file, or truncated ({len(head)} bytes; expected a header of "
                         f"{_BYTES})")
    order = _byte_order(head)
    if order is None:
        size = np.frombuffer(head, "<i4", 4)
        raise InputError(f"{path}: not a readable MRC file (columns, rows, sections and mode would be "
                         f"{', '.join(str(v) for v in size)})")
    whole, real = np.frombuffer(head, f"{order}i4", 256), np.frombuffer(head, f"{order}f4", 256)
    mode = int(whole[3])
    if mode in _COMPLEX:
        raise InputError(f"{path}: holds complex numbers (a transform); expected real images or density")
    axes = tuple(int(v) for v in whole[16:19])
    if axes == (0, 0, 0):  # of programs that leave the field empty
        axes = (1, 2, 3)
    shape = (int(whole[2]), int(whole[1]), int(whole[0]))
    signed = int(whole[38]) != _IMOD_STAMP or bool(int(whole[39]) & _IMOD_SIGNED)
    return MrcHeader(path, order, mode, shape, (axes[0], axes[1], axes[2]), _voxel_size(whole, real, axes),
                     (float(real[49]), float(real[50]), float(real[51])),
                     (int(whole[4]), int(whole[5]), int(whole[6])), int(whole[23]), signed, int(whole[22]))


def _first_bytes(path: Path) -> bytes:
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected an MRC file")
    try:
        with open(path, "rb") as handle:
            return handle.read(_BYTES)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); expected an MRC file") from None


def _byte_order(head: bytes) -> str | None:
    """By what makes sense, since the machine stamp is often empty or wrong."""
    for order in "<>":
        values = np.frombuffer(head, f"{order}i4", 24)
        if (values[:3] > 0).all() and (values[:3] < _LARGEST).all() and int(values[3]) in (*_KINDS, *_COMPLEX):
            return order
    return None


def _voxel_size(whole: NDArray[np.int32], real: NDArray[np.float32], axes: tuple[int, ...],
                ) -> tuple[float, float, float]:
    """Lengths of the cell over its samples; x, y, z."""
    stored = {axis: int(n) for axis, n in zip(axes if sorted(axes) == [1, 2, 3] else (1, 2, 3), whole[:3], strict=True)}
    sizes = []
    for i in range(3):
        samples = int(whole[7 + i]) if whole[7 + i] > 0 else stored[i + 1]
        size = float(real[10 + i]) / samples
        sizes.append(size if np.isfinite(size) and size > 0 else 0.0)
    return sizes[0], sizes[1], sizes[2]


def mapped_data(header: MrcHeader) -> NDArray[np.generic]:
    """The data of a file as stored [sections, rows, columns], memory-mapped and read only.

    Raises:
        InputError: the file is shorter than its header says.
    """
    start = _start(header, header.path.stat().st_size)
    return np.memmap(header.path, header.kind, "r", start, header.shape)


def _start(header: MrcHeader, size: int) -> int:
    """First byte of the data."""
    if header.extended >= 0 and size >= _BYTES + header.extended + header.length:
        return _BYTES + header.extended
    if size == _BYTES + header.length:
        return _BYTES  # the length of the extended header is wrong
    raise InputError(f"{header.path}: truncated, {size:,} bytes; expected "
                     f"{_BYTES + max(header.extended, 0) + header.length:,} for {header.shape[2]} x {header.shape[1]} "
                     f"x {header.shape[0]} values of mode {header.mode}")


def unpacked(path: str | os.PathLike[str]) -> tuple[MrcHeader, NDArray[np.generic]]:
    """Header and data of a map as stored, from a file that may be packed by gzip or bzip2; warns of bytes left over.

    Raises:
        InputError: as :func:`read_header`, a file that is too short, or one that cannot be unpacked.
    """
    source = Path(path)
    first = _first_bytes(source)
    packed = _PACKED.get(first[:2])
    if packed is None:
        header = read_header(source, first)
        data, size = mapped_data(header), source.stat().st_size
    else:
        content = _content(source, packed)
        header, size = read_header(source, content[:_BYTES]), len(content)
        data = np.frombuffer(content, header.kind, math.prod(header.shape), _start(header, size)).reshape(header.shape)
    left = size - _start(header, size) - header.length
    if left > 0:
        _LOG.warning("%s: %s bytes more than its header says; they are not used", source, f"{left:,}")
    return header, data


def _content(path: Path, packed: str) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if packed == "gzip" else bz2.decompress(content)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise InputError(f"{path}: cannot be unpacked by {packed} ({error}); expected a whole file") from None
