"""Text of the report on what speaks for and against a motion: imaging conditions, poses, half-sets, convergence."""

from collections.abc import Sequence

from gmmhet.engine.wording.numbers import angstrom, counted, degrees, number, percent
from gmmhet.engine.wording.report_charts import Chart

__all__ = [
    "CONVERGENCE", "GRADIENT", "HALFSET_ANGLES", "IMAGING", "NO_CONVERGENCE", "angle_corrections", "converged",
    "convergence_caption", "dependence", "dependence_tip", "direction_tip", "halfset_angle_alone", "halfset_angles",
    "independence", "mode_says", "not_converged", "rigid_movement", "shift_corrections", "subunit_correlations",
    "subunit_key", "subunit_map", "subunit_tip",
]

# --- Dependence of the coordinates on imaging conditions ---

IMAGING = {
    "title": "Dependence of the coordinates on imaging conditions",
    "head": "share of the variance",
    "none": "No coordinate depends on any of these conditions.",
    "others": "Details in words",
    "note": "Share of a coordinate's variance that depends on each condition, beyond what noise gives. Bold: "
            "significant (one false alarm in the whole table has a probability below 1 %) and at least 1 %. A motion "
            "of the molecule should not depend on how it was imaged, although views and positions on the grid can "
            "select conformations. Hold the pointer over a value for its p value.",
    "weak": " Modes in italics are not significant.",
}


def independence(conditions: Sequence[str]) -> str:
    """No significant dependence on any of these."""
    listed = ", ".join(conditions[:-1]) + f" or {conditions[-1]}" if len(conditions) > 1 else conditions[0]
    return f"No mode depends significantly on {listed}."


def dependence(found: Sequence[tuple[float, int, str]], more: bool) -> str:
    """Share of the variance, mode and condition of the strongest dependences; more: whether there are others."""
    said = "; ".join(f"{percent(share)} of the variance of mode {mode} depends on the {condition}"
                     for share, mode, condition in found)
    return f"{said}{'; and others' if more else ''}. See below before you interpret the mode as motion."


def dependence_tip(p_value: float | None, words: str) -> str:
    """Beside a cell of the table."""
    return f"p = {number(p_value, 2)}: {words}"


def mode_says(mode: int, words: str) -> str:
    """What the analysis says of a mode."""
    return f"Mode {mode}: {words}."


# --- Poses ---


def angle_corrections(out_of_plane: float | None, in_plane: float | None, shift: float | None,
                      written: bool) -> tuple[Chart, str, str]:
    """Corrections of the angles, with the keys of both curves. Errors in degrees and Angstrom."""
    use = "are written to latents.star" if written else "are used within the analysis and not written"
    caption = (
        f"Distribution of the pose corrections over the particles; they {use}. Bars at the top: estimated pose errors, "
        f"{degrees(out_of_plane, 2)} in viewing direction, {degrees(in_plane, 2)} in the plane, {angstrom(shift, 2)} "
        "per axis for shifts. The corrections are smaller than the errors, because a noisy image determines only part "
        "of its own error.")
    return Chart("Corrections of the angles", "correction (degrees)", "% of the particles", caption), \
        "viewing direction, two axes", "in the plane"


def shift_corrections() -> tuple[Chart, str]:
    """Corrections of the shifts, with the key of the curve."""
    return Chart("Corrections of the shifts", "correction (Å)", "% of the particles",
                 "Every distribution should be centred at zero. An offset means that all poses deviate in the same "
                 "way, for example because the map has another origin."), "two axes"


def rigid_movement(share: float, mode: int, part_in_focus: bool) -> str:
    """A significant mode that is mostly a rigid movement, of the part in focus or of the whole molecule."""
    of = "the part in focus, which its own pose also describes" if part_in_focus else (
        "the whole molecule, which pose errors also produce")
    return f"{100 * share:.0f} % of mode {mode} is a rigid movement of {of}: interpret the mode as motion only if " \
           "the rest of it is plausible."


# --- Half-sets and convergence ---

HALFSET_ANGLES = Chart("Half-sets: angles between their modes", "direction, best agreement first", "angle (degrees)")


def halfset_angles(agreeing: int, same: float, other: float) -> str:
    """Caption; agreeing: number of directions with angles up to ``same``; beyond ``other``: no agreement (degrees)."""
    lead = f"{counted(agreeing, 'direction')} of variation {'agrees' if agreeing == 1 else 'agree'}" if agreeing else (
        "No direction of variation agrees")
    return f"{lead} between the half-sets. The modes of each half-set span a subspace; the plot shows the principal " \
           f"angles between the two. Up to {same:.0f} degrees (lower dotted line) is agreement; beyond {other:.0f} " \
           "degrees the subspaces have nothing in common, and noise gives angles near 90. A mode need not match a " \
           "single mode of the other half-set."


def halfset_angle_alone(same: float, other: float) -> str:
    """Caption where each half-set has one mode."""
    return (f"Angle between the modes of the two half-sets. Up to {same:.0f} degrees is agreement; beyond {other:.0f} "
            "degrees they have nothing in common, and noise gives angles near 90.")


def direction_tip(direction: int, angle: float) -> str:
    """Beside a dot."""
    return f"direction {direction}: {angle:.1f} degrees"


CONVERGENCE = Chart("Convergence", "pass", "log-likelihood per particle")
GRADIENT = Chart(
    "Remaining gradient", "pass", "gradient (logarithmic)",
    "Distance of each pass from the optimum. It should decrease until only noise is left; 1 is the level of noise.")
NO_CONVERGENCE = "Convergence cannot be assessed: fewer than two passes have a log-likelihood."


def converged(passes: int, last: float) -> str:
    """The last pass changed little."""
    return f"The fit converged after {passes} passes: the last pass changed the log-likelihood per particle by " \
           f"{number(last, 2)}."


def not_converged(last: float, total: float) -> str:
    """The last pass still changed something."""
    return f"The fit did not converge: its last pass changed the log-likelihood per particle by {number(last, 2)}, " \
           f"of {number(total, 2)} in total. More passes may change the modes."


def convergence_caption(settled: str) -> str:
    """Caption of the curve."""
    return f"{settled} The curve shows the change from the first pass; it should rise and become flat."


# --- Subunits ---


def subunit_map(mode: int) -> Chart:
    """Correlations between subunits."""
    return Chart(f"Mode {mode}: correlation between subunits", "subunit", "subunit")


def subunit_tip(first: int, second: int, correlation: float) -> str:
    """Beside a cell."""
    return f"subunits {first} and {second}: {number(correlation, 2)}"


def subunit_key(correlation: float) -> str:
    """A colour of the scale, which the last one names."""
    return number(correlation, 1) + (" (correlation)" if correlation == 1 else "")


def subunit_correlations(lowest: float, highest: float) -> str:
    """Caption."""
    return f"Correlations between different subunits range from {number(lowest, 2)} to {number(highest, 2)}. Blue: " \
           "the subunits move together; red: in opposite directions."
