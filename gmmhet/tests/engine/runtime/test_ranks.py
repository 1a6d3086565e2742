"""Runs of several processes: the same results as one, and one line where a rank fails."""

import gc
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np

from gmmhet.engine.errors import InputError
from gmmhet.engine.runtime.devices import announced_ranks, own_gpu, set_devices, start
from gmmhet.engine.runtime.mpi import MpiCommunicator
from gmmhet.engine.runtime.rank_messages import Replicated, received, sent
from gmmhet.engine.runtime.ranks import Communicator, Place, communicator, use
from gmmhet.tests.support.rank_program import square

_AS_ROOT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",  # of Open MPI
            "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe", "OMPI_MCA_rmaps_base_oversubscribe": "1"}
_LAUNCHED = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS")


class Ranks(Communicator):
    """As many ranks as one likes, one after the other."""

    def __init__(self, size: int) -> None:
        self.size = size


class Thing(Replicated):
    def __init__(self, value: object) -> None:
        self.value = value


class TestShares(unittest.TestCase):

    def test_parts_are_whole_batches_of_nearly_equal_number(self) -> None:
        for size in (1, 2, 3, 4, 7):
            for n in (1, 2, 5, 16, 17, 100, 1001):
                for unit in (1, 4, 16):
                    parts = Ranks(size).parts(n, unit)
                    self.assertEqual([i for part in parts for i in range(n)[part]], list(range(n)))
                    self.assertTrue(all(part.start % unit == 0 for part in parts))
                    self.assertLessEqual(len(parts), size)
                    batches = [-(-(part.stop - part.start) // unit) for part in parts]
                    self.assertLessEqual(max(batches) - min(batches), 1)
                    self.assertGreater(min(batches), 0)

    def test_nothing_is_one_empty_part(self) -> None:
        self.assertEqual(Ranks(3).parts(0, 4), [slice(0, 0)])

    def test_each_and_total(self) -> None:
        self.assertEqual([v for _, v in Ranks(3).each(square, (1,), range(5))], [1, 4, 9, 16, 25])
        work = Ranks(3).total(lambda a, b: (a * b, None, np.full(2, b)), (2.0,), [(1.0,), (2.0,), (4.0,)])
        self.assertEqual(work[:2], (14.0, None))
        np.testing.assert_array_equal(work[2], [7.0, 7.0])


class TestMessages(unittest.TestCase):
    """What goes to other ranks."""

    def test_replicated_objects_go_once(self) -> None:
        keys: dict[int, int] = {}
        asked: list[bool] = []

        def key_of(thing: Replicated) -> tuple[int, bool]:
            asked.append(id(thing) not in keys)
            return keys.setdefault(id(thing), len(keys)), asked[-1]

        inner = Thing(np.arange(1000.0))
        outer = Thing([inner, "x"])
        kept: dict[int, object] = {}
        first = sent((outer, inner), key_of)
        a, b = received(first, kept)
        self.assertIs(a.value[0], b)
        np.testing.assert_array_equal(b.value, np.arange(1000.0))
        again = sent(("more", inner, outer), key_of)
        self.assertLess(len(again), 200)
        self.assertGreater(len(first), 8000)
        self.assertEqual(received(again, kept)[1:], (b, a))
        self.assertEqual(asked.count(True), 2)

    def test_mapped_files_go_by_name(self) -> None:
        folder = self.enterContext(tempfile.TemporaryDirectory())
        record = np.dtype([("exponent", "<i2"), ("planes", np.float16, (2, 3))])
        values = np.zeros(500, record)
        values["planes"] = np.arange(6).reshape(2, 3)
        np.save(Path(folder, "a.npy"), values)
        mapped = np.load(Path(folder, "a.npy"), mmap_mode="r")
        message = sent(mapped)
        self.assertLess(len(message), 1000)
        found = received(message, {})
        self.assertIsInstance(found, np.memmap)
        np.testing.assert_array_equal(found, values)
        np.testing.assert_array_equal(received(sent(mapped[3:5]), {}), values[3:5])  # parts of one go as they are
        Path(folder, "a.npy").unlink()
        with self.assertRaisesRegex(InputError, r"a\.npy: cannot be mapped on .*expected a folder that all ranks see"):
            received(message, {})


class TestLaunch(unittest.TestCase):

    def setUp(self) -> None:
        self.enterContext(mock.patch.dict(os.environ))
        for name in (*_LAUNCHED, "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
            os.environ.pop(name, None)
        self.addCleanup(use, communicator())

    def place(self, number: int, threads: int | None) -> None:
        ranks = Communicator()
        ranks.place = Place("here", number, threads)
        use(ranks)

    def test_launchers_are_recognised(self) -> None:
        self.assertEqual(announced_ranks(), 1)
        self.assertEqual(start().size, 1)
        for name in _LAUNCHED:
            with mock.patch.dict(os.environ, {name: "3"}):
                self.assertEqual(announced_ranks(), 3)

    def test_ranks_take_their_share_of_threads_and_gpus(self) -> None:
        with mock.patch("threadpoolctl.threadpool_limits"):  # this process goes on
            self.place(1, 6)
            self.assertEqual(set_devices(None, "0, 2"), "here, 6 threads, GPU 2")
            self.assertEqual((os.environ["CUDA_VISIBLE_DEVICES"], os.environ["TF_NUM_INTRAOP_THREADS"]), ("2", "6"))
            self.place(2, 6)
            self.assertEqual(set_devices(4, "1 3"), "here, 4 threads, GPU 1")
            os.environ["OMP_NUM_THREADS"] = "2"
            self.assertEqual(set_devices(None, "none"), "here, 2 threads")
            self.assertEqual(os.environ["CUDA_VISIBLE_DEVICES"], "")

    def test_one_process_keeps_all_it_is_given(self) -> None:
        self.place(0, None)
        self.assertEqual(set_devices(None, "0,1"), "here, all threads")
        self.assertEqual(os.environ["CUDA_VISIBLE_DEVICES"], "0,1")
        self.assertNotIn("TF_NUM_INTRAOP_THREADS", os.environ)

    def test_gpus_that_a_queue_bound_to_the_rank_are_left(self) -> None:
        os.environ["CUDA_VISIBLE_DEVICES"] = "5"
        self.assertIsNone(own_gpu(3))
        os.environ["CUDA_VISIBLE_DEVICES"] = "GPU-aa,GPU-bb"
        self.assertEqual([own_gpu(i) for i in range(3)], ["GPU-aa", "GPU-bb", "GPU-aa"])
        del os.environ["CUDA_VISIBLE_DEVICES"]
        names = [Path("/dev", n) for n in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "null")]
        with mock.patch.object(Path, "iterdir", return_value=names):
            self.assertEqual([own_gpu(i) for i in range(2)], ["0", "1"])
        with mock.patch.object(Path, "iterdir", return_value=names[2:]):
            self.assertIsNone(own_gpu(1))

    def test_mpirun_without_mpi4py_is_one_line_of_one_rank(self) -> None:
        for rank, expected in (("0", r"^gmmhet: error: started as 2 processes, but mpi4py cannot be used by .*; "
                                     r"expected pip install 'gmmhet\[mpi\]' there, or no mpirun\n$"), ("1", "^$")):
            done = subprocess.run(
                [sys.executable, "-c", "import sys; sys.modules['mpi4py'] = None\n"
                 "from gmmhet.engine.commands.main import main; sys.exit(main(['report', 'x', '-o', 'y']))"],
                env={**os.environ, "PMI_SIZE": "2", "PMI_RANK": rank}, capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 2)
            self.assertRegex(done.stderr, expected)


class TestForgetting(unittest.TestCase):

    def test_what_rank_0_has_no_use_for_is_forgotten(self) -> None:
        world = mock.Mock(Get_rank=lambda: 0, Get_size=lambda: 2)
        world.Ibarrier.return_value.Test.return_value = True
        world.gather.side_effect = lambda own, root: [own, own]
        ranks = MpiCommunicator(world, Place())
        thing = Thing(1)
        for _ in range(2):
            ranks.distribute(_nothing, (thing,), [(), ()])
        kept: dict[int, object] = {}
        for call in world.bcast.call_args_list:
            received(call.args[0][1], kept)
        self.assertEqual(len(kept), 1)
        del thing
        gc.collect()
        ranks.distribute(_nothing, (0,), [(), ()])
        self.assertEqual(received(world.bcast.call_args.args[0][1], kept)[2], list(kept))


def _nothing(_: object) -> None:
    return None


def _mpirun() -> str | None:
    beside = os.path.dirname(sys.executable)
    return shutil.which("mpirun", path=os.pathsep.join([beside, os.environ.get("PATH", "")]))


@unittest.skipUnless(find_spec("mpi4py") and _mpirun(), "mpi4py and mpirun are not there: pip install mpi4py mpich")
class TestRanks(unittest.TestCase):
    """Real processes on this machine."""

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def ran(self, size: int, what: str) -> SimpleNamespace:
        target = self.folder / f"{what}{size}.npz"
        done = subprocess.run(
            [str(_mpirun()), "-np", str(size), sys.executable, "-m", "gmmhet.tests.support.rank_program", what,
             str(target)], env={**os.environ, **_AS_ROOT, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True,
            check=False, timeout=300)
        return SimpleNamespace(status=done.returncode, said=done.stdout + done.stderr, target=target)

    def test_passes_are_the_same_on_one_two_and_four_ranks(self) -> None:
        """To the rounding of sums in another order: 1e-6 of the largest value, 1e-3 of coordinates (of spread 1)."""
        done = self.ran(1, "passes")
        self.assertEqual(done.status, 0, done.said)
        with np.load(done.target) as found:
            alone = dict(found)
        self.assertGreater(np.abs(alone["first_z"] - alone["flipped_z"]).max(), 0.01)
        for size, what, kinds in ((2, "passes", ("first", "second", "flipped", "scores", "positions", "widths",
                                                 "curvature", "covariance")), (4, "brief", ("first", "covariance"))):
            done = self.ran(size, what)
            self.assertEqual(done.status, 0, done.said)
            with np.load(done.target) as found:
                self.assertEqual(sorted(found.files), sorted(n for n in alone if n.split("_")[0] in kinds))
                for name in found.files:
                    expected = alone[name]
                    bound = 1e-3 if name.endswith("_z") else 1e-6 * max(np.abs(expected).max(), 1e-12)
                    self.assertEqual(found[name].shape, np.shape(expected), name)
                    self.assertLess(np.abs(found[name] - expected).max(), bound, f"{name}, {size} ranks")

    def test_calls(self) -> None:
        done = self.ran(3, "calls")
        self.assertEqual(done.status, 0, done.said)
        with np.load(done.target) as found:
            np.testing.assert_array_equal(found["done"][:, 1], (np.arange(7) + 1) ** 2)
            np.testing.assert_array_equal(found["done"][:, 0], [0, 1, 2, 0, 1, 2, 0])  # who did it
            np.testing.assert_array_equal(found["total"], np.arange(3.0) * 3)

    def test_what_a_rank_raises_is_raised_by_the_first(self) -> None:
        done = self.ran(2, "input")
        self.assertEqual((done.status, done.target.read_text()), (0, "InputError: rank 1: bad image"), done.said)
        done = self.ran(2, "error")
        self.assertEqual(done.status, 0, done.said)
        self.assertRegex(done.target.read_text(), r"^RankError: rank 1 on \S+: ZeroDivisionError: nothing to divide by "
                         r"\(.*rank_program\.py, line \d+\)$")

    def test_a_rank_that_is_killed_or_cannot_answer_ends_the_run(self) -> None:
        for how in ("dies", "mute"):
            done = self.ran(2, how)
            self.assertNotEqual(done.status, 0)
            self.assertFalse(done.target.exists())
        self.assertIn("cannot pickle 'module' object", done.said)

    def test_the_command_line_speaks_once(self) -> None:
        done = subprocess.run(
            [str(_mpirun()), "-np", "3", sys.executable, "-m", "gmmhet.engine", "report", "nowhere", "-o", "page.html"],
            env={**os.environ, **_AS_ROOT}, capture_output=True, text=True, check=False, timeout=300, cwd=self.folder)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(done.stderr.count("gmmhet: error: "), 1, done.stderr)
        self.assertEqual(done.stderr.count("3 ranks: "), 1, done.stderr)


if __name__ == "__main__":
    unittest.main()
