"""Ways to start workers: MPI, and the jobs of a queue."""

import io
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import time
import unittest
from contextlib import redirect_stderr
from importlib.util import find_spec
from pathlib import Path
from unittest import mock

from gmmhet.engine.errors import InputError
from gmmhet.engine.runtime.mpi_start import announced_ranks
from gmmhet.tests.support.shared_work import square
from gmmhet.tests.support.slurm import PROGRAMS, SlurmError, found, slurm

_AS_ROOT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",  # of Open MPI
            "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe", "OMPI_MCA_rmaps_base_oversubscribe": "1"}
_LAUNCHED = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS")
_DOCUMENT = Path(__file__).resolve().parents[4] / "docs" / "cluster.rst"
#: a queue that starts every job at once on this machine
_SBATCH = ('#!/bin/bash\ncp "$1" "$0.job"\nsetsid bash "$0.job" > "$0.log" 2>&1 < /dev/null &\n'
           'echo "Submitted batch job $!"\n')
_SCANCEL = '#!/bin/bash\nkill -- "-$1"\n'


def _mpirun() -> str | None:
    beside = os.path.dirname(sys.executable)
    return shutil.which("mpirun", path=os.pathsep.join([beside, os.environ.get("PATH", "")]))


class TestAnnounced(unittest.TestCase):

    def test_launchers_are_recognised(self) -> None:
        clean = {name: value for name, value in os.environ.items() if name not in _LAUNCHED}
        with mock.patch.dict(os.environ, clean, clear=True):
            self.assertEqual(announced_ranks(), 1)
            for name in _LAUNCHED:
                with mock.patch.dict(os.environ, {name: "3"}):
                    self.assertEqual(announced_ranks(), 3)

    def test_mpirun_without_mpi4py_is_one_line_of_one_process(self) -> None:
        for rank, expected in (("0", r"^gmmhet: error: started as 2 processes, but mpi4py cannot be used by .*; "
                                     r"expected pip install 'gmmhet\[cluster\]' there, or no mpirun\n$"), ("1", "^$")):
            done = subprocess.run(
                [sys.executable, "-c", "import sys; sys.modules['mpi4py'] = None\n"
                 "from gmmhet.engine.commands.main import main; sys.exit(main(['report', 'x', '-o', 'y']))"],
                env={**os.environ, "PMI_SIZE": "2", "PMI_RANK": rank}, capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 2)
            self.assertRegex(done.stderr, expected)


class TestOptions(unittest.TestCase):

    def refused(self, *words: str) -> str:
        """What the command line says, with exit status 2."""
        from gmmhet.engine.commands.main import main
        clean = {name: value for name, value in os.environ.items() if name not in _LAUNCHED}
        with mock.patch.dict(os.environ, clean, clear=True), redirect_stderr(io.StringIO()) as said:
            try:
                status: object = main(words)
            except SystemExit as error:
                status = error.code
        self.assertEqual(status, 2)
        return next(line for line in said.getvalue().splitlines() if line.startswith("gmmhet: error: "))

    def test_ways_that_exclude_each_other(self) -> None:
        check = ("check", "particles.star")
        self.assertEqual(self.refused(*check, "--workers", "2", "--scheduler", "tcp://here:1"),
                         "gmmhet: error: --workers and --scheduler together; expected one of them, or --workers with "
                         "--cluster")
        self.assertEqual(self.refused("report", "result", "-o", "page.html", "--workers", "2"),
                         "gmmhet: error: gmmhet report shares no work; expected no --workers")
        self.assertIn("--workers is 0; expected 1 or more", self.refused(*check, "--workers", "0"))
        self.assertIn("invalid choice: 'moab'", self.refused(*check, "--cluster", "moab"))

    def test_without_dask_it_is_one_line(self) -> None:
        with mock.patch.dict(sys.modules, {"gmmhet.engine.runtime.clusters": None}), \
                mock.patch("threadpoolctl.threadpool_limits"):  # this process goes on
            self.assertRegex(self.refused("check", "particles.star", "--workers", "2"),
                             r"^gmmhet: error: workers need Dask \(.*\); expected pip install 'gmmhet\[cluster\]'$")


@unittest.skipUnless(find_spec("distributed") and find_spec("mpi4py") and _mpirun(),
                     "Dask, mpi4py or mpirun is not there: pip install 'gmmhet[cluster]' mpich")
class TestMpi(unittest.TestCase):
    """Real processes on this machine."""

    def ran(self, *command: str) -> subprocess.CompletedProcess[str]:
        with tempfile.TemporaryDirectory() as folder:
            return subprocess.run([str(_mpirun()), "-np", "2", sys.executable, "-m", *command], capture_output=True,
                                  text=True, check=False, timeout=300, cwd=folder,
                                  env={**os.environ, **_AS_ROOT, "OMP_NUM_THREADS": "1"})

    def test_every_process_has_a_worker(self) -> None:
        done = self.ran("gmmhet.tests.support.mpi_program")
        self.assertEqual((done.returncode, done.stdout), (0, "[0, 1, 4, 9, 16, 25, 36, 49] 2\n"), done.stderr)

    def test_the_command_line_speaks_once(self) -> None:
        done = self.ran("gmmhet.engine", "report", "nowhere", "-o", "page.html")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(done.stderr.count("gmmhet: error: "), 1, done.stderr)


