"""Rigid parts of planted molecules: which Gaussians move together, and where they are."""

import unittest

import numpy as np
from scipy.spatial.transform import Rotation

from gmmhet.engine.molecule.rigid_parts import rigid_parts


def blob(rng: np.random.Generator, n: int, middle: tuple[float, float, float]) -> np.ndarray:
    return rng.normal(size=(n, 3)) * 7 + middle


class TestParts(unittest.TestCase):

    def setUp(self) -> None:
        self.rng = np.random.default_rng(3)
        self.reference = np.concatenate([blob(self.rng, 30, (0, 0, 0)), blob(self.rng, 20, (40, 0, 0)),
                                         blob(self.rng, 12, (0, 45, 0))])
        self.planted = np.repeat([0, 1, 2], [30, 20, 12])

    def conformations(self, n: int, *, moving: tuple[int, ...]) -> tuple[np.ndarray, list[Rotation]]:
        """Moving parts turn by up to 60 degrees about z through the origin, each by an angle of its own."""
        out, turns = np.tile(self.reference, (n, 1, 1)), []
        for i in range(n):
            for part in moving:
                turn = Rotation.from_rotvec([0, 0, self.rng.uniform(-1, 1) * np.pi / 3])
                out[i, self.planted == part] = turn.apply(self.reference[self.planted == part])
                turns.append(turn)
        return out, turns

    def test_three_parts_are_found_where_three_were_planted(self) -> None:
        conformations, _ = self.conformations(40, moving=(1, 2))
        parts = rigid_parts(conformations, self.reference, np.ones(62), 1.5)
        self.assertEqual(len(parts), 3)
        self.assertGreater((parts.part == self.planted).mean(), 0.95)
        self.assertLess(np.median(parts.misfit(conformations)), 1e-6)

    def test_a_body_is_one_part_however_it_moves(self) -> None:
        turns = Rotation.random(20, random_state=1)
        conformations = np.stack([t.apply(self.reference) + self.rng.normal(size=3) * 9 for t in turns])
        parts = rigid_parts(conformations, self.reference, np.ones(62), 1.5)
        self.assertEqual(len(parts), 1)
        at = parts.place(conformations)
        np.testing.assert_allclose(at.turns[:, 0], turns.as_matrix(), atol=1e-9)
        np.testing.assert_allclose(np.einsum("nab,jb->nja", at.turns[:, 0], self.reference) + at.shifts[:, :1],
                                   conformations, atol=1e-8)

    def test_parts_are_placed_as_they_were_turned(self) -> None:
        conformations, turns = self.conformations(30, moving=(1,))
        parts = rigid_parts(conformations, self.reference, np.ones(62), 1.5)
        number = int(parts.part[np.flatnonzero(self.planted == 1)[10]])
        np.testing.assert_allclose(parts.place(conformations).turns[:, number],
                                   np.stack([t.as_matrix() for t in turns]), atol=0.02)

    def test_what_bends_needs_no_more_than_eight_parts(self) -> None:
        line = np.column_stack([np.linspace(0, 200, 80), *self.rng.normal(size=(2, 80)) * 3])
        bends = np.stack([line + np.outer(line[:, 0] ** 2 * b, [0, 1, 0]) for b in np.linspace(-2e-3, 2e-3, 20)])
        parts = rigid_parts(bends, line, np.ones(80), 1.0)
        self.assertTrue(3 <= len(parts) <= 8)
        self.assertLess(parts.misfit(bends).mean(), rigid_parts(bends, line, np.ones(80), 1e9).misfit(bends).mean() / 3)
        middles = [line[parts.part == p, 0].mean() for p in range(len(parts))]
        widths = [np.ptp(line[parts.part == p, 0]) for p in range(len(parts))]
        self.assertLess(max(widths), 120)  # each is a stretch of the line
        self.assertGreater(np.ptp(middles), 100)

    def test_the_heaviest_part_comes_first(self) -> None:
        conformations, _ = self.conformations(30, moving=(0,))
        weights = np.where(self.planted == 0, 0.1, 1.0)
        parts = rigid_parts(conformations, self.reference, weights, 1.5)
        mass = np.bincount(parts.part, parts.weights)
        self.assertEqual(list(mass), sorted(mass, reverse=True))
        self.assertAlmostEqual(float(mass.sum()), 1.0)


if __name__ == "__main__":
    unittest.main()
