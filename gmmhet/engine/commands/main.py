"""The command line, whose options and files are stable. Exit status 0 done, 2 bad input, 1 anything else."""

import contextlib
import importlib
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from gmmhet.engine.commands.arguments import options_from
from gmmhet.engine.commands.command import Process
from gmmhet.engine.commands.display import shown
from gmmhet.engine.commands.parser import parse
from gmmhet.engine.commands.pipes import readers_may_leave
from gmmhet.engine.commands.table import COMMANDS
from gmmhet.engine.errors import InputError, storage_problem
from gmmhet.engine.progress import Course
from gmmhet.engine.runtime.devices import set_devices, start
from gmmhet.engine.runtime.ranks import Communicator, RankError, use
from gmmhet.engine.wording.run import GOES_ON

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
        with readers_may_leave():
            status = _lead(arguments, ranks, problem)
    finally:
        ranks.finish(status)
    return status


def _lead(arguments: Sequence[str] | None, ranks: Communicator, problem: InputError | None) -> int:
    """The command itself.

    Args:
        problem: with the way that the ranks were started.
    """
    typed = parse(arguments)
    process = options_from(Process, typed)
    command = COMMANDS[typed.command]
    course = Course(dict.fromkeys(command.STAGES or (command.NAME,)))
    try:
        with shown(course, verbose=process.verbose, brief=command.BRIEF, serves=command.SERVES):
            if problem is not None:
                raise problem
            if process.threads is not None and process.threads < 1:
                raise InputError(f"--threads is {process.threads}; expected 1 or more")
            _prepare(ranks, process, command.KERNELS)
            options_from(command, typed).execute()
    except InputError as error:
        return _refuse(error, process.error_file)
    except RankError as error:
        print(f"gmmhet: error: {error}; {GOES_ON}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"gmmhet: interrupted; {GOES_ON}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        raise
    except OSError as error:
        place = None if error.filename else getattr(typed, "output", None)
        problem = storage_problem(error, place)
        if problem is not None:
            return _refuse(problem, process.error_file)
        _LOG.exception("gmmhet: failed unexpectedly")
        return 1
    except Exception:
        _LOG.exception("gmmhet: failed unexpectedly")
        return 1
    return 0


def _prepare(ranks: Communicator, process: Process, kernels: bool) -> None:
    """Devices of every rank, and the kernels: at all ranks at the same time, not at each when it first needs them."""
    places = ranks.distribute(set_devices, (process.threads, process.gpu), [()] * ranks.size)
    if ranks.size > 1:
        _LOG.info("%d ranks: %s", ranks.size, "; ".join(places))
        if kernels:
            ranks.distribute(_load_kernels, (), [()] * ranks.size)


def _load_kernels() -> None:
    importlib.import_module("gmmhet.engine.subspace.passes")


def _refuse(error: InputError, error_file: Path | None) -> int:
    """Say what is wrong in one line; returns the exit status."""
    print(f"gmmhet: error: {error}", file=sys.stderr)
    if error_file is not None:
        with contextlib.suppress(OSError):  # the line stands on standard error in any case
            error_file.write_text(f"{error}\n", encoding="utf-8")
    return 2
