"""Journals: what is written comes back exactly, what is not to be believed does not come back."""

import logging
import tempfile
import unittest
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np

from gmmhet.engine.errors import InputError
from gmmhet.engine.runtime import checkpoint
from gmmhet.engine.runtime.checkpoint import NO_JOURNAL, Journal
from gmmhet.engine.subspace.pieces import PIECES
from gmmhet.engine.subspace.pose_spread import PoseSpread
from gmmhet.engine.subspace.state import SubspaceModel
from gmmhet.engine.subspace.subunits import SubunitModel


@dataclass
class Piece:
    numbers: np.ndarray
    inner: "Piece | None" = None


class JournalCase(unittest.TestCase):
    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name) / "checkpoint"

    def journal(self, inputs: object = "these", *, resume: bool = True) -> Journal:
        return Journal(self.folder, inputs, (*PIECES, Piece), resume=resume)


class TestPages(JournalCase):
    def there_and_back(self, value: object) -> object:
        self.journal().page("a page").write(value)
        return self.journal().page("a page").read()

    def test_numbers_come_back_bit_for_bit(self) -> None:
        rng = np.random.default_rng(0)
        for value in (0.1 + 0.2, 1e-320, -0.0, float("inf"), 12345678901234567, True, "words", None):
            got = self.there_and_back([value])
            self.assertEqual(repr(got), repr([value]))
        self.assertTrue(np.isnan(self.there_and_back((np.nan,))[0]))
        for array in (rng.normal(size=(3, 0, 2)), rng.normal(size=5).astype(np.float32), np.arange(4), np.float64(3.5),
                      np.array([np.nan, -np.inf])):
            got = self.there_and_back((array,))[0]
            self.assertEqual(np.asarray(got).tobytes(), np.asarray(array).tobytes())
            self.assertEqual(np.asarray(got).dtype, np.asarray(array).dtype)

    def test_lists_tuples_dicts_and_dataclasses_in_each_other(self) -> None:
        got = self.there_and_back([(1, [2.5]), {"a": Piece(np.arange(3), Piece(np.zeros(0)))}])
        self.assertEqual(got[0], (1, [2.5]))
        self.assertIsInstance(got[0], tuple)
        self.assertEqual(got[1]["a"].numbers.tolist(), [0, 1, 2])
        self.assertIsNone(got[1]["a"].inner.inner)

    def test_models_of_subunits(self) -> None:
        rng = np.random.default_rng(1)
        model = SubunitModel(rng.normal(size=(4, 3)), np.ones(4), np.ones(4), np.zeros((1, 2)), np.ones((1, 3)), 1.0,
                             0.1, PoseSpread(0.1, 0.2, 0.3), prior=rng.normal(size=(2, 2)), rotations=np.eye(3)[None])
        got = self.there_and_back(model)
        self.assertIs(type(got), SubunitModel)
        self.assertEqual(got.spread, model.spread)
        np.testing.assert_array_equal(got.prior, model.prior)
        self.assertIs(type(self.there_and_back(SubspaceModel(*[np.zeros(1)] * 5, 1.0, 0.1))), SubspaceModel)

    def test_what_cannot_be_kept_is_refused_and_the_page_stays(self) -> None:
        page = self.journal().page("a page")
        page.write(1.5)
        for value in ({1, 2}, object()):
            with self.assertRaisesRegex(TypeError, "cannot be kept"):
                page.write([value])
        self.assertEqual(page.read(), 1.5)

    def test_once_is_once(self) -> None:
        make = mock.Mock(return_value=2.5)
        for _ in range(3):
            self.assertEqual(self.journal().page("a page").once(make), 2.5)
        make.assert_called_once_with()

    def test_pages_of_other_names_are_apart(self) -> None:
        journal = self.journal()
        names = [f"half-set {i}, {k} modes" for i in (1, 2) for k in (2, 12)]
        for name in names:
            journal.page(name).write(name)
        self.assertEqual([journal.page(name).read() for name in names], names)

    def test_pages_of_sections_are_apart(self) -> None:
        journal = self.journal()
        section = journal.section("again")
        journal.page("half-set 1").write(1.0)
        section.page("half-set 1").write(2.0)
        section.section("once more").page("half-set 1").write(3.0)
        self.assertEqual([j.page("half-set 1").read() for j in (
            journal, section, journal.section("again").section("once more"))], [1.0, 2.0, 3.0])

    def test_without_a_folder_nothing_is_kept(self) -> None:
        NO_JOURNAL.page("a page").write([object()])
        self.assertIsNone(NO_JOURNAL.page("a page").read())


