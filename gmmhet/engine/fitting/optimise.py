"""Positions, amplitudes and widths of Gaussians by least squares against Fourier coefficients (L-BFGS)."""

import logging
from collections import deque

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from gmmhet.engine.fitting.fourier import FourierTarget
from gmmhet.engine.fitting.misfit import Gaussians, Misfit, Variables
from gmmhet.engine.fitting.settings import FIT
from gmmhet.engine.progress import progress
from gmmhet.engine.runtime.pool import pool

__all__ = ["refine"]

_LOG = logging.getLogger("gmmhet")


def refine(start: Gaussians, target: FourierTarget, *, resolution: float, sigma_range: tuple[float, float],
           rotations: NDArray[np.float64], offset: NDArray[np.float64]) -> tuple[Gaussians, float]:
    """Refine Gaussians against a target.

    In the end all weights are scaled together to the least squares against the map as it is, not whitened, so that
    projections of the Gaussians have the contrast of the map's.

    Args:
        start: weights as the plain sum over voxels. resolution: Angstrom. sigma_range: bounds of the widths, Angstrom.
        rotations, offset: see :class:`Misfit`.
    Returns:
        The Gaussians and the share of whitened power left unexplained.
    """
    variables = Variables(start.centers, FIT.position_unit * resolution, sigma_range)
    misfit = Misfit(variables, target, rotations, offset)

    def evaluate(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        value, gradient = misfit(flat)
        return value / FIT.misfit_unit, gradient / FIT.misfit_unit

    note = pool().note if len(misfit.shares) > 1 else None
    bar = iter(progress(range(FIT.iterations), "fit", FIT.iterations, note))
    found = minimize(evaluate, variables.pack(start), jac=True, method="L-BFGS-B", callback=lambda _: next(bar, None),
                     options={"maxiter": FIT.iterations, "maxcor": 20, "ftol": FIT.tolerance, "gtol": 1e-9})
    deque(bar, maxlen=0)  # it may end before the last iteration that was allowed
    unexplained = float(found.fun) * FIT.misfit_unit
    _LOG.debug("fit: %d iterations, unexplained share of whitened power %.5f (%s)", found.nit, unexplained,
               found.message)
    fitted = variables.split(found.x)
    coefficients = misfit.coefficients(fitted)
    scale = np.sum(target.counts * coefficients * target.coefficients) / np.sum(target.counts * coefficients**2)
    return Gaussians(fitted.centers, scale * fitted.weights, fitted.sigmas), unexplained
