"""Clusters of Dask: workers of this machine, of a scheduler that is up, of a queue, of an MPI job."""

import asyncio
import contextlib
import logging
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "critical")  # what users need to know of it is said by the pool

import dask
from dask.distributed import Client, LocalCluster, Nanny, Worker
from distributed.diagnostics.plugin import WorkerPlugin
from distributed.system import MEMORY_LIMIT
from distributed.utils import get_ip

from gmmhet.engine.errors import InputError
from gmmhet.engine.runtime.dask_pool import DaskPool
from gmmhet.engine.runtime.devices import set_devices
from gmmhet.engine.runtime.mpi_start import MpiJob
from gmmhet.engine.runtime.pool import WorkersError
from gmmhet.engine.runtime.settings import WORKERS
from gmmhet.engine.wording.numbers import amount
from gmmhet.engine.wording.run import OF_OTHERS, no_scheduler, not_started, workers_there

__all__ = ["QUEUES", "Devices", "memory_of_worker", "of_mpi", "of_queue", "of_scheduler", "on_this_machine", "queued",
           "work_for"]

_LOG = logging.getLogger("gmmhet")
#: queue systems, and the classes of dask-jobqueue for them
QUEUES = {"slurm": "SLURMCluster", "pbs": "PBSCluster", "lsf": "LSFCluster", "sge": "SGECluster"}
_LOOPBACK = "127.0.0.1"
_BETWEEN_MESSAGES = 0.001  # s; Dask lets 0.01 s pass, so that the shares of every call would wait after its arguments
#: TensorFlow's memory cannot be written to disk: a worker that holds too much is replaced, never halted
_SETTINGS = {
    "distributed.worker.memory.target": False, "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False, "distributed.admin.large-graph-warning-threshold": "1 TB",
    "distributed.comm.timeouts.connect": "120 s", "distributed.comm.timeouts.tcp": "120 s",
    "distributed.scheduler.allowed-failures": WORKERS.failures,
    "distributed.deploy.lost-worker-timeout": f"{WORKERS.silence:.0f} s",  # a machine may be slow to start another
    "distributed.scheduler.worker-ttl": f"{WORKERS.silence:.0f} s"}


@dataclass(frozen=True)
class Devices(WorkerPlugin):
    """Sets the threads and GPUs of a worker before it has any work.

    Attributes:
        threads: None: as many as Dask gives it. gpu: as of the option.
        shared: whether the workers, whose names end with their numbers on a machine, share out its GPUs.
    """

    threads: int | None
    gpu: str | None
    shared: bool = False
    name = "gmmhet-devices"

    def setup(self, worker: Worker) -> None:
        number = int(str(worker.name).rsplit("-", 1)[-1]) if self.shared else None
        set_devices(self.threads or worker.state.nthreads, self.gpu, number)


def memory_of_worker(workers: int) -> int:
    """Bytes that each of the workers of this machine may take, of which the process that leads has as many."""
    return int(WORKERS.memory * MEMORY_LIMIT / (workers + 1))


def on_this_machine(workers: int, threads: int, gpu: str | None) -> DaskPool:
    """The pool of so many processes of this machine, which listen to nothing from outside."""
    memory = memory_of_worker(workers)
    return _led(_processes(workers, memory, _LOOPBACK), workers, Devices(threads, gpu, shared=True), amount(memory))


def of_mpi(job: MpiJob, threads: int, gpu: str | None) -> DaskPool:
    """The pool of the processes of an MPI job, of which this is the first."""
    memory = memory_of_worker(job.here)
    cluster = _processes(1, memory, _LOOPBACK if job.here == job.size else get_ip())
    job.lead(cluster.scheduler_address)
    return _led(cluster, job.size, Devices(threads, gpu, shared=True), amount(memory))


def work_for(job: MpiJob, address: str) -> None:
    """On the other processes of the job: have a worker, replaced when it is lost, until the scheduler lets go."""
    asyncio.run(_have_worker(job, address))


async def _have_worker(job: MpiJob, address: str) -> None:
    dask.config.set(_SETTINGS)
    async with Nanny(address, nthreads=1, name=f"{job.rank}-{job.number}",
                     memory_limit=memory_of_worker(job.here)) as nanny:
        await nanny.finished()


def _processes(workers: int, memory: int, host: str) -> LocalCluster:
    dask.config.set(_SETTINGS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that another dashboard has the usual port: the address is printed
        for last in (False, False, True):  # again where a process was lost before it was a worker
            try:
                cluster = LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, host=host,
                                       dashboard_address=f"{host}:8787", memory_limit=memory)
                break
            except RuntimeError as error:
                if last:
                    raise WorkersError(not_started(error)) from None
    return cluster


