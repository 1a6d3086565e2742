"""The normalised particle table: what every reader gives and everything else takes."""

import hashlib
import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.conventions import euler_to_matrix
from gmmhet.engine.ctf import ctf_coefficients
from gmmhet.engine.errors import InputError
from gmmhet.engine.io.mrc import open_stack
from gmmhet.engine.io.star import StarTable

__all__ = ["Optics", "ParticleTable", "check_images", "resolve_stack"]

_OPEN_STACKS = 64  # systems allow some thousand open files, and there can be a stack for every micrograph


@dataclass(frozen=True)
class Optics:
    """One optics group: voltage kV, spherical aberration mm, amplitude contrast fraction, pixel size Angstrom."""

    name: str
    voltage: float
    spherical_aberration: float
    amplitude_contrast: float
    pixel_size: float
    box: int


@dataclass(frozen=True)
class ParticleTable:
    """Refined particles; n rows in the order of the file.

    Attributes:
        source: the file they came from.
        ids: [n] the row in the file, from 1; particles are joined by it.
        stacks: image stack files; stack_index: [n] which; slice_index: [n] image in it, from 0.
        angles: [n, 3] rot, tilt, psi, degrees (RELION). origins: [n, 2] rlnOriginX/YAngst, Angstrom.
        defocus: [n, 4] U, V (Angstrom), angle (degrees), phase shift (degrees).
        optics: the optics groups; optics_index: [n] which.
        half_set: [n] 1 or 2, 0 when unknown. micrograph: [n] index of the micrograph, -1 when unknown.
        has_ctf: False when the file tells no defocus: the CTF is then 1.
        tables: the tables of the file, untouched, for writing back.
        located: whether the stacks were looked for and found; if not, their names are the file's.
    """

    source: Path
    ids: NDArray[np.int64]
    stacks: tuple[Path, ...]
    stack_index: NDArray[np.int64]
    slice_index: NDArray[np.int64]
    angles: NDArray[np.float64]
    origins: NDArray[np.float64]
    defocus: NDArray[np.float64]
    optics: tuple[Optics, ...]
    optics_index: NDArray[np.int64]
    half_set: NDArray[np.int64]
    micrograph: NDArray[np.int64]
    has_ctf: bool
    tables: dict[str, StarTable] = field(repr=False)
    particle_block: str = "particles"
    located: bool = True

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def box(self) -> int:
        return self._first_optics.box

    @property
    def pixel_size(self) -> float:
        return self._first_optics.pixel_size

    @property
    def _first_optics(self) -> Optics:
        """That of the first particle: files may list groups that no particle is in."""
        return self.optics[int(self.optics_index[0])]

    @cached_property
    def rotations(self) -> NDArray[np.float64]:
        """[n, 3, 3] A with x_view = A x_model."""
        return euler_to_matrix(self.angles)

    @cached_property
    def ctf_coefficients(self) -> NDArray[np.float64]:
        """[n, 5], see :mod:`gmmhet.engine.ctf`; C = 1 (phase pi/2) when there is no CTF."""
        if not self.has_ctf:
            return np.tile([0.0, 0.0, 0.0, 0.0, np.pi / 2], (len(self), 1))
        values = np.array([[o.voltage, o.spherical_aberration, o.amplitude_contrast] for o in self.optics])
        u, v, angle, shift = self.defocus.T
        return ctf_coefficients(u, v, angle, shift, *values[self.optics_index].T)

    @cached_property
    def halves(self) -> NDArray[np.int64]:
        """[n] 1 or 2: the file's half-set, or, where it tells none, every other image.

        Rows that share an image (symmetry expansion) are always in the same half.
        """
        return np.where(self.half_set > 0, self.half_set, self.alternate_halves)

    @cached_property
    def alternate_halves(self) -> NDArray[np.int64]:
        """[n] 1 or 2: images in turns, by stack and number in it."""
        pairs = np.stack([self.stack_index, self.slice_index], axis=1)
        return 1 + np.unique(pairs, axis=0, return_inverse=True)[1].reshape(-1) % 2

    @cached_property
    def fingerprint(self) -> str:
        """Digest of what the images are: the stacks as they are on disk, and which images of them."""
        digest = hashlib.sha256()
        for path in self.stacks:
            status = path.stat()
            digest.update(f"{path.resolve()} {status.st_size} {status.st_mtime_ns}\n".encode())
        for array in (self.stack_index, self.slice_index, self.origins):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def images(self, rows: NDArray[np.int64], opened: dict[Path, NDArray[np.float32]] | None = None,
               ) -> NDArray[np.float32]:
        """Images of the given rows (0-based), [len(rows), box, box] float32.

        Args:
            opened: memory-mapped stacks by path, kept by the caller between calls; only some are kept open.
        Raises:
            InputError: an image holds NaN or infinite pixels; the message names its row and stack.
        """
        opened = {} if opened is None else opened
        out = np.empty((len(rows), self.box, self.box), np.float32)
        for index in np.unique(self.stack_index[rows]):
            path = self.stacks[index]
            if path not in opened:
                if len(opened) >= _OPEN_STACKS:
                    opened.clear()
                opened[path] = open_stack(path)
            here = np.flatnonzero(self.stack_index[rows] == index)
            out[here] = opened[path][self.slice_index[rows][here]]
        bad = np.flatnonzero(~np.isfinite(out.sum(axis=(1, 2), dtype=np.float64)))
        if len(bad):
            row = rows[bad[0]]
            raise InputError(f"{self.source}: row {self.ids[row]}: image {self.slice_index[row] + 1} of "
                             f"{self.stacks[self.stack_index[row]]} holds NaN or infinite pixels; expected finite "
                             "values")
        return out


def check_images(table: ParticleTable) -> None:
    """Check that every stack is there, long enough and of the announced box, before any work starts.

    Raises:
        InputError: names the stack, and the first row that cannot be read from it.
    """
    for index, path in enumerate(table.stacks):
        data = open_stack(path)
        rows = np.flatnonzero(table.stack_index == index)
        bad = rows[table.slice_index[rows] >= data.shape[0]]
        if len(bad):
            raise InputError(
                f"{table.source}: row {table.ids[bad[0]]} asks for image {table.slice_index[bad[0]] + 1} of {path}, "
                f"which holds {data.shape[0]}; expected a stack as long as the STAR says")
        boxes = {table.optics[i].box for i in np.unique(table.optics_index[rows])}
        if data.shape[1] != data.shape[2] or boxes != {data.shape[1]}:
            raise InputError(f"{path}: images of {data.shape[2]} x {data.shape[1]} pixels; {table.source} says "
                             f"{', '.join(str(b) for b in sorted(boxes))}")


def resolve_stack(name: str, star: Path, root: str | os.PathLike[str] | None = None) -> Path:
    """Find a stack named in a STAR: absolute, relative to a project root, to the STAR, or to a folder above it.

    Raises:
        InputError: none of them exists.
    """
    given = Path(name)
    folder = star.resolve().parent
    tried = [given] if given.is_absolute() else [
        *([Path(root) / given] if root is not None else []), folder / given, *(p / given for p in folder.parents),
        given]
    for path in tried:
        if path.is_file():
            return path
    raise InputError(f"{star}: image stack {name} not found; expected it relative to the STAR, to a folder above it, "
                     "or to --root")
