"""Sentences about points of latent space, and captions of movies."""

from collections.abc import Sequence

__all__ = ["crosses_gap", "leaves_out", "map_label", "near_point", "path_shape", "populated_rule", "unpopulated_label",
           "unpopulated_path", "unpopulated_points"]


def unpopulated_points(count: int, of: int, numbers: str) -> str:
    """Points of maps that lie where there are no particles.

    Args:
        count, of: how many of how many points. numbers: theirs, as in "2, 5".
    """
    if of == 1:
        return "there are no particles at this point: its map extrapolates the model"
    return (f"{count} of {of} points have no particles ({numbers}): their maps extrapolate the model")


def unpopulated_path(numbers: str) -> str:
    """A path that leaves the particles; numbers: of its points, as in "2, 5"."""
    return f"the path passes through regions without particles, at points {numbers}"


def path_shape(ring: bool) -> str:
    """What the particles lie along."""
    return "the particles lie along " + ("a closed path" if ring else "a path with two ends")


def populated_rule(unit: str, share: float, fewest: float) -> str:
    """When a point counts as populated.

    Args:
        unit: particles or subunits. share: of these that are inside. fewest: of these that have to be near.
    """
    return (f"A point is populated where the density is at least that at {share:.0%} of the {unit}, and at least "
            f"{fewest:.3g} {unit} are near. The uncertainty of each is taken out of the density over one or two modes; "
            "over more, a point must also be populated along each single mode.")


def crosses_gap(first: int, last: int, count: float | None, error: float, unit: str) -> str:
    """A path that leads through a gap; first, last: its points there, from 1. count, error: of the particles."""
    there = "" if count is None else f", which holds {count:.0f} ± {max(error, 1):.0f} {unit}"
    points = f"point {first}" if first == last else f"points {first} to {last}"
    return f"the path crosses an empty gap at {points}{there}: maps there extrapolate the model"


def leaves_out(share: float, unit: str) -> str:
    """A path that is far from some; share: of the particles that are far."""
    return f"{100 * share:.0f} % of the {unit} lie farther than one standard deviation from the path"


def near_point(near: float, unit: str, populated: bool) -> str:
    """What is near a point; unit: particles or subunits."""
    return f"about {near:,.0f} {unit} nearby" if populated else f"no {unit} here: the model is extrapolated"


def map_label(number: int, count: int, coordinates: Sequence[float]) -> str:
    """Caption of a map of a series; number: from 1."""
    place = ", ".join(f"{v:+.2f}" for v in coordinates[:4]) + (", ..." if len(coordinates) > 4 else "")
    return f"map {number} of {count}" + (f", at {place}" if place else "")


def unpopulated_label(label: str) -> str:
    """Caption of a map at a point without particles."""
    return f"{label}: no particles here"
