"""Density of the particles over coordinates, with the uncertainty of every single coordinate taken out."""

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.report.settings import REPORTING
from gmmhet.engine.sampling import evenly_spread

__all__ = ["deconvolved_density"]

Floats = NDArray[np.float64]


def deconvolved_density(means: Floats, covariances: Floats, edges: list[Floats], *,
                        passes: int = REPORTING.deconvolution_passes,
                        most: int = REPORTING.most_deconvolved_1d) -> Floats:
    """Share of the particles in every cell, from the likelihoods of their images and not from their posterior means.

    The posterior of particle i, N(z_i, M_i), over the prior N(0, 1) it was made with is what its image says:
    L_i(t) = exp(-(t - z_i)^T M_i^-1 (t - z_i) / 2 + t^T t / 2). The density f that makes the images most likely is
    found by f <- smooth(f mean_i L_i / (L_i . f)): maximum likelihood of a mixture (Kiefer and Wolfowitz 1956), with
    the smoothing step of Silverman, Jones, Wilson and Nychka (1990), which keeps it from breaking up into spikes.

    Args:
        means: [n, D] coordinates, D = 1 or 2. covariances: [n, D, D], positive definite.
        edges: D arrays of evenly spaced cell borders. passes: of the iteration. most: particles used, taken evenly
            from all.
    Returns:
        [cells, ...] shares, sum 1.
    """
    rows = evenly_spread(len(means), most)
    middles = [(e[:-1] + e[1:]) / 2 for e in edges]
    points = np.stack(np.meshgrid(*middles, indexing="ij"), axis=-1).reshape(-1, len(edges))
    information = np.linalg.inv(covariances[rows]) - np.eye(len(edges))
    said = np.einsum("nij,nj->ni", np.linalg.inv(covariances[rows]), means[rows])
    logs = said @ points.T - np.einsum("nij,ti,tj->nt", information, points, points, optimize=True) / 2
    likelihood = np.exp(logs - logs.max(axis=1, keepdims=True)).astype(np.float32)
    shape = tuple(len(m) for m in middles)
    density = np.full(shape, 1 / len(points))
    for _ in range(passes):
        evidence = likelihood @ density.ravel().astype(np.float32)
        density = _smooth(density * (np.reciprocal(evidence) @ likelihood).reshape(shape))
        density /= density.sum()
    return density


def _smooth(density: Floats) -> Floats:
    """Weights 1/32, 15/16, 1/32 along every axis; what would leave the grid stays at its border."""
    for axis in range(density.ndim):
        padded = np.pad(density, [(1, 1) if a == axis else (0, 0) for a in range(density.ndim)], mode="edge")
        length = density.shape[axis]
        before, after = (np.take(padded, np.arange(length) + step, axis=axis) for step in (0, 2))
        density = (30 * density + before + after) / 32
    return density
