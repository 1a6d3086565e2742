"""Work on real worker processes: the same results as one process, whatever becomes of the workers."""

import gc
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from unittest import mock

import numpy as np

from gmmhet.engine.errors import InputError
from gmmhet.engine.runtime.pool import Pool, WorkersError, use
from gmmhet.tests.support import shared_work
from gmmhet.tests.support.shared_work import Thing, call_of_thing, square, terms

_MISSING = "Dask is not there: pip install 'gmmhet[cluster]'"
_HAS_DASK = find_spec("distributed") is not None
_NUMBERS = [(i,) for i in range(20)]


@unittest.skipUnless(_HAS_DASK, _MISSING)
class TestWorkers(unittest.TestCase):
    """Two processes of this machine, for all tests."""

    @classmethod
    def setUpClass(cls) -> None:
        from gmmhet.engine.runtime import clusters
        fewer = mock.patch.dict(clusters._SETTINGS, {"distributed.scheduler.allowed-failures": 1})
        cls.enterClassContext(fewer)
        with cls().assertLogs("gmmhet", "INFO") as logs:
            cls.pool = clusters.on_this_machine(2, 1, "none")
        cls.addClassCleanup(cls.pool.close)
        cls.said = logs.output
        cls.pool.wait_for(2)

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def test_what_there_is_is_said(self) -> None:
        self.assertRegex(self.said[0], r"2 workers of 1 thread, memory of each: [\d.]+ [MG]B; dashboard "
                         r"http://127\.0\.0\.1:\d+/status$")

    def test_calls(self) -> None:
        alone = Pool()
        self.assertEqual(self.pool.map(square, (1,), _NUMBERS), alone.map(square, (1,), _NUMBERS))
        self.assertEqual(list(self.pool.each(square, (2,), iter(range(9)))), list(alone.each(square, (2,), range(9))))
        found, expected = (p.total(terms, (1e3,), [(i,) for i in range(77)]) for p in (self.pool, alone))
        np.testing.assert_array_equal(found[0], expected[0])
        self.assertEqual(found[1:], expected[1:])

    def test_workers_have_their_threads_and_no_gpu(self) -> None:
        self.assertEqual(set(self.pool.map(shared_work.threads_of_worker, (), _NUMBERS)), {("1", "")})

    def test_objects_stay_where_they_were_sent_until_nobody_has_use_for_them(self) -> None:
        inner = Thing(np.arange(10))
        outer = Thing([inner])
        found = self.pool.map(inner.plus, (), _NUMBERS) + self.pool.map(inner.plus, (), _NUMBERS)
        self.assertEqual([value for *_, value in found], [45 + i for (i,) in _NUMBERS] * 2)
        self.assertEqual(len({(process, place) for process, place, _ in found}), len({p for p, *_ in found}))
        self.assertNotIn(os.getpid(), [p for p, *_ in found])
        self.assertEqual([v for _, v in self.pool.map(call_of_thing, (outer,), _NUMBERS)],
                         [45 + i for (i,) in _NUMBERS])
        self.assertEqual(self.pool.map(shared_work.number_of_thing, (), [(inner,), (Thing(np.ones(3)),)]), [45, 3])
        del outer, inner
        gc.collect()
        self.assertEqual(self.pool.kept, 0)
        self.assertFalse(self.pool._client.amm.running())  # which drops copies that workers will have use for

    def test_a_worker_that_is_killed_is_replaced_and_its_shares_are_computed_again(self) -> None:
        found = self.pool.map(shared_work.signalled_once, (signal.SIGKILL, self.folder), _NUMBERS)
        self.assertEqual(found, [i**2 for (i,) in _NUMBERS])
        self.assertTrue((self.folder / "signalled").exists())
        self.pool.wait_for(2)

    def test_what_kills_every_worker_ends_the_run(self) -> None:
        with self.assertRaisesRegex(WorkersError, "^2 workers were lost over the same share of the work; expected "
                                    "workers with more memory"):
            self.pool.map(shared_work.kills, (0,), [(0,)])
        self.assertEqual(self.pool.map(square, (0,), _NUMBERS[:3]), [0, 1, 4])  # the others are there
        self.pool.wait_for(2)

    def test_errors_name_the_worker_and_its_machine(self) -> None:
        place = rf"worker [01] on {os.uname().nodename}"
        for kind, raised, line in (
                ("input", InputError, rf"^images\.mrcs: bad image \({place}\)$"),
                ("disk", InputError, rf"^images\.mrcs: Permission denied; expected permission .* \({place}\)$"),
                ("error", WorkersError, rf"^{place}: ZeroDivisionError: nothing to divide by \(.*shared_work\.py, line "
                                        r"\d+\)$")):
            with self.assertRaisesRegex(raised, line):
                self.pool.map(shared_work.spoiled, (kind,), _NUMBERS)
        self.assertEqual(self.pool.map(square, (0,), _NUMBERS[:3]), [0, 1, 4])

    def test_files_that_a_worker_cannot_see_are_named(self) -> None:
        np.save(self.folder / "images.npy", np.ones(1000))
        mapped = np.load(self.folder / "images.npy", mmap_mode="r")
        thing = Thing(mapped)
        (self.folder / "images.npy").rename(self.folder / "elsewhere.npy")
        with mock.patch("os.stat", return_value=os.stat(self.folder / "elsewhere.npy")), \
                self.assertRaisesRegex(InputError, rf"images\.npy: cannot be mapped on {os.uname().nodename} "):
            self.pool.map(shared_work.number_of_thing, (), [(thing,)])

    def test_passes_are_equal_bit_for_bit_with_and_without_workers(self) -> None:
        """Two workers against one of them, for which no other works."""
        (alone,) = self.pool.map(shared_work.passes_alone, (), [(0,)])
        use(self.pool)
        self.addCleanup(use, Pool())
        found = shared_work.passes()
        self.assertEqual(sorted(alone), sorted(found))
        for name, expected in alone.items():
            np.testing.assert_array_equal(found[name], expected, name)
        self.assertGreater(np.abs(alone["first_z"] - alone["flipped_z"]).max(), 0.01)
        self.assertGreater(alone["fit_shares"], 2)


