"""What lies under the molecule: coloured noise of the detector and uneven background; and normalisation by it."""

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.simulate.settings import NORMALISATION

__all__ = ["noise_amplitude", "normalised", "uneven_background"]

_CORNER = 0.05  # 1/Angstrom: where coloured power falls to twice the white one, as in the corners of EMPIAR-10146


def noise_amplitude(k2: NDArray[np.float64], colour: float) -> NDArray[np.float64]:
    """Square root of the noise power at squared frequencies (1/square Angstrom), 1 at high frequency.

    Power: 1 + (c - 1) / (1 + (c - 1) (k / k0)^2), c the colour and 1 / k0 = 20 A: c at zero frequency, 1 + (k0 / k)^2
    beyond.
    """
    excess = colour - 1
    return np.asarray(np.sqrt(1 + excess / (1 + excess * k2 / _CORNER**2)))


def uneven_background(rng: np.random.Generator, box: int, ramp: float, bowl: float) -> NDArray[np.float64]:
    """A plane of random slope and direction plus a bowl: [box, box], their deviations at half the box being given."""
    axis = (np.arange(box) - box // 2) / (box / 2)
    slope_x, slope_y, depth = rng.standard_normal(3)
    plane = ramp / np.sqrt(2) * (slope_x * axis[None] + slope_y * axis[:, None])
    return np.asarray(plane + bowl * depth * (axis[None]**2 + axis[:, None]**2))


def normalised(image: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """As RELION's extraction: the plane through the background is taken off, whose deviation is then made 1.

    Background: pixels farther from the centre than NORMALISATION.radius.

    Returns:
        the image, and the factor by which its signal was multiplied.
    """
    box = len(image)
    y, x = np.mgrid[:box, :box] - box // 2
    outside = np.hypot(x, y) > NORMALISATION.radius * box
    terms = np.stack([np.ones(image.shape), x, y], axis=-1)
    plane = np.linalg.lstsq(terms[outside], image[outside], rcond=None)[0]
    flat = image - terms @ plane
    factor = 1 / float(flat[outside].std())
    return flat * factor, factor
