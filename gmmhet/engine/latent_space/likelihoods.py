"""What the images say of the coordinates, apart from the prior that the posteriors were made with."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.latent_space.settings import LIKELIHOODS

__all__ = ["Likelihoods"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Likelihoods:
    """exp(pull . z - z^T precision z / 2) of n particles; pull: [n, K]. precision: [n, K, K]."""

    pull: Array
    precision: Array

    @classmethod
    def of(cls, coordinates: Array, covariance: NDArray[Any]) -> "Likelihoods":
        """From posteriors N(z, M) under the prior N(0, 1)."""
        values, vectors = np.linalg.eigh(covariance.astype(np.float64))
        known = np.maximum(1 / np.maximum(values, LIKELIHOODS.least_variance) - 1, LIKELIHOODS.least_information)
        left = np.einsum("nab,nb,ncb->nac", vectors, known, vectors)
        return cls(coordinates + np.einsum("nab,nb->na", left, coordinates), left)

    def at(self, chosen: Any) -> "Likelihoods":
        """Those of some particles."""
        return Likelihoods(self.pull[chosen], self.precision[chosen])

    def under_normal(self) -> Array:
        """[n] log of the mean likelihood under N(0, 1)."""
        whole = self.precision + np.eye(self.pull.shape[1])
        mean = np.linalg.solve(whole, self.pull[..., None])[..., 0]
        return np.asarray(0.5 * (np.einsum("na,na->n", self.pull, mean) - np.linalg.slogdet(whole)[1]))

    def blurred(self, width: float) -> tuple["Likelihoods", Array]:
        """The mean likelihood around a place under N(place, width^2), and the logarithm of its constant factor, [n]."""
        k = self.pull.shape[1]
        spread = np.eye(k) + width**2 * self.precision
        inverse = np.linalg.inv(spread)
        pull = np.einsum("nab,nb->na", inverse, self.pull)
        constant = 0.5 * (width**2 * np.einsum("na,na->n", self.pull, pull) - np.linalg.slogdet(spread)[1])
        return Likelihoods(pull, inverse @ self.precision), constant

    def logs(self, places: Array) -> Array:
        """[n, A] at places [A, K]."""
        squares = np.einsum("ak,al->akl", places, places).reshape(len(places), -1)
        return np.asarray(self.pull @ places.T - 0.5 * self.precision.reshape(len(self.pull), -1) @ squares.T)
