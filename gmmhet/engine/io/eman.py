"""Particles of EMAN2: .lst text files that point into image stacks, with poses and CTF in JSON or in the stacks."""

import json
import logging
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.conventions import matrix_to_euler
from gmmhet.engine.errors import InputError
from gmmhet.engine.io.grouping import checked_defocus, checked_optics, distinct_rows
from gmmhet.engine.io.hdf import HdfStack
from gmmhet.engine.io.layout import FoundParticles, converted_particles
from gmmhet.engine.io.particles import Optics, ParticleTable, micrograph_indices
from gmmhet.engine.io.stacks import located_stacks, open_stack, resolve_stack
from gmmhet.engine.optics.aberrations import Aberrations

__all__ = ["is_lst", "read_eman"]

_LOG = logging.getLogger("gmmhet")
_POSE = "xform.projection"
_TOLD = (_POSE, "ctf", "apix_x")
_CTF_KEYS = ("defocus", "dfdiff", "dfang", "bfactor", "ampcont", "voltage", "cs", "apix")
_CTF_OPTIONAL = {"dfdiff": 0.0, "dfang": 0.0, "bfactor": 0.0}
_ROTATION_TOLERANCE = 1e-3  # EMAN2 writes six digits


def is_lst(first: bytes) -> bool:
    """Whether a file that begins so is a .lst file."""
    return first.removeprefix(b"\xef\xbb\xbf").startswith((b"#LSX", b"#LST"))


def read_eman(path: str | os.PathLike[str], *, root: str | os.PathLike[str] | None = None, images: bool = True,
              ) -> ParticleTable:
    """Read a .lst file.

    xform.projection is a matrix [A | t]: a point p of the map appears at (A p + t)_xy, t in pixels. CTF: defocus and
    dfdiff in micrometre, ampcont in per cent (beyond 100: a phase), as EMAN2's Ctf. What a row does not tell is taken
    from the attributes of its image in the .hdf stack. Stacks whose names say so (__ctf_flip) are phase-flipped.

    Args:
        root: project folder that stack names are relative to.
        images: check that the stacks are there, long enough and of the right box.
    Raises:
        InputError: one line naming the file, the row, the value and what was expected.
    """
    source = Path(path)
    rows = _rows(source)
    names: dict[str, int] = {}
    stack_index = np.array([names.setdefault(r.stack, len(names)) for r in rows], np.int64)
    slice_index = np.array([r.image for r in rows], np.int64)
    told = _completed(rows, source, root)
    matrices = np.array([_matrix(t, r) for t, r in zip(told, rows, strict=True)])
    ctf = _ctf(told, rows)
    stacks = located_stacks(list(names), source, root, images)
    box = int(open_stack(stacks[0]).shape[-1]) if images else 0
    size = _pixel_sizes(told, ctf, rows)
    groups, kind, defocus = _optics(ctf, size, box, _flipped(names, source)[stack_index], source)
    if defocus is not None:
        checked_defocus(source, defocus, "defocus (times 10,000)")
    poses = matrix_to_euler(matrices[:, :, :3]), -matrices[:, :2, 3] * size[:, None]
    micrograph = micrograph_indices([r.stack for r in rows] if len(names) > 1 else None, len(rows))
    return converted_particles(FoundParticles(
        source=source, names=list(names), stacks=stacks, stack_index=stack_index, slice_index=slice_index,
        angles=poses[0], origins=poses[1], defocus=defocus, optics=groups, optics_index=kind,
        half_set=_half_sets(told), micrograph=micrograph, located=images))


def _flipped(names: Iterable[str], source: Path) -> NDArray[np.bool_]:
    """Which stacks hold phase-flipped images, as their names say."""
    found = [n for n in names if "flip" in Path(n).stem.partition("__")[2]]
    if found:
        _LOG.info("%s: images are phase-flipped, as names say (%s)", source, found[0])
    return np.array([n in found for n in names])


