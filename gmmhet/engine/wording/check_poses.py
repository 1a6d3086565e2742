"""Sentences of ``gmmhet check`` about wrong poses, images without a molecule, and the band beyond the refinement."""

__all__ = ["band_line", "empty_images", "empty_line", "unsupported", "wrong_line", "wrong_poses"]

Shares = tuple[float, float, float]  # a share, and the ends of its 95 % interval

_UNKNOWN = "cannot be determined from these images"


def _range(shares: Shares) -> str:
    share, low, high = shares
    return f"{share:.0%} ({low:.0%} to {high:.0%})"


def wrong_line(n_particles: int, resolution: float, shares: Shares | None, *, at_least: bool = False) -> str:
    """Share of grossly wrong orientations; None: not known."""
    if shares is None:
        return f"{_UNKNOWN}, to {resolution:.0f} A: too noisy, or views of the map look too much alike"
    return f"{'at least' if at_least else 'about'} {_range(shares)} of the orientations are off by more than 10 " \
           f"degrees, from {n_particles} images to {resolution:.0f} A"


def empty_line(shares: Shares) -> str:
    """Share of images without any molecule."""
    return f"about {_range(shares)} of the images show no molecule"


def wrong_poses(shares: Shares, unresolved: float | None) -> str:
    """Warning.

    Args:
        unresolved: where the share is a lower bound, that of particles that images with this noise do not orient.
    """
    words = f"{_range(shares)} of the poses appear to be off by more than 10 degrees: refine again with a global " \
            "search of orientations from this map, or remove particles by 3D classification"
    if unresolved is None:
        return f"about {words}"
    return f"at least {words}; images as noisy as these do not orient {unresolved:.0%} of the particles to the " \
           "resolution compared, so wrong poses that were fitted to the images are not all found"


def empty_images(shares: Shares) -> str:
    """Warning about images without any molecule."""
    return f"about {_range(shares)} of the images appear to show no molecule: remove them by 2D or 3D classification"


def band_line(refined_to: float, band: tuple[float, float], share: float | None, error: float | None,
              supported: bool | None) -> str:
    """Signal beyond the resolution to which poses were refined. band: coarsest and finest compared, Angstrom."""
    start = f"refined to {refined_to:.1f} A: "
    if share is None or error is None:
        return f"{start}whether the images support the poses beyond {_UNKNOWN}; finer images, or a refinement to a " \
               "coarser resolution, would show it"
    figures = f"signal from {band[0]:.0f} to {band[1]:.0f} A is {share:.2f} (error {error:.2f}) of that expected"
    if supported is None:
        return f"{start}{figures}; more particles, or a refinement to a coarser resolution, would show whether the " \
               "images support the poses"
    return f"{start}{figures}: the images {'support' if supported else 'do not support'} the poses"


def unsupported(refined_to: float, band: tuple[float, float], share: float, error: float) -> str:
    """Warning: no signal where the refinement did not look."""
    return f"the images do not support the poses beyond {refined_to:.1f} A, to which they were refined: from " \
           f"{band[0]:.0f} to {band[1]:.0f} A signal is {share:.2f} (error {error:.2f}) of that expected; the poses " \
           "may be fitted to noise or to a wrong map: refine again from another initial map, and compare"
