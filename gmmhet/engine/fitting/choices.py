"""What is chosen when the user chooses nothing: resolution and number of Gaussians."""

import logging

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.io.mrc import DensityMap
from gmmhet.engine.molecule.maps import dense_region, field_of_view, radial_power, soft_edge, solvent_level

__all__ = [
    "FINEST", "MOST_GAUSSIANS", "PIXELS_PER_RESOLUTION", "choose_number", "choose_resolution", "resolution_of_number",
]

_LOG = logging.getLogger("gmmhet")

MOST_GAUSSIANS = 4096
_SPACING = 0.7  # of the resolution: one Gaussian per (0.7 d)^3; 128 for 150 kDa at 16 A
PIXELS_PER_RESOLUTION = 2.25  # the last ninth before Nyquist suffers from interpolation in most maps
FINEST = 12.0  # Angstrom; motions of domains need no more, and the cost grows with the fifth power of its inverse
_EMPTY_SHELL = 1e-6  # of the strongest shell's power
_OVER_SOLVENT = 2.0  # power of the molecule over that of as much solvent


def choose_resolution(density: DensityMap, pixel_size: float, volume: float, finest: float = FINEST) -> float:
    """The resolution (Angstrom) that a map supports, by the rule that the log states.

    Args:
        density: the map; sampling finer than the answer is not needed. pixel_size: of the map as it was made, Angstrom.
        volume: of the molecule, Angstrom^3. finest: Angstrom; the answer is no finer.
    """
    carried = _signal_limit(density)
    sampled, held = PIXELS_PER_RESOLUTION * pixel_size, resolution_of_number(MOST_GAUSSIANS, volume)
    chosen = float(f"{max(sampled, carried, held, finest):.3g}")
    _LOG.info("resolution %g A: the coarsest of %g pixels (%.3g A), the end of the map's signal (%.3g A), %.3g A "
              "(finer when asked for), and what %d Gaussians can carry (%.3g A)", chosen, PIXELS_PER_RESOLUTION,
              sampled, carried, finest, MOST_GAUSSIANS, held)
    return chosen


def _signal_limit(density: DensityMap) -> float:
    """Resolution where the map stops carrying signal.

    That is the first shell where the molecule's power is less than 1e-6 of the strongest shell's or less than twice
    that of as much solvent around the molecule; Nyquist when there is none.
    """
    length = field_of_view(density)
    grow = max(length / 12, 3 * density.pixel_size) / density.pixel_size
    region = dense_region(density, grow * density.pixel_size)
    inner = soft_edge(region, grow, grow)
    around = soft_edge(region, 2 * grow, grow) - inner
    data = density.data - np.float32(solvent_level(density))
    power, solvent = radial_power(data * inner), radial_power(data * around)
    solvent *= float((inner**2).sum()) / max(float((around**2).sum()), 1.0)
    empty = np.flatnonzero((power[1:] < _EMPTY_SHELL * power.max()) | _swamped(power, solvent)[1:])
    return float(length / empty[0]) if len(empty) and empty[0] else 2 * density.pixel_size


def _swamped(power: NDArray[np.float64], solvent: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Shells where the molecule does not stand out from its solvent; single shells that dip are forgiven."""
    weak = power < _OVER_SOLVENT * solvent
    return np.asarray(weak & np.append(weak[1:], True))


def choose_number(volume: float, resolution: float) -> int:
    """Number of Gaussians for a molecule's volume (Angstrom^3) at a resolution (Angstrom).

    One Gaussian per (0.7 resolution)^3, at least 8 and at most 4,096.
    """
    return int(np.clip(round(volume / (_SPACING * resolution) ** 3), 8, MOST_GAUSSIANS))


def resolution_of_number(number: int, volume: float) -> float:
    """The resolution (Angstrom) at which choose_number() gives this many."""
    return float((volume / number) ** (1 / 3) / _SPACING)
