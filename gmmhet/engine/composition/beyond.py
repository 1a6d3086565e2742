"""Gaussians where the consensus hardly shows density: what is there in few particles only.

Candidates fill the space around the molecule, in parcels. The likelihood's slope by the amplitude of each, other
parcels integrated out, has a variance over the particles that is its information, if nothing is there; where it varies
by more, Gaussians are added.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gmmhet.engine.composition.parcels import clusters, spacing_of
from gmmhet.engine.composition.particle_equations import ParticleEquations
from gmmhet.engine.composition.settings import BEYOND
from gmmhet.engine.molecule.gaussians import GaussianModel

__all__ = ["candidates", "excess_variance", "with_added"]

Array = NDArray[np.float64]


def candidates(model: GaussianModel, resolution: float, seed: int) -> tuple[GaussianModel, NDArray[np.int64]] | None:
    """Gaussians of the molecule's density in the space around it, and the parcel of each, from 0; None where the box
    has no room for any."""
    step = BEYOND.spacing * resolution
    radius = BEYOND.field * model.box * model.pixel_size / 2
    axis = np.arange(-radius, radius + step, step)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    distance = cKDTree(model.centers).query(points)[0]
    near = (distance > max(BEYOND.clear * resolution, spacing_of(model.centers)))
    near &= (distance < BEYOND.reach * resolution) & (np.linalg.norm(points, axis=1) < radius)
    chosen = points[near]
    if not len(chosen):
        return None
    density = float(np.median(model.weights)) / max(spacing_of(model.centers), 1e-6) ** 3
    weights = np.full(len(chosen), density * step**3)
    added = GaussianModel(chosen, weights, np.full(len(chosen), BEYOND.width * step), model.box, model.pixel_size,
                          model.resolution)
    count = int(np.clip(len(chosen) * step**3 / (BEYOND.edge * resolution) ** 3, 1, len(chosen)))
    return added, clusters(chosen, count, seed)


def with_added(model: GaussianModel, added: GaussianModel, some: NDArray[np.bool_]) -> GaussianModel:
    """The model with some [M] of other Gaussians after its own."""
    return GaussianModel(np.concatenate([model.centers, added.centers[some]]),
                         np.concatenate([model.weights, added.weights[some]]),
                         np.concatenate([model.sigmas, added.sigmas[some]]), model.box, model.pixel_size,
                         model.resolution)


def excess_variance(equations: ParticleEquations, covariance: Array) -> Array:
    """[Q] deviations by which the slopes by the last Q parcels vary more than noise makes them.

    Args:
        covariance: [P, P] of the amplitudes of the first P parcels, about 1, which are integrated out.
    """
    p = len(covariance)
    inner = np.linalg.inv(equations.matrix[:, :p, :p] + np.linalg.inv(covariance).astype(np.float32))
    cross = equations.matrix[:, p:, :p]
    own = equations.vector[:, :p] - equations.matrix[:, :p, :p].sum(2)
    solved = cross @ inner
    slope = equations.vector[:, p:] - cross.sum(2) - np.einsum("nqp,np->nq", solved, own)
    information = np.einsum("nqq->nq", equations.matrix[:, p:, p:]) - np.einsum("nqp,nqp->nq", solved, cross)
    excess = np.sum(slope**2 - information, axis=0, dtype=np.float64)
    return np.asarray(excess / np.sqrt(2 * np.sum(np.square(information, dtype=np.float64), axis=0)))
