"""Particles of cryoSPARC (.cs: NumPy's format, one row a particle) with its passthrough files, joined by uid."""

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from gmmhet.engine.conventions import electron_wavelength, matrix_to_euler
from gmmhet.engine.errors import InputError
from gmmhet.engine.io.cryosparc_records import read_records
from gmmhet.engine.io.grouping import checked_defocus, checked_optics, distinct_rows
from gmmhet.engine.io.layout import FoundParticles, converted_particles
from gmmhet.engine.io.particles import IMAGE_SIGN, Optics, ParticleTable, micrograph_indices
from gmmhet.engine.io.stacks import located_stacks
from gmmhet.engine.optics.aberrations import cryosparc_aberrations, odd_phase

__all__ = ["posed_by", "read_cryosparc"]

_LOG = logging.getLogger("gmmhet")
_NOTED_PHASE = 0.3  # radians, which lowers the amplitude of a map by 5 per cent
_BLOB = ("blob/path", "blob/idx", "blob/shape", "blob/psize_A")
_CTF = ("ctf/accel_kv", "ctf/cs_mm", "ctf/amp_contrast", "ctf/df1_A", "ctf/df2_A", "ctf/df_angle_rad")
_PLACE = ("location/center_x_frac", "location/center_y_frac", "location/micrograph_shape")
_ODD_AND_EVEN = {"ctf/tilt_A": 2, "ctf/trefoil_A": 2, "ctf/tetra_A": 4, "ctf/anisomag": 4}


def read_cryosparc(path: str | os.PathLike[str], *, root: str | os.PathLike[str] | None = None, images: bool = True,
                   passthrough: Sequence[str | os.PathLike[str]] = ()) -> ParticleTable:
    """Read particles of cryoSPARC 2 to 4.

    alignments3D/pose is the rotation vector of the inverse of A; alignments3D/shift the origin, in pixels of
    alignments3D/psize_A; alignments3D/split, from 0, the half-set. Where the file holds several 3D classes instead
    (alignments_class_0 ...), that of the largest posterior poses the particle.

    Args:
        root: project folder that stack names are relative to.
        images: check that the stacks are there, long enough and of the right box.
        passthrough: further .cs files with fields of the same particles; what the first file holds is taken from it.
    Raises:
        InputError: one line naming the file, the row, the value and what was expected.
    """
    source = Path(path)
    records, origin = read_records(source, [Path(p) for p in passthrough])
    _require(records, source)
    names, *places = _places(records, source)
    poses = _Poses(records, source, origin)
    optics = _optics(records, source)
    _warn_of_signs(optics[0], source)
    defocus = _defocus(records, source)
    if defocus is not None:
        checked_defocus(source, defocus, "ctf/df1_A")
    signs = _image_signs(records, source)
    columns = _extra_columns(records) | ({} if signs is None else {IMAGE_SIGN: signs})
    return converted_particles(FoundParticles(
        source=source, names=names, stacks=located_stacks(names, source, root, images), stack_index=places[0],
        slice_index=places[1], angles=poses.angles, origins=poses.origins, defocus=defocus, optics=optics[0],
        optics_index=optics[1], half_set=poses.half_sets(),
        micrograph=micrograph_indices(_micrographs(records), len(records)), located=images, records=records,
        columns=columns, coordinates=_coordinates(records), signs=signs))


def _names(records: NDArray[np.void]) -> tuple[str, ...]:
    return records.dtype.names or ()


def _require(records: NDArray[np.void], source: Path) -> None:
    names = _names(records)
    if not any(n.endswith("/pose") and not n.startswith("alignments2D") for n in names):
        raise InputError(f"{source}: no 3D alignment (field alignments3D/pose): expected particles of a 3D refinement, "
                         "or such a file as --passthrough")
    for name in _BLOB:
        if name not in names:
            raise InputError(f"{source}: no field {name}; expected the particles' passthrough file as --passthrough")
    if "ctf/df1_A" in names:
        for name in _CTF:
            if name not in names:
                raise InputError(f"{source}: no field {name} beside ctf/df1_A; expected a whole CTF")


