"""Indices at equal distances."""

import unittest

import numpy as np

from gmmhet.engine.sampling import evenly_spread


class TestEvenlySpread(unittest.TestCase):

    def test_all_where_there_are_no_more(self) -> None:
        for count, most in ((0, 5), (1, 5), (5, 5), (5, 100), (1000, 1000)):
            np.testing.assert_array_equal(evenly_spread(count, most), np.arange(count))
            np.testing.assert_array_equal(evenly_spread(count, most, nearest=True), np.arange(count))

    def test_some_at_equal_distances_with_both_ends(self) -> None:
        for count, most in ((1000, 7), (101, 100), (12345, 500)):
            for nearest in (False, True):
                found = evenly_spread(count, most, nearest=nearest)
                self.assertEqual((found[0], found[-1], len(found)), (0, count - 1, most))
                self.assertLessEqual(np.ptp(np.diff(found)), 1)
        np.testing.assert_array_equal(evenly_spread(6, 3), [0, 2, 5])
        np.testing.assert_array_equal(evenly_spread(8, 3, nearest=True), [0, 4, 7])


if __name__ == "__main__":
    unittest.main()
