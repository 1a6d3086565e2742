"""What ``gmmhet run`` tells on its way: what it will take, each stage, and its end."""

import logging
import shlex
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from gmmhet.engine.commands.command import RUN_STAGES
from gmmhet.engine.commands.display import TOLD, Details
from gmmhet.engine.config import AnalyzeConfig, CompositionConfig, FitConfig
from gmmhet.engine.progress import Course, watching
from gmmhet.engine.wording import run as wording
from gmmhet.engine.wording.command_line import next_step

if TYPE_CHECKING:
    from gmmhet.engine.fitting.consensus import Consensus
    from gmmhet.engine.io import ParticleTable

__all__ = ["LOG_FILE", "Telling"]

LOG_FILE = "run.log"
_LOG = logging.getLogger("gmmhet")


class Telling:
    """Stages on the log; with ``details``, what the run will take as well, and all lines in a file.

    Args:
        details: lines so far, and those to come.
    """

    def __init__(self, details: Details | None = None) -> None:
        self._details = details
        self._course = watching() or Course(dict.fromkeys(RUN_STAGES))
        if tuple(self._course.expected) != RUN_STAGES:  # run from Python, within another course
            self._course = Course(dict.fromkeys(RUN_STAGES))

    def folder(self, folder: Path) -> None:
        """The folder of the results is there."""
        if self._details is not None:
            self._details.write_to(folder / LOG_FILE)

    def stage(self, name: str) -> None:
        """A stage begins."""
        self._course.enter(name)
        TOLD.info("%s", wording.stage_line(self._course.position()))

    def kept(self, name: str) -> None:
        """A stage was done before."""
        self._course.enter(name)
        TOLD.info("%s", wording.stage_kept(self._course.position()))

    def left_out(self, name: str, reason: str) -> None:
        """A stage is not done."""
        self._course.enter(name)
        TOLD.info("%s", wording.stage_left_out(self._course.position(), reason))

    def ahead(self, table: "ParticleTable", consensus: "Consensus", folder: Path, fit: FitConfig,
              analyze: AnalyzeConfig, composition: CompositionConfig | None, maps: int) -> None:
        """Measure what this machine can do, and tell what the run will take.

        Args:
            composition: None: without it.
        Raises:
            InputError: images that cannot be read.
        """
        if self._details is None:
            return
        from gmmhet.engine.commands.forecast import Work, expect, measured
        work = Work.of(table, consensus, fit, maps)
        rates = measured(table, work)
        _LOG.info("%s", rates)
        found = expect(self._course, work, rates, analyze, composition)
        free = shutil.disk_usage(folder).free
        TOLD.info("%s", wording.what_it_takes(found.seconds, found.memory, found.disk, free, work.particles))
        if found.disk > free:
            TOLD.warning("%s", wording.no_room(str(folder), found.disk, free))

    def end(self, verdict: str, folder: Path, seconds: float, supported: bool) -> None:
        """The verdict, what to open, and the command that usually follows.

        Args:
            supported: whether maps along a motion were made.
        """
        TOLD.info("%s", verdict)
        TOLD.info("%s", wording.where_to_look(str(folder / "report.html"), str(folder / LOG_FILE),
                                              wording.duration(seconds)))
        TOLD.info("%s", next_step(shlex.join(_following(folder, supported))))


def _following(folder: Path, supported: bool) -> list[str]:
    if find_spec("gmmhet.engine.view") is not None:
        return ["gmmhet", "view", str(folder)]
    if supported:
        return ["gmmhet", "movie", str(folder / "maps"), "-o", str(folder / "motion.gif")]
    return ["gmmhet", "map", str(folder), "-o", str(folder / "model_maps")]
