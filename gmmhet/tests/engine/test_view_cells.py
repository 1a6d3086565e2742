"""Cells of the sphere of views: of one area, and each view in the one that holds it."""

import unittest

import numpy as np
from matplotlib.figure import Figure

from gmmhet.engine.view_cells import counts_in_cells, draw_cells, view_cells


def directions(n: int, seed: int = 0) -> np.ndarray:
    views = np.random.default_rng(seed).standard_normal((n, 3))
    return views / np.linalg.norm(views, axis=1)[:, np.newaxis]


class TestViewCells(unittest.TestCase):

    def test_areas_are_equal_and_add_up_to_the_sphere(self) -> None:
        cells = view_cells()
        areas = 2 * np.pi * -np.diff(cells.heights) / cells.number
        np.testing.assert_allclose(areas, 4 * np.pi / cells.number.sum(), rtol=1e-12)
        self.assertEqual((cells.heights[0], cells.heights[-1]), (1.0, -1.0))
        self.assertEqual((cells.number[0], cells.number[-1]), (1, 1))  # caps at the poles

    def test_cells_are_about_as_wide_as_high(self) -> None:
        cells = view_cells()
        tilt = np.arccos(np.clip(cells.heights, -1, 1))
        high = np.diff(tilt)[1:-1]
        wide = (2 * np.pi / cells.number * np.sin((tilt[:-1] + tilt[1:]) / 2))[1:-1]
        self.assertLess(float(np.maximum(wide / high, high / wide).max()), 2.0)

    def test_an_even_spread_is_even_at_the_poles_too(self) -> None:
        """200 views a cell: Poisson's deviation is 7 %, and the largest of 400 about 3.5 times that."""
        count = int(view_cells().number.sum())
        share = counts_in_cells(directions(200 * count))
        self.assertAlmostEqual(float(share.mean()), 1.0, places=12)
        self.assertLess(float(share.std()), 0.09)
        self.assertLess(float(share.max()), 1.4)
        self.assertAlmostEqual(float(share[[0, -1]].mean()), 1.0, delta=0.25)

    def test_a_view_is_in_the_cell_whose_bounds_hold_it(self) -> None:
        cells, views = view_cells(), directions(500, 1)
        found = cells.of(views)
        row = np.searchsorted(cells.first, found, side="right") - 1
        self.assertTrue(np.all(views[:, 2] <= cells.heights[row] + 1e-12))
        self.assertTrue(np.all(views[:, 2] >= cells.heights[row + 1] - 1e-12))
        turn = (np.arctan2(views[:, 1], views[:, 0]) + np.pi) / (2 * np.pi) * cells.number[row]
        np.testing.assert_array_equal(np.floor(turn).astype(int), found - cells.first[row])

    def test_ends_of_the_range(self) -> None:
        last = int(view_cells().number.sum()) - 1
        views = np.array([[0.0, 0, 1], [0, 0, -1], [-1, 0, 0], [-1, -1e-300, 0]])
        found = view_cells().of(views)
        self.assertEqual((found[0], found[1]), (0, last))
        self.assertTrue(np.all((found >= 0) & (found <= last)))

    def test_what_is_drawn_has_the_value_of_each_cell(self) -> None:
        share = np.arange(view_cells().number.sum(), dtype=float)
        axes = Figure().add_subplot(projection="mollweide")
        draw_cells(axes, share)
        drawn = [np.asarray(mesh.get_array()) for mesh in axes.collections]
        self.assertEqual(len(drawn), len(view_cells().number))
        for values, first, number in zip(drawn, view_cells().first, view_cells().number, strict=True):
            self.assertEqual(set(np.unique(values)), set(share[first:first + number]))


if __name__ == "__main__":
    unittest.main()
