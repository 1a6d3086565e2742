"""Movements of a part against planted turns and shifts, and changes of density against planted amounts."""

import unittest

import numpy as np
from scipy.spatial.transform import Rotation

from gmmhet.engine.molecule.change_of_density import _Overlaps, rigid_rate
from gmmhet.engine.molecule.changing_density import changing_part
from gmmhet.engine.molecule.moving_part import moving_part, turn_along

AXIS = np.array([1.0, 2.0, 2.0]) / 3


def two_bodies(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A body of 90 Gaussians, and an arm of 30 beside it; whether each is of the arm."""
    rng = np.random.default_rng(seed)
    body = rng.uniform(-1, 1, (90, 3)) * [30, 35, 30] - [20, 0, 0]
    arm = rng.uniform(-1, 1, (30, 3)) * [25, 12, 12] + [38, 0, 0]
    return np.concatenate([body, arm]), np.repeat([False, True], [90, 30])


class TestMovingPart(unittest.TestCase):

    def setUp(self) -> None:
        self.centers, self.arm = two_bodies(0)
        self.weights = np.random.default_rng(1).uniform(0.5, 1.5, 120)
        self.pivot = np.array([12.0, 1.0, -2.0])

    def turned(self, degrees: float) -> np.ndarray:
        out = self.centers.copy()
        turn = Rotation.from_rotvec(np.deg2rad(degrees) * AXIS).as_matrix()
        out[self.arm] = (self.centers[self.arm] - self.pivot) @ turn.T + self.pivot
        return out

    def test_a_planted_hinge_comes_back_whatever_the_molecule_does_as_a_whole(self) -> None:
        whole = Rotation.from_euler("zyx", [10, -20, 15], degrees=True).as_matrix()
        found = moving_part(self.turned(-15), self.turned(20) @ whole.T + [3, -4, 5], self.weights)
        assert found is not None
        np.testing.assert_array_equal(found.inside, self.arm)
        self.assertAlmostEqual(found.turn, 35, places=6)
        np.testing.assert_allclose(found.axis, AXIS, atol=1e-9)
        self.assertAlmostEqual(float(np.linalg.norm(np.cross(found.hinge - self.pivot, AXIS))), 0, places=6)
        self.assertAlmostEqual(found.pitch, 0, places=6)
        self.assertAlmostEqual(found.rigid, 1, places=9)
        self.assertAlmostEqual(found.share, self.weights[self.arm].sum() / self.weights.sum(), places=12)
        self.assertTrue(found.turns)

    def test_turns_along_a_path_add_up_whatever_the_molecule_does_as_a_whole(self) -> None:
        rng = np.random.default_rng(3)
        for angles, degrees in ((np.linspace(0, 360, 25), 360.0), (np.linspace(-70, 75, 9), 145.0)):
            wholes = Rotation.from_rotvec(0.3 * rng.normal(size=(len(angles), 3))).as_matrix()
            path = np.stack([self.turned(a) @ w.T + rng.normal(size=3)
                             for a, w in zip(angles, wholes, strict=True)])
            self.assertAlmostEqual(turn_along(path, self.weights, self.arm), degrees, places=5)

    def test_the_distance_is_the_root_mean_square_displacement_of_the_mass(self) -> None:
        before, after = self.turned(0), self.turned(30)
        found = moving_part(before, after, self.weights)
        assert found is not None
        squares = ((after - before)[self.arm] ** 2).sum(1)
        self.assertAlmostEqual(found.distance, np.sqrt(np.average(squares, weights=self.weights[self.arm])), places=6)

    def test_a_shift_is_no_turn(self) -> None:
        after = self.centers + np.where(self.arm[:, None], [0.0, 6.0, 2.0], 0.0)
        found = moving_part(self.centers, after, self.weights)
        assert found is not None
        self.assertFalse(found.turns)
        self.assertAlmostEqual(found.distance, np.sqrt(40), places=9)

    def test_noise_on_every_displacement_hardly_changes_the_turn(self) -> None:
        rng = np.random.default_rng(3)
        found = moving_part(self.turned(-10), self.turned(10) + 0.5 * rng.normal(size=(120, 3)), self.weights)
        assert found is not None
        self.assertAlmostEqual(found.turn, 20, delta=1)
        self.assertGreater((found.inside == self.arm).mean(), 0.93)

    def test_a_part_that_bends_is_no_rigid_body(self) -> None:
        after = self.centers.copy()
        along = self.centers[self.arm, 0] - 13
        after[self.arm, 2] += 10 * np.sin(along / 4)
        found = moving_part(self.centers, after, self.weights)
        assert found is not None
        self.assertLess(found.rigid, 0.9)

    def test_nothing_that_moves_is_no_part(self) -> None:
        self.assertIsNone(moving_part(self.centers, self.centers, self.weights))


class TestRigidRate(unittest.TestCase):

    def setUp(self) -> None:
        self.centers, self.arm = two_bodies(6)
        rng = np.random.default_rng(7)
        self.weights, self.sigmas = rng.uniform(0.5, 1.5, 120), rng.uniform(4, 6, 120)
        self.pivot = np.array([12.0, 1.0, -2.0])

    def test_the_overlaps_are_those_of_maps(self) -> None:
        """Of two changes of a map of three Gaussians, on a grid."""
        centers, weights, sigmas = self.centers[:3] / 8, self.weights[:3], self.sigmas[:3]
        rng = np.random.default_rng(8)
        one, other = rng.normal(size=(2, 3, 4))
        axis = np.arange(-30, 30, 1.5)
        grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
        square = sigmas**2 + 2.0**2

        def change(field: np.ndarray) -> np.ndarray:
            apart = grid[..., None, :] - centers
            height = weights * np.exp(-0.5 * (apart**2).sum(-1) / square) / (2 * np.pi * square) ** 1.5
            return (height * (field[:, 3] + (apart * field[:, :3]).sum(-1) / square)).sum(-1)

        expected = (change(one) * change(other)).sum() * 1.5**3 * (2 * np.pi) ** 1.5
        found = (_Overlaps(centers, weights, sigmas, 2.0).of(one[None])[0] * other).sum()
        self.assertAlmostEqual(found / expected, 1, places=6)

    def test_a_planted_movement_comes_back_whatever_the_whole_does(self) -> None:
        turn, shift = np.array([0.1, -0.05, 0.2]), np.array([1.0, 2.0, -0.5])
        middle = np.average(self.centers[self.arm], axis=0, weights=self.weights[self.arm])
        moved = np.cross([0.02, 0.03, -0.1], self.centers) + np.array([0.5, -1, 2])
        moved[self.arm] += shift + np.cross(turn, self.centers[self.arm] - middle)
        found = rigid_rate(self.centers, self.weights, self.sigmas, (moved, np.where(self.arm, 0.1, -0.02)), self.arm,
                           16.0)
        np.testing.assert_allclose(found.turn, turn, atol=1e-8)
        np.testing.assert_allclose(found.shift, shift, atol=1e-7)

    def test_weights_that_change_move_density_too(self) -> None:
        """Where displacements hold seven tenths of a turn and weights the rest, displacements alone fall short."""
        rng = np.random.default_rng(9)
        fine = np.concatenate([self.centers[:90], rng.uniform(-1, 1, (400, 3)) * [25, 12, 12] + [38, 0, 0]])
        arm = np.arange(490) >= 90
        weights, sigmas = np.where(arm, 0.1, 1.0), np.full(490, 5.0)
        field = np.zeros((490, 3))
        field[arm] = np.cross(0.2 * AXIS, fine[arm] - self.pivot)
        away = (fine - fine[arm].mean(0)) / [14.0, 7.0, 7.0]
        amounts = np.where(arm, 0.3 * (field * away / [14.0, 7.0, 7.0]).sum(1), 0.0)  # of a normal distribution
        found = rigid_rate(fine, weights, sigmas, (0.7 * field, amounts), arm, 16.0)
        self.assertGreater(float(found.turn @ AXIS), 0.85 * 0.2)

    def test_the_axis_is_that_of_the_movement(self) -> None:
        moved = np.where(self.arm[:, None], np.cross(0.3 * AXIS, self.centers - self.pivot), 0.0)
        part = moving_part(self.centers - moved / 2, self.centers + moved / 2, self.weights)
        assert part is not None
        rate = rigid_rate(self.centers, self.weights, self.sigmas, (moved, np.zeros(120)), self.arm, 16.0)
        found = part.moving_at(rate, 2.0, self.centers, self.weights)
        self.assertAlmostEqual(found.turn, np.rad2deg(0.6), places=6)
        self.assertAlmostEqual(float(np.linalg.norm(np.cross(found.hinge - self.pivot, AXIS))), 0, places=5)


class TestChangingPart(unittest.TestCase):

    def setUp(self) -> None:
        self.centers, self.arm = two_bodies(2)
        self.weights = np.random.default_rng(4).uniform(0.5, 1.5, 120)
        self.far = self.arm & (self.centers[:, 0] > 40)

    def test_a_planted_domain_is_found_with_its_mass(self) -> None:
        """Contrast takes up 3 % of all: the change of the rest counts as none."""
        amplitude = np.where(self.far, 0.8, 0.0) - 0.03
        found = changing_part(self.centers, self.weights, amplitude, 16.0)
        assert found is not None
        np.testing.assert_array_equal(found.inside, self.far)
        self.assertAlmostEqual(found.change, 0.8 * self.weights[self.far].sum() / self.weights.sum(), places=12)
        self.assertAlmostEqual(found.inner, 0.8, places=12)
        self.assertTrue(found.comes_and_goes)
        self.assertAlmostEqual(found.mass_at(-1), 0.2, places=12)
        self.assertEqual(found.mass_at(-2), 0.0)

    def test_the_sign_is_that_of_the_mode(self) -> None:
        found = changing_part(self.centers, self.weights, np.where(self.far, -0.8, 0.0), 16.0)
        assert found is not None
        self.assertLess(found.change, 0)
        np.testing.assert_array_equal(found.inside, self.far)

    def test_density_that_only_goes_elsewhere_does_not_come_and_go(self) -> None:
        side = self.centers[:, 1] > 0
        amplitude = np.where(self.arm & side, 0.5, np.where(self.arm, -0.5, 0.0))
        found = changing_part(self.centers, self.weights, amplitude, 16.0)
        assert found is not None
        self.assertFalse(found.comes_and_goes)

    def test_no_change_is_none(self) -> None:
        self.assertIsNone(changing_part(self.centers, self.weights, np.full(120, 0.1), 16.0))


if __name__ == "__main__":
    unittest.main()
