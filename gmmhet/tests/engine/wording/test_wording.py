"""Sentences: values with units and errors, singular and plural, and none of the project's private words."""

import unittest
from pathlib import Path

from gmmhet.engine import wording
from gmmhet.engine.wording import check, numbers, reconstruction, report, report_charts, report_maps, report_trust
from gmmhet.tests.support.prose import texts_of

_PRIVATE = ("told", "tells", "placed", "placement", "undone", "come apart", "comes apart", "good to", "put right",
            "asked for", "alike over", "followed")
MINUS, SPACE = "\N{MINUS SIGN}", "\N{NO-BREAK SPACE}"


class TestPlainWords(unittest.TestCase):

    def test_no_private_words(self) -> None:
        folder = Path(str(wording.__file__)).parent
        modules = sorted(folder.glob("*.py"))
        self.assertGreaterEqual(len(modules), 14)
        found = [f"{path.name}:{line}: {text}" for path in modules for line, text in texts_of(path)
                 for word in _PRIVATE if f" {word} " in f" {text.lower()} "]
        self.assertEqual(found, [])


class TestNumbers(unittest.TestCase):

    def test_units_stay_with_their_numbers(self) -> None:
        self.assertEqual(numbers.angstrom(-8.371), f"{MINUS}8.37{SPACE}Å")
        self.assertEqual(numbers.degrees(None), f"\N{EN DASH}{SPACE}degrees")
        self.assertEqual([numbers.percent(s) for s in (0.0004, 0.0987, 0.305)], [f"{v}{SPACE}%" for v in
                                                                                ("0.0", "9.9", "30")])
        self.assertEqual([numbers.counted(n, "mode") for n in (0, 1, 3000)], ["0 modes", "1 mode", "3,000 modes"])


class TestReconstruction(unittest.TestCase):

    def test_one_map_and_several(self) -> None:
        self.assertEqual(reconstruction.no_particles_at_points("kernel", "2", 1),
                         "no particles are at the point of map 2: the map shows the particles nearest to it")
        self.assertEqual(reconstruction.no_particles_at_points("motion", "2, 3", 2),
                         "no particles are at the points of maps 2, 3: the maps show the arrangements of the parts "
                         "that the Gaussian model predicts")

    def test_finished_maps(self) -> None:
        self.assertEqual(reconstruction.finished_map("m.mrc", 1, False, 8.04, "note"),
                         "m.mrc: 1 particle, resolution 8.0 Å (FSC 0.143)")
        self.assertEqual(reconstruction.finished_map("m.mrc", 1200, True, None, "note"),
                         "m.mrc: effectively 1,200 particles, note")
        self.assertIn("do not correlate", reconstruction.finished_map("m.mrc", 2, False, None, None))

    def test_sharpening_names_the_range_of_its_fit(self) -> None:
        self.assertEqual(reconstruction.sharpened(-87.4, (10.0, 3.96)),
                         "maps sharpened by a B factor of -87 Å², fitted to the amplitudes between 10 and 4.0 Å")
        self.assertEqual(reconstruction.sharpened(-50, None), "maps sharpened by a B factor of -50 Å²")


class TestReport(unittest.TestCase):

    def test_headlines(self) -> None:
        self.assertEqual(report.motion_found(1, 8.4, None), (
            "A motion was found", "One mode raises the log-likelihood of held-out particles above the level of noise. "
            f"The largest displacement of a Gaussian is 8.4{SPACE}Å (one standard deviation)."))
        headline, lead = report.motion_found(3, None, 90)
        self.assertEqual(headline, "Motion found: 3 significant modes")
        self.assertNotIn("displacement", lead)
        self.assertIn("90 particles are few", lead)
        self.assertIn("1 particle is too few", report.too_few(1, 50)[1])

    def test_evidence_of_a_mode_leaves_out_what_is_not_known(self) -> None:
        whole = report.how_sure(6.98, 0.0805, (0.99, "full"), (0.206, "well"))
        self.assertEqual(whole, "The held-out gain in log-likelihood is 6.98 per particle; noise reaches 0.0805. "
                         "Coordinates from the two half-sets correlate to 0.990 (full agreement). The coordinate of a "
                         "single particle is well determined: its standard deviation is 0.21, that of all particles is "
                         "1.")
        self.assertEqual(report.how_sure(6.98, None, None, None), "The analysis holds no figures for this mode.")

    def test_dependence_on_imaging(self) -> None:
        self.assertEqual(report_trust.independence(["defocus"]), "No mode depends significantly on defocus.")
        self.assertEqual(report_trust.independence(["defocus", "micrograph", "half-set"]),
                         "No mode depends significantly on defocus, micrograph or half-set.")
        text = report_trust.dependence([(0.3, 2, "defocus"), (0.05, 1, "micrograph")], True)
        self.assertTrue(text.startswith(f"30{SPACE}% of the variance of mode 2 depends on the defocus; 5.0{SPACE}% "))
        self.assertIn("; and others. See below", text)

    def test_agreeing_directions(self) -> None:
        self.assertIn("1 direction of variation agrees between", report_trust.halfset_angles(1, 20, 60))
        self.assertIn("No direction of variation agrees between", report_trust.halfset_angles(0, 20, 60))

    def test_histograms_say_what_is_known(self) -> None:
        captions = [report_charts.uncertainty(*flags) for flags in (
            (False, False, False), (True, False, False), (True, True, False), (True, True, True))]
        self.assertEqual(len(set(captions)), 4)
        self.assertIn("exceeds the width", captions[1])
        self.assertNotIn("the line", captions[2])

    def test_notes_of_maps(self) -> None:
        self.assertEqual(report_maps.note_of_maps(["1"], "x"), "Map 1: x.")
        self.assertEqual(report_maps.note_of_maps(["1", "3"], "x"), "Maps 1, 3: x.")
        self.assertIn("corrected for the motion of 1 rigid part.", report_maps.columns_note("motion", 1, False))


class TestCheck(unittest.TestCase):

    def test_verdicts_differ(self) -> None:
        kinds = ("few", "unsure", "other_size", "displaced")
        flags = [dict.fromkeys(kinds, False) | {k: True} for k in kinds]
        found = {check.verdict_of_fit(**f) for f in [*flags, dict.fromkeys(flags[0], False)]}
        self.assertEqual(len(found), 5)

    def test_displacement_and_rotation_are_named_where_they_matter(self) -> None:
        move, turn = (1.0, -2.04, 0.0), (0.0, 0.0, 5.0)
        self.assertIn("moved by (1.0, -2.0, 0.0) Å and rotated by (0.0, 0.0, 5.0) degrees",
                      check.map_displaced(move, turn))
        self.assertNotIn("moved", check.map_displaced(None, turn))


if __name__ == "__main__":
    unittest.main()
