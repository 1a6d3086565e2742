"""What maps along a mode can show: whether the mode is significant, and which noise they share with coordinates."""

import json
from pathlib import Path
from typing import TypedDict

import numpy as np

from gmmhet.engine.config import ReconstructConfig
from gmmhet.engine.io import file_beside
from gmmhet.engine.latent_space.saved_analysis import ANALYSIS_FILE
from gmmhet.engine.reconstruction.inputs import Placed
from gmmhet.engine.wording import reconstruction as wording

__all__ = ["MapEvidence", "map_evidence"]


class MapEvidence(TypedDict):
    """``evidence`` of summary.json.

    mode_significant: null where no analysis tells it. cross_fit: whether maps and coordinates are of different pixels.
    independent_beyond: Angstrom, the resolution of the analysis, finer than which its coordinates used nothing; null
    where it is not known, or with cross_fit. noise_slope: change of the maps, to there, that noise alone would make,
    over the change of the model; null where it is not known, or is 0 (cross_fit).
    """

    mode_significant: bool | None
    cross_fit: bool
    independent_beyond: float | None
    noise_slope: float | None
    words: str


def map_evidence(placed: Placed, config: ReconstructConfig, latents: Path) -> MapEvidence | None:
    """Of maps along a mode; None where particles have no coordinate.

    A coordinate z = E[z | image] with posterior variance v follows the noise of its image. Where the mode is noise,
    maps sorted by z change by 1 / (1 - v) times what the model shows, since the likeliest place of an image alone is
    z / (1 - v).

    Args:
        latents: latents.star; the files of the analysis are beside it.
    """
    if not placed.coordinates.shape[1]:
        return None
    significant = _significant(latents, config.mode)
    if config.cross_fit == "yes":
        return {"mode_significant": significant, "cross_fit": True, "independent_beyond": None, "noise_slope": None,
                "words": wording.CROSS_FITTED}
    resolution = ANALYSIS_FILE.read_some(file_beside(latents, "analysis.npz"), ("resolution",)).get("resolution")
    beyond = None if resolution is None else float(resolution)
    variance = float(np.square(placed.deviations[:, config.mode - 1]).mean())
    slope = 1 / (1 - variance) if 0 < variance < 1 and config.by != "motion" else None
    return {"mode_significant": significant, "cross_fit": False, "independent_beyond": beyond, "noise_slope": slope,
            "words": wording.shares_noise(beyond, slope)}


def _significant(latents: Path, mode: int) -> bool | None:
    """Whether the analysis beside latents.star found the mode (from 1) to be."""
    try:
        modes = json.loads(file_beside(latents, "summary.json").read_text(encoding="utf-8"))["modes"]
        found = modes[mode - 1]["significant"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return found if isinstance(found, bool) else None
