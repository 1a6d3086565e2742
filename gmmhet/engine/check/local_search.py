"""The likeliest orientation and shift of single images near a start, in steps that are halved."""

from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from gmmhet.engine.check.agreement import SlicedMap
from gmmhet.engine.check.orientation_posterior import ImageModel, LowResolution
from gmmhet.engine.check.settings import LOCAL_SEARCH

__all__ = ["local_search"]

Array = NDArray[np.float64]
_AROUND = np.array(list(product((-1, 0, 1), repeat=3)), np.float64)
_BESIDE = np.array(list(product((-1, 0, 1), repeat=2)), np.float64)


def local_search(data: LowResolution, density: SlicedMap, model: ImageModel, views: Array, shifts: Array, *,
                 step: float, shift_step: float) -> tuple[Array, Array]:
    """Orientations [n, 3, 3] and shifts [n, 2] (Angstrom) of the largest likelihood.

    In each round, the 27 orientations a step about the axes of the view and the nine shifts a step beside are tried
    together; rounds are repeated at the first step, and halve it then.

    Args:
        views: [n, 3, 3], and shifts: [n, 2], by which images are moved: where the search starts.
        step: degrees. shift_step: Angstrom.
    """
    rounds = LOCAL_SEARCH.first_rounds + LOCAL_SEARCH.halvings
    for k in range(rounds):
        scale = 0.5 ** max(0, k + 1 - LOCAL_SEARCH.first_rounds)
        turns = Rotation.from_rotvec(step * scale * _AROUND, degrees=True).as_matrix()
        around = np.einsum("cij,njk->ncik", turns, views)
        beside = shifts[:, None] + shift_step * scale * _BESIDE
        values = _likelihood(data, density, model, around, beside)
        turn, move = np.divmod(values.reshape(len(values), -1).argmax(axis=1), len(_BESIDE))
        every = np.arange(len(views))
        views, shifts = around[every, turn], beside[every, move]
    return views, shifts


def _likelihood(data: LowResolution, density: SlicedMap, model: ImageModel, views: Array, shifts: Array) -> Array:
    """[n, c, t] log-likelihood of each image at orientations [n, c, 3, 3] and shifts [n, t, 2], over the contrast."""
    kx, ky = data.frequencies
    n, count = views.shape[:2]
    slices = density.at(views.reshape(-1, 3, 3), kx, ky).reshape(n, count, -1)
    transfer = data.transfer * model.gain[data.ring]
    weight = 2 * data.pairs / model.noise[data.group][:, data.ring]
    waves = np.exp(-2j * np.pi * (shifts[..., :1] * kx + shifts[..., 1:] * ky))
    moved = (data.images * transfer * weight)[:, None] * waves
    b = np.real(np.einsum("ntm,ncm->nct", moved, slices.conj(), optimize=True))
    p = np.einsum("nm,ncm->nc", transfer**2 * weight, np.abs(slices) ** 2)[:, :, None]
    inverse = model.spread**-2
    return np.asarray(np.maximum(b + inverse, 0) ** 2 / (2 * (p + inverse)) - 0.5 * np.log1p(p * model.spread**2))
