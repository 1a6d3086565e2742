"""The part of a molecule whose amount of density changes, and by how much."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gmmhet.engine.molecule.settings import CHANGING_DENSITY

__all__ = ["ChangingPart", "changing_part"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ChangingPart:
    """A part whose density grows with a coordinate (or falls).

    Attributes:
        inside: [N] Gaussians of the part. middle: [3] Angstrom, centre of what changes.
        change: of its integrated density per unit of the coordinate, signed, as a share of the molecule's.
        relative: change of the local density per unit, of the place where it is largest.
        inner: relative change of the density of the Gaussians inside, all together, per unit.
        balance: 0..1, how much of all change is of this sign: 1 where density only comes, 0 where as much goes.
    """

    inside: NDArray[np.bool_]
    middle: Array
    change: float
    relative: float
    inner: float
    balance: float

    def mass_at(self, coordinate: float) -> float:
        """Density of the Gaussians inside at a coordinate, over that at coordinate 0; not below 0."""
        return max(1 + self.inner * coordinate, 0.0)

    @property
    def comes_and_goes(self) -> bool:
        """Whether density is there or not, rather than moved from one place to another."""
        return bool(abs(self.relative) >= CHANGING_DENSITY.least_relative
                    and self.balance >= CHANGING_DENSITY.least_balance
                    and abs(self.change) >= CHANGING_DENSITY.least_change)


def changing_part(centers: Array, weights: Array, amplitude: Array, length: float) -> ChangingPart | None:
    """The part of a mode that changes most density.

    The contrast of an image takes up a change of all weights alike, so changes are counted from those of the part of
    the molecule that changes least. Local changes are those of Gaussians weighed by exp(-d^2 / 2 l^2): what moves by
    less than the length l cancels.

    Args:
        centers: [N, 3] Angstrom. weights: [N]. amplitude: [N] relative change of the weights per unit of the
            coordinate. length: Angstrom, to which density is resolved.
    Returns:
        None where no density changes.
    """
    mass = np.abs(weights) / np.abs(weights).sum()
    change = mass * (amplitude - _median(amplitude, mass))
    if not np.abs(change).max() > 0:
        return None
    square = ((centers[:, None] - centers[None]) ** 2).sum(-1)
    kernel = np.exp(-0.5 * square / (CHANGING_DENSITY.blur * length) ** 2)
    local = (kernel @ change) / (kernel @ mass)
    moved = (kernel @ change) / kernel.sum(1)
    sign = np.sign(local[np.argmax(np.abs(moved))])
    core = (sign * local > CHANGING_DENSITY.core * (sign * local).max()) & (sign * change > 0)
    core = _connected(centers, core, int(np.argmax(np.where(core, sign * change, -np.inf))), length)
    around = cKDTree(centers[core]).query(centers)[0] <= CHANGING_DENSITY.around * length
    total = float(change[around].sum())
    inside = around & (sign * local > CHANGING_DENSITY.edge * (sign * local).max()) & (sign * change > 0)
    inside |= core
    grown = np.maximum(sign * change[inside], 1e-300)
    same, other = (float(np.maximum(way * moved, 0).sum()) for way in (sign, -sign))
    return ChangingPart(
        inside=inside, middle=np.average(centers[inside], axis=0, weights=grown), change=total,
        relative=float(local[core][np.argmax(np.abs(local[core]))]),
        inner=float(change[inside].sum() / mass[inside].sum()),
        balance=max(0.0, 1 - other / max(same, 1e-300)))


def _median(values: Array, weights: Array) -> float:
    order = np.argsort(values)
    return float(values[order][np.searchsorted(np.cumsum(weights[order]), 0.5 * weights.sum())])


def _connected(centers: Array, some: NDArray[np.bool_], seed: int, length: float) -> NDArray[np.bool_]:
    """[N] those of some Gaussians that hang together with one of them."""
    rows = np.flatnonzero(some)
    tree, found, front = cKDTree(centers[rows]), {int(np.flatnonzero(rows == seed)[0])}, [seed]
    while front:
        near = set(tree.query_ball_point(centers[front.pop()], CHANGING_DENSITY.reach * length)) - found
        found |= near
        front += [int(rows[i]) for i in near]
    out = np.zeros(len(centers), bool)
    out[rows[sorted(found)]] = True
    return out
