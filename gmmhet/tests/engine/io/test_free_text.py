"""STAR files with text that is in no table, which RELION skips, and with the marks that editors leave."""

import tempfile
import unittest
from pathlib import Path

from gmmhet.engine.errors import InputError
from gmmhet.engine.io import read_star

_LABELS = "loop_\n_rlnImageName #1\n_rlnAngleRot #2\n"
_ROWS = "1@a.mrcs 1.5\n2@a.mrcs -2\n"
_TABLE = f"data_particles\n\n{_LABELS}{_ROWS}"
_EXPECTED = {"rlnImageName": ["1@a.mrcs", "2@a.mrcs"], "rlnAngleRot": ["1.5", "-2"]}


class FreeTextCase(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "p.star"

    def read(self, text: str, encoding: str = "utf-8") -> dict[str, dict[str, list[str]]]:
        self.path.write_bytes(text.encode(encoding))
        return {name: {c: list(v) for c, v in table.columns.items()} for name, table in read_star(self.path).items()}


class TestSkipped(FreeTextCase):
    """Every file has the same two rows; a warning says how many lines were skipped."""

    def test_lines_outside_of_tables(self) -> None:
        files = {
            "before the first block": (f"Exported 12 May, see old_data.star\n'don't worry\n\n{_TABLE}", 2),
            "one word before the first block": (f"relion\n{_TABLE}", 1),
            "a loop before the first block": (f"loop_\n{_TABLE}", 1),
            "before the table of a block": (f"data_particles\nthese are ours\n\n{_LABELS}{_ROWS}", 1),
            "comments among labels": (_TABLE.replace("_rlnAngleRot", "; degrees\n_rlnAngleRot"), 1),
            "after the rows": (f"{_TABLE}\n\nend of file\n", 1),
            "two paragraphs after the rows": (f"{_TABLE}\nthat is all\n it has to say\n\nreally all of it\n", 3),
            "after quoted rows": (f"{_TABLE.replace('-2', chr(39) + '-2' + chr(39))}\n\nthe end here\n", 1),
        }
        for name, (text, count) in files.items():
            with self.subTest(name), self.assertLogs("gmmhet", "WARNING") as log:
                self.assertEqual(self.read(text)["particles"], _EXPECTED)
                self.assertIn(f"{count} line(s) outside of tables", log.output[0])

    def test_other_blocks_stay(self) -> None:
        text = f"free\ndata_general\n\n_rlnOne 1\n_rlnTwo 'a b'\n\ndata_optics\nfree\n{_LABELS}1@b 0\n\n{_TABLE}"
        with self.assertLogs("gmmhet", "WARNING"):
            found = self.read(text)
        self.assertEqual(list(found), ["general", "optics", "particles"])
        self.assertEqual(found["general"], {"rlnOne": ["1"], "rlnTwo": ["a b"]})
        self.assertEqual(found["particles"], _EXPECTED)

    def test_the_first_of_two_blocks_of_one_name(self) -> None:
        with self.assertLogs("gmmhet", "WARNING"):
            self.assertEqual(self.read(f"{_TABLE}\ndata_particles\n\n{_LABELS}9@z.mrcs 9\n")["particles"], _EXPECTED)

    def test_rows_are_never_skipped(self) -> None:
        """A row that is too short is refused, also after a blank line with whole rows behind it."""
        for text in (f"{_TABLE}\n3@a.mrcs\n4@a.mrcs 4\n", f"{_TABLE}3@a.mrcs\n", f"{_TABLE}\n1 2 3\n\n5@a.mrcs 5\n"):
            with self.subTest(text[-20:]), self.assertRaisesRegex(InputError, "p.star: row 3 of data_particles"):
                self.read(text)


class TestLayout(FreeTextCase):
    def test_the_same_table(self) -> None:
        files = {
            "carriage returns": _TABLE.replace("\n", "\r\n"), "carriage returns alone": _TABLE.replace("\n", "\r"),
            "blanks and tabs": _TABLE.replace("\n", " \t\n").replace("loop_", " \tloop_"),
            "blank lines between rows": _TABLE.replace("\n2@", "\n\n \n2@"),
            "comments": "# version 30001\n" + _TABLE.replace("_rlnAngleRot #2", "# degrees\n_rlnAngleRot #2 turn"),
            "comments after values": _TABLE.replace("1.5", "1.5 # turned"),
            "quotes": _TABLE.replace("1@a.mrcs", "'1@a.mrcs'").replace("1.5", '"1.5"'),
            "no line end": _TABLE.rstrip(), "other block": _TABLE.replace("data_particles", "data_"),
        }
        for name, text in files.items():
            with self.subTest(name), self.assertNoLogs("gmmhet", "WARNING"):
                self.assertEqual(next(iter(self.read(text).values())), _EXPECTED)

    def test_byte_order_marks(self) -> None:
        self.assertEqual(self.read(_TABLE, "utf-8-sig")["particles"], _EXPECTED)
        self.assertEqual(self.read(f"# version\n{_TABLE}", "utf-8-sig")["particles"], _EXPECTED)
        with self.assertRaisesRegex(InputError, "p.star: not a STAR file .text in UTF-16.; expected text in UTF-8"):
            self.read(_TABLE, "utf-16")


if __name__ == "__main__":
    unittest.main()
