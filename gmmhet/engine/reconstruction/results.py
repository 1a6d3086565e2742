"""The files of a reconstruction, and what an interrupted one left."""

import csv
import hashlib
import json
import logging
import math
import re
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NotRequired, TypedDict

from gmmhet import __version__
from gmmhet.engine.config import ReconstructConfig
from gmmhet.engine.io import ParticleTable, made_by, output_folder, remove_files, replacing, write_particles
from gmmhet.engine.reconstruction.spreading import gridding

__all__ = [
    "COMMAND", "SPOOL", "Bandwidth", "LocalRecord", "MapContent", "MapRecord", "MapResult", "ResultFolder",
    "described_local", "fingerprint", "number_or_none",
]

_LOG = logging.getLogger("gmmhet")
SPOOL = ".windows"  # folders of large arrays while maps are made
COMMAND = "reconstruct"  # as summary.json tells it
_MAPS = r"map_\d+(_half[12]|_local_resolution|_sharpened)?\.mrc|summary\.json|fsc\.csv|classes\.star"
_FILES = re.compile(_MAPS)
#: without a map to go on from, its checkpoint goes too: another run must not take the next maps for them; and so does
#: what gmmhet movie wrote beside the maps
_ALL_FILES = re.compile(_MAPS + r"|checkpoint\.json|series\.cxc")
_FORMAT = 4  # of checkpoint.json: what an older version left is not resumed
_FOR_LATER = ("resume", "sharpen")  # options that the maps in the checkpoint do not depend on


class Bandwidth(TypedDict):
    """Of a frequency band of a map: its resolution (Angstrom), and particles of the narrowest windows accepted."""

    resolution: float
    fewest: float
    median: float


class MapContent(TypedDict):
    """What a map is made of: particles, also by half-set, their state (with --by states), and a note on what it does
    not show."""

    n_particles: int
    n_effective: float
    n_half1: int
    n_half2: int
    note: str | None
    populated: NotRequired[bool]
    state: NotRequired[int]
    parts: NotRequired[int]
    bandwidth: NotRequired[list[Bandwidth]]


class LocalRecord(TypedDict):
    """Local resolution of a map: its file, and percentiles (Angstrom); None where there is none."""

    local_resolution: str | None
    local_resolution_10: float | None
    local_resolution_median: float | None
    local_resolution_90: float | None


class MapRecord(MapContent, LocalRecord):
    """Entry of a map in summary.json; lengths in Angstrom, coordinates in standard deviations."""

    file: str
    half1: str
    half2: str
    coordinate: float | None
    low: float | None
    high: float | None
    resolution_fsc143: float | None
    resolution_fsc500: float | None
    finest: float
    coordinates: list[float]
    sharpened: str | None


@dataclass(frozen=True)
class MapResult:
    """One finished map.

    Attributes:
        number: from 1. record: its entry in summary.json. frequency: [box // 2] 1/Angstrom. curves: [box // 2] each,
            the columns of fsc.csv by name; None where there is no value.
    """

    number: int
    record: MapRecord
    frequency: list[float]
    curves: dict[str, list[float | None]]


def fingerprint(config: ReconstructConfig, table: ParticleTable, files: list[Path]) -> str:
    """What the maps depend on: the options, this version, how it grids, and the files as they are on disk."""
    options = {k: str(v) for k, v in asdict(config).items() if k not in _FOR_LATER}
    digest = hashlib.sha256(json.dumps([_FORMAT, __version__, gridding(), options], sort_keys=True).encode())
    digest.update(table.fingerprint.encode())
    for path in files:
        if path.is_file():
            status = path.stat()
            digest.update(f"{path.resolve()} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


class ResultFolder:
    """The output folder. Maps of an earlier run are kept only to resume the same one, and else removed; other files
    are left as they are.

    Args:
        key: see :func:`fingerprint`.
    Raises:
        InputError: the folder holds the results of another command.
    """

    def __init__(self, path: Path, key: str, *, resume: bool) -> None:
        self.path = output_folder(path)
        self._checkpoint = self.path / "checkpoint.json"
        self._key = key
        self.done: dict[int, MapResult] = {}
        if resume and self._checkpoint.is_file():
            self.done = {m.number: m for m in self._saved() if all((self.path / f).is_file() for f in self._files(m))}
        for spool in self.path.glob(f"{SPOOL}*"):  # of a run that was killed
            shutil.rmtree(spool, ignore_errors=True)
        if made_by(self.path, COMMAND) or self._checkpoint.is_file():
            kept = {name for m in self.done.values() for name in self._files(m)}
            remove_files(self.path, _FILES if self.done else _ALL_FILES, kept)

    def _saved(self) -> list[MapResult]:
        """Maps of the checkpoint, if it is of this reconstruction and can be read."""
        try:
            saved = json.loads(self._checkpoint.read_text())
            return [MapResult(**m) for m in saved["maps"]] if saved["key"] == self._key else []
        except (ValueError, KeyError, TypeError):
            _LOG.warning("%s: cannot be read; all maps are made again", self._checkpoint)
            return []

    @staticmethod
    def _files(result: MapResult) -> list[str]:
        record = result.record
        return [f for f in (record["file"], record["half1"], record["half2"], record["local_resolution"]) if f]

    def finish_map(self, result: MapResult) -> None:
        """Remember a map whose files are written."""
        self.done[result.number] = result
        saved = {"key": self._key, "maps": [asdict(self.done[i]) for i in sorted(self.done)]}
        with replacing(self._checkpoint) as temporary:
            temporary.write_text(json.dumps(saved))

    def write_tables(self, latents: ParticleTable, classes: list[int], about: dict[str, object]) -> None:
        """Write fsc.csv, classes.star and, last, summary.json.

        Args:
            classes: of every row of latents.star. about: the entries of summary.json beside ``maps``.
        """
        results = [self.done[i] for i in sorted(self.done)]
        with replacing(self.path / "fsc.csv") as temporary, open(temporary, "w", newline="", encoding="utf-8") as out:
            table = csv.writer(out, lineterminator="\n")
            table.writerow(["map", "frequency", "resolution", *results[0].curves])
            for result in results:
                for k, *values in zip(result.frequency, *result.curves.values(), strict=True):
                    cells = ["" if v is None else f"{v:.5f}" for v in values]
                    table.writerow([result.number, f"{k:.6f}", f"{1 / k:.4f}", *cells])
        write_particles(self.path / "classes.star", latents, {"rlnClassNumber": [str(c) for c in classes]})
        text = json.dumps(about | {"maps": [r.record for r in results]}, indent=1, allow_nan=False)
        with replacing(self.path / "summary.json") as temporary:
            temporary.write_text(text + "\n")


def described_local(file: str | None, percentiles: list[float] | None) -> LocalRecord:
    """Entries of a map in summary.json about its local resolution; percentiles: 10th, 50th and 90th."""
    low, median, high = percentiles or (None, None, None)
    return {"local_resolution": file, "local_resolution_10": low, "local_resolution_median": median,
            "local_resolution_90": high}


def number_or_none(value: float) -> float | None:
    """For JSON, which has no NaN."""
    return float(value) if math.isfinite(value) else None
