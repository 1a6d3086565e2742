"""Commands about points of latent space: map, path, movie."""

from dataclasses import dataclass
from pathlib import Path

from gmmhet.engine.commands.command import Command, Quick
from gmmhet.engine.errors import InputError
from gmmhet.engine.options import Choice, Choices, Typed, option, required

__all__ = ["MapCommand", "MovieCommand", "PathCommand"]

_POINT = "Z1,Z2,..."


@dataclass(frozen=True, kw_only=True)
class _OfAnalysis(Quick):
    """Commands that read an analysis."""

    folder: Path = required(Path, "folder of gmmhet analyze or gmmhet run",
                            typed=Typed(positional=True, metavar="ANALYSIS"))
    rest: str = option("mean", "coordinates that are not given", check=Choices([
        Choice("mean", help="0, the mean of all particles"), Choice("near", help="the mean of the particles near the "
                                                                    "point")]))


@dataclass(frozen=True, kw_only=True)
class MapCommand(Command, _OfAnalysis):
    """gmmhet map."""

    NAME = "map"
    SUMMARY = "maps of the model at points of latent space"
    EXAMPLES = (("gmmhet map result --at -1 --at 1 -o ends", "at both ends of mode 1"),
                ("gmmhet map result --points path.csv --movie motion.gif -o maps", "along a path, with a movie"))

    at: tuple[str, ...] = option((), "a point: coordinates on mode 1, 2, ...; may be repeated",
                                 unit="standard deviations", typed=Typed(metavar=_POINT, repeat=True, basic=True))
    points: Path | None = option(None, "table of points (.csv) with columns latent1,latent2,...",
                                 typed=Typed(basic=True))
    cif: bool = option(False, "also write the Gaussians as pseudo-atoms")
    movie: Path | None = option(None, "also write a movie of the maps, GIF or MP4",
                                typed=Typed(metavar="FILE.gif", basic=True))
    output: Path = required(Path, "folder of the maps", typed=Typed(short="-o"))

    def execute(self) -> None:
        from gmmhet.engine.landscape.stage import map_points
        map_points(self.folder, self.output, at=self.at, table=self.points, rest=self.rest, cif=self.cif,
                   movie=self.movie)


@dataclass(frozen=True, kw_only=True)
class PathCommand(Command, _OfAnalysis):
    """gmmhet path."""

    NAME = "path"
    SUMMARY = "a path of points through the particles in latent space"
    EXAMPLES = (("gmmhet path result -o path.csv", "through all particles, from end to end"),
                ("gmmhet path result --mode 2 -o path.csv", "along mode 2"))

    start: str | None = option(None, "first point", unit="standard deviations",
                               typed=Typed(flag="--from", metavar=_POINT, basic=True))
    end: str | None = option(None, "last point", unit="standard deviations",
                             typed=Typed(flag="--to", metavar=_POINT, basic=True))
    through: tuple[str, ...] = option((), "a point between them; may be repeated, in order", unit="standard deviations",
                                      typed=Typed(metavar=_POINT, repeat=True, basic=True))
    mode: int | None = option(None, "go along this mode (from 1), through the mean of the particles at each coordinate",
                              typed=Typed(basic=True))
    trace: bool = option(False, "go through all particles, from end to end, or around where they form a ring; this is "
                         "done where no point and no mode is given")
    closed: bool | None = option(None, "return to the first point, on another way where there is one",
                                 otherwise="where the particles form a ring")
    n: int = option(20, "number of points", typed=Typed(basic=True))
    output: Path = required(Path, "table of the points (.csv)", typed=Typed(short="-o"))

    def execute(self) -> None:
        from gmmhet.engine.landscape.stage import PathChoice, write_path
        if (self.start, self.end, *self.through) != (None, None) and (
                self.start is None or (self.end is None and not self.closed)):
            raise InputError("a path between points needs --from and --to (with --closed, --from alone and --through)")
        stops = tuple(s for s in (self.start, *self.through, self.end) if s is not None)
        trace = self.trace or (not stops and self.mode is None)
        write_path(self.folder, self.output, PathChoice(stops, self.mode, trace, self.closed, self.n, self.rest))


@dataclass(frozen=True, kw_only=True)
class MovieCommand(Command, Quick):
    """gmmhet movie."""

    NAME = "movie"
    SUMMARY = "a movie of maps"
    EXAMPLES = (("gmmhet movie result/maps -o motion.gif", "of the maps from the particles"),)

    folder: Path = required(Path, "folder of gmmhet map or gmmhet reconstruct", typed=Typed(positional=True))
    level: float | None = option(None, "density of the contour", otherwise="from the mean of the maps")
    rate: float = option(8.0, "maps per second", typed=Typed(basic=True))
    output: Path = required(Path, "the movie, GIF or MP4 (with imageio-ffmpeg)",
                            typed=Typed(short="-o", metavar="FILE.gif"))

    def execute(self) -> None:
        from gmmhet.engine.landscape.stage import movie_of
        movie_of(self.folder, self.output, level=self.level, rate=self.rate)
