"""The folder whose results are shown, and what the page may read and write in it."""

import json
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

from gmmhet.engine.errors import InputError
from gmmhet.engine.io import ParticleTable, output_folder, read_particles
from gmmhet.engine.latent_space.saved_analysis import Analysis, read_analysis

__all__ = ["MADE", "NotInsideError", "ResultFolder", "open_result"]

#: of what the page makes, in the folder of the result
MADE = "view"
_READABLE = (".cif", ".cs", ".csv", ".cxc", ".gif", ".html", ".json", ".mp4", ".mrc", ".star", ".txt")


class NotInsideError(InputError):
    """A file that the page may not read."""


@dataclass(frozen=True)
class ResultFolder:
    """A result of gmmhet run or analyze.

    Attributes:
        root: the folder, without links. table: latents.star, or subunits.star where subunits were analysed.
        particles: the file that was analysed; the table itself where that is not known or gone. project: folder that
            its image names are relative to.
    """

    root: Path
    analysis: Analysis
    table: Path
    particles: Path
    project: Path | None

    @cached_property
    def rows(self) -> ParticleTable:
        """The table, without its images."""
        found = read_particles(self.table, images=False)
        if len(found) != len(self.analysis.coordinates):
            raise InputError(f"{self.table}: {len(found)} rows; expected {len(self.analysis.coordinates)}, as the "
                             "analysis has")
        return found

    @cached_property
    def images(self) -> ParticleTable:
        """The table with its images.

        Raises:
            InputError: they are not where it says.
        """
        return read_particles(self.table, root=self.project)

    @cached_property
    def modes(self) -> list[dict[str, Any]]:
        """Number (from 1), significant, verdict, of every mode."""
        found = self.json("summary.json", self.analysis.folder).get("modes", [])
        known = found if isinstance(found, list) and len(found) == self.analysis.modes else [{}] * self.analysis.modes
        return [{"number": k, "significant": m.get("significant"), "verdict": str(m.get("verdict", ""))}
                for k, m in enumerate(known, 1)]

    @cached_property
    def verdict(self) -> str:
        """Of the run or the analysis, in words; empty where there is none."""
        run = self.json("run.json", self.root).get("verdict")
        return str(run or self.json("summary.json", self.analysis.folder).get("verdict") or "")

    def json(self, name: str, folder: Path) -> dict[str, Any]:
        """What a file of the result holds; empty where it is missing or no JSON object."""
        return _object(folder / name)

    def inside(self, name: str) -> Path:
        """A file of the result, by its name relative to the folder.

        Raises:
            NotInsideError: the name leads out of the folder, also by a link, or to a file of another kind, or to none.
        """
        path = Path(name)
        if not name or "\0" in name or path.is_absolute() or ".." in path.parts or path.suffix not in _READABLE:
            raise NotInsideError(f"{name[:200]!r} is no file of this result")
        found = (self.root / path).resolve()
        if not found.is_relative_to(self.root) or not found.is_file():
            raise NotInsideError(f"{name[:200]!r} is no file of this result")
        return found

    def new_folder(self, kind: str) -> Path:
        """A new folder view/001_kind, view/002_kind, ...; of several pages at once, each has its own.

        Raises:
            InputError: the folder cannot be written.
        """
        made = self.root / MADE
        if made.is_symlink():
            raise InputError(f"{made} is a link; expected a folder in the result")
        output_folder(made)
        taken = [int(p.name[:3]) for p in made.iterdir() if p.name[:3].isdigit()]
        for number in count(max(taken, default=0) + 1):
            folder = made / f"{number:03d}_{kind}"
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            return folder
        raise AssertionError

    def name_of(self, path: Path) -> str:
        """Name of a file relative to the folder."""
        return path.resolve().relative_to(self.root).as_posix()


def open_result(folder: Path) -> ResultFolder:
    """Raises InputError: no analysis with modes there."""
    analysis = read_analysis(folder)
    root = folder.resolve()
    names = ("subunits.star", "latents.star") if analysis.subunits > 1 else ("latents.star",)
    table = next((analysis.folder / n for n in names if (analysis.folder / n).is_file()), None)
    if table is None:
        raise InputError(f"{analysis.folder}: no {names[0]}; expected the folder of gmmhet analyze or gmmhet run")
    run = _object(root / "run.json").get("parameters", {})
    given = (run.get("particles") or {}).get("path") or _object(analysis.folder / "summary.json").get(
        "parameters", {}).get("particles")
    particles = table
    if analysis.subunits == 1 and isinstance(given, str) and Path(given).is_file():
        particles = Path(given)
    project = run.get("root")
    return ResultFolder(root, analysis, table.resolve(), particles, Path(project) if project else None)


def _object(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
