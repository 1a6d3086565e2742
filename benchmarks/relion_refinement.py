"""A refinement by RELION 3.1 as its users make one: a coarse search of all views, then half-sets refined apart."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from running import Cost, run

__all__ = ["Refinement", "reconstruct_with_relion", "refine"]

_COARSE_ITERATIONS = 5


@dataclass(frozen=True)
class Refinement:
    """Files of a finished auto-refinement.

    Attributes:
        particles: run_data.star, whose images are named from the data's folder. map: run_class001.mrc; half maps lie
            beside it. coarse, fine: what the two parts took.
    """

    particles: Path
    map: Path
    coarse: Cost
    fine: Cost


def refine(data: Path, out: Path, *, diameter: float, low_pass: float, order: int, ranks: int = 3) -> Refinement:
    """Refine the particles of a simulated folder from its consensus, low-passed; done once.

    Args:
        diameter: of the mask around particles, Angstrom. low_pass: of the initial model, Angstrom. order: HEALPix order
            of the coarse search (1: 15 degrees, 2: 7.5). ranks: of MPI; 3 at least for gold-standard half-sets.
    Raises:
        SystemExit: a program is missing or failed.
    """
    for program in ("relion_refine", "relion_refine_mpi", "relion_image_handler", "mpirun"):
        if shutil.which(program) is None:
            raise SystemExit(f"{program} is not installed: on Debian, apt-get install relion")
    data, out = data.resolve(), out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    log, coarse, fine = out / "relion.log", out / "coarse", out / "run"
    last = f"{coarse}_it{_COARSE_ITERATIONS:03d}"
    common = ["--ctf", "--ctf_corrected_ref", "--flatten_solvent", "--zero_mask", "--norm", "--scale", "--sym", "C1",
              "--pad", 1, "--preread_images", "--pool", 30, "--oversampling", 1, "--particle_diameter", diameter]
    spent = [Cost(), Cost()]
    if not Path(f"{last}_data.star").is_file():
        _relion(["relion_image_handler", "--i", data / "consensus.mrc", "--o", out / "initial.mrc", "--lowpass",
                 low_pass], data, log)
        spent[0] = _relion(
            ["relion_refine", "--o", coarse, "--i", "particles.star", "--ref", out / "initial.mrc", "--firstiter_cc",
             "--ini_high", low_pass, "--iter", _COARSE_ITERATIONS, "--K", 1, "--tau2_fudge", 4, "--healpix_order",
             order, "--offset_range", 3, "--offset_step", 3, "--maxsig", 100, "--j", ranks - 1, *common], data, log)
    if not Path(f"{fine}_data.star").is_file():
        root = ["--allow-run-as-root"] if os.geteuid() == 0 else []
        spent[1] = _relion(
            ["mpirun", *root, "--oversubscribe", "-n", ranks, "relion_refine_mpi", "--o", fine, "--i",
             f"{last}_data.star", "--ref", f"{last}_class001.mrc", "--auto_refine", "--split_random_halves",
             "--ini_high", 0.7 * low_pass, "--low_resol_join_halves", 40, "--healpix_order", order + 1,
             "--auto_local_healpix_order", order + 1, "--sigma_ang", 10, "--auto_ignore_angles", "--auto_resol_angles",
             "--offset_range", 3, "--offset_step", 2, "--j", 1, *common], data, log)
    return Refinement(Path(f"{fine}_data.star"), Path(f"{fine}_class001.mrc"), spent[0], spent[1])


def reconstruct_with_relion(particles: Path, out: Path, folder: Path) -> None:
    """The map of the particles of a STAR file; folder: that its images are named from."""
    _relion(["relion_reconstruct", "--i", particles.resolve(), "--o", out.resolve(), "--ctf"], folder,
            out.parent.resolve() / "relion.log")


def _relion(words: list[object], folder: Path, log: Path) -> Cost:
    return run([str(w) for w in words], log, folder=folder)
