"""Smaller parcels in and beside blocks."""

import unittest

import numpy as np

from gmmhet.engine.composition.refinement import finer_within
from gmmhet.engine.composition.settings import REFINEMENT


class TestFiner(unittest.TestCase):

    def setUp(self) -> None:
        axis = np.arange(0, 80, 8.0)
        self.centers = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
        self.parcel = (self.centers[:, 0] // 20).astype(np.int64)  # slabs along x
        self.block = np.array([0, 0, 0, 1])

    def test_parcels_of_a_block_and_beside_it_are_divided_and_the_others_stay(self) -> None:
        finer, parent = finer_within(self.centers, self.parcel, self.block, 20.0, 0)
        np.testing.assert_array_equal(parent[finer], self.parcel)  # each is a part of one
        counts = np.bincount(parent, minlength=4)
        np.testing.assert_array_equal(counts[:2], 1)  # 20 A and more from the block
        self.assertGreater(counts[3], 10)
        self.assertGreater(counts[2], 10)
        self.assertEqual(set(np.unique(finer)), set(range(len(parent))))

    def test_there_are_no_more_than_fit(self) -> None:
        centers = np.concatenate([self.centers + np.array([0, 0, 80.0 * i]) for i in range(4)])
        finer, parent = finer_within(centers, np.tile(self.parcel, 4), np.ones(4, np.int64), 20.0, 0)
        self.assertLessEqual(len(parent), REFINEMENT.parcels)
        self.assertGreater(len(parent), REFINEMENT.parcels // 2)
        self.assertEqual(int(finer.max()) + 1, len(parent))


if __name__ == "__main__":
    unittest.main()
