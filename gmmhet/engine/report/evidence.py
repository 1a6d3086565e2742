"""What summary.json says for and against a motion beside its modes; each part may be missing. See CONVENTIONS.rst."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.report.reading import Json, number_in, numbers_in, records_in

__all__ = ["Evidence", "Leak", "Pass", "PoseErrors", "Subunits", "read_evidence"]


@dataclass(frozen=True)
class PoseErrors:
    """Standard deviations of the given poses' errors: degrees about the view and across it, Angstrom an axis."""

    in_plane: float | None
    out_of_plane: float | None
    shift: float | None
    refined: bool
    words: str


@dataclass(frozen=True)
class Leak:
    """How much of a mode's coordinate follows a variable; share 0..1."""

    mode: int
    variable: str
    share: float
    p_value: float | None
    flagged: bool
    words: str


@dataclass(frozen=True)
class Pass:
    """One pass of the fit: log-likelihood per particle, and what is left of the gradient."""

    log_likelihood: float | None
    gradient: float | None


@dataclass(frozen=True)
class Subunits:
    """Correlation [K, G, G] of each mode's coordinate between the G subunits of a particle."""

    group: str
    correlation: NDArray[np.float64]
    words: str


@dataclass(frozen=True)
class LocalMotion:
    """Of a part in focus that has a pose of its own: words, and whether it is supported that it moves as a body."""

    words: str
    significant: bool


@dataclass(frozen=True)
class Evidence:
    """angles: principal angles of the half-sets' modes, degrees. Empty or None where the analysis tells nothing."""

    pose_errors: PoseErrors | None
    local_motion: LocalMotion | None
    leaks: tuple[Leak, ...]
    angles: tuple[float, ...]
    passes: tuple[Pass, ...]
    subunits: Subunits | None


def read_evidence(summary: Json, n_modes: int, path: Path) -> Evidence:
    """Check and take what is there.

    Raises:
        InputError: an entry is something else than it should be, or of a mode that does not exist.
    """
    leaks = tuple(_leak(r, n_modes, path, f"leakage[{i}].") for i, r in enumerate(records_in(summary, "leakage", path)))
    passes = tuple(Pass(*(number_in(r, key, path, f"history[{i}].") for key in ("log_likelihood", "gradient")))
                   for i, r in enumerate(records_in(summary, "history", path)))
    return Evidence(_pose_errors(summary, path), _local_motion(summary, path), leaks,
                    numbers_in(summary, "halfset_angles", path), passes, _subunits(summary, n_modes, path))


def _object(summary: Json, key: str, path: Path) -> Json | None:
    found = summary.get(key)
    if found is not None and not isinstance(found, dict):
        raise InputError(f"{path}: {key} is {found!r}; expected an object")
    return found


def _pose_errors(summary: Json, path: Path) -> PoseErrors | None:
    found = _object(summary, "pose_errors", path)
    if found is None:
        return None
    turn, tilt, shift = (number_in(found, key, path, "pose_errors.")
                         for key in ("in_plane_degrees", "out_of_plane_degrees", "shift_angstrom"))
    return PoseErrors(turn, tilt, shift, found.get("refined") is True, str(found.get("words", "")))


def _local_motion(summary: Json, path: Path) -> LocalMotion | None:
    found = _object(summary, "local_pose", path)
    return None if found is None else LocalMotion(str(found.get("words", "")), found.get("significant") is True)


def _leak(record: Json, n_modes: int, path: Path, where: str) -> Leak:
    mode, share, p_value = (number_in(record, key, path, where) for key in ("mode", "share", "p_value"))
    if mode is None or mode not in range(1, n_modes + 1):
        raise InputError(f"{path}: {where}mode is {record.get('mode')!r}; expected one of the {n_modes} modes, from 1")
    if share is None:
        raise InputError(f"{path}: {where}share is missing; expected a number from 0 to 1")
    return Leak(int(mode), str(record.get("variable", "")), share, p_value, record.get("flagged") is True,
                str(record.get("words", "")))


def _subunits(summary: Json, n_modes: int, path: Path) -> Subunits | None:
    found = _object(summary, "symmetry", path)
    if found is None or found.get("correlation") is None:
        return None
    try:
        table = np.array(found["correlation"], np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{path}: symmetry.correlation is no table of numbers; expected one of subunits for each "
                         "mode") from None
    if table.ndim != 3 or table.shape[1] != table.shape[2] or len(table) > n_modes:
        raise InputError(f"{path}: symmetry.correlation has shape {table.shape}; expected (K, G, G) with at most "
                         f"{n_modes} modes K")
    return Subunits(str(found.get("group", "")), table, str(found.get("words", "")))
