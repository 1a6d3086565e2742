"""What the plugin reads of the engine's summary.json files."""

import json
import os
from pathlib import Path
from typing import NotRequired, TypedDict

__all__ = ["AnalysisSummary", "BlockRecord", "CompositionSummary", "FrameRecord", "MapRecord", "MapsSummary",
           "ModeRecord", "ModelSummary", "SharpeningRecord", "StateRecord", "read_analysis_summary",
           "read_composition_summary", "read_maps_summary", "read_model_summary"]


class ModelSummary(TypedDict):
    """Of fit. resolution: Angstrom."""

    n_gaussians: int
    resolution: float


class FrameRecord(TypedDict):
    """A map of the model along a mode. coordinate: along it; place: along all modes."""

    file: str
    coordinate: float
    place: list[float]


class ModeRecord(TypedDict):
    """A mode of an analysis. None: not computed. verdict: one sentence."""

    significant: bool | None
    verdict: str
    heldout_gain: float | None
    halfset_correlation: float | None
    variance: float | None
    frames: list[FrameRecord]


class BodyRecord(TypedDict):
    """The rigid body of a part in focus, in one sentence."""

    words: str


class AnalysisSummary(TypedDict):
    """Of analyze. resolution: Angstrom."""

    verdict: str
    modes: list[ModeRecord]
    local_pose: BodyRecord | None
    n_particles: int
    n_gaussians: int
    resolution: float
    method: str
    n_significant_modes: int


class BlockRecord(TypedDict):
    """A block that comes and goes. mask: file, relative to the folder. words: one sentence."""

    number: int
    mask: str
    words: str


class StateRecord(TypedDict):
    """A combination of blocks. words: one sentence."""

    number: int
    words: str


class CompositionSummary(TypedDict):
    """Of composition."""

    verdict: str
    order_words: str | None
    blocks: list[BlockRecord]
    states: list[StateRecord]


class MapRecord(TypedDict):
    """A map of reconstruct; files relative to its folder, resolutions in Angstrom. None: not known, or not made."""

    file: str
    half1: str
    half2: str
    sharpened: str | None
    local_resolution: str | None
    local_resolution_10: float | None
    local_resolution_median: float | None
    local_resolution_90: float | None
    finest: float
    n_particles: int
    n_effective: float
    coordinate: float | None
    coordinates: list[float]
    resolution_fsc143: float | None
    note: str | None
    state: NotRequired[int]


class SharpeningRecord(TypedDict):
    """How maps were sharpened. b_factor: square Angstrom; note: why they were not."""

    b_factor: float | None
    note: str | None


class MapsParameters(TypedDict):
    """Options of a reconstruction."""

    points: str | None


class MapsSummary(TypedDict):
    """Of reconstruct."""

    by: str
    mode: int
    maps: list[MapRecord]
    sharpening: SharpeningRecord | None
    parameters: MapsParameters


def _path(folder: str | os.PathLike[str]) -> Path:
    return Path(folder) / "summary.json"


def read_model_summary(folder: str | os.PathLike[str]) -> ModelSummary:
    """summary.json in a folder of fit."""
    found: ModelSummary = json.loads(_path(folder).read_text(encoding="utf-8"))
    return found


def read_analysis_summary(folder: str | os.PathLike[str]) -> AnalysisSummary:
    """summary.json in a folder of analyze."""
    found: AnalysisSummary = json.loads(_path(folder).read_text(encoding="utf-8"))
    return found


def read_composition_summary(folder: str | os.PathLike[str]) -> CompositionSummary | None:
    """summary.json in a folder of composition; None where there is none."""
    if not _path(folder).is_file():
        return None
    found: CompositionSummary = json.loads(_path(folder).read_text(encoding="utf-8"))
    return found


def read_maps_summary(folder: str | os.PathLike[str]) -> MapsSummary:
    """summary.json in a folder of reconstruct."""
    found: MapsSummary = json.loads(_path(folder).read_text(encoding="utf-8"))
    return found
