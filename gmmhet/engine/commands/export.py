"""gmmhet export on the command line."""

import argparse
from pathlib import Path

from gmmhet.engine.errors import InputError

__all__ = ["add_export", "add_passthrough"]


def add_passthrough(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--passthrough", type=Path, nargs="+", default=[], metavar="F.cs",
                     help="further .cs files with fields of the same particles")


def add_export(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("source", type=Path, metavar="RESULTS",
                     help="latents.star or classes.star, or the folder of analyze, reconstruct or run")
    sub.add_argument("--particles", type=Path, help="original particle file, whose rows are written (default: RESULTS)")
    sub.add_argument("--root", type=Path, help="project folder that image names are relative to")
    add_passthrough(sub)
    _add_criteria(sub)
    sub.add_argument("--refined-poses", action="store_true", help="write the refined poses instead of the given ones")
    sub.add_argument("--with-coordinates", action="store_true", help="add the columns of the analysis")
    sub.add_argument("-o", "--output", type=Path, required=True, help=".star, or .cs for particles from a .cs")
    sub.add_argument("--resume", action="store_true", help="accepted; the whole is done again, which takes seconds")
    sub.set_defaults(command=_export)


def _add_criteria(sub: argparse.ArgumentParser) -> None:
    group = sub.add_argument_group("which particles (all that is given has to hold)")
    group.add_argument("--mode", type=int, help="mode of --from, --to and --confidence, from 1")
    group.add_argument("--from", type=float, dest="low", metavar="Z", help="lowest coordinate along the mode")
    group.add_argument("--to", type=float, dest="high", metavar="Z", help="highest coordinate along the mode")
    group.add_argument("--class", dest="classes", metavar="N[,M]", help="classes of reconstruct")
    group.add_argument("--ids", type=Path, nargs="+", default=[], metavar="FILE",
                       help="text of row numbers from 1, as the report's lasso writes; of several, what is in all")
    group.add_argument("--confidence", type=float, metavar="SD",
                       help="largest standard deviation of the coordinate (without --mode: of every one)")
    group.add_argument("--keep", nargs=2, metavar=("best|worst", "FRACTION"),
                       help="share of all particles, by log-likelihood")
    group.add_argument("--half", type=int, choices=(1, 2), help="half-set")
    rows = group.add_mutually_exclusive_group()
    rows.add_argument("--unexpand", action="store_true", help="of chosen rows that share an image, only the first")
    rows.add_argument("--expanded", action="store_true", help="all chosen rows (default)")


def _export(options: argparse.Namespace) -> None:
    from gmmhet.engine.export import Criteria, Original, common_ids, export
    keep, fraction = options.keep or (None, None)
    criteria = Criteria(
        options.mode, options.low, options.high, options.confidence, _numbers(options.classes, "--class"),
        common_ids(options.ids) if options.ids else None, keep, _fraction(fraction), options.half,
        options.unexpand)
    export(options.source, options.output, criteria, Original(options.particles, options.root, options.passthrough),
           refined=options.refined_poses, coordinates=options.with_coordinates)


def _fraction(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        raise InputError(f"--keep has the fraction {text!r}; expected a number above 0 and at most 1") from None


def _numbers(text: str | None, label: str) -> tuple[int, ...]:
    words = [] if text is None else text.replace(",", " ").split()
    if not all(w.isascii() and w.isdigit() for w in words) or (text is not None and not words):
        raise InputError(f"{label} is {text!r}; expected numbers from 0, separated by commas")
    return tuple(int(w) for w in words)