class _Row:
    """A line: which image of which stack, and what is told of it."""

    def __init__(self, number: int, text: str, source: Path) -> None:
        self.word = f"{source}: row {number}"
        parts = re.split(r"\t+| +", text.strip(), maxsplit=2)
        if len(parts) < 2 or not (parts[0].isascii() and parts[0].isdigit() and len(parts[0]) < 10):
            raise InputError(f"{self.word} is {text.strip()[:80]!r}; expected an image number, a stack, a JSON object")
        self.image, self.stack = int(parts[0]), parts[1]
        self.told: dict[str, Any] = {}
        rest = parts[2].strip() if len(parts) > 2 else ""
        if rest.startswith("{"):
            try:
                self.told = json.loads(rest)
            except (ValueError, RecursionError) as error:
                raise InputError(f"{self.word}: not readable as JSON ({error}); expected an object") from None


def _rows(source: Path) -> list[_Row]:
    try:
        lines = source.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        raise InputError(f"{source}: cannot be read ({error.strerror}); expected a .lst file") from None
    texts = [line for line in lines if line.strip() and not line.startswith("#")]
    if not texts:
        raise InputError(f"{source}: no particles; expected at least one row")
    return [_Row(i, text, source) for i, text in enumerate(texts, 1)]


def _completed(rows: Sequence[_Row], source: Path, root: str | os.PathLike[str] | None) -> list[dict[str, Any]]:
    """What the rows tell, and where they lack a pose, CTF or pixel size, what their images' attributes tell."""
    out, opened = [], dict[str, HdfStack | None]()
    for row in rows:
        told = row.told
        if not all(name in told for name in _TOLD):
            if row.stack not in opened:
                opened[row.stack] = _attributes_of(row.stack, source, root)
            stack = opened[row.stack]
            told = (stack.attributes(row.image, _TOLD) if stack is not None else {}) | told
        out.append(told)
    return out


def _attributes_of(name: str, source: Path, root: str | os.PathLike[str] | None) -> HdfStack | None:
    """The stack, where it is an HDF file and is found."""
    if not name.lower().endswith((".hdf", ".h5", ".hdf5")):
        return None
    try:
        return HdfStack(resolve_stack(name, source, root))
    except InputError as error:
        _LOG.debug("%s", error)  # the row may tell all that is needed; if not, that is said
        return None


def _matrix(told: dict[str, Any], row: _Row) -> NDArray[np.float64]:
    """[3, 4] of xform.projection."""
    found = told.get(_POSE)
    if found is None:
        raise InputError(f"{row.word}: no {_POSE}; expected refined orientations in the file or in its stacks")
    values = _numbers(found.get("matrix") if isinstance(found, dict) else found)
    if len(values) != 12 or not np.isfinite(values).all():
        raise InputError(f"{row.word}: {_POSE} is {str(found)[:80]!r}; expected a matrix of 12 numbers")
    matrix = np.reshape(values, (3, 4))
    rotation = matrix[:, :3]
    if np.abs(rotation @ rotation.T - np.eye(3)).max() > _ROTATION_TOLERANCE or np.linalg.det(rotation) < 0:
        raise InputError(f"{row.word}: {_POSE} is mirrored or scaled; expected a rotation and a shift")
    return matrix


def _numbers(value: Any) -> NDArray[np.float64]:
    """Numbers of a list, or of a text of one."""
    parts = value.strip().strip("[]").split(",") if isinstance(value, str) else value
    try:
        return np.array(parts, np.float64).reshape(-1)
    except (ValueError, TypeError, OverflowError):
        return np.empty(0)


def _ctf(told: Sequence[dict[str, Any]], rows: Sequence[_Row]) -> NDArray[np.float64] | None:
    """[n, 8] in the order of _CTF_KEYS, or None where no row tells a CTF."""
    if not any("ctf" in t for t in told):
        return None
    return np.array([_ctf_of(t.get("ctf"), r) for t, r in zip(told, rows, strict=True)])


