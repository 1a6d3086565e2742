"""Sentences about analyses: each figure stands in them, and each case has a sentence of its own."""

import inspect
import re
import unittest
from dataclasses import replace

from gmmhet.engine.wording import analysis as wording
from gmmhet.engine.wording import export, landscape, subunits
from gmmhet.engine.wording.curves import curved_motion
from gmmhet.engine.wording.pose_errors import PoseSizes, pose_errors

_MODE = wording.ModeFigures(number=2, displacement=6.24, weight_change=0.853, mass_change=0.0612,
                            changes_amounts=False, gain=1.234, gain_error=0.051, null=0.031, agreement=0.972,
                            significant=True)
_PRIVATE = r"\b(told|tells|placed|followed|undone|supported|comes? apart|put right)\b"


class TestModes(unittest.TestCase):
    def test_a_mode_of_displacements(self) -> None:
        self.assertEqual(wording.mode_verdict(_MODE), (
            "Mode 2 is significant: held-out log-likelihood +1.23 ± 0.05 per particle (noise reaches 0.03), "
            "correlation between half-sets 0.97. Largest displacement: 6.2 Å per standard deviation."))
        exact = wording.mode_verdict(replace(_MODE, poses_exact=True))
        self.assertTrue(exact.startswith(wording.mode_verdict(_MODE)))
        self.assertIn("poses were taken as exact", exact)

    def test_a_mode_of_amounts_is_no_motion_of_so_many_angstrom(self) -> None:
        words = wording.mode_verdict(replace(_MODE, changes_amounts=True))
        self.assertIn("by up to 85 % at one place and 6.1 % of the whole molecule", words)
        self.assertNotIn("Å", words)

    def test_modes_that_are_not_significant(self) -> None:
        not_one = replace(_MODE, significant=False, gain=-0.01)
        self.assertRegex(wording.mode_verdict(not_one), r"not significant: .* -0\.01 ± 0\.05 .*not be interpreted\.$")
        rigid = replace(not_one, rigid_share=0.83, mostly_rigid=True)
        self.assertRegex(wording.mode_verdict(rigid), "83 % of its displacement is a rigid movement of the whole")
        local = wording.mode_verdict(replace(rigid, local_pose=True))
        self.assertRegex(local, "83 % of its displacement is a rigid movement of the part in focus")

    def test_a_mode_without_a_test(self) -> None:
        words = wording.mode_verdict(replace(_MODE, gain=None, significant=False))
        self.assertRegex(words, "^Mode 2 was not tested for significance: .* 6.2 Å per standard deviation.$")

    def test_counts(self) -> None:
        self.assertEqual(wording.modes_found(1, 600), "1 mode is significant (600 particles).")
        self.assertEqual(wording.modes_found(3, 600), "3 modes are significant (600 particles).")
        self.assertRegex(wording.too_few(1, 50), "^1 particle cannot .* at least 50 ")
        self.assertRegex(wording.no_test(2), "^Gradient PCA gave 2 modes;")
        self.assertNotIn("part in focus", wording.no_motion(False))
        self.assertIn("part in focus", wording.no_motion(True))

    def test_the_smallest_detectable_motion_has_a_size_and_a_mass(self) -> None:
        words = wording.detectable_motion(4.21, 6.0, 0.253, 24.4)
        self.assertTrue(words.startswith("A motion of 4.2 Å (root mean square displacement relative to the rest, one "
                                         "standard deviation) of a part of 25 % of the molecule (about 24 kDa) would"))
        self.assertNotIn("kDa", wording.detectable_motion(0.87, 6.0, 0.253, None))
        self.assertIn("of 0.87 Å", wording.detectable_motion(0.87, 6.0, 0.253, None))
        nothing = wording.detectable_motion(None, 24.6, 0.04, 104.0)
        self.assertIn("cannot show whether parts move: even a motion of 25 Å", nothing)
        self.assertIn("4.0 % of the molecule (about 100 kDa) would not have been detected", nothing)


