"""Points of latent space as a table (points.csv in CONVENTIONS.rst)."""

import csv
import math
import os
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.io.safe_writing import replacing

__all__ = ["read_points", "write_points"]

_MOST_POINTS = 10_000
_FLAG = {True: "yes", False: "no"}


def read_points(path: str | os.PathLike[str], modes: int) -> NDArray[np.float64]:
    """Points of a table with the columns latent1, latent2, ...; other columns are ignored.

    Args:
        modes: K of the analysis. Where the table has columns for fewer, the others are 0, the mean of all particles.
    Returns:
        [P, K], P at least 1, in the order of the file.
    Raises:
        InputError: no such file, no column latent1, a gap between the columns, one for a mode that the analysis does
            not have, no rows, more than 10,000 of them, or a cell that is not a finite number.
    """
    source = Path(path)
    header, rows = _table(source)
    names = [n for n in header if n.startswith("latent") and n[6:].isdigit()]
    for k in range(len(names)):
        if f"latent{k + 1}" not in names:
            raise InputError(f"{source}: columns {','.join(names)}; expected latent1,latent2,... each once")
    if not names:
        raise InputError(f"{source}: columns {','.join(header)[:80]}; expected latent1,latent2,...")
    if len(names) > modes:
        raise InputError(f"{source}: column latent{len(names)}; expected at most latent{modes}, as the analysis has "
                         f"{modes} mode(s)")
    if not 1 <= len(rows) <= _MOST_POINTS:
        raise InputError(f"{source}: {len(rows)} points; expected 1 to {_MOST_POINTS}")
    points = np.zeros((len(rows), modes))
    for number, (line, cells) in enumerate(rows):
        if len(cells) != len(header):
            raise InputError(f"{source}: line {line}: {len(cells)} values; expected {len(header)} as in the header")
        for k in range(len(names)):
            points[number, k] = _number(source, line, f"latent{k + 1}", cells[header.index(f"latent{k + 1}")])
    return points


def _table(source: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Names of the columns, and the rows with the numbers of their lines; empty lines and # comments are skipped."""
    try:
        with open(source, newline="", encoding="utf-8-sig") as handle:
            reader = csv.reader(handle)
            lines = [(reader.line_num, [c.strip() for c in cells]) for cells in reader
                     if any(c.strip() for c in cells) and not cells[0].lstrip().startswith("#")]
    except FileNotFoundError:
        raise InputError(f"{source}: no such file; expected a table of points (.csv)") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{source}: cannot be read as a table ({error}); expected columns latent1,...") from None
    if not lines:
        raise InputError(f"{source}: is empty; expected a header latent1,latent2,... and a row for every point")
    return lines[0][1], lines[1:]


def _number(source: Path, line: int, name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{source}: line {line}: {name} is {text!r}; expected a finite number")
    return value


def write_points(path: str | os.PathLike[str], points: ArrayLike, density: ArrayLike, populated: ArrayLike) -> None:
    """Write points with what is known of their surroundings; read_points gives the points back, to six digits.

    Args:
        points: [P, K]. density: [P] of particles, relative to its maximum. populated: [P] of bool.
    """
    table = np.asarray(points, np.float64)
    with replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([*(f"latent{k + 1}" for k in range(table.shape[1])), "density", "populated"])
        for row, height, flag in zip(table, np.asarray(density, np.float64), np.asarray(populated, bool), strict=True):
            writer.writerow([*(f"{v:.6f}" for v in row), f"{height:.4g}", _FLAG[bool(flag)]])
