"""Sentences about the results of gmmhet analyze."""

import math
from dataclasses import dataclass

__all__ = [
    "ModeFigures",
    "around_view",
    "cross_fit",
    "dependence",
    "detectable_motion",
    "ends_of_range",
    "input_warnings",
    "large_leak",
    "large_motion",
    "local_motion",
    "mixed_contrast",
    "mode_verdict",
    "modes_found",
    "no_motion",
    "no_test",
    "not_sought",
    "population",
    "searched_on",
    "searched_on_more",
    "too_few",
]


@dataclass(frozen=True, kw_only=True)
class ModeFigures:
    """What is known of one mode.

    Attributes:
        number: from 1. displacement: largest, Angstrom per standard deviation of the coordinate.
        weight_change: largest relative change of a Gaussian's weight, mass_change: share of the molecule's density that
            changes, both per standard deviation. changes_amounts: whether that, and not displacement, is most of what
            the mode does to the map.
        gain, gain_error: of the held-out log-likelihood per particle, and its standard error. null: gain that modes of
            noise reach. agreement: correlation between the half-sets. significant: whether the mode is.
        rigid_share: of the displacement that moves the whole molecule (local_pose: the part in focus) as a rigid body.
        poses_exact: whether errors of the poses were left out of account. name: what the mode does in the user's words,
            where it is known.
    """

    number: int
    displacement: float
    weight_change: float
    mass_change: float
    changes_amounts: bool
    gain: float | None = None
    gain_error: float = 0.0
    null: float = 0.0
    agreement: float = 0.0
    significant: bool = False
    rigid_share: float = 0.0
    mostly_rigid: bool = False
    local_pose: bool = False
    poses_exact: bool = False
    name: str = ""

    @property
    def size(self) -> str:
        """What the mode does to the map."""
        if self.name:
            return self.name
        if self.changes_amounts:
            return (f"It changes the amount of density, not its position: by up to {100 * self.weight_change:.0f} % at "
                    f"one place and {100 * self.mass_change:.1f} % of the whole molecule per standard deviation.")
        return f"Largest displacement: {self.displacement:.1f} Å per standard deviation."

    @property
    def evidence(self) -> str:
        return (f"held-out log-likelihood {self.gain or 0.0:+.2f} ± {self.gain_error:.2f} per particle (noise reaches "
                f"{self.null:.2f}), correlation between half-sets {self.agreement:.2f}")


def cross_fit(slope: float, error: float) -> str:
    """What pixels that a coordinate is not from say of it: slope and standard error."""
    return (f"The half of each image's Fourier pixels that a coordinate is not from changes by {slope:.2f} ± "
            f"{error:.2f} of what the coordinate predicts (1: all of it; 0: noise). Neighbours and errors of the poses "
            "are no noise in this sense.")


def mode_verdict(mode: ModeFigures) -> str:
    """Whether a mode is significant, on what evidence, and what it does."""
    if mode.gain is None:
        return f"Mode {mode.number} was not tested for significance: gradient PCA has no test. {mode.size}"
    if mode.significant:
        rest = " The poses were taken as exact; errors in them can look like motion." if mode.poses_exact else ""
        return f"Mode {mode.number} is significant: {mode.evidence}. {mode.size}{rest}"
    if mode.mostly_rigid:
        what = ("the part in focus, which its own pose already describes" if mode.local_pose else
                "the whole molecule, as errors of the poses produce it")
        return (f"Mode {mode.number} is not significant: {mode.evidence}. {100 * mode.rigid_share:.0f} % of its "
                f"displacement is a rigid movement of {what}.")
    return f"Mode {mode.number} is not significant: {mode.evidence}. It should not be interpreted."


def too_few(particles: int, fewest: int) -> str:
    """No modes were sought."""
    return (f"{particles} particle{'s'[:particles != 1]} cannot support a motion: at least {fewest} are needed, and "
            "some thousands are better. No modes were sought.")


def not_sought() -> str:
    """Of the mode that stands in where none was sought."""
    return "No modes were sought: there are too few particles."


def no_test(modes: int) -> str:
    """Of gradient PCA."""
    return f"Gradient PCA gave {modes} mode{'s'[:modes != 1]}; it has no test of their significance."


