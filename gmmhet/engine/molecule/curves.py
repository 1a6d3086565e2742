"""Curves: smooth functions of a coordinate, in proportion to which Gaussians move and change along it.

A coordinate z is on a *line*, where its prior is N(0, 1), or on a *circle* of circumference sqrt(2 pi), where every
place is as likely: the prior's density there is that of N(0, 1) at its middle, so that both have a precision of 1.
Functions t_1(z), t_2(z), .. of a coordinate have mean 0, mean square 1 and no correlation under its prior. On a line
they are natural cubic splines, the smoothest first (Demmler and Reinsch 1975): t_1 = z, and every one a straight line
beyond the outermost knots. On a circle they are sines and cosines of the first multiples of the angle.

All functions work on arrays of numpy and on tensors alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise, product
from typing import Any

import numpy as np
import scipy.linalg
import scipy.special
from numpy.typing import NDArray

__all__ = ["CIRCUMFERENCE", "Circle", "Curves", "Line", "coordinate_of", "emptiest", "wrapped"]

Array = NDArray[np.float64]
#: of a circle, so that its prior density is that of N(0, 1) at 0
CIRCUMFERENCE = float(np.sqrt(2 * np.pi))
#: of the splines: quantiles of N(0, 1) that are evenly apart in z over all but 5 % of it
_KNOTS = (-2.0, -1.2, -0.4, 0.4, 1.2, 2.0)
#: sines and cosines of 1 to so many times the angle
_MULTIPLES = 4
#: points and weights of the integrals under N(0, 1) that make the splines
_POINTS = 400
_SPAN = 8.0


@dataclass(frozen=True)
class Line:
    """A coordinate on a line."""

    periodic = False

    @property
    def size(self) -> int:
        """Number of functions."""
        return len(_KNOTS) - 1

    def amounts(self, z: Any, xp: Any = np) -> Any:
        """[...] to [..., size] the functions at z.

        Args:
            xp: numpy or tensorflow, that z is an array of.
        """
        return _mixed(_natural(z, xp), _mixing(), xp)

    def slopes(self, z: Any, xp: Any = np) -> Any:
        """[...] to [..., size] their derivatives."""
        return _mixed(_natural_slopes(z, xp), _mixing()[1:], xp)

    def places(self, count: int) -> Array:
        """[count] at quantiles of the prior, evenly apart."""
        return np.asarray(np.sqrt(2) * scipy.special.erfinv(2 * (np.arange(count) + 0.5) / count - 1))


@dataclass(frozen=True)
class Circle:
    """A coordinate on a circle."""

    periodic = True

    @property
    def size(self) -> int:
        """Number of functions."""
        return 2 * _MULTIPLES

    def amounts(self, z: Any, xp: Any = np) -> Any:
        """[...] to [..., size] the functions at z: sqrt(2) cos and sin of the angle, of twice the angle, ...

        Args:
            xp: numpy or tensorflow, that z is an array of.
        """
        turns = [(h * CIRCUMFERENCE) * z for h in range(1, _MULTIPLES + 1)]
        return float(np.sqrt(2)) * xp.stack([f(t) for t in turns for f in (xp.cos, xp.sin)], axis=-1)

    def slopes(self, z: Any, xp: Any = np) -> Any:
        """[...] to [..., size] their derivatives."""
        columns = []
        for h in range(1, _MULTIPLES + 1):
            rate = h * CIRCUMFERENCE
            columns += [-rate * xp.sin(rate * z), rate * xp.cos(rate * z)]
        return float(np.sqrt(2)) * xp.stack(columns, axis=-1)

    def from_origin(self, fields: Array, origin: float) -> Array:
        """[size, ...] what the functions are multiplied by where places are counted from an origin: the same shapes at
        z - origin as fields [size, ...] have at z."""
        found = np.array(fields, np.float64)
        for h in range(1, _MULTIPLES + 1):
            turn = h * CIRCUMFERENCE * origin
            cosine, sine = fields[2 * h - 2], fields[2 * h - 1]
            found[2 * h - 2] = np.cos(turn) * cosine + np.sin(turn) * sine
            found[2 * h - 1] = np.cos(turn) * sine - np.sin(turn) * cosine
        return found

    def places(self, count: int) -> Array:
        """[count] evenly around the circle, from -CIRCUMFERENCE / 2."""
        return np.asarray(CIRCUMFERENCE * ((np.arange(count) + 0.5) / count - 0.5))


Coordinate = Line | Circle
_KINDS: dict[str, Coordinate] = {"line": Line(), "circle": Circle()}


def coordinate_of(kind: str) -> Coordinate:
    """From the word in a file: line or circle."""
    return _KINDS[kind]


@dataclass(frozen=True)
class Curves:
    """K coordinates, each on a line or a circle, and their functions one after the other: M in all.

    Attributes:
        periodic: [K] which are on a circle.
    """

    periodic: tuple[bool, ...]

    @classmethod
    def of(cls, kinds: Sequence[str]) -> "Curves":
        """From the words line and circle."""
        return cls(tuple(coordinate_of(kind).periodic for kind in kinds))

    @property
    def kinds(self) -> list[str]:
        """Words of the coordinates: line, circle."""
        return ["circle" if periodic else "line" for periodic in self.periodic]

    @property
    def coordinates(self) -> list[Coordinate]:
        """K of them."""
        return [coordinate_of(kind) for kind in self.kinds]

    @property
    def segments(self) -> list[slice]:
        """Which of the M functions are those of each coordinate."""
        ends = np.cumsum([0, *(c.size for c in self.coordinates)])
        return [slice(int(a), int(b)) for a, b in pairwise(ends)]

    @property
    def size(self) -> int:
        """M."""
        return sum(c.size for c in self.coordinates)

    def amounts(self, z: Any, xp: Any = np) -> Any:
        """[..., K] to [..., M] all functions."""
        parts = [c.amounts(z[..., k], xp) for k, c in enumerate(self.coordinates)]
        return xp.concat(parts, -1) if xp is not np else np.concatenate(parts, -1)

    def slopes(self, z: Any, xp: Any = np) -> Any:
        """[..., K] to [..., M] the derivative of each function by its own coordinate."""
        parts = [c.slopes(z[..., k], xp) for k, c in enumerate(self.coordinates)]
        return xp.concat(parts, -1) if xp is not np else np.concatenate(parts, -1)

    def wrapped(self, z: Array) -> Array:
        """[n, K] the same places, those of circles within half a turn of 0."""
        return np.asarray(np.where(np.array(self.periodic), wrapped(z), z))

    def places(self, each: int, most: int) -> Array:
        """[S, K] a grid of places where the prior is, S at most ``most``.

        Args:
            each: along one coordinate, where there is one alone.
        """
        count = max(3, min(each, int(most ** (1 / len(self.periodic)))))
        axes = [c.places(count) for c in self.coordinates]
        return np.array(list(product(*axes)))


def emptiest(z: Array) -> float:
    """The middle of the widest stretch of a circle that holds a twentieth of the places z [n]."""
    order = np.sort(wrapped(z))
    few = max(1, len(order) // 20)
    ends = np.append(order, order[:few] + CIRCUMFERENCE)
    widths = ends[few:] - ends[:-few]
    return float(ends[np.argmax(widths)] + widths.max() / 2)


def wrapped(z: Array) -> Array:
    """Coordinates on a circle, within half its circumference of 0."""
    return np.asarray((z + CIRCUMFERENCE / 2) % CIRCUMFERENCE - CIRCUMFERENCE / 2)


def _mixed(columns: Any, mixing: Array, xp: Any) -> Any:
    """[..., F] by [F, size]."""
    return xp.tensordot(columns, mixing if xp is np else xp.constant(mixing, columns.dtype), 1)


def _cubes(z: Any, xp: Any, power: int) -> list[Any]:
    """max(z - knot, 0)^power of every knot."""
    return [xp.maximum(z - knot, 0.0 * z) ** power for knot in _KNOTS]


def _differences(powers: list[Any]) -> list[Any]:
    """The functions of natural cubic splines beside a straight line (Hastie, Tibshirani and Friedman 2009, 5.4)."""
    last, before = _KNOTS[-1], _KNOTS[-2]
    of_last = (powers[-2] - powers[-1]) / (last - before)
    return [(p - powers[-1]) / (last - knot) - of_last for p, knot in zip(powers[:-2], _KNOTS[:-2], strict=True)]


def _natural(z: Any, xp: Any) -> Any:
    """[...] to [..., size + 1]: 1, z, and splines."""
    return xp.stack([0.0 * z + 1.0, z, *_differences(_cubes(z, xp, 3))], axis=-1)


def _natural_slopes(z: Any, xp: Any) -> Any:
    """[...] to [..., size] derivatives of all but the first."""
    return xp.stack([0.0 * z + 1.0, *(3.0 * d for d in _differences(_cubes(z, xp, 2)))], axis=-1)


@cache
def _mixing() -> Array:
    """[size + 1, size] from natural splines to orthonormal functions, the smoothest first.

    They diagonalise the integral of the squared second derivative among functions of mean 0 under N(0, 1).
    """
    z = np.linspace(-_SPAN, _SPAN, 20 * _POINTS)
    weight = np.exp(-0.5 * z**2)
    weight /= weight.sum()
    columns = _natural(z, np)
    second = np.stack([0 * z, 0 * z, *(6.0 * d for d in _differences(_cubes(z, np, 1)))], -1)
    centred = columns - weight @ columns
    gram = (centred * weight[:, None]).T @ centred
    penalty = (second * weight[:, None]).T @ second
    _, vectors = scipy.linalg.eigh(penalty[1:, 1:], gram[1:, 1:])
    inner = vectors * np.sign(np.where(vectors[0] == 0, 1.0, vectors[0]))
    return np.asarray(np.vstack([-(weight @ columns)[1:] @ inner, inner]))
