"""Shares and sums that do not depend on who computes them; what is sent to workers."""

import os
import pickle
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import numpy as np

from gmmhet.engine.errors import InputError
from gmmhet.engine.runtime.devices import own_gpu, set_devices, share_of_cores
from gmmhet.engine.runtime.messages import Message, packed
from gmmhet.engine.runtime.pool import Pool, Replicated, TreeSum, in_tree, in_turn, shares_of, summed
from gmmhet.engine.runtime.settings import SHARES
from gmmhet.tests.support.shared_work import Thing, square, terms


class TestShares(unittest.TestCase):

    def test_shares_are_whole_batches_of_nearly_equal_number(self) -> None:
        for n in (1, 2, 5, 16, 17, 100, 1001, 100_000):
            for unit in (1, 4, 64):
                shares = shares_of(n, unit, 8)
                self.assertEqual([i for part in shares for i in range(n)[part]], list(range(n)))
                self.assertTrue(all(part.start % unit == 0 for part in shares))
                batches = [-(-(part.stop - part.start) // unit) for part in shares]
                self.assertLessEqual(max(batches) - min(batches), 1)
                self.assertGreater(min(batches), 0)
                self.assertLessEqual(len(shares), SHARES.most)
                self.assertTrue(len(shares) == 1 or n // len(shares) >= 8)

    def test_how_many_there_are(self) -> None:
        self.assertEqual([len(shares_of(n, 64, 256)) for n in (100, 511, 512, 1500, 50_000, 10**6)],
                         [1, 1, 2, 5, 195, SHARES.most])
        self.assertEqual(len(shares_of(50_000, 1024, 256)), 48)  # batches of a GPU
        self.assertEqual(shares_of(0, 4), [slice(0, 0)])


class TestSums(unittest.TestCase):

    def test_terms_of_every_kind_add_up(self) -> None:
        for n in (1, 2, 7, 8, 9, 64, 65, 200):
            found = in_tree(terms(10.0, i) for i in range(n))
            expected = sum(terms(10.0, i)[0] for i in range(n))
            np.testing.assert_allclose(found[0], expected, rtol=1e-9, atol=1e-6)
            self.assertEqual(found[1:3], (list(range(n)), None))

    def test_branches_that_are_summed_elsewhere_give_the_same_bits(self) -> None:
        """As the workers do it, values of a branch are only listed, and summed when it is full."""
        for n in (1, 8, 9, 63, 64, 77):
            tree = TreeSum(lambda a, b: a + b, lambda some: [in_turn(*some)])
            for i in range(n):
                tree.add([terms(1e3, i)])
            (elsewhere,), here = tree.total(), in_tree(terms(1e3, i) for i in range(n))
            np.testing.assert_array_equal(elsewhere[0], here[0])
            self.assertEqual(elsewhere[1:], here[1:])
        one_after_the_other = terms(1e3, 0)
        for i in range(1, 77):
            one_after_the_other = summed(one_after_the_other, terms(1e3, i))
        self.assertTrue((one_after_the_other[0] != here[0]).any())  # the order does show

    def test_one_process_imports_no_dask(self) -> None:
        code = ("import sys, gmmhet.engine.commands.main, gmmhet.engine.runtime.pool as p\n"
                "p.pool().map(abs, (), [(1,)])\n"
                "print([n for n in ('dask', 'distributed', 'mpi4py', 'tornado') if n in sys.modules])")
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout.strip(), "[]")

    def test_one_process(self) -> None:
        alone = Pool()
        self.assertEqual(alone.map(square, (1,), [(i,) for i in range(5)]), [1, 4, 9, 16, 25])
        self.assertEqual(list(alone.each(square, (1,), iter(range(3)))), [1, 4, 9])
        self.assertEqual(alone.total(square, (0,), [(i,) for i in range(20)]), sum(i**2 for i in range(20)))


class TestMessages(unittest.TestCase):

    def sent(self, value: object, known: dict[str, Message]) -> Message:
        def key_of(shared: Replicated) -> str:
            key = f"thing{id(shared)}"
            if key not in known:
                known[key] = self.sent(shared, known)
            return key
        return Message(packed(value, key_of))

    def test_replicated_objects_go_once(self) -> None:
        inner = Thing(np.arange(1000.0))
        outer = Thing([inner, "x"])
        known: dict[str, Message] = {}
        first, again = self.sent((outer, inner), known), self.sent(("more", inner, outer), known)
        self.assertEqual(len(known), 2)
        self.assertLess(len(first.data) + len(again.data), 400)
        self.assertGreater(sum(len(m.data) for m in known.values()), 8000)
        a, b = first.content(known)
        self.assertIs(a.value[0], b)
        np.testing.assert_array_equal(b.value, np.arange(1000.0))
        self.assertEqual(again.content(known)[1:], (b, a))

    def test_copies_are_bytes(self) -> None:
        message = self.sent(Thing(np.arange(100)), {})
        found = message.content({})
        self.assertIs(message.content({}), found)
        copy = pickle.loads(pickle.dumps(message))
        self.assertIsNot(copy.content({}), found)
        np.testing.assert_array_equal(copy.content({}).value, found.value)

    def test_mapped_files_go_by_name(self) -> None:
        folder = self.enterContext(tempfile.TemporaryDirectory())
        record = np.dtype([("exponent", "<i2"), ("planes", np.float16, (2, 3))])
        values = np.zeros(500, record)
        values["planes"] = np.arange(6).reshape(2, 3)
        np.save(Path(folder, "a.npy"), values)
        mapped = np.load(Path(folder, "a.npy"), mmap_mode="r")
        message = self.sent(mapped, {})
        self.assertLess(len(message.data), 1000)
        found = Message(message.data).content({})
        self.assertIsInstance(found, np.memmap)
        np.testing.assert_array_equal(found, values)
        np.testing.assert_array_equal(self.sent(mapped[3:5], {}).content({}), values[3:5])  # parts go as they are
        np.save(Path(folder, "b.npy"), values[:100])
        os.replace(Path(folder, "b.npy"), Path(folder, "a.npy"))
        with self.assertRaisesRegex(InputError, "bytes instead of"):
            Message(message.data).content({})
        Path(folder, "a.npy").unlink()
        with self.assertRaisesRegex(InputError, r"a\.npy: cannot be mapped on .*expected a folder that all workers"):
            Message(message.data).content({})


class TestDevices(unittest.TestCase):

    def setUp(self) -> None:
        self.enterContext(mock.patch.dict(os.environ))
        for name in ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
            os.environ.pop(name, None)
        self.enterContext(mock.patch("threadpoolctl.threadpool_limits"))  # this process goes on
        self.enterContext(mock.patch("platform.node", return_value="here"))

    def test_workers_share_out_the_gpus_of_a_machine(self) -> None:
        self.assertEqual(set_devices(6, "0, 2", 1), "here, 6 threads, GPU 2")
        self.assertEqual((os.environ["CUDA_VISIBLE_DEVICES"], os.environ["TF_NUM_INTRAOP_THREADS"]), ("2", "6"))
        self.assertEqual(set_devices(4, "1 3", 2), "here, 4 threads, GPU 1")
        self.assertEqual(set_devices(2, "none", 1), "here, 2 threads")
        self.assertEqual(os.environ["CUDA_VISIBLE_DEVICES"], "")

    def test_one_process_keeps_all_it_is_given(self) -> None:
        self.assertEqual(set_devices(None, "0,1"), "here, all threads")
        self.assertEqual(os.environ["CUDA_VISIBLE_DEVICES"], "0,1")
        self.assertNotIn("TF_NUM_INTRAOP_THREADS", os.environ)

    def test_threads_are_shared_out(self) -> None:
        with mock.patch("os.sched_getaffinity", return_value=set(range(12))):
            self.assertEqual([share_of_cores(n) for n in (1, 3, 5, 20)], [12, 4, 2, 1])
            self.assertEqual(share_of_cores(3, most=2), 2)
            os.environ["OMP_NUM_THREADS"] = "7"
            self.assertEqual([share_of_cores(3), share_of_cores(3, most=2)], [7, 7])

    def test_gpus_that_a_queue_bound_to_the_worker_are_left(self) -> None:
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


if __name__ == "__main__":
    unittest.main()
