"""Sentences of ``gmmhet check``: the lines of its screen, warnings, the problem that stops a run, and the verdict.

Lines of the screen have a name of up to 13 letters and begin at column 14; ``screen_line`` sets them.
"""

from collections.abc import Sequence

__all__ = [
    "NO_MAP", "PLOT", "READINGS", "acquisition", "agreement_lines", "background_lines",
    "best_map_frame", "brightness", "contrast", "defocus_range", "direction_lines", "few_particles",
    "halves", "low_correlation", "map_displaced", "map_size",
    "mirrored_map", "mixed_contrast", "next_readings", "optics_group",
    "optics_lines", "other_reading", "particle_count", "phase_shift", "plot_title",
    "poor_directions", "screen_line", "shift_errors", "shift_factor", "shift_lengths",
    "size_mismatch",
    "unlikely_poses", "verdict_of_fit", "weak_agreement",
]

Triple = tuple[float, float, float]

_OPTICS_SHOWN = 4
_EXPECTED = "expected orientations, shifts and map of one refinement"

# --- Other readings of the metadata: ends of "the particles fit the map better if ..." ---

READINGS = {
    "given": "the metadata are taken as they are",
    "displaced": "the map is moved and rotated",
    "inverse_rotation": "the rotations are inverted (transposed matrices)",
    "negated_psi": "the in-plane angles (psi) have the opposite sign",
    "negated_rot": "the first angles (rot) have the opposite sign",
    "exchanged_angles": "rot and psi are exchanged",
    "psi_plus_90": "the in-plane angles (psi) are 90 degrees larger",
    "psi_minus_90": "the in-plane angles (psi) are 90 degrees smaller",
    "rot_plus_90": "the first angles (rot) are 90 degrees larger",
    "rot_minus_90": "the first angles (rot) are 90 degrees smaller",
    "mirrored_images_x": "the images are mirrored along x",
    "mirrored_images_y": "the images are mirrored along y",
    "negated_shifts": "the shifts have the opposite sign",
    "no_shifts": "the shifts are ignored (the images seem to be centred already)",
    "shifts_in_pixels": "the shifts are in pixels, not in Angstrom",
    "shifts_multiplied": "the shifts are divided by the pixel size (they seem to have been multiplied by it twice)",
    "defocus_in_nanometre": "the defocus is in nanometre, not in Angstrom",
    "flipped_phases": "the phases of the images are already flipped (CTF-corrected images)",
}


def mirrored_map(axis: str) -> str:
    """Reading of a map mirrored along "x", "y" or "z", or inverted ("centre")."""
    if axis == "centre":
        return "the map is inverted through its centre (the other hand), or the images are rotated by 180 degrees"
    return f"the map is mirrored along {axis} (it seems to be the other hand)"


def shift_factor(factor: float) -> str:
    """Reading of shifts of another length."""
    return f"the shifts are {factor:.2f} times as long"


def map_size(scale: float) -> str:
    """Reading of a map of another size."""
    size = "larger" if scale > 1 else "smaller"
    return f"the map is {abs(scale - 1):.1%} {size} (the pixel sizes of map and particles do not match)"


# --- Lines of the screen ---


def screen_line(name: str, text: str) -> str:
    """A line of the screen."""
    return f"{name:14}{text}"


def particle_count(n_particles: int, n_images: int, n_stacks: int, n_micrographs: int) -> list[str]:
    """How many particles, images and files; n_micrographs: 0 where the file does not name them."""
    lines = [f"{n_particles:,} in {n_stacks:,} stack(s), {n_micrographs or 'unknown'} micrograph(s)"]
    if n_images < n_particles:
        lines.append(f"{n_images:,} different images: several rows per image (symmetry expansion?)")
    return lines


def acquisition(box: int, pixel_size: float) -> str:
    """Box and pixel size (Angstrom)."""
    return f"{box} pixels of {pixel_size:g} Å: {box * pixel_size:.4g} Å"


def optics_group(name: str, voltage: float, spherical_aberration: float, amplitude_contrast: float,
                 n_particles: int) -> str:
    """An optics group; kV and mm."""
    return f"{name}: {voltage:g} kV, Cs {spherical_aberration:g} mm, amplitude contrast {amplitude_contrast:g}, " \
           f"{n_particles} particles"


