"""Switches of a simulation with the effects of real microscopes, each with its strength."""

import math
from dataclasses import dataclass, fields

from gmmhet.engine.errors import InputError
from gmmhet.engine.simulate.settings import REALISM

__all__ = ["Realism"]

_SHARES = ("preferred_views", "junk")
_MAY_BE_INFINITE = ("structural_snr",)
_AT_LEAST_ONE = ("padding", "noise_colour")


@dataclass(frozen=True)
class Realism:
    """gmmhet simulate --as-real: one field an effect; the value in brackets turns it off.

    Attributes:
        padding: size of the field in which the CTF acts over the box (1: signal that leaves an image comes back in at
            its other side).
        structural_snr: variance of projections over that of structural noise, before the CTF (inf).
        noise_colour: noise power at zero frequency over that at high frequencies (1).
        ramp, bowl: linear and quadratic background, in deviations of the noise (0).
        neighbours: mean number of other molecules at the edge of an image (0).
        contrast_sd, noise_sd: relative spread of contrast and of noise level (0).
        b_factor, b_factor_sd: mean and spread between micrographs, square Angstrom (0).
        defocus_error: deviation of the given defocus from the true one, Angstrom (0).
        preferred_views: share of particles that are seen near one axis (0).
        junk: share of images that show something else (0).
        normalise: images to background of mean 0 and deviation 1, as RELION does (False).
    """

    padding: float = REALISM.padding
    structural_snr: float = REALISM.structural_snr
    noise_colour: float = REALISM.noise_colour
    ramp: float = REALISM.ramp
    bowl: float = REALISM.bowl
    neighbours: float = REALISM.neighbours
    contrast_sd: float = REALISM.contrast_sd
    noise_sd: float = REALISM.noise_sd
    b_factor: float = REALISM.b_factor
    b_factor_sd: float = REALISM.b_factor_sd
    defocus_error: float = REALISM.defocus_error
    preferred_views: float = REALISM.preferred_views
    junk: float = REALISM.junk
    normalise: bool = True

    def __post_init__(self) -> None:
        for field in fields(self):
            value = float(getattr(self, field.name))
            option = f"--{field.name.replace('_', '-')}"
            if field.name in _SHARES and not 0 <= value <= 1:
                raise InputError(f"{option} is {value:g}; expected a share from 0 to 1")
            if field.name in _MAY_BE_INFINITE and not value > 0:
                raise InputError(f"{option} is {value:g}; expected a positive number, or inf for none")
            if field.name in _AT_LEAST_ONE and not 1 <= value < math.inf:
                raise InputError(f"{option} is {value:g}; expected 1 or more")
            if field.name not in _MAY_BE_INFINITE and not 0 <= value < math.inf:
                raise InputError(f"{option} is {value:g}; expected 0 or a positive number")
