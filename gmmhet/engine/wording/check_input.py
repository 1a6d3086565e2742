"""Sentences of ``gmmhet check`` about values of the particle file and the images that are worth a look."""

__all__ = [
    "NO_CTF",
    "NO_HALVES",
    "flat_backgrounds",
    "half_set_notes",
    "large_shifts",
    "negative_amplitude_contrast",
    "other_pixel_size",
    "repeated_rows",
    "small_aberration",
    "small_angles",
    "small_defocus",
    "small_phase_shifts",
    "unequal_halves",
    "uneven_greyscale",
    "unlikely_defocus",
]

NO_CTF = "no defocus in the file: the images are treated as having no contrast transfer function"
NO_HALVES = "no half-sets in the file: odd and even images are taken as the two halves"


def unlikely_defocus(low: float, high: float, expected: tuple[float, float]) -> str:
    """Range of the defocus outside the expected one, Angstrom."""
    return f"defocus from {low:,.0f} to {high:,.0f} Å; expected {expected[0]:,.0f} to {expected[1]:,.0f}: is it in " \
           "Angstrom, underfocus positive?"


def small_defocus(middle: float) -> str:
    """Median defocus, Angstrom."""
    return f"median defocus {middle:,.0f} Å, close to focus: is it in Angstrom, not in nanometre?"


def negative_amplitude_contrast(value: float) -> str:
    """The lowest of the optics groups."""
    return f"amplitude contrast {value:g} is negative: expected about 0.07 to 0.1"


def repeated_rows(number: int) -> str:
    """Rows that add nothing to the file."""
    return f"{number:,} row{'s repeat' if number != 1 else ' repeats'} the image and the pose of another row: these " \
           "particles count more than once"


def small_phase_shifts(low: float, high: float) -> str:
    """Range of phase shifts."""
    return f"phase shifts from {low:.2f} to {high:.2f}: are they in degrees, not in radians?"


def small_angles(largest: float) -> str:
    """Largest of all Euler angles."""
    return f"no Euler angle is larger than {largest:.2f}: are they in degrees, not in radians?"


def small_aberration(value: float) -> str:
    """Spherical aberration, mm."""
    return f"spherical aberration {value:g} mm: is it in mm, not in metre?"


def other_pixel_size(pixel_size: float, header: float) -> str:
    """Pixel size of the particles and of the header of their images, Angstrom."""
    return f"pixel size {pixel_size:.4g} Å, in the header of the images {header:.4g} Å: which one is right?"


def large_shifts(largest: float) -> str:
    """Largest shift, Angstrom."""
    return f"shifts up to {largest:.0f} Å, more than a quarter of the box: are they in Angstrom?"


def unequal_halves(first: int, second: int) -> str:
    """Particles of the half-sets."""
    return f"half-sets of {first} and {second} particles; expected about equal numbers"


def half_set_notes(first: int, second: int, *, in_both: int, by_turns: bool) -> list[str]:
    """How the half-sets in use differ from those of the file.

    Args:
        first, second: particles of the half-sets of the file. in_both: images with rows in both. by_turns: whether odd
            and even images are taken instead.
    """
    notes = []
    if in_both:
        notes.append(f"{in_both:,} image{'s are' if in_both != 1 else ' is'} in both half-sets (listed several times, "
                     "or extracted several times at one place of a micrograph): all rows of an image are taken into "
                     "the half-set of its first row; otherwise the half-sets are not independent")
    if by_turns:
        notes.append(f"half-sets of {first:,} and {second:,} particles cannot be compared: odd and even images are "
                     "taken as the two halves")
    return notes


def flat_backgrounds(number: int, n_images: int) -> str:
    """Images without noise around the particle."""
    return f"{number:,} of {n_images:,} images have a single value outside the particle: they are blank, or were masked"


def uneven_greyscale(low: float, high: float) -> str:
    """5th and 95th percentile of the background's standard deviation."""
    return f"the images are not on one greyscale: standard deviation of the background from {low:.3g} to {high:.3g} " \
           "(5th and 95th percentile); expected images normalised as refinement programs do"
