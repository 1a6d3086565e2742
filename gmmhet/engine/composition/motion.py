"""Motion beside composition: coordinates of modes integrated out of the equations of the particles.

A coordinate z_m has the prior N(0, v_m) and was linearised at the analysis' value. Modes of an analysis that knew of no
blocks follow these, too: v_m is that of largest likelihood once the blocks are known, and small where blocks explain
what the mode followed.

Where a block is absent, what is beside it may move in the images, too: the mean of a coordinate may depend on the
blocks, z = d o + u with u ~ N(0, v). With y' = y + J z0 (z0: where J was taken), y' = s F g + J (d o + u): the means
are amplitudes as those of parcels are, and u is integrated out.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.composition.particle_equations import ParticleEquations
from gmmhet.engine.composition.presence import BlockModel, presence
from gmmhet.engine.composition.settings import MOTION

__all__ = ["updated_variances", "with_coordinates", "without_motion"]

Array = NDArray[np.float64]


def _parts(equations: ParticleEquations, variances: Array) -> tuple[Array, Array, Array]:
    """[n, K, K] inverse of J^T J + 1/v, [n, K, P] J^T F, [n, K] J^T y - z / v."""
    p = equations.parcels
    inner = equations.matrix[:, p:, p:].astype(np.float64) + np.diag(1 / variances)
    right = equations.vector[:, p:] - equations.offset / variances
    return np.linalg.inv(inner), equations.matrix[:, p:, :p].astype(np.float64), right


def without_motion(equations: ParticleEquations, variances: Array) -> ParticleEquations:
    """The equations of the parcels alone, the coordinates integrated out.

    Args:
        variances: [K] of the coordinates.
    """
    if not equations.modes:
        return equations
    p = equations.parcels
    inverse, cross, right = _parts(equations, variances)
    solved = inverse @ cross  # [n, K, P]
    matrix = equations.matrix[:, :p, :p] - (cross.transpose(0, 2, 1) @ solved).astype(np.float32)
    vector = equations.vector[:, :p] - np.einsum("nkp,nk->np", solved, right).astype(np.float32)
    return replace(equations, matrix=matrix, vector=vector, offset=np.zeros((len(vector), 0)))


def with_coordinates(equations: ParticleEquations, variances: Array) -> ParticleEquations:
    """The equations of the parcels and, after them, of the means of the coordinates; their spread integrated out.

    Args:
        variances: [K] of the coordinates about their means.
    """
    if not equations.modes:
        return equations
    p = equations.parcels
    motion = equations.matrix[:, :, p:].astype(np.float64)  # [n, P + K, K]
    vector = equations.vector + np.einsum("ndk,nk->nd", motion, equations.offset)
    inverse = np.linalg.inv(motion[:, p:] + np.diag(1 / variances))
    matrix = equations.matrix - (motion @ (inverse @ motion.transpose(0, 2, 1))).astype(np.float32)
    vector = vector - np.einsum("ndk,nkl,nl->nd", motion, inverse, vector[:, p:], optimize=True)
    return replace(equations, matrix=matrix, vector=vector.astype(np.float32), offset=np.zeros((len(vector), 0)))


def updated_variances(equations: ParticleEquations, variances: Array, model: BlockModel) -> Array:
    """[K] EM step: mean square of the coordinates, their uncertainty included, given the likeliest combinations."""
    found = presence(without_motion(equations, variances), model)
    amplitudes = found.amplitudes(model)
    inverse, cross, right = _parts(equations, variances)
    mean = equations.offset + np.einsum("nkl,nl->nk", inverse, right - np.einsum("nkp,np->nk", cross, amplitudes))
    square = np.mean(mean**2 + np.einsum("nkk->nk", inverse), axis=0)
    return np.asarray(np.clip(square, MOTION.least_variance, MOTION.most_variance))
