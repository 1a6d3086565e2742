"""SLURM on one machine: its controller and one node, on loopback, in a folder, for as long as a test takes."""

import contextlib
import os
import platform
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

__all__ = ["PROGRAMS", "SlurmError", "found", "slurm"]

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "scancel", "sinfo", "squeue")
_SECONDS_TO_START = 20.0
_SYSTEM = "/usr/sbin"

_CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
AuthType=auth/none
CredType=cred/none
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/controller.pid
SlurmdPidFile={folder}/node.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
ReturnToService=2
SchedulerParameters=sched_interval=1
NodeName={host} NodeAddr=127.0.0.1 CPUs=1 RealMemory=2000
PartitionName=main Nodes=ALL Default=YES State=UP
"""


class SlurmError(RuntimeError):
    """It does not start on this machine: the reason."""


def found(name: str) -> str | None:
    """A program of SLURM."""
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), _SYSTEM]))


@contextlib.contextmanager
def slurm(folder: Path) -> Iterator[Path]:
    """Gives the configuration file, which SLURM_CONF is to name.

    Raises:
        SlurmError: no node after 20 seconds.
    """
    for name in ("state", "spool"):
        (folder / name).mkdir()
    configuration = folder / "slurm.conf"
    host = platform.node().split(".")[0]
    configuration.write_text(_CONFIGURATION.format(host=host, user=pwd.getpwuid(os.getuid()).pw_name, folder=folder,
                                                   ports=_free_ports(2)), encoding="utf-8")
    with contextlib.ExitStack() as ends:
        for name, more in (("slurmctld", []), ("slurmd", ["-N", host])):
            log = ends.enter_context(open(folder / f"{name}.log", "wb"))
            process = subprocess.Popen([str(found(name)), "-D", "-f", str(configuration), *more], stdout=log,
                                       stderr=log, stdin=subprocess.DEVNULL)
            ends.callback(_end, process)
        _wait_for_a_node(configuration)
        yield configuration


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _wait_for_a_node(configuration: Path) -> None:
    end, said = time.monotonic() + _SECONDS_TO_START, ""
    while time.monotonic() < end:
        done = subprocess.run([str(found("sinfo")), "--noheader", "--format=%t"], capture_output=True, text=True,
                              check=False, env={**os.environ, "SLURM_CONF": str(configuration)}, timeout=60)
        said = f"{done.stdout}{done.stderr}".strip()
        if done.stdout.strip() == "idle":
            return
        time.sleep(0.2)
    raise SlurmError(f"no node of SLURM after {_SECONDS_TO_START:.0f} s: {said}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)
