"""Run by test_starts under mpirun: python -m gmmhet.tests.support.mpi_program"""

from gmmhet.engine.runtime.mpi_start import MpiJob
from gmmhet.engine.runtime.pool import Pool
from gmmhet.tests.support.shared_work import process_of, square


def _led(job: MpiJob) -> None:
    from gmmhet.engine.runtime.clusters import of_mpi
    pool: Pool = of_mpi(job, 1, "none")
    try:
        pool.wait_for(job.size)
        print(pool.map(square, (0,), [(i,) for i in range(8)]), len(set(pool.everywhere(process_of))))
    finally:
        pool.close()


def main() -> None:
    job = MpiJob()
    if not job.rank:
        _led(job)
        return
    from gmmhet.engine.runtime.clusters import work_for
    address = job.told()
    if address is not None:
        work_for(job, address)


if __name__ == "__main__":
    main()