def optics_lines(groups: Sequence[str]) -> list[str]:
    """The first optics groups, each from ``optics_group``, and how many more there are."""
    shown = list(groups[:_OPTICS_SHOWN])
    return shown if len(groups) <= _OPTICS_SHOWN else [*shown, f"and {len(groups) - _OPTICS_SHOWN} more"]


def defocus_range(defocus: Triple | None, astigmatism: float) -> str:
    """Lowest, median and highest defocus and median astigmatism, Angstrom; None: not in the file."""
    if defocus is None:
        return "not in the file"
    low, middle, high = defocus
    return f"{low:,.0f} to {high:,.0f} Å, median {middle:,.0f}; astigmatism {astigmatism:,.0f} Å"


def phase_shift(low: float, high: float) -> str:
    """Range of the phase shift, degrees."""
    return "none" if low == high == 0 else f"{low:.1f} to {high:.1f} degrees"


def shift_lengths(median: float, largest: float) -> str:
    """Lengths of the shifts, Angstrom."""
    return f"median {median:.2f} Å, largest {largest:.2f} Å"


def halves(first: int, second: int) -> str:
    """Particles of the half-sets; 0 and 0: not in the file."""
    return f"{first:,} and {second:,}" if first or second else "not in the file"


def background_lines(n_images: int, radius: float, mean: float, deviation: Triple, normalised: bool,
                     bright: int) -> list[str]:
    """Grey values outside the particle: median of the means; 5th, 50th and 95th percentile of the deviations."""
    low, middle, high = deviation
    state = "normalised" if normalised else "not normalised to mean 0, deviation 1"
    return [f"of {n_images} images, outside {radius:.0f} Å: mean {mean:.3g}, deviation {middle:.3g} "
            f"({low:.3g} to {high:.3g}): {state}", f"the centre of the images is {brightness(bright)} the background"]


def brightness(sign: int) -> str:
    """How the particle compares with its background: 1 brighter, -1 darker, 0 no significant difference."""
    return {1: "brighter than", -1: "darker than", 0: "not significantly different from"}[sign]


def direction_lines(crowded: float, least: float) -> list[str]:
    """Share of particles in the most populated tenth of all directions, and coverage of the least seen direction."""
    return [f"the most populated tenth of all directions holds {crowded:.0%} of the particles",
            f"least seen direction of Fourier space: {least:.2f} times a uniform distribution"]


def agreement_lines(n_particles: int, map_name: str, resolution: float, given: float, chance: float,
                    rank: float) -> list[str]:
    """Mean correlation of particles with projections of the map, and the highest with shuffled orientations."""
    return [f"{n_particles} particles against projections of {map_name}, to {resolution:.1f} Å:",
            f"mean correlation {given:+.4f} at the given poses; at most {chance:.4f} (either sign) with shuffled "
            "orientations",
            f"a particle fits its own orientation better than {rank:.0%} of those of other particles"]


def contrast(sign: int) -> str:
    """Sign of the image contrast."""
    return "density is bright, as expected" if sign > 0 else "inverted: density is dark (this is taken into account)"


def mixed_contrast(inverted: int, n_images: int) -> str:
    """Images of inverted contrast among those that were compared with the map."""
    return f"mixed: {inverted:,} of {n_images:,} images are inverted (this is taken into account, image by image)"


def best_map_frame(move: Triple, move_error: float, turn: float, turn_error: float) -> str:
    """Displacement (Angstrom) and rotation (degrees) of the map that fit best, with standard errors."""
    return f"best fit when moved by {_triple(move)} Å (error {move_error:.1f} Å) and rotated by {turn:.1f} degrees " \
           f"(error {turn_error:.1f} degrees)"


def next_readings(correlations: Sequence[tuple[str, float]]) -> str:
    """Names of other readings with their mean correlations."""
    return "next best readings: " + ", ".join(f"{name} {value:+.4f}" for name, value in correlations)


def _triple(values: Triple) -> str:
    return "(" + ", ".join(f"{round(v, 1) + 0.0:.1f}" for v in values) + ")"


# --- Warnings ---


def low_correlation(given: float) -> str:
    """Mean correlation at the given poses."""
    return f"the mean correlation of the particles with the map is low: {given:+.4f}"


def poor_directions(share: float) -> str:
    """Share of directions of Fourier space that few views cover."""
    return f"few views: {share:.0%} of the directions of Fourier space are seen less than a fifth as often as with a " \
           "uniform distribution of views; maps will have lower resolution along them"


