"""Sentences of ``gmmhet reorient``."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["findings", "no_start", "nothing_left", "undetermined", "written"]


def no_start(particles: Path, map_path: Path) -> str:
    """Poses as a whole do not fit."""
    return (f"{particles}: the poses as a whole cannot be said to fit {map_path}, so that single wrong ones cannot be "
            "told; expected what gmmhet check finds to fit")


def undetermined(particles: Path, resolution: float, unresolved: float) -> str:
    """Images that are too noisy."""
    return (f"{particles}: these images do not determine their orientations to {resolution:.0f} Å ({unresolved:.0%} of "
            "projections with the same noise would be oriented wrongly); expected images with more signal")


def nothing_left(particles: Path) -> str:
    """All particles would be left out."""
    return f"{particles}: no particle has an orientation that is probably right; expected some"


def findings(given_wrong: NDArray[Any], wrong: NDArray[Any], found: NDArray[Any], resolution: float) -> list[str]:
    """What was found: probabilities [n] of given and of written orientations to be wrong, and which were found."""
    n, probable = len(found), int(np.sum(given_wrong > 0.5))
    lines = [f"about {np.mean(given_wrong):.0%} of the given orientations are off by more than 10 degrees; of single "
             f"particles {probable} of {n} probably"]
    if found.any():
        lines.append(f"{int(found.sum())} of them have a likelier orientation elsewhere, and get it; of those about "
                     f"{float(wrong[found].sum()):.0f} may be wrong again")
        lines.append(f"they were found with the given map to {resolution:.0f} Å: to that resolution half maps with "
                     "these particles are no longer independent")
    left = probable - int(found.sum())
    if left:
        lines.append(f"{left} have no orientation that is surely better (junk, or too noisy), and keep theirs: "
                     "gmmhetWrongPose is above 0.5")
    return lines


def written(kept: int, total: int) -> str:
    """Particles in the new file."""
    return f"{kept} of {total} particles"
