"""What every command is: its options, and what it does with them."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from gmmhet.engine.options import Content, OnForm, Typed, bookkeeping, check_options, option
from gmmhet.engine.options.checks import COUNT, Choice, Choices

__all__ = ["GROUPS", "RUN_STAGES", "Command", "OfProject", "OfRefinement", "Process", "Quick"]

#: in the order of the help
GROUPS = ("Start here", "Step by step", "Look at results", "Data")
#: stages of gmmhet run as they are shown
RUN_STAGES = ("check", "model", "motion", "composition", "maps", "report")

_QUEUES = ("slurm", "pbs", "lsf", "sge")


@dataclass(frozen=True, kw_only=True)
class Command(ABC):
    """A command with its options; a subclass is an options class (see gmmhet.engine.options).

    Attributes:
        NAME: as typed. SUMMARY: in one line. GROUP: of the command in the list of all; one of GROUPS.
        EXAMPLES: command lines, each with what it does.
        STAGES: of its progress; none: it is one. BRIEF: shows few lines, and writes all of them to a file.
        SERVES: runs until it is ended, without progress.
        SHARED: its work can be shared out over workers.
    """

    NAME: ClassVar[str]
    SUMMARY: ClassVar[str]
    GROUP: ClassVar[str] = "Look at results"
    EXAMPLES: ClassVar[tuple[tuple[str, str], ...]] = ()
    STAGES: ClassVar[tuple[str, ...]] = ()
    BRIEF: ClassVar[bool] = False
    SERVES: ClassVar[bool] = False
    SHARED: ClassVar[bool] = False

    @abstractmethod
    def execute(self) -> None:
        """Do it.

        Raises:
            InputError: bad input.
        """


@dataclass(frozen=True, kw_only=True)
class Process:
    """How the process runs: options of every command."""

    threads: int | None = bookkeeping(None, "processor threads of a process", otherwise="all, or a worker's share",
                                      typed=Typed(basic=True))
    gpu: str | None = bookkeeping(None, "GPU numbers with commas between, or none; a machine's workers share them out",
                                  otherwise="those that TensorFlow finds", typed=Typed(basic=True))
    workers: int | None = bookkeeping(None, "processes of this machine, or with --cluster jobs of the queue, that "
                                      "share the work", otherwise="none, or with --cluster one", check=COUNT)
    scheduler: str | None = bookkeeping(None, "address or file of a Dask scheduler that is up, whose workers work",
                                        typed=Typed(metavar="ADDRESS"))
    cluster: str | None = bookkeeping(None, "queue that workers are started in, as the configuration of dask-jobqueue "
                                      "describes it", check=Choices([Choice(n) for n in _QUEUES]))
    error_file: Path | None = bookkeeping(None, "also write the message about bad input to this file",
                                          otherwise="standard error only")
    verbose: bool = bookkeeping(False, "log more", typed=Typed(short="-v"))

    def __post_init__(self) -> None:
        check_options(self)


@dataclass(frozen=True, kw_only=True)
class Quick:
    """Commands that take seconds and leave no checkpoints."""

    resume: bool = bookkeeping(False, "accepted for uniformity; the command, which takes seconds, starts again")


@dataclass(frozen=True, kw_only=True)
class OfProject:
    """Commands that read images."""

    root: Path | None = option(
        None, "project folder that image names are relative to", otherwise="the folder of the particle file, and those "
        "above it", form=OnForm(
            "Project directory", name="rootFolder", advanced=True, content=Content.FOLDER,
            when="where the images are not found"))


@dataclass(frozen=True, kw_only=True)
class OfRefinement(OfProject):
    """Commands that read particle files of other programs."""

    passthrough: tuple[Path, ...] = option(
        (), "further .cs files of cryoSPARC with fields of the same particles",
        form=OnForm("Passthrough file (cryoSPARC)", name="passthroughFile", advanced=True,
                    when="where it has another name than cryoSPARC gave it",
                    help="a further .cs file with fields of the same particles, such as their images or CTF. Empty: "
                    "the passthrough file beside the particles, if there is one"),
        typed=Typed(metavar="F.cs"))
