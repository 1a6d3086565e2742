"""What a search for modes is expected to gain from a motion of a given size, before it is made.

With I the information of an image on the coordinate of a motion (of unit variance), the gradients of the images,
whitened by their noise, vary by 1 + I along the motion and by 1 across it. A direction learnt from n images among R
has a squared cosine q with the true one (Baik, Ben Arous and Peche 2005; Paul 2007),

    q = (1 - R / (n I^2)) / (1 + R / (n I)) where I^2 > R / n, else 0,

and its held-out gain is that of a direction of information q I: (q I - log(1 + q I)) / 2 per image.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.subspace.mode_selection import significant
from gmmhet.engine.subspace.settings import MODE_SELECTION

__all__ = ["ExpectedGain", "SearchSize"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SearchSize:
    """How much a search has to learn from, and to learn.

    Attributes:
        particles: in both half-sets. copies: of the moving unit in each. directions: R. null: gain of modes of noise.
    """

    particles: int
    copies: int
    directions: int
    null: float


@dataclass(frozen=True)
class ExpectedGain:
    """Of a motion with one information per image and square Angstrom.

    Attributes:
        information: [m] of images on a coordinate that moves the part by 1 Angstrom. search: that is made.
    """

    information: Array
    search: SearchSize

    def at(self, size: float) -> tuple[float, float, float]:
        """Gain per particle, its standard error, and correlation of the half-sets' coordinates.

        Args:
            size: root mean square displacement of the part, Angstrom.
        """
        each = self.information * size**2
        mean, search = float(each.mean()), self.search
        ratio = 2 * search.directions / (search.particles * search.copies)  # of one half-set
        cosine = max(0.0, 1 - ratio / mean**2) / (1 + ratio / mean) if mean > 0 else 0.0
        seen = cosine * each
        gain = search.copies * float(np.mean(seen - np.log1p(seen))) / 2
        error = float(np.sqrt(search.copies * np.mean(seen**2) / 2 / search.particles))
        return gain, error, cosine * (1 + mean) / (1 + cosine * mean)

    def correlation(self, size: float) -> float:
        """Of the best estimate of a coordinate with the true one."""
        each = self.information * size**2
        return float(np.sqrt(np.mean(each / (1 + each))))

    def smallest(self, low: float, high: float) -> float:
        """The smallest size between two (Angstrom) that is expected to be significant; high where none is."""
        for size in np.geomspace(low, high, 400):
            gain, error, agreement = self.at(float(size))
            if significant(gain, error, self.search.null) and agreement >= MODE_SELECTION.least_agreement:
                return float(size)
        return high
