"""Which GPUs and how many threads are this process's own."""

import contextlib
import os
import platform
import re
import sys
from pathlib import Path

from gmmhet.engine.errors import InputError
from gmmhet.engine.runtime.tensorflow_notes import quiet_tensorflow

__all__ = ["own_gpu", "set_devices", "share_of_cores"]


def set_devices(threads: int | None, gpu: str | None, number: int | None = None) -> str:
    """Threads and GPUs of this process; they are fixed once TensorFlow is imported.

    Args:
        threads: None: all. gpu: numbers with commas or blanks, or ``none``.
        number: among the workers of this machine, from 0, over which several GPUs are shared out; None: take all.
    Returns:
        what this process has, in words.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # its matrix products of small, many matrices are 1.5 to 3 times as fast; TensorFlow's own choice leaves them out on
    # processors without AVX-512
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")  # so that Keras, a third of the start, is not loaded
    quiet_tensorflow()  # which says so four times
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # GPUs are shared: take memory as it is needed
    os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")  # products in float32: TF32 keeps ten bits of every factor
    if gpu is not None:
        if gpu != "none" and not re.fullmatch(r"\s*\d+([,\s]+\d+)*\s*", gpu):
            raise InputError(f"--gpu is {gpu!r}; expected numbers of GPUs, such as 0 or 0,1, or none")
        os.environ["CUDA_VISIBLE_DEVICES"] = "" if gpu == "none" else ",".join(re.split(r"[,\s]+", gpu.strip()))
    own = None if number is None else own_gpu(number)
    if own is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = own
    if threads is not None:
        for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "OPENBLAS_NUM_THREADS"):
            os.environ[name] = str(threads)
        if "numpy" in sys.modules:  # whose libraries have read them already
            from threadpoolctl import threadpool_limits
            threadpool_limits(threads)
    return f"{platform.node()}, {threads or 'all'} threads" + (f", GPU {own}" if own is not None else "")


def share_of_cores(workers: int, most: int | None = None) -> int:
    """Threads of each of so many workers of this machine: OMP_NUM_THREADS, else the cores of this process over them.

    Args:
        most: where the workers are bound to cores: how many each has.
    """
    given = os.environ.get("OMP_NUM_THREADS", "")
    if given.isdigit() and int(given) > 0:
        return int(given)
    return most or max(1, len(os.sched_getaffinity(0)) // workers)


def own_gpu(number: int) -> str | None:
    """The one GPU of a worker, where its machine shows several; None: leave what is visible as it is.

    Those of CUDA_VISIBLE_DEVICES, or, where that is not set, all of the machine.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    found = [str(i) for i in range(_gpus_of_machine())] if visible is None else [v for v in visible.split(",") if v]
    return found[number % len(found)] if len(found) > 1 else None


def _gpus_of_machine() -> int:
    with contextlib.suppress(OSError):
        return sum(re.fullmatch(r"nvidia\d+", p.name) is not None for p in Path("/dev").iterdir())
    return 0
