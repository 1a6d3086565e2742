"""The main job on a small simulated data set, through Scipion: make demo.

Particles of a hinge motion are simulated; a project with the four protocols is made and run; the page about it is
named at the end. Nothing is known to the protocols but the particles, their orientations and the consensus map.
"""

import argparse
import logging
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from gmmhet.headless import launch, open_project, point, prepare

if TYPE_CHECKING:
    from pyworkflow.project import Project
    from pyworkflow.protocol import Protocol

__all__ = ["main"]

_LOG = logging.getLogger("gmmhet.demo")
_PROJECT = "GmmHetDemo"
_RESOLUTION = 16.0  # Angstrom: coarse, as one would start; it keeps the demonstration to minutes


def main(arguments: list[str] | None = None) -> int:
    """Run the demonstration; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--folder", type=Path, default=Path("demo"), help="where everything is written")
    parser.add_argument("--particles", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    logging.basicConfig(stream=sys.stdout, format="%(message)s", level=logging.WARNING)
    _LOG.setLevel(logging.INFO)
    started = time.monotonic()
    folder = options.folder.resolve()
    prepare(folder / "scipion")
    data = folder / "data"
    _LOG.info("Simulating %d particles of a hinge motion in %s", options.particles, data)
    subprocess.run([sys.executable, "-m", "gmmhet.engine", "simulate", "--preset", "hinge11", "--particles",
                    str(options.particles), "-o", str(data)], check=True)
    report = folder / "report.html"
    shutil.copyfile(_run_workflow(data, options.threads), report)
    _LOG.info("\nDone in %.0f s. The page about it:\n    %s", time.monotonic() - started, report)
    return 0


def _run_workflow(data: Path, threads: int) -> Path:
    project = open_project(_PROJECT)
    from gmmhet.protocols import ProtGmmHetAnalyze, ProtGmmHetImport, ProtGmmHetModel, ProtGmmHetReconstruct

    particles = _step(project, project.newProtocol(
        ProtGmmHetImport, particlesFile=str(data / "particles.star"), mapFile=str(data / "consensus.mrc")))
    model = project.newProtocol(ProtGmmHetModel, resolution=_RESOLUTION, numberOfThreads=threads)
    point(project, model, {"inputVolume": (particles, "outputVolume"),
                           "inputParticles": (particles, "outputParticles")})
    _step(project, model)
    motion = project.newProtocol(ProtGmmHetAnalyze, numberOfThreads=threads)
    point(project, motion, {"inputParticles": (particles, "outputParticles"), "inputModel": (model, "outputModel")})
    _step(project, motion)
    maps = project.newProtocol(ProtGmmHetReconstruct, numberOfThreads=threads)
    point(project, maps, {"inputParticles": (motion, "outputParticles")})
    _step(project, maps)
    return Path(maps.getReport()).resolve()


def _step(project: "Project", protocol: "Protocol") -> "Protocol":
    _LOG.info("\n%s ...", protocol.getClassLabel())
    started = time.monotonic()
    launch(project, protocol)
    for line in protocol.summary():
        _LOG.info("    %s", line)
    _LOG.info("    (%.0f s)", time.monotonic() - started)
    return protocol


if __name__ == "__main__":
    sys.exit(main())
