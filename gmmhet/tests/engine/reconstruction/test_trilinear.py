"""Maps without finufft: trilinear spreading against direct loops, and against the other route on a smooth map."""

import itertools
import os
import subprocess
import sys
import unittest
from unittest import mock

import numpy as np

from gmmhet.engine.config import ReconstructConfig
from gmmhet.engine.io import read_map
from gmmhet.engine.reconstruction import reconstruct, solve, spreading
from gmmhet.engine.reconstruction.trilinear import TrilinearPlan
from gmmhet.tests.engine.reconstruction.test_equations import equations_of, scattered, waves
from gmmhet.tests.engine.reconstruction.test_reconstruction import Workspace

# Runs the command line where finufft cannot be imported.
WITHOUT_FINUFFT = ("import sys; sys.modules['finufft'] = None; from gmmhet.engine.commands.main import main; "
                   "sys.exit(main(sys.argv[1:]))")


class TestPlan(unittest.TestCase):
    def test_shares_of_the_eight_cells(self):
        """Against a loop over the points and their cells, round the period, in several portions."""
        rng = np.random.default_rng(0)
        shape = (4, 6, 5)
        points = rng.uniform(-2 * np.pi, np.pi, (3, 40))
        points[:, 0] = [0, -np.pi, np.pi * (1 - 1e-9)]
        values = (rng.normal(size=40) + 1j * rng.normal(size=40)).astype(np.complex64)
        expected = np.zeros(shape, complex)
        for j in range(40):
            place = [points[a, j] / (2 * np.pi) * n + n / 2 for a, n in enumerate(shape)]
            for step in itertools.product((0, 1), repeat=3):
                cell = [int(np.floor(p)) + s for p, s in zip(place, step, strict=True)]
                share = np.prod([1 - abs(p - c) for p, c in zip(place, cell, strict=True)])
                expected[tuple(c % n for c, n in zip(cell, shape, strict=True))] += share * values[j]
        plan = TrilinearPlan(shape)
        with mock.patch("gmmhet.engine.reconstruction.trilinear._POINTS_AT_ONCE", 16):
            plan.setpts(*points)
            np.testing.assert_allclose(plan.execute(values), expected, atol=1e-5)


class TestWithoutFinufft(Workspace):
    def setUp(self):
        super().setUp()
        without = mock.patch.object(spreading, "finufft", None)
        without.start()
        self.addCleanup(without.stop)

    def test_sums_near_the_centre(self):
        """Along each axis the grid's period P folds back by (x / (P - x))^2, P twice the box or little more."""
        rng = np.random.default_rng(1)
        for box in (16, 17):
            points, values, weights = scattered(rng, 300)
            found = equations_of(points, values, weights, box).data
            true = 2 * (waves(points, box).conj().T @ (weights * values)).real.reshape((box,) * 3)
            for reach in (box // 8, box // 4):
                inner = (slice(box // 2 - reach, box // 2 + reach + 1),) * 3
                error = np.linalg.norm(found[inner] - true[inner]) / np.linalg.norm(true[inner])
                self.assertLess(error, 3 * (reach / (2 * box - reach)) ** 2)

    def test_a_solved_map_agrees_with_the_other_route(self):
        """A smooth body of half the box's width, its transform in closed form: 2% of its norm."""
        rng = np.random.default_rng(2)
        box, center, width = 20, np.array([1.0, -1.0, 0.0]), 1.7
        points, _, weights = scattered(rng, 20000)
        axis = np.arange(box) - box // 2
        offset = [axis - c for c in center]
        square = offset[2][:, None, None] ** 2 + offset[1][:, None] ** 2 + offset[0] ** 2
        true = np.exp(-0.5 * square / width**2)
        values = np.exp(-0.5 * width**2 * np.square(points).sum(axis=0) - 1j * (center @ points))
        values *= (2 * np.pi * width**2) ** 1.5
        maps = []
        for module in (None, self.finufft()):
            with mock.patch.object(spreading, "finufft", module):
                equations = equations_of(points, values.astype(np.complex64), weights, box)
                maps.append(solve(equations, 1e-4 * equations.shell_weights(), iterations=8))
        self.assertLess(np.linalg.norm(maps[1] - true) / np.linalg.norm(true), 0.04)  # 8 iterations
        self.assertLess(np.linalg.norm(maps[0] - maps[1]) / np.linalg.norm(true), 0.02)

    @staticmethod
    def finufft():
        import finufft
        return finufft

    def test_the_stage_agrees_with_the_other_route(self):
        """From images: 2% of the map's norm; on a machine without finufft one line tells."""
        data = self.particles(noise=0.5)
        latents = data.write_star("latents.star")
        with mock.patch.object(spreading, "finufft", self.finufft()):
            reconstruct(data.folder / "particles.star", latents, ReconstructConfig(n=1), self.folder / "with")
        command = [sys.executable, "-c", WITHOUT_FINUFFT, "reconstruct", str(data.folder / "particles.star"),
                   "--latents", str(latents), "--n", "1", "-o", str(self.folder / "without")]
        ran = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
        told = [line for line in ran.stderr.splitlines() if "finufft" in line]
        self.assertEqual(len(told), 1)
        self.assertIn("trilinear", told[0])
        maps = [read_map(self.folder / name / "map_01.mrc").data for name in ("with", "without")]
        self.assertLess(np.linalg.norm(maps[0] - maps[1]) / np.linalg.norm(maps[0]), 0.02)
        self.assertGreater(np.abs(maps[0] - maps[1]).max(), 0)


if __name__ == "__main__":
    unittest.main()
