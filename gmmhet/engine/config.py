"""Validated options of each stage. Lengths Angstrom, angles degrees."""

import math
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gmmhet.engine.errors import InputError

__all__ = ["AnalyzeConfig", "FitConfig", "ReconstructConfig", "SimulateConfig", "check_symmetry", "count_or_auto",
           "result_options", "sharpening_b"]

#: options of how and where something is computed, which do not change what comes out
_NOT_OF_THE_RESULT = ("resume", "scratch")
#: fewer particles cannot tell a motion from noise, whatever the statistics say
FEWEST_PARTICLES = 50
MOST_MODES = 32
#: modes that are tried at most where their number is to be found
MOST_TRIED = 8
#: what is done about errors of the given poses: integrated out; nothing, they are exact; corrected poses written too
POSES = ("auto", "exact", "refine")
#: whether large movements are followed: where held-out particles prefer it; always; never
FOLLOW = ("auto", "yes", "no")
#: how particles make maps: bins along a mode, clusters, kernels around points, all of them with their motion undone
SELECTIONS = ("bins", "clusters", "kernel", "motion")
AT_POINTS = ("kernel", "motion")
PRESETS = ("hinge11", "null", "twostate", "ring14", "turning", "twomotions", "hingedomain", "fourmotions",
           "membrane")


def result_options(config: Any) -> dict[str, Any]:
    """The options of a config that its results depend on, as JSON."""
    return {k: str(v) if isinstance(v, Path) else v for k, v in asdict(config).items() if k not in _NOT_OF_THE_RESULT}


def check_symmetry(symmetry: str) -> str:
    """The point group in capitals: C1.., D1.., T, O or I.

    Raises:
        InputError: no such group.
    """
    group = symmetry.strip().upper()
    if not re.fullmatch(r"[CD][1-9]\d*|T|O|I", group):
        raise InputError(f"--symmetry is {symmetry!r}; expected Cn, Dn, T, O or I")
    return group


def count_or_auto(text: str | None, label: str) -> int | None:
    """A number from 1 as typed on a command line or a form; None for auto or nothing.

    Raises:
        InputError: anything else; the message names it by its label.
    """
    text = (text or "auto").strip()
    if text == "auto":
        return None
    if not text.isdigit() or int(text) < 1:
        raise InputError(f"{label} is {text!r}; expected a whole number from 1, or auto")
    return int(text)


