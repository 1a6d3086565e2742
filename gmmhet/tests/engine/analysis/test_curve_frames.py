"""Curves as they are started and reported, against planted turns of a part."""

import unittest

import numpy as np
from scipy.spatial.transform import Rotation

from gmmhet.engine.analysis.curve_frames import opened, still_curves
from gmmhet.engine.analysis.curve_starts import EVERY_MODE, ONE_COORDINATE, started
from gmmhet.engine.molecule.curves import CIRCUMFERENCE, Circle, Curves, emptiest, wrapped
from gmmhet.engine.molecule.deformation import Deformation
from gmmhet.engine.subspace.half_set_agreement import circle_agreement
from gmmhet.engine.subspace.state import SubspaceModel


def _turning() -> tuple[Deformation, np.ndarray, np.ndarray]:
    """A body of 60 Gaussians and an arm of 20 that turns all the way round z, and the whole by 20 degrees at most, as
    functions of one coordinate on a circle; mean centres; which are of the body."""
    rng = np.random.default_rng(0)
    body = rng.normal(size=(60, 3)) * 12
    arm = rng.normal(size=(20, 3)) * 5 + [30, 0, 10]
    z = Circle().places(256)
    path = []
    for at in z:
        angle = at * CIRCUMFERENCE
        turned = np.concatenate([body, Rotation.from_euler("z", angle).apply(arm)])
        path.append(Rotation.from_euler("x", 20 * np.sin(angle), degrees=True).apply(turned))
    conformations = np.stack(path)
    t = np.pad(Circle().amounts(z), [(0, 0), (0, 1)], constant_values=1.0)
    found, *_ = np.linalg.lstsq(t, conformations.reshape(256, -1), rcond=None)
    fields = found.reshape(9, 80, 3)
    return Deformation(fields[:-1], np.zeros((8, 80)), Curves((True,))), fields[-1], np.arange(80) < 60


class TestStillCurves(unittest.TestCase):
    def test_the_body_stands_still_while_the_arm_turns(self) -> None:
        given, centers, body = _turning()
        shown = still_curves(given, centers, np.ones(80))
        before, after = given.sizes()[0], shown.sizes()[0]
        self.assertGreater(np.median(before[body]), 2.0)
        self.assertLess(np.median(after[body]), 0.25 * np.median(before[body]))
        self.assertGreater(after[~body].min(), 20.0)


class TestOpened(unittest.TestCase):
    def test_shapes_stay_and_the_seam_is_where_nobody_is(self) -> None:
        given, centers, _ = _turning()
        rng = np.random.default_rng(1)
        z = wrapped(rng.uniform(0.3, 2.3, (500, 1)))  # empty from 2.3 to 0.3 + the circumference
        turned, moved = opened(given, z)
        np.testing.assert_allclose(turned.centers(centers, moved), given.centers(centers, z), atol=1e-8)
        self.assertLess(np.abs(moved).max(), 1.05)
        self.assertLess(abs(wrapped(emptiest(z[:, 0]) - 2.55)), 0.2)


class TestStarts(unittest.TestCase):
    def model(self, rng: np.random.Generator) -> SubspaceModel:
        return SubspaceModel(np.zeros((3, 3)), np.ones(3), np.ones(3), rng.normal(size=(2, 7)), np.ones((1, 5)), 1.0,
                             0.1)

    def test_a_ring_of_coordinates_gives_a_circle_through_it(self) -> None:
        rng = np.random.default_rng(2)
        angle = rng.uniform(0, 2 * np.pi, 400)
        z = np.sqrt(2) * np.column_stack([np.cos(angle), np.sin(angle)]) + [0.2, -0.1]
        z += 0.05 * rng.normal(size=z.shape)
        model = self.model(rng)
        found = started(ONE_COORDINATE[0], model, z)
        self.assertEqual(found.periodic, (True,))
        places = Circle().places(400)
        reached = Circle().amounts(places) @ found.coefficients
        truth = np.sqrt(2) * np.column_stack([np.cos(places * CIRCUMFERENCE), np.sin(places * CIRCUMFERENCE)])
        np.testing.assert_allclose(reached, truth @ model.coefficients, atol=0.05)
        self.assertTrue(ONE_COORDINATE[0].applies(2))
        self.assertFalse(ONE_COORDINATE[0].applies(1))

    def test_a_bent_line_gives_a_line_through_it(self) -> None:
        rng = np.random.default_rng(3)
        u = rng.normal(size=400)
        z = np.column_stack([u, (u**2 - 1) / np.sqrt(2)])
        model = self.model(rng)
        found = started(ONE_COORDINATE[1], model, z)
        curve = Curves((False,))
        reached = curve.amounts(u[:, None]) @ found.coefficients
        left = reached - z @ model.coefficients
        self.assertLess(np.sqrt((left**2).mean()), 0.1 * np.sqrt(((z @ model.coefficients) ** 2).mean()))

    def test_every_mode_begins_as_it_is(self) -> None:
        rng = np.random.default_rng(4)
        model, z = self.model(rng), rng.normal(size=(50, 2))
        found = started(EVERY_MODE, model, z)
        self.assertEqual(found.periodic, (False, False))
        np.testing.assert_allclose(found.curves.amounts(z) @ found.coefficients, z @ model.coefficients, atol=1e-6)


class TestAgreement(unittest.TestCase):
    def test_neither_origin_nor_sense_of_a_circle_counts(self) -> None:
        z = np.random.default_rng(5).uniform(-1, 1, 300)
        self.assertAlmostEqual(circle_agreement(z, wrapped(0.7 - z), CIRCUMFERENCE), 1.0, places=9)
        other = np.random.default_rng(6).uniform(-1.25, 1.25, 300)
        self.assertLess(circle_agreement(z, other, CIRCUMFERENCE), 0.2)


if __name__ == "__main__":
    unittest.main()
