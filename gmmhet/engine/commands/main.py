"""The command line, whose options and files are stable. Exit status 0 done, 2 bad input, 1 anything else."""

import contextlib
import importlib
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from gmmhet.engine.commands.arguments import options_from
from gmmhet.engine.commands.command import Command, Process
from gmmhet.engine.commands.display import shown
from gmmhet.engine.commands.parser import parse
from gmmhet.engine.commands.pipes import readers_may_leave
from gmmhet.engine.commands.table import COMMANDS
from gmmhet.engine.errors import InputError, storage_problem
from gmmhet.engine.progress import Course
from gmmhet.engine.runtime.devices import set_devices, share_of_cores
from gmmhet.engine.runtime.mpi_start import MpiJob, announced_ranks
from gmmhet.engine.runtime.pool import Pool, WorkersError, pool, use
from gmmhet.engine.wording.run import GOES_ON

__all__ = ["main"]

_LOG = logging.getLogger("gmmhet")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, alone or as the first process of an MPI job; returns the exit status."""
    job, problem = None, None
    if announced_ranks() > 1:
        try:
            job = MpiJob()
        except InputError as error:
            problem = error
    if job is not None and job.rank:
        address = job.told()
        if address is not None:
            importlib.import_module("gmmhet.engine.runtime.clusters").work_for(job, address)
        return 0
    try:
        with readers_may_leave():
            return _lead(arguments, job, problem)
    finally:
        pool().close()
        use(Pool())
        if job is not None:
            job.dismiss()


def _lead(arguments: Sequence[str] | None, job: MpiJob | None, problem: InputError | None) -> int:
    """The command itself.

    Args:
        problem: with the way that the processes were started.
    """
    typed = parse(arguments)
    command = COMMANDS[typed.command]
    course = Course(dict.fromkeys(command.STAGES or (command.NAME,)))
    error_file: Path | None = getattr(typed, "error_file", None)
    try:
        process = options_from(Process, typed)
        with shown(course, verbose=process.verbose, brief=command.BRIEF, serves=command.SERVES):
            if problem is not None:
                raise problem
            if process.threads is not None and process.threads < 1:
                raise InputError(f"--threads is {process.threads}; expected 1 or more")
            _prepare(process, job if command.SHARED else None, command)
            options_from(command, typed).execute()
    except InputError as error:
        return _refuse(error, error_file)
    except WorkersError as error:
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
            return _refuse(problem, error_file)
        _LOG.exception("gmmhet: failed unexpectedly")
        return 1
    except Exception:
        _LOG.exception("gmmhet: failed unexpectedly")
        return 1
    return 0


def _prepare(process: Process, job: MpiJob | None, command: type[Command]) -> None:
    """Threads and GPUs of this process, and those who share its work."""
    asked = [name for name, value in (("--workers", process.workers), ("--scheduler", process.scheduler),
                                      ("--cluster", process.cluster), ("mpirun or srun", job)) if value is not None]
    if len(asked) > 1 and asked != ["--workers", "--cluster"]:
        raise InputError(f"{' and '.join(asked)} together; expected one of them, or --workers with --cluster")
    if asked and not command.SHARED:
        raise InputError(f"gmmhet {command.NAME} shares no work; expected no {asked[0]}")
    threads = process.threads
    if job is not None:
        threads = threads or share_of_cores(job.here, job.threads)
    elif process.workers is not None and process.cluster is None:
        threads = threads or share_of_cores(process.workers)
    set_devices(threads, process.gpu)
    if asked:
        use(_workers(process, job, threads))


def _workers(process: Process, job: MpiJob | None, threads: int | None) -> Pool:
    try:
        clusters = importlib.import_module("gmmhet.engine.runtime.clusters")
    except ImportError as error:
        raise InputError(f"workers need Dask ({error}); expected pip install 'gmmhet[cluster]'") from None
    started: Pool
    if job is not None:
        started = clusters.of_mpi(job, threads, process.gpu)
    elif process.scheduler is not None:
        started = clusters.of_scheduler(process.scheduler, threads, process.gpu)
    elif process.cluster is not None:
        started = clusters.of_queue(process.cluster, process.workers or 1, threads, process.gpu)
    else:
        started = clusters.on_this_machine(process.workers, threads, process.gpu)
    return started


def _refuse(error: InputError, error_file: Path | None) -> int:
    """Say what is wrong in one line; returns the exit status."""
    print(f"gmmhet: error: {error}", file=sys.stderr)
    if error_file is not None:
        with contextlib.suppress(OSError):  # the line stands on standard error in any case
            error_file.write_text(f"{error}\n", encoding="utf-8")
    return 2
