"""Sentences on what modes do: figures with units and errors."""

import unittest

from gmmhet.engine.wording import names

SPACE = "\N{NO-BREAK SPACE}"


class TestNames(unittest.TestCase):

    def setUp(self) -> None:
        self.mass = names.MassWords(0.18, 14.6)
        self.where = names.place((0.9, -0.1, 0.2), 36.2, 30.0)

    def test_a_hinge(self) -> None:
        hinge = names.MotionWords(self.mass, self.where, 19.2, 38.4, (10.4, -0.2, 0.6))
        self.assertEqual(names.motion_sentence(1, hinge), (
            f"Mode 1: a part of about 15{SPACE}kDa (18{SPACE}%), at the periphery, towards +x (36{SPACE}Å from the "
            f"centre of mass), turns by 38{SPACE}degrees about a hinge at (10, 0, 1){SPACE}Å, which moves it by "
            f"19{SPACE}Å (root mean square), between the 5th and the 95th percentile of the particles."))
        self.assertEqual(hinge.short, f"a part of 15{SPACE}kDa turns by 38{SPACE}degrees")

    def test_a_shift_that_is_not_rigid(self) -> None:
        shift = names.MotionWords(names.MassWords(0.05, None), self.where, 4.25, rigid=0.61, whole=False)
        said = names.motion_sentence(2, shift)
        self.assertIn(f"a part of 5.0{SPACE}% of the molecule, ", said)
        self.assertIn(f"moves by 4.2{SPACE}Å", said)
        self.assertIn(f"Only 61{SPACE}% of its squared displacement", said)

    def test_a_closed_path(self) -> None:
        path = names.MotionWords(self.mass, self.where, 31.2, 194.0, (10.4, -0.2, 0.6), around=True)
        self.assertIn(f"goes around a closed path of 31{SPACE}Å across (root mean square).",
                      names.motion_sentence(1, path))
        self.assertEqual(path.short, f"a part of 15{SPACE}kDa goes around a closed path")
        turn = names.MotionWords(self.mass, self.where, 31.2, 352.0, (10.4, -0.2, 0.6), around=True)
        self.assertIn("(root mean square), turning all the way round.", names.motion_sentence(1, turn))
        self.assertTrue(turn.short.endswith("goes around a closed path, turning all the way round"))

    def test_density_that_is_present_in_some(self) -> None:
        said = names.density_sentence(2, names.DensityWords(self.mass, self.where, 0.62, 0.021, 0.1))
        self.assertIn(f"is present in 62 ± 2{SPACE}% of the particles and absent from the others", said)
        more = names.density_sentence(2, names.DensityWords(self.mass, self.where, 0.62, 0.021, 0.7))
        self.assertIn(f"the others have 70{SPACE}% of the density", more)

    def test_a_share_that_is_not_known_is_not_said(self) -> None:
        unknown = names.DensityWords(self.mass, self.where)
        self.assertIn("the share of the particles that have it is not known", names.density_sentence(1, unknown))
        self.assertEqual(unknown.short, f"density of 15{SPACE}kDa varies")

    def test_places(self) -> None:
        self.assertEqual(names.place((1.0, 0, 0), 5.0, 30.0), "in the middle of the molecule")
        self.assertIn("towards +y and \N{MINUS SIGN}z", names.place((0.1, 0.7, -0.7), 20.0, 30.0))

    def test_kinds_and_headlines(self) -> None:
        self.assertEqual(names.kinds_found(2, 1, 0, 0), "2 motions, 1 change in the amount of density")
        self.assertEqual(names.kinds_found(0, 0, 0, 0), "")
        self.assertEqual(names.headline(["a part moves", "density varies"], 2), "A part moves; density varies")
        self.assertEqual(names.headline(["a"] * 3, 3), "3 significant modes")


if __name__ == "__main__":
    unittest.main()
