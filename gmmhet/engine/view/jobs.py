"""Commands that run beside the page, each a process of its own."""

import asyncio
import re
import sys
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gmmhet.engine.view.actions import Work, shown_command
from gmmhet.engine.view.result import ResultFolder
from gmmhet.engine.view.settings import VIEW

__all__ = ["Job", "Jobs"]

_PROGRESS = re.compile(r"(\d+) of (\d+), \d+ s left")
_TIME = re.compile(r"^\d\d:\d\d:\d\d ")
_LINES = 200


@dataclass
class Job:
    """Work that waits, runs or has ended.

    Attributes:
        state: waiting, running, done, failed or stopped. share: of what the last line of progress counts.
    """

    number: int
    work: Work
    state: str = "waiting"
    share: float | None = None
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_LINES))
    process: asyncio.subprocess.Process | None = None


class Jobs:
    """All jobs of this page; at most some at the same time."""

    def __init__(self, result: ResultFolder) -> None:
        self._result = result
        self._jobs: list[Job] = []
        self._room = asyncio.Semaphore(VIEW.at_once)
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Work) -> Job:
        """Begin, as soon as there is room."""
        job = Job(len(self._jobs) + 1, work)
        self._jobs.append(job)
        task = asyncio.create_task(self._run(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return job

    def listed(self) -> list[dict[str, Any]]:
        """Every job for the page, the last first."""
        return [self.told(job) for job in reversed(self._jobs)]

    def told(self, job: Job) -> dict[str, Any]:
        """A job for the page: number, label, state, progress, commands, and the files that are there."""
        found = {k: self._result.name_of(p) for k, p in job.work.results.items() if p.is_file()}
        return {"number": job.number, "label": job.work.label, "state": job.state, "share": job.share,
                "line": job.lines[-1] if job.lines else "",
                "commands": [shown_command(c) for c in job.work.commands],
                "files": found if job.state == "done" else {}}

    def stop(self, number: int) -> None:
        """End a job; one that is no more does not mind."""
        for job in self._jobs:
            if job.number == number and job.state in ("waiting", "running"):
                job.state = "stopped"
                _end(job)

    async def close(self) -> None:
        """End all, and wait for them."""
        for job in self._jobs:
            self.stop(job.number)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, job: Job) -> None:
        async with self._room:
            for words in job.work.commands:
                if job.state == "stopped":
                    return
                job.state, job.share = "running", None
                if await self._command(job, words):
                    if job.state != "stopped":
                        job.state = "failed"
                    return
            if job.state != "stopped":
                job.state = "done"

    async def _command(self, job: Job, words: list[str]) -> int:
        job.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gmmhet.engine", *words, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, limit=1 << 20)
        if job.state == "stopped":  # while it was started
            _end(job)
        assert job.process.stderr is not None
        async for line in job.process.stderr:
            self._take(job, line.decode("utf-8", "replace").strip())
        status = await job.process.wait()
        _keep_log(job.work.folder, words, job.lines)
        return status

    @staticmethod
    def _take(job: Job, line: str) -> None:
        text = _TIME.sub("", line)
        if not text:
            return
        job.lines.append(text)
        found = _PROGRESS.search(text)
        job.share = int(found[1]) / max(int(found[2]), 1) if found else job.share


def _end(job: Job) -> None:
    if job.process is not None and job.process.returncode is None:
        with suppress(ProcessLookupError):
            job.process.terminate()


def _keep_log(folder: Path, words: list[str], lines: deque[str]) -> None:
    """The command, so that it can be repeated when the page is gone, and what it said."""
    with suppress(OSError), open(folder / "commands.txt", "a", encoding="utf-8") as out:
        out.write("\n".join([shown_command(words), *(f"# {line}" for line in lines), ""]))
