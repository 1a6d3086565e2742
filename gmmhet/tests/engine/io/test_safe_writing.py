"""Files that appear whole or not at all, on full disks and after killed processes too."""

import os
import resource
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from pathlib import Path

import numpy as np

from gmmhet.engine.commands.main import main
from gmmhet.engine.errors import InputError, storage_problem
from gmmhet.engine.io import output_folder, replacing, write_arrays, write_map, write_stack

_HOLD = """
import sys, time
from gmmhet.engine.io import replacing
with replacing(sys.argv[1]) as temporary:
    temporary.write_text("half")
    print("ready", flush=True)
    time.sleep(60)
"""


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file may grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class AtomicCase(unittest.TestCase):
    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)

    def names(self) -> list[str]:
        return sorted(p.name for p in self.folder.iterdir())


class TestReplacing(AtomicCase):
    def test_an_error_leaves_what_was_there(self) -> None:
        path = self.folder / "file.txt"
        path.write_text("before")
        with self.assertRaises(ZeroDivisionError), replacing(path) as temporary:
            temporary.write_text("half")
            raise ZeroDivisionError
        self.assertEqual(path.read_text(), "before")
        self.assertEqual(self.names(), ["file.txt"])

    def test_full_disk_is_one_line_and_leaves_what_was_there(self) -> None:
        text, numbers = self.folder / "file.txt", self.folder / "numbers.npz"
        text.write_text("before")
        with full_disk(4096), self.assertRaisesRegex(InputError, r"file\.txt: cannot be written \(File too large\)"), \
                replacing(text) as temporary:
            temporary.write_text("x" * 10_000)
        with full_disk(4096), self.assertRaisesRegex(InputError, r"numbers\.npz: cannot be written"):
            write_arrays(numbers, numbers=np.zeros(10_000))
        self.assertEqual((text.read_text(), self.names()), ("before", ["file.txt"]))

    def test_maps_and_stacks(self) -> None:
        with full_disk(4096), self.assertRaisesRegex(InputError, r"map\.mrc: cannot be written"):
            write_map(self.folder / "map.mrc", np.zeros((16, 16, 16)), 1.0)
        with full_disk(4096), self.assertRaisesRegex(InputError, r"stack\.mrcs: cannot be written"):
            write_stack(self.folder / "stack.mrcs", (4, 16, 16), 1.0, [np.zeros((4, 16, 16))])
        self.assertEqual(self.names(), [])

    def test_other_errors_of_the_system_are_not_words_about_disks(self) -> None:
        with self.assertRaises(FileNotFoundError), replacing(self.folder / "file.txt"):
            (self.folder / "none" / "file.txt").read_text()

    def test_input_that_cannot_be_read_is_named_and_not_the_output(self) -> None:
        (self.folder / "file").write_text("")
        with self.assertRaisesRegex(InputError, "file/input: Not a directory"), replacing(self.folder / "out.txt"):
            (self.folder / "file" / "input").read_text()

    def test_leftovers_of_killed_writers_go_and_those_of_living_ones_stay(self) -> None:
        path = self.folder / "file.txt"
        with subprocess.Popen([sys.executable, "-c", _HOLD, str(path)], stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            self.assertEqual(writer.stdout.readline(), "ready\n")
            (held,) = self.names()
            os.utime(self.folder / held, (0, 0))
            self.replace(path)
            self.assertEqual(self.names(), sorted([held, "file.txt"]))
            writer.kill()
            writer.wait()
        (self.folder / ".file.of_another.txt").write_text("")
        os.utime(self.folder / ".file.of_another.txt", (0, 0))
        self.replace(path)
        self.assertEqual(self.names(), [".file.of_another.txt", "file.txt"])

    def test_a_writer_that_has_not_locked_its_file_yet_keeps_it(self) -> None:
        path = self.folder / "file.txt"
        young = self.folder / ".file.12345678.txt"
        young.write_text("")
        self.replace(path)
        self.assertTrue(young.exists())
        os.utime(young, (0, 0))
        self.replace(path)
        self.assertEqual(self.names(), ["file.txt"])

    def replace(self, path: Path) -> None:
        with replacing(path) as temporary:
            temporary.write_text("whole")


class TestArrays(AtomicCase):
    def test_numpy_reads_them_and_bytes_repeat(self) -> None:
        path = self.folder / "numbers.npz"
        arrays = {"a": np.arange(6.0).reshape(2, 3).T, "b": np.float32(1.5), "c": "words", "d": np.zeros((0, 2))}
        write_arrays(path, **arrays)
        with np.load(path, allow_pickle=False) as found:
            self.assertEqual(found.files, list(arrays))
            for name, value in arrays.items():
                np.testing.assert_array_equal(found[name], value)
        before = path.read_bytes()
        write_arrays(path, **arrays)
        self.assertEqual(path.read_bytes(), before)

    def test_objects_are_refused(self) -> None:
        with self.assertRaisesRegex(ValueError, "allow_pickle"):
            write_arrays(self.folder / "numbers.npz", a=np.array([{}]))
        self.assertEqual(self.names(), [])


class TestFolders(AtomicCase):
    def test_a_file_in_the_way(self) -> None:
        (self.folder / "file").write_text("")
        for place in (self.folder / "file", self.folder / "file" / "below"):
            with self.assertRaisesRegex(InputError, "cannot be written"):
                output_folder(place)


class TestWords(unittest.TestCase):
    def test_only_what_is_about_storage(self) -> None:
        self.assertEqual(str(storage_problem(OSError(28, "No space left on device"), "a.mrc")),
                         "a.mrc: cannot be written (No space left on device); expected room on this disk")
        self.assertEqual(str(storage_problem(OSError(30, "Read-only file system", "b"))),
                         "b: Read-only file system; expected a writable folder")
        self.assertIsNone(storage_problem(FileNotFoundError(2, "No such file or directory", "c")))


class TestCommands(AtomicCase):
    """Exit status 2 and one line; nothing under its final name that is not whole."""

    def test_simulate_and_fit_on_a_full_disk(self) -> None:
        words = ["simulate", "--preset", "null", "--particles", "30", "--box", "24", "--pixel-size", "6", "-o"]
        self.assertEqual(self.refused([*words, str(self.folder / "full")], 20_000), [])
        self.assertEqual(main([*words, str(self.folder / "data")]), 0)
        fit = ["fit", str(self.folder / "data" / "consensus.mrc"), "--n-gaussians", "20", "--resolution", "24", "-o",
               str(self.folder / "model" / "model.npz")]
        self.assertNotIn("model.npz", self.refused(fit, 20_000))

    def refused(self, words: list[str], size: int) -> list[str]:
        """The files that were written nevertheless."""
        said = StringIO()
        with full_disk(size), redirect_stderr(said):
            status = main(words)
        self.assertEqual(status, 2)
        lines = [line for line in said.getvalue().splitlines() if line.startswith("gmmhet: error: ")]
        self.assertRegex("\n".join(lines), r"^gmmhet: error: \S+: cannot be written \(File too large\); expected .*$")
        folder = Path(words[-1])
        return sorted(p.name for p in (folder.parent if folder.suffix else folder).rglob("*") if p.is_file())


if __name__ == "__main__":
    unittest.main()
