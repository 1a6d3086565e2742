"""Sums at scattered frequencies, normal equations and their solution against direct sums."""

import unittest

import numpy as np

from gmmhet.engine.reconstruction import Accumulator, ball, solve
from gmmhet.engine.reconstruction.solver import _System
from gmmhet.engine.reconstruction.spreading import Spreader, even_size


def scattered(rng, m):
    """Frequencies in the ball inside the Nyquist cube, values and positive weights."""
    direction = rng.normal(size=(3, m))
    points = np.pi * rng.random(m) ** (1 / 3) * direction / np.linalg.norm(direction, axis=0)
    values = rng.normal(size=m) + 1j * rng.normal(size=m)
    return points.astype(np.float32), values.astype(np.complex64), rng.uniform(0.5, 1.5, m).astype(np.float32)


def waves(points, box):
    """[m, box^3] exp(-i p.x) of all voxels (z, y, x) about box // 2."""
    axis = np.arange(box) - box // 2
    z, y, x = (a.ravel() for a in np.meshgrid(axis, axis, axis, indexing="ij"))
    p = points.astype(np.float64)
    return np.exp(-1j * (np.outer(p[0], x) + np.outer(p[1], y) + np.outer(p[2], z)))


def direct_operator(points, weights, box):
    """[box^3, box^3] T = 2 Re sum_j w_j exp(i p_j.(x - x'))."""
    w = waves(points, box)
    return 2 * (w.conj().T @ (weights[:, None] * w)).real


def equations_of(points, values, weights, box, **options):
    accumulator = Accumulator(box, **options)
    accumulator.add(points, weights * values, weights)
    return accumulator.finish()


