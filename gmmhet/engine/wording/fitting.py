"""What is said about the fit of Gaussians to a map."""

__all__ = ["NO_SOLVENT_LEFT", "analysis_disagrees", "fit_line", "half_maps_line", "made_half_maps", "missing_line",
           "model_disagrees", "poor_fit"]

#: a masked map without half maps
NO_SOLVENT_LEFT = ("a mask has emptied the map around the molecule, so that the map alone does not tell where its "
                   "signal ends; give --half-maps, or --resolution no finer than where they agree")


def fit_line(number: int, at_resolution: float, plain: float, resolution: float, correlation: float, inside: float,
             ) -> str:
    """The fit in one line of the log."""
    return (f"{number} Gaussians, {inside:.0%} inside the molecule; correlation with the map at {resolution:.3g} Å: "
            f"{at_resolution:.3f} within the molecule's mask, solvent level and spectrum taken off ({correlation:.3f} "
            f"over all detail up to there); {plain:.3f} in the whole box, whose noise and solvent they leave out")


def poor_fit(name: str, correlation: float, resolution: float, least: float, *, signal: float, halves: bool,
             few: bool) -> str:
    """Why a fit is not gone on with, and what helps; few: the user chose the number of Gaussians."""
    give = [*(["a larger --n-gaussians, or auto"] if few else []), "--resolution coarser than that"]
    if not halves:
        give.append("--half-maps (so that the end of the signal is known)")
    give.append("--mask (another soft one around the molecule, if one was given)")
    where = "up to" if few else "at"
    return (f"{name}: the Gaussians do not explain the map: correlation {correlation:.2f} {where} {resolution:.3g} Å "
            f"within the molecule, expected at least {least:g}; its signal seems to end at {signal:.3g} Å; give "
            f"{', '.join(give[:-1])} or {give[-1]}")


def half_maps_line(first: str, second: str, *, given: bool) -> str:
    """Which half maps are used."""
    return f"half maps: {first} and {second} ({'as given' if given else 'found beside the map'})"


def made_half_maps(particles: int | None) -> str:
    """The map came without half maps. particles: that some were made of; None: too few."""
    if particles is None:
        return "the map has no half maps, and there are too few particles to make some"
    return (f"the map has no half maps: some are made from {particles:,} particles, to see what the map may lack and "
            "where its signal ends")


def missing_line(name: str, share: float, middle: tuple[float, ...], *, of_particles: bool) -> str:
    """The map lacks density.

    Args:
        share: of the molecule's. middle: xyz, Angstrom. of_particles: half maps were made of them.
    """
    place = ", ".join(f"{v:.0f}" for v in middle)
    whose = "the particles" if of_particles else "its half maps"
    return (f"{name}: {whose} show density beside the molecule that the map lacks, {share:.0%} of the molecule's, "
            f"around ({place}) Å: a mask or a model may have left it out. It is added before the fit (--no-missing: "
            "not)")


def model_disagrees(source: str, with_map: float, with_model: float, chance: float) -> str:
    """Particles agree with a map and not with its Gaussians."""
    return (f"{source}: the particles have a mean correlation of {with_map:+.3f} with the map and {with_model:+.3f} "
            f"with the Gaussians fitted to it (shuffled: {chance:.3f}); the fit took something else for the "
            "molecule: give --mask (a soft one around the molecule), --half-maps or --resolution")


def analysis_disagrees(source: str, of_check: float, of_analysis: float) -> str:
    """Check and analysis find opposite contrast."""
    return (f"{source}: check finds {'bright' if of_check > 0 else 'dark'} particles (correlation {of_check:+.3f}), "
            f"the analysis {'bright' if of_analysis > 0 else 'dark'} ones (FRC {of_analysis:+.3f}); expected one "
            "contrast: give --mask (a soft one around the molecule), --half-maps or --resolution")
