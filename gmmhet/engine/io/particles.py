"""The normalised particle table: what every reader gives and everything else takes."""

import hashlib
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from gmmhet.engine.conventions import euler_to_matrix
from gmmhet.engine.errors import InputError
from gmmhet.engine.io.grey_values import first_outlier
from gmmhet.engine.io.half_sets import HalfSets, distinct_images, half_sets
from gmmhet.engine.io.mapped import rows_of
from gmmhet.engine.io.mrc import header_pixel_size
from gmmhet.engine.io.settings import UNITS
from gmmhet.engine.io.stacks import open_stack
from gmmhet.engine.io.star import StarTable
from gmmhet.engine.io.texts import TextColumn
from gmmhet.engine.optics.aberrations import EVEN, Aberrations, restored, through_magnification
from gmmhet.engine.optics.ctf import ctf_coefficients
from gmmhet.engine.wording.input_errors import A_VOLUME

__all__ = ["IMAGE_SIGN", "KEPT_COLUMNS", "Optics", "ParticleTable", "check_images", "micrograph_indices"]

#: column with the sign of the contrast of each image, of sets in which it differs
IMAGE_SIGN = "gmmhetImageSign"
#: columns of ours that are no results
KEPT_COLUMNS = ("gmmhetParticleId", IMAGE_SIGN)
_MANY_STACKS = 10  # in single-particle sets, some of so many stacks give more than their first image
_OPEN_STACKS = 64  # systems allow some thousand open files, and there can be a stack for every micrograph


