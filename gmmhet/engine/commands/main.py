"""The command line; see DESIGN: a stable contract. Exit status 0 done, 2 bad input, 1 anything else."""

import argparse
import contextlib
import importlib
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from gmmhet import __version__
from gmmhet.engine.commands.export import add_export
from gmmhet.engine.commands.input import add_check, add_import, add_simulate
from gmmhet.engine.commands.landscape import add_map, add_movie, add_path
from gmmhet.engine.commands.stages import add_analyze, add_fit, add_reconstruct, add_report, add_run
from gmmhet.engine.errors import InputError, storage_problem
from gmmhet.engine.runtime.devices import set_devices, start
from gmmhet.engine.runtime.ranks import Communicator, RankError, use

__all__ = ["main"]

_LOG = logging.getLogger("gmmhet")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, alone or as the ranks of an MPI job, of which the first runs it; returns the exit status."""
    ranks, problem = Communicator(), None
    try:
        ranks = start()
    except InputError as error:
        problem = error
    use(ranks)
    if ranks.rank:
        logging.basicConfig(stream=sys.stderr, format=f"rank {ranks.rank} on {ranks.place.host}: %(message)s",
                            level=logging.WARNING)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first rank gets it too, and ends all
        ranks.serve()
        return 0
    status = 1
    try:
        status = _lead(arguments, ranks, problem)
    finally:
        ranks.finish(status)
    return status


def _lead(arguments: Sequence[str] | None, ranks: Communicator, problem: InputError | None) -> int:
    """The command itself.

    Args:
        problem: with the way that the ranks were started.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(message)s", datefmt="%H:%M:%S",
                        level=logging.DEBUG if options.verbose else logging.INFO)
    if options.threads is not None and options.threads < 1:
        parser.error(f"--threads is {options.threads}; expected 1 or more")
    try:
        if problem is not None:
            raise problem
        places = ranks.distribute(set_devices, (options.threads, options.gpu), [()] * ranks.size)
        if ranks.size > 1:
            _LOG.info("%d ranks: %s", ranks.size, "; ".join(places))
            if options.kernels:  # all at the same time, not each when it is first needed
                ranks.distribute(_load_kernels, (), [()] * ranks.size)
        options.command(options)
    except InputError as error:
        return _refuse(error, options.error_file)
    except RankError as error:
        print(f"gmmhet: error: {error}; the same command with --resume goes on from here", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("gmmhet: interrupted; the same command with --resume goes on from here", file=sys.stderr)
        return 1
    except OSError as error:
        place = None if error.filename else getattr(options, "output", None)
        problem = storage_problem(error, place)
        if problem is not None:
            return _refuse(problem, options.error_file)
        _LOG.exception("gmmhet: failed unexpectedly")
        return 1
    except Exception:
        _LOG.exception("gmmhet: failed unexpectedly")
        return 1
    return 0


def _load_kernels() -> None:
    importlib.import_module("gmmhet.engine.subspace.passes")


def _refuse(error: InputError, error_file: Path | None) -> int:
    """Say what is wrong in one line; returns the exit status."""
    print(f"gmmhet: error: {error}", file=sys.stderr)
    if error_file is not None:
        with contextlib.suppress(OSError):  # the line stands on standard error in any case
            error_file.write_text(f"{error}\n", encoding="utf-8")
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gmmhet", description="Motions and changes of a molecule in single-particle cryo-EM data. "
        "Lengths are Angstrom, angles degrees.")
    parser.add_argument("--version", action="version", version=f"gmmhet {__version__}")
    parser.set_defaults(kernels=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, add, text in (
        ("simulate", add_simulate, "particles with planted motion, to try things on"),
        ("import", add_import, "refined particles of another program as particles.star"),
        ("check", add_check, "whether particles, their poses and a map fit together, before any work"),
        ("fit", add_fit, "represent a map (or an atomic model) by Gaussians"),
        ("analyze", add_analyze, "find the motions and place every particle on them"),
        ("reconstruct", add_reconstruct, "maps from the particles along a motion"),
        ("map", add_map, "maps of the model at any points of latent space"),
        ("path", add_path, "a path of points through latent space that follows the particles"),
        ("movie", add_movie, "a movie of maps along a path"),
        ("export", add_export, "chosen particles of the original file, for the program they came from"),
        ("report", add_report, "one self-contained page about a run"),
        ("run", add_run, "fit, analyze, reconstruct and report"),
    ):
        sub = commands.add_parser(name, help=text, description=text)
        sub.add_argument("--threads", type=int, help="processor threads of a process (default: all, or a rank's share)")
        sub.add_argument("--gpu", help="GPU numbers, comma-separated, or none (default: what TensorFlow "
                         "sees); ranks of an MPI job share them out")
        sub.add_argument("--error-file", type=Path, help="write the line about bad input to this file too")
        sub.add_argument("-v", "--verbose", action="store_true", help="log more")
        add(sub)
    return parser
