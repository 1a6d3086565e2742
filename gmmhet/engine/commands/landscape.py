"""gmmhet map, path and movie on the command line."""

import argparse
import re
from pathlib import Path

from gmmhet.engine.errors import InputError

__all__ = ["add_map", "add_movie", "add_path"]

_ANALYSIS = "folder of gmmhet analyze or gmmhet run"
_REST = "coordinates that are not given: mean (0, that of all particles, default), or near (that of the particles near)"


def _points_may_be_negative(sub: argparse.ArgumentParser) -> None:
    """Take -0.5,1.2 for a value: argparse knows only single negative numbers, and would call it an unknown option."""
    sub._negative_number_matcher = re.compile(r"-\.?\d")


def _add_resume(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--resume", action="store_true", help="accepted; the whole is done again, which takes seconds")


def add_map(sub: argparse.ArgumentParser) -> None:
    _points_may_be_negative(sub)
    sub.add_argument("folder", type=Path, metavar="ANALYSIS", help=_ANALYSIS)
    sub.add_argument("--at", action="append", default=[], metavar="Z1,Z2,...",
                     help="a point: coordinates in standard deviations, of mode 1, 2, ...; may be given again")
    sub.add_argument("--points", type=Path, help="table of points (.csv) with columns latent1,latent2,...")
    sub.add_argument("--rest", choices=("mean", "near"), default="mean", help=_REST)
    sub.add_argument("--cif", action="store_true", help="write the Gaussians as pseudo-atoms too")
    sub.add_argument("--movie", type=Path, metavar="FILE.gif", help="write a movie of the maps")
    sub.add_argument("-o", "--output", type=Path, required=True, help="folder")
    _add_resume(sub)
    sub.set_defaults(command=_map)


def _map(options: argparse.Namespace) -> None:
    from gmmhet.engine.landscape.stage import map_points
    map_points(options.folder, options.output, at=options.at, table=options.points, rest=options.rest, cif=options.cif,
               movie=options.movie)


def add_path(sub: argparse.ArgumentParser) -> None:
    _points_may_be_negative(sub)
    sub.add_argument("folder", type=Path, metavar="ANALYSIS", help=_ANALYSIS)
    sub.add_argument("--from", dest="start", metavar="Z1,Z2,...", help="first point, in standard deviations")
    sub.add_argument("--to", dest="end", metavar="Z1,Z2,...", help="last point")
    sub.add_argument("--through", action="append", default=[], metavar="Z1,Z2,...",
                     help="a point between them; may be given again, in order")
    sub.add_argument("--mode", type=int, help="go along this mode (from 1), where its particles are on average")
    sub.add_argument("--trace", action="store_true",
                     help="go along all particles, from far end to far end, or around where they form a ring (default)")
    sub.add_argument("--closed", action=argparse.BooleanOptionalAction,
                     help="return to the first point, on another way where there is one")
    sub.add_argument("--rest", choices=("mean", "near"), default="mean", help=_REST)
    sub.add_argument("--n", type=int, default=20, help="number of points (default 20)")
    sub.add_argument("-o", "--output", type=Path, required=True, help="points.csv")
    _add_resume(sub)
    sub.set_defaults(command=_path)


def _path(options: argparse.Namespace) -> None:
    from gmmhet.engine.landscape.stage import PathChoice, write_path
    if (options.start, options.end, *options.through) != (None, None) and (
            options.start is None or (options.end is None and not options.closed)):
        raise InputError("a path between points needs --from and --to (with --closed, --from alone and --through)")
    stops = tuple(s for s in (options.start, *options.through, options.end) if s is not None)
    trace = options.trace or (not stops and options.mode is None)
    write_path(options.folder, options.output,
               PathChoice(stops, options.mode, trace, options.closed, options.n, options.rest))


def add_movie(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("folder", type=Path, help="folder of gmmhet map or gmmhet reconstruct")
    sub.add_argument("--level", type=float, help="density of the contour (default: found from the mean of the maps)")
    sub.add_argument("--rate", type=float, default=8.0, help="maps a second (default 8)")
    sub.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.gif")
    _add_resume(sub)
    sub.set_defaults(command=_movie)


def _movie(options: argparse.Namespace) -> None:
    from gmmhet.engine.landscape.stage import movie_of
    movie_of(options.folder, options.output, level=options.level, rate=options.rate)