class TestSums(unittest.TestCase):
    def setUp(self):
        self.rng = np.random.default_rng(1)

    def test_data_term_is_the_direct_sum(self):
        """Error below the tolerance asked of the spreader (in the maximum norm three times it), odd and even boxes."""
        for box in (8, 11):
            for tolerance in (1e-2, 1e-3, 1e-4):
                with self.subTest(box=box, tolerance=tolerance):
                    points, values, weights = scattered(self.rng, 400)
                    found = equations_of(points, values, weights, box, tolerance=tolerance).data
                    true = 2 * (waves(points, box).conj().T @ (weights * values)).real.reshape((box,) * 3)
                    self.assertLess(np.abs(found - true).max(), 3 * tolerance * np.abs(true).max())

    def test_points_of_both_half_spaces_and_the_faces(self):
        """Folding to x >= 0 is exact also for points on the plane x = 0, at Nyquist and at the origin."""
        points = np.array([[0, 0, 0], [0, 1, -2], [0, -1, 2], [3.14, 0.1, 0], [-3.14, 3, 1], [-1, 2, -3],
                           [1e-3, 3.1, 3.1]], np.float32).T
        values = np.arange(1, 8) + 1j * np.arange(7)[::-1]
        found = equations_of(points, values.astype(np.complex64), np.ones(7, np.float32), 10, tolerance=1e-4).data
        true = 2 * (waves(points, 10).conj().T @ values).real.reshape((10,) * 3)
        np.testing.assert_allclose(found, true, atol=3e-4 * np.abs(true).max())

    def test_operator_inside_the_ball(self):
        """T applied to a map in the ball, compared inside it: 1e-3 of its norm, the default tolerance."""
        for box in (10, 13):
            with self.subTest(box=box):
                points, values, weights = scattered(self.rng, 400)
                inside = ball(box)
                density = (inside * self.rng.normal(size=(box,) * 3)).astype(np.float32)
                equations = equations_of(points, values, weights, box)
                system = _System(equations, np.full(box // 2 + 1, 1e-12), 1)
                true = (direct_operator(points, weights, box) @ density.ravel()).reshape(density.shape)
                error = np.linalg.norm(inside * (system.apply(density) - true)) / np.linalg.norm(inside * true)
                self.assertLess(error, 1e-3)

    def test_kernel_transform_is_one_grid_point_wide_sum(self):
        """A point exactly on a cell: its transform over the kernel's is a pure wave, to the tolerance."""
        spreader = Spreader(even_size(40), 1e-4)
        point = np.array([[2 * np.pi * 3 / spreader.size], [0], [0]], np.float32)
        found = spreader.density(spreader.spread(point, np.ones(1, np.complex64)), 16)
        x = np.arange(16) - 8
        np.testing.assert_allclose(found[8, 8], 2 * np.cos(2 * np.pi * 3 * x / spreader.size), atol=1e-3)

    def test_sizes_are_even_and_quick(self):
        for at_least in (1, 33, 97, 181.25, 643):
            size = even_size(at_least)
            self.assertGreaterEqual(size, at_least)
            rest = size
            for prime in (2, 3, 5):
                while rest % prime == 0:
                    rest //= prime
            self.assertEqual((size % 2, rest), (0, 1))

    def test_parts_add_up(self):
        """Batches into one accumulator, and equations of parts, equal those of all to float32 rounding."""
        points, values, weights = scattered(self.rng, 300)
        whole = equations_of(points, values, weights, 9)
        accumulator = Accumulator(9)
        for some in (slice(0, 100), slice(100, 300)):
            accumulator.add(points[:, some], (weights * values)[some], weights[some])
        batched = accumulator.finish()
        parts = [equations_of(points[:, s], values[s], weights[s], 9) for s in (slice(0, 50), slice(50, 300))]
        for other in (batched, parts[0] + parts[1]):
            np.testing.assert_allclose(other.data, whole.data, atol=1e-5 * np.abs(whole.data).max())
            np.testing.assert_allclose(other.transfer, whole.transfer, atol=1e-5 * whole.transfer.max())

    def test_nothing_added(self):
        self.assertIsNone(Accumulator(8).finish())


class TestSolution(unittest.TestCase):
    def test_dense_least_squares(self):
        """The minimum over maps in the ball of sum w |F v - y|^2 + rho |v|^2 / 2, from the dense matrix.

        The operator is good to 7e-5 and its condition number is below 30 here, so 2e-3 of the largest voxel.
        """
        rng = np.random.default_rng(2)
        for box in (8, 9):
            with self.subTest(box=box):
                points, values, weights = scattered(rng, 3 * box**3)
                inside = (ball(box) > 0.5).astype(np.float32)
                voxels = np.flatnonzero(inside)
                operator = direct_operator(points, weights, box)[np.ix_(voxels, voxels)]
                rho = 0.1 * operator[0, 0]
                data = 2 * (waves(points, box).conj().T @ (weights * values)).real[voxels]
                true = np.linalg.solve(operator + rho * np.eye(len(voxels)), data)
                self.assertLess(np.linalg.cond(operator + rho * np.eye(len(voxels))), 30)
                equations = equations_of(points, values, weights, box, tolerance=1e-4)
                found = solve(equations, np.full(box // 2 + 1, rho), support=inside, tolerance=1e-6, iterations=60)
                self.assertEqual(np.abs(found[inside == 0]).max(), 0)
                np.testing.assert_allclose(found.ravel()[voxels], true, atol=2e-3 * np.abs(true).max())

    def test_prior_by_shell_against_dense(self):
        """A prior that rises with frequency; R is the same multiplier on the grid of twice the box."""
        rng = np.random.default_rng(3)
        box = 8
        points, values, weights = scattered(rng, 1500)
        equations = equations_of(points, values, weights, box, tolerance=1e-4)
        inside = (ball(box) > 0.5).astype(np.float32)
        prior = 300.0 * (1 + np.arange(box // 2 + 1.0)) ** 2
        size = equations.size
        frequency = np.fft.fftfreq(size, 1 / box)
        radius = np.sqrt(sum(np.square(g) for g in np.meshgrid(frequency, frequency, frequency, indexing="ij")))
        kernel = np.fft.ifftn(prior[np.minimum(np.rint(radius).astype(int), box // 2)]).real
        place = np.stack(np.unravel_index(np.flatnonzero(inside), inside.shape))
        offset = (place[:, :, None] - place[:, None, :]) % size
        voxels = np.flatnonzero(inside)
        operator = direct_operator(points, weights, box)[np.ix_(voxels, voxels)] + kernel[tuple(offset)]
        data = 2 * (waves(points, box).conj().T @ (weights * values)).real[voxels]
        true = np.linalg.solve(operator, data)
        found = solve(equations, prior, support=inside, tolerance=1e-6, iterations=60)
        np.testing.assert_allclose(found[inside > 0], true, atol=2e-3 * np.abs(true).max())

    def test_shell_weights(self):
        """T over the shells of the box: for one frequency the mean over its shell, summing to 2 w box^3 in all."""
        box = 16
        index = np.array([3, 0, 0], np.float32)
        equations = equations_of(2 * np.pi / box * index[:, None], np.ones(1, np.complex64),
                                 np.full(1, 5, np.float32), box)
        found = equations.shell_weights()
        self.assertEqual(int(np.argmax(found)), 3)
        self.assertAlmostEqual(float(equations.data[8, 8, 8]), 2 * 5, delta=0.02)


class TestMotionUndone(unittest.TestCase):
    """Measurements of a body that is displaced and turned in every view, brought home through points and values."""

    def setUp(self):
        rng = np.random.default_rng(4)
        self.box, self.width = 20, 1.2
        self.centers = rng.uniform(-2, 2, (6, 3))
        self.mass = rng.uniform(1, 2, 6)
        axis = np.arange(self.box) - self.box // 2
        profile = np.exp(-0.5 * ((axis - self.centers.T[:, :, None]) / self.width) ** 2)
        self.true = np.einsum("n,nz,ny,nx->zyx", self.mass, profile[2], profile[1], profile[0])
        self.frames = np.linalg.qr(rng.normal(size=(150, 3, 3)))[0]  # of every view; rows 0 and 1 span its slice
        self.turns = np.linalg.qr(np.eye(3) + 0.3 * rng.normal(size=(150, 3, 3)))[0]
        self.turns *= np.linalg.det(self.turns)[:, None, None]
        self.shifts = rng.normal(size=(150, 3)) * 1.5

    def transform(self, points):
        """The body's own, [m] at points [3, m]: sum of its Gaussians' in closed form."""
        waves = np.exp(-1j * (self.centers @ points))
        fall = (2 * np.pi * self.width**2) ** 1.5 * np.exp(-0.5 * self.width**2 * np.square(points).sum(axis=0))
        return fall * (self.mass @ waves)

    def solved(self, undo):
        """The map from slices of the body at x -> turn x + shift, F(p) = exp(-i p.shift) F_body(turn.T p)."""
        accumulator = Accumulator(self.box)
        y, x = np.meshgrid(np.arange(-9, 10), np.arange(10), indexing="ij")
        inside = (np.hypot(x, y) < 9.5) & ((x > 0) | (y >= 0))
        index = 2 * np.pi / self.box * np.stack([x[inside], y[inside]])
        weights = np.where(np.hypot(*index) == 0, 0.5, 1).astype(np.float32)
        for frame, turn, shift in zip(self.frames, self.turns, self.shifts, strict=True):
            points = frame[:2].T @ index
            values = np.exp(-1j * (shift @ points)) * self.transform(turn.T @ points)
            if undo:
                values, points = values * np.exp(1j * (shift @ points)), turn.T @ points
            accumulator.add(points.astype(np.float32), (weights * values).astype(np.complex64), weights)
        equations = accumulator.finish()
        return solve(equations, 0.01 * equations.shell_weights(), iterations=8)

    def correlation(self, found):
        return float(np.corrcoef(found.ravel(), self.true.ravel())[0, 1])

    def test_displaced_and_turned_views(self):
        self.assertLess(self.correlation(self.solved(undo=False)), 0.9)
        found = self.solved(undo=True)
        self.assertGreater(self.correlation(found), 0.99)
        self.assertAlmostEqual(float((found * self.true).sum() / np.square(self.true).sum()), 1, delta=0.02)