def _floats(records: NDArray[np.void] | Mapping[str, NDArray[Any]], name: str, source: Path, width: int = 0,
            ) -> NDArray[np.float64]:
    """A field as [n] (or [n, width]) finite numbers."""
    found = records[name]
    if found.dtype.kind not in "fiub" or found.shape[1:] != ((width,) if width else ()):
        raise InputError(f"{source}: field {name} holds {found.dtype} of shape {found.shape[1:]}; expected "
                         f"{width or 1} number(s) for each particle")
    values = found.astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))
    if len(bad):
        raise InputError(f"{source}: row {bad[0] + 1}: {name} is {records[name][bad[0]]}; expected finite numbers")
    return values


def _places(records: NDArray[np.void], source: Path) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64]]:
    if records["blob/path"].dtype.kind not in "SU" or records["blob/path"].ndim != 1:
        raise InputError(f"{source}: field blob/path holds {records['blob/path'].dtype}; expected names of stacks")
    index = _floats(records, "blob/idx", source)
    bad = np.flatnonzero((index < 0) | (index != np.round(index)) | (index > 2**31))
    if len(bad):
        raise InputError(f"{source}: row {bad[0] + 1}: blob/idx is {index[bad[0]]:g}; expected a number from 0")
    paths, stack_index = np.unique(_bytes(records["blob/path"]), return_inverse=True)
    stack_index = stack_index.reshape(-1)
    # A leading > tells cryoSPARC that the path is one of its project's, from before an import.
    names = [bytes(p).decode("utf-8", "replace").lstrip(">") for p in paths]
    odd = [i for i, name in enumerate(names) if not name or not name.isprintable()]
    if odd:
        row = int(np.argmax(stack_index == odd[0]))
        raise InputError(f"{source}: row {row + 1}: blob/path is {names[odd[0]]!r}; expected the name of a stack")
    return names, stack_index.astype(np.int64), index.astype(np.int64)


def _bytes(values: NDArray[Any]) -> NDArray[np.bytes_]:
    return np.asarray(values if values.dtype.kind == "S" else np.char.encode(values, "utf-8"), np.bytes_)


class _Poses:
    """Poses of the particles, from one refinement or from the likeliest of several classes.

    Attributes:
        angles: [n, 3] degrees. origins: [n, 2] Angstrom.
    """

    def __init__(self, records: NDArray[np.void], source: Path, origin: Mapping[str, Path]) -> None:
        self._records, self._source = records, source
        self._classes = posed_by(records.dtype, origin)
        file = origin.get(f"{self._classes[0][0]}/pose", source)
        if len(set(origin.values())) > 1:
            _LOG.info("%s: poses are %s of %s", source, self._classes[0][0], file)
        self._choice = np.zeros(len(records), np.int64)
        if len(self._classes) > 1:
            self._choice = np.stack([self._of(c, "class_posterior") for c in self._classes]).argmax(axis=0)
            _LOG.info("%s: %d 3D classes; each particle has the pose of its likeliest", source, len(self._classes))
        matrices = Rotation.from_rotvec(self._chosen("pose", 3)).as_matrix()
        self.angles = matrix_to_euler(np.swapaxes(matrices, 1, 2))
        size = "blob/psize_A" if f"{self._classes[0][0]}/psize_A" not in _names(records) else "psize_A"
        self.origins = self._chosen("shift", 2) * self._chosen(size)[:, None]

    def _of(self, kind: tuple[str, int | None], name: str, width: int = 0) -> NDArray[np.float64]:
        """A field of one class; fields of alignments3D_multi have the class as their first axis."""
        group, number = kind
        field = name if "/" in name else f"{group}/{name}"
        if field not in _names(self._records):
            raise InputError(f"{self._source}: no field {field}; expected the alignment whole")
        shape = self._records.dtype[field].shape
        if number is None or "/" in name or len(shape) < (2 if width else 1):
            return _floats(self._records, field, self._source, width)
        if len(shape) != (2 if width else 1) or number >= shape[0]:
            raise InputError(f"{self._source}: field {field} has shape {shape}; expected one row for each class")
        return _floats({field: self._records[field][:, number]}, field, self._source, width)

    def _chosen(self, name: str, width: int = 0) -> NDArray[np.float64]:
        values = np.stack([self._of(c, name, width) for c in self._classes])
        return np.asarray(values[self._choice, np.arange(values.shape[1])])

    def half_sets(self) -> NDArray[np.int64]:
        """[n] 1 or 2; 0 where all are in one, as before cryoSPARC splits them."""
        if f"{self._classes[0][0]}/split" not in _names(self._records):
            return np.zeros(len(self._records), np.int64)
        split = self._chosen("split")
        bad = np.flatnonzero((split != 0) & (split != 1))
        if len(bad):
            raise InputError(f"{self._source}: row {bad[0] + 1}: {self._classes[0][0]}/split is {split[bad[0]]:g}; "
                             "expected 0 or 1")
        return 1 + split.astype(np.int64) if np.ptp(split) > 0 else np.zeros(len(split), np.int64)


