"""Images whose residuals got random signs: the null of the test of significance.

Noise keeps its spectrum and misfit its size, but nothing concerted is left.
"""

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from gmmhet.engine.imaging.image_model import Batch
from gmmhet.engine.runtime.pool import Replicated
from gmmhet.engine.runtime.tensors import Tensor
from gmmhet.engine.subspace.estimator_spec import EstimatorSpec
from gmmhet.engine.subspace.evaluation import State
from gmmhet.engine.subspace.state import Posteriors, SubspaceModel

__all__ = ["SignFlips", "sign_flips"]


class SignFlips(Replicated):
    """A transform of batches: random signs of the residuals of particles without motion, pixel by pixel.

    Args:
        seed: of the signs. model: whose consensus the residuals are taken from. still: the particles under it.
    """

    def __init__(self, spec: EstimatorSpec, seed: int, model: SubspaceModel, still: Posteriors) -> None:
        self._spec, self._seed = spec, seed
        self._blank = model.without_modes(spec.basis)
        self._still = still.with_modes_of(self._blank)

    def __call__(self, rows: NDArray[np.int64], batch: Batch) -> Batch:
        """The batch of some rows, the last ones of which may only fill it up."""
        still = self._still
        place = np.searchsorted(still.rows, np.resize(rows, batch.planes.shape[0]))
        signs = sign_flips(self._seed, still.rows[place], self._spec.observer.grid.size)
        state = State(*(tf.constant(a[place], tf.float32) for a in (still.z, still.pose, still.contrast)))
        flipped: Batch = self._spec.compiled.flip(batch, self._spec.tensors(self._blank), state, signs)
        return flipped


def sign_flips(seed: int, rows: NDArray[np.int64], size: int) -> Tensor:
    """Random signs [n, 1, 2, size, size] by particle row; Friedel mates on the axes share theirs."""
    out = np.empty((len(rows), 1, 2, size, size), np.float32)
    for i, row in enumerate(rows):
        bits = np.random.default_rng([seed, int(row)]).integers(0, 2, (2, size, size))
        out[i, 0] = 2 * bits - 1
    out[:, 0, 1, 0] = out[:, 0, 0, 0]
    out[:, 0, 1, :, 0] = out[:, 0, 0, :, 0]
    return tf.constant(out)