@dataclass(frozen=True)
class Optics:
    """One optics group: voltage kV, spherical aberration mm, amplitude contrast fraction, pixel size Angstrom.

    Aberrations: what the images went through beside defocus, astigmatism and spherical aberration.
    """

    name: str
    voltage: float
    spherical_aberration: float
    amplitude_contrast: float
    pixel_size: float
    box: int
    aberrations: Aberrations = field(default_factory=Aberrations)


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
        tables: the tables of the file, untouched, for writing back; of a file that is no STAR, what it holds as tables
            of RELION 3.1. particle_block: which of them has the particles.
        records: of a cryoSPARC file, its rows with all fields, untouched; else None.
        located: whether the stacks were looked for and found; if not, their names are the file's.
        coordinates: [n, 2] x, y in pixels of the micrograph, NaN where unknown; None where the file has none.
        signs: [n] 1 or -1: images are multiplied by it, so that all have one sign of contrast; None: as they are.
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
    tables: Mapping[str, StarTable] = field(repr=False)
    particle_block: str = "particles"
    located: bool = True
    records: NDArray[np.void] | None = field(default=None, repr=False)
    coordinates: NDArray[np.float64] | None = field(default=None, repr=False)
    signs: NDArray[np.int64] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.ids)

    def some(self, rows: NDArray[np.int64]) -> "ParticleTable":
        """Some of the particles, to compute with; tables and records stay those of all, so that they cannot be written
        from it."""
        each = ("ids", "stack_index", "slice_index", "angles", "origins", "defocus", "optics_index", "half_set",
                "micrograph", "coordinates", "signs")
        chosen = {name: getattr(self, name)[rows] for name in each if getattr(self, name) is not None}
        return replace(self, **chosen)

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
    def views(self) -> NDArray[np.float64]:
        """[n, 3, 3] A as the images show it: magnified by M^T in the plane where the optics has a magnification matrix.

        Points appear at (views p)_xy - o, and the frequency k of an image is views^T (kx, ky, 0) of the model.
        """
        if all(o.aberrations.magnification == Aberrations.magnification for o in self.optics):
            return self.rotations
        plane = np.tile(np.eye(3), (len(self.optics), 1, 1))
        plane[:, :2, :2] = [o.aberrations.matrix.T for o in self.optics]
        return np.asarray(plane[self.optics_index] @ self.rotations)

    @cached_property
    def ctf_coefficients(self) -> NDArray[np.float64]:
        """[n, 5], see :mod:`gmmhet.engine.optics.ctf`; C = 1 (phase pi/2) when there is no CTF.

        [n, 9] where the optics have even aberrations or a magnification matrix.
        """
        if not self.has_ctf:
            return np.tile([0.0, 0.0, 0.0, 0.0, np.pi / 2], (len(self), 1))
        values = np.array([[o.voltage, o.spherical_aberration, o.amplitude_contrast] for o in self.optics])
        u, v, angle, shift = self.defocus.T
        plain = ctf_coefficients(u, v, angle, shift, *values[self.optics_index].T)
        if not any(o.aberrations.alters_ctf for o in self.optics):
            return plain
        out = np.concatenate([plain, np.zeros((len(self), EVEN - plain.shape[1]))], axis=1)
        for group in np.unique(self.optics_index):
            rows, aberrations = self.optics_index == group, self.optics[group].aberrations
            out[rows] = through_magnification(out[rows] + np.array(aberrations.even), aberrations.matrix)
        return out

    @cached_property
    def odd_coefficients(self) -> NDArray[np.float64]:
        """[n, 6] of the phase by odd aberrations, see :mod:`gmmhet.engine.optics.aberrations`."""
        groups = [through_magnification(np.array(o.aberrations.odd), o.aberrations.matrix) for o in self.optics]
        return np.asarray(np.array(groups)[self.optics_index])

    def restored(self, spectrum: NDArray[Any], rows: NDArray[np.int64], kx: Any, ky: Any) -> NDArray[Any]:
        """Spectra of images without odd aberrations and without corrections for the CTF, see Aberrations.

        Args:
            spectrum: [len(rows), ...] complex Fourier transforms of images as they are in the stacks, at kx, ky [...]
                (1/Angstrom).
        """
        if not any(o.aberrations.alters_images for o in self.optics):
            return spectrum
        kinds = [self.optics[i].aberrations.correction for i in self.optics_index[rows]]
        return restored(spectrum, kx, ky, self.odd_coefficients[rows], self.ctf_coefficients[rows], kinds)

    @cached_property
    def image_index(self) -> NDArray[np.int64]:
        """[n] which image a row shows, from 0, see :func:`gmmhet.engine.io.half_sets.distinct_images`."""
        return distinct_images(self.stacks, self.stack_index, self.slice_index, self.micrograph, self.coordinates)

    @cached_property
    def half_sets(self) -> HalfSets:
        """Half-sets as all stages use them, and how they differ from the file's."""
        return half_sets(self.half_set, self.image_index)

    @property
    def halves(self) -> NDArray[np.int64]:
        """[n] 1 or 2, the same in all rows of an image (symmetry expansion, images that are in the file twice)."""
        return self.half_sets.halves

    @cached_property
    def fingerprint(self) -> str:
        """Digest of what the images are: the stacks as they are on disk, and which images of them."""
        digest = hashlib.sha256()
        for path in self.stacks:
            status = path.stat()
            digest.update(f"{path.resolve()} {status.st_size} {status.st_mtime_ns}\n".encode())
        for array in (self.stack_index, self.slice_index, self.origins):
            digest.update(np.ascontiguousarray(array).tobytes())
        if self.signs is not None:
            digest.update(self.signs.tobytes())
        if any(o.aberrations.alters_images for o in self.optics):
            kinds = "\n".join(o.aberrations.correction for o in self.optics) + "\n\n"
            digest.update(kinds.encode() + np.ascontiguousarray(self.optics_index).tobytes())
            digest.update(self.odd_coefficients.tobytes() + self.ctf_coefficients.tobytes())
        return digest.hexdigest()

    def images(self, rows: NDArray[np.int64], opened: dict[Path, Any] | None = None, *, as_stored: bool = False,
               ) -> NDArray[np.float32]:
        """Images of the given rows (0-based), [len(rows), box, box] float32, as :meth:`restored` makes them, and of one
        sign of contrast where the file has the signs.

        Args:
            opened: stacks by path, kept by the caller between calls; only some are kept open.
            as_stored: leave their CTF as it is in the stacks; the caller uses :meth:`restored` on their transforms.
        Raises:
            InputError: an image holds NaN or infinite pixels, or one beyond all others; the message names its row and
                stack.
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
            out[here] = rows_of(opened[path], self.slice_index[rows][here])
        peaks = np.abs(out).max(axis=(1, 2), initial=0)
        bad = np.flatnonzero(~np.isfinite(peaks))
        if len(bad):
            raise InputError(f"{self._image_of(rows[bad[0]])} holds NaN or infinite pixels; expected finite values")
        beyond = first_outlier(out, peaks)
        if beyond is not None:
            image, place = beyond
            raise InputError(f"{self._image_of(rows[image])} has a pixel of {out[image].flat[place]:g} (x "
                             f"{place % self.box}, y {place // self.box}, from 0), far beyond all others; expected "
                             "grey values of one scale")
        if self.signs is not None:
            out[self.signs[rows] < 0] *= -1
        if as_stored or not any(o.aberrations.alters_images for o in self.optics):
            return out
        kx, ky = np.fft.rfftfreq(self.box, self.pixel_size), np.fft.fftfreq(self.box, self.pixel_size)
        spectrum = self.restored(scipy.fft.rfft2(out), rows, *np.meshgrid(kx, ky))
        return np.asarray(scipy.fft.irfft2(spectrum, s=(self.box, self.box)), np.float32)

    def _image_of(self, row: int) -> str:
        """An image, for messages."""
        return (f"{self.source}: row {self.ids[row]}: image {self.slice_index[row] + 1} of "
                f"{self.stacks[self.stack_index[row]]}")


def without_results(table: ParticleTable) -> ParticleTable:
    """The table without what an earlier analysis added (columns gmmhet... of its file, but for KEPT_COLUMNS), so that
    nothing of it is taken for a result of the next."""
    block = table.tables[table.particle_block]
    kept = {name: values for name, values in block.columns.items()
            if not name.startswith("gmmhet") or name in KEPT_COLUMNS}
    return replace(table, tables={**table.tables, table.particle_block: replace(block, columns=kept)})


def check_images(table: ParticleTable, bare: NDArray[np.bool_] | None = None) -> None:
    """Check that every stack is there, long enough and of the announced box, before any work starts.

    Args:
        bare: [stacks] whether the file names a stack without the number of an image: it then holds one.
    Raises:
        InputError: names the stack, and the first row that cannot be read from it; or optics groups whose images
            cannot be used together.
    """
    _check_uniform(table)
    _check_unit(table)
    lengths = np.zeros(len(table.stacks), np.int64)
    for index, path in enumerate(table.stacks):
        data = open_stack(path)
        lengths[index] = data.shape[0]
        rows = np.flatnonzero(table.stack_index == index)
        if bare is not None and bare[index] and data.shape[0] > 1:
            volume = A_VOLUME if data.shape[0] == data.shape[-1] else ""
            raise InputError(f"{table.source}: row {table.ids[rows[0]]} names {path} without the number of an image, "
                             f"and it holds {data.shape[0]}{volume}; expected number@stack, or stacks of one image")
        bad = rows[table.slice_index[rows] >= data.shape[0]]
        if len(bad):
            raise InputError(
                f"{table.source}: row {table.ids[bad[0]]} names image {table.slice_index[bad[0]] + 1} of {path}, "
                f"which holds {data.shape[0]}; expected a stack as long as the file says")
        boxes = {table.optics[i].box for i in np.unique(table.optics_index[rows])}
        if data.shape[1] != data.shape[2] or boxes != {data.shape[1]}:
            raise InputError(f"{path}: images of {data.shape[2]} x {data.shape[1]} pixels; {table.source} says "
                             f"{', '.join(str(b) for b in sorted(boxes))}")
    if len(lengths) >= _MANY_STACKS and not table.slice_index.any() and (lengths > 1).all():
        raise InputError(f"{table.source}: every row names the first image of a stack of several ({table.stacks[0]} "
                         f"holds {lengths[0]}), as stacks of tilt images and 3D volumes are named; expected single "
                         "images of single particles")


def _check_unit(table: ParticleTable) -> None:
    """Refuse a pixel size 10 times that in the header of the images, or a tenth: one of them is in nanometre."""
    stack = table.stacks[int(table.stack_index[0])]
    header = header_pixel_size(stack)
    if header is None or header == 1:
        return
    ratio = table.pixel_size / header
    if any(abs(ratio / factor - 1) < UNITS.header_ratio for factor in (0.1, 10.0)):
        raise InputError(f"{table.source}: pixel size {table.pixel_size:g} Å, and {header:g} Å in the header of "
                         f"{stack}; expected Angstrom in both: one seems to be in nanometre")


def _check_uniform(table: ParticleTable) -> None:
    first = table.optics[table.optics_index[0]]
    for i in np.unique(table.optics_index):
        group = table.optics[i]
        if group.box != first.box or abs(group.pixel_size / first.pixel_size - 1) > 1e-4:
            raise InputError(
                f"{table.source}: optics group {group.name} has {group.box} px of {group.pixel_size} Å, {first.name} "
                f"has {first.box} px of {first.pixel_size} Å; expected one box and pixel size")


def micrograph_indices(names: Sequence[str] | NDArray[Any] | None, number: int) -> NDArray[np.int64]:
    """[n] a number for each name, from 0; -1 where there are no names."""
    if names is None:
        return np.full(number, -1, np.int64)
    values = names.bytes if isinstance(names, TextColumn) else np.asarray(names)
    known, index = np.unique(values, return_inverse=True)
    if known.dtype.kind in "SU":  # ./mic.mrc and mic.mrc are one
        texts = [v.decode("utf-8", "replace") if isinstance(v, bytes) else v for v in known.tolist()]
        known, alike = np.unique([posixpath.normpath(t) for t in texts], return_inverse=True)
        index = alike.reshape(-1)[index.reshape(-1)]
    return np.asarray(index.reshape(-1), np.int64)
