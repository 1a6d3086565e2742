"""Options of gmmhet simulate --as-real: effects of real microscopes, each with its strength."""

import math
from dataclasses import dataclass

from gmmhet.engine.errors import InputError
from gmmhet.engine.options import NOT_NEGATIVE, Range, check_options, option

__all__ = ["Realism"]

_SHARE = Range("a share from 0 to 1", low=0, high=1)
_FROM_ONE = Range("1 or more", low=1)


def _positive_or_infinite(flag: str, value: float) -> float:
    if not value > 0 or math.isnan(value):
        raise InputError(f"{flag} is {value:g}; expected a positive number, or inf for none")
    return value


@dataclass(frozen=True)
class Realism:
    """gmmhet simulate --as-real: one field an effect.

    Defaults: structural and total signal-to-noise ratio, spread of contrast and noise, and the share of junk are those
    of public simulators; the others were chosen and not measured.
    """

    # at 3 um and 1/8 A signal moves by 75 A: defocus x wavelength x frequency
    padding: float = option(2.0, "field in which the CTF spreads signal, over the box; 1 turns this off: signal that "
                            "leaves an image comes back in at its other side", check=_FROM_ONE)
    # Baxter, Grassucci, Gao & Frank 2009
    structural_snr: float = option(1.4, "variance of the projections over that of structural noise, before the CTF; "
                                   "inf turns it off", check=_positive_or_infinite)
    # measured in the corners of EMPIAR-10146: 6.5 at 1/48 A, 2.4 at 1/24, 1.4 at 1/16
    noise_colour: float = option(20.0, "noise power at zero frequency over that at high ones; 1 is white",
                                 check=_FROM_ONE)
    ramp: float = option(0.2, "linear background from centre to edge", unit="deviations of the noise",
                         check=NOT_NEGATIVE)
    # the background of EMPIAR-10146 as normalised by RELION: 0.17
    bowl: float = option(0.15, "quadratic background from centre to edge", unit="deviations of the noise",
                         check=NOT_NEGATIVE)
    neighbours: float = option(0.3, "mean number of other molecules at the edge of an image", check=NOT_NEGATIVE)
    contrast_sd: float = option(0.3, "relative spread of the contrast, lognormal", check=NOT_NEGATIVE)
    noise_sd: float = option(0.3, "relative spread of the noise level, lognormal", check=NOT_NEGATIVE)
    b_factor: float = option(80.0, "envelope of signal and structural noise", unit="Å²", check=NOT_NEGATIVE)
    b_factor_sd: float = option(20.0, "spread of the envelope between micrographs", unit="Å²", check=NOT_NEGATIVE)
    # heights within ice of 60 nm
    defocus_error: float = option(200.0, "standard deviation of the errors of the defocus", unit="Å",
                                  check=NOT_NEGATIVE)
    preferred_views: float = option(0.5, "share of the particles that are seen near one axis or its opposite",
                                    check=_SHARE)
    junk: float = option(0.1, "share of images of noise, broken molecules, other molecules and ice, in equal parts",
                         check=_SHARE)
    normalise: bool = option(True, "normalisation of every image to a background of mean 0 and deviation 1")

    def __post_init__(self) -> None:
        check_options(self)
