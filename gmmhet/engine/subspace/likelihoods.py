"""Log-likelihoods of particles that compare between models."""

import math

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.subspace.passes import SubspaceEstimator
from gmmhet.engine.subspace.state import Posteriors, SubspaceModel

__all__ = ["log_likelihood_total", "log_likelihoods"]

Array = NDArray[np.float64]


def log_likelihoods(estimator: SubspaceEstimator, model: SubspaceModel, posteriors: Posteriors) -> Array:
    """[n] marginal log-likelihoods with the noise's own normalisation, so that models compare."""
    grid = estimator.spec.observer.grid
    weight = np.bincount(grid.clipped_shell.ravel(), weights=4 * grid.weight.ravel(), minlength=grid.n_shells)
    groups = estimator.spec.cache.table.optics_index[posteriors.rows]
    return np.asarray(posteriors.log_likelihood - 0.5 * (weight * np.log(model.noise)).sum(1)[groups])


def log_likelihood_total(estimator: SubspaceEstimator, model: SubspaceModel, posteriors: Posteriors) -> float:
    """Mean of log_likelihoods.

    Raises:
        InputError: it is no number.
    """
    total = float(np.mean(log_likelihoods(estimator, model, posteriors)))
    if not math.isfinite(total):
        bad = int(np.argmin(np.isfinite(posteriors.log_likelihood)))
        table = estimator.spec.cache.table
        raise InputError(f"{table.source}: the likelihood of the image of row {table.ids[posteriors.rows[bad]]} is no "
                         "number; expected images whose values and CTF the model can explain at this resolution")
    return total