def _ctf_of(found: Any, row: _Row) -> list[float]:
    """From an object, or from the text of EMAN2's headers: E, then the numbers in the order of _CTF_KEYS."""
    values: list[Any]
    if isinstance(found, dict):
        values = [found.get(k, _CTF_OPTIONAL.get(k)) for k in _CTF_KEYS]
    elif isinstance(found, str) and found.startswith("E"):
        values = found[1:].split(",")[0].split()[:len(_CTF_KEYS)]
    else:
        values = []
    if len(values) == len(_CTF_KEYS):
        values = [0.0 if key == "bfactor" else v for key, v in zip(_CTF_KEYS, values, strict=True)]  # it is not used
    numbers = _numbers([np.nan if v is None else v for v in values])
    if len(numbers) != len(_CTF_KEYS) or not np.isfinite(numbers).all():
        raise InputError(f"{row.word}: ctf is {str(found)[:80]!r}; expected {', '.join(_CTF_KEYS)}")
    return [float(v) for v in numbers]


def _pixel_sizes(told: Sequence[dict[str, Any]], ctf: NDArray[np.float64] | None, rows: Sequence[_Row],
                 ) -> NDArray[np.float64]:
    """[n] Angstrom: apix_x of the images, or else of the CTF."""
    out = np.empty(len(told))
    for i, t in enumerate(told):
        value = _numbers(t.get("apix_x", ctf[i, 7] if ctf is not None else "none"))
        if len(value) != 1 or not 0 < value[0] < np.inf:
            raise InputError(f"{rows[i].word}: no pixel size (apix_x, or apix of the CTF); expected Angstrom in the "
                             "file or in its stacks")
        out[i] = value[0]
    return out


def _optics(ctf: NDArray[np.float64] | None, size: NDArray[np.float64], box: int, flipped: NDArray[np.bool_],
            source: Path,
            ) -> tuple[tuple[Optics, ...], NDArray[np.int64], NDArray[np.float64] | None]:
    """Groups, the group of each particle, and defocus [n, 4]."""
    n = len(size)
    if ctf is None:
        first, kind = distinct_rows([np.round(size, 4)])
        return tuple(Optics(f"opticsGroup{i + 1}", 300.0, 0.0, 0.0, float(size[r]), box) for i, r in enumerate(first)
                     ), kind, None
    defocus, difference, angle, _, percent, voltage, spherical, _ = ctf.T
    contrast, phase = np.zeros(n), np.rad2deg(_phase(percent))
    if np.ptp(percent) == 0 and abs(percent[0]) <= 100:  # else it is that of a phase plate, particle by particle
        contrast, phase = percent / 100, np.zeros(n)
    first, kind = distinct_rows([voltage, spherical, contrast, np.round(size, 4), flipped])
    checked_optics(source, [f"row {r + 1}" for r in first],
                   {"voltage": (voltage[first], "voltage"), "pixel size": (size[first], "apix_x"),
                    "spherical aberration": (spherical[first], "cs")})
    groups = tuple(Optics(f"opticsGroup{i + 1}", float(voltage[r]), float(spherical[r]), float(contrast[r]),
                          float(size[r]), box, Aberrations(correction="flipped" if flipped[r] else "none"))
                   for i, r in enumerate(first))
    return groups, kind, 1e4 * np.stack([defocus + difference / 2, defocus - difference / 2, 1e-4 * angle * np.ones(n),
                                         1e-4 * phase], axis=1)


def _phase(percent: NDArray[np.float64]) -> NDArray[np.float64]:
    """Radians: of an amplitude contrast, and beyond 100 per cent what EMAN2 so writes of phases beyond 90 degrees."""
    beyond = np.clip(np.sign(percent) * 2 - percent / 100, -1, 1)
    within = np.arcsin(np.clip(percent / 100, -1, 1))
    return np.where(np.abs(percent) <= 100, within, np.sign(percent) * np.pi - np.arcsin(beyond))


def _half_sets(told: Sequence[dict[str, Any]]) -> NDArray[np.int64]:
    """EMAN2's class 0 (even) and 1 (odd) are the half-sets 1 and 2, where every row is in one."""
    found = [t.get("class") for t in told]
    if not all(v in (0, 1) for v in found) or 0 not in found or 1 not in found:
        return np.zeros(len(told), np.int64)
    return 1 + np.array(found, np.int64)
