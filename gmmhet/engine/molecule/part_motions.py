"""Compact parts of a molecule, and how each could move as a rigid body in the rest."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.molecule.rigid_fields import rigid_fields
from gmmhet.engine.molecule.settings import PART_MOTIONS

__all__ = ["Moves", "PartMotion", "compact_parts", "motions_of_part"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Moves:
    """A rigid movement per unit of a coordinate: a turn about a point, and a shift.

    Attributes:
        middle: [3] Angstrom. turn: [3] rotation vector, radians. shift: [3] Angstrom.
    """

    middle: Array
    turn: Array
    shift: Array

    def field(self, points: Array) -> Array:
        """Displacements [N, 3] of points [N, 3] per unit, where it is small."""
        return np.asarray(self.shift + np.cross(self.turn, points - self.middle))

    def times(self, factor: float) -> "Moves":
        """The same, larger."""
        return Moves(self.middle, factor * self.turn, factor * self.shift)


@dataclass(frozen=True)
class PartMotion:
    """A part that moves as a rigid body relative to the rest, as seen after the molecule was aligned as a whole.

    Attributes:
        inside: [N] Gaussians of the part. moves: the part relative to the rest. whole: what the alignment of the whole
            molecule (or of all its copies) then does to everything, which takes off the net rigid movement.
    """

    inside: NDArray[np.bool_]
    moves: Moves
    whole: Moves

    def field(self, centers: Array) -> Array:
        """Displacements of Gaussians per unit, where they are small; N may be that of several copies, the first of
        which moves.

        Args:
            centers: [N, 3] Angstrom.
        """
        displaced = np.zeros_like(centers)
        own = np.flatnonzero(self.inside)
        displaced[own] = self.moves.field(centers[own])
        return displaced + self.whole.field(centers)

    def times(self, factor: float) -> "PartMotion":
        """The same motion, larger."""
        return PartMotion(self.inside, self.moves.times(factor), self.whole.times(factor))


def compact_parts(centers: Array, weights: Array, mass: float, allowed: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Compact parts of a given mass, which may overlap: around places far apart, the Gaussians nearest to each.

    Args:
        centers: [N, 3] Angstrom. weights: [N]. mass: of a part, in units of weight. allowed: [N] Gaussians that parts
            are made of.
    Returns:
        of each part [N], whether a Gaussian belongs to it.
    """
    own, mass_of = np.flatnonzero(allowed), np.abs(weights)
    middle = np.average(centers[own], axis=0, weights=mass_of[own])
    nearest = np.full(len(own), np.inf)
    seed = int(np.argmax(((centers[own] - middle) ** 2).sum(1)))
    parts: list[NDArray[np.bool_]] = []
    for _ in range(min(PART_MOTIONS.parts, len(own))):
        distance = ((centers[own] - centers[own][seed]) ** 2).sum(1)
        order = np.argsort(distance, kind="stable")
        count = int(np.searchsorted(np.cumsum(mass_of[own][order]), mass)) + 1
        part = np.zeros(len(centers), bool)
        part[own[order[:max(count, PART_MOTIONS.fewest)]]] = True
        if not any(np.array_equal(part, other) for other in parts):
            parts.append(part)
        nearest = np.minimum(nearest, distance)
        seed = int(np.argmax(nearest))
    return parts


def motions_of_part(inside: NDArray[np.bool_], unit: Array, weights: Array, whole: Array) -> list[PartMotion]:
    """Swings and shifts of a part, each of 1 Angstrom root mean square over the part's mass relative to the rest.

    The part is hinged where it ends towards the rest: two swings turn it about axes through that point across the line
    to its middle, three shifts go along and across that line. Turns about the line itself, which hardly change what is
    seen of a round part, are left out.

    Args:
        inside: [N] Gaussians of the part. unit: [N, 3] centres, Angstrom. weights: [N]. whole: [N', 3] centres of all
            copies of the unit, the unit first.
    """
    mass = np.abs(weights)
    middle = np.average(unit[inside], axis=0, weights=mass[inside])
    others = ~inside if (~inside).any() else inside
    axes = _axes(np.average(unit[others], axis=0, weights=mass[others]) - middle)
    reach = np.quantile((unit[inside] - middle) @ axes[0], PART_MOTIONS.reach)
    hinge = middle + reach * axes[0]
    still = np.zeros(3)
    moves = [*(Moves(hinge, axis, still) for axis in axes[1:]), *(Moves(hinge, still, axis) for axis in axes)]
    found = []
    for one in moves:
        size = np.sqrt(np.average((one.field(unit[inside]) ** 2).sum(1), weights=mass[inside]))
        scaled = one.times(1 / max(float(size), 1e-9))
        found.append(PartMotion(inside, scaled, _alignment(inside, scaled, whole, mass)))
    return found


def _axes(line: Array) -> Array:
    """[3, 3] a line's direction, and two across it."""
    length = np.linalg.norm(line)
    first = line / length if length > 0 else np.array([0.0, 0.0, 1.0])
    helper = np.eye(3)[np.argmin(np.abs(first))]
    second = np.cross(first, helper)
    second /= np.linalg.norm(second)
    return np.stack([first, second, np.cross(first, second)])


def _alignment(inside: NDArray[np.bool_], moves: Moves, whole: Array, mass: Array) -> Moves:
    """The rigid movement of everything that takes off what a moving part does to the whole, in the least squares of
    mass."""
    every = np.tile(mass, len(whole) // len(mass))
    field = np.zeros_like(whole)
    own = np.flatnonzero(inside)
    field[own] = moves.field(whole[own])
    root = np.sqrt(every)[:, None]
    design = (rigid_fields(whole, every)[..., :3] * root).reshape(6, -1).T
    amount = np.linalg.lstsq(design, (field * root).ravel(), rcond=None)[0]
    return Moves(np.average(whole, axis=0, weights=every), -amount[3:], -amount[:3])