def posed_by(kind: np.dtype[np.void], origin: Mapping[str, Path] | None = None) -> list[tuple[str, int | None]]:
    """Groups of fields that hold a 3D pose, and for those of several classes in one field, which of them.

    Args:
        origin: the file that each field is from, in the order in which they were given: the first that has a pose of
            any kind poses the particles.
    """
    names = kind.names or ()
    groups = [n.removesuffix("/pose") for n in names if n.endswith("/pose") and not n.startswith("alignments2D")]
    if origin is not None:
        first = next((path for path in dict.fromkeys(origin.values())
                      if any(origin.get(f"{g}/pose") == path for g in groups)), None)
        groups = [g for g in groups if origin.get(f"{g}/pose") == first]
    if "alignments3D" in groups:
        return [("alignments3D", None)]
    if "alignments3D_multi" in groups:
        shape = kind["alignments3D_multi/pose"].shape
        return [("alignments3D_multi", k) for k in range(shape[0])] if len(shape) == 2 else [
            ("alignments3D_multi", None)]
    return [(g, None) for g in groups]


def _optics(records: NDArray[np.void], source: Path) -> tuple[tuple[Optics, ...], NDArray[np.int64]]:
    n, names = len(records), _names(records)
    has_ctf = "ctf/df1_A" in names
    single = {c: _floats(records, c, source) for c in ("blob/psize_A", *(_CTF[:3] if has_ctf else ()))}
    shape = _floats(records, "blob/shape", source, 2)
    several = {c: _floats(records, c, source, w) if c in names and has_ctf else np.zeros((n, w))
               for c, w in _ODD_AND_EVEN.items()}
    group = _floats(records, "ctf/exp_group_id", source) if "ctf/exp_group_id" in names else np.zeros(n)
    _warn_of_shifts(records, source)
    rows, kind = distinct_rows([*single.values(), *shape.T, group, *(c for v in several.values() for c in v.T)])
    zero = np.zeros(n)
    voltage, spherical, contrast = (single.get(c, zero)[rows] for c in _CTF[:3])
    if not has_ctf:
        voltage = voltage + 300.0  # of no effect without a defocus
    words = [f"row {r + 1}" for r in rows]
    size = single["blob/psize_A"][rows]
    checked_optics(source, words, {
        "voltage": (voltage, "ctf/accel_kv"), "spherical aberration": (spherical, "ctf/cs_mm"),
        "amplitude contrast": (contrast, "ctf/amp_contrast"), "pixel size": (size, "blob/psize_A")})
    tilt, trefoil, tetrafoil, anisotropy = (several[c][rows] for c in _ODD_AND_EVEN)
    optics = tuple(
        Optics(f"exposureGroup{int(group[r])}", float(voltage[i]), float(spherical[i]), float(contrast[i]),
               float(size[i]), int(shape[r, 0]),
               cryosparc_aberrations(tilt[i], trefoil[i], tetrafoil[i], anisotropy[i],
                                     electron_wavelength(float(voltage[i]))))
        for i, r in enumerate(rows))
    return optics, kind


