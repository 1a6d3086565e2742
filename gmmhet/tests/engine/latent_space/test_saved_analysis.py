"""Files of arrays: what is declared, what CONVENTIONS.rst says, and what is read and written."""

import tempfile
import unittest
from pathlib import Path

import numpy as np

from gmmhet.engine.errors import InputError
from gmmhet.engine.io.array_schema import ArrayField, ArraySchema
from gmmhet.engine.latent_space import saved_analysis
from gmmhet.engine.latent_space.saved_analysis import ANALYSIS_FILE, SUBUNITS_FILE
from gmmhet.engine.molecule.saved_model import MODEL_FILE

_CONVENTIONS = Path(__file__).resolve().parents[4] / "CONVENTIONS.rst"
_SOME = ArraySchema("some results", (
    ArrayField("places", "n3", "float64", "Å", "where", finite=True),
    ArrayField("spread", "nKK", "float32", "", "how far"),
    ArrayField("rows", "n", "int64", "", "which"),
    ArrayField("more", "n", "float64", "", "what else", "sometimes"),
))


class TestConventions(unittest.TestCase):
    def test_list_every_array_and_no_other(self) -> None:
        text = _CONVENTIONS.read_text(encoding="utf-8")
        for start, schema in (("``model.npz``\n", MODEL_FILE), ("``analysis.npz``\n", ANALYSIS_FILE),
                              ("``subunits.npz`` (of", SUBUNITS_FILE)):
            part = text[text.index(start):]
            part = part[:part.index("\n``")]
            with self.subTest(start):
                listed = [line.strip() for line in part.splitlines() if line.strip().startswith("- ``")]
                self.assertEqual(listed, schema.table())

    def test_shapes_are_letters_and_lengths(self) -> None:
        for schema in (MODEL_FILE, ANALYSIS_FILE, SUBUNITS_FILE):
            names = [field.name for field in schema.fields]
            self.assertEqual(len(names), len(set(names)))
            for field in schema.fields:
                self.assertRegex(field.shape, "^[A-Za-z0-9]*$")
                self.assertIn(field.dtype, ("float64", "float32", "int64", "bool", "text"))


class TestAccess(unittest.TestCase):
    def test_files_of_arrays_are_opened_in_one_place(self) -> None:
        """Others open single arrays (.npy), or parts of checkpoints."""
        engine = Path(saved_analysis.__file__).resolve().parents[1]
        opened = {p.relative_to(engine).as_posix() for p in engine.rglob("*.py")
                  if "np.load(" in p.read_text(encoding="utf-8")}
        self.assertEqual(opened, {"io/array_schema.py", "runtime/checkpoint.py", "imaging/particle_cache.py",
                                  "reconstruction/motion_series.py"})


class TestFiles(unittest.TestCase):
    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.path = Path(temporary.name) / "some.npz"
        self.arrays = {"rows": np.arange(5), "places": np.ones((5, 3)), "spread": np.ones((5, 2, 2), np.float32)}

    def test_what_is_written_is_read(self) -> None:
        _SOME.write(self.path, self.arrays)
        with np.load(self.path) as data:
            self.assertEqual(data.files, ["places", "spread", "rows"])  # as declared
        found = _SOME.read(self.path, self.arrays, ("more",))
        self.assertEqual(set(found), set(self.arrays))
        for name, value in self.arrays.items():
            np.testing.assert_array_equal(found[name], value)
            self.assertEqual(found[name].dtype, value.dtype)

    def test_integers_where_numbers_are_declared(self) -> None:
        np.savez(self.path, **self.arrays | {"places": np.ones((5, 3), np.int32)})
        self.assertEqual(_SOME.read(self.path, ("places",))["places"].dtype, np.float64)

    def test_optional_arrays_without_numbers_are_absent(self) -> None:
        np.savez(self.path, more=np.zeros((5, 0)), rows=np.arange(5))
        self.assertEqual(set(_SOME.read_some(self.path, ("more", "rows", "spread"))), {"rows"})
        self.assertEqual(_SOME.read_some(self.path.parent / "none.npz", ("rows",)), {})

    def test_bad_arrays_are_not_written(self) -> None:
        for message, change in (("spread has shape", {"spread": np.ones((4, 2, 2))}),
                                ("places has shape", {"places": np.ones((5, 2))}),
                                ("rows is float64; expected int64", {"rows": np.ones(5)})):
            with self.subTest(message), self.assertRaisesRegex(ValueError, message):
                _SOME.write(self.path, self.arrays | change)
        with self.assertRaisesRegex(ValueError, "no rows; expected every array"):
            _SOME.write(self.path, {k: v for k, v in self.arrays.items() if k != "rows"})
        with self.assertRaisesRegex(KeyError, "other"):
            _SOME.write(self.path, self.arrays | {"other": np.ones(5)})
        self.assertFalse(self.path.exists())

    def test_bad_files_are_told_apart(self) -> None:
        with self.assertRaisesRegex(InputError, "some.npz: no such file; expected some results"):
            _SOME.read(self.path, ("rows",))
        for message, content in (("spread has shape", {"spread": np.ones((4, 2, 2))}),
                                 ("places holds NaN", {"places": np.full((5, 3), np.nan)}),
                                 ("not some results .*expected int64", {"rows": np.ones(5)})):
            np.savez(self.path, **self.arrays | content)
            with self.subTest(message), self.assertRaisesRegex(InputError, message):
                _SOME.read(self.path, self.arrays)
        np.savez(self.path, rows=np.arange(5))
        with self.assertRaisesRegex(InputError, "not some results .*places"):
            _SOME.read(self.path, ("places",))
        self.path.write_bytes(b"PK\3\4 nothing")
        with self.assertRaisesRegex(InputError, "not some results"):
            _SOME.read_some(self.path, ("rows",))


if __name__ == "__main__":
    unittest.main()
