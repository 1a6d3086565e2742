"""The host of docs/cluster.rst, read and filled in by the framework's own code."""

import os
import subprocess
import tempfile
import textwrap
import unittest
from pathlib import Path
from unittest import mock

from pyworkflow.protocol.hosts import HostConfig
from pyworkflow.protocol.launch import _submit
from pyworkflow.utils.process import buildRunCommand

_PAGE = Path(__file__).resolve().parents[3] / "docs" / "cluster.rst"


class TestSlurmHost(unittest.TestCase):

    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        block = _PAGE.read_text(encoding="utf-8").split(".. code-block:: ini\n\n", 1)[1].split("\n``JOB_NODES``", 1)[0]
        path = self.folder / "hosts.conf"
        path.write_text(textwrap.dedent(block), encoding="utf-8")
        self.host = HostConfig.load(str(path))["localhost"]

    def submitted(self):
        """What sbatch is given for 4 processes of 8 threads on two nodes with two GPUs each."""
        queues = self.host.getQueueSystem().getQueues()
        given = {name: default for name, default, *_ in queues["gpu"]}
        values = {**given, "MACHINES": "2", "JOB_NAME": "12-0-1", "JOB_QUEUE": "gpu", "JOB_NODES": 4, "JOB_THREADS": 8,
                  "JOB_CORES": 32, "JOB_HOURS": 72, "GPU_COUNT": 2, "JOB_LOGS": "logs/12",
                  "JOB_SCRIPT": str(self.folder / "12.job"), "JOB_NODEFILE": "logs/12.nodefile"}
        values["JOB_COMMAND"] = buildRunCommand("python", "-m gmmhet.engine analyze 'a b.star' --gpu '%(GPU)s'", 4,
                                                self.host, gpuList=[0, 1], context=dict(values))
        sbatch = self.folder / "sbatch"
        sbatch.write_text('#!/bin/sh\ncp "$1" "$(dirname "$0")/given"\necho Submitted batch job 4711\n',
                          encoding="utf-8")
        sbatch.chmod(0o755)
        with mock.patch.dict(os.environ, PATH=f"{self.folder}{os.pathsep}{os.environ['PATH']}"):
            self.assertEqual(_submit(self.host, values), (4711, None))
        return (self.folder / "given").read_text(encoding="utf-8")

    def test_the_job_asks_for_processes_threads_and_gpus(self):
        lines = self.submitted().rstrip().splitlines()
        self.assertEqual(lines[0], "#!/bin/bash")
        asked = dict(line.removeprefix("#SBATCH --").split("=") for line in lines if line.startswith("#SBATCH"))
        self.assertEqual(asked, {
            "job-name": "12-0-1", "partition": "gpu", "output": "logs/12.out", "error": "logs/12.err", "ntasks": "4",
            "cpus-per-task": "8", "nodes": "2", "gpus-per-node": "2", "mem-per-cpu": "4000M", "time": "12:00:00"})
        self.assertRegex(lines[-1], r"^\s*srun --kill-on-bad-exit=1 --ntasks=4 +\S*python -m gmmhet\.engine analyze "
                         r"'a b\.star' --gpu '0 1'$")

    def test_the_job_is_a_script_that_a_shell_reads(self):
        done = subprocess.run(["bash", "-n"], input=self.submitted(), capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_jobs_are_looked_for_and_cancelled_by_number(self):
        queue = self.host.getQueueSystem()
        self.assertEqual(queue.getCheckCommand() % {"JOB_ID": 7}, "squeue --noheader --jobs=7")
        self.assertEqual(queue.getCancelCommand() % {"JOB_ID": 7}, "scancel 7")


if __name__ == "__main__":
    unittest.main()
