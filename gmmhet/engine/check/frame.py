"""Where a map sits in the frame of the poses: it may have been moved or turned a little after the refinement."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from gmmhet.engine.check.agreement import Agreement
from gmmhet.engine.check.alternatives import Alternative
from gmmhet.engine.check.settings import FRAME
from gmmhet.engine.sampling import evenly_spread
from gmmhet.engine.wording.check import READINGS

__all__ = ["FrameOffset", "frame_offset"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class FrameOffset:
    """Attributes:
        move: [3] Angstrom, by which the map fits best when moved. turn: [3] rotation vector, degrees, when turned.
        move_error, turn_error: [3] their standard errors.
        resolution: Angstrom, of the comparison.
    """

    move: Array
    turn: Array
    move_error: Array
    turn_error: Array
    resolution: float

    @property
    def moved(self) -> bool:
        """Whether the map surely is off its place by so much that it matters."""
        return _matters(self.move, self.move_error, FRAME.least_move * self.resolution)

    @property
    def turned(self) -> bool:
        """The same of its orientation."""
        return _matters(self.turn, self.turn_error, FRAME.least_turn)


def _matters(value: Array, error: Array, least: float) -> bool:
    size = float(np.linalg.norm(value))
    return size > least and size > FRAME.deviations * float(np.linalg.norm(error))


def frame_offset(agreement: Agreement, views: Array, origins: Array, sign: int, resolution: float) -> FrameOffset:
    """Move and turn that raise the mean correlation most, by parabolas along each axis, each round from the last place.

    A map moved by t shows its points at (A t)_xy from before, a map turned by R is seen from A R.

    Args:
        views: [n, 3, 3]. origins: [n, 2] Angstrom. sign: of the contrast.
    """
    some = evenly_spread(len(views), FRAME.particles, nearest=True)
    agreement, views, origins = agreement.of_rows(some), views[some], origins[some]
    steps = np.concatenate([np.full(3, FRAME.step * resolution), np.full(3, FRAME.angle)])
    place, error = np.zeros(6), np.full(6, np.inf)
    for _ in range(FRAME.rounds):
        middle = sign * agreement.of_reading(_displaced(views, origins, place))
        tops = np.zeros(6)
        for axis, step in enumerate(np.diag(steps)):
            low, high = (sign * agreement.of_reading(_displaced(views, origins, place + s * step)) for s in (-1, 1))
            tops[axis], error[axis] = _parabola(low, middle, high, steps[axis])
        place = place + tops
    return FrameOffset(place[:3], place[3:], error[:3], error[3:], resolution)


def _displaced(views: Array, origins: Array, place: Array) -> Alternative:
    turned = views @ Rotation.from_rotvec(place[3:], degrees=True).as_matrix()
    return Alternative("displaced", READINGS["displaced"], turned,
                       origins - np.einsum("nij,j->ni", views, place[:3])[:, :2])


def _parabola(low: Array, middle: Array, high: Array, step: float) -> tuple[float, float]:
    """Top of the parabola through the means at -step, 0 and step, within a step; its error, by leaving out tenths."""
    groups = np.arange(len(middle)) % min(FRAME.groups, len(middle))
    totals = np.stack([np.bincount(groups, values) for values in (low, middle, high)])
    a, b, c = totals.sum(axis=1, keepdims=True) - np.concatenate([np.zeros((3, 1)), totals], axis=1)
    curvature = 2 * b - a - c
    tops = np.where(curvature > 0, step * (c - a) / np.where(curvature > 0, 2 * curvature, 1), np.sign(c - a) * step)
    tops = np.clip(tops, -step, step)
    left = tops[1:]
    spread = np.sqrt((len(left) - 1) * np.mean((left - left.mean()) ** 2))
    return float(tops[0]), float(spread)
