"""Limits by which the report calls a result few, well known, agreeing or converged."""

from dataclasses import dataclass

from gmmhet.engine.settings import setting

__all__ = ["REPORTING", "Reporting"]


@dataclass(frozen=True)
class Reporting:
    """When the report uses which words. No estimate depends on these."""

    few_particles: int = setting(
        1000, "particles", "a motion found in fewer is shown with the advice to confirm it",
        origin="chosen, not measured")
    smallest_displacement: float = setting(
        0.05, "Å", "a shorter largest displacement is not mentioned: the mode changes density",
        origin="chosen, not measured")
    full_agreement: float = setting(
        0.9, "correlation", "half-sets agree fully from here on",
        origin="chosen, not measured")
    partial_agreement: float = setting(
        0.6, "correlation", "half-sets agree partly from here on",
        origin="chosen, not measured")
    well_determined: float = setting(
        0.35, "of the spread of all particles", "posterior deviation below which a coordinate is well determined",
        origin="chosen, not measured")
    roughly_determined: float = setting(
        0.7, "of the spread of all particles", "posterior deviation below which a coordinate is roughly determined",
        origin="chosen, not measured")
    score_deviations: float = setting(
        2.0, "standard errors", "poses fit when their mean score is above that of shuffled ones by more; of analyses "
        "that do not hold the largest shuffled score",
        origin="chosen, not measured")
    same_direction: float = setting(
        20.0, "degrees", "principal angles of the half-sets up to this are agreement",
        origin="chosen, not measured")
    other_direction: float = setting(
        60.0, "degrees", "principal angles beyond this are no agreement",
        origin="chosen, not measured")
    converged_change: float = setting(
        0.02, "log-likelihood per particle", "the fit has converged when its last pass changed less",
        origin="chosen, not measured")
    converged_share: float = setting(
        0.01, "of the rise over all passes", "or when its last pass changed less than this",
        origin="chosen, not measured")
    mostly_rigid: float = setting(
        0.5, "of the displacement", "a mode of a larger rigid share is named in the box at the top",
        origin="chosen, not measured")
    least_drawn: float = setting(
        0.01, "of the highest", "density over two modes that is drawn", origin="chosen, not measured")
    largest_uncertainty: float = setting(
        0.5, "posterior variance", "densities are deconvolved only if the median particle has less: more uncertainty "
        "leaves nothing to be resolved",
        origin="chosen, not measured")


REPORTING = Reporting()
