"""gradients.h5: the gradient of every particle's score by every Gaussian, for methods of others."""

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from gmmhet import __version__
from gmmhet.engine.gradient.frc import frc_gradient
from gmmhet.engine.gradient.frc_pass import Compared
from gmmhet.engine.gradient.settings import GRADIENT_FILE
from gmmhet.engine.imaging.image_model import Batch, batches
from gmmhet.engine.io import replacing
from gmmhet.engine.progress import progress
from gmmhet.engine.runtime.batching import in_smaller_batches
from gmmhet.engine.runtime.pool import Replicated, pool
from gmmhet.engine.runtime.tensors import Tensor

__all__ = ["write_gradients"]

Some = tuple[NDArray[np.float32], NDArray[np.float32]]


def write_gradients(path: Path, compared: Compared, *, batch_size: int) -> None:
    """Write what CONVENTIONS.rst says of gradients.h5, in one pass; a batch is in memory at a time.

    Raises:
        InputError: the disk is full, or the folder cannot be written.
    """
    n = len(compared.cache)
    parts = [slice(start, min(start + batch_size, n)) for start in range(0, n, batch_size)]
    found = pool().each(_Gradients(compared), (batch_size,), parts)
    with replacing(path) as temporary, h5py.File(temporary, "w", locking=False) as file:  # locked already
        _describe(file, compared)
        _fill(file, zip(parts, progress(found, "writing gradients", len(parts)), strict=True))


def _describe(file: h5py.File, compared: Compared) -> None:
    """All but the values of the gradients and scores."""
    table, grid = compared.cache.table, compared.observer.grid
    n, gaussians = len(compared.cache), len(compared.weights)
    file.attrs.update(program=f"gmmhet {__version__}", contrast_sign=int(compared.sign),
                      resolution=float(grid.resolution))
    rows = int(np.clip(GRADIENT_FILE.chunk // (12 * gaussians), 1, n))
    for name, values, unit in (("ids", table.ids, ""), ("half", table.halves, ""),
                               ("centers", compared.centers, "Angstrom"),
                               ("weights", compared.weights, "map value x Angstrom^3")):
        file.create_dataset(name, data=values).attrs["unit"] = unit
    file.create_dataset("score", (n,), np.float32).attrs["unit"] = ""
    for name, shape, unit in (("position", (gaussians, 3), "1/Angstrom"), ("amplitude", (gaussians,), "")):
        file.create_dataset(name, (n, *shape), np.float32, chunks=(rows, *shape)).attrs["unit"] = unit


def _fill(file: h5py.File, found: Iterable[tuple[slice, Some]]) -> None:
    for part, (score, gradient) in found:
        file["score"][part] = score
        file["position"][part] = gradient[..., :3]
        file["amplitude"][part] = gradient[..., 3]


class _Gradients(Replicated):
    """Scores [m] and gradients [m, N, 4] of some particles."""

    def __init__(self, compared: Compared) -> None:
        self._compared = compared

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_step"}

    def __call__(self, batch_size: int, part: slice) -> Some:
        return in_smaller_batches(lambda size: self._of(size, np.arange(part.start, part.stop)), batch_size)

    def _of(self, batch_size: int, rows: NDArray[np.int64]) -> Some:
        found = [tuple(values.numpy()[:len(chosen)] for values in self._step(batch))
                 for chosen, batch in batches(self._compared.cache, rows, batch_size)]
        score, gradient = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return score, gradient

    @functools.cached_property
    def _step(self) -> Any:
        """Traced once in each process."""
        compared = self._compared
        constants = *compared.gaussians, tf.constant(compared.sign, tf.float32)

        def of(batch: Batch) -> tuple[Tensor, Tensor]:
            score, gradient = frc_gradient(compared.observer, batch, *constants)
            return compared.sign * score, gradient
        return tf.function(of, autograph=False)
