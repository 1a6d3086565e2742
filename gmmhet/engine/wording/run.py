"""What gmmhet run says before, while and after it runs. The analysis' own verdict is part of it."""

from gmmhet.engine.progress import Position
from gmmhet.engine.wording.numbers import amount, counted

__all__ = ["ALONG_CURVES", "EXIT_STATUS", "GOES_ON", "NOT_WANTED", "OF_A_PART", "OF_OTHERS", "OF_SUBUNITS",
           "OTHER_METHOD", "UNFINISHED", "duration", "few_particles", "fewer_than", "lost_share", "maps_along_curve",
           "mode_not_significant", "no_motion", "no_room", "no_scheduler", "no_workers", "not_started",
           "progress_line", "significant_modes", "stage_kept", "stage_left_out", "stage_line", "what_it_takes",
           "where_to_look", "worker_failed", "workers_there"]

EXIT_STATUS = "Exit status: 0 done, 2 bad input, which is named in one line, 1 any other failure."
GOES_ON = "the same command with --resume goes on from here"
#: memory of workers that this run did not start
OF_OTHERS = "set where they were started"
#: why a run does not look for what comes and goes
NOT_WANTED = "--no-composition"
OTHER_METHOD = "it follows an analysis by the likelihood method"
OF_SUBUNITS = "it follows an analysis of whole particles, not of subunits"
OF_A_PART = "a part has a pose of its own"
ALONG_CURVES = "it follows an analysis along straight modes (--decoder linear)"
UNFINISHED = "not finished; the same command with --resume goes on"


def few_particles(count: int, verdict: str) -> str:
    """Fewer particles than any motion can be estimated from."""
    first = verdict if "cannot support a motion" in verdict else f"{count} particles cannot support a motion."
    return f"{first} All files were written, with one map of all particles."


def fewer_than(particles: int) -> str:
    """Too few to look for what comes and goes."""
    return f"fewer than {particles} particles"


def significant_modes(significant: int, modes: int) -> str:
    """Of an analysis without a verdict of its own."""
    return f"{significant} of {modes} modes are significant."


def maps_along_curve(modes: list[int]) -> str:
    """Maps of several modes (from 1) in one series."""
    names = " and ".join(map(str, modes))
    return f"The particles lie along a curve in modes {names}: maps are made at points along it."


def mode_not_significant(mode: int, verdict: str) -> str:
    """Other modes are significant than the one along which maps were to be made (from 1)."""
    return f"{verdict} Mode {mode} is not among them: one map of all particles was made instead.".strip()


def no_motion(count: int, verdict: str) -> str:
    """No mode is significant."""
    return f"No motion is supported by these {count} particles. {verdict}".strip()


def duration(seconds: float) -> str:
    """A time as people say it: 40 s, 3 min, 2 h 10 min."""
    if seconds < 99.5:
        return f"{max(seconds, 1):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d} min"


def progress_line(at: Position, width: int) -> str:
    """Stage of stages, what is done, share and time left; the middle is cut where the line would be too long."""
    first = f"{at.number} of {at.count} · {at.stage}" if at.count > 1 else at.stage
    last = ""
    if at.share is not None and at.left is not None:
        last = f" · {100 * at.share:.0f} % · about {duration(at.left)} left"
    elif at.total > 1:
        last = f" · {at.done} of {at.total}"
    elif at.spent >= 1:
        last = f" · {duration(at.spent)} so far"
    middle = f" · {at.label}" if at.label and at.label != at.stage else ""
    room = max(width - len(first) - len(last), 0)
    if len(middle) > room:
        middle = middle[:room - 1] + "…" if room > len(" · ") + 1 else ""
    return (first + middle + last)[:width]


def stage_line(at: Position) -> str:
    """A stage begins."""
    return f"{at.number} of {at.count} · {at.stage}" + (
        "" if at.share is None or at.left is None else f" · {100 * at.share:.0f} % · about {duration(at.left)} left")


def what_it_takes(seconds: tuple[float, float], memory: float, disk: float, free: float, particles: int) -> str:
    """Before the work begins.

    Args:
        seconds: least and most. memory, disk, free: bytes.
    """
    low, high = (duration(s) for s in seconds)
    time = f"about {low}" if low == high else f"{low} to {high}"
    return f"{counted(particles, 'particle')} will take {time} on this machine, up to {amount(memory)} of memory and " \
           f"{amount(disk)} of disk ({amount(free)} free)."


def no_room(folder: str, disk: float, free: float) -> str:
    """Warning that the results will not fit."""
    return f"{folder}: {amount(free)} free, about {amount(disk)} will be needed."


def stage_kept(at: Position) -> str:
    """The results of a stage of an earlier run stay."""
    return f"{at.number} of {at.count} · {at.stage} · kept from before"


def stage_left_out(at: Position, reason: str) -> str:
    """A stage is not done."""
    return f"{at.number} of {at.count} · {at.stage} · left out: {reason}"


def where_to_look(page: str, log: str, time: str) -> str:
    """What to open."""
    return f"Done in {time}. Open {page} (all that was logged: {log})"


def workers_there(workers: int, threads: int | None, memory: str, dashboard: str) -> str:
    """Who works, and where that can be watched."""
    each = "" if threads is None else f" of {threads} thread{'s' * (threads != 1)}"
    return f"{workers} worker{'s' * (workers != 1)}{each}, memory of each: {memory}; dashboard {dashboard or 'none'}"


def worker_failed(place: str, error: str) -> str:
    """Work raised an error on a worker."""
    return f"worker {place}: {error}"


def lost_share(workers: int) -> str:
    """Every worker that took a share was lost."""
    return f"{workers} workers were lost over the same share of the work; expected workers with more memory (see " \
           "--workers)"


def not_started(reason: object) -> str:
    """Processes of this machine that were to be workers end as soon as they begin."""
    return f"the workers do not start ({reason})"


def no_workers(seconds: float) -> str:
    """All are gone."""
    return f"no worker for {seconds:.0f} s"


def no_scheduler(reason: object) -> str:
    """The connection to the scheduler is lost, or it has stopped."""
    return f"the scheduler of the workers does not answer ({reason})"
