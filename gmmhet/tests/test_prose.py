"""Sentences about results stand in gmmhet/engine/wording and nowhere else in the engine."""

import tempfile
import textwrap
import unittest
from pathlib import Path

from gmmhet.tests.support.prose import sentences_outside_wording


class TestProse(unittest.TestCase):

    def test_numerics_contain_no_prose(self) -> None:
        found = sentences_outside_wording()
        self.assertEqual([], [f"{s.path.parent.name}/{s.path.name}:{s.line}: {s.text}" for s in found])


class TestChecker(unittest.TestCase):
    """What counts as a sentence, on planted sources."""

    def found(self, source: str) -> list[str]:
        with tempfile.TemporaryDirectory() as name:
            for folder in ("stage", "wording"):
                path = Path(name, folder, "module.py")
                path.parent.mkdir()
                (path.parent / "__init__.py").touch()
                path.write_text(textwrap.dedent(source), encoding="utf-8")
            return [s.text for s in sentences_outside_wording(None, Path(name))]

    def test_sentences_are_found_wherever_they_stand(self) -> None:
        for source, text in (
            ('NOTE = "no motion was found here"', "no motion was found here"),
            ('def f(n): return f"the {n} halves do not agree"', "the {} halves do not agree"),
            ('x = {"words": "these particles are too few"}', "these particles are too few"),
            ('def f(a): g("the poses fit "\n               "the images well", key=a)', "the poses fit the images well"),
            ('def f(a): return f"{a}: {\'the map is not sharp\' if a else 1}"', "the map is not sharp"),
            ('def f(a): return f"<p>{a}</p><b>this is a sentence too</b>"', "<p>{}</p><b>this is a sentence too</b>"),
            ('log("the fit did not converge yet")', "the fit did not converge yet"),
        ):
            with self.subTest(source=source):
                self.assertEqual(self.found(source), [text])

    def test_what_may_stay(self) -> None:
        for source in (
            '"""A docstring may say what it likes."""',
            'def f():\n    """A docstring may say what it likes."""',
            'raise InputError("this value is not a number")',
            'def f(p): raise InputError(p + f"{p}: this value is not a number")',
            'error = InputError("this value is not a number")',
            '_LOG.warning("this value is not a number: %s", 3)',
            'logging.getLogger("gmmhet").info("this value is not a number")',
            'p.add_argument("--n", help="the number of all maps made")',
            'x = option("n", help="the number of all maps made")',
            'x: float = setting(1.0, "A", "the width of all maps made", origin="chosen, that is not measured")',
        ):
            with self.subTest(source=source):
                self.assertEqual(self.found(source), [])

    def test_few_words_code_and_tables_are_no_sentences(self) -> None:
        for source in (
            'x = "four words are few"', 'x = "map,frequency,resolution,fsc,fsc_masked,more"',
            'x = "<div class=card><h3>The</h3><p>maps</p></div><div>are here now</div>"',
            'x = "volume #1 style surface step 1 level 3 color red"', 'x = "nij,nj->ni nij,ti,tj->nt a b c d"',
        ):
            with self.subTest(source=source):
                self.assertEqual(self.found(source), [])


if __name__ == "__main__":
    unittest.main()