def _warn_of_signs(optics: Sequence[Optics], source: Path) -> None:
    """No published file tells the signs of these aberrations together with images that have them."""
    most = 0.0
    for group in optics:
        turn = np.linspace(0, 2 * np.pi, 60)
        circle = np.stack([np.cos(turn), np.sin(turn)]) / (2 * group.pixel_size)
        most = max(most, float(np.abs(odd_phase(np.array([group.aberrations.odd]), *circle)).max()))
    if most > _NOTED_PHASE:
        _LOG.warning("%s: beam tilt and trefoil, phases up to %.1f rad at %.1f Å, are corrected with signs that were "
                     "not checked on images of cryoSPARC", source, most, 2 * optics[0].pixel_size)


def _warn_of_shifts(records: NDArray[np.void], source: Path) -> None:
    if "ctf/shift_A" in _names(records):
        values = records["ctf/shift_A"]
        most = float(np.nan_to_num(np.abs(values)).max()) if values.dtype.kind in "fiu" else 0.0
        if most > 0:
            _LOG.warning("%s: ctf/shift_A, up to %.2f Å, is not used", source, most)


def _defocus(records: NDArray[np.void], source: Path) -> NDArray[np.float64] | None:
    if "ctf/df1_A" not in _names(records):
        return None
    u, v, angle = (_floats(records, c, source) for c in _CTF[3:])
    name = "ctf/phase_shift_rad"
    phase = _floats(records, name, source) if name in _names(records) else np.zeros(len(u))
    return np.asarray(np.stack([u, v, np.rad2deg(angle), np.rad2deg(phase)], axis=1))


def _micrographs(records: NDArray[np.void]) -> NDArray[Any] | None:
    for name in ("location/micrograph_uid", "location/micrograph_path"):
        if name in _names(records):
            return np.asarray(records[name])
    return None


def _coordinates(records: NDArray[np.void]) -> NDArray[np.float64] | None:
    """[n, 2] x, y in pixels of the micrograph; None where the file has none."""
    names = _names(records)
    if any(f not in names or records[f].dtype.kind not in "fiu" for f in _PLACE) or (
            records[_PLACE[2]].shape[1:] != (2,)):
        return None
    shape = records[_PLACE[2]].astype(np.float64)  # y, x
    return np.asarray(np.stack([records[_PLACE[0]] * shape[:, 1], records[_PLACE[1]] * shape[:, 0]], axis=1))


def _image_signs(records: NDArray[np.void], source: Path) -> NDArray[np.int64] | None:
    """[n] 1 or -1 where blob/sign differs between particles: the sign that gives all images one contrast."""
    if "blob/sign" not in _names(records) or records["blob/sign"].dtype.kind not in "fiu":
        return None
    values = records["blob/sign"].reshape(len(records), -1)[:, 0]
    if not np.isin(values, (-1, 1)).all() or not np.any(values != values[0]):
        return None
    signs = values.astype(np.int64)
    _LOG.info("%s: %d of %d images have the other sign of contrast (blob/sign) and are multiplied by -1", source,
              int((signs < 0).sum()), len(signs))
    return signs


def _extra_columns(records: NDArray[np.void]) -> dict[str, NDArray[Any]]:
    """Columns of RELION that have no part in the model but that its users want to find again."""
    names = _names(records)
    out: dict[str, NDArray[Any]] = {}
    name = "location/micrograph_path"
    if name in names and records[name].dtype.kind in "SU" and (_bytes(records[name]) != b"").all():
        out["rlnMicrographName"] = _bytes(records[name])
    coordinates = _coordinates(records)
    if coordinates is not None:
        out["rlnCoordinateX"], out["rlnCoordinateY"] = coordinates.T
    if "uid" in names:
        out["gmmhetCryosparcUid"] = records["uid"]
    return out
