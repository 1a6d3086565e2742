"""Scipion without its launcher: projects made and run from Python, for the demonstration and the tests."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the framework reads its settings when it is imported
    from pyworkflow.project import Project
    from pyworkflow.protocol import Protocol

__all__ = ["launch", "open_project", "point", "prepare"]

_HOSTS = "[localhost]\nPARALLEL_COMMAND = mpirun -np %_(JOB_NODES)d %_(COMMAND)s\n"


def prepare(folder: Path) -> None:
    """Set up the framework's settings to live in ``folder``. To be called before pyworkflow is first imported."""
    if "pyworkflow" in sys.modules:
        raise RuntimeError("pyworkflow has read its settings already")
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    hosts = folder / "hosts.conf"
    hosts.write_text(_HOSTS, encoding="utf-8")
    os.environ.update(
        SCIPION_DOMAIN="pwem", SCIPION_PYTHON=sys.executable, SCIPION_HOSTS=str(hosts), SCIPION_HOME=str(folder),
        SCIPION_USER_DATA=str(folder), SCIPION_NOTIFY="False", SCIPION_TEST_NOSYNC="True")
    os.environ.setdefault("MPLBACKEND", "Agg")


def open_project(name: str) -> "Project":
    """A new project of this name, which becomes the working directory; one that stands under it is removed."""
    from pyworkflow.project import Manager
    manager = Manager()
    if manager.hasProject(name):
        manager.deleteProject(name)
    project = manager.createProject(name)
    os.chdir(project.path)
    return project


def point(project: "Project", protocol: "Protocol", inputs: Mapping[str, tuple["Protocol", str]]) -> None:
    """Connect inputs of a protocol: parameter name to (other protocol, name of its output)."""
    for name, (source, output) in inputs.items():
        pointer = getattr(protocol, name)
        pointer.set(source)
        pointer.setExtended(output)
    project.saveProtocol(protocol)


def launch(project: "Project", protocol: "Protocol") -> "Protocol":
    """Run a protocol to its end.

    Raises:
        RuntimeError: it did not finish; carries the protocol's own error message.
    """
    project.launchProtocol(protocol, wait=True)
    if not protocol.isFinished():
        raise RuntimeError(f"{protocol.getClassLabel()}: {protocol.getErrorMessage()}")
    return protocol
