"""Programs that find motions, each as a few commands from one refinement to coordinates of the particles."""

import os
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.io import ParticleTable

__all__ = ["Program", "Task", "cryodrgn", "gmmhet", "recovar", "relion_multibody"]

Array = NDArray[np.float64]
_RANKS = 3  # the fewest with which RELION refines half-sets apart


@dataclass(frozen=True)
class Task:
    """One refinement, and how the programs are asked.

    Attributes:
        root: folder that the images in star are named from. star, map: of the refinement. table: its particles.
    epochs: of cryoDRGN. zdim: coordinates that cryoDRGN and RECOVAR are to find.
        optimiser: of the last iteration of a refinement by RELION; None where there is none. bodies: STAR of the bodies
            of a multi-body refinement; None where there is none.
    """

    root: Path
    star: Path
    map: Path
    table: ParticleTable
    epochs: int
    zdim: int
    optimiser: Path | None = None
    bodies: Path | None = None


@dataclass(frozen=True)
class Program:
    """commands: what to run in the task's root, results into a folder. coordinates: [n, K] that it left there, in the
    order of the STAR."""

    name: str
    version: str
    commands: Callable[[Task, Path], list[list[str]]]
    coordinates: Callable[[Path], Array]


def gmmhet(*options: str, name: str = "gmmhet") -> Program:
    """The whole run, from the files of the refinement."""
    from gmmhet import __version__
    from gmmhet.engine.latent_space.saved_analysis import ANALYSIS_FILE

    def commands(task: Task, folder: Path) -> list[list[str]]:
        return [[sys.executable, "-m", "gmmhet.engine", "run", str(task.star), str(task.map), "--root", str(task.root),
                 "-o", str(folder / "run"), *options]]

    def coordinates(folder: Path) -> Array:
        return ANALYSIS_FILE.read(folder / "run" / "analysis" / "analysis.npz", ("coordinates",))["coordinates"]

    return Program(name, __version__, commands, coordinates)


def relion_multibody() -> Program:
    """Multi-body refinement, and the principal components of the orientations of the bodies.

    Raises:
        SystemExit: RELION is not installed.
    """
    for program in ("relion_refine_mpi", "relion_flex_analyse", "mpirun"):
        if shutil.which(program) is None:
            raise SystemExit(f"{program} is not installed: on Debian, apt-get install relion")
    said = subprocess.run(["relion_refine", "--version"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"\d+\.\d+(\.\d+)?", said)

    def commands(task: Task, folder: Path) -> list[list[str]]:
        if task.optimiser is None or task.bodies is None:
            raise SystemExit("a multi-body refinement starts from RELION's refinement: give --realistic")
        root = ["--allow-run-as-root"] if os.geteuid() == 0 else []
        out = folder / "multibody"
        refine = ["mpirun", *root, "--oversubscribe", "-n", _RANKS, "relion_refine_mpi", "--continue", task.optimiser,
                  "--o", out, "--multibody_masks", task.bodies, "--solvent_correct_fsc", "--oversampling", 1,
                  "--healpix_order", 3, "--auto_local_healpix_order", 3, "--offset_range", 3, "--offset_step", 1.5,
                  "--pad", 1, "--preread_images", "--pool", 30, "--j", 1]
        analyse = ["relion_flex_analyse", "--PCA_orient", "--model", f"{out}_model.star", "--data", f"{out}_data.star",
                   "--bodies", task.bodies, "--o", folder / "analyse", "--write_pca_projections"]
        return [[str(word) for word in words] for words in (refine, analyse)]

    def coordinates(folder: Path) -> Array:
        (found,) = folder.glob("analyse*projections_along_eigenvectors_all_particles.txt")
        lines = found.read_text(encoding="utf-8").splitlines()  # the name of the image, and its projections
        return np.array([line.split()[1:] for line in lines if line.strip()], np.float64)

    return Program("multi-body", version[0] if version else "", commands, coordinates)


def cryodrgn(programs: Path) -> Program:
    """Its parsers of poses and CTF and ``train_vae``, without mixed precision (of GPUs) and without its analysis."""

    def commands(task: Task, folder: Path) -> list[list[str]]:
        box, pixel = str(task.table.box), str(task.table.pixel_size)
        program, star = str(programs / "cryodrgn"), str(task.star)
        poses, ctf = str(folder / "poses.pkl"), str(folder / "ctf.pkl")
        return [
            [program, "parse_pose_star", star, "-o", poses, "-D", box, "--Apix", pixel],
            [program, "parse_ctf_star", star, "-o", ctf, "-D", box, "--Apix", pixel],
            [program, "train_vae", star, "--datadir", str(task.root), "--poses", poses, "--ctf", ctf, "--zdim",
             str(task.zdim), "-n", str(task.epochs), "-o", str(folder / "vae"), "--no-analysis", "--no-amp",
             "--uninvert-data"],  # the images are white on black already
        ]

    def coordinates(folder: Path) -> Array:
        numbered = [(int(m[1]), p) for p in (folder / "vae").glob("z.*.pkl")
                    if (m := re.fullmatch(r"z\.(\d+)\.pkl", p.name))]
        return np.asarray(_unpickled(max(numbered)[1]), np.float64)

    return Program("cryoDRGN", _version(programs / "python", "cryodrgn"), commands, coordinates)


def recovar(programs: Path) -> Program:
    """``pipeline`` in a sphere as mask, at the size of the images."""

    def commands(task: Task, folder: Path) -> list[list[str]]:
        return [[str(programs / "recovar"), "pipeline", str(task.star), "--datadir", str(task.root), "-o",
                 str(folder / "pipeline"), "--mask", "sphere", "--zdim", str(task.zdim), "--no-downsample",
                 "--accept-cpu"]]

    def coordinates(folder: Path) -> Array:
        (found,) = (folder / "pipeline" / "model").glob("zdim_*/latent_coords.npy")  # in the order of the STAR
        return np.asarray(np.load(found), np.float64)

    return Program("RECOVAR", _version(programs / "python", "recovar"), commands, coordinates)


def _version(python: Path, package: str) -> str:
    """As the environment of an interpreter tells it."""
    if not python.is_file():
        raise SystemExit(f"{python}: no such file; expected the folder of programs of an environment with {package}")
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    found = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=False)
    if found.returncode:
        raise SystemExit(f"{python}: has no {package}; expected the folder of programs of its environment")
    return found.stdout.strip()


def _unpickled(path: Path) -> Any:
    with path.open("rb") as source:
        return pickle.load(source)
