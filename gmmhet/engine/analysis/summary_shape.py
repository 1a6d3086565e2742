"""What summary.json of gmmhet analyze holds, entry by entry (CONVENTIONS.rst)."""

from typing import TypedDict

from gmmhet.engine.analysis.name_entries import NameEntry

__all__ = ["CrossFitEntry", "CurvesEntry", "DetectableEntry", "FollowedEntry", "FrameEntry", "JunkEntry", "LeakEntry",
           "LocalPoseEntry", "ModeEntry", "PopulationEntry", "PoseErrorsEntry", "PriorEntry", "Summary",
           "TrialEntry"]


class FrameEntry(TypedDict):
    """A map of a mode's movie; place: [K] all coordinates."""

    file: str
    coordinate: float
    place: list[float]


class PriorEntry(TypedDict):
    """Root mean squares under the prior of a mode: Angstrom, and relative."""

    displacement: float
    weight_change: float


class CrossFitEntry(TypedDict):
    """``cross_fit`` of a mode."""

    slope: float
    slope_error: float
    words: str


class ModeEntry(TypedDict):
    """One of ``modes``."""

    variance: float
    heldout_gain: float
    heldout_gain_error: float
    null_quantile: float
    halfset_correlation: float
    median_posterior_sd: float
    significant: bool | None
    rigid_share: float | None
    largest_displacement: float
    largest_weight_change: float
    mass_change: float
    prior: PriorEntry | None
    cross_fit: CrossFitEntry | None
    verdict: str
    name: NameEntry | None
    frames: list[FrameEntry]


class PoseErrorsEntry(TypedDict):
    """``pose_errors``."""

    in_plane_degrees: float
    out_of_plane_degrees: float
    shift_angstrom: float
    refined: bool
    fitted_to_images: bool | None
    in_plane_detectable_degrees: float | None
    out_of_plane_detectable_degrees: float | None
    shift_detectable_angstrom: float | None
    words: str


class LocalPoseEntry(TypedDict):
    """``local_pose``."""

    shift_angstrom: float
    turn_degrees: float
    shift_known_angstrom: float
    turn_known_degrees: float
    heldout_gain: float
    heldout_gain_error: float
    significant: bool
    words: str


class FollowedEntry(TypedDict):
    """``followed``."""

    better: bool
    stations: int
    heldout_gain: float
    heldout_gain_error: float
    words: str


class CurvesEntry(TypedDict):
    """``curves``; kinds: line or circle, of each coordinate. modes_before: straight ones."""

    better: bool
    kinds: list[str]
    modes_before: int
    heldout_gain: float
    heldout_gain_error: float
    words: str


class PopulationEntry(TypedDict):
    """``population``."""

    better: bool
    width: float
    heldout_gain: float
    heldout_gain_error: float
    words: str


class TrialEntry(TypedDict):
    """One of ``detectable.planted``."""

    size_angstrom: float
    found: bool
    heldout_gain: float
    heldout_gain_error: float
    halfset_correlation: float
    correlation: float


class DetectableEntry(TypedDict):
    """``detectable``."""

    size_angstrom: float | None
    largest_tried_angstrom: float
    predicted_angstrom: float
    part_share: float
    part_kilodalton: float | None
    planted: list[TrialEntry]
    seconds: float
    words: str


class JunkEntry(TypedDict):
    """``junk``."""

    share: float
    share_error: float
    left_out: int
    words: str


class LeakEntry(TypedDict):
    """One of ``leakage``."""

    mode: int
    variable: str
    share: float
    p_value: float
    flagged: bool
    words: str


class Summary(TypedDict):
    """summary.json, but for ``symmetry``."""

    n_particles: int
    n_gaussians: int
    resolution: float
    method: str
    n_modes: int
    n_significant_modes: int
    verdict: str
    contrast_sign: int
    score_given: float
    score_shuffled: float
    score_shuffled_max: float
    contrast_mean: float
    contrast_spread: float
    parameters: dict[str, object]
    settings: dict[str, float | list[float]]
    timing: dict[str, float]
    history: list[dict[str, float]]
    pose_errors: PoseErrorsEntry | None
    local_pose: LocalPoseEntry | None
    followed: FollowedEntry | None
    curves: CurvesEntry | None
    halfset_angles: list[float] | None
    modes: list[ModeEntry]
    population: PopulationEntry | None
    detectable: DetectableEntry | None
    junk: JunkEntry | None
    leakage: list[LeakEntry]
