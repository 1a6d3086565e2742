"""Errors of the given poses: how far they spread, and what the images say of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.subspace.settings import POSE_EVIDENCE

__all__ = ["POSE_AXES", "PoseEvidence", "PoseSpread"]

Array = NDArray[np.float64]
#: which of the five corrections of a pose (imaging.image_model.POSE) are its shift, tilt and turn, as in PoseSpread
POSE_AXES = ([0, 1], [2, 3], [4])


@dataclass(frozen=True)
class PoseSpread:
    """Standard deviations of the errors of the given poses, per axis.

    Attributes:
        shift: Angstrom. tilt: about the x and y axes of the view, radians. turn: in the plane, radians.
    """

    shift: float
    tilt: float
    turn: float

    @classmethod
    def of(cls, values: Sequence[float] | Array) -> Self:
        """From [3]: shift, tilt, turn."""
        return cls(*(float(v) for v in values))

    @property
    def values(self) -> Array:
        """[3] shift, tilt, turn."""
        return np.array([self.shift, self.tilt, self.turn])

    @property
    def precision(self) -> Array:
        """[5], in the order of imaging.image_model.POSE."""
        return np.repeat([self.shift, self.tilt, self.turn], [2, 2, 1]) ** -2.0


@dataclass(frozen=True)
class PoseEvidence:
    """What images say of their given poses, see subspace.pose_evidence; in the order of PoseSpread.

    Attributes:
        pull: [3] squared step from the given to the likeliest pose over what the noise of an image alone would make:
            1 for exact poses, more where they are off, less where they were fitted to these images.
        deviation: [3] standard deviation of a pose that is known from one image alone, Angstrom and radians.
        particles: in which this was measured.
    """

    pull: Array
    deviation: Array
    particles: int

    @property
    def floor(self) -> Array:
        """[3] standard deviations below which the prior of the errors is not to fall."""
        pull = np.clip(self.pull, 1 / (1 + POSE_EVIDENCE.widest**2), 1.0)
        return np.asarray(self.deviation * np.sqrt((1 - pull) / pull))

    @property
    def fitted(self) -> bool:
        """Whether the poses were fitted to these images: they pull less than noise would, beyond chance."""
        chance = self._chance(self.particles)
        return bool((self.pull < 1 - POSE_EVIDENCE.beyond * chance - POSE_EVIDENCE.slack).any())

    def detectable(self, particles: int) -> PoseSpread:
        """Independent errors of the poses of so many particles that would be detected: the pull they add is beyond
        chance."""
        smallest = self.deviation * np.sqrt(POSE_EVIDENCE.detected * self._chance(particles))
        return PoseSpread.of(smallest)

    @staticmethod
    def _chance(particles: int) -> Array:
        """[3] standard error of the pull of so many exact poses: of a mean square, over the efficiency of a median."""
        numbers = particles * np.array([len(axes) for axes in POSE_AXES])
        return np.asarray(np.sqrt(2 / (POSE_EVIDENCE.efficiency * numbers)))

    def at_least(self, spread: PoseSpread) -> PoseSpread:
        """A spread, widened where it is below the floor."""
        return PoseSpread.of(np.maximum(spread.values, self.floor))
