"""The first modes: directions along which the particles' gradients vary more than noise explains."""

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from gmmhet.engine.subspace import Ensemble, SubspaceEstimator, SubspaceModel

__all__ = ["first_modes", "more_modes"]

_SAMPLE = 192


def first_modes(estimator: SubspaceEstimator, model: SubspaceModel, ensemble: Ensemble, n_modes: int,
                ) -> tuple[SubspaceModel, NDArray[np.float64]]:
    """The model with n_modes modes found where there are none yet; see :func:`more_modes`.

    Args:
        ensemble: particles with their best pose and contrast under the model without modes.
    """
    blank = estimator.without_modes(model)
    coefficients, values = more_modes(estimator, blank, ensemble.with_modes(blank.n_latent), n_modes)
    return estimator.with_coefficients(model, coefficients), values


def more_modes(estimator: SubspaceEstimator, model: SubspaceModel, ensemble: Ensemble, n_modes: int,
               ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Further modes from the debiased covariance of the particles' gradients at their best coordinates.

    E[g g^T] = H S H + H (DESIGN section 3), so (E[g g^T] - H), whitened by H on both sides, holds S. They are sought
    among the estimator's ``seek`` directions, from which rigid movements are left out where the poses may be in error.

    Args:
        ensemble: particles with their best coordinates, pose and contrast under the model.
    Returns:
        coefficients [n_modes, R], and the eigenvalues (mean information of each direction).
    """
    within = estimator.seek
    covariance = within.T @ estimator.gradient_covariance(model, ensemble) @ within
    curvature = within.T @ estimator.still_curvature(model, ensemble, sample=_SAMPLE) @ within
    lower = np.linalg.cholesky(curvature + np.eye(len(curvature)) / len(ensemble.rows))
    excess = scipy.linalg.solve_triangular(lower, covariance - curvature, lower=True)
    excess = scipy.linalg.solve_triangular(lower, excess.T, lower=True)
    values, vectors = np.linalg.eigh((excess + excess.T) / 2)
    values, vectors = values[::-1], vectors[:, ::-1]
    strength = np.sqrt(np.maximum(values[:n_modes], 1e-3))
    coefficients = within @ (scipy.linalg.solve_triangular(lower.T, vectors[:, :n_modes], lower=False) * strength)
    return coefficients.T, values