def _led(cluster: Any, workers: int, devices: Devices, memory: str, seconds: float = WORKERS.start) -> DaskPool:
    """The pool of a cluster that this process started, as soon as there is a worker, for which it waits so long."""
    client = Client(cluster, set_as_default=False)
    return _ready(DaskPool(client, cluster.close), client, workers, devices, memory, seconds)


def of_scheduler(address: str, threads: int | None, gpu: str | None) -> DaskPool:
    """The pool of a scheduler that is up. address: such as tcp://node:8786, or a scheduler file.

    Raises:
        InputError: nothing answers there; certificates are missing; no worker has this program.
    """
    dask.config.set(_SETTINGS)
    try:
        where = {"scheduler_file": address} if Path(address).is_file() else {"address": address}
        client = Client(**where, set_as_default=False, timeout=WORKERS.answer)
    except TypeError:  # of Dask, where the address is of TLS
        raise InputError(f"--scheduler is {address}, which takes certificates alone, and there are none; expected "
                         "distributed.comm.tls in ~/.config/dask/distributed.yaml") from None
    except (OSError, ValueError) as error:
        raise InputError(f"--scheduler is {address}, where no scheduler answers ({error}); expected the address that "
                         "dask scheduler prints, such as tcp://node:8786, or its scheduler file") from None
    return _ready(DaskPool(client), client, 1, Devices(threads, gpu), OF_OTHERS, WORKERS.start)


def of_queue(kind: str, workers: int, threads: int | None, gpu: str | None) -> DaskPool:
    """The pool of so many jobs of a queue, as the configuration file of dask-jobqueue describes them.

    Raises:
        InputError: dask-jobqueue or the queue's commands are missing; what the queue or its description lacks.
    """
    try:
        cluster, cores = queued(kind)
    except ImportError:
        raise InputError("--cluster needs dask-jobqueue; expected pip install 'gmmhet[cluster]'") from None
    except (ValueError, TypeError) as error:
        raise InputError(f"--cluster {kind}: {error}; expected ~/.config/dask/jobqueue.yaml to describe a job "
                         "(docs/cluster.rst has an example)") from None
    try:
        for _ in range(workers):
            cluster.worker_spec.update(cluster.new_worker_spec())
        cluster.sync(_submitted, cluster)
    except (ValueError, OSError, RuntimeError) as error:
        with contextlib.suppress(AssertionError, TimeoutError, OSError):  # that a job never began is asserted against
            cluster.close(timeout=WORKERS.answer)
        raise InputError(f"--cluster {kind}: the queue takes no job ({' '.join(str(error).split())}); expected a "
                         "machine that jobs can be submitted from") from None
    cluster.adapt(minimum=workers, maximum=workers)  # jobs that end are put into the queue again
    memory = str(dask.config.get(f"jobqueue.{kind}.memory"))
    return _led(cluster, workers, Devices(threads or cores, gpu), memory, WORKERS.queue)


async def _submitted(cluster: Any) -> None:
    await cluster


def queued(kind: str) -> tuple[Any, int]:
    """A cluster of jobs of a queue, of which there are none yet, and the cores of a worker."""
    import dask_jobqueue
    dask.config.set(_SETTINGS)
    configured = dask.config.get(f"jobqueue.{kind}")
    processes = configured.get("processes") or 1
    extra = [*(configured.get("worker-extra-args") or ()), "--nthreads", "1"]  # one share at a time
    made = getattr(dask_jobqueue, QUEUES[kind])(processes=processes, worker_extra_args=extra)
    return made, max(1, configured["cores"] // processes)


def _dashboard(client: Client) -> str:
    """Its address; "" where a scheduler has none."""
    try:
        return client.dashboard_link or ""
    except KeyError:
        return ""


def _give(devices: Devices, made: DaskPool, client: Client) -> None:
    """Set the devices of all workers, again where one was lost meanwhile."""
    for last in (False, False, True):
        try:
            client.register_plugin(devices)
            return
        except OSError as error:
            if last:
                raise WorkersError(no_scheduler(error)) from None
        made.wait_for(1, WORKERS.start)


def _ready(made: DaskPool, client: Client, workers: int, devices: Devices, memory: str, seconds: float) -> DaskPool:
    """The pool, as soon as it has a worker; says what there is and where it can be watched."""
    try:
        _LOG.info("%s", workers_there(workers, devices.threads, memory, _dashboard(client)))
        made.wait_for(1, seconds)
        _give(devices, made, client)
        if client.scheduler_comm is not None:
            client.scheduler_comm.interval = _BETWEEN_MESSAGES
        client.amm.stop()  # copies of messages stay with all workers: what was traced for them would be lost with them
    except BaseException as error:
        made.close()
        if not isinstance(error, ImportError):
            raise
        raise InputError(f"a worker lacks this program ({error}); expected gmmhet of the same version where workers "
                         "run") from None
    return made