class TestBelief(JournalCase):
    def setUp(self) -> None:
        super().setUp()
        self.journal().page("a page").write(1.5)

    def found(self, inputs: object = "these", *, resume: bool = True) -> object:
        return self.journal(inputs, resume=resume).page("a page").read()

    def test_the_same_computation_goes_on(self) -> None:
        with self.assertLogs("gmmhet", "INFO") as log:
            self.assertEqual(self.found(), 1.5)
        self.assertIn("going on from", log.output[0])

    def test_other_inputs_other_versions_and_new_runs_start_anew_for_good(self) -> None:
        for other in ({"inputs": "those"}, {"resume": False}):
            self.assertIsNone(self.found(**other))
            self.assertIsNone(self.found())
            self.journal().page("a page").write(1.5)
        with mock.patch.object(checkpoint, "__version__", "0.0.1"):
            self.assertIsNone(self.found())

    def test_pages_without_a_stamp_are_not_believed(self) -> None:
        (self.folder / "journal.json").unlink()
        self.assertIsNone(self.found())

    def test_damage_is_noticed(self) -> None:
        path = self.folder / "a_page.npz"
        self.journal().page("a page").write(np.arange(1000.0))
        whole = path.read_bytes()
        flipped = bytearray(whole)
        flipped[len(whole) // 2] ^= 1
        for damaged in (whole[:-7], whole[:100], b"", bytes(flipped)):
            path.write_bytes(damaged)
            with self.assertLogs("gmmhet", logging.WARNING) as log:
                self.assertIsNone(self.found())
            self.assertIn("done again", log.output[-1])

    def test_damage_in_the_headers_is_noticed(self) -> None:
        """A compression nobody knows, and parts that say they are encrypted."""
        path = self.folder / "a_page.npz"
        self.journal().page("a page").write(np.arange(1000.0))
        whole = path.read_bytes()
        start = whole.index(b"PK\x01\x02")  # of the first entry of the directory: 8 flags, 10 the compression
        for place, bit in ((10, 64), (8, 1)):
            flipped = bytearray(whole)
            flipped[start + place] ^= bit
            path.write_bytes(bytes(flipped))
            with self.assertLogs("gmmhet", logging.WARNING) as log:
                self.assertIsNone(self.found())
            self.assertIn("done again", log.output[-1])

    def test_a_write_that_is_killed_leaves_the_page_before(self) -> None:
        page = self.journal().page("a page")
        with mock.patch("gmmhet.engine.io.safe_writing.os.replace", side_effect=KeyboardInterrupt), \
                self.assertRaises(KeyboardInterrupt):
            page.write(2.5)
        self.assertEqual(self.found(), 1.5)
        self.assertEqual(sorted(p.name for p in self.folder.iterdir()), ["a_page.npz", "journal.json"])

    def test_removed_is_gone(self) -> None:
        self.journal().remove()
        self.assertFalse(self.folder.exists())
        self.journal(resume=False).remove()

    def test_a_folder_that_cannot_be_made(self) -> None:
        self.folder.parent.joinpath("file").write_text("")
        with self.assertRaisesRegex(InputError, "cannot be written"):
            Journal(self.folder.parent / "file" / "checkpoint")


if __name__ == "__main__":
    unittest.main()
