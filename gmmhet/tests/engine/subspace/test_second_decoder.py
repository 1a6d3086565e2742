"""Another decoder than linear modes through the whole fit: particles that move along a planted parabola."""

import unittest
from typing import ClassVar

import numpy as np

from gmmhet.engine.subspace.decoder import View
from gmmhet.engine.subspace.em import Fit, FitOptions, fit_subspace, infer
from gmmhet.engine.subspace.estimator_spec import EstimatorSpec
from gmmhet.engine.subspace.likelihoods import log_likelihood_total
from gmmhet.engine.subspace.passes import SubspaceEstimator
from gmmhet.engine.subspace.smooth_fields import FieldBasis, smooth_basis
from gmmhet.engine.subspace.state import SubspaceModel
from gmmhet.tests.support.bent_modes import BentModel, BentModes, amounts
from gmmhet.tests.support.scene import Scene, float32

_PARTICLES = 240


class TestBentModes(unittest.TestCase):
    """The toy itself, with two coordinates: four fields."""

    def setUp(self) -> None:
        rng = np.random.default_rng(2)
        self.scene = Scene(n=3, gaussians=5, modes=4)
        self.z = rng.normal(size=(3, 2))
        self.decoder = BentModes(self.scene.linear_modes)
        self.view = View.of(self.decoder, self.scene.observer, self.scene.batch, float32(self.z))
        size = self.scene.grid.size
        self.cotangents = rng.normal(size=(3, 2, 2, 2, size, size))

    def image(self, i: int, z: np.ndarray) -> np.ndarray:
        value = self.scene.project(i, *self.scene.conformation(amounts(z[None])[0]))
        return np.stack([value.real, value.imag])

    def test_jacobian_matches_finite_differences(self) -> None:
        got = self.decoder.jacobian(self.view)
        for i in range(3):
            for k, unit in enumerate(np.eye(2)):
                slope = (self.image(i, self.z[i] + 1e-4 * unit) - self.image(i, self.z[i] - 1e-4 * unit)) / 2e-4
                np.testing.assert_allclose(got[i, k], slope, atol=1e-4 * np.abs(slope).max())

    def test_mode_gradient_has_a_row_a_field(self) -> None:
        """The cotangents' part against the Jacobian: sum c_k . dJ_k for a change of the fields, J_k being linear in
        them."""
        nothing = float32(np.zeros((3, 5, 6)))
        got = self.decoder.mode_gradient(self.view, float32(self.cotangents), float32(self.z), nothing).numpy()
        self.assertEqual(got.shape, (4, 5, 5))
        change = np.random.default_rng(3).normal(size=(4, 5, 3))
        moved = self.scene.linear_modes._replace(position=float32(change), amplitude=float32(np.zeros((4, 5))))
        along = np.sum(BentModes(moved).jacobian(self.view).numpy() * self.cotangents)
        self.assertAlmostEqual(np.sum(got[..., :3] * change) / along, 1.0, places=4)


class TestWholeFit(unittest.TestCase):
    """Gaussians move by about 1.5 A along V and 1 A along W; z ~ N(0, 1)."""

    scene: ClassVar[Scene]
    z: ClassVar[np.ndarray]
    model: ClassVar[SubspaceModel]
    bent: ClassVar[Fit]
    straight: ClassVar[Fit]
    estimator: ClassVar[SubspaceEstimator]
    reference: ClassVar[float]

    @classmethod
    def setUpClass(cls) -> None:
        cls.scene = scene = Scene(n=_PARTICLES, gaussians=16, modes=2, groups=2, seed=8)
        rng = np.random.default_rng(4)  # of 1 to 6, two end in lower maxima (0.94, 0.97)
        scalar = smooth_basis(scene.centers, 14.0)
        largest = scalar[np.abs(scalar).argmax(0), np.arange(scalar.shape[1])]
        basis = FieldBasis.of(scalar * np.sign(largest), position=4.0, amplitude=0.3)  # the same on every processor
        planted = rng.normal(size=(2, basis.size))
        size = np.sqrt((basis.fields(planted)[..., :3] ** 2).sum(2).mean(1))
        planted *= (np.array([1.5, 1.0]) / size)[:, None]
        fields = basis.fields(planted)
        scene.position, scene.amplitude = fields[..., :3], np.zeros((2, 16))
        cls.z = rng.normal(size=(_PARTICLES, 1))
        noise = np.array([[60.0], [90.0]]) * np.ones(scene.grid.n_shells)
        for i, t in enumerate(amounts(cls.z)):
            deviation = np.sqrt(noise[scene.group[i]][scene.grid.clipped_shell])
            scene.planes[i] = scene.image(i, t) + rng.normal(size=scene.planes[i].shape) * deviation
        cls.estimator = SubspaceEstimator(EstimatorSpec(scene.cache, scene.observer, basis, basis, batch_size=48))
        given = (scene.centers, scene.weights, scene.sigmas**2)
        cls.straight, _ = cls.fitted(SubspaceModel(*given, np.zeros((1, basis.size)), noise, 1.0, 0.1))
        cls.bent, cls.reference = cls.fitted(BentModel(*given, np.zeros((2, basis.size)), noise, 1.0, 0.1))

    @classmethod
    def fitted(cls, model: SubspaceModel) -> tuple[Fit, float]:
        rows = np.arange(_PARTICLES)
        still = infer(cls.estimator, model, rows, steps=2)
        reference = log_likelihood_total(cls.estimator, model, still)
        return fit_subspace(cls.estimator, model, still, 1, FitOptions(reference, passes=14)), reference

    def error(self, fit: Fit) -> float:
        """Root mean square distance of the Gaussians of all particles from where they are, Angstrom."""
        decoder = fit.model.decoder(self.estimator.spec.basis)
        found = decoder.gaussians(float32(fit.posteriors.z))[0].numpy()
        true = np.stack([self.scene.conformation(t)[0] for t in amounts(self.z)])
        return float(np.sqrt(((found - true) ** 2).sum(-1).mean()))

    def test_the_fit_climbs(self) -> None:
        totals = [h["log_likelihood"] for h in self.bent.history]
        self.assertGreater(totals[0], self.reference + 1.0)
        self.assertTrue(np.all(np.diff(totals) > -0.02), totals)

    def test_it_finds_coordinates_and_conformations(self) -> None:
        self.assertEqual(self.bent.model.coefficients.shape[0], 2)
        correlation = abs(np.corrcoef(self.bent.posteriors.z[:, 0], self.z[:, 0])[0, 1])
        self.assertGreater(correlation, 0.97)
        self.assertLess(self.error(self.bent), 0.5)

    def test_it_explains_more_than_straight_modes(self) -> None:
        self.assertGreater(self.bent.history[-1]["log_likelihood"], self.straight.history[-1]["log_likelihood"] + 1.0)
        self.assertLess(self.error(self.bent), 0.7 * self.error(self.straight))


if __name__ == "__main__":
    unittest.main()