def no_motion(local_motion: bool) -> str:
    """No mode is significant.

    Args:
        local_motion: whether the part in focus moves as a rigid body.
    """
    beside = " other than that of the part in focus as a rigid body" if local_motion else ""
    return f"No motion{beside} was detected: no mode significantly raises the log-likelihood of held-out particles."


def detectable_motion(size: float | None, tried: float, share: float, kilodalton: float | None) -> str:
    """Which motion would have been detected.

    Args:
        size: root mean square displacement of the part relative to the rest, at one standard deviation, Angstrom; None
            where none was found. tried: largest such size that was tried. share, kilodalton: mass of the part.
    """
    mass = "" if kilodalton is None else f" (about {_rounded(kilodalton)} kDa)"
    part = f"a part of {_percent(share)} of the molecule{mass}"
    of = "(root mean square displacement relative to the rest, one standard deviation)"
    if size is None:
        return (f"These data cannot show whether parts move: even a motion of {_rounded(tried)} Å {of} of {part} would "
                "not have been detected. More particles, or images of higher contrast, would show it.")
    return (f"A motion of {_rounded(size)} Å {of} of {part} would have been detected: it was, when it was added to "
            "these images.")


def _rounded(value: float) -> str:
    """Two digits, without an exponent."""
    digits = 1 - math.floor(math.log10(abs(value))) if value else 0
    return f"{round(value, digits):.{max(digits, 0)}f}"


def modes_found(significant: int, particles: int, kinds: str = "") -> str:
    """How many modes are significant; kinds: how many are of which kind, in words."""
    what = f": {kinds}" if kinds else ""
    return f"{significant} mode{'s are' if significant != 1 else ' is'} significant ({particles} particles){what}."


def mixed_contrast(inverted: int, n_images: int) -> str:
    """Images that were multiplied by -1 because the others have the other sign of contrast."""
    return (f"The contrast is mixed: {inverted:,} of {n_images:,} images are inverted and were multiplied by -1 "
            "(column gmmhetImageSign).")


def input_warnings(poses_fit: bool, inverted: bool, mixed: tuple[int, int] | None = None) -> list[str]:
    """What is unusual about the input.

    Args:
        inverted: whether all images have inverted contrast. mixed: where some have, their number, and images in all.
    """
    found = []
    if not poses_fit:
        found.append("The particles correlate no better with the map at their own poses than at shuffled ones: check "
                     "poses, pixel size and map before using these results.")
    if mixed is not None:
        found.append(mixed_contrast(*mixed))
    if inverted:
        found.append("The images have inverted contrast (dark particles); this was detected and corrected for.")
    return found


def large_motion(stations: int, before: int, gain: float, error: float, better: bool) -> str:
    """Modes that were linearised again along a path.

    Args:
        stations: points of the path. before: modes about the average map. gain, error: of the held-out log-likelihood
            per particle over these, and its standard error. better: whether that is significant.
    """
    modes = f"{before} mode{'s'[:before != 1]} about the average map"
    figures = f"{gain:+.2f} ± {error:.2f} per particle"
    what = (f"raises the held-out log-likelihood over that of {modes} ({figures})" if better else
            f"does not significantly raise the held-out log-likelihood over that of {modes} ({figures})")
    return (f"Large motions were linearised again along a path of {stations} conformations, which {what}. Coordinate 0 "
            "is a populated conformation, not the average.")


def population(better: bool, gain: float, error: float) -> str:
    """The distribution of the coordinates.

    Args:
        better: whether the prior estimated from the data is better than a normal one. gain, error: of the held-out
            log-likelihood per particle, and its standard error.
    """
    figures = f"held-out log-likelihood {gain:+.2f} ± {error:.2f} per particle with the prior estimated from the data"
    if not better:
        return f"No departure of the coordinates from a normal distribution was detected ({figures})."
    return (f"The coordinates are not normally distributed ({figures}). Coordinates under that prior are in the "
            "columns gmmhetCoordinate of latents.star.")