def sharpening_b(text: str) -> float:
    """The B factor (square Angstrom) of --sharpen where it is a number; negative ones sharpen, as in RELION.

    Raises:
        InputError: not a negative number.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not -math.inf < value < 0:
        raise InputError(f"--sharpen is {text!r}; expected none, auto or a negative B factor in square Angstrom, such "
                         "as -80")
    return value


def _positive(name: str, value: float | None) -> None:
    if value is not None and not 0 < value < math.inf:
        raise InputError(f"--{name} is {value}; expected a positive number")


def _seed(value: int) -> None:
    if value < 0:
        raise InputError(f"--seed is {value}; expected 0 or more")


@dataclass(frozen=True)
class SimulateConfig:
    """gmmhet simulate. None: the preset's own value. Pose errors: standard deviation per Euler angle and per axis."""

    preset: str = "hinge11"
    particles: int | None = None
    box: int | None = None
    pixel_size: float | None = None
    snr: float | None = None
    seed: int = 0
    angle_error: float = 0.0
    shift_error: float = 0.0

    def __post_init__(self) -> None:
        _seed(self.seed)
        for name in ("angle_error", "shift_error"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise InputError(f"--{name.replace('_', '-')} is {value}; expected 0 or a positive number")
        if self.preset not in PRESETS:
            raise InputError(f"--preset is {self.preset!r}; expected one of {', '.join(PRESETS)}")
        for name in ("particles", "box", "pixel_size", "snr"):
            _positive(name.replace("_", "-"), getattr(self, name))


@dataclass(frozen=True)
class FitConfig:
    """gmmhet fit. n_gaussians None: chosen from volume and resolution. resolution None: what the map holds."""

    n_gaussians: int | None = None
    resolution: float | None = None
    mask: Path | None = None
    symmetry: str = "C1"
    seed: int = 0

    def __post_init__(self) -> None:
        _seed(self.seed)
        _positive("n-gaussians", self.n_gaussians)
        _positive("resolution", self.resolution)
        object.__setattr__(self, "symmetry", check_symmetry(self.symmetry))


@dataclass(frozen=True)
class AnalyzeConfig:
    """gmmhet analyze. modes None: by held-out likelihood. resolution None: the model's. poses: one of POSES.
    focus: mask of the Gaussians that may move; None: all. local_pose: these also move together as a rigid body, which
    the modes are then beside. symmetry: of the model; not C1: by asymmetric unit.
    smoothness: Angstrom over which movements are alike; None: 4/3 of the resolution, up to twice in large molecules,
    and shorter ones where held-out particles prefer these.
    follow: one of FOLLOW, whether large movements are followed from place to place.
    scratch: folder for the cropped images; None: the output."""

    method: str = "likelihood"
    modes: int | None = None
    resolution: float | None = None
    motion: bool = True
    occupancy: bool = True
    poses: str = "auto"
    focus: Path | None = None
    local_pose: bool = False
    symmetry: str = "C1"
    seed: int = 0
    resume: bool = False
    scratch: Path | None = None
    smoothness: float | None = None
    follow: str = "auto"

    def __post_init__(self) -> None:
        _seed(self.seed)
        if self.follow not in FOLLOW:
            raise InputError(f"--follow is {self.follow!r}; expected one of {', '.join(FOLLOW)}")
        if self.poses not in POSES:
            raise InputError(f"--poses is {self.poses!r}; expected one of {', '.join(POSES)}")
        if self.method not in ("likelihood", "gradient-pca"):
            raise InputError(f"--method is {self.method!r}; expected likelihood or gradient-pca")
        _positive("modes", self.modes)
        if self.modes is not None and self.modes > MOST_MODES:
            raise InputError(f"--modes is {self.modes}; expected at most {MOST_MODES}")
        _positive("resolution", self.resolution)
        _positive("smoothness", self.smoothness)
        object.__setattr__(self, "symmetry", check_symmetry(self.symmetry))
        if self.symmetry != "C1" and (self.method != "likelihood" or self.local_pose):
            other = "--local-pose" if self.local_pose else f"--method {self.method}"
            raise InputError(f"--symmetry {self.symmetry} and {other} are both given; expected one of them: subunits "
                             "are analysed by the likelihood method, without local poses")
        if self.local_pose and self.focus is None:
            raise InputError("--local-pose is given without --focus; expected the mask of the part that moves as "
                             "a body")
        refused = {"--focus": self.focus is not None, "--poses refine": self.poses == "refine",
                   "--smoothness": self.smoothness is not None, "--follow yes": self.follow == "yes"}
        if self.method == "gradient-pca" and any(refused.values()):
            other = next(name for name, given in refused.items() if given)
            raise InputError(f"--method gradient-pca and {other} are both given; expected one of them: the likelihood "
                             "method alone can do that")
        others = {f"--symmetry {self.symmetry}": self.symmetry != "C1", "--local-pose": self.local_pose,
                  "--no-motion": not self.motion}
        if self.follow == "yes" and any(others.values()):
            other = next(name for name, given in others.items() if given)
            raise InputError(f"--follow yes and {other} are both given; expected one of them: movements of the whole "
                             "or of a part in focus are followed")
        if not (self.motion or self.occupancy):
            raise InputError("--no-motion and --no-occupancy together leave nothing to analyse; expected at most one")

    def correlation_lengths(self, resolution: float) -> tuple[float, ...]:
        """Of the smooth fields, Angstrom, the one to be preferred first; resolution: of the analysis."""
        return (4 / 3 * resolution, 5 / 3 * resolution, 2 * resolution) if self.smoothness is None else (
            self.smoothness,)


@dataclass(frozen=True)
class ReconstructConfig:
    """gmmhet reconstruct. n: number of bins (or clusters, or kernel centres) along the mode (counted from 1).
    points: table of points for kernels and motion, in place of n along the mode.
    sharpen: none, auto or a negative B factor in square Angstrom; see :func:`sharpening_b`."""

    by: str = "bins"
    mode: int = 1
    n: int = 5
    mask: Path | None = None
    symmetry: str = "C1"
    seed: int = 0
    resume: bool = False
    sharpen: str = "none"
    points: Path | None = None

    def __post_init__(self) -> None:
        _seed(self.seed)
        if self.points is not None and self.by not in AT_POINTS:
            raise InputError(f"--points is given and --by is {self.by}; expected --by kernel or motion, maps at points")
        object.__setattr__(self, "sharpen", self.sharpen.strip() or "none")
        if self.sharpen not in ("none", "auto"):
            sharpening_b(self.sharpen)
        if self.by not in SELECTIONS:
            raise InputError(f"--by is {self.by!r}; expected one of {', '.join(SELECTIONS)}")
        _positive("mode", self.mode)
        _positive("n", self.n)
        object.__setattr__(self, "symmetry", check_symmetry(self.symmetry))
        if self.by == "motion" and self.symmetry != "C1":
            raise InputError(f"--symmetry is {self.symmetry} and --by is motion; expected C1: parts that move apart "
                             "have no symmetry")
