"""Sentences of ``gmmhet check`` about wrong poses, images without a molecule, and the band beyond the refinement."""

__all__ = ["band_line", "empty_images", "empty_line", "wrong_line", "wrong_poses"]

Shares = tuple[float, float, float]  # a share, and the ends of its 95 % interval

_UNKNOWN = "cannot be determined from these images"


def _range(shares: Shares) -> str:
    share, low, high = shares
    return f"{share:.0%} ({low:.0%} to {high:.0%})"


def wrong_line(n_particles: int, resolution: float, shares: Shares | None, if_fitted: Shares | None = None) -> str:
    """Share of grossly wrong orientations; None: not known.

    Args:
        if_fitted: that share if a refinement fitted the orientations to these images, where the first is a lower bound.
    """
    if shares is None:
        return f"{_UNKNOWN}, to {resolution:.0f} Å: too noisy, or views of the map look too much alike"
    bound = "about" if if_fitted is None else "at least"
    return f"{bound} {_range(shares)} of the orientations are off by more than 10 degrees{_or_fitted(if_fitted)} " \
           f"(broken particles and other objects count), from {n_particles} images to {resolution:.0f} Å"


def _or_fitted(shares: Shares | None) -> str:
    return "" if shares is None else f", and {_range(shares)} if a refinement fitted them to these images"


def empty_line(shares: Shares) -> str:
    """Share of images without any molecule."""
    return f"about {_range(shares)} of the images show no molecule"


def wrong_poses(shares: Shares, if_fitted: Shares | None, unresolved: float) -> str:
    """Warning.

    Args:
        if_fitted: as of wrong_line. unresolved: share of particles that images with this noise do not orient.
    """
    advice = "search them by gmmhet reorient, or refine again with a global search of orientations from this map"
    if if_fitted is None:
        return f"about {_range(shares)} of the poses appear to be off by more than 10 degrees: {advice}"
    return f"at least {_range(shares)} of the poses appear to be off by more than 10 degrees{_or_fitted(if_fitted)} " \
           f"(images as noisy as these do not orient {unresolved:.0%} of the particles): {advice}"


def empty_images(shares: Shares) -> str:
    """Warning about images without any molecule."""
    return f"about {_range(shares)} of the images appear to show no molecule: remove them by 2D or 3D classification"


def band_line(refined_to: float, band: tuple[float, float], share: float | None, error: float | None,
              supported: bool | None) -> str:
    """Signal beyond the resolution to which poses were refined. band: coarsest and finest compared, Angstrom."""
    start = f"refined to {refined_to:.1f} Å: "
    if share is None or error is None:
        return f"{start}whether the images support the poses beyond {_UNKNOWN}; finer images, or a refinement to a " \
               "coarser resolution, would show it"
    figures = f"signal from {band[0]:.0f} to {band[1]:.0f} Å is {share:.2f} (error {error:.2f}) of that expected"
    if supported is None:
        return f"{start}{figures}; more particles, or a refinement to a coarser resolution, would show whether the " \
               "images support the poses"
    return f"{start}{figures}: the images {'support' if supported else 'do not support'} the poses"
