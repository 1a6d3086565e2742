"""Workers that mpirun or srun started: MPI only tells them where the scheduler is."""

import os
import re
import signal
import sys

from gmmhet.engine.errors import InputError

__all__ = ["MpiJob", "announced_ranks"]

#: how many processes were started together, as Open MPI, MPICH and Intel MPI, MVAPICH, and srun tell it
_SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS")
_RANKS = ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "MV2_COMM_WORLD_RANK", "SLURM_PROCID")


def announced_ranks() -> int:
    """How many processes whatever started this one says it started together."""
    return max((int(os.environ[name]) for name in _SIZES if os.environ.get(name, "").isdigit()), default=1)


class MpiJob:
    """The processes of an MPI job: the first leads, and each has a worker. (Of dask-mpi's, two would have none.)

    Attributes:
        rank: of this process, from 0. size: how many there are. number: of this process on its machine, from 0.
        here: how many are on its machine. threads: its share of the processor.

    Raises:
        InputError: mpi4py is missing, or belongs to another MPI. It is raised in the first process, the others exit.
    """

    def __init__(self) -> None:
        announced = announced_ranks()
        try:
            from mpi4py import MPI
        except (ImportError, RuntimeError) as error:  # missing, or without a library of MPI to load
            raise self._refused(f"started as {announced} processes, but mpi4py cannot be used by {sys.executable} "
                                f"({error}); expected pip install 'gmmhet[cluster]' there, or no mpirun") from None
        self._world = MPI.COMM_WORLD
        if self._world.Get_size() == 1:
            library = re.split(r"[,\n\0]", MPI.Get_library_version())[0].strip()
            raise self._refused(f"started as {announced} processes, of which mpi4py's library ({library}) sees one; "
                                "expected mpirun (or srun --mpi=...) of the same MPI")
        self.rank, self.size = self._world.Get_rank(), self._world.Get_size()
        here = self._world.Split_type(MPI.COMM_TYPE_SHARED)
        cores = frozenset(os.sched_getaffinity(0))
        sharing = sum(other == cores for other in here.allgather(cores))
        self.number, self.here = here.Get_rank(), here.Get_size()
        self.threads = max(1, len(cores) // sharing)
        here.Free()
        self._waiting = True

    @staticmethod
    def _refused(message: str) -> InputError:
        if next((os.environ[name] for name in _RANKS if name in os.environ), "0") != "0":
            raise SystemExit(2)
        return InputError(message)

    def lead(self, address: str) -> None:
        """On the first process: let the others have workers of the scheduler there."""
        self._tell(address)

    def dismiss(self) -> None:
        """On the first process: let the others go, if they still wait."""
        if self._waiting:
            self._tell(None)

    def _tell(self, address: str | None) -> None:
        self._waiting = False
        self._world.bcast(address, root=0)

    def told(self) -> str | None:
        """On the others: the address of the scheduler, or None where the first has no use for them."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first gets it too, and ends all
        address: str | None = self._world.bcast(None, root=0)
        return address
