"""Sentences about errors of the given poses."""

from typing import NamedTuple

__all__ = ["PoseSizes", "pose_errors", "pose_errors_in_brief"]


class PoseSizes(NamedTuple):
    """Errors of poses, one standard deviation: of the viewing direction and in the plane of the image, degrees; of the
    shift, Angstrom per axis."""

    tilt: float
    turn: float
    shift: float

    @property
    def words(self) -> str:
        return (f"{self.tilt:.1f} degrees in viewing direction, {self.turn:.1f} degrees in the plane, "
                f"{self.shift:.1f} Å in shift per axis")


def pose_errors(found: PoseSizes, detectable: PoseSizes | None, *, negligible_shift: bool, fitted: bool, refined: bool,
                ) -> str:
    """Estimated errors of the given poses.

    Args:
        found: estimated. detectable: the smallest that would be seen in poses that do not come from these images; None:
            not known. negligible_shift: beside the resolution. fitted: whether the poses were fitted to these images.
        refined: whether corrected poses are written.
    """
    if fitted:
        words = ("The given poses were fitted to these images, so that the images cannot show all of their errors. "
                 f"What an image leaves open of its pose (one standard deviation): {found.words}. ")
    elif detectable is not None and all(a < b for a, b in zip(found, detectable, strict=True)):
        words = f"No errors of the given poses were detected. Errors above {detectable.words} would have been. "
    else:
        words = f"Estimated errors of the given poses (one standard deviation): {found.words}"
        words += ", the latter negligible at this resolution. " if negligible_shift else ". "
    words += "They are estimated together with the modes, so that they are not taken for motion."
    return words + (" Corrected poses are in the columns gmmhetRefined of latents.star." if refined else "")


def pose_errors_in_brief(tilt: float, in_plane: float, shift: float) -> str:
    """Standard deviations for a line of the log; degrees, and Angstrom per axis."""
    return f"pose errors {tilt:.2f} (tilt) and {in_plane:.2f} (in plane) degrees and {shift:.2f} Å"