@unittest.skipUnless(_HAS_DASK, _MISSING)
class TestSilentWorker(unittest.TestCase):
    def test_a_worker_that_hangs_is_replaced_and_its_shares_are_computed_again(self) -> None:
        """Dask waits for ten heartbeats of half a second at least."""
        import psutil

        from gmmhet.engine.runtime import clusters
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        with mock.patch.dict(clusters._SETTINGS, {"distributed.scheduler.worker-ttl": "3 s"}):
            pool = clusters.on_this_machine(2, 1, "none")
        self.addCleanup(pool.close)
        pool.wait_for(2)
        found = pool.map(shared_work.signalled_once, (signal.SIGSTOP, folder), _NUMBERS)
        self.assertEqual(found, [i**2 for (i,) in _NUMBERS])
        halted = int((folder / "signalled").read_text(encoding="ascii"))
        pool.wait_for(2)
        self.assertNotIn(halted, pool.everywhere(os.getpid))
        self.assertFalse(psutil.pid_exists(halted))


@unittest.skipUnless(_HAS_DASK, _MISSING)
class TestScheduler(unittest.TestCase):
    """A scheduler and a worker that somebody else started."""

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.file = self.folder / "scheduler.json"
        self.started: list[subprocess.Popen[bytes]] = []
        self.addCleanup(self.stop)

    def stop(self) -> None:
        for process in self.started:
            process.kill()
            process.wait()

    def start(self, what: str, *arguments: str) -> subprocess.Popen[bytes]:
        self.started.append(subprocess.Popen([sys.executable, "-m", f"distributed.cli.dask_{what}", *arguments],
                                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder))
        return self.started[-1]

    def joined(self) -> tuple[Pool, subprocess.Popen[bytes]]:
        """Its pool, and the scheduler. Processes that it starts read Dask's configuration in the environment."""
        from gmmhet.engine.runtime import clusters
        self.enterContext(mock.patch.object(clusters, "WORKERS", replace(clusters.WORKERS, answer=120)))
        scheduler = self.start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file",
                               str(self.file))
        self.start("worker", "--scheduler-file", str(self.file), "--nthreads", "1", "--no-nanny", "--no-dashboard",
                   "--name", "3", "--local-directory", str(self.folder))
        end = time.monotonic() + 120
        while not self.file.exists() and scheduler.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
        pool = clusters.of_scheduler(str(self.file), 1, "none")
        self.addCleanup(pool.close)
        return pool, scheduler

    def test_a_scheduler_that_dies_ends_the_run(self) -> None:
        pool, scheduler = self.joined()
        self.assertEqual(pool.map(square, (0,), _NUMBERS[:3]), [0, 1, 4])
        with self.assertRaisesRegex(WorkersError, "^the scheduler of the workers does not answer"):
            pool.map(shared_work.kills, (scheduler.pid,), [(0,)])

    def test_workers_that_are_all_gone_end_the_run(self) -> None:
        from gmmhet.engine.runtime import dask_pool
        pool, _ = self.joined()
        short = replace(dask_pool.WORKERS, look=0.1, patience=0.3)
        with mock.patch.object(dask_pool, "WORKERS", short), self.assertRaisesRegex(WorkersError, "^no worker for 0 s"):
            pool.map(shared_work.kills, (0,), [(0,)])

    def test_a_worker_that_is_lost_while_it_starts_is_waited_for_again(self) -> None:
        from gmmhet.engine.runtime import clusters
        client, waiting = mock.Mock(), mock.Mock()
        client.register_plugin.side_effect = [OSError("closed"), {}]
        clusters._give(clusters.Devices(1, "none"), waiting, client)
        self.assertEqual((client.register_plugin.call_count, waiting.wait_for.call_count), (2, 1))
        client.register_plugin.side_effect = OSError("closed")
        with self.assertRaisesRegex(WorkersError, r"^the scheduler of the workers does not answer \(closed\)$"):
            clusters._give(clusters.Devices(1, "none"), waiting, client)

    @unittest.skipUnless(shutil.which("openssl"), "openssl, which makes the certificate, is not there")
    def test_with_certificates_only_who_has_them_is_served(self) -> None:
        import dask

        from gmmhet.engine.runtime import clusters
        key, certificate = self.folder / "key.pem", self.folder / "certificate.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=gmmhet",
                        "-keyout", key, "-out", certificate], check=True, capture_output=True)
        own = {"cert": str(certificate), "key": str(key)}
        tls = {"ca-file": str(certificate), "scheduler": own, "worker": own, "client": own}
        written = self.folder / "dask.yaml"
        written.write_text(json.dumps({"distributed": {"comm": {"require-encryption": True, "tls": tls}}}))
        with mock.patch.dict(os.environ, {"DASK_CONFIG": str(written)}), \
                dask.config.set({"distributed.comm.require-encryption": True}), \
                dask.config.set({f"distributed.comm.tls.{name}": value for name, value in tls.items()}):
            pool, _ = self.joined()
            self.assertEqual(pool.map(square, (0,), _NUMBERS[:3]), [0, 1, 4])
        address = json.loads(self.file.read_text())["address"]
        self.assertTrue(address.startswith("tls://"), address)
        short = replace(clusters.WORKERS, answer=0.5)
        line = "^--scheduler is tls://.*, which takes certificates alone"
        with mock.patch.object(clusters, "WORKERS", short), self.assertRaisesRegex(InputError, line):
            clusters.of_scheduler(address, 1, "none")

    def test_nothing_that_answers_is_one_line(self) -> None:
        from gmmhet.engine.runtime import clusters
        short = replace(clusters.WORKERS, answer=0.1)
        line = r"^--scheduler is tcp://127\.0\.0\.1:9, where no scheduler answers .*; expected the address"
        with mock.patch.object(clusters, "WORKERS", short), self.assertRaisesRegex(InputError, line):
            clusters.of_scheduler("tcp://127.0.0.1:9", 1, "none")


if __name__ == "__main__":
    unittest.main()