@unittest.skipUnless(find_spec("dask_jobqueue"), "dask-jobqueue is not there: pip install 'gmmhet[cluster]'")
class TestQueues(unittest.TestCase):

    def setUp(self) -> None:
        import dask
        import dask_jobqueue  # noqa: F401 - which brings its own settings
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.enterContext(mock.patch.dict(os.environ, {"PATH": f"{self.folder}{os.pathsep}{os.environ['PATH']}"}))
        self.enterContext(dask.config.set({}))

    def configured(self, kind: str, **values: object) -> None:
        import dask
        named = {f"jobqueue.{kind}.{name.replace('_', '-')}": value for name, value in values.items()}
        self.enterContext(dask.config.set(named))

    def command(self, name: str, text: str) -> None:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    @unittest.skipUnless(_DOCUMENT.is_file(), f"no {_DOCUMENT}: not run from the source tree")
    def test_the_examples_of_the_documents_make_jobs(self) -> None:
        import yaml

        from gmmhet.engine.runtime.clusters import QUEUES, queued
        text = _DOCUMENT.read_text(encoding="utf-8")
        blocks = re.findall(r"\.\. code-block:: yaml\n\n((?:    .*\n|\n)+)", text)
        found = {kind: values for block in blocks for kind, values in yaml.safe_load(block)["jobqueue"].items()}
        self.assertEqual(set(found), set(QUEUES))
        expected = {"slurm": "#SBATCH --gpus-per-task=1", "pbs": "#PBS -l select=1:ncpus=8:ngpus=1:mem=60GB",
                    "lsf": "#BSUB -gpu num=1", "sge": "#$ -pe smp 8"}
        for kind, values in found.items():
            values = {name: value for name, value in values.items() if name != "interface"}  # which is not here
            self.configured(kind, **values)
            cluster, cores = queued(kind)
            self.addCleanup(cluster.close)
            script = cluster.job_script()
            self.assertEqual(cores, 8)
            self.assertIn(expected[kind], script)
            self.assertRegex(script, r"distributed\.cli\.dask_worker .*--nthreads 8 .*--nthreads 1\b")

    def test_jobs_work(self) -> None:
        """Of a queue that starts each at once; the pool ends with its jobs."""
        from gmmhet.engine.runtime.clusters import of_queue
        self.command("sbatch", _SBATCH)
        self.command("scancel", _SCANCEL)
        self.configured("slurm", cores=1, memory="1GB", interface="lo", local_directory=str(self.folder),
                        job_extra_directives=[], death_timeout=600)
        pool = of_queue("slurm", 1, None, "none")
        try:
            self.assertEqual(pool.map(square, (1,), [(i,) for i in range(5)]), [1, 4, 9, 16, 25])
        finally:
            pool.close()

    @unittest.skipUnless(all(map(found, PROGRAMS)), "SLURM is not there: apt-get install slurm-wlm")
    def test_slurm(self) -> None:
        """A worker is a job of it, an ended one is put into the queue again, and none is left."""

        from gmmhet.engine.runtime.clusters import of_queue
        try:
            configuration = self.enterContext(slurm(self.folder))
        except SlurmError as error:
            self.skipTest(str(error))
        self.enterContext(mock.patch.dict(os.environ, {"SLURM_CONF": str(configuration)}))
        self.configured("slurm", queue="main", cores=1, memory="1GB", walltime="00:10:00", interface="lo",
                        local_directory=str(self.folder), log_directory=str(self.folder))
        soon = mock.patch.dict("gmmhet.engine.runtime.clusters._SETTINGS",
                               {"distributed.deploy.lost-worker-timeout": "1 s"})
        with soon:
            pool = of_queue("slurm", 1, None, "none")
        try:
            self.assertEqual(pool.map(square, (1,), [(i,) for i in range(5)]), [1, 4, 9, 16, 25])
            first = self.jobs()
            self.assertEqual(len(first), 1)
            subprocess.run(["scancel", *first], check=True, timeout=60)
            end = time.monotonic() + 60
            while self.jobs() in ([], first) and time.monotonic() < end:
                time.sleep(0.2)
            self.assertEqual((len(self.jobs()), self.jobs() == first), (1, False))
            self.assertEqual(pool.map(square, (2,), [(i,) for i in range(5)]), [4, 9, 16, 25, 36])
        finally:
            pool.close()
        self.assertEqual(self.jobs(), [])

    @staticmethod
    def jobs() -> list[str]:
        """Numbers of those in the queue that have not ended."""
        done = subprocess.run(["squeue", "--noheader", "--format=%i", "--states=PD,R"], check=True, timeout=60,
                              capture_output=True, text=True)
        return done.stdout.split()

    def test_a_queue_that_takes_no_job_is_one_line(self) -> None:
        from gmmhet.engine.runtime.clusters import of_queue
        self.command("sbatch", "#!/bin/bash\necho 'invalid partition specified: gpu' >&2\nexit 1\n")
        with self.assertRaisesRegex(InputError, "expected ~/.config/dask/jobqueue.yaml to describe a job"):
            of_queue("slurm", 1, None, "none")
        self.configured("slurm", cores=1, memory="1GB", interface="lo")
        with self.assertRaisesRegex(InputError, r"^--cluster slurm: the queue takes no job \(.*invalid partition "
                                    r"specified: gpu.*\); expected a machine that jobs can be submitted from$"):
            of_queue("slurm", 1, None, "none")


if __name__ == "__main__":
    unittest.main()
