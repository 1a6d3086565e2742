"""Sentences about the subunits of a symmetric molecule."""

from collections.abc import Sequence

__all__ = [
    "PLACES_FOLLOW_VIEWS",
    "subunit_correlation",
    "subunit_difference",
    "subunits_alike",
    "subunits_differ_little",
    "subunits_untested",
]

PLACES_FOLLOW_VIEWS = (
    "Whether the subunits differ cannot be seen in these data: of the equivalent poses of each particle the given one "
    "follows from its view, as a refinement with symmetry chooses it, so that a place in the molecule holds all "
    "subunits alike. Poses refined without symmetry, from a map in which the subunits differ, would show it.")
_CORRELATED = 0.15  # weaker correlations are called none


def subunit_correlation(group: str, subunits: int, correlations: Sequence[float]) -> str:
    """How the subunits of one particle move together.

    Args:
        correlations: of the coordinates along mode 1 between pairs of subunits; empty where there is no such mode.
    """
    words = f"Each of the {subunits} subunits ({group}) of a particle has coordinates of its own."
    if not correlations:
        return words
    low, high = min(correlations), max(correlations)
    span = f"by {low:.2f}" if high - low < 0.01 else f"by {low:.2f} to {high:.2f}"
    return (f"{words} Along mode 1 the coordinates of two subunits of one particle correlate {span}, corrected for "
            f"noise: {_together(low, high)}.")


def _together(low: float, high: float) -> str:
    if max(-low, high) < _CORRELATED:
        return "subunits move independently"
    if low > _CORRELATED:
        return "subunits move together"
    if high < -_CORRELATED:
        return "subunits move in opposite directions"
    if high <= _CORRELATED:
        return "some pairs move in opposite directions, others independently"
    return "some pairs move together, others " + (
        "in opposite directions" if low < -_CORRELATED else "independently")


def subunits_untested(modes: int) -> str:
    """Why differences between subunits were not tested."""
    if not modes:
        return "No mode of the subunits is significant; differences between subunits were not tested."
    return "There are too few particles to test whether the subunits differ."


def subunits_alike(chance: str) -> str:
    """Chance: p value, as subunits_differ_little."""
    return (f"No difference between the subunits was detected ({chance}): in the frame of the given poses their "
            "coordinates have the same mean and spread. That is no proof of symmetry: where the poses confuse "
            "equivalent views, differences average out.")


def subunits_differ_little(chance: str, largest: float) -> str:
    """Chance: "p = 0.2" or "p < 0.001". largest: difference that is still negligible, in standard deviations."""
    return (f"The subunits differ significantly ({chance}), but by less than {largest:g} standard deviations of a "
            "coordinate.")


def subunit_difference(chance: str, place: tuple[int, int], mean: float, spread: float) -> str:
    """The symmetry is broken.

    Args:
        place: subunit and mode, from 1, that differ most. mean: distance of its mean from that of all, in standard
            deviations of a coordinate. spread: its standard deviation over that of all. The larger difference is named.
    """
    what = (f"its mean differs from that of all by {mean:.2f} standard deviations" if mean >= abs(spread - 1) else
            f"its standard deviation is {spread:.2f} times that of all")
    return (f"The symmetry is broken: the subunits differ ({chance}), most of all subunit {place[0]} along mode "
            f"{place[1]} ({what}). A refinement without symmetry, or of selected particles, would show it.")