def local_motion(sizes: tuple[float, float], precision: tuple[float, float], gain: tuple[float, float],
                 significant: bool) -> str:
    """A part in focus that moves as a rigid body.

    Args:
        sizes: root mean square shift (Angstrom) and rotation (degrees). precision: of one particle, alike.
        gain: of the held-out log-likelihood per particle, and its standard error. significant: whether that is.
    """
    figures = f"held-out log-likelihood {gain[0]:+.2f} ± {gain[1]:.2f} per particle"
    if not significant:
        return f"Rigid-body motion of the part in focus relative to the rest is not significant ({figures})."
    return (f"The part in focus moves as a rigid body relative to the rest: root mean square shift {sizes[0]:.1f} Å, "
            f"rotation {sizes[1]:.1f} degrees ({figures}). In a single particle these are known to {precision[0]:.1f} "
            f"Å and {precision[1]:.1f} degrees. The modes describe what the part does in addition.")


_CAUSES = {
    "view direction": ("viewing direction", "errors of the poses, or a preferred orientation of some conformations, "
                       "contribute to this mode"),
    "in-plane angle": ("in-plane angle", "no property of the molecule depends on that angle; usual causes are drift, "
                       "astigmatism or uncorrected magnification"),
    "defocus": ("defocus", "usual causes are wrong CTF parameters, or noise that differs between images"),
    "origin size": ("length of the shift", "usual causes are neighbouring particles and errors in the shifts"),
    "micrograph": ("micrograph", "ice, dose or preparation differ between micrographs, or conformations do"),
    "half-set": ("half-set", "the half-sets hold different mixtures, or were processed differently"),
    "optics group": ("optics group", "the groups differ in optics, session or sample"),
}


def dependence(variable: str, share: float, *, flagged: bool, real: bool, detectable: float, where: str = "") -> str:
    """How much of a mode's coordinate depends on a circumstance of imaging or processing; a phrase without a full stop.

    Args:
        variable: a name in summary.json. share: of the variance of the coordinate. flagged: significant, and not small.
        real: significant. detectable: smallest share that would be significant. where: around_view or ends_of_range.
    """
    name, cause = _CAUSES[variable]
    if flagged:
        return f"{_percent(share)} of the variance of this coordinate depends on the {name}{where}: {cause}"
    if real:
        return f"{_percent(share)} of the variance of this coordinate depends on the {name}, which is negligible"
    if detectable < 0.1:
        return f"no dependence on the {name} (a share above {_percent(detectable)} would be detected)"
    return (f"no dependence on the {name} detected, but with so few particles a share below "
            f"{_percent(min(detectable, 1.0))} is not detectable")


def large_leak(mode: int, words: str) -> str:
    """A mode that may be no property of the molecule. words: of :func:`dependence`."""
    return f"Mode {mode} may not be a property of the molecule: {words}."


def around_view(rot: float, tilt: float) -> str:
    """Where the coordinate differs most from its mean, degrees."""
    return f" (most in views near rot {rot:.0f}, tilt {tilt:.0f} degrees)"


def ends_of_range(low: tuple[float, float], high: tuple[float, float], unit: str) -> str:
    """Means of the coordinate in the lowest and highest tenth of a variable: (mean, value of the variable) each."""
    return f" (mean {low[0]:+.2f} at {low[1]:.2g} {unit}, {high[0]:+.2f} at {high[1]:.2g} {unit})"


def _percent(share: float) -> str:
    digits = 2 if share < 0.00095 else 1 if share < 0.0995 else 0
    return f"{100 * share:.{digits}f} %"


def searched_on(number: int, n_particles: int, directions: int, *, asked: bool) -> str:
    """How many particles modes are searched on, and why; asked: whether the user gave the number."""
    why = "as given" if asked else (
        f"enough among {directions} directions for a motion whose coordinate an image determines to half its variance")
    return f"modes are searched on {number:,} of {n_particles:,} particles, {why}, and then finished on all"


def searched_on_more(gain: float, error: float, least: float, *, left: bool) -> str:
    """Why a search is made again on more particles; left: on account of motion beside the modes, in all particles."""
    what = "all particles show motion beside the modes" if left else "the next mode is not decided"
    return (f"{what} (gain per particle {gain:.3f} +- {error:.3f}, {least:.3f} is needed): searching on more "
            "particles")
