"""How many particles are computed at once: what stays in a processor's cache, or what a GPU has room for.

On a processor small batches are faster, since what they compute stays in the cache. On a GPU large ones are, since each
operation costs the same few microseconds to start; half of the memory that is free when the run starts is filled by
the estimate below, and where the GPU runs out of memory all the same (other programs use it too), the work is done
again in smaller batches.
"""

import functools
import logging
import os
from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast

import numpy as np
import tensorflow as tf
from tensorflow.python.client import device_lib

from gmmhet.engine.errors import InputError
from gmmhet.engine.runtime.settings import BATCHES

__all__ = ["batch_size", "free_gpu_memory", "in_smaller_batches", "smaller_batches"]

_LOG = logging.getLogger("gmmhet")
_T = TypeVar("_T")


class _Batched(Protocol):
    batch_size: int


_Method = TypeVar("_Method", bound=Callable[..., Any])


def free_gpu_memory() -> int | None:
    """Bytes of its GPU that this process may still take; None where TensorFlow sees no GPU."""
    if not tf.config.list_physical_devices("GPU"):
        wanted = os.environ.get("CUDA_VISIBLE_DEVICES")
        if wanted:
            _LOG.info("TensorFlow sees no GPU %s: the processor computes", wanted)
        return None
    limits = [int(d.memory_limit) for d in device_lib.list_local_devices() if d.device_type == "GPU"]
    if not limits:
        return None
    return max(limits[0] - int(tf.config.experimental.get_memory_info("GPU:0")["current"]), 0)


def batch_size(n_particles: int, n_gaussians: int, size: int, columns: int, free: int | None) -> int:
    """Particles at once; on GPUs a power of two, which seldom changes with the memory that other programs take.

    Args:
        size: h + 1 of the half-plane. columns: derivatives of an image that a pass keeps (coordinates, pose, contrast).
        free: bytes of free memory of a GPU; None: a processor.
    """
    if free is None:
        most = min(BATCHES.cpu_most, max(2, n_particles))
        return int(np.clip(BATCHES.cpu_floats // (n_gaussians * 2 * size * 8), 2, most))
    each = 4 * (n_gaussians * 2 * size * BATCHES.factor_copies + 4 * size**2 * (columns + BATCHES.image_copies) * 3)
    most = min(int(BATCHES.gpu_share * free / each), BATCHES.gpu_most, n_particles // BATCHES.gpu_parts)
    return max(2, 1 << max(most, 1).bit_length() - 1)


def in_smaller_batches(work: Callable[[int], _T], size: int) -> _T:
    """work(size), or of half of it, and so on, where the GPU runs out of memory.

    Raises:
        InputError: not even one particle fits.
    """
    while True:
        try:
            return work(size)
        except tf.errors.ResourceExhaustedError:
            if size <= 1:
                raise InputError("not enough free memory for one particle; expected another GPU (--gpu), none (--gpu "
                                 "none), or a coarser --resolution") from None
            _LOG.warning("out of memory with %d particles at once: going on with %d", size, size // 2)
            size //= 2


def smaller_batches(method: _Method) -> _Method:
    """A method of something with a batch_size, which keeps the smaller one where the GPU runs out of memory."""
    @functools.wraps(method)
    def tried(self: _Batched, *args: Any) -> Any:
        def work(size: int) -> Any:
            self.batch_size = size
            return method(self, *args)
        return in_smaller_batches(work, self.batch_size)
    return cast(_Method, tried)
