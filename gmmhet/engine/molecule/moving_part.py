"""The part of a molecule that moves between two conformations, and how: a turn about an axis, or a shift."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from gmmhet.engine.molecule.change_of_density import RigidRate
from gmmhet.engine.molecule.rigid_parts import RigidParts
from gmmhet.engine.molecule.settings import MOVING_PART

__all__ = ["MovingPart", "moving_part", "turn_along"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class MovingPart:
    """A part that moves in the rest, seen from the rest.

    Attributes:
        inside: [N] Gaussians of the part. share: its mass over that of the molecule, in the same weights.
        middle: [3] Angstrom, its centre of mass half way. distance: root mean square displacement of its mass,
            Angstrom.
        turn: degrees. axis: [3] unit vector about which it turns, right-handed. hinge: [3] Angstrom, the point of the
            axis nearest to where part and rest meet. pitch: Angstrom, its shift along the axis.
        rigid: share, 0..1, of the squared displacement that the turn and the shift together explain.
    """

    inside: NDArray[np.bool_]
    share: float
    middle: Array
    distance: float
    turn: float
    axis: Array
    hinge: Array
    pitch: float
    rigid: float

    @property
    def turns(self) -> bool:
        """Whether the part turns about a hinge, rather than shifts: the axis passes near it."""
        near = np.linalg.norm(np.cross(self.middle - self.hinge, self.axis))
        arc = 2 * near * np.sin(np.deg2rad(self.turn) / 2)
        return bool(self.turn >= MOVING_PART.least_turn and arc <= MOVING_PART.hinge * self.distance
                    and near <= MOVING_PART.farthest * max(self.distance, 1e-9) / np.deg2rad(max(self.turn, 1e-9)))


    def moving_at(self, rate: RigidRate, units: float, centers: Array, weights: Array) -> "MovingPart":
        """The same part with a movement that is known otherwise.

        Args:
            rate: per unit of a coordinate, seen from the rest. units: of the coordinate that it moves by, from half of
                them before. centers: [N, 3] Angstrom, half way. weights: [N].
        """
        own, mass = centers[self.inside], np.abs(weights[self.inside])
        first, last = rate.after(own, -units / 2), rate.after(own, units / 2)
        angle = float(np.linalg.norm(rate.turn)) * abs(units)
        axis = rate.turn * np.sign(units) / max(float(np.linalg.norm(rate.turn)), 1e-12)
        turn = Rotation.from_rotvec(units * rate.turn).as_matrix()
        shift = rate.after(np.zeros((1, 3)), units)[0]
        return replace(
            self, distance=float(np.sqrt(np.average(((last - first) ** 2).sum(1), weights=mass))),
            turn=float(np.rad2deg(angle)), axis=axis, pitch=float(shift @ axis),
            hinge=_on_axis(turn, shift, axis, angle, _meeting(centers, self.inside)))


def moving_part(before: Array, after: Array, weights: Array) -> MovingPart | None:
    """The lighter of two bodies that describe two conformations best, and its movement in the heavier.

    From the Gaussians that are displaced most, each Gaussian goes to the body that puts it and its neighbours best,
    until that settles. Movements are those of weighted least squares (Kabsch 1976); turn and axis of the part's
    movement, seen from the rest, follow by Chasles' theorem.

    Args:
        before, after: [N, 3] Angstrom. weights: [N], of which the sizes count.
    Returns:
        None where nothing moves, or fewer than four Gaussians do.
    """
    mass = np.abs(weights) / np.abs(weights).sum()
    moved = np.linalg.norm(after - before, axis=1)
    if len(before) < 2 * MOVING_PART.fewest or moved.max() < MOVING_PART.least_distance:
        return None
    inside = _bodies(before, after, mass, moved)
    if inside is None:
        return None
    return _movement(before, after, mass, inside)


def turn_along(path: Array, weights: Array, inside: NDArray[np.bool_]) -> float:
    """Degrees that a part turns in the rest along a path: the sum of its turns from each conformation to the next.

    Args:
        path: [F, N, 3] Angstrom. weights: [N], of which the sizes count. inside: [N] Gaussians of the part.
    """
    at = RigidParts(inside.astype(np.int64), path[0], np.abs(weights)).place(path)
    turns = Rotation.from_matrix(np.einsum("fba,fbc->fac", at.turns[:, 0], at.turns[:, 1]))
    return float(np.rad2deg((turns[1:] * turns[:-1].inv()).magnitude().sum()))


def _bodies(before: Array, after: Array, mass: Array, moved: Array) -> NDArray[np.bool_] | None:
    """[N] the moving one of two bodies."""
    middle = (before + after) / 2
    count = min(MOVING_PART.neighbours + 1, len(before))
    near = cKDTree(middle).query(middle, count)[1].reshape(len(before), count)
    both = np.stack([before, after])
    around = moved[near].mean(1)
    inside = around > MOVING_PART.start * np.quantile(around, 0.98)
    for _ in range(MOVING_PART.rounds):
        if min(int(inside.sum()), int((~inside).sum())) < MOVING_PART.fewest:
            return None
        parts = RigidParts(inside.astype(np.int64), before, mass)
        at = parts.place(both)
        put = np.einsum("npab,jb->npja", at.turns, before) + at.shifts[:, :, None]
        errors = np.square(both[:, None] - put).sum(-1).sum(0)  # [2, N]
        errors = errors + errors[:, near].mean(-1)
        new = errors[1] < errors[0]
        if np.array_equal(new, inside):
            break
        inside = new
    if min(int(inside.sum()), int((~inside).sum())) < MOVING_PART.fewest:
        return None
    return np.asarray(inside if mass[inside].sum() <= 0.5 else ~inside)


def _movement(before: Array, after: Array, mass: Array, inside: NDArray[np.bool_]) -> MovingPart:
    parts = RigidParts(inside.astype(np.int64), before, mass)
    at = parts.place(after[None])
    still_turn, still_shift = at.turns[0, 0], at.shifts[0, 0]
    seen = (after[inside] - still_shift) @ still_turn  # in the frame of the rest
    turn = still_turn.T @ at.turns[0, 1]
    shift = still_turn.T @ (at.shifts[0, 1] - still_shift)
    own = mass[inside]
    displaced = seen - before[inside]
    left = seen - (before[inside] @ turn.T + shift)
    total = float(np.average(np.square(displaced).sum(1), weights=own))
    vector = Rotation.from_matrix(turn).as_rotvec()
    angle = float(np.linalg.norm(vector))
    axis = vector / angle if angle > 0 else np.array([0.0, 0.0, 1.0])
    meeting = _meeting(before, inside)
    return MovingPart(
        inside=inside, share=float(own.sum()), middle=np.average((before[inside] + seen) / 2, axis=0, weights=own),
        distance=float(np.sqrt(total)), turn=float(np.rad2deg(angle)), axis=axis,
        hinge=_on_axis(turn, shift, axis, angle, meeting), pitch=float(shift @ axis),
        rigid=1 - float(np.average(np.square(left).sum(1), weights=own)) / max(total, 1e-300))


def _meeting(centers: Array, inside: NDArray[np.bool_]) -> Array:
    """[3] where two bodies meet: half way between the nearest pairs."""
    distance, partner = cKDTree(centers[~inside]).query(centers[inside])
    nearest = np.argsort(distance)[:MOVING_PART.pairs]
    return np.asarray((centers[inside][nearest] + centers[~inside][partner[nearest]]).mean(0) / 2)


def _on_axis(turn: Array, shift: Array, axis: Array, angle: float, near: Array) -> Array:
    """[3] the point nearest to another on the axis of x -> turn x + shift."""
    if angle < 1e-6:
        return near
    across = shift - (shift @ axis) * axis
    point = across / 2 + np.cross(axis, across) / (2 * np.tan(angle / 2))
    return np.asarray(point + ((near - point) @ axis) * axis)
