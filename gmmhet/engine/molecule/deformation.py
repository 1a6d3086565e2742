"""How the Gaussians of a molecule move and change with the coordinates: in proportion to them, or along curves."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.molecule.curves import Curves

__all__ = ["Deformation"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Deformation:
    """M fields over N Gaussians, and the amounts of each at coordinates z [K].

    Attributes:
        position: [M, N, 3] Angstrom, amplitude: [M, N] relative; per unit of an amount.
        curves: the amounts as functions of z; None: they are z, and M = K.
    """

    position: Array
    amplitude: Array
    curves: Curves | None = None

    @property
    def coordinates(self) -> int:
        """K."""
        return len(self.position) if self.curves is None else len(self.curves.periodic)

    def amounts(self, z: Array) -> Array:
        """[..., K] to [..., M]."""
        return z if self.curves is None else np.asarray(self.curves.amounts(np.asarray(z, np.float64)))

    def centers(self, centers: Array, z: Array) -> Array:
        """[..., N, 3] Angstrom at coordinates z [..., K], of centres [N, 3] that are changed.

        c_i(z) = c_i + sum_m t_m(z) V_im.
        """
        return np.asarray(centers + np.tensordot(self.amounts(z), self.position, 1))

    def weights(self, weights: Array, z: Array) -> Array:
        """[..., N] at coordinates z [..., K], of weights [N] that are changed: w_i(z) = w_i (1 + sum_m t_m(z) U_im)."""
        return np.asarray(weights * (1 + self.amounts(z) @ self.amplitude))

    def of(self, coordinate: int) -> "Deformation":
        """The fields of one coordinate alone (from 0), as if there were no others."""
        if self.curves is None:
            some = slice(coordinate, coordinate + 1)
            return Deformation(self.position[some], self.amplitude[some])
        some = self.curves.segments[coordinate]
        return Deformation(self.position[some], self.amplitude[some],
                           Curves((self.curves.periodic[coordinate],)))

    def sizes(self) -> tuple[Array, Array]:
        """[N] root mean square displacement (Angstrom), and relative change of weight, over the prior of all
        coordinates: the amounts have unit variance there, and no correlation."""
        return (np.asarray(np.sqrt((self.position**2).sum((0, 2)))),
                np.asarray(np.sqrt((self.amplitude**2).sum(0))))

    def straight(self) -> "Deformation":
        """The same as straight modes, K fields: of a line the part in proportion to its coordinate, of a circle that in
        proportion to the cosine of its angle."""
        if self.curves is None:
            return self
        first = [segment.start for segment in self.curves.segments]
        return Deformation(self.position[first], self.amplitude[first])
