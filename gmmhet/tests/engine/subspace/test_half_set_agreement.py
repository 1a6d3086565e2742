"""Agreement of half-sets, on spaces and coordinates of known angles and correlations."""

import unittest

import numpy as np

from gmmhet.engine.subspace.half_set_agreement import coordinate_correlation, principal_angles


class TestPrincipalAngles(unittest.TestCase):

    def setUp(self) -> None:
        rng = np.random.default_rng(3)
        self.metric = rng.uniform(0.2, 3.0, 30)
        raw = rng.normal(size=(30 * 4, 6))
        # orthonormal in the weighted inner product
        basis = np.linalg.qr(raw)[0].T.reshape(6, 30, 4) / np.sqrt(self.metric)[:, None]
        self.e = basis
        self.mix = np.array([[[2.0, 0.3, -1], [0.1, 0.5, 3], [1, 1, 1]], [[0, 1.0, 4], [-1, 1, 0], [2, 0, 1]]])

    def test_planted_angles_are_found_whatever_the_modes_of_either_space(self) -> None:
        """First space e0..e2, second each turned towards e3..e5 by 0.001, 20 and 90 degrees; then both mixed."""
        planted = np.array([0.001, 20.0, 90.0])
        turn = np.deg2rad(planted)[:, None, None]
        first, second = self.e[:3], np.cos(turn) * self.e[:3] + np.sin(turn) * self.e[3:]
        for a in (np.eye(3), self.mix[0]):
            for b in (np.eye(3), self.mix[1]):
                found = principal_angles(np.tensordot(a, first, 1), np.tensordot(b, second, 1), self.metric)
                np.testing.assert_allclose(found, planted, atol=1e-6)

    def test_gaussians_of_no_weight_do_not_count(self) -> None:
        metric = np.where(np.arange(30) < 20, self.metric, 0.0)
        other = self.e[:2].copy()
        other[:, 20:] = 50.0
        np.testing.assert_allclose(principal_angles(self.e[:2], other, metric), 0.0, atol=1e-6)

    def test_modes_that_span_nothing_agree_with_nothing(self) -> None:
        twice = np.stack([self.e[0], -3 * self.e[0]])
        np.testing.assert_allclose(principal_angles(twice, self.e[:2], self.metric), [0, 90], atol=1e-6)
        np.testing.assert_array_equal(principal_angles(0 * twice, self.e[:2], self.metric), [90, 90])


class TestCoordinateCorrelation(unittest.TestCase):

    def setUp(self) -> None:
        raw = np.random.default_rng(5).normal(size=(500, 6))
        # centred and exactly uncorrelated, so that planted correlations are exact
        self.e = np.linalg.qr(raw - raw.mean(0))[0] * np.sqrt(500)

    def test_planted_correlations_with_order_sign_and_scale_changed(self) -> None:
        """z' = r z + sqrt(1 - r^2) e has correlation r."""
        r = np.array([0.95, 0.6, 0.2])
        first = self.e[:, :3] * [1, 5, 0.1] + [3, 0, -2]
        second = (r * self.e[:, :3] + np.sqrt(1 - r**2) * self.e[:, 3:])[:, [2, 0, 1]] * [-1, 1, -7]
        canonical, matched = coordinate_correlation(first, second)
        np.testing.assert_allclose(canonical, r, atol=1e-12)
        np.testing.assert_allclose(matched, r, atol=1e-12)

    def test_a_turn_within_the_plane_lowers_only_the_matched_ones(self) -> None:
        """Turned by 30 degrees: each coordinate correlates cos 30 with its own; the plane is the same."""
        c, s = np.cos(np.pi / 6), np.sin(np.pi / 6)
        canonical, matched = coordinate_correlation(self.e[:, :2], self.e[:, :2] @ [[c, s], [-s, c]])
        np.testing.assert_allclose(canonical, 1, atol=1e-12)
        np.testing.assert_allclose(matched, c, atol=1e-12)

    def test_constant_coordinates_correlate_with_nothing(self) -> None:
        still = np.stack([self.e[:, 0], np.full(500, 2.0)], axis=1)
        canonical, matched = coordinate_correlation(still, self.e[:, [1, 0]])
        np.testing.assert_allclose(canonical, [1, 0], atol=1e-12)
        np.testing.assert_allclose(matched, [1, 0], atol=1e-12)


if __name__ == "__main__":
    unittest.main()
