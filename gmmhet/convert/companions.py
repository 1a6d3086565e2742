"""What a refinement program leaves beside its particles: the map, its half-maps, the mask, further particle fields."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from gmmhet.engine.errors import InputError
from gmmhet.engine.io import folders_above, read_star

__all__ = ["Companions", "find_companions"]

_PARTICLES = re.compile(r"^(?P<stem>.*?)_?(particles|data)([._].*)?$")


@dataclass(frozen=True)
class Companions:
    """Files beside a particle file; None, or nothing, where there is none or where it is not clear which.

    Attributes:
        halves: both half-maps, or none.
        passthrough: further .cs files of the same job.
    """

    map: Path | None = None
    halves: tuple[Path, ...] = ()
    mask: Path | None = None
    passthrough: tuple[Path, ...] = ()


def find_companions(particles: str | os.PathLike[str]) -> Companions:
    """Look beside a particle file for what belongs to it, by the names that RELION and cryoSPARC give.

    Where the file is a symbolic link, and nothing is beside it, beside its target.

    RELION: run_data.star goes with run_class001.mrc and run_half1_class001_unfil.mrc (with iterations:
    run_it025_data.star, run_it025_class001.mrc, run_it025_half1_class001.mrc), if there is one class; the mask is that
    of the job (job.star), or the only *mask*.mrc. cryoSPARC: *_particles.cs goes with *_volume_map.mrc (or *_map.mrc),
    *_map_half_A.mrc (or *_half_map_A.mrc), *_mask_refine.mrc (or the only *mask*.mrc) and *_passthrough_particles.cs;
    of several iterations, with those of the same name up to the last.
    """
    given = Path(particles)
    if not given.is_file():
        return Companions()
    for source in (given, given.resolve()):
        found = _PARTICLES.match(source.name)
        if found is None:
            continue
        beside = _cryosparc(source) if source.suffix == ".cs" else _relion(source, found["stem"])
        if beside != Companions():
            return beside
    return Companions()


def _relion(source: Path, stem: str) -> Companions:
    folder = source.parent
    first = folder / f"{stem}_class001.mrc"
    alone = first.is_file() and not (folder / f"{stem}_class002.mrc").is_file()
    halves = [_first(folder / f"{stem}_half{i}_class001{end}.mrc" for end in ("_unfil", "")) for i in (1, 2)]
    return Companions(first if alone else None, tuple(h for h in halves if h) if alone and all(halves) else (),
                      _relion_mask(folder) or _only(folder.glob("*mask*.mrc")))


def _relion_mask(folder: Path) -> Path | None:
    """The mask that job.star names, relative to the project or a folder above the job."""
    try:
        tables = read_star(folder / "job.star")
    except InputError:
        return None
    table = tables.get("joboptions_values")
    if table is None or "rlnJobOptionVariable" not in table or "rlnJobOptionValue" not in table:
        return None
    options = dict(zip(table.texts("rlnJobOptionVariable"), table.texts("rlnJobOptionValue"), strict=True))
    name = options.get("fn_mask", "")
    return _first(p / name for p in folders_above(folder / "job.star")) if name else None


def _cryosparc(source: Path) -> Companions:
    folder = source.parent
    maps = [p for p in folder.glob("*map.mrc") if "half" not in p.name]
    volume = _nearest(source, [p for p in maps if p.name.endswith("_volume_map.mrc")] or maps)
    halves = [_nearest(source, [*folder.glob(f"*half_{x}.mrc"), *folder.glob(f"*half_map_{x}.mrc")]) for x in "AB"]
    mask = _nearest(source, folder.glob("*mask_refine.mrc")) or _only(folder.glob("*mask*.mrc"))
    further = [p for p in folder.glob("*passthrough*particles*.cs") if p != source]
    nearest = _nearest(source, further)
    return Companions(volume, tuple(h for h in halves if h) if all(halves) else (), mask,
                      (nearest,) if nearest else ())


def _first(paths: Iterable[Path]) -> Path | None:
    return next((p for p in paths if p.is_file()), None)


def _only(paths: Iterable[Path]) -> Path | None:
    found = list(paths)
    return found[0] if len(found) == 1 else None


def _nearest(source: Path, paths: Iterable[Path]) -> Path | None:
    """The one whose name agrees with the source's for longest; of equals, the last by name."""
    def agreement(path: Path) -> int:
        return sum(1 for _ in takewhile(lambda letters: letters[0] == letters[1], zip(path.name, source.name,
                                                                                      strict=False)))

    return max(paths, key=lambda p: (agreement(p), p.name), default=None)
