"""Composition as a stage of gmmhet run: when it is left out, what it adds to the verdict, and maps of its states."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

from gmmhet.engine.composition.settings import MOTION
from gmmhet.engine.config import AnalyzeConfig, CompositionConfig, ReconstructConfig
from gmmhet.engine.wording import run as wording

__all__ = ["COMPOSITION", "MAPS_OF_STATES", "composition_left_out", "composition_words", "maps_of_states",
           "remove_composition_of_others", "remove_maps_of_states"]

COMPOSITION, MAPS_OF_STATES = "composition", "maps_states"


def composition_left_out(config: CompositionConfig | None, analyze: AnalyzeConfig, particles: int) -> str:
    """Why a run does not look for what comes and goes; "" where it does."""
    if config is None:
        return wording.NOT_WANTED
    if analyze.method != "likelihood":
        return wording.OTHER_METHOD
    if analyze.symmetry != "C1":
        return wording.OF_SUBUNITS
    if analyze.decoder != "linear":
        return wording.ALONG_CURVES
    if analyze.local_pose:
        return wording.OF_A_PART
    return wording.fewer_than(MOTION.fewest) if particles < MOTION.fewest else ""


def composition_words(folder: Path) -> str:
    """Of the run's verdict: what comes and goes; "" where nothing does."""
    summary = _summary(folder)
    return str(summary.get("verdict", "")) if summary.get("n_blocks") else ""


def maps_of_states(folder: Path, config: ReconstructConfig) -> ReconstructConfig | None:
    """How maps of the states of a run are made; None where there are not several."""
    if int(_summary(folder).get("n_states") or 0) < 2:
        return None
    return dataclasses.replace(config, by="states", mode=1, points=None, cross_fit="no")


def remove_maps_of_states(folder: Path) -> None:
    """Remove those of a run before."""
    shutil.rmtree(folder / MAPS_OF_STATES, ignore_errors=True)


def remove_composition_of_others(folder: Path) -> None:
    """Remove a composition, and maps of its states, that are of another analysis than the one that is there."""
    files = (_summary(folder).get("parameters") or {}).get("files") or {}
    latents = folder / "analysis" / "latents.star"
    now = latents.stat().st_mtime_ns if latents.is_file() else None
    if now not in [time for name, time in files.items() if Path(name).name == latents.name]:
        shutil.rmtree(folder / COMPOSITION, ignore_errors=True)
        remove_maps_of_states(folder)


def _summary(folder: Path) -> dict[str, Any]:
    path = folder / COMPOSITION / "summary.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found if isinstance(found, dict) else {}
