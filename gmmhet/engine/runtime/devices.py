"""How this process was started: alone or as a rank of an MPI job; which GPU and how many threads are its own."""

import contextlib
import os
import platform
import re
import sys
from pathlib import Path
from typing import NoReturn

from gmmhet.engine.errors import InputError
from gmmhet.engine.runtime.ranks import Communicator, Place, communicator
from gmmhet.engine.runtime.tensorflow_notes import quiet_tensorflow

__all__ = ["announced_ranks", "own_gpu", "set_devices", "start"]

#: how many processes were started together, as Open MPI, MPICH and Intel MPI, MVAPICH, and srun tell it
_SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS")
_RANKS = ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "MV2_COMM_WORLD_RANK", "SLURM_PROCID")


def announced_ranks() -> int:
    """How many processes whatever started this one says it started together."""
    return max((int(os.environ[name]) for name in _SIZES if os.environ.get(name, "").isdigit()), default=1)


def start() -> Communicator:
    """The ranks of this run; one alone unless an MPI launcher started several.

    Raises:
        InputError: several were started, but mpi4py is missing or belongs to another MPI. It is raised in the first of
            them, the others exit.
    """
    announced = announced_ranks()
    if announced == 1:
        return Communicator()
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:  # missing, or without a library of MPI to load
        _refuse(f"started as {announced} processes, but mpi4py cannot be used by {sys.executable} ({error}); expected "
                "pip install 'gmmhet[mpi]' there, or no mpirun")
    world = MPI.COMM_WORLD
    if world.Get_size() == 1:
        library = re.split(r"[,\n\0]", MPI.Get_library_version())[0].strip()
        _refuse(f"started as {announced} processes, of which mpi4py's library ({library}) sees one; expected mpirun "
                "(or srun --mpi=...) of the same MPI")
    here = world.Split_type(MPI.COMM_TYPE_SHARED)
    cores = frozenset(os.sched_getaffinity(0))
    sharing = sum(other == cores for other in here.allgather(cores))
    place = Place(platform.node(), here.Get_rank(), max(1, len(cores) // sharing))
    here.Free()
    from gmmhet.engine.runtime.mpi import MpiCommunicator
    return MpiCommunicator(world, place)


def _refuse(message: str) -> NoReturn:
    rank = next((os.environ[name] for name in _RANKS if name in os.environ), "0")
    if rank != "0":
        raise SystemExit(2)
    raise InputError(message)


def set_devices(threads: int | None, gpu: str | None) -> str:
    """Threads and GPUs of this process; they are fixed once TensorFlow is imported.

    Args:
        threads: None: all, or a rank's share of the processor.
        gpu: numbers with commas or blanks, or ``none``; several are shared out over the ranks of a machine.
    Returns:
        what this process has, in words.
    """
    place = communicator().place
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # its matrix products of small, many matrices are 1.5 to 3 times as fast; TensorFlow's own choice leaves them out on
    # processors without AVX-512
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    quiet_tensorflow()  # which says so four times
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # GPUs are shared: take memory as it is needed
    os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")  # products in float32: TF32 keeps ten bits of every factor
    if gpu is not None:
        if gpu != "none" and not re.fullmatch(r"\s*\d+([,\s]+\d+)*\s*", gpu):
            raise InputError(f"--gpu is {gpu!r}; expected numbers of GPUs, such as 0 or 0,1, or none")
        os.environ["CUDA_VISIBLE_DEVICES"] = "" if gpu == "none" else ",".join(re.split(r"[,\s]+", gpu.strip()))
    own = None if place.threads is None else own_gpu(place.number)
    if own is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = own
    if threads is None and place.threads is not None:
        given = os.environ.get("OMP_NUM_THREADS", "")
        threads = int(given) if given.isdigit() and int(given) > 0 else place.threads
    if threads is not None:
        for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "OPENBLAS_NUM_THREADS"):
            os.environ[name] = str(threads)
        if "numpy" in sys.modules:  # whose libraries have read them already
            from threadpoolctl import threadpool_limits
            threadpool_limits(threads)
    return f"{place.host}, {threads or 'all'} threads" + (f", GPU {own}" if own is not None else "")


def own_gpu(number: int) -> str | None:
    """The one GPU of a rank, where its machine shows several; None: leave what is visible as it is.

    Those of CUDA_VISIBLE_DEVICES, or, where that is not set, all of the machine.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    found = [str(i) for i in range(_gpus_of_machine())] if visible is None else [v for v in visible.split(",") if v]
    return found[number % len(found)] if len(found) > 1 else None


def _gpus_of_machine() -> int:
    with contextlib.suppress(OSError):
        return sum(re.fullmatch(r"nvidia\d+", p.name) is not None for p in Path("/dev").iterdir())
    return 0
