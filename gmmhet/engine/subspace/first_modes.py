"""The first modes: directions along which the particles' gradients vary more than noise explains."""

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from gmmhet.engine.subspace.passes import SubspaceEstimator
from gmmhet.engine.subspace.settings import FIRST_MODES
from gmmhet.engine.subspace.state import Posteriors, SubspaceModel

__all__ = ["first_modes"]


def first_modes(estimator: SubspaceEstimator, model: SubspaceModel, still: Posteriors, n_modes: int,
                ) -> tuple[SubspaceModel, NDArray[np.float64]]:
    """Modes from the debiased covariance of the particles' gradients.

    E[g g^T] = H S H + H (docs/method.rst, "First modes"), so (E[g g^T] - H), whitened by H on both sides, holds S. They
    are sought among the specification's ``seek`` directions, from which rigid movements are left out where the poses
    may be in error.

    Args:
        still: particles with their best pose and contrast under the model without modes.
    Returns:
        the model with n_modes modes, and the eigenvalues (mean information of each direction).
    """
    blank = model.without_modes(estimator.spec.basis)
    posteriors = still.with_modes_of(blank)
    within = estimator.spec.directions
    covariance = within.T @ estimator.gradient_covariance(blank, posteriors) @ within
    curvature = within.T @ estimator.still_curvature(blank, posteriors, sample=FIRST_MODES.sample) @ within
    lower = np.linalg.cholesky(curvature + np.eye(len(curvature)) / len(posteriors.rows))
    excess = scipy.linalg.solve_triangular(lower, covariance - curvature, lower=True)
    excess = scipy.linalg.solve_triangular(lower, excess.T, lower=True)
    values, vectors = np.linalg.eigh((excess + excess.T) / 2)
    values, vectors = values[::-1], vectors[:, ::-1]
    strength = np.sqrt(np.maximum(values[:n_modes], FIRST_MODES.least_strength))
    coefficients = within @ (scipy.linalg.solve_triangular(lower.T, vectors[:, :n_modes], lower=False) * strength)
    return model.with_coefficients(coefficients.T), values
