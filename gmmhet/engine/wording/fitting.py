"""What is said about the fit of Gaussians to a map."""

__all__ = ["fit_line", "half_maps_line", "poor_fit"]


def fit_line(number: int, at_resolution: float, resolution: float, correlation: float, inside: float) -> str:
    """The fit in one line of the log."""
    return (f"{number} Gaussians; correlation with the map {at_resolution:.3f} at {resolution:.3g} A, "
            f"{correlation:.3f} over all up to there (within the molecule); {inside:.0%} of the Gaussians inside the "
            "molecule")


def poor_fit(name: str, at_resolution: float, resolution: float, least: float, *, signal: float, halves: bool,
             masked: bool) -> str:
    """Why a fit is not gone on with, and what helps."""
    give = ["--resolution coarser than that"]
    if not halves:
        give.append("--half-maps (so that the end of the signal is known)")
    give.append(f"{'another ' if masked else ''}--mask (a soft one around the molecule)")
    return (f"{name}: the Gaussians do not explain the map: correlation {at_resolution:.2f} at {resolution:.3g} A "
            f"within the molecule, expected at least {least:g}; its signal seems to end at {signal:.3g} A; give "
            f"{', '.join(give[:-1])} or {give[-1]}")


def half_maps_line(first: str, second: str, *, given: bool) -> str:
    """Which half maps are used."""
    return f"half maps: {first} and {second} ({'as given' if given else 'found beside the map'})"
