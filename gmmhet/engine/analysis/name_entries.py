"""summary.json's names of modes: what each does, in figures and in words."""

from collections import Counter
from collections.abc import Sequence
from typing import TypedDict

from gmmhet.engine.analysis.naming import NamedMode
from gmmhet.engine.molecule.residues import Stretch
from gmmhet.engine.wording import names as wording

__all__ = ["DensityEntry", "MovingEntry", "NameEntry", "StretchEntry", "kinds", "name_entry"]


class StretchEntry(TypedDict):
    """Residues of a chain of the atomic model, both ends included."""

    chain: str
    first: int
    last: int
    whole: bool


class MovingEntry(TypedDict):
    """``name.motion``: between the 5th and the 95th percentile of the particles."""

    mass_share: float
    kilodalton: float | None
    middle: list[float]
    distance_angstrom: float
    turn_degrees: float
    turns: bool
    around: bool
    axis: list[float]
    hinge: list[float]
    rigid_share: float
    residues: list[StretchEntry]
    mask: str


class DensityEntry(TypedDict):
    """``name.density``. Shares are of the particles; null where two states are not seen."""

    mass_share: float
    kilodalton: float | None
    middle: list[float]
    present_share: float | None
    present_share_error: float | None
    left: float | None
    present_high: bool
    residues: list[StretchEntry]
    mask: str


class NameEntry(TypedDict):
    """``name`` of a mode: what it does."""

    kind: str
    motion: MovingEntry | None
    density: DensityEntry | None
    short: list[str]
    words: str


def name_entry(named: NamedMode, masks: dict[str, str]) -> NameEntry:
    """The entry of a mode.

    Args:
        masks: files of the masks, by "motion" and "density".
    """
    short = [words.short for words in (named.motion_words, named.density_words) if words is not None]
    return {"kind": named.kind, "motion": _moving(named, masks.get("motion", "")),
            "density": _density(named, masks.get("density", "")), "short": short, "words": " ".join(named.words())}


def _moving(named: NamedMode, mask: str) -> MovingEntry | None:
    part = named.motion
    if part is None:
        return None
    return {"mass_share": part.share, "kilodalton": named.mass(part.share).kilodalton, "middle": part.middle.tolist(),
            "distance_angstrom": part.distance, "turn_degrees": part.turn if named.turned is None else named.turned,
            "turns": part.turns, "around": named.around,
            "axis": part.axis.tolist(), "hinge": part.hinge.tolist(), "rigid_share": part.rigid,
            "residues": _stretches(named.moving), "mask": mask}


def _density(named: NamedMode, mask: str) -> DensityEntry | None:
    part, share = named.density, named.share
    if part is None:
        return None
    return {"mass_share": named.changed, "kilodalton": named.mass(named.changed).kilodalton,
            "middle": part.middle.tolist(), "present_share": None if share is None else share[0],
            "present_share_error": None if share is None else share[1], "left": None if share is None else named.left,
            "present_high": part.change > 0, "residues": _stretches(named.changing), "mask": mask}


def _stretches(found: Sequence[Stretch]) -> list[StretchEntry]:
    return [{"chain": s.chain, "first": s.first, "last": s.last, "whole": s.whole} for s in found]


def kinds(names: Sequence[NameEntry]) -> str:
    """How many modes are of each kind, in words; empty where none is named."""
    count = Counter(name["kind"] for name in names)
    return wording.kinds_found(*(count[kind] for kind in ("motion", "density", "both", "other")))