class TestOtherFindings(unittest.TestCase):
    def test_gains_stand_with_their_errors(self) -> None:
        for words in (wording.large_motion(12, 4, 0.456, 0.0321, True),
                      wording.large_motion(12, 4, 0.456, 0.0321, False),
                      wording.population(True, 0.456, 0.0321), wording.population(False, 0.456, 0.0321),
                      wording.local_motion((1, 2), (3, 4), (0.456, 0.0321), True),
                      wording.local_motion((1, 2), (3, 4), (0.456, 0.0321), False)):
            self.assertIn("+0.46 ± 0.03 per particle", words)

    def test_large_motions(self) -> None:
        better, not_better = (wording.large_motion(12, 1, 0.4, 0.1, b) for b in (True, False))
        self.assertIn("a path of 12 conformations, which raises", better)
        self.assertIn("that of 1 mode about", better)
        self.assertIn("does not significantly raise", not_better)

    def test_curves(self) -> None:
        self.assertEqual(
            curved_motion(["circle"], 4, 2.508, 0.042, True),
            "1 coordinate around closed curves explains held-out particles better than 4 straight modes "
            "(log-likelihood +2.51 ± 0.04 per particle).")
        self.assertEqual(
            curved_motion(["line", "line"], 2, -0.01, 0.02, False),
            "2 coordinates along curves explain held-out particles about as well as 2 straight modes "
            "(log-likelihood -0.01 ± 0.02 per particle).")
        self.assertIn("1 coordinate along curves and 1 coordinate around closed curves explain held-out particles "
                      "worse than 1 straight mode ", curved_motion(["line", "circle"], 1, -0.3, 0.02, False))

    def test_errors_of_the_poses(self) -> None:
        sizes, smaller = PoseSizes(1.94, 2.06, 1.31), PoseSizes(1.5, 1.0, 0.5)
        words = self.poses(sizes, smaller)
        self.assertIn("1.9 degrees in viewing direction, 2.1 degrees in the plane, 1.3 Å in shift per axis. ", words)
        self.assertNotIn("gmmhetRefined", words)
        self.assertIn("negligible", self.poses(sizes, smaller, negligible_shift=True))
        self.assertIn("gmmhetRefined", self.poses(sizes, smaller, refined=True))
        self.assertIn("negligible", self.poses(sizes, None, negligible_shift=True))

    def test_errors_of_poses_too_small_to_be_seen(self) -> None:
        words = self.poses(PoseSizes(0.1, 0.2, 0.1), PoseSizes(0.5, 0.4, 0.3))
        self.assertIn("No errors of the given poses were detected. Errors above 0.5 degrees in viewing", words)
        self.assertIn("Estimated", self.poses(PoseSizes(0.1, 0.5, 0.1), PoseSizes(0.5, 0.4, 0.3)))

    def test_errors_of_poses_that_were_fitted_to_the_images(self) -> None:
        sizes = PoseSizes(2.6, 1.9, 0.95)
        words = self.poses(sizes, PoseSizes(3.0, 3.0, 3.0), fitted=True)
        self.assertIn("fitted to these images", words)
        self.assertIn("2.6 degrees in viewing direction, 1.9 degrees in the plane, 0.9 Å", words)
        self.assertNotIn("detected", words)

    def poses(self, found: PoseSizes, smallest: PoseSizes | None, *, fitted: bool = False,
              refined: bool = False, negligible_shift: bool = False) -> str:
        return pose_errors(found, smallest, fitted=fitted, refined=refined, negligible_shift=negligible_shift)

    def test_a_part_in_focus(self) -> None:
        words = wording.local_motion((3.12, 4.04), (1.21, 2.02), (0.5, 0.1), True)
        self.assertIn("shift 3.1 Å, rotation 4.0 degrees", words)
        self.assertIn("known to 1.2 Å and 2.0 degrees", words)
        self.assertIn("is not significant", wording.local_motion((3, 4), (1, 2), (0.0, 0.1), False))

    def test_dependences(self) -> None:
        for share, shown in ((0.123, "12 %"), (0.0512, "5.1 %"), (0.0005, "0.05 %")):
            flagged = wording.dependence("defocus", share, flagged=True, real=True, detectable=0.01, where=" (here)")
            start = f"{shown} of the variance of this coordinate depends on the defocus (here): "
            self.assertTrue(flagged.startswith(start), flagged)
        self.assertIn("negligible", wording.dependence("defocus", 0.004, flagged=False, real=True, detectable=0.003))
        for variable in ("view direction", "in-plane angle", "defocus", "origin size", "micrograph", "half-set",
                         "optics group"):
            none = wording.dependence(variable, 0.0, flagged=False, real=False, detectable=0.008)
            self.assertRegex(none, r"^no dependence on the [\w -]+ \(a share above 0\.8 % would be detected\)$")
        self.assertEqual(wording.ends_of_range((-0.5, 0.8), (0.25, 2.9), "µm"),
                         " (mean -0.50 at 0.8 µm, +0.25 at 2.9 µm)")

    def test_subunits(self) -> None:
        for values, words in (((0.1, -0.1), "subunits move independently"), ((0.4, 0.5), "subunits move together"),
                              ((-0.5, -0.5), "by -0.50, corrected for noise: subunits move in opposite directions"),
                              ((-0.4, 0.0), "some pairs move in opposite directions, others independently"),
                              ((0.5, 0.0), "some pairs move together, others independently"),
                              ((0.5, -0.5), "by -0.50 to 0.50, corrected for noise: some pairs move together, others")):
            self.assertIn(words, subunits.subunit_correlation("C7", 7, values))
        self.assertEqual(subunits.subunit_correlation("C7", 7, ()),
                         "Each of the 7 subunits (C7) of a particle has coordinates of its own.")
        shifted, narrow = (subunits.subunit_difference("p < 0.001", (3, 1), 0.45, spread) for spread in (1.1, 0.4))
        self.assertIn("subunit 3 along mode 1 (its mean differs from that of all by 0.45", shifted)
        self.assertIn("standard deviation is 0.40 times", narrow)


class TestLandscapesAndExports(unittest.TestCase):
    def test_points_without_particles(self) -> None:
        self.assertIn("no particles at this point", landscape.unpopulated_points(1, 1, "1"))
        self.assertIn("2 of 5 points have no particles (2, 5)", landscape.unpopulated_points(2, 5, "2, 5"))
        self.assertEqual(landscape.near_point(1234.4, "subunits", True), "about 1,234 subunits nearby")
        self.assertEqual(landscape.map_label(2, 9, [0.5, -1, 0, 0, 3]),
                         "map 2 of 9, at +0.50, -1.00, +0.00, +0.00, ...")
        self.assertEqual(landscape.map_label(2, 9, []), "map 2 of 9")
        self.assertRegex(landscape.populated_rule("particles", 0.99, 3.0),
                         "99% of the particles, and at least 3 particles")

    def test_ranges(self) -> None:
        for limits, words in (((1, None), "mode 3 from 1"), ((None, 2.5), "mode 3 to 2.5"),
                              ((1, 2.5), "mode 3 from 1 to 2.5")):
            self.assertEqual(export.in_range(3, *limits), words)
        self.assertEqual(export.written(2, 12, [], True), "2 of 12 particles (all), with refined poses")


class TestStyle(unittest.TestCase):
    def test_no_private_words(self) -> None:
        for module in (wording, landscape, export):
            self.assertEqual(re.findall(_PRIVATE, inspect.getsource(module)), [])


if __name__ == "__main__":
    unittest.main()
