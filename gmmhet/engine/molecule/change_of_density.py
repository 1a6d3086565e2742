"""How a part moves, by the change of the map that displacements and changes of weights make together.

A mode moves Gaussians and changes their weights, and density that moves is described by both: displacements alone fall
short of a movement. The rigid movements of part and rest are therefore those whose change of the map is nearest, by
least squares over all space, to that of the mode; overlaps of Gaussians are in closed form.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from gmmhet.engine.molecule.settings import MOVING_PART

__all__ = ["RigidRate", "rigid_rate"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class RigidRate:
    """A movement per unit of a coordinate: a point x goes by shift + turn x (x - about).

    Attributes:
        shift: [3] Angstrom. turn: [3] rotation vector, radians. about: [3] Angstrom.
    """

    shift: Array
    turn: Array
    about: Array

    def after(self, points: Array, units: float) -> Array:
        """[n, 3] points after a movement by some units of the coordinate."""
        whole = Rotation.from_rotvec(units * self.turn).as_matrix()
        middle = self._still_point
        return np.asarray((points - middle) @ whole.T + middle + units * self._along)

    @property
    def _along(self) -> Array:
        """[3] shift along the axis."""
        square = float(self.turn @ self.turn)
        return self.shift if square < 1e-12 else self.turn * float(self.shift @ self.turn) / square

    @property
    def _still_point(self) -> Array:
        square = float(self.turn @ self.turn)
        return self.about if square < 1e-12 else self.about + np.cross(self.turn, self.shift) / square


def rigid_rate(centers: Array, weights: Array, sigmas: Array, change: tuple[Array, Array], inside: NDArray[np.bool_],
               resolution: float) -> RigidRate:
    """The movement of a part, seen from the rest.

    Args:
        centers: [N, 3] Angstrom. weights, sigmas: [N]. change: displacements [N, 3] and relative changes of the weights
            [N], per unit of the coordinate. inside: [N] the part. resolution: Angstrom, to which maps are compared.
    """
    near = _near(centers, inside)
    product = _Overlaps(centers[near], weights[near], sigmas[near], MOVING_PART.blur * resolution)
    middle = np.average(centers[inside], axis=0, weights=np.abs(weights[inside]))
    fields = _fields(centers[near] - middle, inside[near])
    images = product.of(fields)  # [F, m, 4]
    target = np.concatenate([change[0], change[1][:, None]], axis=1)[near]
    flat = fields.reshape(len(fields), -1)
    normal, right = images.reshape(len(fields), -1) @ flat.T, images.reshape(len(fields), -1) @ target.ravel()
    scale = 1 / np.sqrt(np.maximum(np.diag(normal), 1e-300))
    amounts = scale * np.linalg.lstsq(normal * np.outer(scale, scale), right * scale, rcond=1e-9)[0]
    part, rest = amounts[:6], amounts[6:12]
    return RigidRate(part[:3] - rest[:3], part[3:] - rest[3:], middle)


def _near(centers: Array, inside: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The Gaussians that are compared: all, or of many the part and the nearest to it."""
    if len(centers) <= MOVING_PART.most_compared:
        return np.arange(len(centers))
    distance = np.linalg.norm(centers - centers[inside].mean(0), axis=1) - 1e6 * inside
    return np.argsort(distance, kind="stable")[:MOVING_PART.most_compared]


def _fields(offset: Array, inside: NDArray[np.bool_]) -> Array:
    """[14, m, 4] shifts and turns of the part, then of the rest, and the amount of density of each."""
    units, out = np.eye(3), np.zeros((14, len(offset), 4))
    for start, some in ((0, inside), (6, ~inside)):
        out[start:start + 3, some, :3] = units[:, None]
        out[start + 3:start + 6, some, :3] = np.cross(units[:, None], offset[None, some])
    out[12, inside, 3] = out[13, ~inside, 3] = 1
    return out


class _Overlaps:
    """The inner product of changes of a map, made by displacements v and relative changes u of weights of Gaussians.

    With O the overlap of two Gaussians, d the vector from the second to the first and s^2 the sum of their squared
    widths: u u' O + (u v' - v u').d O / s^2 + v.v' O / s^2 - (v.d)(v'.d) O / s^4.
    """

    def __init__(self, centers: Array, weights: Array, sigmas: Array, blur: float) -> None:
        square = sigmas[:, None] ** 2 + sigmas[None] ** 2 + 2 * blur**2
        apart = centers[:, None] - centers[None]
        overlap = np.outer(weights, weights) * square**-1.5 * np.exp(-0.5 * (apart**2).sum(-1) / square)
        self._apart, self._plain, self._first = apart, overlap, overlap / square
        self._second = overlap / square**2

    def of(self, fields: Array) -> Array:
        """[F, m, 4] what the inner products of fields [F, m, 4] with others are sums over."""
        out = np.empty_like(fields)
        for number, field in enumerate(fields):
            moved, amount = field[:, :3], field[:, 3]
            along = np.einsum("ija,ia->ij", self._apart, moved)
            out[number, :, 3] = amount @ self._plain - (along * self._first).sum(0)
            pull = amount[:, None] * self._first - along * self._second
            out[number, :, :3] = np.einsum("ij,ija->ja", pull, self._apart) + self._first.T @ moved
        return out
