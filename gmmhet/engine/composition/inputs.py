"""From the files of an analysis to what composition starts from."""

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.composition.particle_equations import Conformations
from gmmhet.engine.composition.settings import OUTPUT
from gmmhet.engine.errors import InputError
from gmmhet.engine.io import ParticleTable, file_beside, read_particles
from gmmhet.engine.latent_space.saved_analysis import ANALYSIS_FILE, CURVE_ARRAYS
from gmmhet.engine.molecule.gaussians import GaussianModel

__all__ = ["Analysed", "read_analysed"]

_LOG = logging.getLogger("gmmhet")
_NEEDED = ("ids", "coordinates", "contrast", "half", "centers", "weights", "sigmas", "box", "pixel_size", "resolution",
           "modes_position", "noise_frequency", "noise_by_group")


@dataclass(frozen=True)
class Analysed:
    """Particles that were analysed.

    Attributes:
        table: the particles. halves: [n] 1 or 2. junk: [n] those taken for junk. model: the Gaussians at coordinate 0.
        at: where they are in each particle, by the significant modes. noise_frequency: [S] 1/Angstrom. noise: [G, S].
        contrast: its mean. kilodalton: of the whole molecule by its volume; None: not known. weight: of all
            Gaussians of the analysis.
    """

    table: ParticleTable
    halves: NDArray[np.int64]
    junk: NDArray[np.bool_]
    model: GaussianModel
    at: Conformations
    noise_frequency: NDArray[np.float64]
    noise: NDArray[np.float64]
    contrast: float
    kilodalton: float | None
    weight: float


def read_analysed(latents: Path, root: Path | None) -> Analysed:
    """latents.star of gmmhet analyze, and what is beside it.

    Raises:
        InputError: unreadable files; an analysis of subunits or by gradient PCA; other particles than it analysed.
    """
    table = read_particles(latents, root=root)
    path = file_beside(latents, "analysis.npz")
    summary = _summary(file_beside(latents, "summary.json"))
    if (path.parent / "subunits.npz").is_file():
        raise InputError(f"{path.parent}: an analysis of subunits; composition expects one of whole particles "
                         "(gmmhet analyze without --symmetry)")
    arrays = ANALYSIS_FILE.read(path, _NEEDED, ("modes_given", "pose", "pose_deviations", "junk", *CURVE_ARRAYS))
    if "curve_position" in arrays:
        raise InputError(f"{path.parent}: an analysis along curves; composition expects one along straight modes "
                         "(gmmhet analyze --decoder linear)")
    if len(table) != len(arrays["ids"]):
        raise InputError(f"{latents}: {len(table)} rows, and {path} has {len(arrays['ids'])} particles; expected the "
                         "latents.star that was written with it")
    significant = int(summary.get("n_significant_modes") or 0)
    position = arrays.get("modes_given", arrays["modes_position"])[:significant]
    coordinates = arrays["coordinates"][:, :significant]
    used = np.flatnonzero((position**2).sum((1, 2)) > 0)
    n = len(table)
    pose, precision = np.zeros((n, 0)), np.zeros(0)
    if "pose" in arrays and "pose_deviations" in arrays:
        pose = arrays["pose"].astype(np.float64)
        mean = (pose**2 + arrays["pose_deviations"].astype(np.float64) ** 2).mean(0)
        precision = 1 / np.maximum(mean, 1e-12)
    model = GaussianModel(arrays["centers"], arrays["weights"], arrays["sigmas"], int(arrays["box"]),
                          float(arrays["pixel_size"]), float(arrays["resolution"]))
    junk = arrays["junk"] > 0.5 if "junk" in arrays else np.zeros(n, bool)
    contrast = float(np.mean(arrays["contrast"][~junk]))
    return Analysed(table, arrays["half"].astype(np.int64), junk, model,
                    Conformations(position[used], coordinates[:, used], pose, precision), arrays["noise_frequency"],
                    arrays["noise_by_group"], contrast,
                    _kilodalton(summary), float(model.weights.sum()))


def _summary(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise InputError(f"{path}: cannot be read; expected the summary of gmmhet analyze") from None
    if not isinstance(found, dict) or found.get("method") != "likelihood":
        raise InputError(f"{path}: not the summary of gmmhet analyze by the likelihood method; composition "
                         "expects one")
    return found


def _kilodalton(summary: dict[str, Any]) -> float | None:
    """Mass by the molecule's volume, which the fitted model tells."""
    parameters = summary.get("parameters")
    name = parameters.get("model") if isinstance(parameters, dict) else None
    if not isinstance(name, str) or not Path(name).is_file():
        return None
    volume = GaussianModel.load(name).about.get("molecule_volume")
    return float(volume) * OUTPUT.density if isinstance(volume, int | float) and volume > 0 else None
