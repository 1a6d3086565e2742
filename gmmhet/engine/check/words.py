"""The check in words."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.check.facts import Facts
from gmmhet.engine.check.images import ImageCheck
from gmmhet.engine.check.poses import PoseCheck
from gmmhet.engine.check.views import ViewCheck
from gmmhet.engine.wording.views import unit_line

__all__ = ["facts_lines", "image_lines", "pose_lines", "pose_problem", "pose_warnings", "view_lines"]

_BARELY = 4.0  # gap of the given poses to the mean of the shuffled ones, over that of the best shuffled one


def facts_lines(facts: Facts) -> list[str]:
    """What the file says."""
    lines = [f"particles     {facts.n_particles:,} in {facts.n_stacks:,} stack(s), {facts.n_micrographs or 'unknown'} "
             "micrograph(s)"]
    if facts.n_images < facts.n_particles:
        lines.append(f"              {facts.n_images:,} different images: several rows an image (symmetry expansion?)")
    lines.append(f"images        {facts.box} pixels of {facts.pixel_size:g} A: {facts.box * facts.pixel_size:.4g} A")
    lines += [f"{'optics group' if i == 0 else '':14}{words}" for i, words in enumerate(facts.optics[:4])]
    if len(facts.optics) > 4:
        lines.append(f"{'':14}and {len(facts.optics) - 4} more")
    if facts.defocus is None:
        lines.append("defocus       not told")
    else:
        low, middle, high = facts.defocus
        lines.append(f"defocus       {low:,.0f} to {high:,.0f} A, median {middle:,.0f}; astigmatism "
                     f"{facts.astigmatism:,.0f} A")
        low, high = facts.phase_shift
        lines.append("phase shift   " + ("none" if low == high == 0 else f"{low:.1f} to {high:.1f} degrees"))
    lines.append(f"shifts        median {facts.shift[0]:.2f} A, largest {facts.shift[1]:.2f} A")
    halves = f"{facts.halves[0]:,} and {facts.halves[1]:,}" if any(facts.halves) else "not told"
    return [*lines, f"half-sets     {halves}"]


def image_lines(found: ImageCheck) -> list[str]:
    """What the images look like."""
    state = "normalised" if found.normalised else "not normalised to mean 0, deviation 1"
    bright = {1: "is brighter than", -1: "is darker than", 0: "cannot be told from"}[found.brightness]
    return [f"background    of {found.n_images} images, outside {found.radius:.0f} A: mean {found.mean[1]:.3g}, "
            f"deviation {found.deviation[1]:.3g} ({found.deviation[0]:.3g} to {found.deviation[2]:.3g}): {state}",
            f"              the middle of the images {bright} the background"]


def view_lines(found: ViewCheck) -> list[str]:
    """From where the particles are seen."""
    return [f"views         the most crowded tenth of all directions holds {found.crowded:.0%} of the particles",
            *([f"              {unit_line(found.unit)}"] if found.unit is not None else []),
            f"              least seen direction of Fourier space: {found.least:.2f} of an even share",
            *(f"              {line}" for line in found.text())]


def pose_lines(found: PoseCheck, map_path: Path | str) -> list[str]:
    """Whether particles and map fit together."""
    chance = abs(found.shuffled).max(initial=0.0)
    lines = [f"poses         {found.n_particles} particles against projections of {map_path}, to "
             f"{found.resolution:.1f} A:",
             f"              mean correlation {found.given:+.4f} at the given poses; at shuffled ones at most "
             f"{chance:.4f} either way",
             f"              a particle fits its own orientation better than {found.rank:.0%} of the others'",
             f"contrast      {'as expected: density is bright' if found.sign > 0 else 'inverted: density is dark'}"
             + (" (taken into account)" if found.sign < 0 else "")]
    if found.frame is not None:
        lines.append(f"map           fits best moved by {_triple(found.frame.move)} A, turned by "
                     f"{float((found.frame.turn ** 2).sum() ** 0.5):.1f} degrees (errors "
                     f"{float((found.frame.move_error ** 2).sum() ** 0.5):.1f} A, "
                     f"{float((found.frame.turn_error ** 2).sum() ** 0.5):.1f} degrees)")
    others = sorted(found.readings.items(), key=lambda item: -abs(item[1]))[:3]
    lines.append("              next best readings: " + ", ".join(f"{k} {v:+.4f}" for k, v in others))
    return lines


def _triple(values: NDArray[np.float64]) -> str:
    return "(" + ", ".join(f"{v + 0.0:.1f}" for v in np.round(values, 1)) + ")"


def pose_problem(found: PoseCheck, source: Path | str, map_path: Path | str) -> str | None:
    """One line on what makes no sense; None where nothing is wrong, or where too few particles cannot tell."""
    if found.few:
        return None
    chance = abs(found.shuffled).max(initial=0.0)
    expected = "expected orientations, shifts and map of one refinement"
    if found.better is not None and not found.better[0].control:
        reading, value = found.better
        return (f"{source}: the particles fit {map_path} better if {reading.words}: mean correlation "
                f"{abs(value):.3f} instead of {abs(found.given):.3f} (shuffled: {chance:.3f}); {expected}")
    if not found.fit:
        return (f"{source}: the given poses fit {map_path} no better than shuffled ones: mean correlation "
                f"{abs(found.given):.4f}, shuffled up to {chance:.4f}; {expected}")
    return None


def pose_warnings(found: PoseCheck) -> list[str]:
    """What is worth a second look, without stopping."""
    chance, mean = abs(found.shuffled).max(initial=0.0), abs(found.shuffled.mean()) if len(found.shuffled) else 0.0
    warnings = []
    if found.few:
        state = "fit" if found.fit else "do not fit"
        warnings.append(f"too few particles to be sure ({found.n_particles}); their poses {state} better than shuffled "
                        "ones")
        if found.better is not None and not found.better[0].control:
            warnings.append(f"they would fit better if {found.better[0].words}")
    elif found.better is None and found.fit and abs(found.given) - mean < _BARELY * (chance - mean):
        warnings.append("the given poses fit the map only a little better than shuffled ones: very noisy images, views "
                        "that look alike, or poor poses")
    if found.better is not None and found.better[0].control:
        warnings.append(f"the particles fit a little better if {found.better[0].words}: the shifts seem to have errors "
                        "about as large as they are")
    if found.frame is not None and (found.frame.moved or found.frame.turned):
        how = [f"moved by {_triple(found.frame.move)} A"] if found.frame.moved else []
        how += [f"turned by {_triple(found.frame.turn)} degrees about x, y, z"] if found.frame.turned else []
        warnings.append(f"the map fits best {' and '.join(how)}: it seems to have been resampled, recentred or turned "
                        "after the refinement")
    if found.scale is not None and found.better is None:
        warnings.append(f"the map fits best {abs(found.scale - 1):.1%} {'larger' if found.scale > 1 else 'smaller'}: "
                        f"the pixel size of the map should be {found.scale:.3f} times what it is, or that of the "
                        f"particles {1 / found.scale:.3f} times")
    return warnings
