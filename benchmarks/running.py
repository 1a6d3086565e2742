"""Other programs run and measured: wall and processor seconds, memory, disk."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["THREADS", "Cost", "run"]

#: what the libraries of numerical programs read the number of threads from
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS",
           "NUMEXPR_NUM_THREADS")
_SECONDS_BETWEEN_LOOKS = 0.5


@dataclass(frozen=True)
class Cost:
    """wall, processor: seconds; processor of the program and all that it started. memory: GB, of its largest process.
    disk: GB, the most that stood in the folder that was watched."""

    wall: float = 0.0
    processor: float = 0.0
    memory: float = 0.0
    disk: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        """Of one program after the other."""
        return Cost(self.wall + other.wall, self.processor + other.processor, max(self.memory, other.memory),
                    max(self.disk, other.disk))


def run(command: Sequence[str], log: Path, *, cores: int | None = None, environment: Mapping[str, str] | None = None,
        watched: Path | None = None, folder: Path | None = None) -> Cost:
    """Run a program to its end.

    Args:
        log: what it says is added to this file. cores: it is bound to so many, with as many threads; None: all.
        watched: folder whose size is looked at while it runs. folder: it is run in; None: this one.
    Raises:
        SystemExit: it failed.
    """
    available = sorted(os.sched_getaffinity(0))
    own = available[:cores] if cores else available
    settings = {**os.environ, **dict.fromkeys(THREADS, str(len(own))), **(environment or {})}
    started, most = time.monotonic(), 0
    with log.open("ab") as out:
        out.write(f"$ {' '.join(command)}\n".encode())
        out.flush()
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=settings, cwd=folder,
                                   preexec_fn=lambda: os.sched_setaffinity(0, own))
        done = 0
        try:
            while done == 0:
                done, status, usage = os.wait4(process.pid, os.WNOHANG if watched else 0)
                if watched:
                    most = max(most, _size(watched))
                    time.sleep(0 if done else _SECONDS_BETWEEN_LOOKS)
        except BaseException:  # Ctrl-C above all: nothing goes on alone
            process.kill()
            raise
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - started
    if process.returncode:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-12:]
        raise SystemExit("\n".join([f"{command[0]}: exit status {process.returncode}; see {log}", *lines]))
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e9, most / 1e9)


def _size(folder: Path) -> int:
    """Bytes on disk of all files below; files may come and go meanwhile."""
    total = 0
    for name, _, files in os.walk(folder):
        for file in files:
            try:
                total += os.stat(os.path.join(name, file)).st_blocks * 512
            except FileNotFoundError:
                continue
    return total
