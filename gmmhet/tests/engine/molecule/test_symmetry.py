"""Point groups: order, closure, RELION's axes, asymmetric units, copies of a model."""

import unittest

import numpy as np

from gmmhet.engine.errors import InputError
from gmmhet.engine.molecule.gaussian_map import gaussian_density
from gmmhet.engine.molecule.gaussians import GaussianModel
from gmmhet.engine.molecule.symmetry import (
    asymmetric_unit,
    compact_direction,
    rotation_about,
    rotation_matrices,
    symmetric_copies,
)
from gmmhet.engine.simulate import preset

ORDERS = {"C1": 1, "C2": 2, "C7": 7, "D1": 2, "D2": 4, "D7": 14, "T": 12, "O": 24, "I": 60}


def holds(group: np.ndarray, rotation: np.ndarray) -> bool:
    return bool((np.abs(group - rotation).max(axis=(1, 2)) < 1e-6).any())


class TestRotationMatrices(unittest.TestCase):
    def test_rotations_about_an_axis(self):
        """A quarter turn about z takes x to y; about (1, 1, 1) a third takes x to y to z."""
        np.testing.assert_allclose(rotation_about((0, 0, 2), 0.25) @ [1, 0, 0], [0, 1, 0], atol=1e-15)
        np.testing.assert_allclose(rotation_about((1, 1, 1), 1 / 3), [[0, 0, 1], [1, 0, 0], [0, 1, 0]], atol=1e-15)

    def test_orders_and_group_axioms(self):
        for name, order in ORDERS.items():
            with self.subTest(name):
                group = rotation_matrices(name)
                self.assertEqual(len(group), order)
                np.testing.assert_allclose(group[0], np.eye(3), atol=1e-12)
                identities = np.tile(np.eye(3), (order, 1, 1))
                np.testing.assert_allclose(group @ group.transpose(0, 2, 1), identities, atol=1e-9)
                np.testing.assert_allclose(np.linalg.det(group), 1, atol=1e-9)
                for first in group:
                    for second in group:
                        self.assertTrue(holds(group, first @ second))
                for i in range(order):
                    self.assertFalse(holds(group[i + 1:], group[i]))

    def test_axes_are_where_relion_has_them(self):
        """RELION's operators: relion_refine --sym X --print_symmetry_ops; documentation, Conventions: Symmetry."""
        axes = {"C5": [(5, (0, 0, 1))], "D3": [(3, (0, 0, 1)), (2, (1, 0, 0))],
                "T": [(3, (0, 0, 1)), (2, (0, 0.816496, 0.577350))],
                "O": [(4, (1, 0, 0)), (4, (0, 1, 0)), (4, (0, 0, 1)), (3, (1, 1, 1))],
                "I": [(2, (1, 0, 0)), (2, (0, 1, 0)), (2, (0, 0, 1)), (5, (0.525731114, 0, 0.850650807)),
                      (3, (0, 0.356822076, 0.934172364))]}
        for name, expected in axes.items():
            for fold, axis in expected:
                self.assertTrue(holds(rotation_matrices(name), rotation_about(axis, 1 / fold)), (name, fold, axis))
        self.assertFalse(holds(rotation_matrices("I"), rotation_about((0, 0.525731114, 0.850650807), 1 / 5)))

    def test_unknown_group(self):
        for name in ("X3", "C0", "I9", ""):
            with self.assertRaisesRegex(InputError, "expected Cn, Dn, T, O or I"):
                rotation_matrices(name)


class TestCopies(unittest.TestCase):
    def test_every_orbit_has_one_point_in_the_asymmetric_unit(self):
        points = np.random.default_rng(0).normal(size=(200, 3)) * 50
        for name in ORDERS:
            orbits = np.einsum("gij,nj->gni", rotation_matrices(name), points)
            count = sum(asymmetric_unit(orbit, name).astype(int) for orbit in orbits)
            np.testing.assert_array_equal(count, 1)

    def test_subunits_stay_whole(self):
        """Subunits far from the axis, longer than wide, however the points were cut before."""
        rng = np.random.default_rng(5)
        subunit = rng.normal(size=(60, 3)) * (3, 6, 9) + (40, 10, 25)
        for name in ("C1", "C4", "D7", "T", "O", "I"):
            group = rotation_matrices(name)
            which = rng.integers(len(group), size=len(subunit))
            cut = np.einsum("nij,nj->ni", group[which], subunit)
            whole = np.einsum("gij,nj->gni", group, subunit).reshape(-1, 3)
            for points in (whole, cut):
                unit = asymmetric_unit(whole, name, compact_direction(points, name))
                self.assertEqual(unit.sum(), len(subunit))
                if name in ("C1", "C4", "D7"):  # of the larger groups this subunit overlaps with its copies
                    self.assertEqual(len(set(np.flatnonzero(unit) // len(subunit))), 1, name)

    def test_subunits_of_the_simulated_ring_stay_whole(self):
        """A unit along no particular direction cuts them; 108 atoms each, subunit after subunit."""
        atoms = preset("ring14").molecule.centers
        for direction, together in ((compact_direction(atoms, "D7"), True), ((0.8, 0.3, 0.5), False)):
            unit = np.flatnonzero(asymmetric_unit(atoms, "D7", direction)) // 108
            self.assertEqual(np.bincount(unit).max() >= 107, together)

    def test_unit_of_points_around_an_axis(self):
        """The mean of the whole lies on the axis: still every orbit has one point in the unit."""
        points = np.einsum("gij,nj->gni", rotation_matrices("D3"), np.random.default_rng(2).normal(size=(50, 3)))
        direction = compact_direction(points.reshape(-1, 3), "D3")
        np.testing.assert_array_equal(sum(asymmetric_unit(orbit, "D3", direction).astype(int) for orbit in points), 1)

    def test_copies_are_unchanged_by_the_group(self):
        rng = np.random.default_rng(1)
        model = GaussianModel(rng.normal(size=(3, 3)) * 10 + 15, rng.uniform(1, 2, 3), rng.uniform(5, 6, 3), 24, 4.0,
                              10.0, "D3")
        whole = symmetric_copies(model)
        self.assertEqual((len(whole), whole.symmetry), (18, "C1"))
        np.testing.assert_array_equal(whole.centers[:3], model.centers)
        self.assertAlmostEqual(whole.weights.sum(), 6 * model.weights.sum())
        density = gaussian_density(model).data
        for rotation in rotation_matrices("D3"):
            turned = GaussianModel(whole.centers @ rotation.T, whole.weights, whole.sigmas, 24, 4.0, 10.0)
            np.testing.assert_allclose(gaussian_density(turned).data, density, atol=1e-5 * density.max())


if __name__ == "__main__":
    unittest.main()
