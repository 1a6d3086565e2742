"""Sentences about junk."""

__all__ = ["junk_found", "junk_left_out", "mostly_junk"]


def junk_found(share: float, error: float, left_out: int) -> str:
    """How many particles hardly show the molecule.

    Args:
        share, error: of all particles, and its standard error. left_out: particles that the modes do without.
    """
    return (f"About {100 * share:.0f} % of the particles (± {max(100 * error, 0.5):.0f} %) hardly show the "
            "molecule at their given pose: junk, or poses that are grossly wrong. "
            f"The {left_out} that are most probably so have no part in the modes. "
            "The probability of each particle is in the column gmmhetJunk of latents.star.")


def junk_left_out(count: int, total: int) -> str:
    """Particles that a map does without."""
    return (f"{count} of {total} particles are left out: they are probably junk (gmmhetJunk above 0.5 in latents.star)")


def mostly_junk(share: float) -> str:
    """Too many particles to do without."""
    return (f"about {100 * share:.0f} % of the particles hardly show the molecule at their given pose, too many to "
            "leave out: all take part. Expected poses and a map that belong to these images; compare them with gmmhet "
            "check")
