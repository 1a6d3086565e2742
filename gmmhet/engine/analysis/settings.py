"""Settings of gmmhet analyze."""

from dataclasses import dataclass

from gmmhet.engine.settings import setting

__all__ = [
    "FINER_FIELDS", "FIRST_MODEL", "FOLLOWING", "INPUT", "SUBSPACE_METHOD", "FinerFields", "FirstModel", "Following",
    "InputLooks", "SubspaceMethod",
]

_CHOSEN = "chosen, not measured"


@dataclass(frozen=True)
class InputLooks:
    """What is looked at before an analysis."""

    sample: int = setting(500, "particles", "that noise and contrast are first estimated from, and that are looked at "
                          "for blank images", origin=_CHOSEN)
    at_once: int = setting(10, "images", "looked at for blank ones: nearly always, the first ones settle it",
                           origin=_CHOSEN)
    noise_rounds: int = setting(2, "rounds", "of noise and contrast in turns", origin=_CHOSEN)
    least_noise: float = setting(1e-3, "of the power of the images", "noise of a shell is no less", origin=_CHOSEN)
    same_pixel: float = setting(1e-3, "of the pixel size", "files round: sizes closer than this are one",
                                origin=_CHOSEN)


@dataclass(frozen=True)
class FirstModel:
    """Priors of the fields, and what the model of the particles starts from."""

    position: float = setting(4.0, "Å", "prior root mean square displacement along an axis; the data change it, mode "
                              "by mode", origin=_CHOSEN)
    amplitude: float = setting(0.3, "", "prior root mean square relative change of weight; the data change it, mode by "
                               "mode", origin=_CHOSEN)
    width: float = setting(0.5, "", "prior root mean square change of the logarithm of a squared width", origin=_CHOSEN)
    contrast: float = setting(0.3, "of the contrast", "its standard deviation, to start from", origin=_CHOSEN)
    shift: float = setting(0.1, "of the resolution", "errors of shifts, to start from", origin=_CHOSEN)
    angle: float = setting(1.5, "degrees", "errors of angles, to start from", origin=_CHOSEN)
    local_pose: float = setting(0.15, "of the resolution", "movement of a part with a pose of its own, to start from",
                                origin=_CHOSEN)
    least_kept: float = setting(0.95, "of the prior variance", "smooth fields that hold less are too few for their "
                                "correlation length", origin=_CHOSEN)


@dataclass(frozen=True)
class SubspaceMethod:
    """The search for modes."""

    null_seed: int = setting(1, "", "added to the seed for the null's random signs, which are others than the "
                             "analysis' own draws", origin=_CHOSEN)
    smallest_half: float = setting(0.2, "of the particles", "half-sets that are less equal are replaced by every other "
                                   "image", origin=_CHOSEN)
    before_following: int = setting(4, "modes", "tried before large movements are followed, which then need few",
                                    origin=_CHOSEN)
    least_factor: float = setting(0.02, "of a weight", "that changes of weights are relative to", origin=_CHOSEN)
    calibration: int = setting(6, "passes", "without motion, where poses are in error", origin=_CHOSEN)
    calibration_exact: int = setting(3, "passes", "without motion, where poses are exact", origin=_CHOSEN)


@dataclass(frozen=True)
class FinerFields:
    """Modes in fields of shorter correlation length."""

    finer: float = setting(2 / 3, "of a correlation length", "the next shorter one", origin=_CHOSEN)
    shortest: float = setting(0.5, "of the resolution", "Gaussians nearer than this are not told apart", origin=_CHOSEN)
    least_share: float = setting(0.01, "of what the modes gain", "that finer fields must add on held-out particles",
                                 origin=_CHOSEN)
    passes: int = setting(12, "passes", "of a half-set's fit", origin=_CHOSEN)
    tolerance: float = setting(0.003, "of what was gained", "a pass that gains less has settled: less than least_share",
                               origin=_CHOSEN)


@dataclass(frozen=True)
class Following:
    """When large movements are followed, and the modes of what was followed."""

    least_modes: int = setting(2, "modes", "a movement that one straight line describes is not large", origin="formula")
    least_share: float = setting(0.05, "of the squares of all movements", "a component of more is a mode",
                                 origin=_CHOSEN)
    coarser: float = setting(1.5, "of the usual correlation length", "while following, when few particles tell of each "
                             "step", origin=_CHOSEN)
    finer: float = setting(0.75, "of the usual correlation length", "of modes afterwards, when each Gaussian is known "
                           "to stay with its piece of the molecule", origin=_CHOSEN)
    better: float = setting(0.1, "log-likelihood", "another station explains a particle better by more", origin=_CHOSEN)
    passes_of_half: int = setting(12, "passes", "of a half-set", origin=_CHOSEN)
    passes_of_all: int = setting(20, "passes", "of all particles", origin=_CHOSEN)
    tolerance: float = setting(0.003, "of what was gained", "a pass that gains less has settled", origin=_CHOSEN)


INPUT = InputLooks()
FIRST_MODEL = FirstModel()
SUBSPACE_METHOD = SubspaceMethod()
FINER_FIELDS = FinerFields()
FOLLOWING = Following()