def few_particles(n_particles: int, fit: bool, better: str | None) -> list[str]:
    """Too few particles for a verdict. better: the reading that fits better, or None."""
    state = "fit" if fit else "do not fit"
    warnings = [f"too few particles to be sure ({n_particles}); their poses {state} the map better than shuffled ones"]
    return warnings if better is None else [*warnings, f"the particles fit the map better if {better}"]


def weak_agreement() -> str:
    """The given poses fit barely better than chance."""
    return "the given poses fit the map only slightly better than shuffled ones: the images are very noisy, the " \
           "views look alike, or the poses are poor"


def shift_errors(factor: str) -> str:
    """Shorter shifts fit better. factor: the reading, from ``shift_factor``."""
    return f"the particles fit slightly better if {factor}: the errors of the shifts seem to be about as large as " \
           "the shifts"


def map_displaced(move: Triple | None, turn: Triple | None) -> str:
    """Displacement (Angstrom) and rotation vector (degrees) of the map that fit best; None where they are small."""
    how = [f"moved by {_triple(move)} Å"] if move is not None else []
    how += [f"rotated by {_triple(turn)} degrees about x, y, z"] if turn is not None else []
    return f"the map fits best {' and '.join(how)}: it seems to have been resampled, recentred or rotated after the " \
           "refinement"


def size_mismatch(scale: float) -> str:
    """The size of the map that fits best, 1 as given."""
    return f"the map fits best {abs(scale - 1):.1%} {'larger' if scale > 1 else 'smaller'}: multiply the pixel size " \
           f"of the map by {scale:.3f}, or that of the particles by {1 / scale:.3f}"


# --- The problem that stops a run, and the verdict ---


def other_reading(source: str, map_name: str, reading: str, correlation: float, given: float, chance: float) -> str:
    """Another reading of the metadata fits better than the given one."""
    return f"{source}: the particles fit {map_name} better if {reading}: mean correlation {abs(correlation):.3f} " \
           f"instead of {abs(given):.3f} (shuffled orientations: {chance:.3f}); {_EXPECTED}"


def unlikely_poses(source: str, map_name: str, given: float, chance: float) -> str:
    """The given poses fit no better than chance."""
    return f"{source}: the given poses fit {map_name} no better than shuffled ones: mean correlation " \
           f"{abs(given):.4f}, shuffled up to {chance:.4f}; {_EXPECTED}"


NO_MAP = "no map was given: poses, sign of the contrast and pixel size were not compared with a map"


def verdict_of_fit(*, few: bool, unsure: bool, other_size: bool, displaced: bool, inverted: tuple[int, int] = (0, 0),
                   ) -> str:
    """Verdict where no problem stops the run.

    Args:
        unsure: whether the particles hardly correlate with the map.
        inverted: images of inverted contrast where others are not, and images in all.
    """
    words = UNSURE if unsure and not few else _verdict(few, other_size, displaced)
    if not inverted[0]:
        return words
    return f"the contrast is mixed, {inverted[0]:,} of {inverted[1]:,} images are inverted (this is taken into " \
           f"account); {words}"


UNSURE = ("whether poses, sign of the contrast and pixel size fit the map cannot be told: the particles hardly "
          "correlate with it. The map of the refinement that the poses come from would tell")


def _verdict(few: bool, other_size: bool, displaced: bool) -> str:
    if few:
        return "too few particles to decide whether poses, sign of the contrast and pixel size fit the map"
    if other_size:
        return "poses and sign of the contrast fit the map as given; the pixel sizes of map and particles do not match"
    if displaced:
        return "poses and sign of the contrast fit the map, which is slightly displaced or rotated"
    return "poses, sign of the contrast and pixel size fit the map as given"


# --- The picture ---

PLOT = {
    "views": "viewing directions (rot horizontal, tilt vertical, degrees)",
    "density": "particles relative to a uniform distribution",
    "own": "at its own pose",
    "others": "at the orientation of another particle",
    "correlation": "correlation of a particle with a projection of the map",
    "particles": "particles",
}


def plot_title(n_particles: int, resolution: float) -> str:
    """Above the correlations. resolution: Angstrom."""
    return f"{n_particles} particles, to {resolution:.1f} Å"
